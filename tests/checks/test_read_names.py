"""Names that are trusted within the arguments for which their source was read, of compiled and renamed classes."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

import modelaudit

FOREST = b"cquantile_forest._quantile_forest_fast\nQuantileForest\n"
# numpy.core.multiarray._reconstruct(numpy.ndarray, (0,), b"b")
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
TRUE, FALSE, NONE = b"\x88", b"\x89", b"N"
UPDATER = b"carch.univariate.recursions\nGARCHUpdater\n"
UNPICKLE = b"carch.univariate.recursions\n__pyx_unpickle_GARCHUpdater\n"
NUMBERS = b"(G\xbf\xf0\x00\x00\x00\x00\x00\x00K\x00K\x01G@\x00\x00\x00\x00\x00\x00\x00K\x01t"


def scan_exit_code(folder: Path, data: bytes) -> int:
    """Scan a pickle with the security check; return the exit code."""
    (folder / "model.pkl").write_bytes(pickle.PROTO + b"\x04" + data + b".")
    return modelaudit.scan(folder / "model.pkl", second_opinion=False, checks=["security"]).exit_code


def pack_tuple(*values: bytes) -> bytes:
    """Return the opcodes of a tuple."""
    return b"(" + b"".join(values) + b"t"


@pytest.mark.parametrize(
    ("call", "exit_code"),
    [
        (FOREST + pack_tuple(ARRAY, ARRAY, ARRAY, FALSE) + b"R", 0),
        (FOREST + pack_tuple(ARRAY, ARRAY, ARRAY, FALSE) + b"R}b", 0),
        # With the flag, the state is asked for an object that makes an array.
        (FOREST + pack_tuple(ARRAY, ARRAY, ARRAY, TRUE) + b"R", 1),
        (FOREST + pack_tuple(ARRAY, ARRAY, ARRAY, b"K\x01") + b"R", 1),
        # The flag of an earlier release, or under its name.
        (FOREST + pack_tuple(ARRAY, ARRAY, TRUE) + b"R", 1),
        (FOREST + pack_tuple(ARRAY, ARRAY, TRUE) + b"\x81", 1),
        (FOREST + pack_tuple(ARRAY, ARRAY) + b"}\x8c\rsparse_pickle\x88s\x92", 1),
        (FOREST + pack_tuple(ARRAY, ARRAY, ARRAY) + b"}\x8c\rsparse_pickle\x88s\x92", 1),
        (UNPICKLE + UPDATER + b"J\x6d\x5c\x21\x07" + NUMBERS + b"\x87R", 0),
        # The function makes an object of whatever class it gets.
        (UNPICKLE + b"carch.univariate.recursions\nEWMAUpdater\n" + b"K\x01" + NUMBERS + b"\x87R", 1),
        (UPDATER + b"(K\x01K\x01K\x01K\x02tR", 1),
    ],
)
def test_call_of_a_compiled_name_is_trusted_with_the_arguments_that_were_read(
    call: bytes, exit_code: int, tmp_path: Path
) -> None:
    assert scan_exit_code(tmp_path, call) == exit_code


REBUILD = b"ctorch._tensor\n_rebuild_from_type_v2\n"
WRAPPER = b"ctorch._utils\n_rebuild_wrapper_subclass\n"
TENSOR = b"ctorchao.quantization\nInt8Tensor\n"
OTHER = b"ctorchao.quantization\nOtherTensor\n"
SIZES = b"K\x01\x85K\x01\x85K\x00NN\x89"  # and strides, an offset, a layout, a device, and no gradient
STATE = b"}\x8c\x05qdata\x8c\x01xs"


def rebuild_tensor(made: bytes, inner: bytes, number_type: bytes = b"ctorch\nfloat32\n", state: bytes = STATE) -> bytes:
    """Return the opcodes that make a tensor of the class ``made``, as torch saves one of class ``inner``."""
    return REBUILD + b"(" + WRAPPER + made + pack_tuple(inner, number_type, SIZES) + state + b"tR"


@pytest.mark.parametrize(
    ("data", "exit_code"),
    [
        (rebuild_tensor(TENSOR, TENSOR), 0),
        (rebuild_tensor(OTHER, TENSOR), 1),
        (rebuild_tensor(TENSOR, OTHER), 3),
        (rebuild_tensor(TENSOR, b"cos\nsystem\n"), 1),
        (rebuild_tensor(TENSOR, TENSOR, state=b"}\x8c\x08__call__cos\nsystem\ns"), 1),
    ],
)
def test_tensor_of_torchao_is_made_of_a_class_that_was_read(data: bytes, exit_code: int, tmp_path: Path) -> None:
    assert scan_exit_code(tmp_path, data) == exit_code


@pytest.mark.parametrize("arguments", [b")", b"K\x01\x85", ARRAY + b"\x85"])
def test_class_of_torchao_is_not_made_by_its_own_constructor(arguments: bytes, tmp_path: Path) -> None:
    assert scan_exit_code(tmp_path, TENSOR + arguments + b"\x81") == 1
    assert scan_exit_code(tmp_path, TENSOR + arguments + b"R") == 1
