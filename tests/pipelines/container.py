"""The steps of a Containerfile, run one by one in roots that ``debootstrap`` makes."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from filelock import FileLock

ROOT: Final = Path(__file__).resolve().parents[2]
_CACHE: Final = ROOT / "build/container"
_SUITE: Final = "trixie"
_SEARCH_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_AS_ROOT: Final = () if os.geteuid() == 0 else ("sudo", "--non-interactive", "--preserve-env")
_NETWORK_FILES: Final = ("/etc/resolv.conf", "/etc/hosts")
_CERTIFICATES: Final = "/etc/ssl/certs/ca-certificates.crt"
_CERTIFICATES_IN_ROOT: Final = "/root/certificates-of-the-builder.crt"
_SETTINGS_OF_THE_IMAGE: Final = {
    "/etc/dpkg/dpkg.cfg.d/docker-apt-speedup": "force-unsafe-io",
    "/etc/apt/apt.conf.d/docker-no-languages": 'Acquire::Languages "none";',
}
"""What the image of Debian sets beside its packages (``debuerreotype``); both save time only."""
_IN_ROOT: Final = """
set -e
root=$1; shift
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mkdir -p "$root/root/.cache/pip"
mount --bind "$CACHE" "$root/root/.cache/pip"
exec chroot "$@"
"""
"""Mounts what a container has, in a mount namespace of its own, and runs a command in the root."""


def run_as_root(*command: str | Path, **environment: str) -> str:
    """Run a command as root and return its output, with that of stderr in the error if it fails."""
    done = subprocess.run(
        [*_AS_ROOT, *map(str, command)], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    assert done.returncode == 0, f"{shlex.join(map(str, command))}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def make_base() -> Path:
    """Make the root of a small Debian, once for all runs of the suite."""
    base = _CACHE / _SUITE
    _CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(_CACHE / "lock"):
        if not (base / "complete").exists():
            run_as_root("rm", "-rf", base)
            search_path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
            run_as_root("debootstrap", "--variant=minbase", _SUITE, base, *_find_mirror(), PATH=search_path)
            for name, text in _SETTINGS_OF_THE_IMAGE.items():
                run_as_root("sh", "-c", 'printf "%s\\n" "$TEXT" > "$0"', f"{base}{name}", TEXT=text)
            run_as_root("find", base / "var/cache/apt", "-type", "f", "-delete")
            run_as_root("touch", base / "complete")
    return base


def _find_mirror() -> Sequence[str]:
    """Find the archive that apt of this system uses for the same Debian; else debootstrap knows one."""
    wanted = ("Created-By: Packages", f"Codename: {_SUITE}", "Origin: Debian")
    command = ("apt-get", "indextargets", "--format", "$(REPO_URI)", *wanted)
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return listed[:1]


@dataclass
class Instruction:
    """One instruction of a Containerfile."""

    name: str
    value: str


def parse_containerfile(text: str) -> Iterator[Instruction]:
    """Parse the instructions, one on each line; comments are left out."""
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, value = line.partition(" ")
            yield Instruction(name, value.strip())


@dataclass
class Stage:
    """A stage that was built: its root and what its instructions set."""

    root: Path
    user: str = "0:0"
    folder: str = "/"
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": _SEARCH_PATH})
    entry: list[str] = field(default_factory=list)

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the root, as the user and in the folder of the stage, with no other variables."""
        variables = [f"{name}={value}" for name, value in (self.environment | environment).items()]
        user_options = [f"--userspec={self.user}", str(self.root)]
        within = ["/usr/bin/env", "-i", "-C", self.folder, *variables, *command]
        namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _IN_ROOT, "sh"]
        (_CACHE / "pip").mkdir(exist_ok=True)
        return subprocess.run(
            [*_AS_ROOT, *namespaces, str(self.root), *user_options, *within],
            capture_output=True, text=True, check=False, env={**os.environ, "CACHE": str(_CACHE / "pip")},
        )  # fmt: skip


def build_container(containerfile: Path, folder: Path) -> Stage:
    """Build the stages of a Containerfile below a folder, and return the last one."""
    base, stages = make_base(), dict[str, Stage]()
    stage = Stage(base)
    for instruction in parse_containerfile(containerfile.read_text("utf-8")):
        match instruction.name:
            case "ARG":
                assert instruction.value.endswith(f":{_SUITE}-slim"), "the roots here are of another Debian"
            case "FROM":
                source, _, name = instruction.value.partition(" AS ")
                assert source == "${BASE}"
                stage = stages[name] = Stage(folder / f"stage-{len(stages)}")
                run_as_root("cp", "--archive", "--reflink=auto", base, stage.root)
                _connect(stage)
            case "RUN":
                done = stage.run("/bin/sh", "-c", instruction.value)
                assert done.returncode == 0, f"{instruction.value}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
            case "COPY":
                _copy(instruction.value.split(), stage, stages)
            case "ENV":
                name, _, value = instruction.value.partition("=")
                stage.environment[name] = value
            case "USER":
                stage.user = instruction.value
            case "WORKDIR":
                stage.folder = instruction.value
                run_as_root("mkdir", "-p", f"{stage.root}{stage.folder}")
            case "ENTRYPOINT":
                stage.entry = json.loads(instruction.value)
            case _:
                raise AssertionError(f"this test does not know the instruction {instruction.name}")
    _disconnect(stage)
    return stage


def _copy(words: list[str], stage: Stage, stages: dict[str, Stage]) -> None:
    """Copy files of the context, or of another stage, as ``COPY`` does: a folder's content, not the folder."""
    origin = ROOT
    if words[0].startswith("--from="):
        origin = stages[words.pop(0).removeprefix("--from=")].root
    *sources, target = words
    place = Path(f"{stage.root}{os.path.normpath(Path(stage.folder) / target)}")
    run_as_root("mkdir", "-p", place if target.endswith("/") or len(sources) > 1 else place.parent)
    for each in sources:
        source = origin / each.lstrip("/")
        if source.is_dir():
            run_as_root("mkdir", "-p", place)
            run_as_root("cp", "--archive", "--no-preserve=ownership", f"{source}/.", place)
        else:
            run_as_root("cp", source, place)


_HOST_VARIABLES: Final = re.compile(r"PIP_(INDEX_URL|EXTRA_INDEX_URL|DEFAULT_TIMEOUT)|\w+_proxy", re.IGNORECASE)


def _connect(stage: Stage) -> None:
    """Give a stage the network of this system, as the builder of an image does: names, certificates, mirrors."""
    for name in _NETWORK_FILES:
        if Path(name).exists():
            run_as_root("cp", "--dereference", name, f"{stage.root}{name}")
    if Path(_CERTIFICATES).exists():
        # Not in its own place, which a package of the image may fill.
        run_as_root("cp", _CERTIFICATES, f"{stage.root}{_CERTIFICATES_IN_ROOT}")
        stage.environment["PIP_CERT"] = _CERTIFICATES_IN_ROOT
    stage.environment |= {name: value for name, value in os.environ.items() if _HOST_VARIABLES.fullmatch(name)}


def _disconnect(stage: Stage) -> None:
    """Take back what belongs to the builder and not to the image."""
    names = [name for name in stage.environment if name == "PIP_CERT" or _HOST_VARIABLES.fullmatch(name)]
    for name in names:
        del stage.environment[name]
    run_as_root("rm", "-f", f"{stage.root}{_CERTIFICATES_IN_ROOT}")


def remove_roots(folder: Path) -> None:
    """Remove the roots, whose files belong to root."""
    run_as_root("rm", "-rf", folder)
    shutil.rmtree(folder, ignore_errors=True)
