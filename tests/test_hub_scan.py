"""Scans of repositories on the loopback Hub, and on Olah, an independent second server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hub.repository import Files
from hub.server import LoopbackHub
from support.fixtures import FIXTURES

import modelaudit
from modelaudit.model.artifact import RefKind
from modelaudit.model.report import AuditReport, DigestState

WEIGHTS = next((FIXTURES / "safetensors/benign").glob("*.safetensors")).read_bytes()
TINY: dict[str, bytes | str | Path] = {
    "README.md": "---\nlicense: apache-2.0\n---\n# Tiny\n",
    "NOTES.txt": "text\n",
    "config.json": '{"model_type": "tiny"}',
    "model.safetensors": WEIGHTS,
    "data/weights.pkl": (FIXTURES / "pickle/benign/data-protocol4.pkl").read_bytes(),
}


def scan_repository(target: str, **options: object) -> AuditReport:
    """Scan a repository without a second opinion, unless options say otherwise."""
    return modelaudit.scan(target, **{"second_opinion": False, **options})  # type: ignore[arg-type]


def test_digests_of_all_scanned_files_match_the_digests_of_the_hub(hub: LoopbackHub) -> None:
    repository = hub.add_repository("acme/tiny", files=TINY)
    report = scan_repository("acme/tiny")
    assert report.exit_code == 0, report.findings
    assert report.target.kind is RefKind.MODEL
    assert report.target.commit == repository.sha
    states = {record.path: record.digest_state for record in report.coverage.artifacts}
    assert states == {
        path: DigestState.MATCH if path.endswith((".safetensors", ".pkl")) else DigestState.MATCH_SHA1
        for path in states
    }
    assert {record.path for record in report.coverage.artifacts} >= set(TINY)
    assert report.license.category == "permissive"


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_file_with_one_changed_byte_fails_the_scan(hub: LoopbackHub, name: str) -> None:
    hub.add_repository("acme/tiny", files=TINY)
    hub.inject_fault(name, tamper=True)
    report = scan_repository("acme/tiny")
    assert report.exit_code == 1
    (finding,) = [finding for finding in report.findings if finding.rule == "integrity/digest-mismatch"]
    assert finding.artifact == name
    assert finding.severity == "critical"


def test_offline_scan_detects_an_altered_file_in_the_cache(hub: LoopbackHub, hub_home: Path) -> None:
    hub.add_repository("acme/tiny", files=TINY)
    assert scan_repository("acme/tiny").exit_code == 0
    online_requests = len(hub.requests)
    assert scan_repository("acme/tiny", offline=True).exit_code == 0
    assert len(hub.requests) == online_requests
    (weights,) = [path for path in hub_home.rglob("model.safetensors") if "snapshots" in path.parts]
    blob = weights.resolve()
    content = bytearray(blob.read_bytes())
    content[-1] ^= 1  # one bit of the last byte, so the size stays
    blob.chmod(0o644)
    blob.write_bytes(content)
    report = scan_repository("acme/tiny", offline=True)
    assert report.exit_code == 1
    assert [f.artifact for f in report.findings if f.rule == "integrity/digest-mismatch"] == ["model.safetensors"]


def test_dataset_is_scanned_at_the_requested_branch_or_commit(hub: LoopbackHub) -> None:
    repository = hub.add_repository("acme/rows", files={"rows.json": "[1]"}, kind="dataset")
    first = repository.sha
    report = scan_repository("datasets/acme/rows@main")
    assert (report.target.kind, report.target.commit) == (RefKind.DATASET, first)
    repository.commit({"rows.json": "[2]"}, message="more")
    assert scan_repository(f"datasets/acme/rows@{first}").target.commit == first
    assert scan_repository("datasets/acme/rows", revision="main").target.commit == repository.sha != first


def test_scan_of_a_hub_repository_with_a_malicious_pickle_fails(hub: LoopbackHub) -> None:
    hub.add_repository(
        "evil/model", files={"pytorch_model.bin": (FIXTURES / "pickle/malicious/os-system.pkl").read_bytes()}
    )
    report = scan_repository("evil/model")
    assert report.exit_code == 1
    assert {"pickle/dangerous-call"} <= {finding.rule for finding in report.findings}


def test_license_link_to_a_file_of_the_same_model_is_not_reported_as_outside(hub: LoopbackHub) -> None:
    # The front matter names the file on huggingface.co, and the text below it names the file on the Hub of this test.
    link = f"{hub.endpoint}/acme/tiny/blob/main/LICENSE"
    card = f"---\nlicense: other\nlicense_name: acme\nlicense_link: https://huggingface.co/acme/tiny/blob/main/LICENSE\n---\n{link}\n"
    hub.add_repository("acme/tiny", files={**TINY, "LICENSE": "text\n", "README.md": card})
    assert "license/link-outside" not in {finding.rule for finding in scan_repository("acme/tiny").findings}
    hub.add_repository("acme/other", files={**TINY, "README.md": card.replace("acme/tiny/blob", "someone/else/blob")})
    assert "license/link-outside" in {finding.rule for finding in scan_repository("acme/other").findings}


@pytest.mark.slow
def test_scan_through_an_olah_mirror_verifies_the_digests(
    olah_endpoint: Callable[[dict[str, Files]], str], hub_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", olah_endpoint({"acme/tiny": TINY}))
    report = scan_repository("acme/tiny")
    assert report.exit_code == 0, report.findings
    states = {record.path: record.digest_state for record in report.coverage.artifacts}
    assert states == {
        path: DigestState.MATCH if path.endswith((".safetensors", ".pkl")) else DigestState.MATCH_SHA1
        for path in states
    }
    assert report.target.commit
    # A wrong blob is taken out of the cache, and the next scan fetches the right one; an added file is unlisted.
    (weights,) = [path for path in hub_home.rglob("model.safetensors") if "snapshots" in path.parts]
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.resolve().write_bytes(content)
    (weights.parent / "modeling_evil.py").write_text("WIDTH = 5\n")
    rules = {(each.rule, each.artifact) for each in scan_repository("acme/tiny").findings}
    assert rules >= {
        ("integrity/digest-mismatch", "model.safetensors"),
        ("integrity/unlisted-code", "modeling_evil.py"),
    }
    (weights.parent / "modeling_evil.py").unlink()
    report = scan_repository("acme/tiny")
    assert (report.exit_code, weights.read_bytes()) == (0, WEIGHTS)
