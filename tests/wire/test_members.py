from __future__ import annotations

import pytest
from support.cases import check_each

from modelaudit.wire.members import DefectLog, MemberPaths, check_link, check_name, find_gaps


def _kinds(log: DefectLog) -> list[str]:
    return [defect.kind for defect in log.defects()]


def test_defects_of_a_kind_are_limited_and_counted() -> None:
    log = DefectLog()
    for number in range(60):
        log.add("path-escape", str(number))
    log.add("nul-in-name", "one", 7, "a")
    assert _kinds(log) == ["path-escape"] * 50 + ["nul-in-name", "path-escape"]
    assert log.defects()[-1].detail == "10 more of this kind"


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
def test_name_is_judged_by_its_target(name: str, kinds: list[str]) -> None:
    log = DefectLog()
    check_name(name, 0, log)
    assert _kinds(log) == kinds


@pytest.mark.parametrize(
    ("target", "symbolic", "escapes"),
    [("../b", True, False), ("../../b", True, True), ("../b", False, True), ("/b", True, True), ("c:b", True, True)],
)
def test_a_symbolic_link_starts_from_its_own_folder(target: str, symbolic: bool, escapes: bool) -> None:
    log = DefectLog()
    check_link("a/link", target, 0, log, symbolic)
    assert _kinds(log) == ["path-escape"] * escapes


def test_members_of_one_name_are_numbered() -> None:
    paths = MemberPaths("m.zip")
    assert [paths.name_member(name) for name in ("a", "b", "a")] == ["m.zip!a", "m.zip!b", "m.zip!a#2"]
    assert paths.name_range(3, 9) == "m.zip![bytes 3-9]"


def test_gaps_are_ranges_without_member() -> None:
    assert list(find_gaps([(6, 8), (2, 4), (3, 5)], 10)) == [(0, 2), (5, 6), (8, 10)]
    assert list(find_gaps([(0, 20)], 10)) == []
