from __future__ import annotations

import pytest

from modelaudit.model.catalogue import CallableEntry, Standing
from modelaudit.model.copies import replace
from modelaudit.model.named_entries import NamedEntries

TRUSTED = CallableEntry("", Standing.TRUSTED, "Makes a number.", "numbers")
DANGEROUS = CallableEntry("", Standing.DANGEROUS, "Runs a program.", "programs", effect="process")


def test_each_name_has_its_entry_in_the_order_of_the_list() -> None:
    entries = NamedEntries({"b.two": 0, "a.one": 1, "c.three": 0}, (TRUSTED, DANGEROUS))
    assert list(entries) == ["b.two", "a.one", "c.three"]
    assert dict(entries) == {
        "b.two": replace(TRUSTED, name="b.two"),
        "a.one": replace(DANGEROUS, name="a.one"),
        "c.three": replace(TRUSTED, name="c.three"),
    }
    assert entries["a.one"] is entries["a.one"]


def test_an_absent_name_has_none() -> None:
    entries = NamedEntries({"a.one": 0}, (TRUSTED,))
    assert ("a.two" in entries, entries.get("a.two"), len(entries)) == (False, None, 1)
    with pytest.raises(KeyError):
        entries["a.two"]


@pytest.mark.parametrize("index", [-1, 1])
def test_a_name_without_an_entry_is_an_error(index: int) -> None:
    with pytest.raises(ValueError, match="no entry"):
        NamedEntries({"a.one": index}, (TRUSTED,))
