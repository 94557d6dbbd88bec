"""Injected faults reach the unmodified Hub client, which retries, resumes, raises, or is fooled."""

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
    return hub.add_repository("acme/tiny", {"config.json": '{"a": 1}', "model.safetensors": WEIGHTS})


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The pauses that the client would have made; none is made."""
    asked: list[float] = []
    monkeypatch.setattr(time, "sleep", asked.append)
    yield asked


def listing(hub: LoopbackHub) -> list[str]:
    return [entry.path for entry in HfApi(endpoint=hub.endpoint, token=False).list_repo_tree("acme/tiny")]


@pytest.mark.parametrize("retry_after", [False, True])
def test_a_rate_limit_is_waited_for(hub: LoopbackHub, tiny: Repository, waits: list[float], retry_after: bool) -> None:
    fault = hub.rate_limit("/tree/", wait=7, retry_after=retry_after)

    assert listing(hub) == ["config.json", "model.safetensors"]
    assert (fault.hits, [r.status for r in hub.requests]) == (1, [429, 200])
    assert waits == [8.0]


def test_a_rate_limit_that_never_lifts(hub: LoopbackHub, tiny: Repository, waits: list[float]) -> None:
    hub.rate_limit(wait=55, times=None)

    with pytest.raises(HfHubHTTPError, match="Retry after 55 seconds"):
        listing(hub)
    assert [r.status for r in hub.requests] == [429] * 6


def test_server_errors_pass(hub: LoopbackHub, tiny: Repository, waits: list[float]) -> None:
    hub.fault("/tree/", status=503, times=2)

    assert listing(hub) == ["config.json", "model.safetensors"]
    assert [r.status for r in hub.requests] == [503, 503, 200]
    assert waits == [1, 2]


def test_server_errors_on_a_download_pass(hub: LoopbackHub, tiny: Repository, waits: list[float]) -> None:
    hub.fault("model.safetensors", method="HEAD", status=500, times=3)

    assert Path(hf_hub_download("acme/tiny", "model.safetensors", endpoint=hub.endpoint)).read_bytes() == WEIGHTS
    assert [r.status for r in hub.of("hub")] == [500, 500, 500, 302]


def test_a_dropped_download_resumes(hub: LoopbackHub, waits: list[float], tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(b"\0" * 12_000_000)
    hub.add_repository("acme/large", {"large.bin": large})
    hub.fault("large.bin", origin="cdn", drop_after=11_000_000, times=1)

    got = Path(hf_hub_download("acme/large", "large.bin", endpoint=hub.endpoint))

    assert got.read_bytes() == large.read_bytes()
    first, second = hub.of("cdn")
    assert (first.status, first.sent) == (200, 11_000_000)
    # the client keeps whole pieces of 10 MiB
    assert (second.status, second.headers["Range"]) == (206, f"bytes={10 * 1024 * 1024}-")


def test_a_download_that_always_drops(hub: LoopbackHub, tiny: Repository, waits: list[float]) -> None:
    hub.fault("model.safetensors", origin="cdn", drop_after=1000)

    with pytest.raises(httpx2.RemoteProtocolError):
        hf_hub_download("acme/tiny", "model.safetensors", endpoint=hub.endpoint)
    assert len(hub.of("cdn")) == 6


@pytest.mark.parametrize("path", ["model.safetensors", "config.json"])
def test_tampered_bytes_keep_their_size_and_fool_the_client(hub: LoopbackHub, tiny: Repository, path: str) -> None:
    hub.fault(path, tamper=True)

    got = (Path(snapshot_download("acme/tiny", endpoint=hub.endpoint)) / path).read_bytes()

    blob = tiny.at("main").files[path]
    assert isinstance(blob.content, bytes)
    assert len(got) == blob.size
    assert [i for i, (a, b) in enumerate(zip(got, blob.content, strict=True)) if a != b] == [blob.size // 2]
    assert hashlib.sha256(got).digest() != hashlib.sha256(blob.content).digest()


def test_tampering_is_the_same_in_every_range(hub: LoopbackHub, tiny: Repository) -> None:
    hub.fault("model.safetensors", tamper=True)
    url = hf_hub_url("acme/tiny", "model.safetensors", endpoint=hub.endpoint)
    middle = len(WEIGHTS) // 2

    part = get_session().get(url, headers={"Range": f"bytes={middle - 1}-{middle + 1}"}).content

    assert part == bytes([WEIGHTS[middle - 1], WEIGHTS[middle] ^ 0xFF, WEIGHTS[middle + 1]])
    assert get_session().get(url, headers={"Range": "bytes=0-9"}).content == WEIGHTS[:10]


def test_other_bytes_under_the_true_headers(hub: LoopbackHub, tiny: Repository) -> None:
    hub.fault("model.safetensors", content=b"x" * len(WEIGHTS))

    got = Path(hf_hub_download("acme/tiny", "model.safetensors", endpoint=hub.endpoint))

    assert got.read_bytes() == b"x" * len(WEIGHTS)
    assert got.resolve().name == tiny.at("main").files["model.safetensors"].sha256


def test_bytes_of_another_size_are_noticed(hub: LoopbackHub, tiny: Repository) -> None:
    hub.fault("model.safetensors", content=b"short")

    with pytest.raises(OSError, match="Consistency check failed"):
        hf_hub_download("acme/tiny", "model.safetensors", endpoint=hub.endpoint)


def test_a_server_that_ignores_ranges(hub: LoopbackHub, tiny: Repository) -> None:
    hub.fault("model.safetensors", ignore_range=True)
    url = hf_hub_url("acme/tiny", "model.safetensors", endpoint=hub.endpoint)

    answer = get_session().get(url, headers={"Range": "bytes=5-9"})

    assert (answer.status_code, answer.content) == (200, WEIGHTS)
    assert "Content-Range" not in answer.headers


def test_lying_and_missing_headers(hub: LoopbackHub, tiny: Repository) -> None:
    hub.fault("model.safetensors", method="HEAD", headers={"X-Linked-Size": "1", "X-Repo-Commit": None}, times=1)
    url = hf_hub_url("acme/tiny", "model.safetensors", endpoint=hub.endpoint)

    lying = get_session().head(url, follow_redirects=False).headers
    honest = get_session().head(url, follow_redirects=False).headers

    assert lying["X-Linked-Size"] == "1" and "X-Repo-Commit" not in lying
    assert honest["X-Linked-Size"] == str(len(WEIGHTS)) and honest["X-Repo-Commit"] == tiny.sha


def test_a_length_that_is_too_long(hub: LoopbackHub, tiny: Repository) -> None:
    hub.fault("config.json", method="GET", headers={"Content-Length": "999"})
    url = hf_hub_url("acme/tiny", "config.json", endpoint=hub.endpoint)

    with pytest.raises(httpx2.RemoteProtocolError):
        get_session().get(url)


def test_a_slow_hub_times_out(hub: LoopbackHub, tiny: Repository) -> None:
    hub.fault("/api/models", delay=5, times=1)

    with pytest.raises(httpx2.ReadTimeout):
        HfApi(endpoint=hub.endpoint, token=False).model_info("acme/tiny", timeout=0.1)


def test_a_slow_body_arrives_whole(hub: LoopbackHub, tiny: Repository, waits: list[float]) -> None:
    hub.fault("model.safetensors", rate=128_000)

    assert Path(hf_hub_download("acme/tiny", "model.safetensors", endpoint=hub.endpoint)).read_bytes() == WEIGHTS
    assert sum(waits) == pytest.approx(2.0)


def test_faults_can_be_lifted(hub: LoopbackHub, tiny: Repository) -> None:
    hub.fault(status=500)
    hub.clear_faults()

    assert listing(hub) == ["config.json", "model.safetensors"]
