"""Derive the list of trusted MXNet operators from an MXNet wheel, without importing it.

Download a wheel, run the script, and review the difference::

    pip download --no-deps mxnet==1.9.1
    python rules/vocabularies/mxnet-operators/derive.py mxnet-1.9.1-py3-none-manylinux2014_x86_64.whl

MXNet lists its operators for mixed precision in ``contrib/amp/lists/symbol_fp16.py``, and a test of MXNet checks that
these lists are complete. Operators of the NumPy interface and a few later ones occur in the library as whole strings.
Operators that call Python, native code or another engine, or that open a file, are excluded: they are dangerous or
unlisted.
"""

from __future__ import annotations

import ast
import re
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
LISTS = "mxnet/contrib/amp/lists/symbol_fp16.py"
LIBRARY = "mxnet/libmxnet.so"
# Lists that pair each operator with an argument and its values; the operator comes first.
PAIRED = "CONDITIONAL_FP32_FUNCS"
# "Custom", "_Native", "_NDArray" call Python or native code; "_cvimread" opens a file; the others are internal.
LEFT_OUT = re.compile(r"Custom|Native|NDArray|CachedOp|TensorRT|imread|NoGradient|share_memory")
# An operator's name as a whole C string of the library, between two zero bytes: "_npi_add", "_contrib_quantize".
STRING = re.compile(rb"\0(_(?:np|npi|npx|contrib|sparse|sg|multi)_[A-Za-z0-9_]{2,60})(?=\0)")
# The placeholder of a variable, and aliases that the library builds from parts.
STRUCTURE = ("null", "copy", "_copyto", "broadcast_axis", "SoftmaxActivation")
WHY = "computes with its input arrays, or runs a part of the same graph"


def main(wheel: Path) -> None:
    """Write ``derived.yaml``."""
    with zipfile.ZipFile(wheel) as archive:
        tree = ast.parse(archive.read(LISTS).decode("utf-8"))
        library = archive.read(LIBRARY)
    names = set(STRUCTURE)
    # Each list of the module is assigned to a name.
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            is_paired = node.targets[0].id == PAIRED
            names |= read_paired(node.value) if is_paired else read_texts(node.value)
    names |= {match[1].decode() for match in STRING.finditer(library)}
    trusted = sorted(name for name in names if not LEFT_OUT.search(name) and "backward" not in name)
    lines = [
        f"# Derived by derive.py from {wheel.name}; change that, not this.",
        "library: MXNet",
        "trusted:",
        "  alike:",
        f"    - why: {WHY}",
        "      names:",
        *(f'        - "{name}"' for name in trusted),
    ]
    (HERE / "derived.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_texts(value: ast.expr) -> set[str]:
    """Collect every string of an expression, at any depth."""
    return {part.value for part in ast.walk(value) if isinstance(part, ast.Constant) and isinstance(part.value, str)}


def read_paired(value: ast.expr) -> set[str]:
    """Collect the first string of each tuple in a list of tuples."""
    rows = value.elts if isinstance(value, ast.List) else []
    return {row.elts[0].value for row in rows if isinstance(row, ast.Tuple) and isinstance(row.elts[0], ast.Constant)}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
