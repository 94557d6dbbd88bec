"""Objects that are their own state, and sets under special names."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

import modelaudit

BUNCH = b"cstatsmodels.tools.tools\nBunch\n)\x81q\x01"
OWN_STATE = b"h\x01b."


def scan_exit_code(folder: Path, data: bytes) -> int:
    """Scan a pickle with the security check; return the exit code."""
    (folder / "model.pkl").write_bytes(pickle.PROTO + b"\x04" + data)
    return modelaudit.scan(folder / "model.pkl", second_opinion=False, checks=["security"]).exit_code


def encode_text(text: str) -> bytes:
    """Return the opcode that pushes a short text."""
    return pickle.SHORT_BINUNICODE + bytes([len(text)]) + text.encode()


def set_item(key: str, value: bytes) -> bytes:
    """Return the opcodes that set an item of the object on the stack."""
    return encode_text(key) + value + pickle.SETITEM


@pytest.mark.parametrize(
    ("items", "exit_code"),
    [
        (set_item("method", encode_text("filter")), 0),
        (set_item("method", b"cnumpy\nfloat64\n"), 0),
        (set_item("keys", b"cnumpy\nfloat64\n"), 1),
        (set_item("items", b"cbuiltins\nlist\n"), 1),
        (set_item("__class__", b"cbuiltins\nlist\n"), 1),
        (b"c_codecs\nencode\n" + encode_text("keys") + encode_text("latin1") + b"\x86Rcnumpy\nfloat64\ns", 1),
        (b"(" + b"".join(encode_text(f"a{index}") + b"K\x01" for index in range(40)) + b"u", 1),
        (b"cbuiltins\nlist\na", 1),
    ],
)
def test_object_that_is_its_own_state_has_the_attributes_of_its_items(
    items: bytes, exit_code: int, tmp_path: Path
) -> None:
    assert scan_exit_code(tmp_path, BUNCH + items + OWN_STATE) == exit_code


def test_object_made_with_arguments_hides_its_own_state(tmp_path: Path) -> None:
    made = b"cstatsmodels.tools.tools\nBunch\n}\x85\x81q\x01"
    assert scan_exit_code(tmp_path, made + OWN_STATE) == 1


@pytest.mark.parametrize(
    ("value", "exit_code"),
    [(b"cbuiltins\nset\n]\x85R", 0), (b"cbuiltins\nfrozenset\n]\x85R", 0), (b"cbuiltins\nset\n", 1)],
)
def test_set_under_a_special_name_is_data(value: bytes, exit_code: int, tmp_path: Path) -> None:
    made = b"copenff.nagl.lookups\nPropertyProvenance\n)\x81}"
    assert scan_exit_code(tmp_path, made + set_item("__fields_set__", value) + b"b.") == exit_code


MAPPING = b"ccollections\nOrderedDict\n)R"
COMPUTED = b"cbuiltins\ndict\n" + b"cbuiltins\nzip\n](\x8c\x0c__setstate__e](cbuiltins\nsum\ne\x86R" + b"\x85R"
ARRAY = b"cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"


@pytest.mark.parametrize(
    ("state", "exit_code"),
    [
        (b"N}\x86", 0),
        (COMPUTED, 1),
        (COMPUTED + b"N\x86", 1),
        (b"N" + COMPUTED + b"\x86", 1),
        (b"K\x00" + COMPUTED + b"\x86", 1),
        (b")" + COMPUTED + b"\x86", 1),
        (b"}" + COMPUTED + b"\x86", 1),
        (b"K\x02" + COMPUTED + b"\x86", 0),  # no loader accepts a number other than 0 there
        (ARRAY + b"\x89\x86", 0),
    ],
)
def test_part_of_a_pair_that_only_loading_makes_has_unknown_attributes(
    state: bytes, exit_code: int, tmp_path: Path
) -> None:
    assert scan_exit_code(tmp_path, MAPPING + state + pickle.BUILD + pickle.STOP) == exit_code


def test_compiled_class_takes_a_pair_with_an_object_for_its_state(tmp_path: Path) -> None:
    maker = b"cnumpy.random._pickle\n__bit_generator_ctor\ncnumpy.random._mt19937\nMT19937\n\x85R"
    assert scan_exit_code(tmp_path, maker + b"}" + MAPPING + b"\x86b.") == 0


@pytest.mark.parametrize("kind", ["BytesIO", "StringIO"])
@pytest.mark.parametrize("attributes", [b"N", COMPUTED])
def test_buffer_in_memory_with_computed_attributes_is_found(kind: str, attributes: bytes, tmp_path: Path) -> None:
    state = {"BytesIO": b"(C\x01aK\x00", "StringIO": b"(\x8c\x01a\x8c\x00K\x00"}[kind] + attributes + b"tb."
    exit_code = scan_exit_code(tmp_path, f"c_io\n{kind}\n".encode() + b")\x81" + state)
    assert exit_code == (attributes == COMPUTED)


ENCODED = b"c_codecs\nencode\n(\x8c\x01a\x8c\x06latin1tR"


@pytest.mark.parametrize(
    ("state", "exit_code"),
    [
        (b"(" + ENCODED + b"K\x00Nt", 0),  # as protocol 2, the default of torch.save, writes bytes
        (b"(" + ENCODED + b"K\x00}t", 0),
        (b"(" + ENCODED + b"K\x00" + COMPUTED + b"t", 1),
        (b"(" + ENCODED + b"K\x00NNt", 1),  # no buffer writes a fourth part, so none of them is passed over
    ],
)
def test_bytes_in_memory_may_be_the_result_of_a_call(state: bytes, exit_code: int, tmp_path: Path) -> None:
    assert scan_exit_code(tmp_path, b"c_io\nBytesIO\n)\x81" + state + b"b.") == exit_code


@pytest.mark.parametrize(
    ("key", "value", "exit_code"),
    [
        ("detach", b"cbuiltins\nsum\n", 1),
        ("byteswap", b"cbuiltins\nsum\n", 1),
        ("detach", b"csklearn.linear_model._base\nLinearRegression\n)\x81", 0),  # no object of it can be called
        ("detach", b"\x88", 0),
        ("attach", b"cbuiltins\nsum\n", 0),
    ],
)
def test_method_that_a_function_calls_on_any_object_is_planted(
    key: str, value: bytes, exit_code: int, tmp_path: Path
) -> None:
    made = b"csklearn.linear_model._base\nLinearRegression\n)\x81}" + set_item(key, value) + pickle.BUILD
    parameter = b"ctorch._utils\n_rebuild_parameter\n(" + made + b"\x88" + MAPPING + b"tR."
    assert scan_exit_code(tmp_path, parameter) == exit_code
