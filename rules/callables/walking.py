"""Walks installed packages for the classes that pickles could name. Works on Python 3.7 and newer."""

from __future__ import annotations

import enum
import importlib
import inspect
import pkgutil
import sys
from typing import NamedTuple

SKIPPED = frozenset(
    {
        "tests",
        "testing",
        "conftest",
        "_build_utils",
        "externals",
        "datasets",
        "experimental",
        "distributed",
        "cli",
        "commands",
    }
)
# What a walk over a package meets in modules that do not import here: a missing dependency, device or display.
ABSENCES = (
    ImportError,
    AttributeError,
    RuntimeError,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    NameError,
    SystemExit,
)


class Group(NamedTuple):
    """Names that share a reason.

    ``construct_only`` where calling the class does more than making it, ``refer_only`` where a file has no need for
    either and hostile arguments could reach into memory.
    """

    why: str
    names: frozenset
    construct_only: bool = False
    refer_only: bool = False


def modules(*packages):
    """The packages and every importable module in them."""
    for package in packages:
        try:
            root = importlib.import_module(package)
        except ABSENCES:
            continue
        yield root
        for info in pkgutil.walk_packages(getattr(root, "__path__", ()), package + ".", onerror=lambda _: None):
            if not SKIPPED & set(info.name.split(".")):
                try:
                    yield importlib.import_module(info.name)
                except ABSENCES:
                    continue


def classes(kept, *packages):
    """Names, as pickles write them, of the classes that are defined in ``packages`` and for which ``kept`` holds."""
    names = set()
    for module in modules(*packages):
        for value in list(vars(module).values()):
            if inspect.isclass(value) and value.__module__.startswith(packages):
                name = f"{value.__module__}.{value.__qualname__}"
                if "<" not in name and "." not in value.__qualname__ and resolves(value) and kept(value):
                    names.add(name)
    return frozenset(names)


def resolves(value):
    """Whether a pickle that names the class would find it."""
    return getattr(sys.modules.get(value.__module__), value.__qualname__, None) is value


def is_enumeration(value):
    """Whether calling the class looks a member up and does nothing else."""
    return issubclass(value, enum.Enum) and "_missing_" not in vars(value)


def unpicklers(package):
    """The functions that Cython writes for remaking its extension types."""
    return frozenset(
        f"{module.__name__}.{name}"
        for module in modules(package)
        for name in vars(module)
        if name.startswith("__pyx_unpickle_") and not name.endswith("Enum")
    )
