"""Count the base models that vocabulary and shape show: ``python benchmarks/lineage_pairs.py [FILE.yaml]...``.

A file is a YAML list of pairs of a base model and a derivative. Each derivative is built as a folder and read by
``modelaudit license --use commercial``. The keys of a pair:

- ``base``: id of a base model of ``rules/lineage/bases.yaml``; its shape is the shape of the derivative.
- ``kind``: a word for the table of results: identity, quantised, adapter, merge, renamed, other-family.
- ``card``: the fields of the front matter, such as ``{license: apache-2.0, base_model: acme/other}``.
- ``config``: changes of ``config.json``, which states the shape of the base model by the keys of Llama; ``null``
  removes a key; ``none`` leaves the file out.
- ``vocabulary``: ``base`` (the default), the name of another vocabulary of the table, ``own:32000`` for one that no
  record has, or ``none``. A vocabulary without digests in the table is not written either.
- ``tokenizer``: ``tokenizer.json`` (the default), ``tokenizer.model``, ``vocab.json``, or ``gguf`` for one GGUF file
  with shape and vocabulary, to use with ``config: none``.
- ``special-tokens``: ``base`` (the default), or a list of tokens; ``added-tokens``: the number of further ones.
- ``tokenizer-config``: further keys of ``tokenizer_config.json``, such as ``chat_template``.
- ``tensors``: ``none`` (the default), ``full``, ``quantised``, ``{adapter: [q_proj, up_proj]}``, or names with shapes.
- ``files``: further files by name, with their text or their JSON.
- ``expected``: ``review`` if an undeclared base model has to be shown, ``quiet`` if none may be.
- ``named``: for ``review``, the base models that the sentence has to name, all of them.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from lineage_models import ROOT, build_model, copy_rules

import modelaudit
from modelaudit.catalogue.directory import RulesInPlace, replace_rules_directory
from modelaudit.licenses.conclusion.undeclared_bases import UNDECLARED

PAIRS = tuple(ROOT / "benchmarks" / name for name in ("lineage_pairs.yaml", "lineage_pairs_independent.yaml"))


@dataclass(frozen=True, slots=True)
class PairResult:
    """The result of one pair.

    Attributes:
        named: the base models that are shown without being declared.
        verdict: of the use.
        fault: what differs from the expectation; empty if nothing does.
    """

    pair: Mapping[str, Any]
    named: tuple[str, ...]
    verdict: str
    fault: str


def run_pairs(pairs: Iterable[Mapping[str, Any]], folder: Path) -> Iterator[PairResult]:
    """Build and read each pair below ``folder``."""
    rules = RulesInPlace(copy_rules(folder))
    with replace_rules_directory(rules):
        for number, pair in enumerate(pairs):
            model = folder / f"model-{number}"
            build_model(pair, model)
            yield _compare(pair, model)


def _compare(pair: Mapping[str, Any], model: Path) -> PairResult:
    """Read one folder, and compare the answer with the expectation."""
    report = modelaudit.license(model, offline=True, uses={"commercial": True})
    shown = any(conflict.kind == UNDECLARED for conflict in report.license.conflicts)
    named = tuple(base for each in report.license.kinships if not each.declared for base in each.bases) if shown else ()
    verdict = str(report.decision.use.verdict)
    faults = []
    if shown != (pair["expected"] == "review"):
        faults.append("a base model is shown" if shown else "no base model is shown")
    faults += [f"{base} is not named" for base in pair.get("named", ()) if base not in named]
    if shown and verdict == "pass":
        faults.append("the use passes")
    return PairResult(pair, named, verdict, "; ".join(faults))


def main(arguments: Sequence[str]) -> int:
    """Run the pairs of the files, print each fault and a table by kind, and return 1 if there is a fault."""
    paths = [Path(each) for each in arguments] or PAIRS
    pairs = [pair for path in paths for pair in yaml.safe_load(path.read_text(encoding="utf-8"))]
    counts: Counter[tuple[str, bool]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for number, result in enumerate(run_pairs(pairs, Path(folder)), 1):
            kind = f"{result.pair.get('kind', 'pair')} ({result.pair['expected']})"
            counts[kind, not result.fault] += 1
            if result.fault:
                print(f"pair {number}, {result.pair['base']}, {kind}: {result.fault}; {', '.join(result.named)}")
    for kind in sorted({kind for kind, _ in counts}):
        right, wrong = counts[kind, True], counts[kind, False]
        print(f"{kind}: {right} of {right + wrong}")
    return 1 if any(not is_right for _, is_right in counts) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
