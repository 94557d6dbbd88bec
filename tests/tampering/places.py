"""One small model in every place where bytes can be tampered with: made by the real client, git and git-lfs, and copied."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from hub.olah import run_git
from hub.repository import Repository
from hub.server import LoopbackHub
from support.attested import AttestedModel, make_attested, make_keys
from support.command import CommandResult, run_command
from support.fixtures import FIXTURES
from support.signatures import OTHER_KEY, write_public_key
from tampering.signing import sign_model

PAYLOAD = (FIXTURES / "pickle/malicious/os-system.pkl").read_bytes()
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
LFS_KEYS = {"smudge": "git-lfs smudge -- %f", "clean": "git-lfs clean -- %f", "process": "git-lfs filter-process"}


def encode_shard(name: str, value: int) -> bytes:
    """Encode a file of safetensors with one tensor of 64 numbers."""
    header = json.dumps({name: {"dtype": "U8", "shape": [64], "data_offsets": [0, 64]}}).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + bytes([value]) * 64


INDEX = {"metadata": {"total_size": 128}, "weight_map": {"a.weight": SHARDS[0], "b.weight": SHARDS[1]}}
OLD_FILES = {
    "README.md": b"---\nlicense: apache-2.0\n---\n# Tiny\n",
    ".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n",
    "config.json": b'{"model_type": "bert"}\n',
    "modeling_tiny.py": b"SIZE = 64\n",
    "tokenizer/vocab.txt": b"a\nb\nc\n",
    SHARDS[0]: encode_shard("a.weight", 1),
    SHARDS[1]: encode_shard("b.weight", 2),
    "model.safetensors.index.json": json.dumps(INDEX).encode(),
}
FILES = {**OLD_FILES, "config.json": b'{"model_type": "gpt2"}\n'}
"""The files of ``main``; both commits share every blob but one."""


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def hash_blob(data: bytes) -> str:
    """Return the id that git gives to a blob."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files into a folder, and return it."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@dataclass(slots=True)
class Place:
    """A copy of the model that one test may change.

    Args:
        name: The kind of the place.
        root: The model: a snapshot of the cache, a download, a checkout or a plain folder.
        beside: A folder of the test, outside of the model.
        home: The ``HF_HOME`` of the test.
        target: What the commands are given.
        commit: The id of the newest commit.
        hub: The Hub that is asked.
        repository: The repository of the case on the Hub.
        options: Further options of the command, which a change may add to.
    """

    name: str
    root: Path
    beside: Path
    home: Path
    target: str
    commit: str
    hub: LoopbackHub
    repository: Repository
    options: list[str] = field(default_factory=list)

    @property
    def lock(self) -> Path:
        """The lock outside of the model."""
        return self.beside / "modelaudit.lock"

    @property
    def listing(self) -> Path:
        """The listing of the commit that the client recorded, of the cache or of the download."""
        if self.name == "cache":
            return self.root.parents[1] / "trees" / f"{self.commit}.json"
        return self.root / ".cache/huggingface/trees" / f"{self.commit}.json"

    def record(self, name: str) -> Path:
        """The record of a file of a download."""
        return self.root / ".cache/huggingface/download" / f"{name}.metadata"

    def git(self, *arguments: str) -> str:
        """Run git in the model."""
        return run_git(self.root, *arguments)

    def make_lock(self, *options: str) -> None:
        """Lock the target."""
        done = run_command("lock", self.target, "-o", self.lock, "-q", *options)
        assert done.returncode == 0, done.stderr


class Originals:
    """The model in each place, made once for all tests of a worker, and never changed.

    Args:
        hub: The Hub with the repository ``acme/tiny``.
        folder: Where the originals lie.
    """

    def __init__(self, hub: LoopbackHub, folder: Path) -> None:
        self.hub, self.folder = hub, folder
        self.repository = hub.add_repository("acme/tiny", OLD_FILES)
        self.old_commit = self.repository.sha
        self.commit = self.repository.commit(FILES)

    def download(self, *arguments: str | Path, home: Path | None = None) -> None:
        """Run ``hf download acme/tiny``."""
        program = Path(sys.executable).parent / "hf"
        place = {"HF_HOME": str(home or self.home), "HF_ENDPOINT": self.hub.endpoint}
        variables = {name: value for name, value in os.environ.items() if not name.startswith("HF_H")}
        command = [program, "download", "acme/tiny", *map(str, arguments)]
        environment = {**variables, **place, "HF_HUB_DISABLE_XET": "1"}
        subprocess.run(command, env=environment, check=True, capture_output=True)

    @cached_property
    def home(self) -> Path:
        """An ``HF_HOME`` in whose cache both commits lie."""
        home = self.folder / "home"
        self.download("--revision", self.old_commit, home=home)
        self.download(home=home)
        return home

    @cached_property
    def local_dir(self) -> Path:
        """A folder that ``hf download --local-dir`` wrote."""
        self.download("--local-dir", self.folder / "here", home=self.folder / "other")
        return self.folder / "here"

    @cached_property
    def plain(self) -> Path:
        """A folder without any record."""
        return write_files(self.folder / "plain", FILES)

    @cached_property
    def attested(self) -> AttestedModel:
        """A model with an attested verdict, another key, and the folder that seals the model."""
        (self.folder / "attested").mkdir()
        attested = make_attested(self.folder / "attested")
        make_keys(attested.place, "other")
        done = attested.attest("--seal", attested.place / "sealed")
        assert done.returncode == 0, done.stderr
        return attested

    def clone(self, name: str, *options: str, has_lfs: bool = True) -> Path:
        """Clone the files from a repository of git, with the shards in Git LFS if ``has_lfs``."""
        origin = self.folder / f"origin-{has_lfs}"
        if not origin.exists():
            files = FILES if has_lfs else {**FILES, ".gitattributes": b"*.md text\n"}
            run_git(write_files(origin, files), "init", "--quiet", "--initial-branch=main")
            run_git(origin, "lfs", "install", "--local")
            run_git(origin, "add", "--all")
            run_git(origin, "commit", "--quiet", "--message", "one")
        settings = [f"--config=filter.lfs.{key}={value}" for key, value in LFS_KEYS.items()] if has_lfs else []
        if not (self.folder / name).exists():
            run_git(self.folder, "clone", "--quiet", *settings, *options, f"file://{origin}", name)
        return self.folder / name

    def copy(self, name: str, home: Path, beside: Path) -> Place:
        """Copy the model of a place.

        The places are ``cache``, ``wire``, ``local-dir``, ``git``, ``sidecars``, ``lock``, ``signed``, ``attested``,
        ``sealed`` and ``hub``.

        Args:
            name: The place; in the last one, the repository itself is a copy, of the owner ``beside.name``.
            home: The ``HF_HOME`` of the test.
            beside: An empty folder of the test.
        """
        repository, target, root = self.repository, "acme/tiny", beside / "model"
        if name == "cache":
            shutil.copytree(self.home / "hub", home / "hub", symlinks=True)
            root = home / "hub/models--acme--tiny/snapshots" / self.commit
        elif name == "hub":
            repository = self.hub.add_repository(f"{beside.name}/tiny", OLD_FILES)
            repository.set_tag("v1")
            repository.commit(FILES)
            target = f"{repository.id}@v1"
        elif name in ("attested", "sealed"):
            self.attested.copy(beside)
            root = beside / ("model" if name == "attested" else "sealed")
            target = str(root)
        elif name != "wire":
            makers: dict[str, Callable[[], Path]] = {
                "local-dir": lambda: self.local_dir,
                "git": lambda: self.clone("clone"),
                "sidecars": lambda: self.plain,
                "lock": lambda: self.plain,
                "signed": lambda: self.plain,
            }
            shutil.copytree(makers[name](), root, symlinks=True)
            target = str(root)
        place = Place(name, root, beside, home, target, repository.sha, self.hub, repository)
        if name == "lock":
            (root / "empty").mkdir()
            (root / "link.json").symlink_to("config.json")
        if name in ("lock", "hub"):
            place.make_lock()
        if name == "signed":
            sign_model(root)
            write_public_key(beside / "own.pub")
            write_public_key(beside / "other.pub", OTHER_KEY)
            place.options = ["--public-key", str(beside / "own.pub")]
        elif name == "attested":
            place.options = ["--attestation", str(beside / "model.att"), "--key", str(beside / "key.pub")]
        elif name == "sealed":
            place.options = ["--key", str(beside / "key.pub")]
        return place


def run_scan(place: Place) -> tuple[CommandResult, set[str]]:
    """Scan the target of a place, with the default policy unless its options name one.

    Returns:
        The result, and what is named: a rule or the reason of an absence, then the file; a cause, then its sentence.
    """
    report = place.beside / "report.json"
    policy = () if "--policy" in place.options else ("--policy", "default")
    arguments: Sequence[str] = (place.target, "--no-second-opinion", *policy, *place.options)
    done = run_command("scan", *arguments, "-o", "table", "-o", f"json={report}", COLUMNS="400")
    if not report.exists():
        return done, set()
    content = json.loads(report.read_text())
    named = {f"{finding['rule']} {finding['artifact']}" for finding in content["findings"]}
    named |= {f"{cause['kind']} {cause['reason']}" for cause in content["decision"]["causes"]}
    for artifact in content["decision"]["coverage"]["artifacts"]:
        named |= {f"{absence['unread']['reason']} {address}" for address, absence in artifact["absences"]}
    return done, named


def list_false_alarms(place: Place) -> list[str]:
    """List the findings of integrity or provenance, from medium on, in the report that ``run_scan`` wrote."""
    findings = json.loads((place.beside / "report.json").read_text())["findings"]
    return [
        f"{finding['rule']} {finding['artifact']}"
        for finding in findings
        if finding["check"] in ("integrity", "provenance") and finding["severity"] in ("medium", "high", "critical")
    ]
