from __future__ import annotations

from collections.abc import Callable

from support.cases import check_each

from modelaudit.formats.pickles.pickle.trial import is_importable
from modelaudit.model.pickle import Name


@check_each(
    "module, qualname, is_valid",
    [
        ("os", "system", True),
        ("a.b", "C.d", True),
        ("größe", "wert", True),
        ("1a", "b", False),
        ("a b", "c", False),
        ("", "a", False),
        ("a.", "b", False),
    ],
)
def test_pickled_name_is_importable_only_if_its_parts_are_python_identifiers(
    module: str, qualname: str, is_valid: bool
) -> None:
    assert is_importable(Name(module, qualname)) == is_valid


def test_pickle_among_other_bytes_is_found_if_it_imports_a_module_with_a_non_ascii_name(
    read_bytes: Callable[..., object],
) -> None:
    module = "größe".encode()
    hidden = b"\x80\x04\x8c" + bytes((len(module),)) + module + b"\x8c\x04wert\x93)R."
    reading = read_bytes(b"\xff\xfe" * 40 + hidden + b"\xff" * 40)
    assert "file!pickle@80" in reading.formats  # type: ignore[attr-defined]
