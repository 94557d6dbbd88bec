from __future__ import annotations

import pytest
from support.cases import check_each

from modelaudit.wire.members import DefectLog, MemberPaths, check_link, check_name, find_gaps


def _list_kinds(log: DefectLog) -> list[str]:
    """Return the kind of each recorded defect."""
    return [defect.kind for defect in log.defects()]


def test_defect_log_keeps_50_defects_of_a_kind_and_counts_the_rest() -> None:
    log = DefectLog()
    for number in range(60):
        log.add("path-escape", str(number))
    log.add("nul-in-name", "one", 7, "a")
    assert _list_kinds(log) == ["path-escape"] * 50 + ["nul-in-name", "path-escape"]
    assert log.defects()[-1].detail == "10 more defects of this kind"


@check_each(
    "name, kinds",
    [
        ("a/b.pkl", []),
        ("a..b/c", []),
        ("../a", ["path-escape"]),
        ("/a", ["path-escape"]),
        ("c:a", ["path-escape"]),
        ("a\\..\\b", ["path-escape"]),
        ("a\\b", ["backslash-name"]),
        ("a\0/../b", ["path-escape", "nul-in-name"]),
    ],
)
def test_unsafe_name_of_an_archive_member_is_recorded_as_a_defect(name: str, kinds: list[str]) -> None:
    log = DefectLog()
    check_name(name, 0, log)
    assert _list_kinds(log) == kinds


@pytest.mark.parametrize(
    ("target", "symbolic", "escapes"),
    [("../b", True, False), ("../../b", True, True), ("../b", False, True), ("/b", True, True), ("c:b", True, True)],
)
def test_symbolic_link_target_is_resolved_from_the_link_folder_and_hard_link_target_from_the_root(
    target: str, symbolic: bool, escapes: bool
) -> None:
    log = DefectLog()
    check_link("a/link", target, 0, log, symbolic)
    assert _list_kinds(log) == ["path-escape"] * escapes


def test_member_with_a_repeated_name_gets_an_address_with_an_ordinal() -> None:
    paths = MemberPaths("m.zip")
    assert [paths.name_member(name) for name in ("a", "b", "a")] == ["m.zip!a", "m.zip!b", "m.zip!a#2"]
    assert paths.name_range(3, 9) == "m.zip![bytes 3-9]"


def test_gaps_are_the_byte_ranges_outside_all_members() -> None:
    assert list(find_gaps([(6, 8), (2, 4), (3, 5)], 10)) == [(0, 2), (5, 6), (8, 10)]
    assert list(find_gaps([(0, 20)], 10)) == []
