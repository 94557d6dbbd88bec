"""Olah, a second Hub, serves the client the same files and digests as the loopback Hub; git computes the same ids."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hub.gitstore import LFS_PATTERNS, compute_tree_ids, make_blob
from hub.olah import make_mirror, run_git
from hub.repository import Files, Repository
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.hf_api import RepoFile

FILES: dict[str, bytes | str | Path] = {
    "README.md": "---\nlicense: mit\n---\n# Tiny\n",
    "config.json": b'{"model_type": "tiny"}\n',
    "model.safetensors": bytes(range(256)) * 300,
    "sub/deep/notes.txt": b"nothing much\n",
}

pytestmark = pytest.mark.slow


def test_files_downloaded_from_olah_equal_the_mirrored_ones(olah_endpoint: Callable[[dict[str, Files]], str]) -> None:
    endpoint = olah_endpoint({"acme/tiny": FILES, "datasets/acme/table": {"rows.csv": b"a,b\n1,2\n"}})

    folder = Path(snapshot_download("acme/tiny", endpoint=endpoint))
    for path, value in FILES.items():
        assert (folder / path).read_bytes() == (value.encode() if isinstance(value, str) else value)

    single = hf_hub_download("acme/table", "rows.csv", repo_type="dataset", endpoint=endpoint)
    assert Path(single).read_bytes() == b"a,b\n1,2\n"


def test_olah_states_the_same_digests_as_the_loopback_hub(olah_endpoint: Callable[[dict[str, Files]], str]) -> None:
    api = HfApi(endpoint=olah_endpoint({"acme/tiny": FILES}))

    listed = {f.path: f for f in api.list_repo_tree("acme/tiny", recursive=True) if isinstance(f, RepoFile)}

    assert listed.keys() == FILES.keys()
    for path, value in FILES.items():
        blob = make_blob(path, value.encode() if isinstance(value, str) else value, LFS_PATTERNS)
        assert (listed[path].blob_id, listed[path].size) == (blob.oid, blob.size)
        lfs = listed[path].lfs
        assert (lfs.sha256 if lfs else None) == blob.sha256


@pytest.mark.skipif(shutil.which("git") is None, reason="git is missing")
def test_commit_and_tree_ids_of_the_loopback_hub_equal_those_of_git(tmp_path: Path) -> None:
    files = {"a.txt": b"1", "a/b.txt": b"2", "a.b/c": b"3", "a0": b"4", "z/y/x": b"5", "w.safetensors": b"6"}
    commit = make_mirror(tmp_path / "mirror", files)

    ours = compute_tree_ids({path: make_blob(path, content, LFS_PATTERNS) for path, content in files.items()})

    assert ours[""] == run_git(tmp_path / "mirror", "rev-parse", f"{commit}^{{tree}}")
    assert Repository("acme/any").commit(files, message="initial commit") == commit
    assert ours["z/y"] == run_git(tmp_path / "mirror", "rev-parse", f"{commit}:z/y")
