"""Search installed packages for the classes that pickles could name. Works on Python 3.7 and newer."""

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
# Errors of modules that cannot be imported here: a missing dependency, device or display.
IMPORT_FAILURES = (
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

    Attributes:
        construct_only: calling the class does more than creating an object.
        refer_only: files need to do neither, and hostile arguments could reach into memory.
    """

    why: str
    names: frozenset
    construct_only: bool = False
    refer_only: bool = False


def iterate_modules(*packages):
    """Yield the packages and every importable module in them, except tests, commands and the like."""
    for package in packages:
        try:
            root = importlib.import_module(package)
        except IMPORT_FAILURES:
            continue
        yield root
        # ``walk_packages`` imports the packages that it enters; ``onerror`` keeps one that fails from ending the walk.
        for info in pkgutil.walk_packages(getattr(root, "__path__", ()), package + ".", onerror=lambda _: None):
            if SKIPPED & set(info.name.split(".")):
                continue
            try:
                yield importlib.import_module(info.name)
            except IMPORT_FAILURES:
                continue


def collect_class_names(is_wanted, *packages):
    """Return the names, as pickles write them, of the classes defined in ``packages`` that satisfy ``is_wanted``.

    Classes inside functions and inside other classes are left out.
    """
    names = set()
    for module in iterate_modules(*packages):
        for value in list(vars(module).values()):
            if not inspect.isclass(value) or not value.__module__.startswith(packages):
                continue
            name = f"{value.__module__}.{value.__qualname__}"
            # The qualified name of a class inside a function holds "<locals>".
            is_nested = "<" in name or "." in value.__qualname__
            if not is_nested and is_importable(value) and is_wanted(value):
                names.add(name)
    return frozenset(names)


def is_importable(value):
    """Whether a pickle can import the class by its name."""
    return getattr(sys.modules.get(value.__module__), value.__qualname__, None) is value


def is_enumeration(value):
    """Whether the class is an enumeration whose call only looks a member up, without a hook for missing members."""
    return issubclass(value, enum.Enum) and "_missing_" not in vars(value)


def collect_unpicklers(package):
    """Return the names of the functions that Cython generates to rebuild its extension types from pickles."""
    names = set()
    for module in iterate_modules(package):
        for name in vars(module):
            if name.startswith("__pyx_unpickle_") and not name.endswith("Enum"):
                names.add(f"{module.__name__}.{name}")
    return frozenset(names)
