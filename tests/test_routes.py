"""Every published way to evade a model scanner ends with the exit code that ``fixtures/routes.yaml`` lists."""

from __future__ import annotations

import functools
from collections import Counter
from pathlib import Path

import pytest
import yaml
from support.catalogue import load_shipped
from support.fixtures import FIXTURES

import modelaudit
from modelaudit.model.finding import Severity
from modelaudit.model.report import AuditReport

GROUPS = sorted(path.name for path in FIXTURES.joinpath("routes").iterdir())


@functools.cache
def read_routes() -> dict[str, dict[str, str | int]]:
    """Return each route by its id: path, source, mechanism, exit code, and reason where only an absence can be found."""
    routes: dict[str, dict[str, str | int]] = yaml.load(
        FIXTURES.joinpath("routes.yaml").read_bytes(), Loader=yaml.CSafeLoader
    )["routes"]
    return routes


# The least number of routes in each group.
LEAST_ROUTES = {"picklescan": 45, "fickling": 14, "memo-confusion": 8, "damage-after-payload": 12, "stream-tricks": 30,
            "loading-paths": 45, "exceptions": 10, "zip-layouts": 14, "tar-skipped": 12, "other-names": 15, "skops": 6,
            "sonatype-2025": 5, "jfrog-2025": 3, "nullifai": 3, "shadow-pickle": 3, "torch-script": 5,
            "torch-cve-2025-32434": 1, "torch-cve-2026-24747": 2, "stanza": 2, "frames": 5, "planted": 8,
            "cloudpickle": 3, "dill": 2, "interpreters": 1, "free-hugs": 1, "hide-and-seek": 4, "tensorflow-graphs": 30,
            "template-cve": 4, "template-names": 19, "template-evasions": 30, "template-costs": 6, "template-backdoors": 18,
            "template-places": 13, "code-more-names": 20, "code-more-data": 7, "code-more-files": 7, "code-more-libraries": 19,
            "code-more-compilers": 7, "code-more-trust": 11, "code-more-network": 9, "code-more-build": 10,
            "code-more-notebooks": 5}  # fmt: skip


def test_every_listed_attack_route_has_one_file_and_every_file_is_listed() -> None:
    files = {path.relative_to(FIXTURES).as_posix() for path in (FIXTURES / "routes").rglob("*") if path.is_file()}
    assert {route["path"] for route in read_routes().values()} == files
    assert all(str(route["path"]).startswith(f"routes/{id_}/") for id_, route in read_routes().items())


def test_every_group_of_attack_routes_has_at_least_its_required_number() -> None:
    numbers = Counter(id_.partition("/")[0] for id_ in read_routes())
    assert {group: numbers[group] for group, least in LEAST_ROUTES.items() if numbers[group] < least} == {}
    assert len(read_routes()) >= 280


def test_at_most_five_attack_routes_end_incomplete_and_each_states_a_reason() -> None:
    assert {route["exit"] for route in read_routes().values()} <= {1, 3}
    assert all(("reason" in route) == (route["exit"] == 3) for route in read_routes().values())
    assert sum(route["exit"] == 3 for route in read_routes().values()) <= 5


def test_every_advisory_in_the_gadget_list_is_the_source_of_an_attack_route() -> None:
    sources = " ".join(str(route["source"]) for route in read_routes().values())
    gadgets = Path(__file__).with_name("catalogue").joinpath("gadgets.txt").read_text(encoding="utf-8")
    advisories = {line.split()[0] for line in gadgets.splitlines() if line.startswith(("GHSA", "CVE"))}
    assert {advisory for advisory in advisories if advisory not in sources} == set()


@pytest.mark.parametrize("group", GROUPS)
def test_scan_of_an_attack_route_ends_with_its_listed_exit_code(group: str) -> None:
    routes = {id_: route for id_, route in read_routes().items() if id_.startswith(f"{group}/")}
    reports = {
        id_: modelaudit.scan(FIXTURES / str(route["path"]), second_opinion=False) for id_, route in routes.items()
    }
    missed = {
        id_: (report.exit_code, [f"{finding.rule}: {finding.message}" for finding in report.findings])
        for id_, report in reports.items()
        if report.exit_code != routes[id_]["exit"]
    }
    assert missed == {}
    assert [
        id_ for id_, report in reports.items() if report.exit_code == 1 and not has_severe_finding_with_evidence(report)
    ] == []


def has_severe_finding_with_evidence(report: AuditReport) -> bool:
    """Whether a rule of the catalogue has a finding of severity high or critical that quotes evidence."""
    severe = [finding for finding in report.findings if finding.severity in (Severity.HIGH, Severity.CRITICAL)]
    return any(finding.evidence and finding.rule in load_shipped().findings for finding in severe)
