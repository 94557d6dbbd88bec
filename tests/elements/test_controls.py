"""The evidence of a report for controls of published catalogues."""

from __future__ import annotations

import re

import pytest
from support.cases import check_each
from support.catalogue import load_shipped
from support.scans import scan_fixture

from modelaudit.catalogue.controls import read_controls
from modelaudit.catalogue.document import Document, parse_text
from modelaudit.elements.controls import judge_controls
from modelaudit.model.artifact import RefKind
from modelaudit.model.copies import replace
from modelaudit.model.description import Confidence, Fact, ModelDescription, Topic
from modelaudit.model.digest import Claim, ClaimSource
from modelaudit.model.element_rules import ReportFact
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.finding import CheckFamily
from modelaudit.model.report import Coverage
from modelaudit.model.signature import Signature, SignatureMethod, SignatureState, Signer
from modelaudit.model.signoff import SignOff, SignOffAnswer, SignOffState

HEAD = "checked: 2026-11-29\nframeworks: {f: {title: F, read: r}}\n"
EVIDENCE = "evidence: {digest: [{needs: [files], says: 'files {files}'}]}\n"
CONTROL = "controls: [{framework: f, id: A, title: T, open: [x], supports: {digest: d}}]"


def judge(report):
    """Return the evidence of the shipped controls by their ids."""
    return {each.id: each for each in judge_controls(report, load_shipped().controls)}


def test_scan_fills_the_controls_with_figures_of_the_report():
    report = scan_fixture("gguf/benign")
    controls = {each.id: each for each in report.controls}
    assert {each.framework for each in report.controls} >= {"NIST SP 800-53 Rev. 5", "ISO/IEC 42001:2023 Annex A"}
    [digest] = [each for each in controls["SR-4(2)"].sentences if each.startswith("Digests of the bytes")]
    count = len(report.coverage.artifacts)
    assert f"{count} of {count}" in digest
    # Nothing was compared with a source, so that no digest is evidence of integrity, and nothing of the origin.
    assert not any(controls[id_].sentences for id_ in ("SI-7", "SR-4", "SR-4(3)", "SR-4(4)", "SI-7(15)", "A.10.3"))
    assert "unsigned models" in controls["SI-7(15)"].gap
    assert all(each.gap for each in report.controls)


def test_fact_that_the_report_lacks_is_evidence_for_no_control():
    report = scan_fixture("gguf/benign")
    bare = replace(report, findings=(), decision=replace(report.decision, coverage=Coverage((), unopened=3)))
    controls = judge(bare)
    assert controls["SI-7"].sentences == ()
    # A check that had no file, or that did not run, is no evidence; its extent alone is none either.
    assert controls["RTS 16(8)"].sentences == ()
    partial = replace(report, decision=replace(report.decision, coverage=replace(report.coverage, unopened=3)))
    assert "Extent of the check; files that were left closed: 3." in judge(partial)["RTS 16(8)"].sentences
    licence_alone = replace(partial, policy=replace(partial.policy, checks=(CheckFamily.LICENSE,)))
    assert not any(judge(licence_alone)[id_].sentences for id_ in ("SR-3", "RTS 16(8)", "A.6.2.4", "RTS 10(2)(b)"))


def test_origin_is_evidence_once_the_bytes_are_those_that_the_hub_states():
    report = scan_fixture("gguf/benign")
    record = report.coverage.artifacts[0]
    claim = Claim(record.digests[0], ClaimSource.HUB, "https://hub.example")
    target = replace(report.target, kind=RefKind.MODEL, name="acme/tiny", commit="a" * 40)
    for claims, shown in (((), False), ((claim,), True)):
        coverage = replace(report.coverage, artifacts=(replace(record, claims=claims),))
        hub = replace(report, target=target, decision=replace(report.decision, coverage=coverage))
        controls = judge(hub)
        assert bool(controls["SR-4"].evidence) is shown
        assert controls["SR-4"].contributions[:1] == (
            ("Repository, owner and commit, compared with the source",) if shown else ()
        )


def test_signature_counts_as_evidence_once_it_is_verified():
    report = scan_fixture("gguf/benign")
    signer = Signer(SignatureMethod.CERTIFICATE, "CN=models", "CN=root")
    for state, shown in ((SignatureState.UNCHECKED, False), (SignatureState.VERIFIED, True)):
        signature = Signature("m.sig", state, SignatureMethod.CERTIFICATE, "no root", signer if shown else None, 6)
        signed = replace(report, target=replace(report.target, signatures=(signature,)))
        assert bool(judge(signed)["SI-7(15)"].sentences) is shown, state


def test_sign_off_is_cited_apart_from_the_evidence_and_only_while_it_holds():
    report = scan_fixture("gguf/benign")
    answer = SignOff("0" * 64, SignOffAnswer.APPROVE, "read", "Jane Roe", "CISO", "", "2026-11-29", "2027-11-29",
                     SignOffState.VALID, "decisions.yaml:4")  # fmt: skip
    held = judge(replace(report, signoffs=(answer,)))["RTS 16(2)"]
    assert any("approved by Jane Roe (CISO)" in each for each in held.signed)
    assert not any("Jane Roe" in each for each in held.evidence)
    for state in (SignOffState.EXPIRED, SignOffState.OTHER_REPORT):
        assert judge(replace(report, signoffs=(replace(answer, state=state),)))["RTS 16(2)"].signed == ()


def test_value_with_braces_is_shown_as_it_is_and_many_values_are_counted():
    report = scan_fixture("gguf/benign")
    names = ["{evil.__class__}", "a", "b", "c", "d"]
    facts = tuple(Fact(Topic.LIBRARY, name, Confidence.FOUND, "requirements.txt") for name in names)
    [line] = judge(replace(report, description=ModelDescription(facts)))["A.4.4"].sentences
    assert line.endswith("libraries: {evil.__class__}, a, b, and 2 more.")


def test_no_word_names_a_report_fact_and_a_topic():
    assert not set(map(str, ReportFact)) & set(map(str, Topic))


def test_no_shipped_control_claims_to_be_met():
    report = scan_fixture("gguf/benign")
    words = " ".join(text for each in report.controls for text in (each.name, each.gap, *each.sentences))
    assert not re.search(r"complian|fulfil|satisf|certified|\bsafe\b|\bclean\b", words, re.IGNORECASE)


@check_each(
    "text, why",
    [
        (HEAD + EVIDENCE + CONTROL.replace("framework: f", "framework: g"), "framework: no 'g'"),
        (HEAD + EVIDENCE + CONTROL.replace("{digest: d}", "{lock: d}"), "no evidence 'lock'"),
        (HEAD + EVIDENCE.replace("[files]", "[filez]") + CONTROL, "no such fact"),
        (HEAD + EVIDENCE.replace("{files}", "{commit}") + CONTROL, "'commit' is not among its needs"),
        (HEAD + EVIDENCE.replace("{files}", "{files") + CONTROL, "write a fact as"),
        (HEAD + EVIDENCE + CONTROL.replace("title: T", "title: Fulfils it"), "states that a control is met"),
        (HEAD + EVIDENCE + CONTROL.replace("open: [x]", "open: []"), "open"),
        (HEAD + EVIDENCE + CONTROL.replace("]", "]").replace("controls: [", "controls: [{framework: f, id: A, title: T,"
         " open: [y]}, "), "listed already"),
    ],
)  # fmt: skip
def test_mistake_in_the_controls_is_reported_with_its_line(text, why):
    with pytest.raises(ConfigurationError, match=rf"c\.yaml:\d+: .*({why})"):
        read_controls([Document("c.yaml", text, parse_text(text, "c.yaml"))])


def test_each_report_is_judged_by_the_controls_that_are_given():
    report = scan_fixture("gguf/benign")
    texts = (HEAD + EVIDENCE + CONTROL, HEAD + EVIDENCE.replace("files {files}", "{files}") + CONTROL.replace("A", "B"))
    first, second = (read_controls([Document("c.yaml", text, parse_text(text, "c.yaml"))]) for text in texts)
    for _ in range(2):
        [one], [other] = judge_controls(report, first), judge_controls(report, second)
        assert (one.id, other.id) == ("A", "B")
        assert one.sentences[0].startswith("D; files files: ")
        assert other.sentences[0].startswith("D; files: ")


def test_further_file_cites_shipped_evidence_and_never_replaces_it():
    first = Document("c.yaml", text := HEAD + EVIDENCE + CONTROL, parse_text(text, "c.yaml"))
    own = HEAD + "evidence: {}\n" + CONTROL.replace("id: A", "id: B")
    merged = read_controls([first, Document("own.yaml", own, parse_text(own, "own.yaml"))])
    assert [each.id for each in merged.controls] == ["A", "B"]
    with pytest.raises(ConfigurationError, match=r"own\.yaml:\d+: .*'digest' is listed already"):
        read_controls([first, Document("own.yaml", text, parse_text(text, "own.yaml"))])
