"""Decode the CPython instructions that show the use of a code object: imports, names, constants and calls.

Numbers: ``Lib/opcode.py`` of 3.8 to 3.12, ``Lib/_opcode_metadata.py`` of 3.13 and 3.14.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct


class InstructionSet(Struct, frozen=True):
    """The instructions of some versions of Python that name something or call it.

    Attributes:
        versions: the versions that share them.
        resume: the byte of RESUME, which every code object has since 3.11; empty before.
        extended: the byte of EXTENDED_ARG.
        names: name of each instruction by its byte.
        shifted: instructions whose index is the argument without its lowest bit, which is a flag.
    """

    versions: str
    resume: bytes
    extended: int
    names: dict[int, str]
    shifted: frozenset[str] = frozenset()


_COMMON: Final = {108: "IMPORT_NAME", 109: "IMPORT_FROM", 101: "LOAD_NAME", 116: "LOAD_GLOBAL", 106: "LOAD_ATTR",
                  100: "LOAD_CONST", 95: "STORE_ATTR", 142: "CALL_FUNCTION_EX"}  # fmt: skip

INSTRUCTION_SETS: Final = {
    "3.8 to 3.10": InstructionSet(
        "3.8 to 3.10", b"", 144,
        {**_COMMON, 160: "LOAD_METHOD", 131: "CALL_FUNCTION", 141: "CALL_FUNCTION_KW", 161: "CALL_METHOD"},
    ),
    "3.11": InstructionSet(
        "3.11", b"\x97", 144, {**_COMMON, 160: "LOAD_METHOD", 171: "CALL"}, frozenset({"LOAD_GLOBAL"}),
    ),
    "3.12": InstructionSet(
        "3.12", b"\x97", 144, {**_COMMON, 171: "CALL", 121: "RETURN_CONST"}, frozenset({"LOAD_GLOBAL", "LOAD_ATTR"}),
    ),
    "3.13": InstructionSet(
        "3.13", b"\x95", 71,
        {75: "IMPORT_NAME", 74: "IMPORT_FROM", 92: "LOAD_NAME", 91: "LOAD_GLOBAL", 82: "LOAD_ATTR", 83: "LOAD_CONST",
         53: "CALL", 57: "CALL_KW", 54: "CALL_FUNCTION_EX", 103: "RETURN_CONST", 108: "STORE_ATTR"},
        frozenset({"LOAD_GLOBAL", "LOAD_ATTR"}),
    ),
    "3.14": InstructionSet(
        "3.14", b"\x80", 69,
        {73: "IMPORT_NAME", 72: "IMPORT_FROM", 93: "LOAD_NAME", 92: "LOAD_GLOBAL", 80: "LOAD_ATTR", 82: "LOAD_CONST",
         52: "CALL", 55: "CALL_KW", 4: "CALL_FUNCTION_EX", 110: "STORE_ATTR"},
        frozenset({"LOAD_GLOBAL", "LOAD_ATTR"}),
    ),
}  # fmt: skip
"""By the versions that share them."""

NAME_INSTRUCTIONS: Final = frozenset(
    {"IMPORT_NAME", "IMPORT_FROM", "LOAD_NAME", "LOAD_GLOBAL", "LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR"}
)
"""Instructions whose argument is an index into the names."""

CONSTANT_INSTRUCTIONS: Final = frozenset({"LOAD_CONST", "RETURN_CONST"})
"""Instructions whose argument is an index into the constants."""

# 3.11 and 3.12 share the number of CALL. PRECALL is an instruction of 3.11 alone, and RETURN_CONST of 3.12 alone.
# The interpreter keeps a cache behind LOAD_ATTR: four instructions with the number 0 in 3.11, and nine in 3.12.
_CALL: Final = 171
_PRECALL: Final = 166
_RETURN_CONST: Final = 121
_LOAD_ATTR_WITH_LONG_CACHE: Final = bytes([106, 0, 0, 0, 0, 0])


def detect_instruction_set(bytecode: bytes, layout: str) -> InstructionSet | None:
    """Return the instruction set of ``bytecode``; ``None`` where it cannot be determined.

    ``layout`` is the Python versions whose code objects have the same tables, such as ``3.11 or later``. Within these,
    the byte of RESUME differs between versions, except for 3.11 and 3.12: of these, only 3.11 has PRECALL before each
    CALL, and only 3.12 has RETURN_CONST and a long cache behind LOAD_ATTR.
    """
    if layout in INSTRUCTION_SETS:
        return INSTRUCTION_SETS[layout]
    if layout != "3.11 or later":
        return None
    # An instruction is its number and its argument, a byte each.
    numbers = bytecode[::2]
    if INSTRUCTION_SETS["3.11"].resume in numbers:
        # Without any of these instructions, the two versions decode alike, and 3.11 is assumed.
        is_newer = _PRECALL not in numbers and (
            _CALL in numbers or _RETURN_CONST in numbers or _LOAD_ATTR_WITH_LONG_CACHE in numbers
        )
        return INSTRUCTION_SETS["3.12" if is_newer else "3.11"]
    for version in ("3.13", "3.14"):
        if INSTRUCTION_SETS[version].resume in numbers:
            return INSTRUCTION_SETS[version]
    return None


def decode_instructions(bytecode: bytes, instruction_set: InstructionSet) -> Iterator[tuple[str, int]]:
    """Yield (name, argument) of every instruction whose name the set gives, in order; other instructions are left out.

    Since 3.6 an instruction has two bytes, its number and its argument.
    """
    extension = 0
    for position in range(0, len(bytecode) - 1, 2):
        number, argument = bytecode[position], bytecode[position + 1] | extension
        if number == instruction_set.extended:
            # EXTENDED_ARG gives the higher bytes of the argument of the next instruction.
            extension = (argument << 8) & 0xFFFFFFFF
            continue
        extension = 0
        name = instruction_set.names.get(number)
        if name is not None:
            yield name, argument >> 1 if name in instruction_set.shifted else argument


def list_operands(
    bytecode: bytes, instruction_set: InstructionSet, names: Sequence[str], constants: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield (instruction, operand) of every instruction whose name the set gives, in order.

    The operand is the name or the constant that the instruction refers to, and empty for calls. An index beyond the
    end of its table becomes ``#`` and the index.

    Args:
        bytecode: the instructions of a code object.
        instruction_set: the set to decode them with.
        names: the names of the code object.
        constants: its constants as text.
    """
    for name, argument in decode_instructions(bytecode, instruction_set):
        if name in NAME_INSTRUCTIONS:
            yield name, names[argument] if argument < len(names) else f"#{argument}"
        elif name in CONSTANT_INSTRUCTIONS:
            yield name, constants[argument] if argument < len(constants) else f"#{argument}"
        else:
            yield name, ""
