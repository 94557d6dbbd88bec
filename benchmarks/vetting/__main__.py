"""Propose the names that files of well-known libraries may use, from the source of their newest releases.

::

    python benchmarks/vetting                      # every library of libraries.yaml; exit 1 if a name is new
    python benchmarks/vetting --only monai         # one library
    python benchmarks/vetting --merge              # writes the lists of the rules
    make vet ONLY=monai MERGE=yes                  # the same

It downloads the newest release and the newest of two minor series before it, reads the sources with the evaluator of the
scanner, and imports and builds nothing. ``build/vetting`` gets the sources, every decision with its evidence, and a table.
Exit codes: 0, no name is new; 1, names are new; 2, wrong options; 4, a library could not be read.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml

from library_reading import Library, read_library
from package_index import IndexUnreadableError, find_index
from reviewed import CALLABLES, load_reviewed
from trust_lists import (
    VOCABULARY,
    LibraryResult,
    format_table,
    path_of_configured,
    path_of_trusted,
    read_listed,
    read_taken,
)

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="vetting", description="Propose names to trust, out of the source.")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="a library of libraries.yaml")
    parser.add_argument("--merge", action="store_true", help="write the names into the lists of the rules")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "vetting", help="folder of the results")
    parser.add_argument("--count", type=int, default=3, help="releases of each library (default: 3)")
    parser.add_argument("--keep", action="store_true", help="keep the sources of old releases as well")
    options = parser.parse_args()
    libraries = load_libraries()
    unknown = sorted(set(options.only) - libraries.keys())
    if unknown:
        parser.error(f"{unknown[0]} is not in {HERE / 'libraries.yaml'}; add it there")
    try:
        index = find_index()
    except IndexUnreadableError as error:
        print(f"vetting: {error}", file=sys.stderr)
        return 4
    reviewed = load_reviewed()
    results: list[LibraryResult] = []
    failed = False
    for name in options.only or libraries:
        try:
            result = read_library(libraries[name], libraries, reviewed, index, options.out, options.count, options.keep)
        except IndexUnreadableError as error:
            print(f"vetting: {error}", file=sys.stderr)
            failed = True
            continue
        results.append(result)
        result.write_evidence(options.out)
        print(*format_table([result], {name: len(find_new(result))})[2:], flush=True)
        if options.merge:
            merge(result)
    new = {each.library: len(find_new(each)) for each in results}
    options.out.mkdir(parents=True, exist_ok=True)
    table = "\n".join(format_table(results, new)) + "\n"
    (options.out / "table.md").write_text(table, encoding="utf-8")
    for result in results:
        for name in find_new(result)[:20]:
            print(f"new: {name}")
        for problem in result.problems:
            print(f"not read: {result.library}: {problem}")
    return 4 if failed else int(any(new.values()))


def load_libraries() -> dict[str, Library]:
    """Return the libraries of ``libraries.yaml`` by name."""
    content = yaml.safe_load((HERE / "libraries.yaml").read_text(encoding="utf-8"))
    libraries: dict[str, Library] = {}
    for name, entry in content["libraries"].items():
        entry = entry or {}
        roots = tuple(entry.get("roots", [name.replace("-", "_")]))
        libraries[name] = Library(
            name,
            roots,
            tuple(entry.get("on", ["torch"])),
            tuple(entry.get("pickled", roots)),
            tuple(entry.get("configured", ())),
            tuple(entry.get("functions", ())),
            tuple(entry.get("without", ())),
        )
    return libraries


def _format(result: LibraryResult) -> dict[Path, str]:
    """Return the text of each list of a library."""
    callables = read_taken(CALLABLES / "trusted") | read_taken(CALLABLES / "dangerous")
    return {
        path_of_trusted(result.library): result.format_trusted(callables),
        path_of_configured(result.library): result.format_configured(read_taken(VOCABULARY)),
    }


def find_new(result: LibraryResult) -> list[str]:
    """Return the trusted names of a library that its lists do not hold yet, sorted."""
    new: set[str] = set()
    for path, text in _format(result).items():
        content = yaml.safe_load(text) if text else {}
        content = content.get("trusted", content)
        new |= {name for group in content.get("alike", ()) for name in group["names"]} - read_listed(path)
    return sorted(new)


def merge(result: LibraryResult) -> None:
    """Write the lists of a library, without those that would be empty."""
    for path, text in _format(result).items():
        if text:
            path.write_text(text, encoding="utf-8")
        else:
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
