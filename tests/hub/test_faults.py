"""The unmodified Hub client under injected faults: it retries, resumes, raises, or accepts changed bytes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from hub.repository import Repository
from hub.server import LoopbackHub
from huggingface_hub import HfApi, hf_hub_download, hf_hub_url, snapshot_download
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils._http import get_session

WEIGHTS = bytes(range(256)) * 1000


@pytest.fixture
def tiny(hub: LoopbackHub) -> Repository:
    """Return a repository with a small file and a large one."""
    return hub.add_repository("acme/tiny", {"config.json": '{"a": 1}', "model.safetensors": WEIGHTS})


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The seconds of each pause that the client makes; the test does not wait for them."""
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    yield seconds


def list_top_folder(hub: LoopbackHub) -> list[str]:
    """List the root folder of ``acme/tiny`` with the Hub client."""
    return [entry.path for entry in HfApi(endpoint=hub.endpoint, token=False).list_repo_tree("acme/tiny")]


@pytest.mark.parametrize("retry_after", [False, True])
def test_hub_client_waits_one_second_longer_than_the_rate_limit_answer_states(
    hub: LoopbackHub, tiny: Repository, waits: list[float], retry_after: bool
) -> None:
    fault = hub.inject_rate_limit("/tree/", wait=7, retry_after=retry_after)

    assert list_top_folder(hub) == ["config.json", "model.safetensors"]
    assert (fault.hits, [r.status for r in hub.requests]) == (1, [429, 200])
    assert waits == [7 + 1.0]  # the client adds a second


def test_client_raises_an_error_if_every_request_is_rate_limited(
    hub: LoopbackHub, tiny: Repository, waits: list[float]
) -> None:
    hub.inject_rate_limit(wait=55, times=None)

    with pytest.raises(HfHubHTTPError, match="Retry after 55 seconds"):
        list_top_folder(hub)
    assert [r.status for r in hub.requests] == [429] * 6  # one request and five repetitions


def test_client_repeats_a_listing_after_server_errors(hub: LoopbackHub, tiny: Repository, waits: list[float]) -> None:
    hub.inject_fault("/tree/", status=503, times=2)

    assert list_top_folder(hub) == ["config.json", "model.safetensors"]
    assert [r.status for r in hub.requests] == [503, 503, 200]
    assert waits == [1, 2]


def test_hub_client_repeats_the_head_request_of_a_download_after_server_errors(
    hub: LoopbackHub, tiny: Repository, waits: list[float]
) -> None:
    hub.inject_fault("model.safetensors", method="HEAD", status=500, times=3)

    assert Path(hf_hub_download("acme/tiny", "model.safetensors", endpoint=hub.endpoint)).read_bytes() == WEIGHTS
    assert [r.status for r in hub.list_requests("hub")] == [500, 500, 500, 302]


def test_hub_client_resumes_a_dropped_download_with_a_range_request(
    hub: LoopbackHub, waits: list[float], tmp_path: Path
) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(b"\0" * 12_000_000)
    hub.add_repository("acme/large", {"large.bin": large})
    hub.inject_fault("large.bin", origin="cdn", drop_after=11_000_000, times=1)

    downloaded = Path(hf_hub_download("acme/large", "large.bin", endpoint=hub.endpoint))

    assert downloaded.read_bytes() == large.read_bytes()
    first, second = hub.list_requests("cdn")
    assert (first.status, first.sent) == (200, 11_000_000)
    # the client keeps whole pieces of 10 MiB
    assert (second.status, second.headers["Range"]) == (206, f"bytes={10 * 1024 * 1024}-")


def test_download_that_is_always_dropped_ends_in_an_error(
    hub: LoopbackHub, tiny: Repository, waits: list[float]
) -> None:
    hub.inject_fault("model.safetensors", origin="cdn", drop_after=1000)

    with pytest.raises(httpx2.RemoteProtocolError):
        hf_hub_download("acme/tiny", "model.safetensors", endpoint=hub.endpoint)
    assert len(hub.list_requests("cdn")) == 6  # one request and five repetitions


@pytest.mark.parametrize("path", ["model.safetensors", "config.json"])
def test_hub_client_accepts_a_download_with_a_changed_byte_and_the_same_size(
    hub: LoopbackHub, tiny: Repository, path: str
) -> None:
    hub.inject_fault(path, tamper=True)

    downloaded = (Path(snapshot_download("acme/tiny", endpoint=hub.endpoint)) / path).read_bytes()

    blob = tiny.find_commit("main").files[path]
    assert isinstance(blob.content, bytes)
    assert len(downloaded) == blob.size
    changed = [offset for offset in range(blob.size) if downloaded[offset] != blob.content[offset]]
    assert changed == [blob.size // 2]
    assert hashlib.sha256(downloaded).digest() != hashlib.sha256(blob.content).digest()


def test_tamper_fault_changes_the_middle_byte_of_a_file_in_a_range_and_no_other_byte(
    hub: LoopbackHub, tiny: Repository
) -> None:
    hub.inject_fault("model.safetensors", tamper=True)
    url = hf_hub_url("acme/tiny", "model.safetensors", endpoint=hub.endpoint)
    middle = len(WEIGHTS) // 2

    part = get_session().get(url, headers={"Range": f"bytes={middle - 1}-{middle + 1}"}).content

    assert part == bytes([WEIGHTS[middle - 1], WEIGHTS[middle] ^ 0xFF, WEIGHTS[middle + 1]])
    assert get_session().get(url, headers={"Range": "bytes=0-9"}).content == WEIGHTS[:10]


def test_client_stores_wrong_bytes_of_the_right_size_under_the_digest_of_the_right_bytes(
    hub: LoopbackHub, tiny: Repository
) -> None:
    hub.inject_fault("model.safetensors", content=b"x" * len(WEIGHTS))

    downloaded = Path(hf_hub_download("acme/tiny", "model.safetensors", endpoint=hub.endpoint))

    assert downloaded.read_bytes() == b"x" * len(WEIGHTS)
    assert downloaded.resolve().name == tiny.find_commit("main").files["model.safetensors"].sha256


def test_hub_client_refuses_a_download_whose_size_differs_from_the_stated_one(
    hub: LoopbackHub, tiny: Repository
) -> None:
    hub.inject_fault("model.safetensors", content=b"short")

    with pytest.raises(OSError, match="Consistency check failed"):
        hf_hub_download("acme/tiny", "model.safetensors", endpoint=hub.endpoint)


def test_hub_that_ignores_a_range_request_sends_the_whole_file(hub: LoopbackHub, tiny: Repository) -> None:
    hub.inject_fault("model.safetensors", ignore_range=True)
    url = hf_hub_url("acme/tiny", "model.safetensors", endpoint=hub.endpoint)

    answer = get_session().get(url, headers={"Range": "bytes=5-9"})

    assert (answer.status_code, answer.content) == (200, WEIGHTS)
    assert "Content-Range" not in answer.headers


def test_fault_changes_or_removes_headers_in_the_requested_number_of_answers(
    hub: LoopbackHub, tiny: Repository
) -> None:
    hub.inject_fault("model.safetensors", method="HEAD", headers={"X-Linked-Size": "1", "X-Repo-Commit": None}, times=1)
    url = hf_hub_url("acme/tiny", "model.safetensors", endpoint=hub.endpoint)

    changed = get_session().head(url, follow_redirects=False).headers
    unchanged = get_session().head(url, follow_redirects=False).headers

    assert changed["X-Linked-Size"] == "1" and "X-Repo-Commit" not in changed
    assert unchanged["X-Linked-Size"] == str(len(WEIGHTS)) and unchanged["X-Repo-Commit"] == tiny.sha


def test_answer_whose_stated_length_exceeds_its_body_is_a_protocol_error(hub: LoopbackHub, tiny: Repository) -> None:
    hub.inject_fault("config.json", method="GET", headers={"Content-Length": "999"})
    url = hf_hub_url("acme/tiny", "config.json", endpoint=hub.endpoint)

    with pytest.raises(httpx2.RemoteProtocolError):
        get_session().get(url)


def test_hub_client_raises_a_timeout_if_the_answer_is_delayed_beyond_its_time_limit(
    hub: LoopbackHub, tiny: Repository
) -> None:
    hub.inject_fault("/api/models", delay=5, times=1)

    with pytest.raises(httpx2.ReadTimeout):
        HfApi(endpoint=hub.endpoint, token=False).model_info("acme/tiny", timeout=0.1)


def test_body_sent_at_a_limited_rate_arrives_completely(hub: LoopbackHub, tiny: Repository, waits: list[float]) -> None:
    hub.inject_fault("model.safetensors", rate=128_000)

    assert Path(hf_hub_download("acme/tiny", "model.safetensors", endpoint=hub.endpoint)).read_bytes() == WEIGHTS
    assert sum(waits) == pytest.approx(len(WEIGHTS) / 128_000)


def test_loopback_hub_answers_normally_after_faults_are_cleared(hub: LoopbackHub, tiny: Repository) -> None:
    hub.inject_fault(status=500)
    hub.clear_faults()

    assert list_top_folder(hub) == ["config.json", "model.safetensors"]
