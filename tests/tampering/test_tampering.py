"""Each kind of tampering in each place is named, and ends with the right exit code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

import pytest
from hub.olah import run_olah
from support.catalogue import load_shipped
from support.command import run_command
from tampering.cases import CASES, Case, flip
from tampering.places import FILES, SHARDS, Place, run_scan
from tampering.signed_cases import SIGNED_CASES

ALL_CASES = [*CASES, *SIGNED_CASES]
TESTED_ELSEWHERE = {
    "integrity/changed-while-read": "test_scan.py",
    "integrity/lock-difference": "test_scan_lock.py",
    "integrity/reference-into-records": "checks/test_unlisted_names.py",
    "integrity/shard-unlisted": "test_silence.py",
    "integrity/signature-unchecked": "test_scan_signatures.py",
    "provenance/hub-scanner-alarm": "test_hub_scanners.py",
    "provenance/unpinned": "test_provenance.py",
}
"""The rules without a case of a scan, each with the test in which it fires."""


def group(case: Case) -> object:
    """Return a case as a parameter; a worker takes all cases of a place, and makes the model there once."""
    name = f"{case.place}: {case.operation}"
    return pytest.param(case, id=name, marks=pytest.mark.xdist_group(f"tampering {case.place}"))


def test_no_two_cases_have_the_same_place_and_operation_and_each_place_has_five() -> None:
    places = Counter(case.place for case in ALL_CASES)
    assert len({(case.place, case.operation) for case in ALL_CASES}) == len(ALL_CASES)
    assert (len(CASES) >= 40, len(SIGNED_CASES) >= 60) == (True, True)
    signed = {"signed", "attested", "sealed"}
    assert set(places) == {"cache", "wire", "local-dir", "git", "sidecars", "lock", "hub"} | signed
    assert min(places.values()) >= 5
    assert {case.code for case in ALL_CASES} == {1, 3}


def test_each_rule_of_integrity_and_provenance_has_a_case_or_a_test_elsewhere() -> None:
    patterns = {case.named.partition(" ")[0] for case in ALL_CASES if case.command == "scan"} - {"*", "*/*"}
    rules = [id_ for id_ in load_shipped().findings if id_.startswith(("integrity/", "provenance/"))]
    without = {id_ for id_ in rules if not any(fnmatch(id_, pattern) for pattern in patterns)}
    assert without == TESTED_ELSEWHERE.keys()
    tests = Path(__file__).parents[1]
    names = {id_.partition("/")[2]: (tests / file).read_text() for id_, file in TESTED_ELSEWHERE.items()}
    assert [name for name, text in names.items() if name not in text] == []


@pytest.mark.parametrize("case", [*map(group, ALL_CASES)])
def test_tampering_is_named_and_does_not_pass(case: Case, copy_place: Callable[[str], Place]) -> None:
    place = copy_place(case.place)
    place.options.extend(case.options)
    case.change(place)
    if case.command == "scan":
        done, named = run_scan(place)
        assert done.returncode == case.code, done.stdout + done.stderr
        assert [each for each in named if fnmatch(each, case.named)], named
        # A person finds the file on the terminal, too.
        assert fnmatch(done.stdout, f"*{case.named.split(' ', 1)[1]}*"), done.stdout
        return
    arguments = {
        "verify": ("verify", place.root),
        "verify --lock": ("verify", place.root, "--lock", place.lock),
        "lock --check": ("lock", "--check", place.lock),
    }
    done = run_command(*arguments[case.command], *place.options, COLUMNS="400")
    assert done.returncode == case.code, done.stdout + done.stderr
    lines = [re.sub(r"^\S+@\S+: ", "", line) for line in done.stdout.splitlines()]
    assert [line for line in lines if fnmatch(line, f"{case.named}*")], done.stdout


@pytest.mark.xdist_group("tampering olah")
def test_store_of_another_hub_that_was_changed_is_named(
    hub_home: Path, tmp_path: Path, point_client: Callable[[str], None], copy_place: Callable[[str], Place]
) -> None:
    place = copy_place("wire")
    with run_olah(tmp_path, {"acme/tiny": FILES}) as endpoint:
        point_client(endpoint)
        honest, _ = run_scan(place)
        assert honest.returncode == 0, honest.stdout
    (tmp_path / "other").mkdir()
    with run_olah(tmp_path / "other", {"acme/changed": FILES}) as endpoint:
        point_client(endpoint)
        place.target = "acme/changed"
        stored = [path for path in (tmp_path / "other/mirrors").rglob("lfs/objects/*/*/*") if path.is_file()]
        for path in stored:
            flip(path)
        done, named = run_scan(place)
    assert (done.returncode, len(stored)) == (1, 2), done.stdout
    assert f"integrity/digest-mismatch {SHARDS[0]}" in named
