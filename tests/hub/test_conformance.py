"""The unmodified Hub client reads listings, metadata and history from the loopback Hub."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest
from hub.repository import Repository
from hub.server import LoopbackHub
from huggingface_hub import HfApi
from huggingface_hub.errors import BadRequestError
from huggingface_hub.hf_api import RepoFile, RepoFolder
from huggingface_hub.utils._http import get_session

CARD = "---\nlicense: mit\nlibrary_name: transformers\ntags: [tiny]\ndatasets: [acme/table]\n---\n# Tiny\n"
WEIGHTS = bytes(range(256)) * 1000


@pytest.fixture
def tiny(hub: LoopbackHub) -> Repository:
    """A model of two commits with one large file; the tag ``v1`` is on the first commit."""
    repository = hub.add_repository("acme/tiny", {"README.md": CARD, "sub/model.safetensors": WEIGHTS})
    repository.set_tag("v1")
    repository.commit({"config.json": '{"model_type": "tiny"}'}, message="Add config\n\nIt was missing.")
    return repository


@pytest.fixture
def api(hub: LoopbackHub) -> HfApi:
    """Return the client without a token."""
    return HfApi(endpoint=hub.endpoint, token=False)


def test_model_info_describes_repository_and_card(api: HfApi, tiny: Repository) -> None:
    info = api.model_info("acme/tiny")

    assert (info.id, info.author, info.sha) == ("acme/tiny", "acme", tiny.sha)
    assert (info.private, info.gated, info.disabled) == (False, False, False)
    assert info.card_data is not None and info.card_data["license"] == "mit"
    assert {"tiny", "transformers", "license:mit", "dataset:acme/table"} <= set(info.tags or [])
    assert [(s.rfilename, s.size, s.lfs) for s in info.siblings or []] == [
        ("README.md", None, None),
        ("config.json", None, None),
        ("sub/model.safetensors", None, None),
    ]
    assert info.security_repo_status is None


def test_model_info_with_file_metadata_has_sizes_and_digests(api: HfApi, tiny: Repository) -> None:
    files = {s.rfilename: s for s in api.model_info("acme/tiny", files_metadata=True).siblings or []}

    card, weights = files["README.md"], files["sub/model.safetensors"]
    assert card.size == len(CARD)
    assert card.blob_id == hashlib.sha1(b"blob %d\0%b" % (len(CARD), CARD.encode())).hexdigest()
    assert card.lfs is None
    assert weights.lfs is not None
    assert weights.size == weights.lfs.size == len(WEIGHTS)
    assert weights.lfs.sha256 == hashlib.sha256(WEIGHTS).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{weights.lfs.sha256}\nsize {len(WEIGHTS)}\n"
    assert weights.lfs.pointer_size == len(pointer)
    assert weights.blob_id == hashlib.sha1(b"blob %d\0%b" % (len(pointer), pointer.encode())).hexdigest()


@pytest.mark.parametrize("revision", ["v1", "refs/tags/v1", "main", "refs/pr/1", "commit", "abbreviated"])
def test_every_kind_of_revision_resolves_to_its_commit(api: HfApi, tiny: Repository, revision: str) -> None:
    tiny.commit({"config.json": "{}"}, branch="refs/pr/1")
    first = tiny.tags["v1"]
    requested = {"commit": first, "abbreviated": first[:8]}.get(revision, revision)
    expected = {"main": tiny.sha, "refs/pr/1": tiny.pull_requests["refs/pr/1"]}.get(revision, first)

    assert api.model_info("acme/tiny", revision=requested).sha == expected


def test_security_status_lists_files_with_issues_once_scans_are_done(api: HfApi, tiny: Repository) -> None:
    tiny.set_scan("sub/model.safetensors", "unsafe", message="trojan")

    status = api.model_info("acme/tiny", securityStatus=True).security_repo_status

    assert status == {"scansDone": True, "filesWithIssues": [{"path": "sub/model.safetensors", "level": "unsafe"}]}
    assert get_session().get(f"{api.endpoint}/api/models/acme/tiny/scan").json() == status
    tiny.scans_done = False
    pending = {"scansDone": False, "filesWithIssues": []}
    assert api.model_info("acme/tiny", securityStatus=True).security_repo_status == pending


def test_model_info_with_the_option_expand_returns_only_the_ids_and_the_named_fields(
    hub: LoopbackHub, api: HfApi, tiny: Repository
) -> None:
    info = api.model_info("acme/tiny", expand=["sha", "downloadsAllTime"])
    assert (info.sha, info.downloads_all_time, info.siblings) == (tiny.sha, 0, None)

    raw = get_session().get(f"{hub.endpoint}/api/models/acme/tiny?expand[]=sha").json()
    assert raw.keys() == {"_id", "id", "sha"}
    with pytest.raises(BadRequestError, match="Invalid option"):
        api.model_info("acme/tiny", expand=["secrets"])  # type: ignore[list-item]


def test_dataset_info_describes_the_dataset_and_not_the_model_of_the_same_id(hub: LoopbackHub, api: HfApi) -> None:
    dataset = hub.add_repository("acme/tiny", {"rows.csv": b"a,b\n"}, kind="dataset")

    info = api.dataset_info("acme/tiny", files_metadata=True)

    assert (info.id, info.sha) == ("acme/tiny", dataset.sha)
    assert [(s.rfilename, s.size) for s in info.siblings or []] == [("rows.csv", 4)]


def test_loopback_hub_serves_a_repository_without_an_owner(hub: LoopbackHub, api: HfApi) -> None:
    repository = hub.add_repository("gpt2", {"config.json": "{}"})

    assert api.model_info("gpt2").sha == api.model_info("gpt2", revision="main").sha == repository.sha
    assert [f.path for f in api.list_repo_tree("gpt2")] == ["config.json"]


def test_tree_lists_the_entries_of_one_folder(api: HfApi, tiny: Repository) -> None:
    top = list(api.list_repo_tree("acme/tiny"))
    assert [(type(e), e.path) for e in top] == [(RepoFolder, "sub"), (RepoFile, "README.md"), (RepoFile, "config.json")]

    (weights,) = api.list_repo_tree("acme/tiny", "sub", revision="v1")
    assert isinstance(weights, RepoFile) and weights.path == "sub/model.safetensors"
    assert weights.lfs is not None and weights.lfs.sha256 == hashlib.sha256(WEIGHTS).hexdigest()


def test_file_tree_with_the_option_expand_has_scan_results_and_last_commits(api: HfApi, tiny: Repository) -> None:
    tiny.set_scan("sub/model.safetensors", "unsafe", imports=[("os", "system", "dangerous")])

    entries = {e.path: e for e in api.list_repo_tree("acme/tiny", recursive=True, expand=True)}

    weights, config, folder = entries["sub/model.safetensors"], entries["config.json"], entries["sub"]
    assert isinstance(weights, RepoFile) and weights.security is not None
    assert (weights.security.safe, weights.security.status) == (False, "unsafe")
    imports = (weights.security.pickle_import_scan or {})["pickleImports"]
    assert imports == [{"module": "os", "name": "system", "safety": "dangerous"}]
    assert config.last_commit is not None and folder.last_commit is not None
    assert (config.last_commit.title, config.last_commit.oid) == ("Add config", tiny.sha)
    assert folder.last_commit.oid == tiny.tags["v1"]


def test_security_status_of_file_has_five_scanners(hub: LoopbackHub, tiny: Repository) -> None:
    raw = get_session().get(f"{hub.endpoint}/api/models/acme/tiny/tree/main?expand=true").json()

    status = next(entry for entry in raw if entry["type"] == "file")["securityFileStatus"]
    scanners = {"avScan", "pickleImportScan", "jFrogScan", "protectAiScan", "virusTotalScan"}
    assert status.keys() == {"status"} | scanners
    assert all({"status", "message", "reportLink", "reportLabel"} <= status[name].keys() for name in scanners)


@pytest.mark.parametrize(("expand", "per_page", "pages"), [(False, 1000, 3), (True, 50, 42)])
def test_long_tree_is_listed_in_pages(hub: LoopbackHub, api: HfApi, expand: bool, per_page: int, pages: int) -> None:
    # The last of the three long pages is partly filled; the last of the 42 short pages lacks one entry.
    names = [f"{number:04}.txt" for number in range(2099 if expand else 2100)]
    hub.add_repository("acme/long", dict.fromkeys(names, b""))

    listed = [e.path for e in api.list_repo_tree("acme/long", recursive=True, expand=expand)]

    assert listed == names
    assert len(hub.requests) == pages
    assert hub.requests[1].query["limit"] == [str(per_page)]


def test_page_size_of_the_loopback_hub_splits_tree_and_commit_listings(
    hub: LoopbackHub, api: HfApi, tiny: Repository
) -> None:
    hub.page_size = 1

    assert len(list(api.list_repo_tree("acme/tiny", recursive=True))) == 4
    assert len(hub.requests) == 4
    hub.requests.clear()
    assert len(api.list_repo_commits("acme/tiny")) == 2
    assert len(hub.requests) == 2


def test_answer_about_several_paths_omits_the_missing_ones(hub: LoopbackHub, api: HfApi, tiny: Repository) -> None:
    entries = api.get_paths_info("acme/tiny", ["README.md", "sub", "nowhere", "sub/model.safetensors"], expand=True)

    assert [e.path for e in entries] == ["README.md", "sub", "sub/model.safetensors"]
    assert entries[0].last_commit is not None
    url = f"{hub.endpoint}/api/models/acme/tiny/paths-info/main"
    plain = get_session().post(url, json={"paths": ["README.md"]}).json()
    assert [sorted(e) for e in plain] == [["oid", "path", "size", "type"]]


def test_listed_refs_include_pull_requests_beside_branches_and_tags_only_on_request(
    api: HfApi, tiny: Repository
) -> None:
    tiny.set_branch("dev", at="v1")
    tiny.commit({"config.json": "{}"}, branch="refs/pr/7")

    refs = api.list_repo_refs("acme/tiny", include_pull_requests=True)

    assert [(b.name, b.ref, b.target_commit) for b in refs.branches] == [
        ("main", "refs/heads/main", tiny.sha),
        ("dev", "refs/heads/dev", tiny.tags["v1"]),
    ]
    assert [(t.name, t.ref) for t in refs.tags] == [("v1", "refs/tags/v1")]
    assert [(p.name, p.ref) for p in refs.pull_requests or []] == [("7", "refs/pr/7")]
    assert api.list_repo_refs("acme/tiny").pull_requests is None


def test_loopback_hub_lists_commits_newest_first(api: HfApi, tiny: Repository) -> None:
    newest, oldest = api.list_repo_commits("acme/tiny")

    assert (newest.commit_id, newest.title, newest.message) == (tiny.sha, "Add config", "It was missing.")
    assert (oldest.commit_id, oldest.authors) == (tiny.tags["v1"], ["acme"])
    assert oldest.created_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_whoami_route_returns_the_account_that_owns_the_token(hub: LoopbackHub, api: HfApi) -> None:
    hub.add_user("alice", token="hf_alice")

    assert api.whoami(token="hf_alice")["name"] == "alice"


def test_invalid_front_matter_gives_no_card_data(hub: LoopbackHub, api: HfApi) -> None:
    hub.add_repository("acme/odd", {"README.md": "---\n{ not: yaml: at all\n---\n"})

    assert api.model_info("acme/odd").card_data is None


@pytest.mark.parametrize(
    ("path", "status", "bucket"),
    [
        ("/api/models/acme/tiny", 200, "api"),
        ("/api/models/acme/absent", 401, "api"),
        ("/acme/tiny/resolve/main/README.md", 200, "resolvers"),
        ("/acme/tiny/resolve/main/absent.md", 404, "resolvers"),
    ],
)
def test_answers_and_errors_of_the_loopback_hub_to_api_and_file_requests_have_rate_limit_headers(
    hub: LoopbackHub, tiny: Repository, path: str, status: int, bucket: str
) -> None:
    answer = get_session().get(hub.endpoint + path)
    assert answer.status_code == status
    assert answer.headers["RateLimit"].startswith(f'"{bucket}";r=')
    assert f'"{bucket}";q=' in answer.headers["RateLimit-Policy"]


def test_loopback_hub_records_every_request_with_its_status(hub: LoopbackHub, tiny: Repository) -> None:
    get_session().get(f"{hub.endpoint}/api/models/acme/tiny?blobs=true", headers={"X-Mark": "here"})

    (request,) = hub.requests
    assert (request.origin, request.method, request.path) == ("hub", "GET", "/api/models/acme/tiny")
    assert (request.query, request.headers["x-mark"], request.status) == ({"blobs": ["true"]}, "here", 200)
    same_answer = get_session().get(f"{hub.endpoint}/api/models/acme/tiny?blobs=true")
    assert request.sent == len(json.dumps(same_answer.json()))


def test_hostile_file_names_are_listed_unchanged(hub: LoopbackHub, api: HfApi) -> None:
    names = ["../evil.txt", "/etc/passwd", "a\nb.txt", "a\x1b[31mb", "\u202etxt.exe", "CON", "a//b"]
    hub.add_repository("acme/odd", dict.fromkeys(names, b"x"))

    listed = {e.path for e in api.list_repo_tree("acme/odd", recursive=True) if isinstance(e, RepoFile)}

    assert listed == set(names)
    assert {s.rfilename for s in api.model_info("acme/odd").siblings or []} == set(names)
    answer = get_session().get(f"{hub.endpoint}/acme/odd/resolve/main/a%0Ab.txt")
    assert (answer.status_code, answer.content) == (200, b"x")
