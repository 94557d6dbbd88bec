"""Propose the names that files of well-known libraries may use, from the source of their newest releases.

::

    python benchmarks/vetting                      # every library of libraries.yaml; exit 1 if a name is new
    python benchmarks/vetting --only monai         # one library
    python benchmarks/vetting --merge              # writes the lists of the rules
    make vet ONLY=monai MERGE=yes                  # the same

It downloads the newest release and the newest of two minor series before it, reads the sources with the evaluator of
the scanner, and imports and builds nothing. ``build/vetting`` gets the sources, each decision with its evidence, and a
table. Exit codes: 0, the lists hold every name; 1, a name is new or no longer decided; 2, wrong options; 4, a library
could not be read.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml
from library_reading import Library, read_library
from package_index import IndexUnreadableError, find_index
from reviewed import load_reviewed
from trust_lists import LibraryResult, find_lost, find_new, format_table, merge

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
_SHOWN = 20


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parse(arguments)
    libraries = load_libraries(options.libraries)
    unknown = sorted(set(options.only) - libraries.keys())
    if unknown:
        print(f"vetting: {unknown[0]} is not in {options.libraries}; add it there", file=sys.stderr)
        return 2
    results, failures = _read_all(options.only or list(libraries), libraries, options)
    new = {each.library: find_new(each, options.rules) for each in results}
    lost = {each.library: find_lost(each, options.rules) for each in results}
    for result in results:
        if options.merge:
            merge(result, options.rules)
        _report(result, new[result.library], lost[result.library])
    table = format_table(results, {name: len(names) for name, names in new.items()})
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "table.md").write_text("\n".join(table) + "\n", encoding="utf-8")
    print(*table, sep="\n")
    for failure in failures:
        print(f"vetting: {failure}", file=sys.stderr)
    return 4 if failures else int(any(new.values()) or any(lost.values()))


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="vetting", description="Propose names to trust, out of the source.")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="a library of the file")
    parser.add_argument("--merge", action="store_true", help="write the names into the lists of the rules")
    parser.add_argument("--reuse", action="store_true", help="take the decisions of the last run, and read nothing")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "vetting", help="folder of the results")
    parser.add_argument("--count", type=int, default=3, help="releases of each library (default: 3)")
    parser.add_argument("--keep", action="store_true", help="keep the sources of old releases as well")
    parser.add_argument("--libraries", type=Path, default=HERE / "libraries.yaml", help="the libraries")
    parser.add_argument("--rules", type=Path, default=ROOT / "rules", help="folder of the rules")
    return parser.parse_args(arguments)


def _read_all(
    names: list[str], libraries: dict[str, Library], options: argparse.Namespace
) -> tuple[list[LibraryResult], list[str]]:
    """Return what the releases of the libraries gave, and one line for each that could not be read."""
    results: list[LibraryResult] = []
    failures: list[str] = []
    if options.reuse:
        for name in names:
            if (options.out / f"{name}.json").exists():
                results.append(LibraryResult.read_evidence(options.out, name))
            else:
                failures.append(f"{name}: {options.out} has no decisions about it; run without --reuse")
        return results, failures
    reviewed = load_reviewed()
    try:
        index = find_index()
    except IndexUnreadableError as error:
        return [], [str(error)]
    for name in names:
        print(f"reading {name}", file=sys.stderr, flush=True)
        try:
            result = read_library(libraries[name], libraries, reviewed, index, options.out, options.count, options.keep)
        except IndexUnreadableError as error:
            failures.append(str(error))
            continue
        result.write_evidence(options.out)
        results.append(result)
    return results, failures


def _report(result: LibraryResult, new: list[str], lost: list[str]) -> None:
    """Print the names of a library that are new or lost, and what was not read."""
    for word, names in (("new", new), ("no longer decided", lost)):
        for name in names[:_SHOWN]:
            print(f"{word}: {name}")
        if len(names) > _SHOWN:
            print(f"{word}: {len(names) - _SHOWN} more of {result.library}")
    for problem in result.problems:
        print(f"not read: {result.library} {problem}")


def load_libraries(path: Path) -> dict[str, Library]:
    """Return the libraries of a file by name."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    libraries: dict[str, Library] = {}
    for name, entry in content["libraries"].items():
        roots = tuple(entry.get("roots", [name.replace("-", "_")]))
        libraries[name] = Library(
            name,
            roots,
            tuple(entry.get("builds-on", ["torch"])),
            tuple(entry.get("pickled", roots)),
            tuple(entry.get("configured", ())),
            tuple(entry.get("functions", ())),
            tuple(entry.get("without", ())),
            (entry["variants"]["test"], tuple(entry["variants"]["values"])) if "variants" in entry else None,
            entry.get("vocabulary", "python-names"),
            str(entry.get("since", "0")),
            entry.get("registry", ""),
            tuple(entry.get("referred", ())),
        )
    return libraries


if __name__ == "__main__":
    sys.exit(main())
