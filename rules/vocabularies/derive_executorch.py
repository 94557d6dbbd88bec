"""Derive the list of trusted operators of ExecuTorch from the kernels of an installed executorch.

Run it where executorch is installed, and review the difference::

    python rules/vocabularies/derive_executorch.py

The built-in kernels compute on tensors. Their names are in the YAML files of the package, and the names of kernels that
only C++ registers are in its native libraries.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent / "executorch-operators"
FILES = ("kernels/portable/functions.yaml", "kernels/portable/custom_ops.yaml", "kernels/portable/et_copy_ops.yaml",
         "kernels/quantized/quantized.yaml", "backends/cortex_m/ops/operators.yaml",
         "backends/cadence/aot/functions.yaml")  # fmt: skip
# "- op: add.out" or "- func: quantized_decomposed::add.out": a name with its overload, and perhaps a namespace.
IN_YAML = re.compile(r"^- (?:op|func): ([\w:]+(?:\.\w+)?)", re.MULTILINE)
# A name with its namespace as a C string of a library, up to its zero byte: "aten::add.out".
IN_LIBRARY = re.compile(
    rb"(?:executorch_prim|dim_order_ops|llama|torchao|et_copy|quantized_decomposed|cortex_m|aten)::\w+(?:\.\w+)?(?=\0)"
)
WHY = "an operator with a kernel of ExecuTorch, which computes on its inputs"


def main() -> None:
    """Write ``operators-derived.yaml`` and print the number of names."""
    spec = importlib.util.find_spec("executorch")
    root = Path(next(iter(spec.submodule_search_locations)))
    names = set()
    for file in FILES:
        for name in IN_YAML.findall((root / file).read_text(encoding="utf-8")):
            # The files of the portable kernels leave the namespace out, which is that of torch.
            names.add(name if "::" in name else f"aten::{name}")
    for library in root.rglob("*.so"):
        names |= {name.decode() for name in IN_LIBRARY.findall(library.read_bytes())}
    version = importlib.metadata.version("executorch")
    lines = [f"# Derived by ../derive_executorch.py from executorch {version}; do not edit.", "library: executorch"]
    lines += [
        "trusted:",
        "  alike:",
        f"    - why: {WHY}",
        "      names:",
        *(f"        - {name}" for name in sorted(names)),
    ]
    (HERE / "operators-derived.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(names)} listed\n")


if __name__ == "__main__":
    main()
