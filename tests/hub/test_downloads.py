"""The unmodified Hub client and its command line download from the loopback Hub."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hub.repository import Repository
from hub.server import LoopbackHub
from huggingface_hub import HfApi, HfFileSystem, hf_hub_download, hf_hub_url, snapshot_download
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils._http import get_session, hf_raise_for_status

WEIGHTS = os.urandom(300_000)
FILES: dict[str, bytes | str | Path] = {
    "README.md": "# Tiny\n",
    "config.json": '{"a": 1}',
    "odd name é#?.txt": "odd",
    "sub/model.safetensors": WEIGHTS,
}


@pytest.fixture
def tiny(hub: LoopbackHub) -> Repository:
    """Return a repository with three small files and a large one."""
    return hub.add_repository("acme/tiny", FILES)


def get_content(path: str) -> bytes:
    """Return the bytes of a file of ``FILES``."""
    value = FILES[path]
    assert not isinstance(value, Path)
    return value.encode() if isinstance(value, str) else value


def has_every_file(folder: str | Path) -> bool:
    """Whether a folder contains every file of ``FILES`` with its bytes."""
    return all((Path(folder) / path).read_bytes() == get_content(path) for path in FILES)


def test_hub_client_requests_the_body_of_every_file_once_for_a_first_snapshot(
    hub: LoopbackHub, tiny: Repository
) -> None:
    folder = snapshot_download("acme/tiny", endpoint=hub.endpoint)

    assert Path(folder).name == tiny.sha
    assert has_every_file(folder)
    assert hub.requests[0].path == "/api/models/acme/tiny/revision/main"
    assert hub.requests[1].path == f"/api/models/acme/tiny/tree/{tiny.sha}"
    # The client asks for the revision and the tree, then for each file with HEAD and with GET.
    small, large = 3, 1
    expected = {
        ("hub", "GET", 200): 2 + small,
        ("hub", "HEAD", 307): small,
        ("hub", "HEAD", 200): small,
        ("hub", "HEAD", 302): large,
        ("cdn", "GET", 200): large,
    }
    assert Counter((r.origin, r.method, r.status) for r in hub.requests) == expected


def test_cached_branch_costs_one_request_and_a_cached_commit_costs_none(hub: LoopbackHub, tiny: Repository) -> None:
    folder = snapshot_download("acme/tiny", endpoint=hub.endpoint)
    hub.requests.clear()

    assert snapshot_download("acme/tiny", endpoint=hub.endpoint) == folder
    assert [r.path for r in hub.requests] == ["/api/models/acme/tiny/revision/main"]
    hub.requests.clear()
    assert snapshot_download("acme/tiny", revision=tiny.sha, endpoint=hub.endpoint) == folder
    assert hub.requests == []


def test_snapshot_downloaded_after_a_new_commit_has_the_files_of_that_commit(
    hub: LoopbackHub, tiny: Repository
) -> None:
    snapshot_download("acme/tiny", endpoint=hub.endpoint)
    tiny.commit({"config.json": '{"a": 2}'}, delete=["README.md"])

    folder = Path(snapshot_download("acme/tiny", endpoint=hub.endpoint))

    assert (folder / "config.json").read_text() == '{"a": 2}'
    assert not (folder / "README.md").exists()


@pytest.mark.parametrize("path", FILES)
def test_hub_client_downloads_each_single_file_with_its_bytes(hub: LoopbackHub, tiny: Repository, path: str) -> None:
    assert Path(hf_hub_download("acme/tiny", path, endpoint=hub.endpoint)).read_bytes() == get_content(path)


def test_dataset_file_is_downloaded_from_the_main_branch_and_from_a_pull_request(hub: LoopbackHub) -> None:
    dataset = hub.add_repository("acme/table", {"rows.csv": b"a\n"}, kind="dataset")
    dataset.commit({"rows.csv": b"a\nb\n"}, branch="refs/pr/1")

    api = HfApi(endpoint=hub.endpoint, token=False)
    for revision, rows in ((None, b"a\n"), ("refs/pr/1", b"a\nb\n")):
        downloaded = api.hf_hub_download("acme/table", "rows.csv", repo_type="dataset", revision=revision)
        assert Path(downloaded).read_bytes() == rows


def test_loopback_hub_serves_a_repository_made_from_a_folder_on_disk(hub: LoopbackHub, tmp_path: Path) -> None:
    (tmp_path / "src" / "sub").mkdir(parents=True)
    (tmp_path / "src" / "sub" / "large.bin").write_bytes(WEIGHTS)
    (tmp_path / "src" / "config.json").write_text("{}")
    hub.add_repository("acme/folder", tmp_path / "src")

    folder = Path(snapshot_download("acme/folder", endpoint=hub.endpoint))

    assert (folder / "sub" / "large.bin").read_bytes() == WEIGHTS
    assert (folder / "config.json").read_text() == "{}"


def test_token_is_sent_to_the_hub_and_not_to_the_storage(hub: LoopbackHub, tiny: Repository) -> None:
    hub.add_user("alice", token="hf_alice")

    snapshot_download("acme/tiny", endpoint=hub.endpoint, token="hf_alice")
    HfFileSystem(endpoint=hub.endpoint, token="hf_alice", skip_instance_cache=True).cat(
        "acme/tiny/sub/model.safetensors"
    )

    assert all(r.token == "hf_alice" for r in hub.list_requests("hub"))
    assert len(hub.list_requests("cdn")) == 2
    assert all("Authorization" not in r.headers and r.status == 200 for r in hub.list_requests("cdn"))


def test_storage_serves_only_signed_addresses_and_refuses_requests_with_a_token(
    hub: LoopbackHub, tiny: Repository
) -> None:
    url = hf_hub_url("acme/tiny", "sub/model.safetensors", endpoint=hub.endpoint)
    signed_url = get_session().head(url, follow_redirects=False).headers["Location"]

    assert get_session().get(signed_url).content == WEIGHTS
    assert get_session().get(signed_url, headers={"Authorization": "Bearer x"}).status_code == 400
    assert get_session().get(signed_url.split("?")[0]).status_code == 403


@pytest.mark.parametrize("path", ["sub/model.safetensors", "config.json"])
def test_loopback_hub_answers_a_single_byte_range_and_ignores_invalid_and_multiple_ranges(
    hub: LoopbackHub, tiny: Repository, path: str
) -> None:
    url, whole = hf_hub_url("acme/tiny", path, endpoint=hub.endpoint), get_content(path)
    size = len(whole)
    # Invalid ranges, several ranges and other units are ignored: the answer is the whole file.
    answers = {
        "bytes=0-3": (206, whole[:4]),
        "bytes=2-": (206, whole[2:]),
        "bytes=-3": (206, whole[-3:]),
        f"bytes=4-{size * 2}": (206, whole[4:]),
        f"bytes={size}-": (416, b""),
        "bytes=-0": (416, b""),
        "bytes=0-1,3-4": (200, whole),
        "bytes=5-2": (200, whole),
        "lines=1-2": (200, whole),
    }
    for header, (status, data) in answers.items():
        answer = get_session().get(url, headers={"Range": header, "Accept-Encoding": "identity"})
        assert (answer.status_code, answer.content) == (status, data), header
    answer = get_session().get(url, headers={"Range": "bytes=1-2"})
    assert answer.headers["Content-Range"] == f"bytes 1-2/{size}"
    beyond = get_session().get(url, headers={"Range": f"bytes={size}-"})
    assert beyond.headers["Content-Range"] == f"bytes */{size}"
    with pytest.raises(HfHubHTTPError, match="Requested range"):
        hf_raise_for_status(beyond)


def test_answer_to_head_request_redirects_and_states_the_digest_of_the_file(hub: LoopbackHub, tiny: Repository) -> None:
    def head(path: str) -> tuple[int, dict[str, str]]:
        answer = get_session().head(hf_hub_url("acme/tiny", path, endpoint=hub.endpoint), follow_redirects=False)
        return answer.status_code, dict(answer.headers)

    blobs = tiny.find_commit("main").files
    status, large = head("sub/model.safetensors")
    assert (status, large["x-repo-commit"], large["x-linked-size"]) == (302, tiny.sha, str(len(WEIGHTS)))
    assert large["x-linked-etag"] == f'"{blobs["sub/model.safetensors"].sha256}"'
    assert large["location"].startswith(hub.cdn + "/")
    status, small = head("config.json")
    assert (status, small["x-repo-commit"]) == (307, tiny.sha)
    assert small["x-linked-etag"] == f'"{blobs["config.json"].oid}"'
    assert small["location"].startswith("/api/resolve-cache/models/acme/tiny/")


def test_small_file_is_compressed_on_request_and_answered_with_304_if_unchanged(
    hub: LoopbackHub, tiny: Repository
) -> None:
    url = hf_hub_url("acme/tiny", "config.json", endpoint=hub.endpoint)

    packed = get_session().get(url, headers={"Accept-Encoding": "gzip"})
    assert (packed.headers["Content-Encoding"], packed.content) == ("gzip", get_content("config.json"))
    assert "Content-Length" not in packed.headers
    plain = get_session().get(url, headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert get_session().get(url, headers={"If-None-Match": plain.headers["ETag"]}).status_code == 304


def test_file_system_of_the_hub_client_requests_only_ranges_of_a_large_file(hub: LoopbackHub) -> None:
    data = os.urandom(2_000_000)
    hub.add_repository("acme/big", {"model.bin": data})
    files = HfFileSystem(endpoint=hub.endpoint, token=False, skip_instance_cache=True)

    block_size, length = 1 << 16, 22
    with files.open("acme/big/model.bin", block_size=block_size, cache_type="blockcache") as file:
        for offset in (0, 1_234_567, len(data) - length):
            file.seek(offset)
            assert file.read(length) == data[offset : offset + length]

    reads = hub.list_requests("cdn")
    assert [(r.status, "Range" in r.headers) for r in reads] == [(206, True)] * len(reads)
    assert 3 * length <= sum(r.sent for r in reads) <= 3 * block_size


def test_hub_client_fetches_a_safetensors_header_with_one_range_request(hub: LoopbackHub) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [100_000], "data_offsets": [0, 400_000]}}).encode()
    hub.add_repository("acme/st", {"model.safetensors": struct.pack("<Q", len(header)) + header + bytes(400_000)})

    parsed = HfApi(endpoint=hub.endpoint, token=False).parse_safetensors_file_metadata("acme/st", "model.safetensors")

    assert parsed.tensors["w"].shape == [100_000]
    (read,) = hub.list_requests("cdn")
    # The client asks for the first 100,001 bytes of any file, in the hope that the header is among them.
    assert (read.headers["Range"], read.status, read.sent) == ("bytes=0-100000", 206, 100_001)


def run_hf(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command ``hf`` of the Hub client, in an environment that the keywords extend."""
    command = [str(Path(sys.executable).with_name("hf")), *arguments]
    return subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=False)


def test_hf_command_downloads_online_and_reads_the_cache_offline(
    hub: LoopbackHub, tiny: Repository, hub_home: Path
) -> None:
    ran = run_hf("download", "acme/tiny", "--quiet")
    assert ran.returncode == 0, ran.stderr
    folder = hub_home / "hub" / "models--acme--tiny" / "snapshots" / tiny.sha
    assert has_every_file(folder)

    hub.requests.clear()
    again = run_hf("download", "acme/tiny", "--quiet", HF_HUB_OFFLINE="1")
    assert (again.returncode, hub.requests) == (0, []), again.stderr
    assert str(folder) in again.stdout
    missing = run_hf("download", "acme/other", "--quiet", HF_HUB_OFFLINE="1")
    assert missing.returncode != 0
    assert "HF_HUB_OFFLINE" in missing.stderr
    assert hub.requests == []


def test_hf_cache_verify_command_succeeds_for_an_unchanged_download(hub: LoopbackHub, tiny: Repository) -> None:
    assert run_hf("download", "acme/tiny", "--quiet").returncode == 0

    assert run_hf("cache", "verify", "acme/tiny").returncode == 0
