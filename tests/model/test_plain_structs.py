"""Test that the structs of the verifier in one file act like those of the library."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import msgspec
import pytest
from msgspec import structs

from modelaudit.model import plain_structs


@pytest.fixture(params=[(msgspec, structs), (plain_structs, plain_structs)], ids=["library", "plain"])
def offers(request: pytest.FixtureRequest) -> tuple[ModuleType, ModuleType]:
    """The module with ``Struct`` and ``field``, and the one with the functions."""
    modules: tuple[ModuleType, ModuleType] = request.param
    return modules


def test_both_kinds_of_structs_act_alike(offers: tuple[Any, Any]) -> None:
    library, functions = offers

    class Place(library.Struct, frozen=True):
        name: str
        parts: list[int] = library.field(default_factory=list)
        digest: str = ""

        def __post_init__(self) -> None:
            functions.force_setattr(self, "digest", self.name.upper())

    first = Place("a")
    assert (first.name, first.parts, first.digest) == ("a", [], "A")
    assert first == Place("a", parts=[])
    assert first != Place("b")
    assert first.parts is not Place("a").parts
    assert functions.replace(first, name="c") == Place("c")
    with pytest.raises(AttributeError):
        first.name = "d"
    with pytest.raises(TypeError):
        Place("a", size=1)
    with pytest.raises(TypeError):
        functions.replace(first, size=1)


def test_both_kinds_hash_frozen_structs_alone(offers: tuple[Any, Any]) -> None:
    library, _ = offers

    class Fixed(library.Struct, frozen=True):
        name: str

    class Open(library.Struct, dict=True):
        name: str

    assert len({Fixed("a"), Fixed("a"), Fixed("b")}) == 2
    value = Open("a")
    value.name = "b"
    assert value == Open("b")
    with pytest.raises(TypeError):
        hash(value)
