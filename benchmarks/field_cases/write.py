"""Write the cases: ``python benchmarks/field_cases/write.py FOLDER`` makes a repository of each in ``FOLDER/cases``.

``manifest.json`` lists for each case its id, mechanism, expectation with exit codes, and proof. Nothing is scanned.
With ``--only PREFIX`` only cases whose id begins with it are written.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from builders import write_files
from case_files import HERE, Case, read_cases, read_fresh_cases


def describe_case(case: Case, proofs: dict[str, Any]) -> dict[str, Any]:
    """Return the row of the manifest: with the loader that ran the payload, or where it is read that one would."""
    proof = proofs.get(case.id) or case.proven
    return {
        "id": case.id,
        "mechanism": case.mechanism,
        "expect": case.expect,
        "exit_codes": list(case.exit_codes),
        "what": case.what,
        "proof": {"proven": proof} if proof else {"reading": case.reading},
    }


def read_proofs() -> dict[str, Any]:
    """Return the loader and versions of each case whose payload ran."""
    path = HERE / "proofs.yaml"
    proven: dict[str, Any] = {}
    if path.is_file():
        for loader in yaml.safe_load(path.read_text(encoding="utf-8")):
            proven.update(dict.fromkeys(loader["cases"], f"{loader['loader']}: {loader['with']}"))
    return proven


def main() -> None:
    """Write the cases and their manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="the beginning of the ids to write")
    options = parser.parse_args()
    cases = [case for case in [*read_cases(), *read_fresh_cases()] if case.id.startswith(options.only)]
    target = options.folder / "cases"
    shutil.rmtree(target, ignore_errors=True)
    for case in cases:
        write_files(target / case.id, case.files)
    proofs = read_proofs()
    rows = [describe_case(case, proofs) for case in cases]
    (options.folder / "manifest.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    counts = Counter((case.mechanism, case.expect) for case in cases)
    for (mechanism, expect), count in sorted(counts.items()):
        print(f"{mechanism}  {expect:10} {count:4}")
    hostile = [case for case in cases if case.expect != "pass"]
    proven = sum(case.id in proofs or bool(case.proven) for case in hostile)
    print(f"{len(hostile)} malicious, {proven} of them proven with a loader; {len(cases) - len(hostile)} benign")


if __name__ == "__main__":
    main()
