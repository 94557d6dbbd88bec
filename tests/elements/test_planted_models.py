"""Whole scans of planted models: with a full card, of a checkout without one, and of a GGUF file alone.

The models are those of ``benchmarks/document_cases/repositories.yaml``, which ``make bench-documents`` counts too.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from support.aibom_score import compute_score
from support.catalogue import load_shipped

from modelaudit.elements import judge_elements
from modelaudit.model.copies import replace
from modelaudit.model.elements import ElementList, ElementState
from modelaudit.model.report import AuditReport
from modelaudit.reports import render

ROOT = Path(__file__).resolve().parents[2]
MODELS: Final = "full", "checkout", "no origin", "gguf"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("planted models")]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, AuditReport]]:
    """The reports on the planted models, by name."""
    folder = tmp_path_factory.mktemp("planted")
    environment, path = dict(os.environ), list(sys.path)
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        from document_elements import drop_origin, scan_folder, scan_from_hub

        cases = yaml.safe_load((ROOT / "benchmarks/document_cases/repositories.yaml").read_text("utf-8"))
        licensed = {"LICENSE": (ROOT / "LICENSE").read_text("utf-8")}
        yield {
            "full": scan_from_hub(folder, cases["full"] | licensed, cases["dataset"]),
            "checkout": scan_folder(folder / "checkout", cases["checkout"] | licensed),
            "no origin": scan_folder(folder / "alone", drop_origin(cases["checkout"]) | licensed),
            "gguf": scan_folder(folder / "gguf", cases["gguf"]),
        }
    finally:
        sys.path[:] = path
        os.environ.clear()
        os.environ.update(environment)


def get_list(report: AuditReport, id_: str) -> ElementList:
    """Return one list of a report."""
    return next(each for each in report.elements if each.id == id_)


def list_absent(listed: ElementList) -> set[str]:
    """Return the ids of the absent elements."""
    return {each.id for each in listed.elements if each.state is ElementState.ABSENT}


def test_full_card_and_a_policy_with_an_organisation_give_every_automatable_element_of_the_g7(
    reports: Mapping[str, AuditReport],
) -> None:
    report = reports["full"]
    assert list_absent(get_list(report, "g7")) <= {"G7AI-MD-01"}
    named = replace(report, policy=replace(report.policy, organization="Acme Ltd"))
    judged = judge_elements(named, load_shipped().element_lists)
    assert [list_absent(each) for each in judged if each.id == "g7"] == [set()]


def test_scores_reach_what_the_models_allow(reports: Mapping[str, AuditReport]) -> None:
    scores = {name: get_list(report, "owasp").score or 0.0 for name, report in reports.items()}
    assert scores["full"] >= 85
    assert scores["gguf"] >= 55
    assert scores["checkout"] >= 55
    assert scores["no origin"] >= 55


@pytest.mark.parametrize("format", ["cyclonedx", "cyclonedx-1.7"])
@pytest.mark.parametrize("name", MODELS)
def test_displayed_score_is_that_of_the_lists_own_program_over_our_bill(
    reports: Mapping[str, AuditReport], name: str, format: str
) -> None:
    report = reports[name]
    bill: dict[str, Any] = json.loads(render(report, format))
    rules = next(each for each in load_shipped().element_lists if each.id == "owasp")
    score, counted = compute_score(bill, rules)
    shown = get_list(report, "owasp")
    present = {each.id for each in shown.elements if each.state is ElementState.PRESENT}
    assert present <= counted, "a field that the output shows is not in the bill"
    # The program takes ethical considerations and emissions for fields of other names; the notes of the list say so.
    assert counted - present <= {"safetyRiskAssessment", "energyConsumption"}
    assert shown.score is not None
    assert score >= shown.score
    if counted == present:
        assert score == shown.score


def test_every_present_element_names_a_value_and_a_place(reports: Mapping[str, AuditReport]) -> None:
    for report in reports.values():
        for listed in report.elements:
            for each in listed.elements:
                assert bool(each.sources) is (each.state in (ElementState.PRESENT, ElementState.PARTLY)), each.id
                assert all(source.value and source.place for source in each.sources), each.id


def test_folder_without_an_origin_fills_fields_from_its_own_files_alone(reports: Mapping[str, AuditReport]) -> None:
    fields = {each.id: each for each in get_list(reports["no origin"], "owasp").elements}
    assert {each.place for each in fields["external_references"].sources} == {"LICENSE"}
    # The last evaluation of the training, and no earlier one.
    (metric, *_) = fields["metric"].sources
    assert metric.place.startswith("eval_accuracy, trainer_state.json") and metric.confidence == "found"
    assert all("trainer_state.json" in each.place for each in fields["informationAboutTraining"].sources)
    assert all("config.json" in each.place for each in fields["informationAboutApplication"].sources)
    for id_ in ("suppliedBy", "description", "downloadLocation", "vcs", "intendedUse", "domain"):
        assert fields[id_].state is ElementState.ABSENT, id_


def test_folder_without_a_card_lacks_what_only_a_publisher_states(reports: Mapping[str, AuditReport]) -> None:
    absent = list_absent(get_list(reports["checkout"], "owasp"))
    assert absent >= {"ethicalConsiderations", "intendedUse", "technicalLimitations", "energyConsumption"}
    (file,) = (each for each in get_list(reports["checkout"], "g7").elements if each.id == "G7AI-MDL-07")
    assert file.sources[0].confidence == "verified"
