"""Derives the lists of trusted classes that are too long to write by hand, from the installed libraries.

::

    python rules/callables/derive.py                                        # from the libraries of this interpreter
    python rules/callables/derive.py --environments .venv/benign            # from every environment in that folder

The second form merges the names of several releases, old and new; ``benchmarks/benign/write.py`` makes such
environments. ``candidates.py`` runs inside each and lists the classes that qualify, with the reason. Lists whose
library is not installed stay unchanged. A handwritten entry takes precedence, so such names are not derived, nor are
those of modules that are dangerous as a whole. Review the difference before it is committed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

# Keys of the names that share a reason, beside those of their use.
KEYS_BY_REASON = {
    "an enumeration; finds a member by its value": "shared: true",
    "a layer; makes tensors of the sizes it is given and stores its settings": (
        "cost: {shapes: [0, 1, 2, 3, 4, 5, 6, 7]}"
    ),
    "a sparse matrix; holds its numbers and their places": "cost: {shapes: [0, 1]}",
    "the description of a number in memory": "cost: {result: number}",
}
HERE = Path(__file__).resolve().parent
SUFFIX = "-derived"


@dataclass(slots=True)
class DerivedList:
    """One list: its source releases, and its names by reason and use, in the order of discovery."""

    library: str
    releases: set[str] = field(default_factory=set)
    groups: dict[tuple[str, bool, bool], set[str]] = field(default_factory=dict)

    def format_file(self, taken: frozenset[str], dangerous: frozenset[str]) -> str:
        """Return the text of the YAML file, with each name in the first group that has it.

        Args:
            taken: the names of handwritten files, which are left out.
            dangerous: the modules that are dangerous as a whole, whose names are left out.
        """
        releases = ", ".join(sorted(self.releases, key=_split_release))
        lines = [
            f"# Derived by ../derive.py from {self.library} {releases}; do not edit by hand.",
            f"library: {self.library}",
            "alike:",
        ]
        seen = set(taken)
        for (why, construct_only, refer_only), names in self.groups.items():
            new_names = sorted(name for name in names - seen if not _is_covered(name, dangerous))
            seen |= names
            if new_names:
                lines.append(f"  - why: {why}")
                lines += ["    construct-only: true"] if construct_only else []
                lines += ["    refer-only: true"] if refer_only else []
                lines += [f"    {KEYS_BY_REASON[why]}"] if why in KEYS_BY_REASON else []
                lines += ["    names:", *(f"      - {name}" for name in new_names)]
        return "\n".join(lines) + "\n"


def list_interpreters(folder: Path | None) -> Iterator[str]:
    """Yield this interpreter, or that of every environment in ``folder``."""
    if folder is None:
        yield sys.executable
    else:
        yield from (str(python) for python in sorted(folder.glob("*/bin/python")))


def gather_names(pythons: Iterable[str], libraries: list[str]) -> dict[str, DerivedList]:
    """Run ``candidates.py`` in each interpreter and merge the lists; returns them by file name without its suffix.

    Args:
        pythons: paths of the interpreters.
        libraries: the distributions whose lists are derived; all without any.
    """
    lists: dict[str, DerivedList] = {}
    for python in pythons:
        command = [python, "-W", "ignore", str(HERE / "candidates.py"), *libraries]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        if process.returncode:
            sys.exit(f"{python}: {process.stderr.strip().splitlines()[-1]}")
        # Libraries print while they are imported; the answer is the last line.
        answer = json.loads(process.stdout.splitlines()[-1])
        for name, candidates in answer.items():
            derived = lists.setdefault(name, DerivedList(candidates["library"]))
            derived.releases.add(candidates["release"])
            for group in candidates["groups"]:
                key = (group["why"], group["construct_only"], group["refer_only"])
                derived.groups.setdefault(key, set()).update(group["names"])
    return lists


def read_handwritten_names() -> tuple[frozenset[str], frozenset[str]]:
    """Return every name in a handwritten file, and every module that is dangerous as a whole."""
    taken: set[str] = set()
    modules: set[str] = set()
    for file in sorted(HERE.glob("*/*.yaml")):
        if not file.stem.endswith(SUFFIX):
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
            taken |= content.get("names", {}).keys()
            taken.update(name for group in content.get("alike", ()) for name in group["names"])
            modules |= content.get("modules", {}).keys()
    return frozenset(taken), frozenset(modules)


def _is_covered(name: str, modules: frozenset[str]) -> bool:
    """Whether one of the modules contains ``name``, at any depth."""
    parts = name.split(".")
    return any(".".join(parts[:length]) in modules for length in range(1, len(parts)))


def _split_release(release: str) -> tuple[int, ...]:
    """Split a release into numbers to sort by, because as text 1.10 precedes 1.9."""
    return tuple(int(part) for part in release.split(".") if part.isdigit())


def main() -> None:
    """Derive the lists that the command line names, and write them to ``trusted/``."""
    parser = argparse.ArgumentParser(description="Derive the lists of trusted classes from installed libraries.")
    parser.add_argument("--environments", type=Path, help="a folder of virtual environments to ask, each in turn")
    parser.add_argument("libraries", nargs="*", help="distributions to derive the lists of (default: all)")
    options = parser.parse_args()
    taken, dangerous = read_handwritten_names()
    for name, derived in gather_names(list_interpreters(options.environments), options.libraries).items():
        (HERE / "trusted" / f"{name}.yaml").write_text(derived.format_file(taken, dangerous), encoding="utf-8")


if __name__ == "__main__":
    main()
