"""Where names lead: an attribute of a module, an item of its namespace, a module reached through another one."""

from __future__ import annotations

import re
from typing import Final

from modelaudit.languages.python.tables import ALIASES, METHODS, ROOTS, SAME, SECRETS
from modelaudit.languages.python.values import (
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
# Any attribute of one does what it does itself: it loads the library, or starts the program, of that name.
_WHOLE: Final = {
    "ctypes.cdll.": "ctypes.cdll", "ctypes.windll.": "ctypes.cdll", "ctypes.pydll.": "ctypes.cdll",
    "ctypes.oledll.": "ctypes.cdll", "ctypes.pythonapi.": "ctypes.pythonapi", "sh.": "sh",
    "plumbum.cmd.": "plumbum.cmd",
}  # fmt: skip
_ATTRIBUTES_OF_PLACE: Final = frozenset({"__file__", "__path__"})
_SECRET_NAME: Final = re.compile(
    r"(?i)(?:^|_)(?:TOKEN|SECRET|PASSWD|PASSWORD|API_?KEY|ACCESS_KEY(?:_ID)?|SECRET_KEY|CREDENTIALS?)(?:$|_)"
)
_OF_ENVIRONMENT: Final = ("os.environ", "posix.environ", "os.environb")


def named(name: str, hidden: bool = False) -> Named:
    """The value of an imported module or of something in it."""
    root = ROOTS.get(name.rpartition(".")[2])
    # os is os wherever it is reached from; a submodule of the same name, such as asyncio.subprocess, is not.
    if root is not None and name not in (root, f"{root}.{root}", "asyncio.subprocess"):
        return Named(root, hidden=hidden)
    name = _public(name)
    first, _, rest = name.partition(".")
    first = {"posix": "os", "nt": "os", "__builtin__": "builtins", "_io": "io", "_pickle": "pickle"}.get(first, first)
    whole = (f"{first}.{rest}" if rest else first)[:_LONGEST]
    whole = next((other for start, other in _WHOLE.items() if whole.startswith(start)), whole)
    return Named(whole, hidden=hidden, tags=_SECRET if whole in SECRETS else frozenset())


def _public(name: str) -> str:
    """The name under which a library offers what it defines in a module further down."""
    for inner, outer in ALIASES.items():
        if name.startswith(f"{inner}."):
            return outer + name[len(inner) :]
    return name


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
    if name == "__code__":
        return Named("*.__code__", True)
    if name in _NAMESPACES and name != "__dict__":
        return Named(f"*.{name}")
    return Unknown(base.tags) if isinstance(base, Unknown) else UNKNOWN


def _of_named(base: Named, name: str) -> Named | Unknown:
    if name == "__self__" and not base.returned and "." in base.name:
        owner = base.name.rpartition(".")[0]  # that of a builtin function is its module, wherever it was taken from
        return named(owner, base.hidden) if owner in ROOTS.values() else Unknown(frozenset({"module"}))
    if name in SAME and base.name != "sys":
        return base
    if name in ("value", "_value_") and base.name in ROOTS.values():
        return base  # that of a member of an enumeration
    if name in _ATTRIBUTES_OF_PLACE and not base.returned:
        return Named(f"{base.name}.{name}", True, base.hidden, frozenset({"installed"}))
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
    if base.name == "builtins.vars" and base.returned and isinstance(key, Constant):
        return told_by_itself(Unknown(base.tags), key) or base
    owner, dot, last = base.name.rpartition(".")
    if dot and last == "__dict__" and text:
        return attribute(Named(owner, hidden=hidden), text)
    if base.name in _OF_ENVIRONMENT:
        return Unknown(_SECRET) if text and is_secret(text) else UNKNOWN
    return base


def told_by_itself(base: Value, key: Constant) -> Named | None:
    """What is taken out of something that nobody knows, where the name alone tells what it does.

    In a module that is any name of a method that runs commands; elsewhere one that was put together.
    """
    if isinstance(base, Unknown) and key.value in METHODS and ("module" in base.tags or key.made > Made.LITERAL):
        return Named(f"*.{key.value}", hidden=key.made > Made.LITERAL)
    return None


def is_secret(variable: str) -> bool:
    """Whether a variable of the environment holds a secret, as its name says."""
    return _SECRET_NAME.search(variable) is not None


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
