"""Read exported programs: ``models/*.json`` in a ``.pt2`` file, ``serialized_exported_program.json`` in older ones.

Loading walks from module to module along every ``target``, imports the classes that a tree of inputs refers to,
evaluates sizes as expressions and writes names into Python source. Sources: ``torch/_export/serde/serialize.py``
(``deserialize_operator``, ``_parse_sym_expr``), ``torch/utils/_pytree.py`` (``_defaultdict_deserialize``,
``enum_object_hook``), ``torch/export/_unlift.py`` (``_convert_guards_code_to_fn``), ``torch/fx/graph.py`` (code of
placeholders).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import TORCH_EXPORT, Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.torch import NameUse, TorchMention, TorchProgram
from modelaudit.wire.base import Head, LimitReachedError, Reading
from modelaudit.wire.documents import read_whole_text
from modelaudit.wire.json_text import catch_parse_failure, check_bounds, convert_recursion_error

_MOST_NAMES: Final = 50_000
_LONGEST_NAME: Final = 200  # characters of a mention
# Keys whose texts torch resolves as operators, evaluates as expressions, or writes into Python source as names.
_TARGET_KEYS: Final = frozenset({"target", "as_operator"})
_EXPRESSION_KEYS: Final = frozenset({"expr_str", "guards_code"})
_NAME_KEYS: Final = frozenset({"name", "forward_arg_names"})
# A tree of inputs (a "pytree") describes how the arguments of the program nest. torch stores it as JSON in a string,
# and so the context of each of its nodes.
_NESTED_KEYS: Final = frozenset({"in_spec", "out_spec", "context"})
# torch.ops.aten.add.Tensor: namespace, operator and overload.
_OPERATOR: Final = re.compile(r"torch\.ops\.(\w+)\.(\w+)(?:\.(\w+))?")
_IDENTIFIER: Final = re.compile(r"[^\W\d][\w.]*", re.ASCII)
# A string in quotes without escapes.
_TEXT_IN_EXPRESSION: Final = re.compile(r"""'[^'\\]*'|"[^"\\]*\"""")
# An identifier, or a character that arithmetic and comparisons do not use.
_WORD: Final = re.compile(r"[^\W\d]\w*|[^\w\s()\[\],+\-*/%<>=!&|~.:]")
# The symbol of a size, such as s0 or u12.
_SYMBOL: Final = re.compile(r"[a-z]{1,6}\d+", re.ASCII)
_MOST_LAYERS: Final = 4


def recognises(head: Head) -> bool:
    """Whether the archive's layout makes this member an exported program."""
    return head.content == TORCH_EXPORT


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the names that the graph makes torch call, import or evaluate.

    Raises:
        DamagedError: it is not text.
        LimitReachedError: it nests too deep, or holds too many values.
        WindowError: it is larger than is read at once, or the window could not return the requested bytes.
    """
    text, _, _ = read_whole_text(window, limits)
    graph = _GraphSearch(limits)
    unread = catch_parse_failure(lambda: graph.search_text(text))
    yield TorchProgram("torch-export", tuple(graph.mentions))
    if unread is not None:
        yield unread


class _GraphSearch:
    """Gathers the names in one graph and in the JSON in its strings.

    Attributes:
        mentions: the names in the order of their first occurrence.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.mentions: dict[TorchMention, None] = {}

    def search_text(self, text: str, depth: int = 0) -> None:
        """Gather the names in a JSON text, which is inside of ``depth`` strings.

        Raises:
            ValueError: it is not JSON.
            LimitReachedError: it is larger or deeper, or holds more names, than is read.
        """
        check_bounds(text, self._limits)

        def finish_object(pairs: list[tuple[str, object]]) -> None:
            self._add_imports(dict(pairs))
            for key, value in pairs:
                for item in value if isinstance(value, list) else (value,):
                    if isinstance(item, str):
                        self._add_mentions_in_text(key, item, depth)

        # The hook returns nothing, so no object is kept, and a large graph takes no more memory than its strings.
        decoder = json.JSONDecoder(
            object_pairs_hook=finish_object, parse_int=_discard_number, parse_float=_discard_number
        )
        with convert_recursion_error():
            decoder.decode(text)

    def _add_mentions_in_text(self, key: str, text: str, depth: int) -> None:
        """Add the mentions in the text under ``key``, according to the use that torch makes of it."""
        if key in _TARGET_KEYS:
            operator = _OPERATOR.fullmatch(text)
            name = f"{operator[1]}::{operator[2]}" if operator else text
            self._add_mention(NameUse.OPERATOR, name)
        elif key in _EXPRESSION_KEYS:
            self._add_words(text)
        elif key in _NAME_KEYS and text and not _IDENTIFIER.fullmatch(text):
            self._add_mention(NameUse.IDENTIFIER, text)
        elif key in _NESTED_KEYS:
            self._search_nested(text, depth)

    def _add_imports(self, value: dict[str, object]) -> None:
        """Add the classes that torch imports for an object of a tree of inputs: factories, enumerations and types."""
        module, name = value.get("default_factory_module"), value.get("default_factory_name")
        if module is not None or name is not None:
            self._add_mention(NameUse.IMPORT, f"{module}.{name}")
        if "__enum__" in value:
            # The class is given as ``module:name``.
            self._add_mention(NameUse.IMPORT, str(value.get("fqn")).replace(":", ".", 1))
        class_name = value.get("class_fqn")
        if isinstance(class_name, str) and class_name:
            self._add_mention(NameUse.TYPE, class_name)

    def _search_nested(self, text: str, depth: int) -> None:
        """Gather the names in a tree of inputs or a context, which is inside of ``depth`` other strings.

        A text that looks like JSON and cannot be parsed is recorded as unresolved. Other texts hold no names.
        """
        if text.lstrip()[:1] not in ("{", "["):
            return
        if depth >= _MOST_LAYERS:
            raise LimitReachedError(f"JSON is nested in more than {_MOST_LAYERS} layers of strings")
        try:
            self.search_text(text, depth + 1)
        except ValueError:
            self._add_mention(NameUse.UNRESOLVED, "a tree of inputs that is not JSON")

    def _add_words(self, text: str) -> None:
        """Add the identifiers and the unusual characters of an expression, without its strings and symbols."""
        for word in _WORD.findall(_TEXT_IN_EXPRESSION.sub("", text)):
            if not _SYMBOL.fullmatch(word):
                self._add_mention(NameUse.EXPRESSION, word)

    def _add_mention(self, use: NameUse, name: str) -> None:
        """Add a mention, or raise ``LimitReachedError``."""
        if len(self.mentions) >= _MOST_NAMES:
            raise LimitReachedError(f"only the first {_MOST_NAMES} different names of one graph were read")
        self.mentions[TorchMention(use, name[:_LONGEST_NAME], called=True)] = None


def _discard_number(_: str) -> None:
    """Return ``None`` in place of a number, so that the parser converts no digits."""
    return
