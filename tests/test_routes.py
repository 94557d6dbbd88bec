"""Every published way past a scanner of models ends with the exit that ``fixtures/routes.yaml`` lists for it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml
from support.fixtures import FIXTURES

import modelaudit
from modelaudit.catalogue import load_catalogue
from modelaudit.model.finding import Severity

ROUTES: dict[str, dict[str, str | int]] = yaml.safe_load((FIXTURES / "routes.yaml").read_text(encoding="utf-8"))[
    "routes"
]
# What every group of published routes has at least.
AT_LEAST = {"picklescan": 45, "fickling": 14, "memo-confusion": 8, "damage-after-payload": 12, "stream-tricks": 30,
            "loading-paths": 45, "exceptions": 10, "zip-layouts": 14, "tar-skipped": 12, "other-names": 15, "skops": 6,
            "sonatype-2025": 5, "jfrog-2025": 3, "nullifai": 3, "shadow-pickle": 3, "torch-script": 5,
            "torch-cve-2025-32434": 1, "torch-cve-2026-24747": 2, "stanza": 2, "frames": 5, "planted": 8,
            "cloudpickle": 3, "dill": 2, "interpreters": 1, "free-hugs": 1, "hide-and-seek": 4, "tensorflow-graphs": 30,
            "template-cve": 4, "template-names": 19, "template-evasions": 30, "template-costs": 6, "template-backdoors": 18,
            "template-places": 13, "code-more-names": 20, "code-more-data": 7, "code-more-files": 7, "code-more-libraries": 19,
            "code-more-compilers": 7, "code-more-trust": 11, "code-more-network": 9, "code-more-build": 10,
            "code-more-notebooks": 5}  # fmt: skip


def test_the_list_and_the_files_are_the_same() -> None:
    files = {path.relative_to(FIXTURES).as_posix() for path in (FIXTURES / "routes").rglob("*") if path.is_file()}
    assert {route["path"] for route in ROUTES.values()} == files
    assert all(str(route["path"]).startswith(f"routes/{id_}/") for id_, route in ROUTES.items())


def test_every_group_is_there() -> None:
    rows = Counter(id_.partition("/")[0] for id_ in ROUTES)
    assert {row: rows[row] for row, least in AT_LEAST.items() if rows[row] < least} == {}
    assert len(ROUTES) >= 280


def test_what_only_reports_an_absence_says_why() -> None:
    assert {route["exit"] for route in ROUTES.values()} <= {1, 3}
    assert all(("reason" in route) == (route["exit"] == 3) for route in ROUTES.values())
    assert sum(route["exit"] == 3 for route in ROUTES.values()) <= 5


def test_each_advisory_of_the_collection_is_a_route() -> None:
    named = " ".join(str(route["source"]) for route in ROUTES.values())
    gadgets = Path(__file__).with_name("catalogue").joinpath("gadgets.txt").read_text(encoding="utf-8")
    advisories = {line.split()[0] for line in gadgets.splitlines() if line.startswith(("GHSA", "CVE"))}
    # torch.load itself is what CVE-2025-32434 is about; the list of callables names it for that.
    assert {advisory for advisory in advisories if advisory not in named} == set()


@pytest.mark.parametrize("id_", sorted(ROUTES))
def test_route(id_: str) -> None:
    route = ROUTES[id_]
    report = modelaudit.scan(FIXTURES / str(route["path"]), second_opinion=False)
    told = [f"{finding.rule}: {finding.message}" for finding in report.findings]
    assert report.exit_code == route["exit"], (told, report.decision.reasons)
    if route["exit"] == 1:
        rules = load_catalogue().findings
        grave = [finding for finding in report.findings if finding.severity in (Severity.HIGH, Severity.CRITICAL)]
        assert any(finding.evidence for finding in grave if finding.rule in rules)
