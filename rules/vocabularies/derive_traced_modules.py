"""Derive the names that the source of a traced module of torch may use from an installed torch.

Run it where torch is installed, and review the difference::

    python rules/vocabularies/derive_traced_modules.py

torch itself lists the functions that it records when an argument is a proxy (``torch.overrides``). Loading a traced
module computes nothing with these. ``traced-modules/torch.yaml`` is written by hand and explains the kinds of names.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import torch
import torch.ao.nn
import torch.fx
import torch.nn as nn
from torch.fx.node import _get_qualified_name
from torch.overrides import get_overridable_functions

TARGET = Path(__file__).resolve().parent / "traced-modules" / "torch-derived.yaml"
NAMESPACES = (torch, torch.functional, nn.functional, torch.linalg, torch.fft, torch.special)
C_MODULES = (torch._C._nn, torch._C._linalg, torch._C._fft, torch._C._special, torch._C._sparse)
# Functions that make tensors of numbers alone; the reader bounds these numbers.
MAKING = (
    *("arange", "empty", "empty_strided", "eye", "full", "linspace", "logspace", "ones", "rand", "randint", "randn"),
    *("randperm", "scalar_tensor", "tensor", "tril_indices", "triu_indices", "zeros"),
)
# Functions and methods that reach files, raw memory, hooks, other libraries or a function that is passed to them, or
# that make far more items than their argument holds.
REACHING = re.compile(
    r"file|save|load|pickle|data_ptr|storage|share_memory|hook|numpy|tolist|apply|map_?2?_?$|^set_$|backward|dlpack"
    r"|combinations|cartesian_prod|block_diag|autocast|as_subclass|record_stream|retain|reinforce|module_load|vmap"
    r"|compile|print|resize|^is_|^_"
)
HOLDERS = (nn.Module, nn.Sequential, nn.ModuleList, nn.ModuleDict, torch.fx.GraphModule)
WHY = {
    "function": "an operator of torch, which a proxy records and does not run",
    "making": "makes a tensor of the numbers that it is given",
    "method": "an operator of a tensor, which a proxy records and does not run",
    "attribute": "a property of a tensor, which a proxy records",
    "value": "a constant of torch",
    "overload": "an overload of an operator",
    "module": "a module of torch, whose call is recorded and not run",
}
MEMBER = "a method of a class of modules, which the source would get in place of a part"
RESERVED = "an attribute of every module, which tracing or the code of modules reads, sets or calls"


def find_functions() -> Iterator[str]:
    """Yield the names under which torch writes the functions that proxies record."""
    overridable = get_overridable_functions()
    for namespace in NAMESPACES:
        for function in overridable.get(namespace, ()):
            name = getattr(function, "__name__", "")
            if name and not REACHING.search(name.removeprefix(namespace.__name__)):
                yield f"{namespace.__name__}.{name}"
                yield _get_qualified_name(function)
    for module in C_MODULES:
        for name in dir(module):
            if not REACHING.search(name) and callable(getattr(module, name)):
                yield f"{module.__name__}.{name}"


def find_members(*, are_called: bool) -> Iterator[str]:
    """Yield the methods of a tensor that proxies record, or its properties."""
    names = {name for name in dir(torch.Tensor) if not REACHING.search(name)}
    for name in sorted(names - {"volatile", "name", "output_nr", "grad_fn"}):
        member = inspect.getattr_static(torch.Tensor, name)
        if callable(member) == are_called:
            yield name


def find_values() -> Iterator[str]:
    """Yield the constants of torch: types of items, layouts and formats of memory."""
    for name in dir(torch):
        if isinstance(getattr(torch, name), torch.dtype | torch.layout | torch.memory_format | torch.qscheme):
            yield f"torch.{name}"


def find_overloads() -> Iterator[str]:
    """Yield the names of the overloads of operators, without those that their Python objects have as attributes."""
    own = set(dir(torch._ops.OpOverloadPacket))
    yield "default"
    for schema in torch._C._jit_get_all_schemas():
        if schema.overload_name not in own | {""} and not schema.overload_name.startswith("_"):
            yield schema.overload_name


def find_modules() -> Iterator[type[nn.Module]]:
    """Yield the classes of modules whose call is that of ``torch.nn.Module``."""
    for package in (nn.modules, torch.ao.nn):
        for module in (package, *iterate_modules(package)):
            own = [each for each in vars(module).values() if inspect.isclass(each) and issubclass(each, nn.Module)]
            for each in own:
                is_own = each.__module__ == module.__name__ and "lazy" not in each.__name__.lower()
                if is_own and each.__call__ is nn.Module.__call__:
                    yield each


def iterate_modules(package: ModuleType) -> Iterator[ModuleType]:
    """Yield the modules of a package that can be imported."""
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        try:
            yield importlib.import_module(found.name)
        except ImportError:
            continue


def find_reserved() -> Iterator[str]:
    """Yield the attributes that the classes of modules have themselves."""
    for holder in HOLDERS:
        yield from (name for name in dir(holder) if not name.startswith("__"))


def find_methods() -> Iterator[str]:
    """Yield the methods of the classes of modules that are listed, besides those of every module."""
    reserved = set(find_reserved())
    # Modules of few bits have methods that return what others have as tensors.
    tensors = {"weight", "bias", "scale", "zero_point"}
    for each in find_modules():
        for name in set(dir(each)) - reserved - tensors:
            member = inspect.getattr_static(each, name)
            if not name.startswith("__") and (callable(member) or isinstance(member, classmethod | property)):
                yield name


def main() -> None:
    """Write the list."""
    warnings.simplefilter("ignore")
    modules = {f"{each.__module__}.{each.__qualname__}" for each in find_modules()}
    groups = {
        "function": {f"function::{name}" for name in (*find_functions(), *(f"torch.{each}" for each in MAKING))},
        "making": {f"making::torch.{name}" for name in MAKING},
        "method": {f"method::{name}" for name in find_members(are_called=True)},
        "attribute": {f"attribute::{name}" for name in find_members(are_called=False)},
        "value": {f"value::{name}" for name in find_values()},
        "overload": {f"overload::{name}" for name in find_overloads()},
        "module": {f"module::{name}" for name in modules},
    }
    lines = [f"# Derived by ../derive_traced_modules.py from torch {torch.__version__}; do not edit.", "library: torch"]
    lines += ["trusted:", "  alike:"]
    for group, names in groups.items():
        lines += [f"    - why: {WHY[group]}", "      names:", *(f"        - {name}" for name in sorted(names))]
    lines += ["dangerous:", "  - effect: introspection", "    alike:", f"      - why: {RESERVED}", "        names:"]
    lines += [f"          - reserved::{name}" for name in sorted(set(find_reserved()))]
    lines += [f"      - why: {MEMBER}", "        names:"]
    lines += [f"          - member::{name}" for name in sorted(set(find_methods()))]
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write(f"{sum(map(len, groups.values()))} listed in {TARGET.name}\n")


if __name__ == "__main__":
    main()
