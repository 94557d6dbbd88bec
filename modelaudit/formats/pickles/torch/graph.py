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
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct, field

from modelaudit.model.artifact import TORCH_EXPORT, Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.torch import NameUse, TorchMention, TorchProgram
from modelaudit.wire.base import Head, LimitReachedError, Reading
from modelaudit.wire.documents import check_text
from modelaudit.wire.json_stream import JsonStream
from modelaudit.wire.json_text import catch_parse_failure, convert_recursion_error

_MOST_NAMES: Final = 50_000
_LONGEST_NAME: Final = 200  # characters of a mention
# Keys whose texts torch resolves as operators, evaluates as expressions, or writes into Python source as names.
_TARGET_KEYS: Final = frozenset({"target", "as_operator"})
_EXPRESSION_KEYS: Final = frozenset({"expr_str", "guards_code"})
_NAME_KEYS: Final = frozenset({"name", "forward_arg_names"})
# A tree of inputs (a "pytree") describes how the arguments of the program nest. torch stores it as JSON in a string,
# and so the context of each of its nodes.
_NESTED_KEYS: Final = frozenset({"in_spec", "out_spec", "context"})
# Keys of the objects that make torch import a class: a factory, an enumeration or a type.
_FACTORY_KEYS: Final = frozenset({"default_factory_module", "default_factory_name"})
_ENUMERATION_KEYS: Final = frozenset({"__enum__", "fqn"})
_TYPE_KEYS: Final = frozenset({"class_fqn"})
_IMPORT_KEYS: Final = _FACTORY_KEYS | _ENUMERATION_KEYS | _TYPE_KEYS
# torch.ops.aten.add.Tensor: namespace, operator and overload.
_OPERATOR: Final = defer_pattern(r"torch\.ops\.(\w+)\.(\w+)(?:\.(\w+))?")
_IDENTIFIER: Final = defer_pattern(r"[^\W\d][\w.]*", re.ASCII)
# A string in quotes without escapes.
_TEXT_IN_EXPRESSION: Final = defer_pattern(r"""'[^'\\]*'|"[^"\\]*\"""")
# An identifier, or a character that arithmetic and comparisons do not use.
_WORD: Final = defer_pattern(r"[^\W\d]\w*|[^\w\s()\[\],+\-*/%<>=!&|~.:]")
# The symbol of a size, such as s0 or u12.
_SYMBOL: Final = defer_pattern(r"[a-z]{1,6}\d+", re.ASCII)
_MOST_LAYERS: Final = 4


def recognises(head: Head) -> bool:
    """Whether the archive's layout makes this member an exported program."""
    return head.content == TORCH_EXPORT


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the names that the graph makes torch call, import or evaluate.

    Raises:
        DamagedError: it is not text.
        LimitReachedError: it nests too deep, or holds too many values.
        WindowError: it is larger than ``document_bytes``, or the window could not return the requested bytes.
    """
    pieces = check_text(window, limits)
    mentions: dict[TorchMention, None] = {}
    unread = catch_parse_failure(lambda: _GraphSearch(limits, mentions).search_text(pieces))
    yield TorchProgram("torch-export", tuple(mentions))
    if unread is not None:
        yield unread


class _OpenContainer(Struct):
    """An array or object that has not ended.

    Attributes:
        is_object: an object, not an array.
        key: of an object, that of the value that comes next; of an array, that under which it is in an object.
        imports: the values of an object with one of ``_IMPORT_KEYS``.
    """

    is_object: bool
    key: str = ""
    imports: dict[str, object] = field(default_factory=dict)


class _GraphSearch:
    """Receives the values of one graph, and gathers the names in it and in the JSON in its strings.

    Attributes:
        decoder: keeps no object, so that a large graph takes no more memory than a piece of it.
    """

    def __init__(self, limits: Limits, mentions: dict[TorchMention, None], depth: int = 0) -> None:
        """Begin a search.

        Args:
            limits: the bounds of the scan.
            mentions: gets the names, in the order of their first occurrence.
            depth: the number of strings around the text.
        """
        self._limits = limits
        self._mentions = mentions
        self._depth = depth
        self._open: list[_OpenContainer] = []
        # Of the object that ended last: its values with one of ``_IMPORT_KEYS``. It may be a batch of pairs of the open
        # object: that is known when the parser returns.
        self._ended_imports: dict[str, object] = {}
        self.decoder = json.JSONDecoder(
            object_pairs_hook=self._finish_object, parse_int=_discard_number, parse_float=_discard_number
        )

    def search_text(self, pieces: Iterable[str]) -> None:
        """Gather the names in a JSON text that arrives in pieces.

        Raises:
            ValueError: it is not JSON.
            LimitReachedError: it is larger or deeper, or holds more names, than is read.
        """
        with convert_recursion_error():
            JsonStream(pieces, self, self._limits).parse_document()

    def begin_row(self, number: int) -> None:
        """Do nothing: a graph is one value."""

    def begin_container(self, is_object: bool) -> None:
        """Open an array or object."""
        around = self._open[-1] if self._open else _OpenContainer(False)
        if around.is_object and around.key in _IMPORT_KEYS:
            around.imports[around.key] = None
        self._open.append(_OpenContainer(is_object, around.key if around.is_object and not is_object else ""))

    def end_container(self) -> None:
        """Close the innermost array or object."""
        self._add_imports(self._open.pop().imports)

    def add_key(self, key: str) -> None:
        """Keep a key for the value behind it."""
        self._open[-1].key = key

    def discard_ended_object(self) -> None:
        """Forget the object that ended last, unless it is complete even as a part of an object."""
        ended, self._ended_imports = self._ended_imports, {}
        if any(ended.keys() >= keys for keys in (_FACTORY_KEYS, _ENUMERATION_KEYS, _TYPE_KEYS)):
            self._add_imports(ended)

    def add_value(self, value: object) -> None:
        """Add the names in a value of the innermost array or object."""
        self._add_ended_imports()
        if self._open:
            innermost = self._open[-1]
            if innermost.is_object:
                self._add_pair(innermost.key, value, innermost.imports)
            elif isinstance(value, str):
                self._add_mentions_in_text(innermost.key, value)

    def add_batch(self, value: object) -> None:
        """Add the names in several items or pairs. Those in pairs were added when the decoder returned them."""
        innermost = self._open[-1]
        if innermost.is_object:
            innermost.imports |= self._ended_imports
            self._ended_imports = {}
            return
        self._add_ended_imports()
        for item in value if isinstance(value, list) else ():
            if isinstance(item, str):
                self._add_mentions_in_text(innermost.key, item)

    def _finish_object(self, pairs: list[tuple[str, object]]) -> None:
        """Add the names in a finished object, or in a batch of pairs; the decoder puts ``None`` in its place."""
        self._add_ended_imports()
        imports: dict[str, object] = {}
        for key, value in pairs:
            self._add_pair(key, value, imports)
        self._ended_imports = imports

    def _add_pair(self, key: str, value: object, imports: dict[str, object]) -> None:
        """Add the names in the value of a key, and keep the value in ``imports`` if its object may import a class."""
        if key in _IMPORT_KEYS:
            imports[key] = value
        for item in value if isinstance(value, list) else (value,):
            if isinstance(item, str):
                self._add_mentions_in_text(key, item)

    def _add_ended_imports(self) -> None:
        """Add the classes that torch imports for the object that ended last."""
        self._add_imports(self._ended_imports)
        self._ended_imports = {}

    def _add_mentions_in_text(self, key: str, text: str) -> None:
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
            self._search_nested(text)

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

    def _search_nested(self, text: str) -> None:
        """Gather the names in a tree of inputs or a context.

        A text that looks like JSON and cannot be parsed is recorded as unresolved. Other texts hold no names.
        """
        if text.lstrip()[:1] not in ("{", "["):
            return
        if self._depth >= _MOST_LAYERS:
            raise LimitReachedError(f"JSON is nested in more than {_MOST_LAYERS} layers of strings")
        try:
            _GraphSearch(self._limits, self._mentions, self._depth + 1).search_text((text,))
        except ValueError:
            self._add_mention(NameUse.UNRESOLVED, "a tree of inputs that is not JSON")

    def _add_words(self, text: str) -> None:
        """Add the identifiers and the unusual characters of an expression, without its strings and symbols."""
        for word in _WORD.findall(_TEXT_IN_EXPRESSION.sub("", text)):
            if not _SYMBOL.fullmatch(word):
                self._add_mention(NameUse.EXPRESSION, word)

    def _add_mention(self, use: NameUse, name: str) -> None:
        """Add a mention, or raise ``LimitReachedError``."""
        if len(self._mentions) >= _MOST_NAMES:
            raise LimitReachedError(f"only the first {_MOST_NAMES} different names of one graph were read")
        self._mentions[TorchMention(use, name[:_LONGEST_NAME], called=True)] = None


def _discard_number(_: str) -> None:
    """Return ``None`` in place of a number, so that the parser converts no digits."""
    return
