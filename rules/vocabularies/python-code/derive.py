"""Derive the functions of installed libraries that run what they are given, from the source of the libraries.

Run it where the libraries are installed, and review the difference; further folders may hold unpacked wheels, or the
standard library of another version of Python::

    python rules/vocabularies/python-code/derive.py [FOLDER…]

The list holds what no other list of this folder names, under every name by which a library offers it. Names that an
earlier run found stay, because each machine has other libraries. The file ``../python-code-ordinary.txt`` states the
names that are left out, because the code of honest models calls them.
"""

from __future__ import annotations

import sys
import sysconfig
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import survey
import yaml

from modelaudit.languages.python.name_tables import PUBLIC_MODULES

HERE = Path(__file__).resolve().parent
TARGET = HERE / "installed-derived.yaml"
# Packages of this machine that belong to no model: this one, and those that test and measure it.
LEFT_OUT = ("_", "modelaudit", "modelscan", "picklescan", "fickling", "pytest", "hypothesis", "mypy", "ruff", "xdist")
# Modules of the standard library whose names are judged one by one, or that no program of the library imports.
SKIPPED = ("site.", "venv.", "idlelib", "lib2to3", "test", "turtledemo", "turtle", "_pyrepl")
REASONS = {
    "command": "starts a program that its caller names, some calls further down",
    "code": "runs a text or a file that its caller names as code, some calls further down",
    "import": "imports the module that its caller names, and returns it or what it holds",
    "lookup": "looks up what its caller names in a module or another object, and returns or calls it",
    "deserialise": "unpickles what its caller names, or loads code objects from it, some calls further down",
    "native": "loads a library of machine code that its caller names, some calls further down",
}
# The worst effect of a function counts.
ORDER = ("command", "code", "deserialise", "native", "import", "lookup")


def list_folders(folders: list[Path]) -> Iterator[tuple[str, Path]]:
    """Yield (name of the package, folder) for the installed packages, and the standard library under no name."""
    standard_library = Path(sysconfig.get_path("stdlib"))
    for folder in (*folders, standard_library, Path(sysconfig.get_path("purelib"))):
        if (folder / "os.py").exists():
            yield "", folder
            continue
        yield from list_files(folder)


def list_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield (name, folder or file) for the packages of a folder, and for its modules that are a single file."""
    packages = sorted(each for each in folder.iterdir() if each.is_dir() or each.suffix == ".py")
    names = ((each.name if each.is_dir() else each.stem, each) for each in packages)
    yield from ((name, each) for name, each in names if name.isidentifier() and not name.startswith(LEFT_OUT))


def find_names() -> dict[str, str]:
    """Return the effect of each name under which a package that was read offers a dangerous function."""
    survey.find_all_dangers()
    effects: dict[str, str] = {}
    for name, dangers in survey.list_dangerous():
        found = {"command" if effect == "shell" else effect for effect in dangers.values()}
        effects[name] = min(found, key=ORDER.index)
    for name, others in survey.list_other_names(effects).items():
        effects |= dict.fromkeys(others, effects[name])
    effects |= {public: effect for name, effect in effects.items() for public in list_public_names(name)}
    return {
        name: effect
        for name, effect in effects.items()
        if not name.startswith(SKIPPED) and not survey.is_ordinary(name)
    }


def list_public_names(name: str) -> Iterator[str]:
    """Yield the name that the analysis gives to what a library defines in an inner module."""
    for inner, public in PUBLIC_MODULES.items():
        if name.startswith(f"{inner}."):
            yield public + name.removeprefix(inner)


def read_earlier_names() -> dict[str, str]:
    """Return the names of the list as it is, with their effects: those of libraries that other machines have."""
    kinds = {why: effect for effect, why in REASONS.items()}
    groups = yaml.safe_load(TARGET.read_text(encoding="utf-8"))["dangerous"]
    return {name: kinds[each["why"]] for group in groups for each in group["alike"] for name in each["names"] or ()}


def read_listed_names() -> set[str]:
    """Return the names that the other lists of this folder hold."""
    listed: set[str] = set()
    for path in sorted(HERE.glob("*.yaml")):
        groups = yaml.safe_load(path.read_text(encoding="utf-8"))["dangerous"] if path != TARGET else []
        for group in groups:
            listed |= set(group.get("names", ()))
            listed |= {name for each in group.get("alike", ()) for name in each["names"]}
    return listed


def main() -> None:
    """Write the list."""
    for name, folder in list_folders([Path(each) for each in sys.argv[1:]]):
        survey.read_package(name, folder)
    listed = read_listed_names()
    names: dict[str, list[str]] = defaultdict(list)
    earlier = {name: effect for name, effect in read_earlier_names().items() if not survey.is_ordinary(name)}
    for name, effect in sorted((earlier | find_names()).items()):
        if name not in listed:
            names[effect].append(name)
    lines = ["# Derived by derive.py from installed libraries; do not edit by hand.", "library: Python", "dangerous:"]
    for effect in ORDER:
        # What imports or looks up by name has no rule of its own; what it returns can be any function.
        lines += [f"  - effect: {'code' if effect in ('import', 'lookup') else effect}", "    alike:"]
        lines += [
            f"      - why: {REASONS[effect]}",
            "        names:",
            *(f"          - {each}" for each in names[effect]),
        ]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
