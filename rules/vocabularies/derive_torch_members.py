"""Derive the members of torch that are no types of data from an installed torch.

Run it where torch is installed, and review the difference::

    python rules/vocabularies/derive_torch_members.py

Libraries take ``getattr(torch, name)`` for a type of data. The list holds what they would get besides: the members of
torch with those of its modules that its import leaves out.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import BuiltinFunctionType, ModuleType

import torch

TARGET = Path(__file__).resolve().parent / "torch-members" / "torch-derived.yaml"
# An operator of tensors is compiled: no attribute of it leads to a module.
VALUES = (torch.dtype, torch.layout, torch.memory_format, torch.qscheme, bool, int, float, str, BuiltinFunctionType)
MODULE = "a module, whose members the code of a model then reaches without an import"
OBJECT = "a function, a class or a table, through which the code of a model reaches modules"


def find_members(*, are_modules: bool) -> Iterator[str]:
    """Yield the names of the members that are modules, or of all others that lead to one."""
    for name in dir(torch):
        member = getattr(torch, name)
        if isinstance(member, ModuleType) is are_modules and not isinstance(member, VALUES):
            yield name
    if are_modules:
        yield from (each.name for each in pkgutil.iter_modules(torch.__path__))


def main() -> None:
    """Write the list."""
    release = torch.__version__.partition("+")[0]
    lines = [f"# Derived by ../derive_torch_members.py from torch {release}; do not edit by hand.", "library: torch"]
    lines += ["dangerous:", "  - effect: code", "    alike:"]
    modules = set(find_members(are_modules=True))
    for why, names in ((MODULE, modules), (OBJECT, set(find_members(are_modules=False)) - modules)):
        lines += [f"      - why: {why}", "        names:", *(f"          - torch.{name}" for name in sorted(names))]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
