"""Write the rewrites: ``python benchmarks/field_cases/write_rewrites.py FOLDER --each 100`` makes a repository of each.

``rewrites.json`` lists for each rewrite its id, payload, expectation and the pieces that were chosen. Those that
``rewrites_lost.yaml`` names for the same seed are left out, because they no longer do what they did.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections import Counter
from pathlib import Path

import yaml
from builders import write_files
from case_files import EXIT_CODES, HERE
from rewrites import list_rewrites


def read_lost(seed: int) -> set[str]:
    """Return the ids of the rewrites of this seed that do not run."""
    path = HERE / "rewrites_lost.yaml"
    noted = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if noted.get("seed") != seed:
        return set()
    return {each for ids in noted["lost"].values() for each in ids}


def main() -> None:
    """Write the rewrites and their manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--each", type=int, default=100, help="rewrites of each payload")
    parser.add_argument("--seed", type=int, default=18)
    parser.add_argument("--only", default="", help="beginnings of the payloads to write, with commas between")
    options = parser.parse_args()
    target = options.folder / "rewrites"
    shutil.rmtree(target, ignore_errors=True)
    lost = read_lost(options.seed)
    rows = []
    for rewrite in list_rewrites(options.seed, options.each, only=options.only):
        if rewrite.id in lost:
            continue
        write_files(target / rewrite.id, rewrite.files)
        row = {"id": rewrite.id, "payload": rewrite.payload, "expect": rewrite.expect, "steps": list(rewrite.steps)}
        rows.append({**row, "exit_codes": list(EXIT_CODES[rewrite.expect])})
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "rewrites.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    for expect, count in sorted(Counter(str(row["expect"]) for row in rows).items()):
        print(f"{expect:6} {count:6}")


if __name__ == "__main__":
    main()
