"""A scan of a repository on the loopback Hub, and through Olah, an independent second server."""

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


def scan(target: str, **options: object) -> AuditReport:
    return modelaudit.scan(target, **{"second_opinion": False, **options})  # type: ignore[arg-type]


def test_download_verify_and_report(hub: LoopbackHub) -> None:
    repository = hub.add_repository("acme/tiny", files=TINY)
    report = scan("acme/tiny")
    assert report.exit_code == 0, report.findings
    assert report.target.kind is RefKind.MODEL
    assert report.target.commit == repository.sha
    assert {record.digest_state for record in report.coverage.artifacts} == {DigestState.MATCH}
    assert {record.path for record in report.coverage.artifacts} >= set(TINY)
    assert report.license.category == "permissive"


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_one_byte_changed_at_the_same_size_fails_and_names_the_file(hub: LoopbackHub, name: str) -> None:
    hub.add_repository("acme/tiny", files=TINY)
    hub.fault(name, tamper=True)
    report = scan("acme/tiny")
    assert report.exit_code == 1
    (finding,) = [finding for finding in report.findings if finding.rule == "integrity/digest-mismatch"]
    assert finding.artifact == name
    assert finding.severity == "critical"


def test_altered_cache_is_detected_offline(hub: LoopbackHub, hub_home: Path) -> None:
    hub.add_repository("acme/tiny", files=TINY)
    assert scan("acme/tiny").exit_code == 0
    requests = len(hub.requests)
    assert scan("acme/tiny", offline=True).exit_code == 0
    assert len(hub.requests) == requests
    (weights,) = [path for path in hub_home.rglob("model.safetensors") if "snapshots" in path.parts]
    blob = weights.resolve()
    content = bytearray(blob.read_bytes())
    content[-1] ^= 1
    blob.chmod(0o644)
    blob.write_bytes(content)
    report = scan("acme/tiny", offline=True)
    assert report.exit_code == 1
    assert [f.artifact for f in report.findings if f.rule == "integrity/digest-mismatch"] == ["model.safetensors"]


def test_dataset_branch_and_commit(hub: LoopbackHub) -> None:
    repository = hub.add_repository("acme/rows", files={"rows.json": "[1]"}, kind="dataset")
    first = repository.sha
    report = scan("datasets/acme/rows@main")
    assert (report.target.kind, report.target.commit) == (RefKind.DATASET, first)
    repository.commit({"rows.json": "[2]"}, message="more")
    assert scan(f"datasets/acme/rows@{first}").target.commit == first
    assert scan("datasets/acme/rows", revision="main").target.commit == repository.sha != first


def test_malicious_repository_fails(hub: LoopbackHub) -> None:
    hub.add_repository(
        "evil/model", files={"pytorch_model.bin": (FIXTURES / "pickle/malicious/os-system.pkl").read_bytes()}
    )
    report = scan("evil/model")
    assert report.exit_code == 1
    assert {"pickle/dangerous-call"} <= {finding.rule for finding in report.findings}


def test_link_to_own_license_file_is_inside(hub: LoopbackHub) -> None:
    link = f"{hub.endpoint}/acme/tiny/blob/main/LICENSE"
    card = f"---\nlicense: other\nlicense_name: acme\nlicense_link: https://huggingface.co/acme/tiny/blob/main/LICENSE\n---\n{link}\n"
    hub.add_repository("acme/tiny", files={**TINY, "LICENSE": "text\n", "README.md": card})
    assert "license/link-outside" not in {finding.rule for finding in scan("acme/tiny").findings}
    hub.add_repository("acme/other", files={**TINY, "README.md": card.replace("acme/tiny/blob", "someone/else/blob")})
    assert "license/link-outside" in {finding.rule for finding in scan("acme/other").findings}


@pytest.mark.slow
def test_scan_works_through_olah(
    olah_endpoint: Callable[[dict[str, Files]], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", olah_endpoint({"acme/tiny": TINY}))
    report = scan("acme/tiny")
    assert report.exit_code == 0, report.findings
    assert {record.digest_state for record in report.coverage.artifacts} == {DigestState.MATCH}
    assert report.target.commit
