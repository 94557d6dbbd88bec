"""Traverse the items of serialised R objects and record the names that their code calls.

R evaluates a promise when a program first uses its value (CVE-2024-27322). Functions and their bytecode run when the
model is used. Formulas are unevaluated language as well, so language as such proves nothing, and the names that it
calls decide. Source: ``src/main/serialize.c`` (``ReadItem_Recursive``, ``ReadBC``), R 4.5.

Items nest, and nothing states the length of an item. The walker therefore keeps a stack of read tasks instead of
recursing: a task reads one item and pushes the tasks for its parts. ``_ItemContext`` carries down the facts about the
enclosing code that decide how a name counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from modelaudit.formats.weights.r_data.source import COMPLEX, INTEGER, RAW, REAL, ItemSource, ReferenceTable
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.deadline import check_deadline

FUNCTION_VOCABULARY: Final = "r-functions"
OBJECT_VOCABULARY: Final = "r-objects"
_MAX_OPEN_ITEMS: Final = 200_000
_MAX_MENTIONS: Final = 5_000
_MAX_NAME_LENGTH: Final = 200

# Types of items, in the low byte of the flags that begin each item (``SEXPTYPE``, and the codes of ``serialize.c``).
_SYMBOL, _PAIRLIST, _CLOSURE, _ENVIRONMENT, _PROMISE, _CALL, _DOTS = 1, 2, 3, 4, 5, 6, 17
_CHARACTERS, _STRINGS, _LIST, _EXPRESSIONS, _BYTECODE, _POINTER, _WEAK_REFERENCE, _S4 = 9, 16, 19, 20, 21, 22, 23, 25
_ALTREP, _ATTRIBUTED_PAIRS, _ATTRIBUTED_CALL, _REFERENCE = 238, 239, 240, 255
_BACK_REFERENCE, _BACK_REFERENCE_TARGET = 243, 244
_NAMED_ENVIRONMENTS: Final = frozenset({247, 248, 249})  # persistent objects, packages and namespaces, saved by name
# ``NULL``, the base environments and other constants: nothing follows their flags.
_WITHOUT_CONTENT: Final = frozenset({0, 241, 242, 250, 251, 252, 253, 254})

_NUMBER_KINDS: Final = {10: INTEGER, 13: INTEGER, 14: REAL, 15: COMPLEX, 24: RAW}
_BUILT_IN: Final = frozenset({7, 8})
_PAIR_LIKE: Final = frozenset({_PAIRLIST, _CALL, _CLOSURE, _PROMISE, _DOTS})
_HAS_ATTRIBUTES, _HAS_TAG, _ACTIVE_BINDING = 1 << 9, 1 << 10, 1 << 27

# When the code around an item runs: never, if a program evaluates it, if the function is called, or on first use.
DATA: Final = ""
LANGUAGE: Final = "language"
FUNCTION: Final = "function"
PROMISE: Final = "promise"

_NAMESPACE_OPERATORS: Final = frozenset({"::", ":::"})
_FUNCTIONS_THAT_CALL: Final = frozenset({
    "do.call", "match.fun", "get", "get0", "mget", "getExportedValue", "getFromNamespace", "getAnywhere", "eval",
    "evalq", "lapply", "sapply", "vapply", "mapply", "tapply", "apply", "rapply", "Map", "Reduce", "Filter", "Find",
    "Position", "Recall", "outer", "Vectorize", "as.name", "as.symbol", "call", "as.call", "tryCatch",
})  # fmt: skip


class _Call(Struct):
    """One call while its parts are read.

    Attributes:
        name: of the called function, once it was read.
        outer_call: the call whose function this call computes, as ``base::system`` does in ``base::system("ls")``.
        package: the first operand of ``::``.
    """

    name: str = ""
    outer_call: _Call | None = None
    package: str = ""


class _ItemContext(Struct, frozen=True):
    """The position of an item.

    Attributes:
        code: when the code around the item runs: ``DATA``, ``LANGUAGE``, ``FUNCTION`` or ``PROMISE``.
        part: the role of the item in the enclosing item: ``callee``, ``arguments`` (the list of them) or ``argument``
            of a call; ``table``, ``frame`` (the bindings) or ``variable`` of an environment; ``value`` or
            ``expression`` of a promise; ``representation`` of a compact vector; empty for any other role.
        call: the enclosing call.
    """

    code: str = DATA
    part: str = ""
    call: _Call | None = None


_ReadTask = Callable[[], None]
_DATA_CONTEXT: Final = _ItemContext()


class ItemWalker:
    """A traversal of one object and all its parts.

    Attributes:
        mentions: the names that code in the object calls, without repetition, in file order.
    """

    def __init__(self, source: ItemSource) -> None:
        self.mentions: list[Mention] = []
        self._source = source
        self._references = ReferenceTable(source)
        self._waiting: list[_ReadTask] = []
        self._seen: set[tuple[str, str, str]] = set()

    def run(self) -> None:
        """Read to the end of the object.

        Raises:
            DamagedError: an item is truncated or invalid.
            LimitReachedError: items nest too deep, or code calls too many names.
            WindowError: the window could not return the requested bytes.
        """
        self._queue_tasks(lambda: self._read_item(_DATA_CONTEXT))
        while self._waiting:
            check_deadline()
            if len(self._waiting) > _MAX_OPEN_ITEMS:
                raise LimitReachedError(f"more than {_MAX_OPEN_ITEMS} items are open at once", self._source.offset)
            self._waiting.pop()()

    def _queue_tasks(self, *tasks: _ReadTask) -> None:
        """Push tasks on the stack so that they run next, in the given order."""
        self._waiting.extend(reversed(tasks))

    def _queue_items(self, *contexts: _ItemContext) -> None:
        """Push a task for each item that follows, so that they are read next, in the given order."""
        for context in reversed(contexts):
            self._waiting.append(lambda context=context: self._read_item(context))  # type: ignore[misc]

    def _record_mention(self, vocabulary: str, use: str, name: str, detail: str = "") -> None:
        """Record a mention at the current offset once; raise ``LimitReachedError`` if there are too many."""
        key = (vocabulary, use, name)
        if key in self._seen:
            return
        if len(self.mentions) >= _MAX_MENTIONS:
            raise LimitReachedError(f"it names more than {_MAX_MENTIONS} functions and classes", self._source.offset)
        self._seen.add(key)
        where = Location(offset=self._source.offset)
        self.mentions.append(Mention(vocabulary, use, name[:_MAX_NAME_LENGTH], where, detail))

    def _read_length(self) -> int:
        """Read the length of a vector. Raises ``DamagedError`` if it is negative."""
        length = self._source.read_integer()
        if length == -1:  # a long vector, whose length follows in two halves
            upper, lower = self._source.read_integer(), self._source.read_integer() & 0xFFFF_FFFF
            length = (upper << 32) + lower
        if length < 0:
            raise DamagedError(f"a vector states the negative length {length}", self._source.offset)
        return length

    def _read_item(self, context: _ItemContext) -> None:
        """Read the flags of the next item and its content, and queue its parts.

        Raises:
            DamagedError: the item is truncated, invalid or of an unknown type.
        """
        flags = self._source.read_integer() & 0xFFFF_FFFF
        kind = flags & 0xFF
        attributes = (_DATA_CONTEXT,) if flags & _HAS_ATTRIBUTES else ()

        if kind in _PAIR_LIKE:
            self._read_pair(kind, flags, context, attributes)
        elif kind in (_SYMBOL, _REFERENCE):
            self._read_symbol(kind, flags, context)
        elif kind in _NUMBER_KINDS:
            self._source.skip_numbers(_NUMBER_KINDS[kind], self._read_length())
            self._queue_items(*attributes)
        elif kind in (_STRINGS, _LIST, _EXPRESSIONS, _CHARACTERS):
            self._queue_items(*attributes)
            self._read_vector(kind, context)
        elif kind not in _WITHOUT_CONTENT:
            self._read_rare_item(kind, context, attributes)

    def _read_symbol(self, kind: int, flags: int, context: _ItemContext) -> None:
        """Read a symbol, or a reference to an earlier object, which may be a symbol."""
        if kind == _SYMBOL:
            name = self._read_character_item()
            self._references.add(name)
        else:
            index = flags >> 8 or self._source.read_integer()  # a small index is in the upper bits of the flags
            name = self._references.find(index)
        self._record_name(name, context)

    def _read_vector(self, kind: int, context: _ItemContext) -> None:
        """Read strings or one text, or queue the elements of a list or of an expression vector."""
        if kind == _STRINGS:
            self._read_strings(context)
        elif kind == _CHARACTERS:
            self._read_characters()
        else:
            part = "frame" if context.part == "table" else ""
            code = context.code or (LANGUAGE if kind == _EXPRESSIONS else DATA)
            self._read_elements(self._read_length(), _ItemContext(code, part))

    def _read_rare_item(self, kind: int, context: _ItemContext, attributes: tuple[_ItemContext, ...]) -> None:
        """Read an environment, bytecode, a built-in function, a compact vector, a pointer or an S4 object.

        Args:
            kind: the type of the item.
            context: its position.
            attributes: the context of its attributes, if it has any.

        Raises:
            DamagedError: the type is unknown, or the item is truncated.
        """
        if kind == _ENVIRONMENT:
            self._source.read_integer()  # whether the environment is locked
            self._references.add("")  # a later item may refer to it
            # Enclosing environment, bindings as a pairlist, bindings as a hash table of pairlists, attributes.
            self._queue_items(_DATA_CONTEXT, _ItemContext(part="frame"), _ItemContext(part="table"), _DATA_CONTEXT)
        elif kind in _NAMED_ENVIRONMENTS:
            self._source.read_integer()  # a reserved number
            for _ in range(self._read_length()):
                self._read_character_item()
            self._references.add("")
        elif kind == _BYTECODE:
            self._source.read_integer()  # the number of cells that are referred to
            # Bytecode is the body of a function, also outside one.
            code = context.code if context.code in (FUNCTION, PROMISE) else FUNCTION
            self._queue_items(*attributes)
            self._queue_tasks(lambda: self._read_bytecode(code))
        elif kind in _BUILT_IN:
            self._record_name(self._source.read_text(max(0, self._source.read_integer())), context)
            self._queue_items(*attributes)
        elif kind == _ALTREP:
            # The class of the compact vector, its state, and its attributes.
            self._queue_items(_ItemContext(part="representation", call=_Call()), _DATA_CONTEXT, _DATA_CONTEXT)
        elif kind in (_POINTER, _WEAK_REFERENCE):
            self._references.add("")
            # A pointer has a protected value and a tag, a weak reference has neither.
            parts = (_DATA_CONTEXT, _DATA_CONTEXT) if kind == _POINTER else ()
            self._queue_items(*parts, *attributes)
        elif kind == _S4:
            self._queue_items(*attributes)
        else:
            raise DamagedError(f"{kind} is not a type of R objects", self._source.offset)

    def _read_pair(self, kind: int, flags: int, context: _ItemContext, attributes: tuple[_ItemContext, ...]) -> None:
        """Read a pairlist cell, or an item that R stores like one: a call, a function, a promise."""
        tag = (_DATA_CONTEXT,) if flags & _HAS_TAG else ()
        if kind == _CALL:
            code = context.code or LANGUAGE
            call = _Call(outer_call=context.call if context.part == "callee" else None)
            callee = _ItemContext(code, "callee", call)
            self._queue_items(*attributes, *tag, callee, _ItemContext(code, "arguments", call))
        elif kind == _CLOSURE:
            code = PROMISE if context.code == PROMISE else FUNCTION
            # The tag is the environment; the parameters and the body follow.
            self._queue_items(*attributes, *tag, _ItemContext(code), _ItemContext(code))
        elif kind == _PROMISE:
            self._read_promise(context, attributes, tag)
        elif context.part == "arguments":
            # Each cell of the list holds one argument and the next cell.
            self._queue_items(*attributes, *tag, _ItemContext(context.code, "argument", context.call), context)
        elif context.part == "frame":
            if flags & _ACTIVE_BINDING:
                self._record_mention(OBJECT_VOCABULARY, "variable", "active binding")
            self._queue_items(*attributes, *tag, _ItemContext(part="variable"), context)
        elif context.part == "representation":
            self._queue_items(*attributes, *tag, context, context)
        elif kind == _DOTS:
            # The value of ``...``: each cell holds the promise of one argument and the next cell.
            self._queue_items(*attributes, *tag, _ItemContext(context.code, "variable"), context)
        else:
            self._queue_items(*attributes, *tag, _ItemContext(context.code), _ItemContext(context.code))

    def _read_promise(
        self, context: _ItemContext, attributes: tuple[_ItemContext, ...], tag: tuple[_ItemContext, ...]
    ) -> None:
        """Read a promise.

        R saves promises only as variables: the arguments in the environment of a function. A promise anywhere else was
        made by hand and runs as soon as a program uses the value that was read.
        """
        if context.part == "variable":
            code = FUNCTION
        else:
            code = PROMISE
            self._record_mention(OBJECT_VOCABULARY, "value", "promise")
        # The value comes first, then the expression, which counts even if a value is stored.
        self._queue_items(*attributes, *tag, _ItemContext(part="value"), _ItemContext(code, "expression"))

    def _read_character_item(self) -> str:
        """Read an item that must be a text, and return its first 4096 bytes, decoded.

        Raises:
            DamagedError: it is not text, it has attributes, or it is truncated.
        """
        flags = self._source.read_integer()
        if flags & 0xFF != _CHARACTERS:
            raise DamagedError(f"an item of type {flags & 0xFF} is in the place of a text", self._source.offset)
        if flags & _HAS_ATTRIBUTES:
            raise DamagedError("a text has attributes, which current versions of R never write", self._source.offset)
        return self._read_characters()

    def _read_characters(self) -> str:
        """Read the length and the bytes of a text; empty for the missing value ``NA``, whose length is -1."""
        length = self._source.read_integer()
        if length < -1:
            raise DamagedError(f"a text states the negative length {length}", self._source.offset)
        return self._source.read_text(length) if length > 0 else ""

    def _read_strings(self, context: _ItemContext) -> None:
        """Read a vector of strings; in code, a string may name a function, as in ``do.call("system", ...)``."""
        for _ in range(self._read_length()):
            text = self._read_character_item()
            if context.code and context.part in ("callee", "argument"):
                self._record_name(text, context)

    def _record_name(self, name: str, context: _ItemContext) -> None:
        """Record the name of a symbol or string, if code calls it or gives it to a function that may call it."""
        if not name:
            return
        call = context.call
        if call is None:
            # The expression of a promise may be a single symbol.
            if context.part == "expression":
                self._record_mention(FUNCTION_VOCABULARY, f"{context.code}-argument", name)
            return
        if context.part == "callee":
            call.name = name
            self._record_mention(FUNCTION_VOCABULARY, f"{context.code}-call", name)
        elif context.part == "representation" and not call.name:
            # The first symbol of a compact vector is its class. ``call`` only notes that it was found.
            call.name = name
            self._record_mention("r-altrep", "representation", name)
        elif context.part == "argument" and call.name in _NAMESPACE_OPERATORS:
            self._record_namespace_operand(name, context.code, call)
        elif context.part == "argument" and call.name in _FUNCTIONS_THAT_CALL:
            self._record_mention(FUNCTION_VOCABULARY, f"{context.code}-argument", name, f"given to {call.name}")

    def _record_namespace_operand(self, name: str, code: str, call: _Call) -> None:
        """Take an operand of ``::``: first the package, and then the function, which the call around ``::`` calls."""
        if not call.package:
            call.package = name
            return
        if call.outer_call is not None:
            call.outer_call.name = name
        use = "call" if call.outer_call else "argument"
        self._record_mention(FUNCTION_VOCABULARY, f"{code}-{use}", name, f"of {call.package}")

    def _read_elements(self, count: int, context: _ItemContext) -> None:
        """Queue ``count`` elements of a list one at a time, so that a forged length costs no memory."""
        if count:
            self._queue_tasks(lambda: self._read_item(context), lambda: self._read_elements(count - 1, context))

    def _read_bytecode(self, code: str) -> None:
        """Queue the instructions of bytecode, and its constants with the source; ``code`` says when it runs."""
        self._queue_tasks(lambda: self._read_constants(self._read_length(), code))
        self._queue_items(_DATA_CONTEXT)

    def _read_constants(self, count: int, code: str) -> None:
        """Queue ``count`` constants of bytecode one at a time; ``code`` says when the function runs."""
        if not count:
            return
        kind = self._source.read_integer()
        self._queue_tasks(lambda: self._read_constants(count - 1, code))
        if kind == _BYTECODE:
            self._queue_tasks(lambda: self._read_bytecode(code))
        elif kind in (_PAIRLIST, _CALL, _BACK_REFERENCE, _BACK_REFERENCE_TARGET, _ATTRIBUTED_CALL, _ATTRIBUTED_PAIRS):
            self._read_bytecode_language(kind, _ItemContext(code))
        else:
            # Instructions look up functions and variables by symbols among the constants. Which is which depends on
            # the instruction, so every symbol counts as a name given to ``get``.
            is_symbol = kind == _SYMBOL
            context = _ItemContext(code, "argument", _Call("get")) if is_symbol else _ItemContext(code)
            self._queue_items(context)

    def _read_bytecode_language(self, kind: int, context: _ItemContext) -> None:
        """Read a cell of a call or list among the constants of bytecode; it may refer to an earlier cell."""
        if kind == _BACK_REFERENCE:
            self._source.read_integer()
            return
        if kind == _BACK_REFERENCE_TARGET:
            self._source.read_integer()
            kind = self._source.read_integer()
        has_attributes = kind in (_ATTRIBUTED_CALL, _ATTRIBUTED_PAIRS)
        if kind in (_CALL, _ATTRIBUTED_CALL):
            call = _Call(outer_call=context.call if context.part == "callee" else None)
            first_context = _ItemContext(context.code, "callee", call)
            next_context = _ItemContext(context.code, "arguments", call)
        elif kind in (_PAIRLIST, _ATTRIBUTED_PAIRS):
            # A cell of the list of arguments holds one argument, as in ``_read_pair``; any other list has no part.
            part = "argument" if context.part == "arguments" else ""
            first_context, next_context = _ItemContext(context.code, part, context.call), context
        else:
            self._queue_tasks(lambda: self._read_item(context))
            return
        self._queue_tasks(
            lambda: self._read_bytecode_language(self._source.read_integer(), first_context),
            lambda: self._read_bytecode_language(self._source.read_integer(), next_context),
        )
        # The attributes, if there are any, and the tag precede the two parts of the cell, so they are queued last.
        self._queue_items(*([_DATA_CONTEXT] * (2 if has_attributes else 1)))
