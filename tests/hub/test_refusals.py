"""Each refusal of the loopback Hub becomes the exception that the Hub client has for it."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
import trustme
from hub.server import LoopbackHub
from huggingface_hub import (
    HfApi,
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    set_client_factory,
    snapshot_download,
)
from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils._http import default_client_factory, get_session, hf_request_event_hook

FILES: dict[str, bytes | str | Path] = {"config.json": "{}", "model.safetensors": b"weights"}


@pytest.fixture
def accounts(hub: LoopbackHub) -> LoopbackHub:
    """A public, a private, a gated and a disabled model, and three accounts."""
    hub.add_repository("acme/public", FILES)
    hub.add_repository("acme/private", FILES, private=True)
    hub.add_repository("acme/gated", FILES, gated="manual")
    hub.add_repository("acme/disabled", FILES, disabled=True)
    hub.add_user("acme", token="hf_owner")
    hub.add_user("friend", token="hf_friend", reads=["acme/private"], granted=["acme/gated"])
    hub.add_user("stranger", token="hf_stranger")
    return hub


@pytest.fixture
def secure_hub(hub_home: Path) -> Iterator[LoopbackHub]:
    """A loopback Hub behind https, which the client trusts for the length of a test."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    hooks: dict[str, list[Callable[..., object]]] = {"request": [hf_request_event_hook]}
    set_client_factory(lambda: httpx2.Client(verify=client, event_hooks=hooks, follow_redirects=True))
    try:
        with LoopbackHub(tls=server) as served:
            yield served
    finally:
        set_client_factory(default_client_factory)


@pytest.mark.parametrize("id", ["acme/private", "acme/missing", "missing"])
def test_anonymous_callers_get_the_same_answer_for_private_and_missing_repositories(
    secure_hub: LoopbackHub, id: str
) -> None:
    secure_hub.add_repository("acme/private", FILES, private=True)
    api = HfApi(endpoint=secure_hub.endpoint, token=False)

    for call in (
        lambda: api.model_info(id),
        lambda: api.model_info(id, revision="main"),
        lambda: list(api.list_repo_tree(id)),
        lambda: get_hf_file_metadata(hf_hub_url(id, "config.json", endpoint=secure_hub.endpoint), token=False),
        lambda: api.hf_hub_download(id, "config.json"),
        lambda: api.snapshot_download(id),
    ):
        with pytest.raises(RepositoryNotFoundError) as refused:
            call()
        assert refused.value.response.status_code == 401
        assert "X-Error-Code" not in refused.value.response.headers


def test_hub_client_downloads_a_snapshot_over_https(secure_hub: LoopbackHub) -> None:
    secure_hub.add_repository("acme/public", FILES)

    folder = Path(snapshot_download("acme/public", endpoint=secure_hub.endpoint))

    assert (folder / "model.safetensors").read_bytes() == b"weights"


def test_hub_client_raises_a_generic_error_for_401_over_plain_http(accounts: LoopbackHub) -> None:
    with pytest.raises(HfHubHTTPError, match="Invalid username or password") as refused:
        HfApi(endpoint=accounts.endpoint, token=False).model_info("acme/missing")

    assert not isinstance(refused.value, RepositoryNotFoundError)
    assert refused.value.response.status_code == 401


@pytest.mark.parametrize("id", ["acme/private", "acme/missing"])
def test_account_without_access_gets_404_for_private_and_missing_repositories(accounts: LoopbackHub, id: str) -> None:
    with pytest.raises(RepositoryNotFoundError) as refused:
        snapshot_download(id, endpoint=accounts.endpoint, token="hf_stranger")

    assert refused.value.response.status_code == 404
    assert refused.value.response.headers["X-Error-Code"] == "RepoNotFound"


@pytest.mark.parametrize("token", ["hf_owner", "hf_friend"])
def test_private_repository_is_served_to_owner_and_to_accounts_with_access(accounts: LoopbackHub, token: str) -> None:
    folder = Path(snapshot_download("acme/private", endpoint=accounts.endpoint, token=token))

    assert (folder / "config.json").read_text() == "{}"
    assert HfApi(endpoint=accounts.endpoint, token=token).model_info("acme/private").private
    # The bytes of a private repository do not pass through the public cache.
    assert not any("resolve-cache" in r.path for r in accounts.requests)


@pytest.mark.parametrize(("token", "status"), [(False, 401), ("hf_stranger", 403)])
def test_gated_repository_is_listed_but_not_served_to_accounts_without_access(
    accounts: LoopbackHub, token: str | bool, status: int
) -> None:
    api = HfApi(endpoint=accounts.endpoint, token=token)

    assert api.model_info("acme/gated").gated == "manual"
    assert [f.path for f in api.list_repo_tree("acme/gated")] == ["config.json", "model.safetensors"]
    for call in (
        lambda: api.auth_check("acme/gated"),
        lambda: api.list_repo_commits("acme/gated"),
        lambda: api.hf_hub_download("acme/gated", "config.json"),
        lambda: api.hf_hub_download("acme/gated", "model.safetensors"),
    ):
        with pytest.raises(GatedRepoError, match="restricted") as refused:
            call()
        assert refused.value.response.status_code == status


def test_gated_repository_is_served_to_an_account_with_access(accounts: LoopbackHub) -> None:
    api = HfApi(endpoint=accounts.endpoint, token="hf_friend")

    api.auth_check("acme/gated")
    assert (Path(api.snapshot_download("acme/gated")) / "model.safetensors").read_bytes() == b"weights"


def test_loopback_hub_answers_model_info_of_a_disabled_repository_but_refuses_commits_and_files(
    accounts: LoopbackHub,
) -> None:
    api = HfApi(endpoint=accounts.endpoint, token=False)

    assert api.model_info("acme/disabled").disabled is True
    for call in (lambda: api.list_repo_commits("acme/disabled"), lambda: api.auth_check("acme/disabled")):
        with pytest.raises(DisabledRepoError):
            call()
    with pytest.raises(DisabledRepoError):
        get_hf_file_metadata(hf_hub_url("acme/disabled", "config.json", endpoint=accounts.endpoint), token=False)


def test_unknown_revision_is_refused_for_model_info_listings_commits_and_downloads(accounts: LoopbackHub) -> None:
    api = HfApi(endpoint=accounts.endpoint, token=False)

    for call in (
        lambda: api.model_info("acme/public", revision="nope"),
        lambda: list(api.list_repo_tree("acme/public", revision="nope")),
        lambda: api.get_paths_info("acme/public", "config.json", revision="nope"),
        lambda: api.list_repo_commits("acme/public", revision="nope"),
        lambda: api.hf_hub_download("acme/public", "config.json", revision="nope"),
        lambda: api.snapshot_download("acme/public", revision="0" * 40),
    ):
        with pytest.raises(RevisionNotFoundError, match="Invalid rev id"):
            call()


def test_unknown_file_and_unknown_folder_are_refused(accounts: LoopbackHub) -> None:
    api = HfApi(endpoint=accounts.endpoint, token=False)

    with pytest.raises(RemoteEntryNotFoundError) as refused:
        hf_hub_download("acme/public", "nope.bin", endpoint=accounts.endpoint)
    assert refused.value.response.headers["X-Repo-Commit"] == api.model_info("acme/public").sha
    for path in ("nope", "config.json"):
        with pytest.raises(EntryNotFoundError, match="does not exist"):
            list(api.list_repo_tree("acme/public", path))


def test_invalid_token_is_refused_even_for_public_repository(accounts: LoopbackHub) -> None:
    with pytest.raises(HfHubHTTPError, match="Invalid credentials in Authorization header") as refused:
        HfApi(endpoint=accounts.endpoint, token="hf_made_up").model_info("acme/public")

    assert refused.value.response.status_code == 401
    assert not isinstance(refused.value, RepositoryNotFoundError)


def test_former_name_of_renamed_repository_redirects(accounts: LoopbackHub) -> None:
    accounts.add_repository("old", FILES)
    accounts.rename_repository("old", "acme/new")
    api = HfApi(endpoint=accounts.endpoint, token=False)

    assert api.model_info("old").id == api.model_info("old", revision="main").id == "acme/new"
    assert (Path(api.snapshot_download("old")) / "model.safetensors").read_bytes() == b"weights"
    answer = get_session().get(f"{accounts.endpoint}/api/models/old/tree/main?recursive=true", follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (307, "/api/models/acme/new/tree/main?recursive=true")


def test_hub_client_raises_the_missing_cache_entry_error_if_the_hub_is_unreachable(hub_home: Path) -> None:
    with LoopbackHub() as hub:
        endpoint = hub.endpoint

    with pytest.raises(LocalEntryNotFoundError):
        snapshot_download("acme/public", endpoint=endpoint)
