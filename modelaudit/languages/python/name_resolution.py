"""Where names lead: an attribute of a module, an item of its namespace, a module reached through another one."""

from __future__ import annotations

import re
from typing import Final

from modelaudit.languages.python.name_tables import (
    COMMAND_METHODS,
    PUBLIC_MODULES,
    SECRET_RESULTS,
    SELF_ATTRIBUTES,
    WELL_KNOWN_MODULES,
)
from modelaudit.languages.python.values import (
    UNKNOWN,
    Alternatives,
    Constant,
    Container,
    ExternalName,
    PartialCall,
    Provenance,
    Unknown,
    Value,
    join_values,
    list_alternatives,
)

_MAX_NAME: Final = 200
_SECRET_TAG: Final = frozenset({"secret"})
_NAMESPACES: Final = ("__dict__", "__globals__", "__builtins__", "f_globals", "f_builtins", "f_locals", "func_globals")
# Any attribute of one does what it does itself: it loads the library, or starts the program, of that name.
_ATTRIBUTE_PREFIXES: Final = {
    "ctypes.cdll.": "ctypes.cdll", "ctypes.windll.": "ctypes.cdll", "ctypes.pydll.": "ctypes.cdll",
    "ctypes.oledll.": "ctypes.cdll", "ctypes.pythonapi.": "ctypes.pythonapi", "sh.": "sh",
    "plumbum.cmd.": "plumbum.cmd",
}  # fmt: skip
_LOCATION_ATTRIBUTES: Final = frozenset({"__file__", "__path__"})
_SECRET_NAME: Final = re.compile(
    r"(?i)(?:^|_)(?:TOKEN|SECRET|PASSWD|PASSWORD|API_?KEY|ACCESS_KEY(?:_ID)?|SECRET_KEY|CREDENTIALS?)(?:$|_)"
)
_ENVIRONMENT_MAPPINGS: Final = ("os.environ", "posix.environ", "os.environb")


def normalize_name(name: str, is_hidden: bool = False) -> ExternalName:
    """The value of an imported module or of something in it."""
    root = WELL_KNOWN_MODULES.get(name.rpartition(".")[2])
    # os is os wherever it is reached from; a submodule of the same name, such as asyncio.subprocess, is not.
    if root is not None and name not in (root, f"{root}.{root}", "asyncio.subprocess"):
        return ExternalName(root, is_hidden=is_hidden)
    name = _find_public_name(name)
    first, _, rest = name.partition(".")
    first = {"posix": "os", "nt": "os", "__builtin__": "builtins", "_io": "io", "_pickle": "pickle"}.get(first, first)
    whole = (f"{first}.{rest}" if rest else first)[:_MAX_NAME]
    whole = next((other for start, other in _ATTRIBUTE_PREFIXES.items() if whole.startswith(start)), whole)
    return ExternalName(whole, is_hidden=is_hidden, tags=_SECRET_TAG if whole in SECRET_RESULTS else frozenset())


def _find_public_name(name: str) -> str:
    """The name under which a library offers what it defines in a module further down."""
    for inner, outer in PUBLIC_MODULES.items():
        if name.startswith(f"{inner}."):
            return outer + name[len(inner) :]
    return name


def resolve_attribute(base: Value, name: str) -> Value:
    """What ``base.name`` is, for bases that are no definition of the file itself."""
    if isinstance(base, Alternatives):
        return join_values(*(resolve_attribute(each, name) for each in base.values))
    if isinstance(base, ExternalName):
        return _resolve_external_attribute(base, name)
    if isinstance(base, PartialCall):
        return (
            base.callee if name == "func" else base if name in SELF_ATTRIBUTES else resolve_attribute(base.callee, name)
        )
    if name == "__class__" and isinstance(base, Constant | Container):
        return ExternalName("builtins.object")
    if name == "__code__":
        return ExternalName("*.__code__", True)
    if name in _NAMESPACES and name != "__dict__":
        return ExternalName(f"*.{name}")
    return Unknown(base.tags) if isinstance(base, Unknown) else UNKNOWN


def _resolve_external_attribute(base: ExternalName, name: str) -> ExternalName | Unknown:
    if name == "__self__" and not base.is_result and "." in base.name:
        owner = base.name.rpartition(".")[0]  # that of a builtin function is its module, wherever it was taken from
        return (
            normalize_name(owner, base.is_hidden)
            if owner in WELL_KNOWN_MODULES.values()
            else Unknown(frozenset({"module"}))
        )
    if name in SELF_ATTRIBUTES and base.name != "sys":
        return base
    if name in ("value", "_value_") and base.name in WELL_KNOWN_MODULES.values():
        return base  # that of a member of an enumeration
    if name in _LOCATION_ATTRIBUTES and not base.is_result:
        return ExternalName(f"{base.name}.{name}", True, base.is_hidden, frozenset({"installed"}))
    if base.name == "builtins.object" and name in ("__base__", "__bases__", "__mro__", "__class__"):
        return base
    if name in ("__globals__", "__builtins__", "f_globals", "f_builtins", "f_locals", "func_globals"):
        return ExternalName(f"*.{name}")
    if base.is_result:
        return ExternalName(f"{base.name}.{name}"[:_MAX_NAME], True, base.is_hidden, base.tags)
    return normalize_name(f"{base.name}.{name}", base.is_hidden)


def resolve_item(base: Value, key: Value) -> Value:
    """What ``base[key]`` is."""
    if isinstance(base, Alternatives):
        return join_values(*(resolve_item(each, key) for each in base.values))
    if isinstance(base, Container):
        return _resolve_container_item(base, key)
    if isinstance(base, ExternalName):
        return _resolve_namespace_item(base, key)
    if isinstance(base, Unknown) and isinstance(key, Constant):
        return resolve_command_method(base, key) or Unknown(base.tags)
    return Unknown(base.tags) if isinstance(base, Unknown) else UNKNOWN


def _resolve_container_item(base: Container, key: Value) -> Value:
    if isinstance(key, Constant):
        if base.keys:
            found = [value for known, value in zip(base.keys, base.values, strict=True) if known == key.value]
            return found[-1] if found else join_values(*base.values)
        if isinstance(key.value, int) and -len(base.values) <= key.value < len(base.values):
            return base.values[key.value]
    return join_values(*base.values) if base.values else UNKNOWN


def _resolve_namespace_item(base: ExternalName, key: Value) -> Value:
    text = key.value if isinstance(key, Constant) and isinstance(key.value, str) else None
    is_hidden = base.is_hidden or (isinstance(key, Constant) and key.provenance > Provenance.LITERAL)
    if base.name == "sys.modules":
        return normalize_name(text, is_hidden) if text else Unknown(frozenset({"module"}))
    if base.name in ("*.__builtins__", "*.f_builtins", "builtins"):
        return ExternalName(f"builtins.{text}", is_hidden=is_hidden) if text else ExternalName("builtins.*")
    if base.name in ("*.__globals__", "*.f_globals", "*.func_globals", "*.f_locals") and text:
        return resolve_global(text, is_hidden)
    if base.name == "builtins.vars" and base.is_result and isinstance(key, Constant):
        return resolve_command_method(Unknown(base.tags), key) or base
    owner, dot, last = base.name.rpartition(".")
    if dot and last == "__dict__" and text:
        return resolve_attribute(ExternalName(owner, is_hidden=is_hidden), text)
    if base.name in _ENVIRONMENT_MAPPINGS:
        return Unknown(_SECRET_TAG) if text and is_secret_variable(text) else UNKNOWN
    return base


def resolve_command_method(base: Value, key: Constant) -> ExternalName | None:
    """What is taken out of something that nobody knows, where the name alone tells what it does.

    In a module that is any name of a method that runs commands; elsewhere one that was put together.
    """
    if (
        isinstance(base, Unknown)
        and key.value in COMMAND_METHODS
        and ("module" in base.tags or key.provenance > Provenance.LITERAL)
    ):
        return ExternalName(f"*.{key.value}", is_hidden=key.provenance > Provenance.LITERAL)
    return None


def is_secret_variable(variable: str) -> bool:
    """Whether a variable of the environment holds a secret, as its name says."""
    return _SECRET_NAME.search(variable) is not None


def is_module_namespace(base: ExternalName) -> bool:
    """Whether it is a mapping from names to what a module holds."""
    return base.name in ("builtins", "*.__builtins__", "*.__globals__") or base.name.endswith(".__dict__")


def resolve_global(name: str, is_hidden: bool) -> Value:
    """What stands under ``name`` in the globals of some module nobody knows."""
    if name in WELL_KNOWN_MODULES:
        return ExternalName(WELL_KNOWN_MODULES[name], is_hidden=is_hidden)
    return UNKNOWN


def find_namespace_owner(base: Value) -> str:
    """The module or class whose namespace ``base`` is, where its items are reached by a name that is computed."""
    for each in list_alternatives(base):
        if isinstance(each, ExternalName) and not each.is_result:
            owner, dot, last = each.name.rpartition(".")
            return owner if dot and last == "__dict__" else each.name
    return ""
