"""Where names lead: an attribute of a module, an item of its namespace, a module reached through another one."""

from __future__ import annotations

from typing import Final

from modelaudit.readers.python.tables import METHODS, ROOTS, SAME, SECRETS
from modelaudit.readers.python.values import (
    UNKNOWN,
    Bound,
    Constant,
    Either,
    Items,
    Made,
    Named,
    Unknown,
    Value,
    joined,
    options,
)

_LONGEST: Final = 200
_SECRET: Final = frozenset({"secret"})
_NAMESPACES: Final = ("__dict__", "__globals__", "__builtins__", "f_globals", "f_builtins", "f_locals", "func_globals")
_LIBRARIES: Final = ("ctypes.cdll.", "ctypes.windll.", "ctypes.pydll.", "ctypes.oledll.")
_OF_ENVIRONMENT: Final = ("os.environ", "posix.environ", "os.environb")


def named(name: str, hidden: bool = False) -> Named:
    """The value of an imported module or of something in it."""
    root = ROOTS.get(name.rpartition(".")[2])
    # os is os wherever it is reached from; a submodule of the same name, such as asyncio.subprocess, is not.
    if root is not None and name not in (root, f"{root}.{root}", "asyncio.subprocess"):
        return Named(root, hidden=hidden)
    first, _, rest = name.partition(".")
    first = {"posix": "os", "nt": "os", "__builtin__": "builtins", "_io": "io", "_pickle": "pickle"}.get(first, first)
    whole = (f"{first}.{rest}" if rest else first)[:_LONGEST]
    if whole.startswith(_LIBRARIES):
        whole = "ctypes.cdll"  # any attribute of it loads the library of that name
    return Named(whole, hidden=hidden, tags=_SECRET if whole in SECRETS else frozenset())


def attribute(base: Value, name: str) -> Value:
    """What ``base.name`` is, for bases that are no definition of the file itself."""
    if isinstance(base, Either):
        return joined(*(attribute(each, name) for each in base.options))
    if isinstance(base, Named):
        return _of_named(base, name)
    if isinstance(base, Bound):
        return base.callee if name == "func" else base if name in SAME else attribute(base.callee, name)
    if name == "__class__" and isinstance(base, Constant | Items):
        return Named("builtins.object")
    if name in _NAMESPACES and name != "__dict__":
        return Named(f"*.{name}")
    return Unknown(base.tags) if isinstance(base, Unknown) else UNKNOWN


def _of_named(base: Named, name: str) -> Named:
    if name == "__self__" and not base.returned and "." in base.name:
        return named(base.name.rpartition(".")[0], base.hidden)  # that of a builtin function is its module
    if name in SAME and base.name != "sys":
        return base
    if base.name == "builtins.object" and name in ("__base__", "__bases__", "__mro__", "__class__"):
        return base
    if name in ("__globals__", "__builtins__", "f_globals", "f_builtins", "f_locals", "func_globals"):
        return Named(f"*.{name}")
    if base.returned:
        return Named(f"{base.name}.{name}"[:_LONGEST], True, base.hidden, base.tags)
    return named(f"{base.name}.{name}", base.hidden)


def item(base: Value, key: Value) -> Value:
    """What ``base[key]`` is."""
    if isinstance(base, Either):
        return joined(*(item(each, key) for each in base.options))
    if isinstance(base, Items):
        return _of_items(base, key)
    if isinstance(base, Named):
        return _of_namespace(base, key)
    if isinstance(base, Unknown) and isinstance(key, Constant):
        return told_by_itself(base, key) or Unknown(base.tags)
    return Unknown(base.tags) if isinstance(base, Unknown) else UNKNOWN


def _of_items(base: Items, key: Value) -> Value:
    if isinstance(key, Constant):
        if base.keys:
            found = [value for known, value in zip(base.keys, base.values, strict=True) if known == key.value]
            return found[-1] if found else joined(*base.values)
        if isinstance(key.value, int) and -len(base.values) <= key.value < len(base.values):
            return base.values[key.value]
    return joined(*base.values) if base.values else UNKNOWN


def _of_namespace(base: Named, key: Value) -> Value:
    text = key.value if isinstance(key, Constant) and isinstance(key.value, str) else None
    hidden = base.hidden or (isinstance(key, Constant) and key.made > Made.LITERAL)
    if base.name == "sys.modules":
        return named(text, hidden) if text else Unknown(frozenset({"module"}))
    if base.name in ("*.__builtins__", "*.f_builtins", "builtins"):
        return Named(f"builtins.{text}", hidden=hidden) if text else Named("builtins.*")
    if base.name in ("*.__globals__", "*.f_globals", "*.func_globals", "*.f_locals") and text:
        return namespace_item(text, hidden)
    owner, dot, last = base.name.rpartition(".")
    if dot and last == "__dict__" and text:
        return attribute(Named(owner, hidden=hidden), text)
    if base.name in _OF_ENVIRONMENT:
        return UNKNOWN
    return base


def told_by_itself(base: Value, key: Constant) -> Named | None:
    """What is taken out of a module that nobody knows, where the name alone tells what it does."""
    if isinstance(base, Unknown) and "module" in base.tags and key.value in METHODS:
        return Named(f"*.{key.value}", hidden=key.made > Made.LITERAL)
    return None


def is_namespace(base: Named) -> bool:
    """Whether it is a mapping from names to what a module holds."""
    return base.name in ("builtins", "*.__builtins__", "*.__globals__") or base.name.endswith(".__dict__")


def namespace_item(name: str, hidden: bool) -> Value:
    """What stands under ``name`` in the globals of some module nobody knows."""
    if name in ROOTS:
        return Named(ROOTS[name], hidden=hidden)
    return UNKNOWN


def target_of(base: Value) -> str:
    """The module or class whose namespace ``base`` is, where its items are reached by a name that is computed."""
    for each in options(base):
        if isinstance(each, Named) and not each.returned:
            owner, dot, last = each.name.rpartition(".")
            return owner if dot and last == "__dict__" else each.name
    return ""
