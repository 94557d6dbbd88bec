"""Names of compiled modules, which are trusted within the arguments for which their source was read."""

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
