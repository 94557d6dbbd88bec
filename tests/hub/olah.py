"""A second, independent Hub: Olah, a mirror server from PyPI, serving local git repositories without network.

``MODELAUDIT_OLAH_PYTHON`` names the interpreter that has the package ``olah``; by default the running one.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hub.gitstore import LFS_PATTERNS, chunks, is_large, length, lfs_pointer, make_blob
from hub.repository import Files, contents

_START_SECONDS = 60
_CONFIG = """
[basic]
host = "127.0.0.1"
port = {port}
repos-path = "{root}/cache"
mirrors-path = ["{root}/mirrors"]
hf-scheme = "http"
hf-netloc = "127.0.0.1:9"
hf-lfs-netloc = "127.0.0.1:9"
[accessibility]
offline = true
"""


def olah_python() -> str:
    """The interpreter that runs Olah."""
    return os.environ.get("MODELAUDIT_OLAH_PYTHON", sys.executable)


def olah_installed() -> bool:
    """Whether that interpreter has the package ``olah``, and this machine git to make its mirrors."""
    if shutil.which("git") is None:
        return False
    return subprocess.run([olah_python(), "-c", "import olah"], capture_output=True, check=False).returncode == 0


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, deaf to the user's own configuration, and return what it prints."""
    person = {"NAME": "acme", "EMAIL": "acme@users.noreply.example", "DATE": "1700000000 +0000"}
    who = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in person.items()}
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-c", "core.autocrlf=false", *arguments]
    ran = subprocess.run(command, cwd=folder, env=os.environ | who | quiet, capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def make_mirror(folder: Path, files: Files) -> str:
    """Create a git repository as a clone of a Hub repository looks: large files as LFS pointers beside their objects.

    Returns:
        The commit id of ``main``.
    """
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    for path, content in contents(files).items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        data = b"".join(chunks(content, 0, length(content)))
        if is_large(path, len(data), LFS_PATTERNS):
            digest = make_blob(path, content, LFS_PATTERNS).sha256 or ""
            stored = folder / ".git" / "lfs" / "objects" / digest[:2] / digest[2:4] / digest
            stored.parent.mkdir(parents=True, exist_ok=True)
            stored.write_bytes(data)
            data = lfs_pointer(digest, len(data))
        place.write_bytes(data)
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--message", "initial commit")
    return git(folder, "rev-parse", "HEAD")


@contextmanager
def olah_server(root: Path, repositories: Mapping[str, Files]) -> Iterator[str]:
    """Serve repositories (``owner/name`` or ``datasets/owner/name`` -> files) through Olah and yield its endpoint.

    ``root`` is an empty folder for the mirrors, Olah's cache and its log.

    Raises:
        RuntimeError: Olah did not start; the message carries its log.
    """
    for id, files in repositories.items():
        kind, name = ("datasets", id.removeprefix("datasets/")) if id.startswith("datasets/") else ("models", id)
        make_mirror(root / "mirrors" / kind / name, files)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config, log = root / "olah.toml", root / "olah.log"
    config.write_text(_CONFIG.format(port=port, root=root.as_posix()))
    command = [olah_python(), "-m", "olah.server", "--config", str(config), "--log-path", str(root / "logs")]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=root, stdout=out, stderr=subprocess.STDOUT)
    try:
        _wait_for(process, port, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"Olah did not start:\n{log.read_text(errors='replace')[-2000:]}")
