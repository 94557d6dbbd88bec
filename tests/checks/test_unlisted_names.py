"""An unlisted name leaves an absence in every format, and a rule that is left out never turns a finding into a pass."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from support.fixtures import fixture_path
from support.mentions import INVENTED, Place, keep_invented, places_of
from support.reading import BytesWindow

import modelaudit
from modelaudit.audit import Audit
from modelaudit.catalogue import load_catalogue
from modelaudit.formats.registry import FACTS
from modelaudit.model.artifact import Artifact, ModelRef, RefKind, Snapshot
from modelaudit.model.catalogue import Catalogue, FindingRule, Unlisted
from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.limits import Limits
from modelaudit.model.reading import Structure
from modelaudit.model.report import Coverage, Verdict
from modelaudit.pipeline import ArtifactReading
from modelaudit.policy.gate import decide

CATALOGUE = load_catalogue(formats=FACTS)
POLICY = replace(CATALOGUE.policies["default"], checks=(CheckFamily.SECURITY, CheckFamily.INTEGRITY))
LISTED = Path(__file__).with_name("mentions.tsv").read_text(encoding="utf-8")
FIXTURE_OF = {Place(*line.split("\t")[:3]): line.split("\t")[3] for line in LISTED.splitlines()}
"""Every place in which a fixture names something, with the smallest fixture that does."""


@functools.cache
def read_fixture(name: str, is_alone: bool = False) -> ArtifactReading:
    """Read a fixture as a scan does: at its path below the folder of fixtures, or alone in its folder."""
    path = fixture_path(name)
    name = path.name if is_alone else name
    reading = ArtifactReading(Limits(artifact_seconds=60))
    window = BytesWindow(path.read_bytes())
    reading.run(Artifact(name, window.size, lambda: nullcontext(window)), hashing=False)
    return reading


class FixedReading(ArtifactReading):
    """What was read of a fixture, or a part of it, to be judged again."""

    def __init__(self, structures: list[tuple[str, Structure]], other: ArtifactReading | None = None) -> None:
        super().__init__(Limits())
        self.structures = structures
        if other is not None:
            self.unread, self.formats, self.members = list(other.unread), other.formats, other.members

    def run(self, artifact: Artifact, hashing: bool) -> tuple[()]:
        return ()


def judge_reading(reading: FixedReading, path: str, catalogue: Catalogue = CATALOGUE) -> Verdict:
    """The verdict on one artifact of which this was read."""
    artifact = Artifact(path, 1, lambda: nullcontext(BytesWindow(b"x")))
    audit = Audit(catalogue, POLICY, Limits(), lambda limits: reading)
    audit.examine(artifact)
    audit.check_references(Snapshot(ModelRef(RefKind.FILE, "test"), None, (artifact,), "test"))
    return decide(Coverage(tuple(audit.records)), audit.findings, POLICY).verdict


def is_quiet(place: Place) -> bool:
    declaration = CATALOGUE.declarations[place.vocabulary]
    return declaration.policy_of(place.use).unlisted is Unlisted.QUIET


def test_every_vocabulary_that_a_fixture_names_is_declared() -> None:
    assert {place.vocabulary for place in FIXTURE_OF} <= CATALOGUE.declarations.keys()


@pytest.mark.parametrize("place", sorted(FIXTURE_OF), ids=lambda each: f"{each.format}-{each.vocabulary}-{each.use}")
def test_unlisted_name_is_never_a_pass_unless_its_vocabulary_is_quiet(place: Place) -> None:
    found = [
        (address, structure)
        for address, structure in read_fixture(FIXTURE_OF[place]).structures
        if place in places_of(structure)
    ]
    assert found, f"{FIXTURE_OF[place]} no longer names anything there: derive tests/checks/mentions.tsv again"
    address, structure = found[0]
    reading = FixedReading([(address, keep_invented(structure, place))])
    verdict = judge_reading(reading, address.partition("!")[0])
    assert is_quiet(place) or verdict is not Verdict.PASS


@pytest.mark.parametrize(
    ("fixture", "name", "invented"),
    [
        ("mxnet/benign/model-symbol.json", b"FullyConnected", INVENTED.encode()),
        ("torch7/benign/layer.t7", b"nn.Linear", b"xx.Runner"),
    ],
)
def test_file_with_invented_name_is_incomplete(fixture: str, name: bytes, invented: bytes, tmp_path: Path) -> None:
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


def test_undeclared_vocabulary_leaves_an_absence() -> None:
    place = next(each for each in FIXTURE_OF if each.vocabulary == "git-stores")
    bare = replace(CATALOGUE, findings={}, declarations={})
    address, structure = next(
        each for each in read_fixture(FIXTURE_OF[place]).structures if place in places_of(each[1])
    )
    reading = FixedReading([(address, keep_invented(structure, place))])
    assert judge_reading(reading, address, bare) is Verdict.INCOMPLETE


def without(rule: str) -> Mapping[str, FindingRule]:
    return {id_: each for id_, each in CATALOGUE.findings.items() if id_ != rule}


DECISIVE = {
    id_: rule.fires
    for id_, rule in CATALOGUE.findings.items()
    if (rule.rule.check is CheckFamily.SECURITY and rule.rule.severity.rank >= Severity.HIGH.rank) or rule.leaves
}
del DECISIVE["code/deletes-at-import"]  # code/changes-files reports the same call with low severity
"""The rules whose finding fails or leaves an absence, with the fixtures in which they fire."""


@pytest.mark.parametrize("rule", sorted(DECISIVE))
def test_missing_rule_never_turns_its_fixture_into_a_pass(rule: str) -> None:
    fixture = next((name for name in DECISIVE[rule] if fixture_path(name).is_file()), None)
    if fixture is None:
        pytest.skip("it fires on whole folders only")
    read = read_fixture(fixture, is_alone=True)
    smaller = replace(CATALOGUE, findings=without(rule))
    assert judge_reading(FixedReading(read.structures, read), fixture_path(fixture).name, smaller) is not Verdict.PASS
