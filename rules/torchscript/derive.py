"""Derive the lists of trusted TorchScript operators from the operators that an installed torch registers.

Run it where torch is installed, and review the difference::

    python rules/torchscript/derive.py

torch knows the schema of every operator. Those of the namespaces below compute on their inputs. The few that
reach further (files, other processes, memory that they do not check) are left out here. They are listed in
``dangerous.yaml`` or stay unlisted, so that a file which names one does not pass.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent

COMPUTING = {
    "aten": "computes on tensors, numbers, text or containers that it is given",
    "prims": "computes on tensors that it is given",
    "quantized": "computes on tensors of few bits, or packs them",
    "_quantized": "computes on tensors of few bits, or packs them",
    "quantization": "converts tensors to few bits and back",
    "sparse": "computes with packed sparse weights",
    "mkldnn": "computes on tensors by a library for CPUs",
    "mkldnn_prepacked": "computes on tensors by a library for CPUs",
    "mkl": "computes on tensors by a library for CPUs",
    "onednn": "computes on tensors by a library for CPUs",
    "prepacked": "computes on tensors with weights that were packed before",
    "rngprims": "draws random numbers",
}
PRIM = {
    # Operators that the compiler writes into sources; the others occur only in graphs that are already running.
    *("EnumName", "EnumValue", "IfThenElse", "ModuleContainerIndex", "NumToTensor", "Print", "RaiseException"),
    *("StringIndex", "TimePoint", "TupleIndex", "TupleUnpack", "Uninitialized", "abs", "data", "device", "dtype"),
    *("awaitable_nowait", "awaitable_wait", "grad", "id", "index", "is_cpu", "is_cuda", "is_ipu", "is_maia", "is_meta"),
    *("is_mkldnn", "is_mps", "is_mtia", "is_nested", "is_quantized", "is_sparse", "is_sparse_csr", "is_vulkan"),
    *("is_xla", "is_xpu", "itemsize", "layout", "max", "min", "name", "nbytes", "rangelist", "requires_grad", "tolist"),
    *("type", "unchecked_unwrap_optional", "ConstantChunk", "AutogradZero"),
}
# Operators that reach files, raw memory, other processes or internals, such as "aten::from_file" or "aten::data_ptr".
REACHING = re.compile(
    r"file|::save$|::load|pickle|data_ptr|_tensor_unsafe$|_unsafe_masked|_reshape_alias$|reinterpret|_alloc"
    r"|resize_storage|::_test|to_here|owner|local_value|^aten::_debug|serialized_md|set_plan_cache|^aten::set_$|^aten::set$"
)
# A class of packed weights in a schema, such as "__torch__.torch.classes.quantized.Conv2dPackedParamsBase".
CLASSES = re.compile(r"__torch__\.torch\.classes\.((?:quantized|sparse|rnn|xnnpack|mkldnn)\.\w+)")


def main() -> None:
    """Write ``trusted/torch-derived.yaml`` and print the omitted names."""
    schemas = torch._C._jit_get_all_schemas()
    names_by_reason: dict[str, set[str]] = {}
    packed_classes: set[str] = set()
    for schema in schemas:
        packed_classes.update(CLASSES.findall(str(schema)))
        namespace, _, name = schema.name.partition("::")
        if namespace == "prim" and name in PRIM:
            why = "what the compiler of TorchScript writes for its own needs"
            names_by_reason.setdefault(why, set()).add(schema.name)
        elif namespace in COMPUTING and not REACHING.search(schema.name):
            names_by_reason.setdefault(COMPUTING[namespace], set()).add(schema.name)
    for schema in torch._C._jit_get_custom_class_schemas():
        # The first argument of a method is its object.
        owner = CLASSES.search(str(schema.arguments[0].type)) if schema.arguments else None
        if owner:
            packed_classes.add(owner[1])
            why = "a method of a packed weight, which returns or sets its parts"
            names_by_reason.setdefault(why, set()).add(f"methods::{schema.name}")
    full_names = {f"__torch__.torch.classes.{name}" for name in packed_classes}
    names_by_reason["a packed weight, which follows as state"] = full_names
    target = HERE / "trusted" / "torch-derived.yaml"
    target.write_text("\n".join(_format_lines(names_by_reason)) + "\n", encoding="utf-8")
    omitted = sorted({schema.name for schema in schemas} - set().union(*names_by_reason.values()))
    count = sum(map(len, names_by_reason.values()))
    sys.stdout.write(f"{count} listed in {target.name}; left out: {' '.join(omitted)}\n")


def _format_lines(names_by_reason: dict[str, set[str]]) -> list[str]:
    """Return the lines of the YAML file, with a group of names for each reason."""
    lines = [f"# Derived by ../derive.py from torch {torch.__version__.partition('+')[0]}; do not edit."]
    lines += ["library: torch", "alike:"]
    for why, names in sorted(names_by_reason.items()):
        lines += [f"  - why: {why}", "    names:"]
        lines += [f"      - {name}" for name in sorted(names)]
    return lines


if __name__ == "__main__":
    main()
