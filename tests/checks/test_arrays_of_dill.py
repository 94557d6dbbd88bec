"""``_create_array`` of dill calls a function with arguments and sets states, which are judged as the file's own acts."""

from __future__ import annotations

import pytest
from support.pickle_opcodes import call, construct, find_acts, name, push
from support.reading import ReadBytes

from modelaudit.formats.pickles.pickle import PickleDefect
from modelaudit.model.pickle import PickleProgram

CREATE = "dill._dill._create_array"
RECONSTRUCT = name("numpy._core.multiarray._reconstruct")
ARRAY = (name("numpy.ndarray"), (0,), b"C\x01b")
DTYPE = call("numpy.dtype", "i8", False, True)
STATE = (1, (1,), DTYPE, False, b"C\x08" + bytes(8))
OBJECTS = (1, (1 << 30,), call("numpy.dtype", "O8", False, True), False, [1])


@pytest.mark.parametrize("further", [(), (None,), ({"a": 1},)])
def test_array_of_dill_is_as_harmless_as_one_of_pickle(further: tuple[object, ...], read_bytes: ReadBytes) -> None:
    assert find_acts(call(CREATE, RECONSTRUCT, ARRAY, STATE, *further), read_bytes) == []


HOSTILE = {
    "another-function": call(CREATE, name("builtins.eval"), ("1",), STATE),
    "trusted-function": call(CREATE, name("collections.OrderedDict"), (), STATE),
    "function-that-a-call-returns": call(CREATE, call("functools.partial", RECONSTRUCT), ARRAY, STATE),
    "another-class": call(CREATE, RECONSTRUCT, (name("os._wrap_close"), (0,), b"C\x01b"), STATE),
    "arguments-that-are-no-tuple": call(CREATE, RECONSTRUCT, [*ARRAY], STATE),
    "planted-method": call(CREATE, RECONSTRUCT, ARRAY, STATE, {"__reduce__": name("os.system")}),
    "planted-memory": call(CREATE, RECONSTRUCT, ARRAY, STATE, {"__array_interface__": {"data": 1}}),
    "stored": call("functools.partial", name(CREATE), RECONSTRUCT),
    "kept": construct("sklearn.linear_model._base.LinearRegression") + push({"f": name(CREATE)}) + b"b",
    "object-that-has-to-stay-apart": call(
        CREATE, RECONSTRUCT, ARRAY, (1, (1,), DTYPE, False, [construct("filterpy.kalman.kalman_filter.KalmanFilter")])
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_other_uses_of_the_function_are_found(case: str, read_bytes: ReadBytes) -> None:
    assert find_acts(HOSTILE[case], read_bytes) != []


@pytest.mark.parametrize(
    "program",
    [call(CREATE, RECONSTRUCT, ARRAY, OBJECTS), call(CREATE, RECONSTRUCT, (*ARRAY[:1], (9,), ARRAY[2]), STATE)],
    ids=["objects-of-a-large-shape", "memory-that-a-state-frees"],
)
def test_state_of_an_array_is_checked(program: bytes, read_bytes: ReadBytes) -> None:
    (found,) = read_bytes(b"\x80\x04" + program + b".").of(PickleProgram)
    assert [each.kind for each in found.defects] == [PickleDefect.FORGED_STATE]


@pytest.mark.parametrize("attributes", [{}, {"info": "plain"}], ids=["empty", "plain"])
def test_attributes_of_an_array_are_no_second_state(attributes: object, read_bytes: ReadBytes) -> None:
    matrix = (name("numpy.matrix"), *ARRAY[1:])
    program = call(CREATE, RECONSTRUCT, matrix, STATE, attributes)
    (found,) = read_bytes(b"\x80\x04" + program + b".").of(PickleProgram)
    assert not found.defects


@pytest.mark.parametrize("attributes", [STATE, call("collections.OrderedDict", [STATE])], ids=["state", "computed"])
def test_attributes_that_are_no_plain_mapping_are_judged_as_a_state(attributes: object, read_bytes: ReadBytes) -> None:
    (found,) = read_bytes(b"\x80\x04" + call(CREATE, RECONSTRUCT, ARRAY, STATE, attributes) + b".").of(PickleProgram)
    assert [each.kind for each in found.defects] == [PickleDefect.FORGED_STATE]


def import_module(module: str) -> bytes:
    """Return opcodes that import a module as dill did before version 0.3.6."""
    return call("dill._dill._import_module", module)


def get_attribute(module: str, attribute: str) -> bytes:
    """Return opcodes that take an attribute of a module as dill did before version 0.3.6."""
    return call("dill._dill._get_attr", import_module(module), attribute)


@pytest.mark.parametrize(
    "module", ["numpy._core._multiarray_umath", "numpy.core._multiarray_umath", "numpy.core.multiarray"]
)
def test_array_of_an_older_dill_is_as_harmless(module: str, read_bytes: ReadBytes) -> None:
    assert find_acts(call(CREATE, get_attribute(module, "_reconstruct"), ARRAY, STATE, None), read_bytes) == []
    number = call(get_attribute(module, "scalar"), call("numpy.dtype", "f4", False, True), b"C\x04" + bytes(4))
    assert find_acts(number, read_bytes) == []
    stored_once = import_module(module) + b"q\x010" + call("dill._dill._get_attr", b"h\x01", "scalar")
    assert find_acts(stored_once + b"0h\x01", read_bytes) != []


@pytest.mark.parametrize(
    ("module", "attribute"),
    [
        ("os", "system"),
        ("numpy._core._multiarray_umath", "eval"),
        ("numpy._core._multiarray_umath", "add"),
        ("numpy._core.multiarray.os", "_reconstruct"),
        ("builtins", "_reconstruct"),
        ("numpy.core", "multiarray"),
    ],
)
def test_other_look_ups_of_an_older_dill_are_found(module: str, attribute: str, read_bytes: ReadBytes) -> None:
    assert find_acts(call(get_attribute(module, attribute), "id"), read_bytes) != []
    assert find_acts(call(CREATE, get_attribute(module, attribute), ARRAY, STATE), read_bytes) != []


def test_module_or_function_that_dill_looks_up_by_a_computed_name_is_found(read_bytes: ReadBytes) -> None:
    computed = call("operator.add", "_recon", "struct")
    module = import_module("numpy._core.multiarray")
    assert find_acts(call("dill._dill._get_attr", module, computed), read_bytes) != []
    assert find_acts(call("dill._dill._get_attr", module, "_reconstruct", 1), read_bytes) != []
    assert find_acts(call("dill._dill._get_attr", name("os" + ".path"), "_reconstruct"), read_bytes) != []
    assert find_acts(call("dill._dill._import_module", computed), read_bytes) != []
    assert find_acts(call("dill._dill._import_module", "numpy._core.multiarray", True), read_bytes) != []
    assert find_acts(module, read_bytes) != []
