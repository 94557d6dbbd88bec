from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
from hub.server import LoopbackHub
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.model.artifact import Artifact, RefKind, Snapshot
from modelaudit.model.digest import Digest, DigestAlgorithm
from modelaudit.model.errors import NotCachedError
from modelaudit.model.limits import Limits, ServerLimits
from modelaudit.model.structure import UnreadReason
from modelaudit.sources import resolve_target
from modelaudit.sources.claims import (
    explain_unstorable_name,
    find_unstorable_names,
    parse_digest,
    parse_tree_record,
)

FILES = {"config.json": "{}", "sub/model.safetensors": bytes(2000), "sub/deeper/a.txt": "a"}
LARGE = Digest(DigestAlgorithm.SHA256, hashlib.sha256(bytes(2000)).hexdigest())
SMALL = Digest(DigestAlgorithm.GIT_BLOB, hashlib.sha1(b"blob 2\0{}").hexdigest())


def index_by_path(snapshot: Snapshot) -> dict[str, Artifact]:
    """Map the path of each artifact to the artifact."""
    return {artifact.path: artifact for artifact in snapshot.artifacts}


def read_artifact(artifact: Artifact) -> bytes:
    """Read all bytes of an artifact; fail if it cannot be opened."""
    assert artifact.open is not None
    with artifact.open() as window:
        return window.read(0, window.size)


def get_obstacle_reason(artifact: Artifact) -> UnreadReason:
    """Return why an artifact could not be opened; fail if it could."""
    assert artifact.obstacle is not None
    return artifact.obstacle.reason


def get_reason_of_refused_record(snapshot: Snapshot) -> UnreadReason:
    """Return why the listing of the commit was not read; fail if the snapshot has no such absence."""
    artifacts = index_by_path(snapshot)
    record = f"../../trees/{snapshot.commit}.json"
    assert sorted(artifacts) == sorted([*FILES, record])
    return get_obstacle_reason(artifacts[record])


def get_repository_folder(cached_snapshot: Path) -> Path:
    """Return the folder of the repository, which holds its blobs, listings and snapshots."""
    return cached_snapshot.parents[1]


def get_cache_folder(cached_snapshot: Path) -> Path:
    """Return the folder of the cache, which holds the folders of all repositories."""
    return cached_snapshot.parents[2]


@pytest.fixture
def cached_snapshot(hub: LoopbackHub, hub_home: Path) -> Path:
    """Return the folder ``models--acme--tiny/snapshots/<commit>`` of a cache, which huggingface_hub filled."""
    from huggingface_hub import snapshot_download

    hub.add_repository("acme/tiny", FILES)
    return Path(snapshot_download("acme/tiny"))


def test_cached_snapshot_is_recognised_by_its_path(cached_snapshot: Path, hub: LoopbackHub) -> None:
    before = len(hub.requests)
    snapshot = resolve_target(str(cached_snapshot))
    assert snapshot.ref.kind is RefKind.CACHE
    assert snapshot.commit == cached_snapshot.name
    assert (snapshot.origin, snapshot.root) == (str(cached_snapshot), cached_snapshot)
    assert snapshot.notes == (
        f"the folder is the Hub cache of models 'acme/tiny' at commit {cached_snapshot.name}",
        "the cache has no record of the Hub's own statements on licence and base models (its tags)",
    )
    artifacts = index_by_path(snapshot)
    assert sorted(artifacts) == sorted(FILES)
    assert artifacts["config.json"].claimed == (SMALL,)
    assert artifacts["sub/model.safetensors"].claimed == (LARGE,)
    assert read_artifact(artifacts["sub/model.safetensors"]) == bytes(2000)
    assert len(hub.requests) == before


def test_blob_names_become_digest_claims_if_the_cache_has_no_listing(cached_snapshot: Path) -> None:
    shutil.rmtree(get_repository_folder(cached_snapshot) / "trees")
    for snapshot in (resolve_target(str(cached_snapshot)), resolve_target(str(cached_snapshot / "config.json"))):
        artifacts = index_by_path(snapshot)
        assert artifacts["config.json"].claimed == (SMALL,)
        (record,) = [artifact for path, artifact in artifacts.items() if path.endswith(f"{snapshot.commit}.json")]
        assert get_obstacle_reason(record) is UnreadReason.UNVERIFIED_BYTES
    assert index_by_path(resolve_target(str(cached_snapshot)))["sub/model.safetensors"].claimed == (LARGE,)


def test_subfolder_of_a_cached_snapshot_is_resolved_with_commit_and_digest_claims(cached_snapshot: Path) -> None:
    snapshot = resolve_target(str(cached_snapshot / "sub"))
    assert (snapshot.ref.kind, snapshot.commit, snapshot.root) == (
        RefKind.CACHE,
        cached_snapshot.name,
        cached_snapshot / "sub",
    )
    artifacts = index_by_path(snapshot)
    assert sorted(artifacts) == ["deeper/a.txt", "model.safetensors"]
    assert artifacts["model.safetensors"].claimed == (LARGE,)


def test_single_file_of_a_cached_snapshot_is_resolved_with_commit_and_digest_claim(cached_snapshot: Path) -> None:
    snapshot = resolve_target(str(cached_snapshot / "sub" / "model.safetensors"))
    [artifact] = snapshot.artifacts
    assert (artifact.path, artifact.claimed, read_artifact(artifact)) == ("model.safetensors", (LARGE,), bytes(2000))
    assert (snapshot.ref.kind, snapshot.commit) == (RefKind.FILE, cached_snapshot.name)


@pytest.mark.parametrize("path", ["", "sub", "sub/model.safetensors"])
def test_path_into_the_cache_has_the_statements_that_an_offline_scan_of_the_repository_has(
    hub: LoopbackHub, path: str
) -> None:
    # The Hub derives a tag from the card, which the scanned folder and file do not contain.
    repository = hub.add_repository("acme/tiny", {**FILES, "README.md": "---\nlicense: cc-by-nc-4.0\n---\n"})
    online = resolve_target("acme/tiny")
    assert online.root is not None
    assert online.hub_statements is not None
    assert "cc-by-nc-4.0" in {item.value for item in online.hub_statements.items}
    assert resolve_target("acme/tiny", offline=True).hub_statements == online.hub_statements
    assert resolve_target(str(online.root / path)).hub_statements == online.hub_statements
    (get_repository_folder(online.root) / f"trees/{repository.sha}.description.json").unlink()
    without_record = resolve_target(str(online.root / path))
    assert without_record.hub_statements is None
    assert "no record of the Hub's own statements" in without_record.notes[-1]


def test_copy_of_a_cached_snapshot_is_resolved_as_a_folder_without_commit_or_digest_claims(
    cached_snapshot: Path, tmp_path: Path
) -> None:
    shutil.copytree(cached_snapshot, tmp_path / "copy")
    snapshot = resolve_target(str(tmp_path / "copy"))
    assert (snapshot.ref.kind, snapshot.commit) == (RefKind.FOLDER, None)
    assert {artifact.claimed for artifact in snapshot.artifacts} == {()}


def test_cache_without_symlinks_takes_digests_from_the_file_listing(cached_snapshot: Path) -> None:
    for path in [path for path in cached_snapshot.rglob("*") if path.is_symlink()]:
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
    artifacts = index_by_path(resolve_target(str(cached_snapshot)))
    assert artifacts["config.json"].claimed == (SMALL,)
    assert artifacts["sub/model.safetensors"].claimed == (LARGE,)


def test_listed_file_that_is_missing_is_reported_as_unread(cached_snapshot: Path) -> None:
    (cached_snapshot / "config.json").unlink()
    blob = (cached_snapshot / "sub" / "model.safetensors").resolve()
    blob.unlink()
    artifacts = index_by_path(resolve_target(str(cached_snapshot)))
    assert get_obstacle_reason(artifacts["config.json"]) is UnreadReason.CONTENT_ABSENT
    assert artifacts["config.json"].claimed == (SMALL,)
    assert get_obstacle_reason(artifacts["sub/model.safetensors"]) is UnreadReason.CONTENT_ABSENT


def test_links_outside_the_cached_repository_are_not_followed(cached_snapshot: Path, hub: LoopbackHub) -> None:
    from huggingface_hub import snapshot_download

    hub.add_repository("acme/other", {"other.json": "{1}"})
    other = Path(snapshot_download("acme/other"))
    secret = get_cache_folder(cached_snapshot) / "token"
    secret.write_text("hf_secret")
    (cached_snapshot / "other").symlink_to((other / "other.json").resolve())
    (cached_snapshot / "token").symlink_to("../../../token")
    (cached_snapshot / "passwd").symlink_to("/etc/passwd")
    (cached_snapshot / "blobs").symlink_to("../../blobs")
    artifacts = index_by_path(resolve_target(str(cached_snapshot)))
    for name in ("other", "token", "passwd"):
        assert get_obstacle_reason(artifacts[name]) is UnreadReason.LINK_OUTSIDE
    assert get_obstacle_reason(artifacts["blobs"]) is UnreadReason.NOT_REGULAR


def test_link_whose_blob_links_outside_the_cached_repository_is_not_followed(cached_snapshot: Path) -> None:
    blob = get_repository_folder(cached_snapshot) / "blobs" / SMALL.value
    blob.unlink()
    blob.symlink_to("/etc/passwd")
    assert (
        get_obstacle_reason(index_by_path(resolve_target(str(cached_snapshot)))["config.json"])
        is UnreadReason.LINK_OUTSIDE
    )


def test_cached_blob_that_was_changed_keeps_the_digest_claim_of_its_original(cached_snapshot: Path) -> None:
    (cached_snapshot / "config.json").resolve().write_text("[]")
    config = index_by_path(resolve_target(str(cached_snapshot)))["config.json"]
    assert (read_artifact(config), config.claimed) == (b"[]", (SMALL,))


def test_blobs_shared_between_repositories_are_read(cached_snapshot: Path) -> None:
    """The client's own function lays out the shared blob, as after a download through Xet."""
    from huggingface_hub.utils import _shared_blobs

    cache, blob = get_cache_folder(cached_snapshot), get_repository_folder(cached_snapshot) / "blobs" / LARGE.value
    published = _shared_blobs.publish_blob_to_shared_store(
        blob_path=str(blob), xet_hash="ab" * 32, cache_dir=cache, expected_size=2000
    )
    assert published
    assert blob.is_symlink()
    weights = index_by_path(resolve_target(str(cached_snapshot)))["sub/model.safetensors"]
    assert (read_artifact(weights), weights.claimed) == (bytes(2000), (LARGE,))


def test_link_into_a_shared_blob_store_without_its_marker_file_is_not_followed(cached_snapshot: Path) -> None:
    store = get_cache_folder(cached_snapshot) / "blobs" / "ab"
    store.mkdir(parents=True)
    (store / ("ab" * 32)).write_bytes(bytes(2000))
    blob = get_repository_folder(cached_snapshot) / "blobs" / LARGE.value
    blob.unlink()
    blob.symlink_to(f"../../blobs/ab/{'ab' * 32}")
    assert (
        get_obstacle_reason(index_by_path(resolve_target(str(cached_snapshot)))["sub/model.safetensors"])
        is UnreadReason.LINK_OUTSIDE
    )


@pytest.mark.parametrize(
    "record", ["", "{", "[]", "{}", '{"format_version": 2, "files": {}}', '{"format_version": 1, "files": {"a": 3}}']
)
def test_damaged_file_listing_is_an_absence(cached_snapshot: Path, record: str) -> None:
    (get_repository_folder(cached_snapshot) / "trees" / f"{cached_snapshot.name}.json").write_text(record)
    assert get_reason_of_refused_record(resolve_target(str(cached_snapshot))) is UnreadReason.DAMAGED


@pytest.mark.parametrize("limits", [ServerLimits(answer_values=4), ServerLimits(listed_files=1)])
def test_file_listing_over_the_limits_of_a_hub_is_an_absence_offline_and_by_path(
    cached_snapshot: Path, limits: ServerLimits
) -> None:
    files = {"config.json": {}, "absent.bin": {}}
    (get_repository_folder(cached_snapshot) / "trees" / f"{cached_snapshot.name}.json").write_text(
        json.dumps({"format_version": 1, "files": files})
    )
    assert "absent.bin" in index_by_path(resolve_target(str(cached_snapshot)))
    for target, offline in ((str(cached_snapshot), False), ("acme/tiny", True)):
        snapshot = resolve_target(target, offline=offline, limits=Limits(server=limits))
        assert get_reason_of_refused_record(snapshot) is UnreadReason.LIMIT


def test_file_listing_that_is_a_symbolic_link_is_not_read(cached_snapshot: Path, tmp_path: Path) -> None:
    record = get_repository_folder(cached_snapshot) / "trees" / f"{cached_snapshot.name}.json"
    record.rename(tmp_path / "record")
    record.symlink_to(tmp_path / "record")
    assert get_reason_of_refused_record(resolve_target(str(cached_snapshot))) is UnreadReason.UNREADABLE


def test_listed_file_with_an_invalid_name_is_reported_as_missing_content(cached_snapshot: Path) -> None:
    files = {name: {"size": -1, "blob_id": "zz"} for name in ("../evil", "/etc/passwd", "", "a\0b")}
    (get_repository_folder(cached_snapshot) / "trees" / f"{cached_snapshot.name}.json").write_text(
        json.dumps({"format_version": 1, "files": files})
    )
    artifacts = index_by_path(resolve_target(str(cached_snapshot)))
    for name in files:
        assert get_obstacle_reason(artifacts[name]) is UnreadReason.CONTENT_ABSENT
        assert (artifacts[name].claimed, artifacts[name].size) == ((), 0)


def test_folder_whose_path_only_resembles_a_cached_snapshot_is_resolved_as_an_ordinary_folder(tmp_path: Path) -> None:
    for path in (
        f"models--a--b/snapshots/{'0' * 39}",  # shorter than a commit
        f"a--b/snapshots/{'0' * 40}",  # no kind of repository
        f"models--a--b/{'0' * 40}",  # not below "snapshots"
    ):
        (tmp_path / path).mkdir(parents=True)
        assert resolve_target(str(tmp_path / path)).ref.kind is RefKind.FOLDER


def test_listed_name_is_unstorable_if_the_listing_has_a_file_in_the_place_of_one_of_its_folders() -> None:
    names = ["a", "a-b", "a/b", "a/b/c", "b/c", "b/c-d", "b/cd/e"]
    assert set(find_unstorable_names(names)) == {"a/b", "a/b/c"}


def test_listed_name_of_a_million_folders_is_unstorable_because_it_is_too_long() -> None:
    name = "a/" * 1_000_000 + "b"
    assert find_unstorable_names([name]) == {name: "its name is too long for a file system"}


@given(st.lists(st.text("a/-\0b", min_size=1, max_size=6), unique=True))
def test_names_below_files_are_found_as_by_comparing_each_pair_of_names(names: list[str]) -> None:
    storable = [name for name in names if explain_unstorable_name(name) is None]
    below = {name for name in storable if any(name.startswith(f"{file}/") for file in storable)}
    assert set(find_unstorable_names(storable)) == below


@pytest.mark.parametrize("end", ["", "\U0001f600"])
def test_record_with_the_name_of_a_file_over_the_limits_is_an_absence(cached_snapshot: Path, end: str) -> None:
    record = get_repository_folder(cached_snapshot) / "trees" / f"{cached_snapshot.name}.json"
    record.write_text(json.dumps({"format_version": 1, "files": {"a" * 400 + end: {}}}))
    limits = Limits(document_bytes=1000)
    snapshot = resolve_target(str(cached_snapshot), limits=limits)
    records = [artifact for artifact in snapshot.artifacts if artifact.path.startswith("../../trees/")]
    assert [get_obstacle_reason(artifact) for artifact in records] == ([UnreadReason.LIMIT] if end else [])


RECORD = st.dictionaries(
    st.sampled_from(["size", "blob_id", "lfs_sha256", "lfs_size", "xet_hash"]),
    st.none() | st.integers() | st.text(max_size=5) | st.sampled_from([LARGE.value, SMALL.value]),
)


@given(st.dictionaries(st.text(max_size=10), RECORD | st.none()) | st.none() | st.lists(RECORD))
def test_any_bytes_are_parsed_as_a_file_listing_or_give_no_listing_without_an_error(files: object) -> None:
    listing = parse_tree_record(json.dumps({"format_version": 1, "files": files}).encode())
    for name, stated in (listing or {}).items():
        explain_unstorable_name(name)  # must not raise, whatever the name
        assert stated.size is None or stated.size >= 0
        assert len(stated.claimed) <= 1
    entries = files.items() if isinstance(files, dict) else ()
    sizes = {
        name: each["size"] for name, each in entries if each and type(each.get("size")) is int and each["size"] >= 0
    }
    assert all(listing is None or listing[name].size == size for name, size in sizes.items())


@given(st.binary(max_size=200))
def test_file_listing_of_any_bytes_is_parsed_without_error(data: bytes) -> None:
    parse_tree_record(data)


def test_blob_id_of_an_lfs_pointer_is_not_a_digest_claim_of_the_file() -> None:
    for storage in ({"lfs_sha256": LARGE.value, "lfs_size": 3}, {"xet_hash": "a" * 64}):
        files = {"m": {"size": 3, "blob_id": SMALL.value, **storage}}
        listing = parse_tree_record(json.dumps({"format_version": 1, "files": files}).encode())
        assert listing is not None
        assert SMALL not in listing["m"].claimed


@pytest.mark.parametrize("text", ["", "abc", "g" * 64, "a" * 41, None, 3])
def test_blob_name_that_is_not_a_hash_gives_no_digest(text: object) -> None:
    assert parse_digest(text) == ()


@pytest.mark.parametrize("end", ["\n", " ", "\r\n"])
def test_reference_of_more_than_a_commit_is_not_read_as_the_commit(cached_snapshot: Path, end: str) -> None:
    # The client takes the whole text for the name of a snapshot.
    reference = get_repository_folder(cached_snapshot) / "refs/main"
    reference.write_bytes(f"{cached_snapshot.name}{end}".encode())
    shutil.copytree(cached_snapshot, f"{cached_snapshot}\n", symlinks=True)
    with pytest.raises(NotCachedError):
        resolve_target("acme/tiny", offline=True)
    resolve_target("acme/tiny")
    assert reference.read_text() == cached_snapshot.name


def test_pipe_in_place_of_a_reference_does_not_block(cached_snapshot: Path) -> None:
    reference = get_repository_folder(cached_snapshot) / "refs/main"
    reference.unlink()
    os.mkfifo(reference)
    with pytest.raises(NotCachedError):
        resolve_target("acme/tiny", offline=True)
    resolve_target("acme/tiny")
    assert reference.read_text() == cached_snapshot.name


def test_path_with_a_link_before_its_parent_is_the_folder_that_the_system_opens(
    cached_snapshot: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere/below").mkdir(parents=True)
    (tmp_path / "elsewhere/other.txt").write_text("other")
    (cached_snapshot / "link").symlink_to(tmp_path / "elsewhere/below")
    snapshot = resolve_target(f"{cached_snapshot}/link/..")
    assert (snapshot.ref.kind, [each.path for each in snapshot.artifacts]) == (RefKind.FOLDER, ["other.txt"])
