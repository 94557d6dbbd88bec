"""Addresses of members are joined from parts and split into them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelaudit.model.address import (
    container_of,
    file_of,
    is_member,
    join_content,
    join_embedded,
    join_member,
    join_range,
    lies_within,
    member_path,
    split_member,
    strip_content_and_ranges,
)

PATHS = st.text("abc./", min_size=1)


@given(PATHS, PATHS, PATHS)
def test_address_of_nested_member_is_split_into_file_container_and_path(file: str, outer: str, inner: str) -> None:
    container = join_member(file, outer)
    address = join_member(container, inner)
    assert split_member(address) == (container, inner)
    assert (container_of(address), member_path(address)) == (container, inner)
    assert file_of(address) == file_of(file) == file
    assert is_member(address) and not is_member(file)
    assert lies_within(address, container) and lies_within(address, file) and not lies_within(file, file)


def test_file_whose_name_begins_with_an_exclamation_mark_is_not_a_member() -> None:
    assert split_member("!c/0") == ("", "!c/0")
    assert file_of("!c/0") == "!c/0"


def test_address_without_content_and_ranges_keeps_members_and_embedded_formats() -> None:
    chunk = join_member("store.zip", "c/0/0")
    assert strip_content_and_ranges(join_range(join_content(chunk), 10, 20)) == chunk
    assert strip_content_and_ranges(join_embedded(chunk, "pickle", 7)) == "store.zip!c/0/0!pickle@7"
