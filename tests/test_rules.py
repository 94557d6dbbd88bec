"""Every rule against the fixtures that it names: where it must fire, and where it must not."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

import modelaudit
from modelaudit.catalogue import load_catalogue
from modelaudit.model.limits import Limits
from modelaudit.readers.registry import READERS

FIXTURES = Path(__file__).parents[1] / "fixtures"
RULES = load_catalogue().findings
# Which reader reads which folder; the reader for tensors reads what a container calls so.
FOLDERS = {"zip": "zip", "tensor-storage": "torch-zip"}


@functools.cache
def fired(fixture: str) -> frozenset[str]:
    report = modelaudit.scan(FIXTURES / fixture, second_opinion=False, limits=Limits(artifact_seconds=60))
    return frozenset(finding.rule for finding in report.findings)


def examples(kind: str) -> list[tuple[str, str]]:
    return [(id_, fixture) for id_, rule in sorted(RULES.items()) for fixture in getattr(rule, kind)]


@pytest.mark.parametrize(("rule", "fixture"), examples("fires"))
def test_fires(rule: str, fixture: str) -> None:
    assert rule in fired(fixture)


@pytest.mark.parametrize(("rule", "fixture"), examples("quiet"))
def test_is_quiet(rule: str, fixture: str) -> None:
    assert (FIXTURES / fixture).exists()
    assert rule not in fired(fixture)


@pytest.mark.parametrize(
    "rule", [id_ for id_ in RULES if id_.startswith(("pickle/", "safetensors/", "archive/", "document/"))]
)
def test_security_rules_name_fixtures_both_ways(rule: str) -> None:
    assert RULES[rule].fires or rule == "archive/odd-names"
    assert RULES[rule].quiet


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.format)
@pytest.mark.parametrize("kind", ["benign", "malicious", "truncated", "bomb"])
def test_every_format_has_its_four_kinds_of_fixture(reader: modelaudit.readers.base.Reader, kind: str) -> None:  # type: ignore[name-defined]
    folder = FIXTURES / FOLDERS.get(reader.format, reader.format) / kind
    assert any(folder.iterdir())


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in FIXTURES.glob("*/benign/*")}), ids=lambda path: path.parent.name
)
def test_benign_fixtures_are_quiet(folder: Path) -> None:
    report = modelaudit.scan(folder, second_opinion=False)
    missing = {absence.unread.detail.partition(":")[0] for _, absence in report.coverage.open_absences}
    # A TorchScript archive holds a program, which no reader judges yet.
    assert missing <= ({"Python source"} if folder.parent.name == "torch-zip" else set())
    assert report.exit_code in ((3,) if missing else (0,)), report.findings
    assert not [f for f in report.findings if not f.rule.startswith(("license/", "coverage/"))]
