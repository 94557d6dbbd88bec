"""Files of the Hub cache that a scan has proved wrong do not stay where the Hub's client finds them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hub.server import LoopbackHub
from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError
from support.fixtures import FIXTURES

import modelaudit
from modelaudit.model.report import AuditReport

WEIGHTS = next((FIXTURES / "safetensors/benign").glob("*.safetensors")).read_bytes()
FILES = {"config.json": b'{"model_type": "tiny"}', "model.safetensors": WEIGHTS, "copy.safetensors": WEIGHTS}


@pytest.fixture
def cached_snapshot(hub: LoopbackHub, hub_home: Path) -> Path:
    """The folder of a snapshot that the Hub's client fetched."""
    hub.add_repository("acme/tiny", files=FILES)
    return Path(snapshot_download("acme/tiny"))


def scan(target: str, offline: bool = False) -> AuditReport:
    """Scan without a second opinion."""
    return modelaudit.scan(target, second_opinion=False, offline=offline)


def flip_last_byte(path: Path) -> None:
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("way", ["hub", "offline", "folder", "file", "repository", "cache"])
def test_wrong_blob_is_renamed_and_the_client_fetches_the_right_bytes(
    cached_snapshot: Path, name: str, way: str
) -> None:
    blob = (cached_snapshot / name).resolve()
    flip_last_byte(blob)
    assert Path(hf_hub_download("acme/tiny", name, local_files_only=True)).read_bytes() != FILES[name]
    targets = {"folder": str(cached_snapshot), "file": str(cached_snapshot / name)}
    targets |= {"repository": str(cached_snapshot.parents[1]), "cache": str(cached_snapshot.parents[2])}
    report = scan(targets.get(way, "acme/tiny"), offline=way == "offline")
    assert report.exit_code == 1
    wrong = {each.artifact for each in report.findings if each.rule == "integrity/digest-mismatch"}
    assert name in {Path(path).name for path in wrong}
    assert any(f"renamed to '{blob.name}.rejected-1'" in note for note in report.target.notes)
    with pytest.raises(LocalEntryNotFoundError):
        hf_hub_download("acme/tiny", name, local_files_only=True)
    assert blob.with_name(f"{blob.name}.rejected-1").is_file()
    assert Path(hf_hub_download("acme/tiny", name)).read_bytes() == FILES[name]
    assert scan("acme/tiny", offline=True).exit_code == 0
    assert not scan_cache_dir(cached_snapshot.parents[2]).warnings


@pytest.mark.parametrize("way", ["repository", "cache", "snapshot", "offline"])
def test_plain_file_is_moved_wherever_its_snapshot_lies(cached_snapshot: Path, tmp_path: Path, way: str) -> None:
    if way in ("snapshot", "offline"):  # a link to another place is a snapshot for the client
        shutil.copytree(cached_snapshot, tmp_path / "elsewhere")
        shutil.rmtree(cached_snapshot)
        cached_snapshot.symlink_to(tmp_path / "elsewhere")
    place = cached_snapshot / "config.json"
    place.unlink()
    place.write_bytes(b"{}")
    targets = {
        "repository": cached_snapshot.parents[1],
        "cache": cached_snapshot.parents[2],
        "snapshot": cached_snapshot,
    }
    report = scan(str(targets.get(way, "acme/tiny")), offline=way == "offline")
    assert report.exit_code == 1
    assert any("contradicts its digest and was moved" in note for note in report.target.notes)
    with pytest.raises(LocalEntryNotFoundError):
        hf_hub_download("acme/tiny", "config.json", local_files_only=True)


def run_client(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command of the Hub's client."""
    command = [str(Path(sys.executable).with_name("hf")), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_command_of_the_client_finds_the_wrong_blobs_before_a_scan_and_only_missing_files_after_it(
    hub: LoopbackHub,
) -> None:
    hub.add_repository("acme/tiny", files=FILES)
    assert scan("acme/tiny").exit_code == 0  # the scan fetches the files, not the client
    verify = ("cache", "verify", "acme/tiny", "--fail-on-missing-files")
    right = run_client(*verify)
    assert right.returncode == 0, right.stderr
    snapshot = Path(snapshot_download("acme/tiny", local_files_only=True))
    flip_last_byte((snapshot / "config.json").resolve())
    flip_last_byte((snapshot / "model.safetensors").resolve())
    wrong = run_client(*verify)
    assert wrong.returncode == 1
    assert [name in wrong.stdout for name in ("expected", "Missing")] == [True, False]
    assert scan("acme/tiny", offline=True).exit_code == 1
    missing = run_client(*verify)
    assert missing.returncode == 1
    assert [name in missing.stdout for name in ("expected", "Missing", *FILES)] == [False, True, True, True, True]
    assert run_client("cache", "verify", "acme/tiny").returncode == 0  # a missing file is a warning to the client
    again = run_client("download", "acme/tiny", "--quiet")
    assert again.returncode == 0, again.stderr
    assert run_client(*verify).returncode == 0
    assert {name: (snapshot / name).read_bytes() for name in FILES} == FILES


@pytest.mark.counterpart
def test_transformers_loads_what_a_scan_fetched_and_never_what_a_scan_proved_wrong(
    hub: LoopbackHub, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch", reason="installed by make test unless TORCH= leaves it out")
    from transformers import AutoConfig, AutoModel, BertConfig, BertModel  # installed with the counterparts

    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    model = BertModel(BertConfig(vocab_size=16, max_position_embeddings=8, layer_norm_eps=0.25, **sizes))
    model.save_pretrained(tmp_path)
    hub.add_repository("acme/bert", tmp_path)
    assert scan("acme/bert").exit_code == 0

    def load(offline: bool) -> tuple[float, bool]:
        """Return a number of the configuration, and whether all weights are right."""
        config = AutoConfig.from_pretrained("acme/bert", local_files_only=offline)
        loaded = AutoModel.from_pretrained("acme/bert", local_files_only=offline, dtype="auto").state_dict()
        return config.layer_norm_eps, all(torch.equal(loaded[key], value) for key, value in model.state_dict().items())

    requests = len(hub.requests)
    assert load(offline=True) == (0.25, True)
    snapshot = Path(snapshot_download("acme/bert", local_files_only=True))
    config, weights = ((snapshot / name).resolve() for name in ("config.json", "model.safetensors"))
    changed = config.read_bytes().replace(b"0.25", b"0.75")
    for poison, loaded, message in (
        (lambda: config.write_bytes(changed), (0.75, True), "couldn't find them in the cached files"),
        (lambda: flip_last_byte(weights), (0.25, False), "does not appear to have a file named"),
    ):
        poison()
        assert load(offline=True) == loaded
        assert scan("acme/bert", offline=True).exit_code == 1
        with pytest.raises(OSError, match=message):
            load(offline=True)
        assert len(hub.requests) == requests
        assert load(offline=False) == (0.25, True)
        assert load(offline=True) == (0.25, True)
        requests = len(hub.requests)
    assert scan("acme/bert", offline=True).exit_code == 0


def test_plain_file_that_contradicts_the_listing_is_moved_and_a_retargeted_link_removed(cached_snapshot: Path) -> None:
    (cached_snapshot / "config.json").unlink()
    (cached_snapshot / "config.json").write_bytes(b'{"model_type": "evil"}')
    (cached_snapshot / "model.safetensors").unlink()
    other = cached_snapshot.parents[1] / "blobs" / ("0" * 40)
    (cached_snapshot / "model.safetensors").symlink_to(os.path.relpath(other, cached_snapshot))
    other.write_bytes(b"x")
    report = scan(str(cached_snapshot))
    assert report.exit_code == 1
    rules = {(each.rule, each.artifact) for each in report.findings if each.rule.startswith("integrity")}
    assert rules == {
        ("integrity/digest-mismatch", "config.json"),
        ("integrity/digest-mismatch", "model.safetensors"),
        ("integrity/plain-cache-file", "config.json"),
    }
    for name, content in FILES.items():
        assert Path(hf_hub_download("acme/tiny", name)).read_bytes() == content


def test_link_to_a_right_blob_of_another_file_is_removed_and_the_blob_stays(cached_snapshot: Path) -> None:
    config = (cached_snapshot / "config.json").resolve()
    (cached_snapshot / "model.safetensors").unlink()
    (cached_snapshot / "model.safetensors").symlink_to(os.path.relpath(config, cached_snapshot))
    report = scan("acme/tiny", offline=True)
    assert report.exit_code == 1
    assert config.read_bytes() == FILES["config.json"]
    assert not os.path.lexists(cached_snapshot / "model.safetensors")


def test_cache_that_cannot_be_changed_is_named_in_the_notes(cached_snapshot: Path, hub_home: Path) -> None:
    blob = (cached_snapshot / "config.json").resolve()
    flip_last_byte(blob)
    locks = cached_snapshot.parents[2] / ".locks"
    for path in sorted(locks.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    locks.rmdir()
    locks.write_text("no folder\n")
    report = scan(str(cached_snapshot))
    assert report.exit_code == 1
    assert any("still holds the wrong bytes of 'config.json'" in note for note in report.target.notes)
    assert blob.is_file()


def test_note_on_a_plain_file_names_its_place_in_the_cache_and_no_folder_above(cached_snapshot: Path) -> None:
    for path in [each for each in cached_snapshot.iterdir() if each.is_symlink()]:
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
    flip_last_byte(cached_snapshot / "config.json")
    blobs = cached_snapshot.parents[1] / "blobs"
    shutil.rmtree(blobs)
    blobs.write_text("no folder\n")
    report = scan(str(cached_snapshot))
    (note,) = (each for each in report.target.notes if "still holds the wrong bytes" in each)
    assert f"delete 'models--acme--tiny/snapshots/{cached_snapshot.name}/config.json' there" in note


def test_contradicted_file_of_checksums_changes_nothing_in_the_cache(hub: LoopbackHub, hub_home: Path) -> None:
    hub.add_repository("acme/tiny", files={**FILES, "SHA256SUMS": f"{'0' * 64}  model.safetensors\n".encode()})
    report = scan("acme/tiny")
    assert report.exit_code == 1
    assert {each.rule for each in report.findings if each.rule.startswith("integrity")} == {
        "integrity/checksum-mismatch"
    }
    assert Path(hf_hub_download("acme/tiny", "model.safetensors", local_files_only=True)).read_bytes() == WEIGHTS


def test_blobs_on_another_disk_are_read_and_verified(cached_snapshot: Path, tmp_path: Path) -> None:
    blobs = cached_snapshot.parents[1] / "blobs"
    blobs.rename(tmp_path / "disk")
    blobs.symlink_to(tmp_path / "disk")
    assert scan(str(cached_snapshot)).exit_code == 0
    flip_last_byte((cached_snapshot / "config.json").resolve())
    report = scan(str(cached_snapshot))
    assert report.exit_code == 1
    assert any(".rejected-1" in note for note in report.target.notes)
    # A link from there to any other file is not followed.
    secret = tmp_path / "secret"
    secret.write_bytes(WEIGHTS)
    blob = (cached_snapshot / "model.safetensors").resolve()
    blob.unlink()
    blob.symlink_to(secret)
    reasons = {absence.unread.reason for _, absence in scan(str(cached_snapshot)).coverage.open_absences}
    assert "link-outside-root" in reasons
