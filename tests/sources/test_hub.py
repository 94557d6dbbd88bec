from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hub.repository import Files
from hub.server import LoopbackHub

from modelaudit.model.artifact import Artifact, RefKind, Snapshot
from modelaudit.model.copies import replace
from modelaudit.model.digest import ClaimSource, Digest, DigestAlgorithm
from modelaudit.model.errors import SourceError
from modelaudit.model.source_fact import SourceFact, SourceFactKind
from modelaudit.model.structure import UnreadReason
from modelaudit.sources import resolve_target

FILES = {"config.json": '{"a": 1}', "sub/model.safetensors": bytes(2000), "README.md": "# Tiny"}


def index_by_path(snapshot: Snapshot) -> dict[str, Artifact]:
    """Map the path of each artifact to the artifact."""
    return {artifact.path: artifact for artifact in snapshot.artifacts}


def read_artifact(artifact: Artifact) -> bytes:
    """Read all bytes of an artifact; fail if it cannot be opened."""
    assert artifact.open is not None
    with artifact.open() as window:
        return window.read(0, window.size)


def make_sha256(data: bytes) -> Digest:
    """Compute the digest that the Hub states for a file in its large-file storage."""
    return Digest(DigestAlgorithm.SHA256, hashlib.sha256(data).hexdigest())


def make_git_blob(data: bytes) -> Digest:
    """Compute the digest that the Hub states for a small file: the SHA-1 of git over a header and the content."""
    return Digest(DigestAlgorithm.GIT_BLOB, hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest())


def list_files_outside(home: Path) -> list[Path]:
    """Return the files beside the client's home, where nothing may be written."""
    return [path for path in home.parent.rglob("*") if home not in (path, *path.parents)]


def drop_claims(artifacts: Iterable[Artifact]) -> list[tuple[Artifact, tuple[Digest, ...]]]:
    """Return each artifact with its stated digests, and without who states them."""
    return [(replace(each, claims=()), each.claimed) for each in artifacts]


def test_repository_is_fetched_completely_and_pinned(hub: LoopbackHub, hub_home: Path) -> None:
    repository = hub.add_repository("acme/tiny", FILES)
    snapshot = resolve_target("acme/tiny")
    assert [artifact.path for artifact in snapshot.artifacts] == sorted(FILES)
    assert read_artifact(index_by_path(snapshot)["sub/model.safetensors"]) == bytes(2000)
    assert snapshot.commit == repository.sha
    assert snapshot.origin == hub.endpoint
    assert snapshot.root == hub_home / "hub/models--acme--tiny/snapshots" / repository.sha
    assert snapshot.notes == (f"revision 'main' of 'acme/tiny' is commit {repository.sha}",)
    assert (snapshot.ref.kind, str(snapshot.ref)) == (RefKind.MODEL, "acme/tiny")
    # The first request asks for the commit, and all others name it, but for the one about the owner.
    paths = [request.path for request in hub.list_requests("hub")[1:] if repository.sha not in request.path]
    assert paths == ["/api/organizations/acme/overview"]


def test_large_file_has_the_sha256_claim_of_the_hub_and_a_small_file_has_its_git_blob_claim(hub: LoopbackHub) -> None:
    hub.add_repository("acme/tiny", FILES)
    artifacts = index_by_path(resolve_target("acme/tiny"))
    assert artifacts["sub/model.safetensors"].claimed == (make_sha256(bytes(2000)),)
    assert artifacts["config.json"].claimed == (make_git_blob(b'{"a": 1}'),)


def test_revision_by_branch_tag_pull_request_or_commit_is_resolved(hub: LoopbackHub) -> None:
    repository = hub.add_repository("acme/tiny", {"a.txt": "one"})
    first = repository.sha
    repository.set_tag("v1")
    repository.set_branch("topic/x")
    second = repository.commit({"a.txt": "two"})
    third = repository.commit({"a.txt": "three"}, branch="refs/pr/1")
    for revision, commit, content in (
        (None, second, b"two"),
        ("main", second, b"two"),
        ("v1", first, b"one"),
        ("topic/x", first, b"one"),
        ("refs/pr/1", third, b"three"),
        (first, first, b"one"),
        (second[:9], second, b"two"),
    ):
        snapshot = resolve_target("acme/tiny", revision=revision)
        assert (snapshot.commit, read_artifact(snapshot.artifacts[0])) == (commit, content)
    assert resolve_target("acme/tiny@v1").commit == first


def test_branch_that_moved_to_a_new_commit_is_fetched_again(hub: LoopbackHub) -> None:
    repository = hub.add_repository("acme/tiny", {"a.txt": "one"})
    resolve_target("acme/tiny")
    second = repository.commit({"a.txt": "two"})
    snapshot = resolve_target("acme/tiny")
    assert (snapshot.commit, read_artifact(snapshot.artifacts[0])) == (second, b"two")


def test_dataset_and_repository_id_without_an_owner_are_fetched(hub: LoopbackHub, hub_home: Path) -> None:
    hub.add_repository("acme/rows", {"rows.csv": "1,2"}, kind="dataset")
    hub.add_repository("gpt2", {"config.json": "{}"})
    dataset = resolve_target("datasets/acme/rows@main")
    assert (dataset.ref.kind, str(dataset.ref)) == (RefKind.DATASET, "datasets/acme/rows@main")
    assert dataset.root is not None
    assert dataset.root.is_relative_to(hub_home / "hub/datasets--acme--rows")
    assert resolve_target("gpt2").ref.name == resolve_target("hf://gpt2").ref.name == "gpt2"


def test_second_fetch_of_a_cached_repository_requests_only_the_commit(hub: LoopbackHub) -> None:
    hub.add_repository("acme/tiny", FILES)
    first = resolve_target("acme/tiny")
    before = len(hub.requests)
    assert drop_claims(resolve_target("acme/tiny").artifacts) == drop_claims(first.artifacts)
    assert [request.path for request in hub.requests[before:]] == ["/api/models/acme/tiny/revision/main"]


def test_empty_repository_has_no_artifacts(hub: LoopbackHub) -> None:
    hub.add_repository("acme/empty", {})
    assert resolve_target("acme/empty").artifacts == ()


def test_files_on_all_pages_of_a_listing_are_fetched(hub: LoopbackHub) -> None:
    hub.page_size = 7
    hub.add_repository("acme/many", {f"d{number % 5}/{number}.txt": str(number) for number in range(60)})
    artifacts = resolve_target("acme/many").artifacts
    assert len(artifacts) == 60
    assert all(artifact.claimed and artifact.open for artifact in artifacts)


def test_fetch_reports_its_progress_in_bytes(hub: LoopbackHub) -> None:
    hub.add_repository("acme/tiny", FILES)
    progress: list[tuple[int, int, int, int]] = []
    resolve_target("acme/tiny", progress=lambda *sums: progress.append(sums))
    size = sum(map(len, FILES.values()))
    assert progress[-1] == (size, size, 3, 3)
    assert all(fetched <= total and files <= 3 for fetched, total, files, _ in progress)


def test_private_repository_is_fetched_with_token(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add_repository("acme/secret", FILES, private=True)
    hub.add_user("ann", token="hf_ann", reads=["acme/secret"])
    monkeypatch.setenv("HF_TOKEN", "hf_ann")
    assert len(resolve_target("acme/secret").artifacts) == 3
    assert {request.token for request in hub.list_requests("cdn")} == {None}


def test_gated_repository_is_fetched_with_grant(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add_repository("acme/gated", FILES, gated="manual")
    hub.add_user("ann", token="hf_ann", granted=["acme/gated"])
    monkeypatch.setenv("HF_TOKEN", "hf_ann")
    assert len(resolve_target("acme/gated").artifacts) == 3


def test_renamed_repository_is_fetched_with_both_names_in_its_provenance(hub: LoopbackHub) -> None:
    hub.add_repository("acme/old", FILES)
    hub.rename_repository("acme/old", "other/new")
    snapshot = resolve_target("acme/old")
    assert len(snapshot.artifacts) == 3
    assert snapshot.ref.name == "acme/old"
    assert snapshot.provenance is not None
    assert (snapshot.provenance.asked, snapshot.provenance.answered) == ("acme/old", "other/new")


def test_listed_file_that_the_hub_lacks_is_reported_as_unread(hub: LoopbackHub) -> None:
    """After a 404, huggingface_hub skips the files that it has not begun; they must be fetched all the same."""
    hub.add_repository("acme/tiny", {**FILES, "!lost.md": "", **{f"{number}.txt": "x" for number in range(40)}})
    hub.inject_fault("/resolve/", delay=0.05)
    hub.inject_fault("sub/model.safetensors", origin="hub", status=404, headers={"X-Error-Code": "EntryNotFound"})
    hub.inject_fault("lost.md", origin="hub", status=404, headers={"X-Error-Code": "EntryNotFound"})
    artifacts = index_by_path(resolve_target("acme/tiny"))
    assert {path for path, artifact in artifacts.items() if artifact.obstacle} == {
        "%21lost.md",  # the address of "!lost.md"
        "sub/model.safetensors",
    }
    lost = artifacts["sub/model.safetensors"]
    assert lost.obstacle is not None
    assert (lost.obstacle.reason, lost.size) == (UnreadReason.CONTENT_ABSENT, 2000)
    assert lost.claimed == (make_sha256(bytes(2000)),)
    assert read_artifact(artifacts["config.json"]) == b'{"a": 1}'
    assert read_artifact(artifacts["README.md"]) == b"# Tiny"


@pytest.mark.parametrize(
    "name",
    ["../evil", "sub/../../evil", "/tmp/evil", "a//b", "./a", "C:/evil", "..\\evil", "\\\\host\\evil", "n" * 256],
)
def test_listed_file_with_an_unsafe_or_invalid_path_is_reported_as_absent_and_not_fetched(
    hub: LoopbackHub, hub_home: Path, name: str
) -> None:
    before = list_files_outside(hub_home)
    hub.add_repository("acme/tiny", {**FILES, name: "evil"})
    artifacts = index_by_path(resolve_target("acme/tiny"))
    assert sorted(artifacts) == sorted([*FILES, name])
    obstacle = artifacts[name].obstacle
    assert obstacle is not None
    assert obstacle.reason is UnreadReason.CONTENT_ABSENT
    assert "its name" in obstacle.detail
    assert all(artifact.obstacle is None for path, artifact in artifacts.items() if path != name)
    assert list_files_outside(hub_home) == before
    assert not any("evil" in path.name for path in hub_home.rglob("*"))


def test_listed_path_that_lies_below_a_listed_file_is_reported_as_missing_content(hub: LoopbackHub) -> None:
    """A listing may contain a file "a" and a file "a/b", which no folder can hold together."""
    hub.add_repository("acme/tiny", {"a": "x", "a/b": "y", "c": "z"})
    artifacts = index_by_path(resolve_target("acme/tiny"))
    assert (read_artifact(artifacts["a"]), read_artifact(artifacts["c"])) == (b"x", b"z")
    assert artifacts["a/b"].obstacle is not None
    assert "in the place of one of its folders" in artifacts["a/b"].obstacle.detail


@pytest.mark.parametrize("name", ["[a]*?.txt", "with space", "nl\nname", "esc\x1b[31m", "ü/模型.json", "-rf", "a\\b"])
def test_files_with_unusual_names_are_fetched(hub: LoopbackHub, name: str) -> None:
    hub.add_repository("acme/tiny", {name: "content", "../evil": "x"})
    assert read_artifact(index_by_path(resolve_target("acme/tiny"))[name]) == b"content"


def test_tampered_download_keeps_the_claim_of_the_hub(hub: LoopbackHub) -> None:
    hub.add_repository("acme/tiny", FILES)
    hub.inject_fault("model.safetensors", tamper=True)
    weights = index_by_path(resolve_target("acme/tiny"))["sub/model.safetensors"]
    assert len(read_artifact(weights)) == 2000
    assert weights.claimed == (make_sha256(bytes(2000)),)
    assert make_sha256(read_artifact(weights)) not in weights.claimed


def test_changed_cached_blob_keeps_the_claim_of_the_hub(hub: LoopbackHub) -> None:
    hub.add_repository("acme/tiny", FILES)
    root = resolve_target("acme/tiny").root
    assert root is not None
    Path(os.path.realpath(root / "config.json")).write_text('{"a": 2}')
    config = index_by_path(resolve_target("acme/tiny"))["config.json"]
    assert read_artifact(config) == b'{"a": 2}'
    assert config.claimed == (make_git_blob(b'{"a": 1}'),)


def test_cached_link_to_the_blob_of_another_file_adds_a_contradicting_digest_claim(hub: LoopbackHub) -> None:
    hub.add_repository("acme/tiny", FILES)
    root = resolve_target("acme/tiny").root
    assert root is not None
    (root / "config.json").unlink()
    (root / "config.json").symlink_to((root / "README.md").readlink())
    config = index_by_path(resolve_target("acme/tiny"))["config.json"]
    assert set(config.claimed) == {make_git_blob(b'{"a": 1}'), make_git_blob(b"# Tiny")}


def test_cached_file_that_the_hub_does_not_list_is_an_artifact_without_claims_and_a_fact(hub: LoopbackHub) -> None:
    hub.add_repository("acme/tiny", FILES)
    root = resolve_target("acme/tiny").root
    assert root is not None
    (root / "modeling_evil.py").write_text("import os")
    snapshot = resolve_target("acme/tiny")
    planted = index_by_path(snapshot)["modeling_evil.py"]
    assert (read_artifact(planted), planted.claimed) == (b"import os", ())
    detail = f"the listing of commit {snapshot.commit} names {len(FILES)} files"
    assert snapshot.facts == (SourceFact(SourceFactKind.UNLISTED, "modeling_evil.py", ClaimSource.HUB, detail),)


def test_digests_that_the_commit_answer_omits_are_taken_from_the_tree_listing(hub: LoopbackHub) -> None:
    repository = hub.add_repository("acme/tiny", FILES)
    without_digests = {"id": "acme/tiny", "sha": repository.sha, "siblings": [{"rfilename": name} for name in FILES]}
    hub.inject_fault("/revision/main", content=json.dumps(without_digests).encode())
    artifacts = index_by_path(resolve_target("acme/tiny"))
    assert artifacts["sub/model.safetensors"].claimed == (make_sha256(bytes(2000)),)
    assert artifacts["config.json"].claimed == (make_git_blob(b'{"a": 1}'),)


def test_file_that_only_the_tree_listing_contains_is_an_artifact(hub: LoopbackHub) -> None:
    repository = hub.add_repository("acme/tiny", FILES)
    without_files = {"id": "acme/tiny", "sha": repository.sha, "siblings": []}
    hub.inject_fault("/revision/main", content=json.dumps(without_files).encode())
    assert sorted(index_by_path(resolve_target("acme/tiny"))) == sorted(FILES)


@pytest.mark.parametrize("wait", [{"RateLimit": '"api";r=0;t=1'}, {"Retry-After": "1"}])
def test_fetch_waits_for_a_short_rate_limit_and_then_continues(hub: LoopbackHub, wait: dict[str, str]) -> None:
    hub.add_repository("acme/tiny", FILES)
    fault = hub.inject_fault("/tree/", status=429, times=1, headers=wait)
    assert len(resolve_target("acme/tiny").artifacts) == 3
    assert fault.hits == 1


def test_download_is_completed_after_a_dropped_connection(hub: LoopbackHub) -> None:
    hub.add_repository("acme/tiny", FILES)
    fault = hub.inject_fault("model.safetensors", drop_after=700, times=1)
    assert read_artifact(index_by_path(resolve_target("acme/tiny"))["sub/model.safetensors"]) == bytes(2000)
    assert fault.hits == 1


@pytest.mark.parametrize("revision", [None, "main", "v1", "<the commit>"])
def test_offline_scan_uses_cache_without_request(hub: LoopbackHub, revision: str | None) -> None:
    repository = hub.add_repository("acme/tiny", FILES)
    repository.set_tag("v1")
    revision = repository.sha if revision == "<the commit>" else revision
    online = resolve_target("acme/tiny", revision=revision)
    before = len(hub.requests)
    offline = resolve_target("acme/tiny", revision=revision, offline=True)
    assert drop_claims(offline.artifacts) == drop_claims(online.artifacts)
    assert (offline.commit, offline.root) == (online.commit, online.root)
    assert {claim.source for each in offline.artifacts for claim in each.claims} == {ClaimSource.CACHE}
    assert offline.origin == str(online.root)  # the folder of the cache, not the Hub
    assert "the Hub was not asked" in offline.notes[0]
    assert len(hub.requests) == before


def test_offline_environment_variable_prevents_requests_like_the_option(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_repository("acme/tiny", FILES)
    resolve_target("acme/tiny")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    before = len(hub.requests)
    assert len(resolve_target("acme/tiny").artifacts) == 3
    assert len(hub.requests) == before


def test_offline_scan_without_cache_is_an_error(hub: LoopbackHub) -> None:
    repository = hub.add_repository("acme/tiny", FILES)
    repository.set_tag("v1")
    with pytest.raises(SourceError, match="'acme/tiny' is not in the Hub cache") as caught:
        resolve_target("acme/tiny", offline=True)
    assert caught.value.exit_code == 4
    resolve_target("acme/tiny")
    for revision in ("v1", "0" * 40, "ref/not/there"):
        with pytest.raises(SourceError, match="the scan is offline"):
            resolve_target("acme/tiny", revision=revision, offline=True)
    assert resolve_target("acme/tiny", offline=True).commit == repository.sha


def test_offline_scan_of_incomplete_cache_lists_missing_files(hub: LoopbackHub) -> None:
    hub.add_repository("acme/tiny", FILES)
    root = resolve_target("acme/tiny").root
    assert root is not None
    (root / "config.json").unlink()
    config = index_by_path(resolve_target("acme/tiny", offline=True))["config.json"]
    assert config.obstacle is not None
    assert config.obstacle.reason is UnreadReason.CONTENT_ABSENT
    assert config.claimed == (make_git_blob(b'{"a": 1}'),)
    assert read_artifact(index_by_path(resolve_target("acme/tiny"))["config.json"]) == b'{"a": 1}'


@pytest.mark.slow
def test_snapshot_is_fetched_from_the_olah_hub_that_the_endpoint_setting_names(
    olah_endpoint: Callable[[dict[str, Files]], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", olah_endpoint({"acme/tiny": FILES}))
    snapshot = resolve_target("acme/tiny")
    artifacts = index_by_path(snapshot)
    assert sorted(artifacts) == sorted(FILES)
    assert artifacts["sub/model.safetensors"].claimed == (make_sha256(bytes(2000)),)
    assert artifacts["config.json"].claimed == (make_git_blob(b'{"a": 1}'),)
    assert read_artifact(artifacts["config.json"]) == b'{"a": 1}'
    assert drop_claims(resolve_target("acme/tiny", offline=True).artifacts) == drop_claims(snapshot.artifacts)
