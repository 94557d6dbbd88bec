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

from hub.gitstore import LFS_PATTERNS, build_lfs_pointer, get_length, is_large, make_blob, read_chunks
from hub.repository import Files, collect_contents

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


def get_olah_python() -> str:
    """Return the interpreter that runs Olah."""
    return os.environ.get("MODELAUDIT_OLAH_PYTHON", sys.executable)


def is_olah_installed() -> bool:
    """Whether the interpreter of Olah has the package ``olah``, and git is installed to make its mirrors."""
    if shutil.which("git") is None:
        return False
    return subprocess.run([get_olah_python(), "-c", "import olah"], capture_output=True, check=False).returncode == 0


def run_git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, with a fixed author and date and without the user's configuration; return its output."""
    person = {"NAME": "acme", "EMAIL": "acme@users.noreply.example", "DATE": "1700000000 +0000"}
    identity = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in person.items()}
    no_configuration = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-c", "core.autocrlf=false", *arguments]
    environment = os.environ | identity | no_configuration
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def make_mirror(folder: Path, files: Files) -> str:
    """Create a git repository like a clone from the Hub: large files are LFS pointers, with their bytes below ``.git``.

    Returns:
        The commit id of ``main``.
    """
    folder.mkdir(parents=True)
    run_git(folder, "init", "--quiet", "--initial-branch=main")
    for path, content in collect_contents(files).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        data = b"".join(read_chunks(content, 0, get_length(content)))
        if is_large(path, len(data), LFS_PATTERNS):
            digest = make_blob(path, content, LFS_PATTERNS).sha256 or ""
            stored = folder / ".git" / "lfs" / "objects" / digest[:2] / digest[2:4] / digest
            stored.parent.mkdir(parents=True, exist_ok=True)
            stored.write_bytes(data)
            data = build_lfs_pointer(digest, len(data))
        file.write_bytes(data)
    run_git(folder, "add", "--all", "--force")
    run_git(folder, "commit", "--quiet", "--message", "initial commit")
    return run_git(folder, "rev-parse", "HEAD")


@contextmanager
def run_olah(root: Path, repositories: Mapping[str, Files]) -> Iterator[str]:
    """Serve repositories (``owner/name`` or ``datasets/owner/name`` -> files) through Olah and yield its endpoint.

    ``root`` is an empty folder for the mirrors, Olah's cache and its log.

    Raises:
        RuntimeError: Olah did not start; the message quotes its log.
    """
    for id, files in repositories.items():
        folder = id if id.startswith("datasets/") else f"models/{id}"
        make_mirror(root / "mirrors" / folder, files)
    # The system chooses a free port; Olah binds it after this socket is closed.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config, log = root / "olah.toml", root / "olah.log"
    config.write_text(_CONFIG.format(port=port, root=root.as_posix()))
    command = [get_olah_python(), "-m", "olah.server", "--config", str(config), "--log-path", str(root / "logs")]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=root, stdout=out, stderr=subprocess.STDOUT)
    try:
        _wait_for_port(process, port, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until the port accepts a connection. Raises ``RuntimeError`` if the process ends or takes too long."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"Olah did not start:\n{log.read_text(errors='replace')[-2000:]}")
