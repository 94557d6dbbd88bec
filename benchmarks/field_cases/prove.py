"""Run the payloads of the cases with the real loaders, and note in ``proofs.yaml`` which of them created their mark.

``PYTHON benchmarks/field_cases/prove.py [--only PREFIX]`` takes the Python of an environment that has the libraries.
Each case is written below a temporary folder and loaded in a process of its own, with a limit on time and that folder
as its home; what runs is what this package built. ``--old FOLDER`` has the older releases of ``OLD``. A benign case is
loaded as well: it must load without an error, and leave no mark.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import yaml
from builders import write_files
from case_files import HERE, Case, read_cases
from loaders import LOADERS, PACKAGES
from loaders_code import CODE_PACKAGES
from loaders_configs import CONFIG_PACKAGES
from tree_interpreters import INTERPRETER_PACKAGES
from tree_readers import READER_PACKAGES

OLD: Final = {"lightning-before-2.6": ("lightning",), "hydra": ("hydra",)}
"""Loaders that need an older release; ``--old`` is put in front of the path for them."""
_SECONDS_MOST: Final = 60
_WAIT: Final = 1.0
_WARM: Final = ("torch", "transformers", "numpy", "yaml", "h5py", "jinja2", "joblib", "msgpack", "safetensors.torch")
_WARM_REMOTE: Final = (
    "torch.utils.checkpoint",
    "transformers.activations",
    "transformers.dynamic_module_utils",
    "transformers.modeling_utils",
    "transformers.models.auto.modeling_auto",
)
_ENVIRONMENT: Final = {
    "HF_HUB_OFFLINE": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "TRANSFORMERS_VERBOSITY": "error",
    "WANDB_MODE": "disabled",
    "KERAS_BACKEND": "torch",
    "YOLO_OFFLINE": "true",
}


def list_packages(case: Case) -> list[str]:
    """Return the distributions that load a case."""
    known = {**PACKAGES, **CONFIG_PACKAGES, **CODE_PACKAGES}
    names = list(known.get(case.loader, ()))
    names += READER_PACKAGES.get(case.settings.get("reader", ""), ())
    names += INTERPRETER_PACKAGES.get(case.settings.get("interpreter", ""), ())
    return names


def needs_old(case: Case) -> bool:
    """Return whether a case needs the older releases."""
    return case.loader in OLD or case.settings.get("interpreter") in OLD


def state_versions(names: Iterable[str], old: Path | None) -> str:
    """Return the distributions with their versions; those below ``old`` come first."""
    paths = [str(old), *sys.path] if old else list(sys.path)
    found = []
    for name in names:
        releases = {each.name: each.version for each in reversed(list(metadata.distributions(name=name, path=paths)))}
        found += [f"{name} {version}" for version in releases.values()] or [name]
    return ", ".join(found) or f"Python {sys.version_info[0]}.{sys.version_info[1]}.{sys.version_info[2]}"


def run_child(case: Case, folder: Path, old: Path | None, log: Path) -> None:
    """Load the case in this process, which ends with it."""
    os.setsid()
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.chdir(folder)
    if old:
        sys.path.insert(0, str(old))
    code = 1
    try:
        LOADERS[case.loader](case.settings)
        for thread in threading.enumerate():
            if thread is not threading.current_thread():
                thread.join(2)
        code = 0
    finally:
        if code:
            import traceback

            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def try_case(case: Case, root: Path, mark: Path, old: Path | None) -> tuple[bool, int]:
    """Write and load a case; return whether its mark was made, and the status of the process that loaded it."""
    mark.unlink(missing_ok=True)
    folder = root / "repository" / case.id
    write_files(folder, case.files)
    child = os.fork()
    if not child:
        run_child(case, folder, old if needs_old(case) else None, root / f"{case.id}.log")
    end = time.monotonic() + _SECONDS_MOST
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > end:
            os.killpg(child, signal.SIGKILL)
            ended = os.waitpid(child, 0)
            break
        time.sleep(0.01)
    end = time.monotonic() + (_WAIT if case.expect != "pass" else 0)
    while not mark.exists() and time.monotonic() < end:
        time.sleep(0.01)
    return mark.exists(), ended[1]


def warm_up(home: Path) -> None:
    """Import the libraries that most loads need, before the processes are made."""
    os.environ.update(_ENVIRONMENT, HOME=str(home), HF_HOME=str(home / "hub"))
    for name in (*_WARM, *_WARM_REMOTE):
        importlib.import_module(name)


def note_proofs(proven: Mapping[str, list[tuple[str, str]]], out: Path) -> None:
    """Write the proven cases by loader."""
    rows: list[dict[str, Any]] = []
    for case_id, proofs in proven.items():
        for loader, versions in proofs:
            row = next((each for each in rows if (each["loader"], each["with"]) == (loader, versions)), None)
            if row is None:
                row = {"loader": loader, "with": versions, "cases": []}
                rows.append(row)
            row["cases"].append(case_id)
    head = "# Written by prove.py: the cases whose payload ran, by the loader that ran them.\n"
    out.write_text(head + yaml.safe_dump(rows, sort_keys=False, width=110), encoding="utf-8")


def keep_earlier(out: Path, tried: set[str]) -> dict[str, list[tuple[str, str]]]:
    """Return the proofs of cases that are not tried again."""
    kept: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in yaml.safe_load(out.read_text(encoding="utf-8")) or [] if out.is_file() else []:
        for case_id in row["cases"]:
            if case_id not in tried:
                kept[case_id].append((row["loader"], row["with"]))
    return kept


def main() -> None:
    """Prove the chosen cases; exit with 1 if a payload does not run, or a benign case does not load."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="the beginning of the ids to try")
    parser.add_argument("--old", type=Path, help="folder with the older releases")
    parser.add_argument("--out", type=Path, default=HERE / "proofs.yaml")
    parser.add_argument("--logs", type=Path, help="folder for the output of loads that left no mark")
    options = parser.parse_args()
    faults = 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        warm_up(root)
        mark = root / "mark"
        cases = [case for case in read_cases(str(mark)) if case.loader and case.id.startswith(options.only)]
        proven = keep_earlier(options.out, {case.id for case in cases})
        for case in cases:
            ran, status = try_case(case, root, mark, options.old)
            benign = case.expect == "pass"
            fault = (ran or bool(status)) if benign else not ran
            if ran and not benign:
                versions = state_versions(list_packages(case), options.old if needs_old(case) else None)
                proven[case.id].append((case.loader, versions))
            elif options.logs and (root / f"{case.id}.log").exists():
                options.logs.mkdir(parents=True, exist_ok=True)
                (options.logs / f"{case.id}.log").write_bytes((root / f"{case.id}.log").read_bytes())
            faults += fault
            print(f"{case.id:50} {'mark' if ran else '-'}{'  UNEXPECTED' if fault else ''}", flush=True)
        note_proofs(proven, options.out)
    print(f"{len(cases)} tried, {faults} not as expected")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
