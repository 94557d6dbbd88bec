"""Derive the list of Core ML operators from an installed coremltools.

Run ``python rules/vocabularies/coreml/derive.py`` where it is installed, and review the difference.

An operator is trusted if the library registers it for programs that Core ML itself runs. Custom layers and models name
a class of the application, and no such class is trusted.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from coremltools.converters.mil.mil.ops.registry import SSAOpRegistry

HERE = Path(__file__).resolve().parent
LEFT_OUT = {"_const_symbolic"}
"""Operators that the converter uses and never writes."""


def main() -> None:
    """Write ``derived.yaml``."""
    names = sorted({*SSAOpRegistry.core_ops, "coreml_update_state", "write_state"} - LEFT_OUT)
    lines = [
        f"# Derived by derive.py from coremltools {version('coremltools')}; change that, not this.",
        "library: coremltools",
        "trusted:",
        "  alike:",
        "    - why: computes on tensors, in the runtime of Core ML",
        "      names:",
        *(f'        - "{name}"' for name in names),
    ]
    (HERE / "derived.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
