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
_TARGETS: Final = frozenset({"target", "as_operator"})
_EXPRESSIONS: Final = frozenset({"expr_str", "guards_code"})
_NAMES: Final = frozenset({"name", "forward_arg_names"})
# Trees of inputs are JSON in a string, and so are the contexts in them.
_NESTED: Final = frozenset({"in_spec", "out_spec", "context"})
_OPERATOR: Final = re.compile(r"torch\.ops\.(\w+)\.(\w+)(?:\.(\w+))?")
_IDENTIFIER: Final = re.compile(r"[^\W\d][\w.]*", re.ASCII)
_TEXT_IN_EXPRESSION: Final = re.compile(r"""'[^'\\]*'|"[^"\\]*\"""")
_WORD: Final = re.compile(r"[^\W\d]\w*|[^\w\s()\[\],+\-*/%<>=!&|~.:]")
_SYMBOL: Final = re.compile(r"[a-z]{1,6}\d+", re.ASCII)
_NESTING: Final = 4


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
    """Gathers the names in one graph and in the JSON in its strings."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.mentions: dict[TorchMention, None] = {}

    def search_text(self, text: str, depth: int = 0) -> None:
        """Gather the names in a JSON text.

        Raises:
            ValueError: it is not JSON.
            LimitReachedError: it is larger or deeper, or holds more names, than is read.
        """
        check_bounds(text, self._limits)

        def finish_object(pairs: list[tuple[str, object]]) -> None:
            self._find_imports(dict(pairs))
            for key, inner in pairs:
                for string in inner if isinstance(inner, list) else (inner,):
                    if isinstance(string, str):
                        self._handle_string(key, string, depth)

        # The hook returns nothing, so no object is kept, and a large graph takes no more memory than its strings.
        decoder = json.JSONDecoder(
            object_pairs_hook=finish_object, parse_int=_discard_number, parse_float=_discard_number
        )
        with convert_recursion_error():
            decoder.decode(text)

    def _handle_string(self, key: str, text: str, depth: int) -> None:
        if key in _TARGETS:
            found = _OPERATOR.fullmatch(text)
            name = f"{found[1]}::{found[2]}" if found else text
            self._add_mention(NameUse.OPERATOR, name)
        elif key in _EXPRESSIONS:
            self._find_words(text)
        elif key in _NAMES and text and not _IDENTIFIER.fullmatch(text):
            self._add_mention(NameUse.IDENTIFIER, text)
        elif key in _NESTED:
            self._search_nested(text, depth)

    def _find_imports(self, value: dict[str, object]) -> None:
        module, name = value.get("default_factory_module"), value.get("default_factory_name")
        if module is not None or name is not None:
            self._add_mention(NameUse.IMPORT, f"{module}.{name}")
        if "__enum__" in value:
            self._add_mention(NameUse.IMPORT, str(value.get("fqn")).replace(":", ".", 1))
        class_name = value.get("class_fqn")
        if isinstance(class_name, str) and class_name:
            self._add_mention(NameUse.TYPE, class_name)

    def _search_nested(self, text: str, depth: int) -> None:
        if text.lstrip()[:1] not in ("{", "["):
            return
        if depth >= _NESTING:
            raise LimitReachedError(f"JSON is nested in more than {_NESTING} layers of strings")
        try:
            self.search_text(text, depth + 1)
        except ValueError:
            self._add_mention(NameUse.UNRESOLVED, "a tree of inputs that is not JSON")

    def _find_words(self, text: str) -> None:
        for word in _WORD.findall(_TEXT_IN_EXPRESSION.sub("", text)):
            if not _SYMBOL.fullmatch(word):
                self._add_mention(NameUse.EXPRESSION, word)

    def _add_mention(self, mention: NameUse, name: str) -> None:
        if len(self.mentions) >= _MOST_NAMES:
            raise LimitReachedError(f"more than {_MOST_NAMES} different names in one graph")
        self.mentions[TorchMention(mention, name[:200], called=True)] = None


def _discard_number(_: str) -> None:
    return None
