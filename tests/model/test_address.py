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
    read_file_path,
    split_member,
    strip_content_and_ranges,
    write_file_address,
)

PATHS = st.text("abc./", min_size=1)
# Single characters would almost never make an escape or a range.
PIECES = ("a", "/", "!", "%", "%21", "%25", "25", "21", "[bytes 1-2]", "content", " ", "\\", "n", "5C", "%5C")
NAMES_WITH_MARKS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join)


@given(PATHS, PATHS, PATHS)
def test_address_of_nested_member_is_split_into_file_container_and_path(file: str, outer: str, inner: str) -> None:
    container = join_member(file, outer)
    address = join_member(container, inner)
    assert split_member(address) == (container, inner)
    assert (container_of(address), member_path(address)) == (container, inner)
    assert file_of(address) == file_of(file) == file
    assert is_member(address) and not is_member(file)
    assert lies_within(address, container) and lies_within(address, file) and not lies_within(file, file)


@given(st.lists(NAMES_WITH_MARKS, min_size=1, max_size=4))
def test_address_of_names_with_exclamation_and_percent_marks_splits_into_the_same_names(names: list[str]) -> None:
    address = write_file_address(names[0])
    for name in names[1:]:
        address = join_member(address, name)
    assert is_member(address) is (len(names) > 1)
    assert read_file_path(file_of(address)) == names[0]
    assert lies_within(address, write_file_address(names[0])) is (len(names) > 1)
    for name in reversed(names[1:]):
        container, found = split_member(address)
        assert found == name
        address = container
    assert split_member(address) == ("", names[0])


@given(st.lists(st.sampled_from(("a", "/", ".", "%", "%2", "%25", "2")), min_size=1).map("".join))
def test_percent_sign_in_a_file_name_without_an_escaped_exclamation_mark_is_not_escaped(name: str) -> None:
    assert write_file_address(name) == name


@given(NAMES_WITH_MARKS)
def test_names_that_differ_in_their_escapes_have_different_addresses(name: str) -> None:
    replacements = (("!", "%21"), ("%21", "!"), ("%25", "%"), ("%", "%25"), ("%2521", "%21"), ("%5C", "\\"))
    names = {name, *(name.replace(old, new) for old, new in replacements)}
    assert len({write_file_address(each) for each in names}) == len(names)


@given(st.lists(NAMES_WITH_MARKS, min_size=1, max_size=3))
def test_content_and_ranges_are_removed_only_as_whole_steps_at_the_end_of_an_address(names: list[str]) -> None:
    address = write_file_address(names[0])
    for name in names[1:]:
        address = join_member(address, name)
    expected = list(names)
    while len(expected) > 1 and expected[-1] in ("content", "[bytes 1-2]"):
        expected.pop()
    stripped = strip_content_and_ranges(address)
    parts: list[str] = []
    while is_member(stripped):
        stripped, name = split_member(stripped)
        parts.insert(0, name)
    assert [read_file_path(stripped), *parts] == expected


def test_removal_of_content_and_ranges_keeps_members_and_embedded_formats_in_the_address() -> None:
    chunk = join_member("store.zip", "c/0/0")
    assert strip_content_and_ranges(join_range(join_content(chunk), 10, 20)) == chunk
    assert strip_content_and_ranges(join_embedded(chunk, "pickle", 7)) == "store.zip!c/0/0!pickle@7"
