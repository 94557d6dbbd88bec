"""Derive the lists of trusted operators of ONNX from the operators that installed libraries define.

Run it where onnx and onnxruntime are installed, and review the difference::

    python rules/vocabularies/derive_onnx.py

Operators of ONNX itself compute on their inputs. So do those that ONNX Runtime adds, except for those that
``REACHING_OUTSIDE`` leaves out: they call Python, run code compiled for an accelerator, or are missing in most builds.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import onnx
import onnx.defs
import onnxruntime
from onnxruntime.capi import _pybind_state

HERE = Path(__file__).resolve().parent / "onnx-operators"
# By the names without their domain: "PythonOp", "TritonOp", "EPContext", "NcclAllReduce".
REACHING_OUTSIDE = re.compile(
    r"PyOp|PythonOp|TritonOp|ATen|EPContext|Snpe|External|Yield|NcclAll|Send|Recv|Record|Wait|InvokeSubgraph"
)
OF_ONNX = "an operator of the ONNX standard, which computes on its inputs"
OF_RUNTIME = "an operator of ONNX Runtime, which computes on its inputs"


def main() -> None:
    """Write the two lists and print the omitted names."""
    standard = {f"{schema.domain or 'ai.onnx'}::{schema.name}" for schema in onnx.defs.get_all_schemas_with_history()}
    known = {f"{schema.domain or 'ai.onnx'}::{schema.name}" for schema in _pybind_state.get_all_operator_schema()}
    omitted = {name for name in known - standard if REACHING_OUTSIDE.search(name.rpartition("::")[2])}
    added = known - standard - omitted
    _write_list("onnx-derived.yaml", "onnx", onnx.__version__, OF_ONNX, standard)
    _write_list("onnxruntime-derived.yaml", "onnxruntime", onnxruntime.__version__, OF_RUNTIME, added)
    sys.stdout.write(f"{len(standard)} of onnx, {len(added)} of onnxruntime; left out: {sorted(omitted)}\n")


def _write_list(file: str, library: str, version: str, why: str, names: set[str]) -> None:
    """Write one list of trusted operators, which share the reason ``why``."""
    lines = [
        f"# Derived by ../derive_onnx.py from {library} {version}; do not edit.",
        f"library: {library}",
        "trusted:",
    ]
    lines += ["  alike:", f"    - why: {why}", "      names:", *(f"        - {name}" for name in sorted(names))]
    (HERE / file).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
