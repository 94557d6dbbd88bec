"""Elements are present by a value from a named source alone, and the score follows the formula of its list."""

from __future__ import annotations

import pytest
from reports.conftest import SIGNED, build_fail_report
from support.cases import check_each
from support.catalogue import load_shipped

from modelaudit.elements import judge_elements, states_something
from modelaudit.elements.report_facts import list_sources
from modelaudit.elements.score import compute_score
from modelaudit.model.artifact import RefKind
from modelaudit.model.copies import replace
from modelaudit.model.description import Confidence, Fact, ModelDescription, Topic
from modelaudit.model.element_rules import ElementListRules, ReportFact
from modelaudit.model.elements import Element, ElementList, ElementState
from modelaudit.model.license import ConclusionState
from modelaudit.model.report import AuditReport, Coverage
from modelaudit.model.structure import Location

PRESENT, ABSENT = ElementState.PRESENT, ElementState.ABSENT


def declare(topic: Topic, value: str = "a value", **qualifiers: str) -> Fact:
    """Build a fact that line 7 of the card states."""
    return Fact(topic, value, Confidence.DECLARED, "README.md", Location(line=7), tuple(sorted(qualifiers.items())))


def judge(report: AuditReport, id_: str, *facts: Fact) -> dict[str, Element]:
    """Judge one list for a report with these facts, and return its elements by id."""
    described = replace(report, description=ModelDescription(facts))
    return {element.id: element for element in judge_list(described, id_).elements}


def judge_list(report: AuditReport, id_: str) -> ElementList:
    """Judge one list."""
    (found,) = judge_elements(report, [get_rules(id_)])
    return found


def get_rules(id_: str) -> ElementListRules:
    """Return the rules of a shipped list."""
    return next(each for each in load_shipped().element_lists if each.id == id_)


def build_folder() -> AuditReport:
    """Build a report on a folder that states nothing: no owner, commit, signature, licence or fact."""
    report = build_fail_report()
    target = replace(
        report.target, kind=RefKind.FOLDER, name="tiny", commit=None, provenance=None, signatures=(), origin="local"
    )
    hashed = tuple(each for each in report.coverage.artifacts if any(d.algorithm == "sha256" for d in each.digests))
    license_ = replace(report.license, claims=(), state=ConclusionState.UNDECLARED, expression="", own=())
    decision = replace(report.decision, coverage=Coverage(hashed))
    return replace(report, target=target, license=license_, decision=decision)


def test_folder_that_states_nothing_has_the_elements_of_the_run_and_the_bytes_alone() -> None:
    elements = judge(build_folder(), "g7")
    present = {id_ for id_, each in elements.items() if each.state is PRESENT}
    assert present == {
        *(f"G7AI-MD-{number:02}" for number in (2, 3, 4, 6, 7, 8, 9, 10)),
        *("G7AI-SLP-01", "G7AI-SLP-02", "G7AI-SLP-04", "G7AI-MDL-01", "G7AI-MDL-02", "G7AI-MDL-03", "G7AI-MDL-07"),
        *("G7AI-MDL-08", "G7AI-SP-04"),
    }
    assert {each.confidence for id_ in present for each in elements[id_].sources} == {"run", "verified", "declared"}
    assert all(element.why for element in elements.values() if element.state is not PRESENT)


def test_source_names_the_value_its_confidence_and_its_place() -> None:
    fact = Fact(Topic.ARCHITECTURE, "BertModel", Confidence.FOUND, "config.json", Location(key="architectures"))
    (source,) = judge(build_folder(), "owasp", fact)["typeOfModel"].sources
    assert (source.value, source.confidence, source.place) == ("BertModel", "found", "config.json, architectures")
    metric = declare(Topic.METRIC, "0.9", name="accuracy")
    assert judge(build_folder(), "owasp", metric)["metric"].sources[0].place == "accuracy, README.md:7"
    energy = judge(build_folder(), "owasp", declare(Topic.ENERGY, "3.4"))["energyQuantity"].sources[0]
    assert (energy.value, energy.place) == ("3.4", "kWh, README.md:7")
    (hub,) = judge(build_folder(), "owasp", replace(fact, artifact=""))["typeOfModel"].sources
    assert hub.place == "record of the Hub"


def test_strongest_source_comes_first() -> None:
    facts = (
        declare(Topic.ARCHITECTURE, "Said"),
        Fact(Topic.ARCHITECTURE, "Computed", Confidence.VERIFIED, "model.safetensors"),
        Fact(Topic.ARCHITECTURE, "Read", Confidence.FOUND, "config.json"),
    )
    sources = judge(build_folder(), "owasp", *facts)["typeOfModel"].sources
    assert [each.value for each in sources] == ["Computed", "Read", "Said"]


@check_each(
    "value",
    [
        "",
        " ",
        "unknown",
        "Unknown.",
        "NOASSERTION",
        "N/A",
        "[More Information Needed]",
        "**TBD**",
        "none",
        "-",
        "…".replace("…", "..."),
        "\u200b",
        "\\u200b",
        "\u2063 \u3164",
        "\u2800",
        "\u00ad",
        "&nbsp;",
        "???",
        "un\u200bknown",
    ],
)
def test_placeholder_states_nothing(value: str) -> None:
    assert not states_something(value)
    assert judge(build_folder(), "owasp", declare(Topic.LIMITATION, value))["technicalLimitations"].state is ABSENT


@check_each("value", ["other", "0", "no", "unknown-lm", "none of the data is personal"])
def test_value_that_begins_like_a_placeholder_states_something(value: str) -> None:
    assert states_something(value)


def test_element_of_several_parts_is_partly_present_while_one_is_missing_and_names_it() -> None:
    architecture = declare(Topic.ARCHITECTURE, "BertModel")
    half = judge(build_folder(), "eu-ai-act", architecture)["XI.1.1.d"]
    assert (half.state, half.missing_parts) == (ElementState.PARTLY, ("number of parameters",))
    assert [each.value for each in half.sources] == ["BertModel"]
    whole = judge(build_folder(), "eu-ai-act", architecture, declare(Topic.PARAMETERS, "110000000"))["XI.1.1.d"]
    assert whole.state is PRESENT
    assert [each.value for each in whole.sources] == ["BertModel", "110000000"]
    task = judge(build_folder(), "eu-ai-act", declare(Topic.TASK, "text-classification"))["XI.1.1.e"]
    assert (task.state, task.missing_parts) == (ElementState.PARTLY, ("format of input", "format of output"))
    tool = judge(build_folder(), "eu-ai-act", declare(Topic.LIBRARY, "transformers"))["XI.1.2.a"]
    assert (tool.state, tool.missing_parts) == (ElementState.PARTLY, ("instructions", "infrastructure"))


def test_matcher_with_a_qualifier_needs_it_and_takes_it_as_the_value() -> None:
    named = declare(Topic.DATASET, "acme/books", use="training")
    licensed = declare(Topic.DATASET, "acme/books", use="training", license="cc-by-4.0")
    assert judge(build_folder(), "g7", named)["G7AI-DP-10"].state is ABSENT
    (source,) = judge(build_folder(), "g7", licensed)["G7AI-DP-10"].sources
    assert (source.value, source.place) == ("cc-by-4.0", "acme/books, README.md:7")
    assert judge(build_folder(), "owasp", declare(Topic.TAG, "region:us"))["domain"].state is ABSENT
    assert judge(build_folder(), "owasp", declare(Topic.TAG, "Medical"))["domain"].state is PRESENT


def test_prose_on_data_is_a_description_and_a_name_is_none() -> None:
    name = declare(Topic.DATASET, "acme/books")
    prose = declare(Topic.DATASET, "We collected 3 million sentences from the books of our library.")
    states = {id_: judge(build_folder(), "g7", name)[id_].state for id_ in ("G7AI-DP-02", "G7AI-DP-06", "G7AI-DP-07")}
    assert set(states.values()) == {ABSENT}
    assert {judge(build_folder(), "g7", prose)[id_].state for id_ in states} == {PRESENT}


def test_owner_signer_and_policy_are_sources_of_their_elements() -> None:
    report = build_fail_report()
    report = replace(report, policy=replace(report.policy, organization="Acme Ltd", reviewer=""))
    elements = judge(report, "g7")
    assert [each.value for each in elements["G7AI-SLP-03"].sources] == [SIGNED.signer.name, "acme"]  # type: ignore[union-attr]
    assert elements["G7AI-SLP-03"].sources[0].confidence == "verified"
    assert [each.value for each in elements["G7AI-MD-01"].sources] == ["Acme Ltd"]
    unchecked = replace(report, target=replace(report.target, signatures=report.target.signatures[1:]))
    assert [each.value for each in judge(unchecked, "g7")["G7AI-SLP-03"].sources] == ["acme"]


def test_licence_that_refers_to_a_use_policy_answers_the_question_for_one() -> None:
    report = build_fail_report()
    assert judge(report, "eu-ai-act")["XI.1.1.b"].state is ABSENT
    entries = tuple(replace(each, policy_url="https://example.org/use") for each in report.license.entries)
    report = replace(report, license=replace(report.license, entries=entries))
    first = judge(report, "eu-ai-act")["XI.1.1.b"].sources[0]
    assert (first.value, first.confidence) == ("https://example.org/use", "found")
    assert first.place == "policy of LicenseRef-Llama-3.1, by LICENSE:1"


def test_every_fact_of_a_report_has_a_reader() -> None:
    for fact in ReportFact:
        assert isinstance(list(list_sources(build_fail_report(), fact)), list), fact


@check_each(
    "present, expected",
    [
        # Worked out by hand from the formula of the list.
        (None, (100.0, "advanced")),
        ((), (0.0, "")),
        (
            ("bomFormat", "specVersion", "serialNumber", "version", "name", "type", "component_version", "purl"),
            (26.8, ""),
        ),
        (("vocab_size",), (1.3, "")),
    ],
)
def test_score_follows_the_formula(present: tuple[str, ...] | None, expected: tuple[float, str]) -> None:
    rules = get_rules("owasp")
    wanted = {each.id for each in rules.elements} if present is None else set(present)
    elements = [
        Element(each.id, each.group, each.name, PRESENT if each.id in wanted else ABSENT) for each in rules.elements
    ]
    assert compute_score(rules, elements) == expected


def test_missing_critical_and_important_fields_lower_the_score() -> None:
    rules = get_rules("owasp")

    def score(without: set[str]) -> float:
        return compute_score(
            rules,
            [Element(e.id, e.group, e.name, ABSENT if e.id in without else PRESENT) for e in rules.elements],
        )[0]

    critical = ["primaryPurpose", "suppliedBy", "name", "type"]
    assert score(set(critical[:1])) == 96.0
    assert score(set(critical[:2])) == pytest.approx(0.9 * 92.0)
    important = {each.id for each in rules.elements if each.tier == "important"}
    # 3 of 7, 8 of 28 and 1 of 4 fields of their categories, and the factor for five or more.
    assert len(important) == 12
    assert score(important) == pytest.approx(round(0.95 * (20 + 20 + 11.4 + 21.4 + 7.5), 1))


def test_list_without_a_formula_has_no_score() -> None:
    assert judge_list(build_folder(), "g7").score is None
    with pytest.raises(ValueError, match="the list g7 has no formula"):
        compute_score(get_rules("g7"), [])
