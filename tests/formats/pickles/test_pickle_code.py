from __future__ import annotations

import ast
import dis
import marshal
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.formats.pickles.pickle.bytecode import (
    CONSTANT_INSTRUCTIONS,
    INSTRUCTION_SETS,
    NAME_INSTRUCTIONS,
    detect_instruction_set,
    list_operands,
)
from modelaudit.formats.pickles.pickle.code import (
    _find_texts,
    _format_constant,
    begins_code,
    outline_code_arguments,
    outline_marshalled_code,
)
from modelaudit.formats.pickles.pickle.marshalled import decode_code_objects
from modelaudit.model.pickle import PickleProgram
from modelaudit.model.structure import CodeOutline

SOURCE = """
import os, json as j
from subprocess import run as r
BIG = 12345678901234567890123456789012345678901234567890
class A:
    '''doc'''
    def f(self, x, *, y=1):
        def g(): return x + y
        return os.system("echo inert"), g, 1.5, 2j, ..., -3, b"bytes", "ä"
def h(x):
    if x in {1, 2, "three"}:
        eval("1"); __import__("os").popen("id", mode="r")
    x.attribute = (1, ("two", b"3"))
    return f"{x}" if x else None
async def k():
    async with x as y:
        yield y
h(*[1])
"""
MODULE = compile(SOURCE, "m.py", "exec")
# Laid out by hand as CPython 3.8 to 3.10 write it: "import os; os.system('x')".
PYTHON_38 = (
    b"\xe3" + b"\0\0\0\0" * 4 + b"\x02\0\0\0@\0\0\0"
    + b"s\x12\0\0\0" + bytes([100, 0, 100, 1, 108, 0, 90, 0, 101, 0, 160, 1, 100, 2, 161, 1, 83, 0])
    + b")\x03\xe9\0\0\0\0NZ\x01x" + b")\x02Z\x02osZ\x06system" + b")\0" * 3 + b"\xda\x04m.py\xda\x08<module>\x01\0\0\0s\0\0\0\0"
)  # fmt: skip
# Python 2.7: "import os", with its interned texts, which are counted without a flag.
PYTHON_27 = (
    b"c" + b"\0\0\0\0" * 3 + b"@\0\0\0" + b"s\x04\0\0\0d\0\0S" + b"(\x02\0\0\0i\xff\xff\xff\xffN" + b"(\x01\0\0\0t\x02\0\0\0os"
    + b"(\0\0\0\0" * 3 + b"s\x04\0\0\0m.py" + b"t\x08\0\0\0<module>" + b"\x01\0\0\0s\0\0\0\0"
)  # fmt: skip


def iterate_code_objects(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield the code objects in a code object, the innermost first, and the code object itself."""
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from iterate_code_objects(constant)
    yield code


@pytest.mark.parametrize("version", range(marshal.version + 1))
def test_each_code_object_of_a_marshalled_module_is_decoded_in_every_marshal_version(version: int) -> None:
    found = decode_code_objects(marshal.dumps(MODULE, version))
    assert [code.name for code in found] == [code.co_name for code in iterate_code_objects(MODULE)]
    assert [code.names for code in found] == [code.co_names for code in iterate_code_objects(MODULE)]
    assert [code.bytecode for code in found] == [code.co_code for code in iterate_code_objects(MODULE)]


def test_bytecode_instructions_that_the_decoder_has_names_for_match_those_of_the_running_python() -> None:
    for code in iterate_code_objects(MODULE):
        table = detect_instruction_set(code.co_code, "3.11 or later")
        assert table is not None
        # Code without a call or a constant result is taken for 3.11 even if it is of 3.12.
        assert f"{sys.version_info[0]}.{sys.version_info[1]}" in table.versions or not code.co_names
        constants = [repr(constant) for constant in code.co_consts]
        decoded = list(list_operands(code.co_code, table, code.co_names, constants))
        known_names = set(table.names.values())
        expected = [instruction for instruction in dis.get_instructions(code) if instruction.opname in known_names]
        assert [name for name, _ in decoded] == [instruction.opname for instruction in expected]
        for (name, operand), instruction in zip(decoded, expected, strict=True):
            if name in NAME_INSTRUCTIONS:
                assert operand in instruction.argrepr
            elif name in CONSTANT_INSTRUCTIONS:
                assert operand == repr(instruction.argval)


def test_outline_of_marshalled_code_lists_imports_names_and_constants() -> None:
    outlines = {outline.name: outline for outline in outline_marshalled_code(marshal.dumps(MODULE), 42)}
    assert outlines["<module>"].imports == ("os", "json", "subprocess")
    assert {"r", "A", "h"} <= set(outlines["<module>"].names)
    assert set(outlines["f"].names) >= {"os", "system"}
    assert {"'echo inert'", "b'bytes'", "'ä'"} <= set(outlines["f"].constants)
    assert {"'two'", "b'3'", "'three'"} <= set(outlines["h"].constants)
    assert {outline.offset for outline in outlines.values()} == {42}
    assert next(iter(outlines)) == "<module>"


def test_code_of_python_3_8_is_outlined_with_instructions_and_that_of_2_7_only_with_names() -> None:
    (new,) = outline_marshalled_code(PYTHON_38, 0)
    assert (new.versions, new.imports, new.names, new.constants) == ("3.8 to 3.10", ("os",), ("system",), ("'x'",))
    assert new.instructions[-2:] == ("LOAD_CONST 'x'", "CALL_METHOD")
    # The instructions of Python 2 are not decoded, so the name is not known to be an import.
    (old,) = outline_marshalled_code(PYTHON_27, 0)
    assert (old.versions, old.imports, old.names, old.instructions) == ("", (), ("os",), ())


@pytest.mark.parametrize(
    ("version", "code", "steps"),
    [
        # Pairs of an opcode and an argument; the zeros between them are the inline caches of the instructions.
        ("3.12", [151, 0, 100, 0, 100, 1, 108, 0, 90, 0, 101, 0, 106, 3, *[0, 0] * 9, 100, 2, 171, 1, *[0, 0] * 3, 121, 1],
         ["IMPORT_NAME os", "LOAD_NAME os", "LOAD_ATTR system", "CALL", "RETURN_CONST None"]),
        ("3.12", [151, 0, 116, 0, *[0, 0] * 5, 106, 2, *[0, 0] * 9, 1, 0, 121, 1],
         ["LOAD_GLOBAL os", "LOAD_ATTR system", "RETURN_CONST None"]),
        # Without a call and a constant result, only the longer cache tells 3.12 from 3.11.
        ("3.12", [151, 0, 116, 0, *[0, 0] * 4, 106, 2, *[0, 0] * 9, 83, 0], ["LOAD_GLOBAL os", "LOAD_ATTR system"]),
        ("3.11", [151, 0, 116, 0, *[0, 0] * 5, 106, 1, *[0, 0] * 4, 83, 0], ["LOAD_GLOBAL os", "LOAD_ATTR system"]),
        ("3.14", [128, 0, 94, 0, 82, 1, 73, 0, 116, 0, 93, 0, 80, 3, *[0, 0] * 9, 82, 2, 52, 1, *[0, 0] * 3, 35, 0],
         ["IMPORT_NAME os", "LOAD_NAME os", "LOAD_ATTR system", "CALL"]),
    ],
)  # fmt: skip
def test_bytecode_of_python_3_11_3_12_and_3_14_is_told_apart_and_decoded(
    version: str, code: list[int], steps: list[str]
) -> None:
    table = detect_instruction_set(bytes(code), "3.11 or later")
    assert table is INSTRUCTION_SETS[version]
    operands = list_operands(bytes(code), table, ["os", "system"], ["0", "None", "'x'"])
    decoded = [f"{name} {operand}".rstrip() for name, operand in operands]
    assert [step for step in decoded if not step.startswith("LOAD_CONST")] == steps


def test_extended_arg_opcode_extends_the_index_of_the_next_instruction() -> None:
    names = [f"name{number}" for number in range(300)]
    # EXTENDED_ARG 1 and LOAD_NAME 2: the index is 256 + 2.
    operands = list(list_operands(bytes([144, 1, 101, 2]), INSTRUCTION_SETS["3.8 to 3.10"], names, []))
    assert operands == [("LOAD_NAME", "name258")]


def test_bytecode_operand_without_a_matching_name_is_listed_as_a_number() -> None:
    assert list(list_operands(bytes([101, 9]), INSTRUCTION_SETS["3.8 to 3.10"], [], [])) == [("LOAD_NAME", "#9")]


def list_code_arguments(code: types.CodeType) -> list[object]:
    """Return the arguments with which ``types.CodeType`` makes an equal code object."""
    return [
        code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_nlocals, code.co_stacksize, code.co_flags, code.co_code,
        code.co_consts, code.co_names, code.co_varnames, code.co_filename, code.co_name, code.co_qualname, code.co_firstlineno,
        code.co_linetable, code.co_exceptiontable, code.co_freevars, code.co_cellvars,
    ]  # fmt: skip


def test_call_of_code_type_yields_the_outline_of_its_code_object() -> None:
    all_names: set[str] = set()
    for code in iterate_code_objects(MODULE):
        outline = outline_code_arguments(list_code_arguments(code), 0)
        # dill puts one more argument in front.
        outline_of_dill_call = outline_code_arguments([b"lines", *list_code_arguments(code)], 0)
        assert outline is not None
        assert outline.name == code.co_name
        assert outline.names == tuple(name for name in code.co_names if name in outline.names)
        assert outline_of_dill_call == outline
        all_names |= set(outline.names)
    assert {"system", "eval", "__import__", "popen", "attribute"} <= all_names


# Arguments of one type, and bytes with tuples but without all the names that follow them.
@pytest.mark.parametrize(
    "arguments", [[], [1] * 20, [()] * 20, ["x"] * 20, [b"c", (), (), ()], [b"c", (), (), (), "f"]]
)
def test_arguments_that_do_not_fit_code_type_yield_no_code_outline(arguments: list[object]) -> None:
    assert outline_code_arguments(arguments, 0) is None


@pytest.mark.parametrize(
    ("fixture", "imports", "code_name"),
    [("marshalled-code", ("os",), "<module>"), ("rebuilt-code", ("subprocess",), "payload"), ("rebuilt-code-dill", ("subprocess",), "payload")],
)  # fmt: skip
def test_code_object_in_a_pickle_is_outlined_with_its_name_its_python_version_and_its_imports(
    fixture: str, imports: tuple[str, ...], code_name: str, read_fixture: Callable[[str], object]
) -> None:
    (program,) = read_fixture(f"pickle/malicious/{fixture}.pkl").of(PickleProgram)  # type: ignore[attr-defined]
    (outline,) = program.code_objects
    assert isinstance(outline, CodeOutline)
    assert (outline.name, outline.versions, outline.imports) == (code_name, "3.13", imports)
    assert outline.offset in {event.offset for event in program.events}


def test_code_object_in_bytes_that_protocol_2_stores_as_text_is_outlined(read_bytes: Callable[..., object]) -> None:
    # Protocol 2 has no opcode for bytes: it stores them as text, which the loader encodes to Latin-1.
    # ``marshal.dumps`` begins with ``c``, or with 0xe3 if others may refer to the code object; the test needs the latter,
    # which UTF-8 stores in two bytes. The padding makes the constant longer than the 4096 bytes that the machine keeps.
    data = b"\xe3" + marshal.dumps(compile("import os", "m", "exec"))[1:] + b"\xff" * 5000
    text = data.decode("latin-1").encode()
    constant = b"c_codecs\nencode\nX" + len(text).to_bytes(4, "little") + text + b"X\x06\x00\x00\x00latin1\x86R"
    (program,) = read_bytes(b"\x80\x02cmarshal\nloads\n" + constant + b"\x85R.").of(PickleProgram)  # type: ignore[attr-defined]
    assert {outline.imports for outline in program.code_objects} == {("os",)}
    # The last event is the call of ``marshal.loads``.
    assert program.code_objects[-1].offset == max(event.offset for event in program.events)


def test_complete_code_objects_in_truncated_marshalled_data_are_decoded() -> None:
    data = marshal.dumps(MODULE)
    assert {code.name for code in decode_code_objects(data[:-30])} == {"A", "f", "g", "h", "k"}


@check_each(
    "data",
    [b"", b"c", b"\xe3" + b"\0" * 40, b"(" + b"\xff" * 4, b"[\xff\xff\xff\x7f", b"r\0\0\0\0", b")\xff" + b"N" * 9, b"l\xff\xff\xff\x7f",
     b"(\x01\0\0\0" * 5000 + b"N", b"\xa9\x01" * 5000, b"(\x01\0\0\0\xa8\x01\0\0\0r\0\0\0\0", b"{NN{NN0", b":NNN", b"<\x02\0\0\0ii", b"\x7f"],
)  # fmt: skip
def test_hostile_marshalled_data_yield_no_code_object(data: bytes) -> None:
    assert decode_code_objects(data) == ()


def test_constants_that_would_expand_exponentially_are_left_out_of_a_code_outline() -> None:
    # Each of 60 tuples is a pair of references to the one before it, which would unpack to 2**60 values.
    bomb = b"\xa9\x02" + b"NN"
    # Reference 0 is the code object, and 1 the first pair.
    for number in range(1, 61):
        bomb += b"\xa9\x02" + (b"r" + number.to_bytes(4, "little")) * 2
    code = PYTHON_38.replace(b")\x03\xe9\0\0\0\0NZ\x01x", b"(" + (61).to_bytes(4, "little") + bomb)
    (outline,) = outline_marshalled_code(code, 0)
    assert outline.constants == ()


def test_search_for_texts_in_nested_shared_tuples_takes_a_bounded_number_of_steps() -> None:
    # On each of four levels, a tuple of 40 references to the tuple below: 40**4 paths lead to the text.
    bomb = b"\xa9\x01" + b"Z\x01x"
    # Reference 0 is the code object, and 1 the first tuple.
    for number in range(1, 4):
        bomb += b"\xa9\x28" + (b"r" + number.to_bytes(4, "little")) * 40
    (code,) = decode_code_objects(
        PYTHON_38.replace(b")\x03\xe9\0\0\0\0NZ\x01x", b"(" + (4).to_bytes(4, "little") + bomb)
    )
    levels, budget = 4, [100]
    assert len(list(_find_texts(code.constants[-1], levels, budget))) <= 100
    assert budget == [0]
    small_budget = [20]
    assert "(…)" in _format_constant(code.constants[-1], levels, small_budget)


def test_code_outline_marks_a_tuple_that_it_shortens_with_an_ellipsis() -> None:
    (outline,) = outline_marshalled_code(marshal.dumps(compile("x = (1, 2, 3, 4, 5, 6, 7, 8, 9)", "m", "exec")), 0)
    assert "LOAD_CONST (1, 2, 3, 4, 5, 6, 7, 8, …)" in outline.instructions


def test_import_over_the_bound_of_a_code_outline_is_not_listed_among_its_other_names() -> None:
    source = "\n".join(f"import module{number}" for number in range(60))
    (outline,) = outline_marshalled_code(marshal.dumps(compile(source, "m", "exec")), 0)
    assert (len(outline.imports), outline.names) == (40, ())


def test_outlines_of_marshalled_code_are_bounded_in_number_and_length() -> None:
    imports_and_texts = "\n".join(f"import module{number}; x = 'text {number}'" for number in range(500))
    functions = "\n".join(f"def f{number}(): pass" for number in range(100))
    source = imports_and_texts + "\n" + functions
    outlines = outline_marshalled_code(marshal.dumps(compile(source, "m", "exec")), 0)
    assert len(outlines) == 20
    assert len(outlines[0].imports) == len(outlines[0].constants) == 40
    assert len(outlines[0].instructions) == 60


def test_marshalled_code_object_is_detected_by_its_start() -> None:
    assert begins_code(marshal.dumps(MODULE))
    assert begins_code(PYTHON_27)
    assert not begins_code(b"conv1.weight and more text")


_SEEDS = [marshal.dumps(MODULE, version) for version in range(marshal.version + 1)] + [PYTHON_38, PYTHON_27]


@given(
    st.sampled_from(_SEEDS),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=8),
    st.integers(0, 2000),
)
@settings(max_examples=400, deadline=None)
def test_mutated_marshalled_code_is_outlined_without_an_error(
    seed: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(seed)
    for position, value in changes:
        data[position % len(data)] = value
    # The test fails if this raises.
    outline_marshalled_code(bytes(data[: len(data) - cut % len(data)]), 0)


def list_imports(source: str) -> set[str]:
    """Return the module of each import statement, and each constant text, which could be the argument of an import."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
        elif isinstance(node, ast.Constant):
            found.add(str(node.value))
    return found


@pytest.mark.parametrize(
    "source",
    ["import json, marshal as m", "from marshal import loads", "__import__('marshal')", "def f(): import marshal"],
)
def test_import_of_the_module_marshal_is_noticed_in_any_form(source: str) -> None:
    assert "marshal" in list_imports(source)


def test_no_module_of_the_pickle_reader_imports_the_module_marshal() -> None:
    modules = sorted(Path(sys.modules[decode_code_objects.__module__].__file__ or "").parent.rglob("*.py"))
    assert len(modules) > 10
    assert [path.name for path in modules if "marshal" in list_imports(path.read_text("utf-8"))] == []
