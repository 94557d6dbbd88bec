"""Code objects that a pickle rebuilds or unmarshals: an outline of what they would do.

``types.CodeType``, dill's ``_create_code`` and cloudpickle's ``_builtin_type`` all end in one call with the tables of a
code object; ``marshal.loads`` takes the same tables as bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from modelaudit.formats.pickles.pickle.bytecode import listing, set_of
from modelaudit.formats.pickles.pickle.marshalled import CODE, FLAG_REF, Code, Marshalled, Unlike, code_objects
from modelaudit.formats.pickles.pickle.values import Box, Slot, items_of
from modelaudit.model.structure import CodeOutline

_FEWEST_TABLES: Final = 12
_OUTLINES_KEPT: Final = 20
_ENTRIES_KEPT: Final = 40
_INSTRUCTIONS_KEPT: Final = 60
_TEXT_KEPT: Final = 80
_DEPTH: Final = 4
# Names that every module and class sets and that say nothing about what it does.
_USUAL: Final = frozenset({"__name__", "__module__", "__qualname__", "__doc__", "__annotations__", "__firstlineno__",
                           "__static_attributes__"})  # fmt: skip


_NODES: Final = 5000


def begins_code(data: bytes) -> bool:
    """Whether ``data`` begins as a marshalled code object does: its type, and a number of arguments below 256."""
    return len(data) > 16 and data[0] & ~FLAG_REF == CODE and data[2:5] == bytes(3)


def outlines_of_marshalled(data: bytes, offset: int) -> tuple[CodeOutline, ...]:
    """The code objects in marshalled ``data``, the outermost first, for the act at ``offset``."""
    found = code_objects(data)[::-1]
    return tuple(_outline(code, offset) for code in found[:_OUTLINES_KEPT])


def outline_of_call(arguments: Sequence[Slot], offset: int) -> CodeOutline | None:
    """The outline of the code object that a call with these arguments makes; ``None`` if it makes none."""
    if len(arguments) < _FEWEST_TABLES:
        return None
    budget = [_NODES]
    return outline_of_tables([_table(each, _DEPTH, budget) for each in arguments], offset)


def _table(slot: Slot, depth: int, budget: list[int]) -> object:
    # Tuples may share tuples that share tuples: without a bound, few bytes of a file make millions of these.
    if isinstance(slot, Box) and slot.type == "tuple" and depth and budget[0] > 0:
        budget[0] -= len(slot.entries) + 1
        return tuple(_table(value, depth - 1, budget) for value in items_of(slot))
    return slot


def outline_of_tables(tables: Sequence[object], offset: int) -> CodeOutline | None:
    """The outline of a code object made by a call with ``tables`` as its arguments; ``None`` if they are none.

    The order has grown with the versions, and dill puts a table in front, yet everywhere the bytecode is followed by
    the constants, the names, the local variables, the file and the name. A table is whatever iterates in order.

    Args:
        tables: the arguments: texts, bytes and numbers as such, tuples as tuples, anything else as it may be.
        offset: of the act, in bytes of the artifact.
    """
    for index in range(len(tables) - 5):
        bytecode, constants, names, variables, file, name = tables[index : index + 6]
        if not isinstance(constants, tuple) or not isinstance(names, tuple) or not isinstance(variables, tuple):
            continue
        if not isinstance(file, str) or not isinstance(name, str) or isinstance(bytecode, tuple | int):
            continue
        code = Code(
            offset=0,
            layout=_layout(tables, index),
            name=name,
            bytecode=bytecode if isinstance(bytecode, bytes) else b"",
            names=tuple(each if isinstance(each, str) else "?" for each in names),
            constants=tuple(_constant(each) for each in constants),
        )
        return _outline(code, offset)
    return None


def _layout(tables: Sequence[object], index: int) -> str:
    """Which versions have a code object of these arguments: a qualified name came with 3.11, its neighbours before."""
    after = tables[index + 6 : index + 7]
    if after and isinstance(after[0], str):
        return "3.11 or later"
    numbers = 0
    while index > numbers and isinstance(tables[index - 1 - numbers], int):
        numbers += 1
    return {6: "3.8 to 3.10", 5: "3.0 to 3.7"}.get(numbers, "2")


def _constant(value: object) -> Marshalled:
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    return tuple(_constant(each) for each in value[:_ENTRIES_KEPT]) if isinstance(value, tuple) else Unlike("object")


def _outline(code: Code, offset: int) -> CodeOutline:
    table = set_of(code.bytecode, code.layout)
    shown = [_shown(each, _DEPTH) for each in code.constants]
    steps = list(listing(code.bytecode, table, code.names, shown)) if table else []
    imports = _bounded(about for step, about in steps if step == "IMPORT_NAME")
    texts = (text for each in code.constants for text in _texts(each, _DEPTH))
    return CodeOutline(
        offset=offset,
        name=_cut(code.name),
        versions=table.versions if table else "",
        imports=imports,
        names=_bounded(name for name in code.names if name not in _USUAL and name not in imports),
        constants=_bounded(map(repr, texts)),
        instructions=tuple(f"{step} {_cut(about)}".rstrip() for step, about in steps[:_INSTRUCTIONS_KEPT]),
    )


def _texts(constant: Marshalled, depth: int) -> Iterable[str | bytes]:
    if isinstance(constant, str | bytes) and constant:
        yield constant[: _TEXT_KEPT + 1]
    elif isinstance(constant, tuple) and depth:
        for each in constant[:_ENTRIES_KEPT]:
            yield from _texts(each, depth - 1)


def _shown(constant: Marshalled, depth: int) -> str:
    if isinstance(constant, Code):
        return f"<code {_cut(constant.name)}>"
    if isinstance(constant, Unlike):
        return f"<{constant.kind}>"
    if isinstance(constant, tuple):
        if not depth:
            return "(…)"
        inner = ", ".join(_shown(each, depth - 1) for each in constant[:8])
        return _cut(f"({inner},)" if len(constant) == 1 else f"({inner})")
    if isinstance(constant, int) and constant.bit_length() > 64:
        return f"<int of {constant.bit_length()} bits>"
    return _cut(repr(constant[: _TEXT_KEPT + 1] if isinstance(constant, str | bytes) else constant))


def _bounded(texts: Iterable[str]) -> tuple[str, ...]:
    """The first of ``texts``, each once, cut to what a report shows."""
    kept: dict[str, None] = {}
    for text in texts:
        if len(kept) == _ENTRIES_KEPT:
            break
        kept[_cut(text)] = None
    return tuple(kept)


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_KEPT else text[: _TEXT_KEPT - 1] + "…"
