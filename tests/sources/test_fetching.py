"""Fetching over a bad connection: requests are repeated, files continued, digests handed on, the cache is the client's."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub.access import RefusedError
from hub.exchange import Origin, Request, Response, Script
from hub.repository import Repository
from hub.server import LoopbackHub
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from support.command import receive_signals

import modelaudit
from modelaudit.integrity.digests import DigestingWindow
from modelaudit.model.artifact import Snapshot
from modelaudit.model.errors import SourceError
from modelaudit.model.limits import MIB, Limits
from modelaudit.sources import resolve_target, retries
from modelaudit.sources.cache import CachedCommit
from modelaudit.sources.claims import ListedFile, parse_digest
from modelaudit.sources.partial import PartialFile

SMALL = {"config.json": '{"a": 1}', "README.md": "# Tiny\n"}


def build_weights(size: int, filling: int = 7) -> bytes:
    """Build a safetensors file of this size: the length of its header, the header, and one tensor."""
    count = size - 128
    tensor = {"dtype": "U8", "shape": [count], "data_offsets": [0, count]}
    header = json.dumps({"weight": tensor}).encode().ljust(120)
    return struct.pack("<Q", len(header)) + header + bytes([filling]) * count


WEIGHTS = build_weights(4 * MIB)
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
PARTIAL = f"{SHA256}.modelaudit.incomplete"


@pytest.fixture
def tiny(hub: LoopbackHub) -> Repository:
    """Return a repository with two small files and a large one."""
    return hub.add_repository("acme/tiny", {**SMALL, "weights.safetensors": WEIGHTS})


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each pause between requests; the test does not wait for them."""
    seconds: list[float] = []
    monkeypatch.setattr(retries, "pause", lambda budget, each: seconds.append(each))
    return seconds


def list_unfetched(snapshot: Snapshot) -> list[str]:
    """List the artifacts without content."""
    return [artifact.path for artifact in snapshot.artifacts if artifact.open is None]


def list_leftovers(home: Path) -> list[str]:
    """List what an unfinished download left in the cache."""
    return sorted(path.name for path in home.rglob("*") if path.name.endswith((".incomplete", ".tmp")))


def count_sent(hub: LoopbackHub) -> int:
    """Return the bytes of the weights that the storage has sent."""
    return sum(request.sent for request in hub.list_requests("cdn"))


def close_at_once(_: object) -> None:
    """Answer a request by closing the connection."""


@pytest.mark.parametrize("kind", ["503", "429", "520", "no answer", "broken body"])
@pytest.mark.parametrize(
    ("match", "origin"),
    [
        ("/revision/", "hub"),
        ("/tree/", "hub"),
        ("config.json", "hub"),
        ("weights.safetensors", "hub"),
        ("weights.safetensors", "cdn"),
    ],
)
def test_each_request_is_repeated_five_times(
    hub: LoopbackHub, tiny: Repository, pauses: list[float], match: str, origin: Origin, kind: str
) -> None:
    script: Script | None = close_at_once if kind == "no answer" else None
    status = int(kind) if kind.isdecimal() else None
    drop_after = 1 if kind == "broken body" else None
    if (match, origin, kind) == ("weights.safetensors", "hub", "broken body"):
        return  # its answer is a redirect, whose body nothing reads
    fault = hub.inject_fault(match, origin=origin, status=status, drop_after=drop_after, script=script, times=5)
    assert list_unfetched(resolve_target("acme/tiny")) == []
    assert fault.hits == 5
    doubled = [retries.FIRST_WAIT * 2**number for number in range(5)]
    assert all(wait / 2 <= pause <= wait for wait, pause in zip(doubled, pauses, strict=True))


@pytest.mark.parametrize("status", [429, 503])
def test_scan_ends_with_one_line_after_the_fifth_repetition(
    hub: LoopbackHub, tiny: Repository, pauses: list[float], status: int
) -> None:
    fault = hub.inject_fault("/revision/", status=status)
    with pytest.raises(SourceError, match="try again"):
        resolve_target("acme/tiny")
    assert (fault.hits, len(pauses)) == (6, 5)


@pytest.mark.parametrize("header", [{"RateLimit": '"api";r=0;t=60'}, {"Retry-After": "60"}])
def test_demanded_wait_of_a_minute_is_kept(
    hub: LoopbackHub, tiny: Repository, pauses: list[float], header: dict[str, str]
) -> None:
    hub.inject_fault("config.json", status=429, headers=header, times=1)
    assert list_unfetched(resolve_target("acme/tiny")) == []
    assert [round(pause) for pause in pauses] == [60]


def test_waits_for_one_file_have_a_bound_in_sum(hub: LoopbackHub, tiny: Repository, pauses: list[float]) -> None:
    fault = hub.inject_fault("config.json", status=429, headers={"Retry-After": "50"})
    with pytest.raises(SourceError, match="try again in 50 s"):
        resolve_target("acme/tiny")
    assert (fault.hits, len(pauses)) == (4, 3)
    assert sum(pauses) <= Limits().server.waiting_seconds


@pytest.mark.parametrize("status", [400, 404, 501])
def test_answer_that_will_not_change_is_not_waited_for(
    hub: LoopbackHub, tiny: Repository, pauses: list[float], status: int
) -> None:
    hub.inject_fault("/revision/", status=status)
    with pytest.raises(SourceError):
        resolve_target("acme/tiny")
    assert (len(hub.requests), pauses) == (1, [])


def test_large_file_arrives_over_a_connection_that_breaks_more_often_than_a_request_is_repeated(
    hub: LoopbackHub, tiny: Repository, hub_home: Path
) -> None:
    hub.inject_fault("weights.safetensors", origin="cdn", drop_after=0, times=6)
    hub.inject_fault("weights.safetensors", origin="cdn", drop_after=MIB, times=3)  # the first three of the six
    assert list_unfetched(resolve_target("acme/tiny")) == []
    assert count_sent(hub) == len(WEIGHTS)
    assert list_leftovers(hub_home) == []


def test_address_of_the_storage_is_asked_for_again_when_it_has_expired(
    hub: LoopbackHub, tiny: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve, served = hub.files.serve_stored, []

    def serve_once(request: Request) -> Response:
        served.append(request)
        if len(served) == 2:
            raise RefusedError(403, "the address has expired")
        return serve(request)

    monkeypatch.setattr(hub.files, "serve_stored", serve_once)
    hub.inject_fault("weights.safetensors", origin="cdn", drop_after=MIB, times=1)
    assert list_unfetched(resolve_target("acme/tiny")) == []
    assert [request.status for request in hub.list_requests("cdn")] == [200, 403, 206]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_stopped_download_is_continued_by_the_next_run(
    hub: LoopbackHub, tiny: Repository, hub_home: Path, number: signal.Signals
) -> None:
    slow = hub.inject_fault("weights.safetensors", origin="cdn", rate=2 * MIB)
    command = [sys.executable, "-m", "modelaudit", "scan", "acme/tiny", "--checks", "integrity", "-q"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=receive_signals)
    while count_sent(hub) < 2 * MIB and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(number)
    _, error = process.communicate()
    if number is not signal.SIGKILL:
        assert error.count("\n") == 1
        assert f"stopped by {number.name}" in error
        assert process.returncode == 128 + number
    assert list_leftovers(hub_home) == [PARTIAL]
    slow.rate = None
    assert subprocess.run(command, capture_output=True).returncode == 0
    *_, last = hub.list_requests("cdn")
    assert last.status == 206
    (blob,) = [path for path in hub_home.rglob(SHA256) if not path.is_symlink()]
    assert blob.read_bytes() == WEIGHTS
    assert list_leftovers(hub_home) == []


def test_interrupt_ends_a_scan_whose_server_is_silent_before_its_answer_is_due(
    hub: LoopbackHub, tiny: Repository
) -> None:
    released = threading.Event()
    hub.inject_fault("weights.safetensors", origin="cdn", script=lambda connection: released.wait(60) and None)
    command = [sys.executable, "-m", "modelaudit", "scan", "acme/tiny", "-q"]
    # The client's time for an answer is longer than the test may take.
    environment = {**os.environ, "HF_HUB_DOWNLOAD_TIMEOUT": "900"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, preexec_fn=receive_signals)
    while not hub.list_requests("cdn") and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()
    assert not released.is_set()
    released.set()
    assert (process.returncode, error.count("\n")) == (130, 1)


def test_threads_end_when_one_file_ends_the_download(
    hub: LoopbackHub, tiny: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    hub.inject_fault("weights.safetensors", origin="cdn", script=lambda connection: released.wait(120) and None)
    hub.inject_fault("config.json", status=429, headers={"Retry-After": "10000"}, delay=0.5)
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "900")
    with pytest.raises(SourceError, match="limits the rate"):
        resolve_target("acme/tiny")
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("fetching")]
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert not released.is_set()
    released.set()


@pytest.fixture
def partial(hub_home: Path) -> Iterator[Path]:
    """Return the path of the partial file of the weights, below a folder that exists."""
    folder = hub_home / "hub/models--acme--tiny/blobs"
    folder.mkdir(parents=True)
    return folder / PARTIAL  # type: ignore[return-value]


PARTIALS = {
    "start": (WEIGHTS[: 3 * MIB], [206]),
    "all": (WEIGHTS, []),
    "too many bytes": (WEIGHTS + b"x", [200]),
    "other bytes": (b"x" * (3 * MIB), [206, 200]),
    "other bytes of the same size": (bytes(len(WEIGHTS)), [200]),
    "nothing": (b"", [200]),
}


@pytest.mark.parametrize("name", PARTIALS)
def test_partial_file_is_hashed_and_its_bytes_count_only_if_the_whole_is_right(
    hub: LoopbackHub, tiny: Repository, hub_home: Path, partial: Path, name: str
) -> None:
    content, statuses = PARTIALS[name]
    partial.write_bytes(content)
    report = modelaudit.scan("acme/tiny", checks=["integrity"], second_opinion=False)
    assert (report.exit_code, report.findings) == (0, ())
    assert [request.status for request in hub.list_requests("cdn")] == statuses
    assert partial.with_name(SHA256).read_bytes() == WEIGHTS
    assert list_leftovers(hub_home) == []


def test_file_begins_again_if_the_server_ignores_the_range(
    hub: LoopbackHub, tiny: Repository, hub_home: Path, partial: Path
) -> None:
    partial.write_bytes(WEIGHTS[: 3 * MIB])
    hub.inject_fault("weights.safetensors", origin="cdn", ignore_range=True)
    assert list_unfetched(resolve_target("acme/tiny")) == []
    assert [request.status for request in hub.list_requests("cdn")] == [200]
    assert partial.with_name(SHA256).read_bytes() == WEIGHTS


def test_partial_file_that_another_process_writes_is_left_alone(
    hub: LoopbackHub, tiny: Repository, partial: Path
) -> None:
    with PartialFile(str(partial.parent), SHA256) as other:
        other.write(b"half")
        assert list_unfetched(resolve_target("acme/tiny")) == []
        assert partial.read_bytes() == b"half"


def test_file_elsewhere_that_a_partial_file_is_a_hard_link_to_is_not_written(
    hub: LoopbackHub, tiny: Repository, partial: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").write_bytes(b"kept")
    os.link(tmp_path / "elsewhere", partial)
    assert list_unfetched(resolve_target("acme/tiny")) == []
    assert (tmp_path / "elsewhere").read_bytes() == b"kept"


@pytest.mark.parametrize("name", ["", "sub"])
def test_nothing_is_written_through_a_link_in_the_place_of_a_folder_of_the_snapshot(
    hub: LoopbackHub, hub_home: Path, tmp_path: Path, name: str
) -> None:
    repository = hub.add_repository("acme/deep", {"sub/config.json": "{}"})
    place = hub_home / "hub/models--acme--deep/snapshots" / repository.sha / name
    place.parent.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SourceError, match="cannot be stored in the cache"):
        resolve_target("acme/deep")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_partial_files_of_earlier_runs_are_removed_by_a_finished_one_and_those_of_the_client_are_not(
    hub: LoopbackHub, tiny: Repository, partial: Path
) -> None:
    abandoned = partial.with_name(f"{'a' * 64}.modelaudit.incomplete")
    foreign = partial.with_name(f"{'a' * 64}.1234abcd.incomplete")
    outside = partial.with_name("b.modelaudit.incomplete")
    for path in (abandoned, foreign):
        path.write_bytes(bytes(2 * MIB))
    outside.symlink_to("/etc/hostname")
    resolve_target("acme/tiny")
    assert (abandoned.exists(), foreign.exists(), outside.is_symlink()) == (False, True, True)


def test_bytes_so_far_are_kept_if_the_connection_breaks_again_and_again(
    hub: LoopbackHub, tiny: Repository, hub_home: Path, pauses: list[float]
) -> None:
    broken = hub.inject_fault("weights.safetensors", origin="cdn", drop_after=0)
    hub.inject_fault("weights.safetensors", origin="cdn", drop_after=2 * MIB, times=1)
    assert list_unfetched(resolve_target("acme/tiny")) == ["weights.safetensors"]
    assert list_leftovers(hub_home) == [PARTIAL]
    broken.times = 0
    assert list_unfetched(resolve_target("acme/tiny")) == []
    assert count_sent(hub) == len(WEIGHTS)
    assert list_leftovers(hub_home) == []


def test_thousand_small_files_take_one_request_each_and_a_second_scan_takes_one(hub: LoopbackHub) -> None:
    hub.add_repository("acme/many", {f"{number % 9}/{number}.txt": f"{number}" for number in range(1000)})
    assert list_unfetched(resolve_target("acme/many")) == []
    assert len(hub.requests) <= 1100
    hub.requests.clear()
    assert list_unfetched(resolve_target("acme/many")) == []
    assert len(hub.requests) == 1


def test_small_files_are_fetched_from_a_hub_that_refuses_the_address_of_its_redirects(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one whose addresses are signed."""
    hub.add_repository("acme/many", {f"{number}.txt": f"{number}" for number in range(40)})
    serve = hub.files.serve_cached

    def serve_redirected(request: Request) -> Response:
        if not request.query:
            raise RefusedError(403, "the address is not signed")
        return serve(request)

    monkeypatch.setattr(hub.files, "serve_cached", serve_redirected)
    assert list_unfetched(resolve_target("acme/many")) == []
    refused = [request for request in hub.requests if request.status == 403]
    assert 1 <= len(refused) <= 8  # one for each thread at most


@pytest.mark.parametrize("has_links", [True, False])
def test_real_client_accepts_the_cache(
    hub: LoopbackHub, tiny: Repository, hub_home: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    from huggingface_hub import file_download

    monkeypatch.setattr(file_download, "are_symlinks_supported", lambda cache_dir=None: has_links)
    resolve_target("acme/tiny")
    before = len(hub.requests)
    for name, content in {**SMALL, "weights.safetensors": WEIGHTS}.items():
        path = Path(hf_hub_download("acme/tiny", name, cache_dir=hub_home / "hub", local_files_only=True))
        assert path.is_symlink() == has_links
        assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    root = Path(snapshot_download("acme/tiny", cache_dir=hub_home / "hub", local_files_only=True))
    assert root.name == tiny.sha
    assert len(hub.requests) == before
    verified = HfApi(hub.endpoint, token=False).verify_repo_checksums("acme/tiny", cache_dir=hub_home / "hub")
    assert (verified.checked_count, verified.mismatches) == (3, [])
    assert not verified.missing_paths and not verified.extra_paths
    modes = {path.stat().st_mode & 0o777 for path in hub_home.rglob("*") if path.is_file() and SHA256 in path.name}
    umask = os.umask(0)
    os.umask(umask)
    assert modes <= {0o666 & ~umask, 0o664}  # blobs, and the locks of the client


def test_command_of_the_real_client_verifies_the_cache(hub: LoopbackHub, tiny: Repository) -> None:
    resolve_target("acme/tiny")
    command = [str(Path(sys.executable).with_name("hf")), "cache", "verify", "acme/tiny"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, "3" in done.stdout) == (0, True), done.stderr


def test_digests_of_fetched_files_are_handed_on_to_the_scan_unless_a_file_changed(
    hub: LoopbackHub, tiny: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = {artifact.path: artifact.digests for artifact in resolve_target("acme/tiny").artifacts}
    assert {digest for values in digests.values() for digest in parse_digest(SHA256) if digest in values}
    assert all(digests.values())
    assert not any(artifact.digests for artifact in resolve_target("acme/tiny").artifacts)  # from the cache now

    hub.add_repository("acme/other", {"weights.safetensors": WEIGHTS})
    hashed: list[int] = []
    update = DigestingWindow._update
    monkeypatch.setattr(
        DigestingWindow, "_update", lambda window, data: (hashed.append(len(data)), update(window, data))[1]
    )
    report = modelaudit.scan("acme/other", checks=["integrity"], second_opinion=False)
    assert (report.exit_code, hashed) == (0, [])
    assert report.coverage.artifacts[0].digests == parse_digest(SHA256)


def test_file_that_is_replaced_between_fetch_and_listing_is_hashed_again(
    hub: LoopbackHub, tiny: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelaudit.sources import hub as hub_source

    list_artifacts = hub_source.list_cached_artifacts

    def replace_and_list(cached_commit: CachedCommit, *arguments: object, **options: object) -> object:
        path = Path(os.path.realpath(f"{cached_commit.snapshot}/weights.safetensors"))
        times = path.stat().st_atime_ns, path.stat().st_mtime_ns
        path.write_bytes(bytes(len(WEIGHTS)))
        os.utime(path, ns=times)
        return list_artifacts(cached_commit, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(hub_source, "list_cached_artifacts", replace_and_list)
    report = modelaudit.scan("acme/tiny", checks=["integrity"], second_opinion=False)
    assert report.exit_code == 1
    assert [finding.artifact for finding in report.findings] == ["weights.safetensors"]


def test_listed_file_without_a_digest_is_fetched_and_named_by_the_etag(hub: LoopbackHub, tiny: Repository) -> None:
    assert ListedFile(None, ()).claimed == ()
    hub.inject_fault("/tree/", content=b"[]")
    hub.inject_fault(
        "/revision/",
        content=b'{"id": "acme/tiny", "sha": "%s", "siblings": [{"rfilename": "weights.safetensors"}]}'
        % tiny.sha.encode(),
    )
    (artifact,) = resolve_target("acme/tiny").artifacts
    assert artifact.claimed == artifact.digests == parse_digest(SHA256)


@pytest.mark.parametrize("seed", range(10))
def test_scan_through_an_unreliable_hub_gives_the_same_verdict(hub: LoopbackHub, seed: int) -> None:
    """``benchmarks/unreliable.py`` does the same 300 times."""
    files = {f"part-{number:02}.safetensors": build_weights(20_000, number) for number in range(12)}
    hub.add_repository("acme/parts", {**files, **{f"{number}.json": f"[{number}]" for number in range(12)}})
    unreliable = hub.make_unreliable(seed, share=0.15)
    altered = hub.inject_fault("part-03.safetensors", origin="cdn", tamper=True) if seed % 2 else None
    report = modelaudit.scan("acme/parts", checks=["integrity"], second_opinion=False)
    assert unreliable.failures > 0
    assert [finding.artifact for finding in report.findings] == (["part-03.safetensors"] if altered else [])
    assert report.exit_code == (1 if altered else 0)
