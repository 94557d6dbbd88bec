from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from hub.server import LoopbackHub
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.model.artifact import Artifact, Digest, DigestAlgorithm, RefKind, Snapshot
from modelaudit.model.structure import UnreadReason
from modelaudit.sources import resolve_target
from modelaudit.sources.claims import explain_unstorable_name, parse_digest, parse_tree_record

FILES = {"config.json": "{}", "sub/model.safetensors": bytes(2000), "sub/deeper/a.txt": "a"}
LARGE = Digest(DigestAlgorithm.SHA256, hashlib.sha256(bytes(2000)).hexdigest())
SMALL = Digest(DigestAlgorithm.GIT_BLOB, hashlib.sha1(b"blob 2\0{}").hexdigest())


def by_path(snapshot: Snapshot) -> dict[str, Artifact]:
    return {artifact.path: artifact for artifact in snapshot.artifacts}


def read(artifact: Artifact) -> bytes:
    assert artifact.open is not None
    with artifact.open() as window:
        return window.read(0, window.size)


def reason(artifact: Artifact) -> UnreadReason:
    assert artifact.obstacle is not None
    return artifact.obstacle.reason


@pytest.fixture
def cached(hub: LoopbackHub, hub_home: Path) -> Path:
    """A snapshot's folder as the unmodified client makes it."""
    from huggingface_hub import snapshot_download

    hub.add_repository("acme/tiny", FILES)
    return Path(snapshot_download("acme/tiny"))


def test_snapshot_is_recognised_by_its_path(cached: Path, hub: LoopbackHub) -> None:
    before = len(hub.requests)
    snapshot = resolve_target(str(cached))
    assert snapshot.ref.kind is RefKind.CACHE
    assert snapshot.commit == cached.name
    assert (snapshot.origin, snapshot.root) == (str(cached), cached)
    assert snapshot.notes == (f"the folder is the Hub cache of models 'acme/tiny' at commit {cached.name}",)
    artifacts = by_path(snapshot)
    assert sorted(artifacts) == sorted(FILES)
    assert artifacts["config.json"].claimed == (SMALL,)
    assert artifacts["sub/model.safetensors"].claimed == (LARGE,)
    assert read(artifacts["sub/model.safetensors"]) == bytes(2000)
    assert len(hub.requests) == before


def test_blob_names_are_digest_claims_without_listing(cached: Path) -> None:
    shutil.rmtree(cached.parents[1] / "trees")
    snapshot = resolve_target(str(cached))
    assert by_path(snapshot)["config.json"].claimed == (SMALL,)
    assert by_path(snapshot)["sub/model.safetensors"].claimed == (LARGE,)
    assert "no listing of this commit" in snapshot.notes[1]


def test_folder_of_snapshot_is_resolved(cached: Path) -> None:
    snapshot = resolve_target(str(cached / "sub"))
    assert (snapshot.ref.kind, snapshot.commit, snapshot.root) == (RefKind.CACHE, cached.name, cached / "sub")
    artifacts = by_path(snapshot)
    assert sorted(artifacts) == ["deeper/a.txt", "model.safetensors"]
    assert artifacts["model.safetensors"].claimed == (LARGE,)


def test_file_of_snapshot_is_resolved(cached: Path) -> None:
    snapshot = resolve_target(str(cached / "sub" / "model.safetensors"))
    [artifact] = snapshot.artifacts
    assert (artifact.path, artifact.claimed, read(artifact)) == ("model.safetensors", (LARGE,), bytes(2000))
    assert (snapshot.ref.kind, snapshot.commit) == (RefKind.FILE, cached.name)


def test_copy_of_snapshot_is_a_plain_folder(cached: Path, tmp_path: Path) -> None:
    shutil.copytree(cached, tmp_path / "copy")
    snapshot = resolve_target(str(tmp_path / "copy"))
    assert (snapshot.ref.kind, snapshot.commit) == (RefKind.FOLDER, None)
    assert {artifact.claimed for artifact in snapshot.artifacts} == {()}


def test_cache_without_links_uses_claims_of_listing(cached: Path) -> None:
    for path in [path for path in cached.rglob("*") if path.is_symlink()]:
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
    artifacts = by_path(resolve_target(str(cached)))
    assert artifacts["config.json"].claimed == (SMALL,)
    assert artifacts["sub/model.safetensors"].claimed == (LARGE,)


def test_listed_file_that_is_missing_is_reported_as_unread(cached: Path) -> None:
    (cached / "config.json").unlink()
    blob = (cached / "sub" / "model.safetensors").resolve()
    blob.unlink()
    artifacts = by_path(resolve_target(str(cached)))
    assert reason(artifacts["config.json"]) is UnreadReason.CONTENT_ABSENT
    assert artifacts["config.json"].claimed == (SMALL,)
    assert reason(artifacts["sub/model.safetensors"]) is UnreadReason.LINK_DANGLING


def test_links_outside_the_cached_repository_are_not_followed(cached: Path, hub: LoopbackHub) -> None:
    from huggingface_hub import snapshot_download

    hub.add_repository("acme/other", {"other.json": "{1}"})
    other = Path(snapshot_download("acme/other"))
    secret = cached.parents[2] / "token"
    secret.write_text("hf_secret")
    (cached / "other").symlink_to((other / "other.json").resolve())
    (cached / "token").symlink_to("../../../token")
    (cached / "passwd").symlink_to("/etc/passwd")
    (cached / "blobs").symlink_to("../../blobs")
    artifacts = by_path(resolve_target(str(cached)))
    for name in ("other", "token", "passwd"):
        assert reason(artifacts[name]) is UnreadReason.LINK_OUTSIDE
    assert reason(artifacts["blobs"]) is UnreadReason.NOT_REGULAR


def test_chain_of_links_is_checked_to_its_end(cached: Path) -> None:
    blob = cached.parents[1] / "blobs" / SMALL.value
    blob.unlink()
    blob.symlink_to("/etc/passwd")
    assert reason(by_path(resolve_target(str(cached)))["config.json"]) is UnreadReason.LINK_OUTSIDE


def test_changed_blob_keeps_its_claim(cached: Path) -> None:
    (cached / "config.json").resolve().write_text("[]")
    config = by_path(resolve_target(str(cached)))["config.json"]
    assert (read(config), config.claimed) == (b"[]", (SMALL,))


def test_blobs_shared_between_repositories_are_read(cached: Path) -> None:
    """Laid out by the client's own functions, as after a download through Xet."""
    from huggingface_hub.utils import _shared_blobs

    cache, blob = cached.parents[2], cached.parents[1] / "blobs" / LARGE.value
    published = _shared_blobs.publish_blob_to_shared_store(
        blob_path=str(blob), xet_hash="ab" * 32, cache_dir=cache, expected_size=2000
    )
    assert published
    assert blob.is_symlink()
    weights = by_path(resolve_target(str(cached)))["sub/model.safetensors"]
    assert (read(weights), weights.claimed) == (bytes(2000), (LARGE,))


def test_unmarked_blob_store_is_outside(cached: Path) -> None:
    store = cached.parents[2] / "blobs" / "ab"
    store.mkdir(parents=True)
    (store / ("ab" * 32)).write_bytes(bytes(2000))
    blob = cached.parents[1] / "blobs" / LARGE.value
    blob.unlink()
    blob.symlink_to(f"../../blobs/ab/{'ab' * 32}")
    assert reason(by_path(resolve_target(str(cached)))["sub/model.safetensors"]) is UnreadReason.LINK_OUTSIDE


@pytest.mark.parametrize(
    "record", ["", "{", "[]", "{}", '{"format_version": 2, "files": {}}', '{"format_version": 1, "files": {"a": 3}}']
)
def test_damaged_listing_is_ignored(cached: Path, record: str) -> None:
    (cached.parents[1] / "trees" / f"{cached.name}.json").write_text(record)
    snapshot = resolve_target(str(cached))
    assert sorted(by_path(snapshot)) == sorted(FILES)
    assert "no listing of this commit" in snapshot.notes[1]


def test_linked_listing_is_not_followed(cached: Path, tmp_path: Path) -> None:
    record = cached.parents[1] / "trees" / f"{cached.name}.json"
    record.rename(tmp_path / "record")
    record.symlink_to(tmp_path / "record")
    assert "no listing of this commit" in resolve_target(str(cached)).notes[1]


def test_hostile_listed_names_are_only_reported(cached: Path) -> None:
    files = {name: {"size": -1, "blob_id": "zz"} for name in ("../evil", "/etc/passwd", "", "a\0b")}
    (cached.parents[1] / "trees" / f"{cached.name}.json").write_text(json.dumps({"format_version": 1, "files": files}))
    artifacts = by_path(resolve_target(str(cached)))
    for name in files:
        assert reason(artifacts[name]) is UnreadReason.CONTENT_ABSENT
        assert (artifacts[name].claimed, artifacts[name].size) == ((), 0)


def test_folder_that_resembles_a_cache_is_a_plain_folder(tmp_path: Path) -> None:
    for place in (f"models--a--b/snapshots/{'0' * 39}", f"a--b/snapshots/{'0' * 40}", f"models--a--b/{'0' * 40}"):
        (tmp_path / place).mkdir(parents=True)
        assert resolve_target(str(tmp_path / place)).ref.kind is RefKind.FOLDER


def test_local_dir_of_hub_client_is_a_plain_folder(hub: LoopbackHub, tmp_path: Path) -> None:
    """The client's download records are files like any other."""
    from huggingface_hub import snapshot_download

    hub.add_repository("acme/tiny", FILES)
    snapshot_download("acme/tiny", local_dir=tmp_path / "here")
    paths = {artifact.path for artifact in resolve_target(str(tmp_path / "here")).artifacts}
    assert paths > set(FILES)
    assert ".cache/huggingface/download/config.json.metadata" in paths


RECORD = st.dictionaries(
    st.sampled_from(["size", "blob_id", "lfs_sha256", "lfs_size", "xet_hash"]),
    st.none() | st.integers() | st.text(max_size=5) | st.sampled_from([LARGE.value, SMALL.value]),
)


@given(st.dictionaries(st.text(max_size=10), RECORD | st.none()) | st.none() | st.lists(RECORD))
def test_any_listing_is_parsed_or_ignored(files: object) -> None:
    listing = parse_tree_record(json.dumps({"format_version": 1, "files": files}).encode())
    for name, stated in (listing or {}).items():
        explain_unstorable_name(name)
        assert stated.size is None or stated.size >= 0
        assert len(stated.claimed) <= 1


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_ignored(data: bytes) -> None:
    parse_tree_record(data)


def test_blob_id_of_lfs_pointer_is_not_a_claim() -> None:
    for more in ({"lfs_sha256": LARGE.value, "lfs_size": 3}, {"xet_hash": "a" * 64}):
        files = {"m": {"size": 3, "blob_id": SMALL.value, **more}}
        listing = parse_tree_record(json.dumps({"format_version": 1, "files": files}).encode())
        assert listing is not None
        assert SMALL not in listing["m"].claimed


@pytest.mark.parametrize("text", ["", "abc", "g" * 64, "a" * 41, None, 3])
def test_blob_name_that_is_not_a_hash_gives_no_digest(text: object) -> None:
    assert parse_digest(text) == ()
