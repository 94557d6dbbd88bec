"""Of a base model, only the small files that may state its licence or lineage are fetched, never its weights."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hub.server import LoopbackHub
from support.cases import check_each

from modelaudit.model.artifact import Artifact, Snapshot
from modelaudit.model.errors import GatedError, MissingError, SourceError, UnreachedError
from modelaudit.model.evidence import Topic
from modelaudit.model.license import fold_license_name
from modelaudit.model.structure import UnreadReason
from modelaudit.sources import resolve_small_files, resolve_target
from modelaudit.sources.claims import ListedFile
from modelaudit.sources.small import LARGEST_SMALL_FILE, MOST_SMALL_FILES, choose_small_files, is_small_file
from modelaudit.sources.stated import parse_hub_statements

CARD = "---\nlicense: other\nlicense_name: acme\nbase_model: org/root\ndatasets: [org/rows]\n---\n# Base\n"
FILES = {
    "README.md": CARD,
    "LICENSE.txt": "Terms.",
    "USE_POLICY.md": "Not for harm.",
    "config.json": "{}",
    "model.safetensors": bytes(3000),
    "pytorch_model.bin": bytes(3000),
    "tokenizer.json": "{}",
    "nested/config.json": "{ }",
    "modeling_acme.py": "pass",
}
SMALL = {"README.md", "LICENSE.txt", "USE_POLICY.md", "config.json", "nested/config.json"}


def list_open_paths(snapshot: Snapshot) -> set[str]:
    """Return the paths of the artifacts that can be opened."""
    return {artifact.path for artifact in snapshot.artifacts if artifact.open}


def index_by_path(snapshot: Snapshot) -> dict[str, Artifact]:
    """Map the path of each artifact to the artifact."""
    return {artifact.path: artifact for artifact in snapshot.artifacts}


def list_requested_files(hub: LoopbackHub, start: int = 0) -> set[str]:
    """Return the paths of the files that were requested from the Hub, from the request with number ``start`` on."""
    # <repository>/resolve/<commit>/<file>, or /api/resolve-cache/models/<organisation>/<name>/<commit>/<file>
    paths = [request.path for request in hub.requests[start:] if "/resolve" in request.path]
    return {re.sub(r"^.*?/[0-9a-f]{40}/", "", path) for path in paths}


def test_license_look_up_requests_only_files_whose_names_suggest_a_license_or_lineage_statement(
    hub: LoopbackHub,
) -> None:
    repository = hub.add_repository("acme/base", FILES)
    snapshot = resolve_small_files("acme/base")
    assert list_requested_files(hub) == SMALL
    assert not hub.list_requests("cdn")
    assert list_open_paths(snapshot) == SMALL
    assert {artifact.path for artifact in snapshot.artifacts} == set(FILES)
    assert snapshot.commit == repository.sha
    weights = index_by_path(snapshot)["model.safetensors"]
    assert weights.obstacle is not None
    assert (weights.obstacle.reason, weights.size) == (UnreadReason.CONTENT_ABSENT, 3000)


def test_license_look_up_opens_no_cached_file_whose_name_suggests_no_license_or_lineage_statement(
    hub: LoopbackHub,
) -> None:
    hub.add_repository("acme/base", FILES)
    resolve_target("acme/base")
    assert list_open_paths(resolve_small_files("acme/base")) == SMALL
    assert list_open_paths(resolve_small_files("acme/base", offline=True)) == SMALL


def test_offline_lookup_uses_the_cache(hub: LoopbackHub) -> None:
    hub.add_repository("acme/base", FILES)
    resolve_small_files("acme/base")
    before = len(hub.requests)
    again = resolve_small_files("acme/base", offline=True)
    assert list_open_paths(again) == SMALL
    assert {artifact.path for artifact in again.artifacts} == set(FILES)
    assert len(hub.requests) == before
    with pytest.raises(UnreachedError, match="offline"):
        resolve_small_files("acme/other", offline=True)


def test_lookup_of_small_files_does_not_change_the_commit_of_the_cached_branch(
    hub: LoopbackHub, hub_home: Path
) -> None:
    repository = hub.add_repository("acme/base", FILES)
    whole = resolve_target("acme/base")
    repository.commit({"README.md": "# Newer"})
    assert resolve_small_files("acme/base").commit == repository.sha
    assert resolve_target("acme/base", offline=True).commit == whole.commit
    offline = resolve_target("acme/base", offline=True).artifacts
    assert [(each.path, each.claimed) for each in offline] == [(each.path, each.claimed) for each in whole.artifacts]


def test_files_over_the_limits_are_not_fetched(hub: LoopbackHub) -> None:
    large = {
        "LICENSE": "x" * (LARGEST_SMALL_FILE + 1),
        **{f"LICENSES/{number:03}.txt": f"{number}" for number in range(110)},
    }
    hub.add_repository("acme/base", {"README.md": CARD, **large})
    snapshot = resolve_small_files("acme/base")
    assert len(list_requested_files(hub)) == MOST_SMALL_FILES
    assert "README.md" in list_open_paths(snapshot)
    obstacle = index_by_path(snapshot)["LICENSE"].obstacle
    assert obstacle is not None
    assert obstacle.reason is UnreadReason.LIMIT


def test_lookup_of_small_files_lists_the_weights_of_a_repository_without_opening_them(hub: LoopbackHub) -> None:
    hub.add_repository("acme/base", {"model.safetensors": bytes(3000)})
    snapshot = resolve_small_files("acme/base")
    assert (list_open_paths(snapshot), list_requested_files(hub)) == (set(), set())
    assert [artifact.path for artifact in snapshot.artifacts] == ["model.safetensors"]


@check_each(
    "path, is_small",
    [
        ("README.md", True), ("LICENSE", True), ("LICENSE-2.0.txt", True), ("LICENCE.md", True), ("NOTICE", True),
        ("Use_Policy.txt", True), ("LICENSES/MIT.txt", True), ("llama_license.txt", True), ("config.json", True),
        ("mergekit_config.yml", True), ("adapter_config.json", True), ("EULA.html", True), ("TERMS", True),
        ("LICENSE.safetensors", False), ("LICENSES/a.bin", False), ("README.gguf", False), ("license_check.py", False),
        ("pytorch_model.bin", False), ("model.safetensors.index.json", False), ("tokenizer.json", False),
        ("sub/README.md", True), ("vendor/LICENSE", True), ("a/b/THIRD-PARTY-NOTICES.txt", True), ("PROHIBITED_USE_POLICY.md", True),
        ("sub/config.json", True), ("a/b/Adapter_Config.json", True), ("sub/modeling.py", False), ("../LICENSE", True), ("LICENSES/../weights", False),
        ("x" * 200 + "/" + "y" * 200 + "/LICENSE", True),
    ],
)  # fmt: skip
def test_small_files_are_selected_by_name(path: str, is_small: bool) -> None:
    assert is_small_file(path) is is_small


@check_each("path", ["/LICENSE", "a/./LICENSE", "../LICENSE", "a//config.json"])
def test_small_file_with_a_path_that_is_not_in_its_simplest_form_is_not_fetched(path: str) -> None:
    assert choose_small_files({path: ListedFile(1, ())}) == ()


def test_modules_are_chosen_only_of_the_target_and_after_all_other_small_files() -> None:
    listing = {"modeling.py": ListedFile(1, ()), "a/b/NOTICE": ListedFile(1, ()), "large.py": ListedFile(9**9, ())}
    assert choose_small_files(listing) == ("a/b/NOTICE",)
    assert choose_small_files(listing, includes_modules=True) == ("a/b/NOTICE", "modeling.py")


def test_small_files_are_chosen_up_to_a_number_and_up_to_a_sum_of_their_bytes() -> None:
    def build_listing(size: int) -> dict[str, ListedFile]:
        return {f"{number}/config.json": ListedFile(size, ()) for number in range(2 * MOST_SMALL_FILES)}

    assert len(choose_small_files(build_listing(1000))) == MOST_SMALL_FILES
    assert len(choose_small_files(build_listing(LARGEST_SMALL_FILE))) == 40


@pytest.mark.parametrize("token", ["", "hf_bob"])
def test_gated_repository_error_contains_the_public_hub_statements_on_the_repository(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    repository = hub.add_repository("acme/gated", FILES, gated="manual")
    hub.add_user("bob", token="hf_bob")
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(GatedError, match="is gated") as caught:
        resolve_small_files("acme/gated")
    snapshot = caught.value.snapshot
    assert snapshot is not None
    assert snapshot.commit == repository.sha
    assert {artifact.path for artifact in snapshot.artifacts} == set(FILES)
    assert not list_open_paths(snapshot)
    assert snapshot.hub_statements is not None
    assert ("license", "other") in [(each.topic, each.value) for each in snapshot.hub_statements.items]


def test_missing_repository_and_unreachable_hub_raise_different_errors(hub: LoopbackHub) -> None:
    hub.add_repository("acme/secret", FILES, private=True)
    hub.add_repository("acme/base", FILES)
    for name in ("acme/nothing", "acme/secret", "acme/base@v9", "/data/checkpoint", "a b"):
        with pytest.raises(MissingError):
            resolve_small_files(name)
    with pytest.raises(MissingError, match="the dataset 'acme/base'") as caught:
        resolve_small_files("acme/base", is_dataset=True)
    # Only a model can be a local path, so the hint at one is left out.
    assert "local path" not in str(caught.value)
    hub.inject_fault("/api/models", status=500)
    with pytest.raises(UnreachedError, match="status 500"):
        resolve_small_files("acme/base")


def test_status_403_raises_the_gated_error_and_a_refused_token_raises_the_unreached_error(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_repository("acme/base", FILES)
    fault = hub.inject_fault("/api/models", status=403, times=1)
    with pytest.raises(GatedError) as caught:
        resolve_small_files("acme/base")
    assert fault.hits == 1
    assert caught.value.snapshot is None
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    with pytest.raises(UnreachedError, match="refuses the token"):
        resolve_small_files("acme/base")


def test_unreachable_server_is_reported(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # no server listens on the port of "discard"
    with pytest.raises(UnreachedError):
        resolve_small_files("acme/base")


def test_renamed_base_model_is_read_with_a_note_about_the_rename(hub: LoopbackHub) -> None:
    hub.add_repository("acme/old", FILES)
    hub.rename_repository("acme/old", "other/new")
    snapshot = resolve_small_files("acme/old")
    assert list_open_paths(snapshot) == SMALL
    assert any("renamed or moved" in note for note in snapshot.notes)


def test_scan_of_a_gated_or_missing_repository_raises_the_error_class_for_that_cause(hub: LoopbackHub) -> None:
    hub.add_repository("acme/gated", FILES, gated="auto")
    with pytest.raises(GatedError) as caught:
        resolve_target("acme/gated")
    assert caught.value.snapshot is not None
    with pytest.raises(MissingError):
        resolve_target("acme/nothing")
    assert issubclass(GatedError, SourceError)


def test_hub_snapshot_contains_the_license_and_base_model_statements_of_the_hub(hub: LoopbackHub) -> None:
    hub.add_repository("acme/base", FILES)
    for snapshot in (resolve_small_files("acme/base"), resolve_target("acme/base")):
        assert snapshot.hub_statements is not None
        assert [(each.topic, each.value) for each in snapshot.hub_statements.items] == [
            (Topic.LICENSE, "other"),
            (Topic.BASE_MODEL, "org/root"),
            (Topic.DATASET, "org/rows"),
            (Topic.LICENSE_NAME, "acme"),
        ]


def test_relation_in_a_hub_tag_has_the_same_key_as_its_base_model() -> None:
    statements = parse_hub_statements(
        ["base_model:quantized:org/a", "base_model:org/b", "base_model:odd:org/c", "license:", 5], None
    )
    assert [(each.topic, each.value, each.where.key) for each in statements.items] == [
        (Topic.BASE_MODEL, "org/a", "base_model:quantized:org/a"),
        (Topic.RELATION, "quantized", "base_model:quantized:org/a"),
        (Topic.BASE_MODEL, "org/b", "base_model:org/b"),
        (Topic.BASE_MODEL, "odd:org/c", "base_model:odd:org/c"),
    ]


@check_each("tags", [None, 5, "license:mit", {"license:mit": 1}, [None, b"license:mit", ["x"], "license:mit"]])
@check_each("card", [None, [], "x", {1: 2}, {"license_name": ["x"], "license_link": " "}])
def test_malformed_hub_answer_yields_no_statements_other_than_its_valid_tags(tags: object, card: object) -> None:
    statements = parse_hub_statements(tags, card)
    # The keys of a mapping count as tags.
    assert [each.value for each in statements.items] == (["mit"] if isinstance(tags, list | dict) else [])


def test_unknown_license_represents_the_hub_statements_beyond_a_bound() -> None:
    tags = [f"base_model:org/{number}" for number in range(100_000)] + ["license:" + "x" * 10_000]
    statements = parse_hub_statements(tags, None)
    assert len(statements.items) == 2001
    last = statements.items[-1]
    assert (last.topic, last.value) == (Topic.LICENSE, "only the first 2000 statements of the Hub were read")


def test_value_of_the_hub_that_is_cut_names_no_known_license() -> None:
    statements = parse_hub_statements(["license:mit" + " " * 10_000 + "with limits"], None)
    assert fold_license_name(statements.items[0].value) == ""
