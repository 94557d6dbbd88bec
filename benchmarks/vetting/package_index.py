"""Ask the package index that pip is configured with for the releases of a library, and download one file of each.

pip itself downloads a source distribution only to run its build. So this module asks pip for nothing but the address of
the index, and reads the index by its JSON interface (https://peps.python.org/pep-0691/). A file is compared with the
digest that the index states.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

MAX_FILE = 400 << 20
"""The most bytes of one downloaded file."""
_JSON = "application/vnd.pypi.simple.v1+json"
_TIMEOUT = 60.0  # seconds without an answer
_READ_SIZE = 1 << 20
_DEFAULT_INDEX = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"


class IndexUnreadableError(Exception):
    """The index or a file of it cannot be read; the text is one line."""


@dataclass(frozen=True, slots=True)
class Release:
    """One file of one release of a library.

    Attributes:
        size: in bytes; 0 if the index does not state it.
        sha256: the digest that the index states, in hexadecimal digits.
    """

    library: str
    version: str
    filename: str
    url: str
    size: int
    sha256: str


def find_index() -> str:
    """Return the address of the index that pip would ask, without a slash at its end.

    Raises:
        IndexUnreadableError: pip names no index.
    """
    configured = os.environ.get("PIP_INDEX_URL") or _ask(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    )
    index = configured or _ask([sys.executable, "-c", _DEFAULT_INDEX])
    if not index.startswith(("https://", "http://")):
        raise IndexUnreadableError("pip names no package index; set PIP_INDEX_URL")
    return index.rstrip("/")


def _ask(command: list[str]) -> str:
    """Return what a command prints; empty if it fails."""
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else ""


def list_releases(index: str, library: str, count: int, since: str = "0") -> list[Release]:
    """Return the newest release, and the newest of the ``count - 1`` minor series before it, newest first.

    Where there are fewer series since the release ``since``, earlier releases of the same series take their place.

    Yanked files and releases before their final version are left out. Of the files of a release, the smallest wheel
    counts, or the source distribution if it has no wheel.

    Raises:
        IndexUnreadableError: the index does not answer, or has no file that may be downloaded.
    """
    try:
        answer = httpx.get(f"{index}/{library}/", headers={"Accept": _JSON}, timeout=_TIMEOUT, follow_redirects=True)
        answer.raise_for_status()
        files = answer.json()["files"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise IndexUnreadableError(f"{library}: the index gives no list of files ({error})") from None
    best: dict[Version, tuple[int, Release]] = {}
    for version, release in _read_files(library, files):
        rank = (0 if release.filename.endswith(".whl") else MAX_FILE) + release.size
        if version not in best or rank < best[version][0]:
            best[version] = (rank, release)
    chosen: dict[tuple[int, int], Version] = {}
    wanted = sorted((each for each in best if each >= Version(since)), reverse=True)
    for version in wanted:
        chosen.setdefault((version.major, version.minor), version)
    versions = list(chosen.values())[:count]
    versions += [each for each in wanted if each not in versions][: count - len(versions)]
    if not versions:
        raise IndexUnreadableError(f"{library}: no release has a wheel or source of at most {MAX_FILE >> 20} MiB")
    return [best[version][1] for version in sorted(versions, reverse=True)]


def _read_files(library: str, files: list[dict[str, Any]]) -> Iterator[tuple[Version, Release]]:
    """Yield each final release that the index offers, once for each file that may be downloaded."""
    for file in files:
        name, digest = str(file.get("filename", "")), str(file.get("hashes", {}).get("sha256", ""))
        try:
            version = parse_wheel_filename(name)[1] if name.endswith(".whl") else parse_sdist_filename(name)[1]
        except (InvalidWheelFilename, InvalidSdistFilename):
            continue
        size = file.get("size") or 0
        if file.get("yanked") or version.is_prerelease or not digest or size > MAX_FILE:
            continue
        yield version, Release(library, str(version), name, str(file["url"]), size, digest)


def download(release: Release, folder: Path) -> Path:
    """Download the file of a release into ``folder``, and return its path.

    Raises:
        IndexUnreadableError: the download fails, is too long, or differs from the digest of the index.
    """
    path = folder / release.filename
    digest, length = hashlib.sha256(), 0
    try:
        with (
            httpx.stream("GET", release.url, timeout=_TIMEOUT, follow_redirects=True) as answer,
            path.open("wb") as file,
        ):
            answer.raise_for_status()
            for chunk in answer.iter_bytes(_READ_SIZE):
                length += len(chunk)
                if length > MAX_FILE:
                    raise IndexUnreadableError(f"{release.filename}: it is longer than {MAX_FILE >> 20} MiB")
                digest.update(chunk)
                file.write(chunk)
    except httpx.HTTPError as error:
        path.unlink(missing_ok=True)
        raise IndexUnreadableError(f"{release.filename}: the download failed ({error})") from None
    except IndexUnreadableError:
        path.unlink(missing_ok=True)
        raise
    if digest.hexdigest() != release.sha256:
        path.unlink()
        raise IndexUnreadableError(f"{release.filename}: its digest is not the one that the index states")
    return path
