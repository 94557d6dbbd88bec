"""The pause of the search for garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from modelaudit.catalogue.garbage import pause_garbage_collection


@pytest.fixture(autouse=True)
def restore_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    yield
    (gc.enable if was_enabled else gc.disable)()


@pytest.mark.parametrize("is_enabled", [True, False])
def test_pause_leaves_the_search_for_garbage_as_it_was(is_enabled: bool) -> None:
    (gc.enable if is_enabled else gc.disable)()
    with pause_garbage_collection():
        assert not gc.isenabled()
    assert gc.isenabled() is is_enabled


def test_search_for_garbage_goes_on_after_an_error() -> None:
    gc.enable()
    with pytest.raises(ValueError), pause_garbage_collection():
        raise ValueError
    assert gc.isenabled()
