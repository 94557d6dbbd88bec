"""An unlisted name leaves an absence in every format, and a rule that is left out never turns a finding into a pass."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

import pytest
from support.catalogue import READ_BY_CHECKS, load_shipped
from support.fixtures import fixture_path
from support.mentions import INVENTED, Place, find_places, keep_invented, list_places
from support.reading import BytesWindow

import modelaudit
from modelaudit.integrity.hashing import BeginHashing, Hashed, PendingHash
from modelaudit.model.artifact import Artifact, ModelRef, RefKind, Snapshot
from modelaudit.model.catalogue import Catalogue, FindingRule, Unlisted
from modelaudit.model.copies import replace
from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.license import ConclusionState, LicenseConclusion
from modelaudit.model.limits import Limits
from modelaudit.model.outline import References
from modelaudit.model.reading import Structure
from modelaudit.model.report import Coverage
from modelaudit.model.terms import LicenseCategory
from modelaudit.model.verdict import Verdict
from modelaudit.pipeline import ArtifactReading
from modelaudit.policy.gate import Evidence, decide_verdict
from modelaudit.scan_audit import ScanAudit

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = load_shipped()
POLICY = replace(CATALOGUE.policies["default"], checks=(CheckFamily.SECURITY, CheckFamily.INTEGRITY))

_GROUP = "unlisted names"
pytestmark = pytest.mark.xdist_group(_GROUP)
"""One worker reads the fixtures once for all of these tests."""


@functools.cache
def read_fixture(name: str, is_alone: bool = False) -> ArtifactReading:
    """Read a fixture as a scan does: at its path below the folder of fixtures, or alone in its folder."""
    path = fixture_path(name)
    name = path.name if is_alone else name
    reading = ArtifactReading(Limits(artifact_cpu_seconds=60))
    window = BytesWindow(path.read_bytes())
    reading.run(Artifact(name, window.size, lambda: nullcontext(window)))
    return reading


class FixedReading(ArtifactReading):
    """The reading of a fixture or of a part of it, to be judged again."""

    def __init__(self, structures: list[tuple[str, Structure]], other: ArtifactReading | None = None) -> None:
        super().__init__(Limits())
        self.structures = structures
        if other is not None:
            self.unread, self.formats, self.members = list(other.unread), other.formats, other.members

    def run(self, artifact: Artifact, begin_hashing: BeginHashing | None = None) -> PendingHash:
        return Hashed


def judge_reading(reading: FixedReading, path: str, catalogue: Catalogue = CATALOGUE) -> Verdict:
    """Return the verdict on one artifact with this reading."""
    artifact = Artifact(path, 1, lambda: nullcontext(BytesWindow(b"x")))
    audit = ScanAudit(catalogue, POLICY, Limits(), lambda limits: reading)
    audit.examine(artifact)
    audit.check_references(Snapshot(ModelRef(RefKind.FILE, "test"), None, (artifact,), "test"))
    coverage = Coverage(tuple(audit.records))
    nothing = LicenseConclusion(ConclusionState.NOT_CHECKED, LicenseCategory.UNKNOWN)
    return decide_verdict(Evidence(coverage, coverage, audit.findings, nothing, POLICY)).verdict


def is_in_quiet_vocabulary(place: Place) -> bool:
    """Whether an unlisted name at ``place`` is reported nowhere, as its vocabulary declares."""
    declaration = CATALOGUE.declarations[place.vocabulary]
    return declaration.policy_of(place.use).unlisted is Unlisted.QUIET


def replace_name(place: Place, fixture: str) -> tuple[str, Structure]:
    """Return the first structure of a fixture that mentions a name at ``place``, with an invented name in its place.

    Returns:
        The address of the structure, and the structure.
    """
    structures = read_fixture(fixture).structures
    address, structure = next((address, each) for address, each in structures if place in list_places(each))
    return address, keep_invented(structure, place)


def test_id_of_a_grouped_test_ends_with_its_group_if_xdist_distributes_by_group(request: pytest.FixtureRequest) -> None:
    is_grouped = getattr(request.config.option, "loadgroup", False)
    assert request.node.nodeid.endswith(f"@{_GROUP}") == is_grouped


def test_every_vocabulary_that_a_fixture_uses_is_declared() -> None:
    missing = sorted({place.vocabulary for place in find_places()} - CATALOGUE.declarations.keys())
    assert not missing, f"declare in rules/vocabularies.yaml: {', '.join(missing)}"


def test_each_vocabulary_has_a_fixture_that_mentions_a_name_for_it() -> None:
    unnamed = sorted(CATALOGUE.declarations.keys() - {place.vocabulary for place in find_places()} - READ_BY_CHECKS)
    assert not unnamed, f"no fixture has a Mention of the vocabulary {', '.join(unnamed)}: add one to a builder"


def test_vocabulary_without_a_mention_is_asked_for_by_a_check() -> None:
    checks = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "modelaudit/checks").glob("*.py"))
    assert [name for name in sorted(READ_BY_CHECKS) if f'"{name}"' not in checks] == []


def test_file_with_an_unlisted_name_does_not_pass_unless_its_vocabulary_leaves_that_unreported() -> None:
    passed = []
    for place, fixture in find_places().items():
        address, structure = replace_name(place, fixture)
        verdict = judge_reading(FixedReading([(address, structure)]), address.partition("!")[0])
        if verdict is Verdict.PASS and not is_in_quiet_vocabulary(place):
            passed.append(f"{place.format}: {place.vocabulary}, {place.use} ({fixture})")
    assert not passed, f"an unlisted name passes in {'; '.join(passed)}: declare the vocabulary 'unlisted: absent'"


@pytest.mark.parametrize(
    ("fixture", "name", "invented"),
    [
        ("mxnet/benign/model-symbol.json", b"FullyConnected", INVENTED.encode()),
        ("torch7/benign/layer.t7", b"nn.Linear", b"xx.Runner"),  # as long as the name, whose length the file states
    ],
)
def test_verdict_on_a_file_with_an_invented_name_is_incomplete(
    fixture: str, name: bytes, invented: bytes, tmp_path: Path
) -> None:
    source = fixture_path(fixture)
    data = source.read_bytes()
    assert name in data
    renamed = tmp_path / source.name
    renamed.write_bytes(data.replace(name, invented))
    assert modelaudit.scan(source, second_opinion=False).exit_code == 0
    report = modelaudit.scan(renamed, second_opinion=False)
    assert report.exit_code == 3
    assert {finding.rule for finding in report.findings if finding.check is CheckFamily.SECURITY} == {
        "coverage/unverified-name"
    }


def test_undeclared_vocabulary_makes_the_verdict_incomplete() -> None:
    place, fixture = next((place, name) for place, name in find_places().items() if place.vocabulary == "git-stores")
    without_declarations = replace(CATALOGUE, findings={}, declarations={})
    address, structure = replace_name(place, fixture)
    assert judge_reading(FixedReading([(address, structure)]), address, without_declarations) is Verdict.INCOMPLETE


def omit_rule(rule: str) -> Mapping[str, FindingRule]:
    """Return the shipped rules except one."""
    return {id_: each for id_, each in CATALOGUE.findings.items() if id_ != rule}


def scan_folder(folder: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> Verdict:
    """Return the verdict on ``folder`` with ``catalogue`` in place of the shipped rules."""
    monkeypatch.setattr("modelaudit.options.load_catalogue", lambda **options: catalogue)
    return modelaudit.scan(folder, second_opinion=False).decision.verdict


def write_linked_data(folder: Path) -> Path:
    """Write a graph whose external data has a second name outside of its folder."""
    model = folder / "model"
    model.mkdir()
    for source in fixture_path("onnx/benign/external").iterdir():
        (model / source.name).write_bytes(source.read_bytes())
        if source.suffix != ".onnx":
            os.link(model / source.name, folder / source.name)
    return model


def write_linked_buffer(folder: Path) -> Path:
    """Write a TensorFlow Lite model whose external buffer has a second name outside of its folder."""
    model = folder / "model"
    model.mkdir()
    fixture = "tflite/malicious/external-missing.tflite"
    (model / "model.tflite").write_bytes(fixture_path(fixture).read_bytes())
    groups = [structure for _, structure in read_fixture(fixture).structures if isinstance(structure, References)]
    for reference in (reference for group in groups for reference in group.items):
        (model / reference.target).write_bytes(bytes(reference.min_size))
        os.link(model / reference.target, folder / reference.target)
    return model


def write_outside_link(folder: Path) -> Path:
    """Write a folder with a link to a file outside of it."""
    model = folder / "model"
    model.mkdir()
    (folder / "outside.txt").write_text("text", encoding="utf-8")
    (model / "inside.txt").symlink_to(folder / "outside.txt")
    return model


def write_file_with_control_character(folder: Path) -> Path:
    """Write a file whose name contains the character that starts escape sequences of terminals."""
    (folder / "a\x1b[31m.txt").write_text("text", encoding="utf-8")
    return folder


def write_index_without_shard(folder: Path) -> Path:
    """Write an index of weights that names a file which is not there; return the folder."""
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-00001-of-00002.safetensors"}}')
    return folder


def write_name_of_git_object(folder: Path) -> Path:
    """Write a checkout of git with a module that names an object of it; return the folder."""
    (folder / ".git").mkdir()
    (folder / ".git/HEAD").write_text("ref: refs/heads/main\n")
    (folder / "modeling.py").write_text('WEIGHTS = ".git/objects/ab/cdef"\n')
    return folder


WITHOUT_FIXTURE = {
    "integrity/shard-absent": write_index_without_shard,
    "integrity/reference-into-records": write_name_of_git_object,
    "document/deceptive-name": write_file_with_control_character,
    "coverage/link-outside-root": write_outside_link,
    "onnx/external-data-hard-link": write_linked_data,
    "tflite/external-data-hard-link": write_linked_buffer,
}
"""Decisive rules about links, names and bookkeeping, with the function that writes a folder for each."""
FALLBACKS = {id_ for id_, rule in CATALOGUE.findings.items() if rule.is_fallback}
DECISIVE = {
    id_: rule.fires
    for id_, rule in CATALOGUE.findings.items()
    if (rule.rule.check is CheckFamily.SECURITY and rule.rule.severity.rank >= Severity.HIGH.rank) or rule.leaves
}
"""The rules whose finding fails or leaves an absence, with the fixtures in which they fire."""


def judge_fixture_of_rule(rule: str, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> Verdict:
    """Return the verdict with ``catalogue`` on the first file, or else the first folder, in which a rule fires."""
    fixture = next((name for name in DECISIVE[rule] if fixture_path(name).is_file()), None)
    if fixture is None:
        return scan_folder(fixture_path(DECISIVE[rule][0]), catalogue, monkeypatch)
    reading = read_fixture(fixture, is_alone=True)
    return judge_reading(FixedReading(reading.structures, reading), fixture_path(fixture).name, catalogue)


REPORTED_BELOW = dict.fromkeys(("code/removes-guard", "code/replaces-builtin"), "code/reaches-into-interpreter")
"""Rules that raise names which another rule reports with a lower severity; without the first, the second remains."""


@pytest.mark.parametrize(
    "rule", sorted(id_ for id_, fixtures in DECISIVE.items() if fixtures and id_ not in REPORTED_BELOW)
)
def test_fixture_of_a_rule_that_can_decide_a_verdict_does_not_pass_when_that_rule_is_missing(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_rule = replace(CATALOGUE, findings=omit_rule(rule))
    assert judge_fixture_of_rule(rule, without_rule, monkeypatch) is not Verdict.PASS


@pytest.mark.parametrize(("rule", "other"), sorted(REPORTED_BELOW.items()))
def test_name_that_a_rule_raises_is_still_reported_when_that_rule_is_missing(rule: str, other: str) -> None:
    (fixture,) = DECISIVE[rule]
    report = modelaudit.scan(fixture_path(fixture), second_opinion=False)
    assert rule in {finding.rule for finding in report.findings}
    assert CATALOGUE.findings[other].rule.severity.rank < CATALOGUE.findings[rule].rule.severity.rank
    assert other in {finding.rule for finding in report.findings}


@pytest.mark.parametrize("rule", sorted(WITHOUT_FIXTURE))
def test_folder_with_a_link_or_a_deceptive_name_does_not_pass_when_the_rule_about_it_is_missing(
    rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = WITHOUT_FIXTURE[rule](tmp_path)
    report = modelaudit.scan(model, second_opinion=False)
    assert rule in {finding.rule for finding in report.findings}
    assert scan_folder(model, replace(CATALOGUE, findings=omit_rule(rule)), monkeypatch) is not Verdict.PASS


def test_rule_that_can_decide_a_verdict_has_a_fixture_or_is_a_fallback_or_listed_without_one() -> None:
    missing = sorted({id_ for id_, fixtures in DECISIVE.items() if not fixtures} - WITHOUT_FIXTURE.keys() - FALLBACKS)
    assert not missing, f"{', '.join(missing)}: name a fixture under fires, or a function in WITHOUT_FIXTURE"


@pytest.mark.parametrize("rule", sorted(DECISIVE.keys() - WITHOUT_FIXTURE.keys() - FALLBACKS))
def test_fixture_of_a_rule_that_can_decide_a_verdict_does_not_pass_when_all_rules_are_missing(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_rules = replace(CATALOGUE, findings={})
    assert judge_fixture_of_rule(rule, without_rules, monkeypatch) is not Verdict.PASS
