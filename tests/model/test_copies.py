"""Test that both kinds of frozen values are copied with other fields."""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import Any

import pytest
from msgspec import Struct

from modelaudit.model.copies import replace
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Location


@pytest.mark.parametrize(
    ("value", "changes"),
    [
        pytest.param(Limits(), {"depth": 3}, id="struct"),
        pytest.param(Location(line=1), {"line": 2}, id="dataclass of the report"),
    ],
)
def test_a_copy_has_the_given_fields_and_leaves_the_value_alone(value: Any, changes: dict[str, int]) -> None:
    ((name, number),) = changes.items()
    before = getattr(value, name)
    copy = replace(value, **changes)
    assert type(copy) is type(value)
    assert (getattr(copy, name), getattr(value, name)) == (number, before)
    assert replace(copy, **{name: before}) == value
    with pytest.raises(TypeError):
        replace(value, no_such_field=1)
    with pytest.raises(AttributeError):
        setattr(value, name, number)


def test_limits_are_a_struct_and_locations_a_dataclass() -> None:
    assert isinstance(Limits(), Struct)
    assert is_dataclass(Location())


def test_a_value_without_fields_is_refused() -> None:
    with pytest.raises(TypeError):
        replace("text", line=1)
