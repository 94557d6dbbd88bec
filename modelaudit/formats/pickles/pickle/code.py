"""Outline the code objects that a pickle builds or unmarshals: their imports, names, constants and instructions.

``types.CodeType``, dill's ``_create_code`` and cloudpickle's ``_builtin_type`` all end in one call with the tables of a
code object; ``marshal.loads`` reads the same tables from bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from modelaudit.formats.pickles.pickle.bytecode import detect_instruction_set, list_operands
from modelaudit.formats.pickles.pickle.marshalled import (
    CODE,
    FLAG_REF,
    Code,
    Marshalled,
    OpaqueValue,
    decode_code_objects,
)
from modelaudit.formats.pickles.pickle.values import Container, StackValue, unpack_tuple
from modelaudit.model.structure import CodeOutline

_FEWEST_ARGUMENTS: Final = 12  # of ``types.CodeType`` in any version
_SHORTEST_CODE_HEADER: Final = 17  # bytes: the type, and the four numbers that Python 2 writes after it
_OUTLINES_KEPT: Final = 20  # of the code objects in one constant
_ENTRIES_KEPT: Final = 40  # of each list of names or texts
_INSTRUCTIONS_KEPT: Final = 60
_TEXT_KEPT: Final = 80  # characters of a name or a text
_ITEMS_SHOWN: Final = 8  # of a tuple
_MOST_DEPTH: Final = 4  # of tuples in tuples
# Names that every module and class sets, whatever it does.
_USUAL_NAMES: Final = frozenset(
    {"__name__", "__module__", "__qualname__", "__doc__", "__annotations__", "__firstlineno__", "__static_attributes__"}
)
# Values in the tuples of one code object. Tuples may share tuples that share tuples, so without a bound a few bytes of
# a file unpack to millions of values.
_MOST_UNPACKED: Final = 5000


def begins_code(data: bytes) -> bool:
    """Whether ``data`` begin like a marshalled code object: with its type, and a number of arguments below 256."""
    is_long_enough = len(data) >= _SHORTEST_CODE_HEADER
    # The number of arguments follows the type in four bytes, the lowest first; the other three are 0.
    has_few_arguments = data[2:5] == bytes(3)
    return is_long_enough and data[0] & ~FLAG_REF == CODE and has_few_arguments


def outline_marshalled_code(data: bytes, offset: int) -> tuple[CodeOutline, ...]:
    """Outline the code objects in marshalled ``data``, the outermost first, for the event at ``offset``."""
    outermost_first = decode_code_objects(data)[::-1]
    return tuple(_outline_code(code, offset) for code in outermost_first[:_OUTLINES_KEPT])


def outline_called_code(arguments: Sequence[StackValue], offset: int) -> CodeOutline | None:
    """Outline the code object that a call with these stack values as arguments builds; ``None`` if it builds none."""
    if len(arguments) < _FEWEST_ARGUMENTS:
        return None
    budget = [_MOST_UNPACKED]
    return outline_code_arguments([_unpack_table(argument, _MOST_DEPTH, budget) for argument in arguments], offset)


def _unpack_table(value: StackValue, depth: int, budget: list[int]) -> object:
    """Return a tuple on the stack as a Python tuple, to ``depth`` levels; any other value as it is.

    The one entry of ``budget`` is the number of values that may still be unpacked, over all calls.
    """
    if isinstance(value, Container) and value.type == "tuple" and depth and budget[0] > 0:
        budget[0] -= len(value.entries) + 1
        return tuple(_unpack_table(item, depth - 1, budget) for item in unpack_tuple(value))
    return value


def outline_code_arguments(arguments: Sequence[object], offset: int) -> CodeOutline | None:
    """Outline the code object that a call with these arguments builds; ``None`` if it builds none.

    Later versions of Python take more arguments, and dill puts one in front. In all of them the bytecode is followed by
    the constants, the names, the local variables, the file and the name.

    Args:
        arguments: texts, bytes, numbers and tuples as Python values, other values of any type.
        offset: offset of the event in the artifact, in bytes.
    """
    # The place of the bytecode depends on the version, so the first place where all six types fit counts.
    for index in range(len(arguments) - 5):
        bytecode, constants, names, variables, file, name = arguments[index : index + 6]
        if not isinstance(constants, tuple) or not isinstance(names, tuple) or not isinstance(variables, tuple):
            continue
        # The bytecode may be a value that only the loader knows, such as the result of a call.
        if not isinstance(file, str) or not isinstance(name, str) or isinstance(bytecode, tuple | int):
            continue
        code = Code(
            offset=0,
            layout=_detect_layout(arguments, index),
            name=name,
            bytecode=bytecode if isinstance(bytecode, bytes) else b"",
            names=tuple(item if isinstance(item, str) else "?" for item in names),
            constants=tuple(_convert_constant(constant) for constant in constants),
        )
        return _outline_code(code, offset)
    return None


def _detect_layout(arguments: Sequence[object], bytecode_index: int) -> str:
    """Return the Python versions whose code objects take these arguments.

    3.11 added the qualified name after the name. 3.8 added a sixth number before the bytecode, 3.0 the fifth.
    """
    qualified_name_index = bytecode_index + 6
    if qualified_name_index < len(arguments) and isinstance(arguments[qualified_name_index], str):
        return "3.11 or later"
    leading_numbers = 0
    while leading_numbers < bytecode_index and isinstance(arguments[bytecode_index - 1 - leading_numbers], int):
        leading_numbers += 1
    return {6: "3.8 to 3.10", 5: "3.0 to 3.7"}.get(leading_numbers, "2")


def _convert_constant(value: object) -> Marshalled:
    """Return a constant as ``marshal`` would decode it; a value of any other type becomes an ``OpaqueValue``."""
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    if isinstance(value, tuple):
        return tuple(_convert_constant(item) for item in value[:_ENTRIES_KEPT])
    return OpaqueValue("object")


def _outline_code(code: Code, offset: int) -> CodeOutline:
    """Outline one code object, with its lists and texts cut to the lengths that a report shows."""
    instruction_set = detect_instruction_set(code.bytecode, code.layout)
    format_budget, text_budget = [_MOST_UNPACKED], [_MOST_UNPACKED]
    constants = [_format_constant(constant, _MOST_DEPTH, format_budget) for constant in code.constants]
    steps = list(list_operands(code.bytecode, instruction_set, code.names, constants)) if instruction_set else []
    imports = dict.fromkeys(operand for instruction, operand in steps if instruction == "IMPORT_NAME")
    texts = (text for constant in code.constants for text in _find_texts(constant, _MOST_DEPTH, text_budget))
    return CodeOutline(
        offset=offset,
        name=_shorten(code.name),
        versions=instruction_set.versions if instruction_set else "",
        imports=_shorten_each(imports),
        names=_shorten_each(name for name in code.names if name not in _USUAL_NAMES and name not in imports),
        constants=_shorten_each(map(repr, texts)),
        # A call has an empty operand, and needs no blank before it.
        instructions=tuple(
            f"{instruction} {_shorten(operand)}".rstrip() for instruction, operand in steps[:_INSTRUCTIONS_KEPT]
        ),
    )


def _find_texts(constant: Marshalled, depth: int, budget: list[int]) -> Iterable[str | bytes]:
    """Yield the start of each text in a constant, or in its tuples to ``depth`` levels.

    The one entry of ``budget`` is the number of items of tuples that may still be searched, over all calls.
    """
    if isinstance(constant, str | bytes) and constant:
        # One character more than is kept, so that ``_shorten`` marks the cut.
        yield constant[: _TEXT_KEPT + 1]
    elif isinstance(constant, tuple) and depth:
        for item in constant[:_ENTRIES_KEPT]:
            if budget[0] <= 0:
                return
            budget[0] -= 1
            yield from _find_texts(item, depth - 1, budget)


def _format_constant(constant: Marshalled, depth: int, budget: list[int]) -> str:
    """Return a constant as short text; tuples are formatted to ``depth`` levels.

    The one entry of ``budget`` is the number of items of tuples that may still be formatted, over all calls.
    """
    if isinstance(constant, Code):
        return f"<code {_shorten(constant.name)}>"
    if isinstance(constant, OpaqueValue):
        return f"<{constant.kind}>"
    if isinstance(constant, tuple):
        shown = constant[:_ITEMS_SHOWN]
        if not depth or budget[0] < len(shown):
            return "(…)"
        budget[0] -= len(shown)
        inner = ", ".join([_format_constant(item, depth - 1, budget) for item in shown])
        if len(constant) > _ITEMS_SHOWN:
            inner += ", …"
        return _shorten(f"({inner},)" if len(constant) == 1 else f"({inner})")
    if isinstance(constant, int) and constant.bit_length() > 64:
        return f"<int of {constant.bit_length()} bits>"
    return _shorten(repr(constant[: _TEXT_KEPT + 1] if isinstance(constant, str | bytes) else constant))


def _shorten_each(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the first ``_ENTRIES_KEPT`` different texts, shortened to the length that a report shows."""
    shortened: dict[str, None] = {}
    for text in texts:
        if len(shortened) == _ENTRIES_KEPT:
            break
        shortened[_shorten(text)] = None
    return tuple(shortened)


def _shorten(text: str) -> str:
    """Cut a text to the length that a report shows."""
    return text if len(text) <= _TEXT_KEPT else text[: _TEXT_KEPT - 1] + "…"
