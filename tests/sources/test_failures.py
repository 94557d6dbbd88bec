"""Each reason why a repository cannot be fetched has a message of its own, and exit code 4 unless it is one file's."""

from __future__ import annotations

import errno
import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from hub.server import LoopbackHub

from modelaudit.model.artifact import ModelRef, RefKind
from modelaudit.model.errors import ConfigurationError, SourceError
from modelaudit.model.structure import UnreadReason
from modelaudit.sources import resolve_target, retries, session
from modelaudit.sources.failures import FailureExplainer
from modelaudit.sources.settings import HubSettings

FILES = {"config.json": "{}", "model.safetensors": bytes(3000)}


def get_failure_message(target: str, revision: str | None = None) -> str:
    """Return the message of the error that ends the resolution of ``target``; it is one short sentence."""
    with pytest.raises(SourceError) as caught:
        resolve_target(target, revision=revision)
    assert caught.value.exit_code == 4
    message = str(caught.value)
    assert message.isprintable()
    assert message.endswith(".")
    assert len(message) < 400
    return message


def get_cause_of_absence(target: str, path: str) -> str:
    """Return in words why the file at ``path`` was not fetched; fail unless every other file was."""
    artifacts = resolve_target(target).artifacts
    assert [artifact.path for artifact in artifacts if artifact.open is None] == [path]
    (obstacle,) = [artifact.obstacle for artifact in artifacts if artifact.path == path]
    assert obstacle is not None
    assert obstacle.reason is UnreadReason.CONTENT_ABSENT
    assert obstacle.detail.isprintable()
    return obstacle.detail


@pytest.fixture
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without a pause, and let a silent request time out after 0.3 seconds."""
    monkeypatch.setattr(retries, "pause", lambda budget, seconds: None)
    monkeypatch.setattr(session, "_USUAL_TIMEOUT", 0.3)


def test_missing_and_private_repositories_give_the_same_message(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_repository("acme/secret", FILES, private=True)
    hub.add_user("bob", token="hf_bob")
    for token in ("", "hf_bob"):
        monkeypatch.setenv("HF_TOKEN", token)
        missing, private = get_failure_message("acme/nothing"), get_failure_message("acme/secret")
        assert missing.replace("nothing", "secret") == private
        assert "missing or private, and the Hub does not say which" in missing
        assert "HF_TOKEN" in missing
        assert "local path" not in missing


def test_message_about_a_name_that_could_be_a_misspelt_path_says_that_there_is_no_such_path(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").mkdir()
    for target in ("tiny", "weights/tiny"):
        assert f"There is no local path {target!r}, and the Hub does not show" in get_failure_message(target)


def test_certificate_that_is_not_trusted_is_reported_with_the_variable_that_names_others(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub.utils._http import close_session

    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    with LoopbackHub(tls=server) as served:
        served.add_repository("acme/tiny", FILES)
        monkeypatch.setenv("HF_ENDPOINT", served.endpoint)
        assert "certificate is not accepted; set SSL_CERT_FILE to" in get_failure_message("acme/tiny")
        close_session()
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        assert all(artifact.open for artifact in resolve_target("acme/tiny").artifacts)
        close_session()
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))
        with pytest.raises(ConfigurationError, match=r"absent\.pem', not a file"):
            resolve_target("acme/tiny")


def test_missing_repository_gives_the_same_message_over_https_and_http(hub: LoopbackHub) -> None:
    """Over https, the client raises another error for a missing repository."""
    from httpx2 import Request, Response
    from huggingface_hub.errors import RepositoryNotFoundError

    response = Response(401, request=Request("GET", "https://huggingface.co/api/models/acme/nothing"))
    error = RepositoryNotFoundError("not found", response=response)
    ref = ModelRef(RefKind.MODEL, "acme/nothing")
    explained = str(FailureExplainer(ref, HubSettings.read()).explain(error))
    assert explained == get_failure_message("acme/nothing")


def test_gated_repository_is_reported(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add_repository("acme/gated", FILES, gated="auto")
    hub.add_user("bob", token="hf_bob")
    for token in ("", "hf_bob"):
        monkeypatch.setenv("HF_TOKEN", token)
        message = get_failure_message("acme/gated")
        assert "is gated" in message
        assert f"ask for it on {hub.endpoint}/acme/gated" in message


def test_disabled_repository_is_reported(hub: LoopbackHub) -> None:
    hub.add_repository("acme/gone", FILES, disabled=True)
    assert "is disabled" in get_failure_message("acme/gone")


def test_unknown_revision_is_reported(hub: LoopbackHub) -> None:
    hub.add_repository("acme/tiny", FILES)
    assert "no revision 'v9'" in get_failure_message("acme/tiny", "v9")
    assert "no revision" in get_failure_message("acme/tiny@" + "0" * 40)


def test_message_about_a_missing_dataset_names_it_as_a_dataset(hub: LoopbackHub) -> None:
    assert "the dataset 'acme/rows'" in get_failure_message("datasets/acme/rows")


def test_invalid_token_is_reported(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add_repository("acme/tiny", FILES)
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    message = get_failure_message("acme/tiny")
    assert "refuses the token" in message
    assert "hf_expired" not in message


def test_answer_with_status_403_is_reported_as_forbidden_access(hub: LoopbackHub) -> None:
    hub.add_repository("acme/tiny", FILES)
    hub.inject_fault("/api/models", status=403)
    assert "forbids access" in get_failure_message("acme/tiny")


@pytest.mark.parametrize("retry_after", [True, False])
def test_rate_limit_message_states_how_long_to_wait(hub: LoopbackHub, without_waiting: None, retry_after: bool) -> None:
    hub.add_repository("acme/tiny", FILES)
    hub.inject_rate_limit("/api/models", wait=55, retry_after=retry_after, times=None)
    assert "limits the rate of requests" in (message := get_failure_message("acme/tiny"))
    assert "try again in 55 s" in message


@pytest.mark.parametrize("match", ["/tree/", "model.safetensors"])
def test_rate_limit_with_a_long_wait_is_an_error_and_is_not_waited_for(hub: LoopbackHub, match: str) -> None:
    hub.add_repository("acme/tiny", FILES)
    limit = hub.inject_rate_limit(match, wait=3600, retry_after=True, times=None)
    assert "try again in 3600 s" in get_failure_message("acme/tiny")
    assert limit.hits == 1


def test_failing_server_is_reported(hub: LoopbackHub) -> None:
    hub.add_repository("acme/tiny", FILES)
    hub.inject_fault("/api/models", status=503)
    assert "failed with status 503" in get_failure_message("acme/tiny")


def test_server_failure_during_download_is_reported(hub: LoopbackHub, without_waiting: None) -> None:
    hub.add_repository("acme/tiny", FILES)
    hub.inject_fault("model.safetensors", status=500)
    assert "failed with status 500" in get_cause_of_absence("acme/tiny", "model.safetensors")


def test_failed_listing_raises_an_error_even_if_the_cache_holds_part_of_the_commit(
    hub: LoopbackHub, without_waiting: None
) -> None:
    """If the listing fails, the client returns the part of the commit that the cache holds, without an error."""
    hub.add_repository("acme/tiny", FILES)
    root = resolve_target("acme/tiny").root
    assert root is not None
    (root / "config.json").unlink()
    for record in (root.parents[1] / "trees").iterdir():
        record.unlink()
    from huggingface_hub import _tree_cache

    _tree_cache._IN_MEMORY_TREE_CACHE.clear()
    hub.inject_fault("/tree/", status=500)
    hub.inject_fault("config.json", status=500)
    assert "failed with status 500" in get_failure_message("acme/tiny")


def test_download_of_another_size_than_the_stated_one_is_reported(hub: LoopbackHub) -> None:
    hub.add_repository("acme/tiny", FILES)
    hub.inject_fault("model.safetensors", content=b"short", origin="cdn")
    assert "another size than the Hub states" in get_cause_of_absence("acme/tiny", "model.safetensors")


def test_repeatedly_dropped_connection_is_reported(hub: LoopbackHub, without_waiting: None) -> None:
    hub.add_repository("acme/tiny", FILES)
    hub.inject_fault("model.safetensors", drop_after=0)
    assert "The connection broke" in get_cause_of_absence("acme/tiny", "model.safetensors")


def test_unreachable_server_is_reported(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    # A bound port that does not listen refuses connections.
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{bound.getsockname()[1]}")
        assert "No connection for the model 'acme/tiny'" in (message := get_failure_message("acme/tiny"))
        assert "the server refuses connections" in message


def test_unknown_host_name_is_reported(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    assert "the name of the server is not known" in get_failure_message("acme/tiny")


def test_https_endpoint_whose_server_lacks_tls_is_reported(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint.replace("http:", "https:"))
    assert "TLS protocol is not accepted" in get_failure_message("acme/tiny")


@pytest.fixture
def silent_endpoint() -> Iterator[str]:
    """Return the address of a server that accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_silent_server_times_out(
    hub: LoopbackHub, silent_endpoint: str, without_waiting: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", silent_endpoint)
    assert "no answer in time" in get_failure_message("acme/tiny")


def test_server_silent_during_listing_times_out(hub: LoopbackHub, without_waiting: None) -> None:
    """The client sets no timeout of its own for listings."""
    hub.add_repository("acme/tiny", FILES)
    hub.inject_fault("/tree/", delay=1.0)
    assert "no answer in time" in get_failure_message("acme/tiny")


def test_proxy_that_refuses_the_request_is_reported(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.utils._http import close_session

    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
    # The loopback Hub is no proxy: it answers the method CONNECT with status 501.
    monkeypatch.setenv("HTTPS_PROXY", hub.endpoint)
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")
    close_session()
    assert "The proxy did not let the request" in get_failure_message("acme/tiny")
    close_session()


@pytest.mark.parametrize(
    "body", [b"<html>Sign in to the network</html>", b"[]", b"{}", b"null", b'{"id": 3}', b"[" * 100_000, b"\xff\xfe"]
)
def test_answer_of_a_web_server_that_is_not_a_hub_is_reported(hub: LoopbackHub, body: bytes) -> None:
    hub.add_repository("acme/tiny", FILES)
    hub.inject_fault("/revision/main", content=body)
    message = get_failure_message("acme/tiny")
    assert "does not come from a Hub" in message or "names no commit" in message


@pytest.mark.parametrize("sha", ["../../../evil", "main", "", None, "A" * 40, 7])
def test_answer_with_an_invalid_commit_is_refused(hub: LoopbackHub, sha: object) -> None:
    hub.add_repository("acme/tiny", FILES)
    hub.inject_fault("/revision/main", content=json.dumps({"id": "acme/tiny", "sha": sha, "siblings": []}).encode())
    assert "names no commit" in get_failure_message("acme/tiny")


def test_answer_for_another_commit_than_the_requested_one_is_refused(hub: LoopbackHub) -> None:
    repository = hub.add_repository("acme/tiny", FILES)
    first = repository.sha
    second = repository.commit({"x": "y"})
    info = json.dumps({"id": "acme/tiny", "sha": second, "siblings": []}).encode()
    hub.inject_fault(f"/revision/{first}", content=info)
    assert f"answered with commit {second} in place of {first}" in get_failure_message("acme/tiny", first)


@pytest.mark.parametrize(
    "headers",
    [
        {"ETag": '"../../../../evil"', "X-Linked-Etag": '"../../../../evil"'},
        {"ETag": '"/tmp/evil"', "X-Linked-Etag": None},
        {"ETag": '".."', "X-Linked-Etag": None},
        {"X-Repo-Commit": "../../evil"},
    ],
)
def test_hostile_paths_in_answers_are_refused(hub: LoopbackHub, hub_home: Path, headers: dict[str, str | None]) -> None:
    hub.add_repository("acme/tiny", FILES)
    hub.inject_fault("config.json", origin="hub", headers=headers)
    assert "was refused" in get_cause_of_absence("acme/tiny", "config.json")
    assert [*hub_home.parent.iterdir()] == [hub_home]
    assert not [path for path in hub_home.parent.rglob("*evil*")]


def test_hostile_blob_names_in_listing_are_refused(hub: LoopbackHub) -> None:
    hub.add_repository("acme/tiny", FILES)
    hostile_pointer = {"oid": "../../../../evil", "size": 3, "pointerSize": 9}
    entry = {"type": "file", "path": "m.bin", "size": 3, "oid": "0" * 40, "lfs": hostile_pointer}
    hub.inject_fault("/tree/", content=json.dumps([entry]).encode())
    assert "lists a file with the digest '../../../../evil'" in get_failure_message("acme/tiny")


def test_answer_without_the_headers_of_a_hub_is_taken_only_if_its_bytes_have_the_listed_digest(
    hub: LoopbackHub,
) -> None:
    """A mirror may leave them out, and so does the page of a network that asks for a password, of another size."""
    hub.add_repository("acme/tiny", FILES)
    hub.inject_fault("config.json", headers={"X-Repo-Commit": None}, origin="hub")
    altered = hub.inject_fault("config.json", content=b"-")
    assert "lacks the headers of a Hub" in get_cause_of_absence("acme/tiny", "config.json")
    altered.times = 0
    assert [artifact for artifact in resolve_target("acme/tiny").artifacts if artifact.open is None] == []


def test_full_disk_is_reported(hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        monkeypatch.setenv("HF_HUB_CACHE", str(small / "hub"))
        hub.add_repository("acme/tiny", {"model.safetensors": bytes(500_000)})
        assert f"The disk of the Hub cache '{small}/hub' is full" in get_failure_message("acme/tiny")
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_is_recognised_by_error_code(code: int, hub_home: Path) -> None:
    explainer = FailureExplainer(ModelRef(RefKind.MODEL, "acme/tiny"), HubSettings.read())
    assert "is full" in str(explainer.explain(OSError(code, os.strerror(code))))


def test_read_only_cache_is_reported(hub: LoopbackHub, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("giving up privileges takes root")
    hub.add_repository("acme/tiny", FILES)
    unprivileged_id = 65534
    code = (
        "import os; import modelaudit.sources.hub; from modelaudit.sources import resolve_target;"
        f"os.setgroups([]); os.setgid({unprivileged_id}); os.setuid({unprivileged_id})\n"
        "try: resolve_target('acme/tiny')\nexcept Exception as error: print(type(error).__name__, error)"
    )
    environment = {**os.environ, "HF_HUB_CACHE": "/etc/hub-cache"}
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert process.stdout.startswith("SourceError The Hub cache '/etc/hub-cache' cannot be written: Permission denied;")


def test_cache_path_that_is_a_file_is_reported(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "file"))
    hub.add_repository("acme/tiny", FILES)
    assert "cannot be stored in the cache" in get_failure_message("acme/tiny")


def test_hub_client_that_was_imported_in_offline_mode_is_reported(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.add_repository("acme/tiny", FILES)
    assert "in offline mode" in get_failure_message("acme/tiny")
    assert hub.requests == []


def test_invalid_endpoint_is_reported(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "huggingface.co")
    with pytest.raises(ConfigurationError, match="HF_ENDPOINT"):
        resolve_target("acme/tiny")


def test_message_about_a_tls_error_states_its_cause(hub_home: Path) -> None:
    from httpx2 import ConnectError

    error = ConnectError("failed")
    error.__cause__ = ssl.SSLCertVerificationError("unknown authority")
    explainer = FailureExplainer(ModelRef(RefKind.MODEL, "acme/tiny"), HubSettings.read())
    assert "TLS certificate" in str(explainer.explain(error))
