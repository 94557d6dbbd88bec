"""Resolve attributes and items of values to full dotted names, without definitions of the source itself.

Python reaches one object by many paths: ``torch.os``, ``sys.modules["os"]``, ``vars(os)``, ``f.__globals__["os"]``. The
functions here bring each path to the one name that the rules list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from modelaudit.languages.python import partial_texts, walks
from modelaudit.languages.python.name_tables import (
    COMMAND_METHODS,
    PORTED_NAMES,
    PUBLIC_MODULES,
    SECRET_RESULTS,
    SELF_ATTRIBUTES,
    WELL_KNOWN_MODULES,
)
from modelaudit.languages.python.served_results import ENVIRONMENT, ENVIRONMENT_NAMES
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
    collect_tags,
    join_choices,
    join_values,
    list_alternatives,
    open_constant,
)
from modelaudit.model.lazy_pattern import defer_pattern

_MAX_NAME: Final = 200
_SECRET_TAG: Final = frozenset({"secret"})
_MEMBER_TAG: Final = frozenset({"member"})
_FOUND_BY_WALK: Final = frozenset({"walked", "member", "module"})
# Attributes of functions and frames that hold the names of the module they come from.
BOUND_TAG: Final = "bound:"
"""Begins the tag of a value that may be a module which the source has imported, before the name of the module."""
_GLOBALS_ATTRIBUTES: Final = ("__globals__", "__builtins__", "f_globals", "f_builtins", "f_locals", "func_globals")
# Each attribute of these has the effect of the whole: it loads the library, or starts the program, of that name.
_ATTRIBUTE_PREFIXES: Final = {
    "ctypes.cdll.": "ctypes.cdll", "ctypes.windll.": "ctypes.cdll", "ctypes.pydll.": "ctypes.cdll",
    "ctypes.oledll.": "ctypes.cdll", "ctypes.pythonapi.": "ctypes.pythonapi", "sh.": "sh",
    "plumbum.cmd.": "plumbum.cmd",
}  # fmt: skip
# A test for all prefixes at once, because most names have none of them.
_ANY_ATTRIBUTE_PREFIX: Final = tuple(_ATTRIBUTE_PREFIXES)
_ANY_PORTED_MODULE: Final = tuple({f"{name.partition('.')[0]}." for name in PORTED_NAMES})
# Libraries carry copies of six: ``urllib3.packages.six``, ``sklearn.externals.six``.
_COPY_OF_SIX: Final = defer_pattern(r"(?:\w+\.)+(?=six(?:\.|\Z))")
_ANY_INNER_MODULE: Final = tuple(f"{module}." for module in PUBLIC_MODULES)
# Modules with a second name, for their implementation in C or on one platform.
_PUBLIC_NAMES: Final = {"posix": "os", "nt": "os", "__builtin__": "builtins", "_io": "io", "_pickle": "pickle"}
_LOCATION_ATTRIBUTES: Final = frozenset({"__file__", "__path__"})
# An environment variable with one of these words between underscores: HF_TOKEN, AWS_SECRET_ACCESS_KEY, DB_PASSWORD.
_SECRET_NAME: Final = defer_pattern(
    r"(?i)(?:^|_)(?:TOKEN|SECRET|PASSWD|PASSWORD|API_?KEY|ACCESS_KEY(?:_ID)?|SECRET_KEY|CREDENTIALS?)(?:$|_)"
)
_ENVIRONMENT_MAPPINGS: Final = ("os.environ", "posix.environ", "os.environb")


def normalize_name(name: str, is_hidden: bool = False) -> ExternalName:
    """Return the value of a module, or of something in it, under the name that the rules list."""
    well_known_module = WELL_KNOWN_MODULES.get(name.rpartition(".")[2])
    if well_known_module is not None:
        # A module such as os is the same wherever it is reached from. But socket.socket is a class in the module of
        # that name, and asyncio.subprocess another module that has the same last name.
        names_to_keep = (well_known_module, f"{well_known_module}.{well_known_module}", "asyncio.subprocess")
        if name not in names_to_keep:
            return ExternalName(well_known_module, is_hidden=is_hidden)
    name = _find_public_name(name)
    module, _, attributes = name.partition(".")
    module = _PUBLIC_NAMES.get(module, module)
    full_name = (f"{module}.{attributes}" if attributes else module)[:_MAX_NAME]
    if full_name.startswith(_ANY_ATTRIBUTE_PREFIX):
        full_name = next(whole for prefix, whole in _ATTRIBUTE_PREFIXES.items() if full_name.startswith(prefix))
    tags = _SECRET_TAG if full_name in SECRET_RESULTS else frozenset()
    tags = tags | {ENVIRONMENT} if full_name in ENVIRONMENT_NAMES else tags
    return ExternalName(full_name, is_hidden=is_hidden, tags=walks.EVERY_MODULE if full_name == "sys.modules" else tags)


def _find_public_name(name: str) -> str:
    """Return the name under which a library offers what it defines in an inner module; any other name unchanged.

    A name of a library for both Python 2 and 3 (``PORTED_NAMES``) becomes the name in Python 3.
    """
    copy = _COPY_OF_SIX.match(name) if ".six" in name else None
    name = name[copy.end() :] if copy is not None else name
    if name.startswith(_ANY_PORTED_MODULE):
        parts = name.split(".")
        for count in range(len(parts), 0, -1):
            ported_name = PORTED_NAMES.get(".".join(parts[:count]))
            if ported_name is not None:
                return ".".join([ported_name, *parts[count:]])
    if not name.startswith(_ANY_INNER_MODULE):
        return name
    for inner_module, public_module in PUBLIC_MODULES.items():
        if name.startswith(f"{inner_module}."):
            return public_module + name.removeprefix(inner_module)
    return name


def resolve_attribute(base: Value, name: str) -> Value:
    """Resolve ``base.name`` for a base that is not a definition of the source itself."""
    if isinstance(base, Alternatives):
        return join_values(*(resolve_attribute(each, name) for each in base.values))
    if isinstance(base, ExternalName):
        return _resolve_external_attribute(base, name)
    if isinstance(base, PartialCall):
        if name == "func":
            return base.callee
        return base if name in SELF_ATTRIBUTES else resolve_attribute(base.callee, name)
    # ``().__class__.__base__`` begins a walk to every class of the process.
    if name == "__class__" and isinstance(base, Constant | Container):
        return ExternalName("builtins.object")
    if name in ("__code__", "__annotations__"):
        return ExternalName(f"*.{name}", is_result=True)
    if name in _GLOBALS_ATTRIBUTES:
        return ExternalName(f"*.{name}")
    if not isinstance(base, Unknown) or not base.tags:
        return UNKNOWN
    if name == walks.SUBCLASSES:
        return ExternalName(f"*.{name}")
    return _resolve_unknown_attribute(base, name)


def _resolve_unknown_attribute(base: Unknown, name: str) -> Value:
    """Resolve an attribute of a value that carries the tags of a walk, or of what it may be."""
    # ``globals()[key]`` may be each of the modules that the source has imported.
    bound = sorted(tag.removeprefix(BOUND_TAG) for tag in base.tags if tag.startswith(BOUND_TAG))
    if bound:
        others = Unknown(frozenset(tag for tag in base.tags if not tag.startswith(BOUND_TAG)))
        members = (normalize_name(f"{module}.{name}") for module in bound)
        return join_values(*members, walks.take_attribute(others, name))
    # A module that a walk has found has imported others.
    if name in WELL_KNOWN_MODULES and not base.tags.isdisjoint(_FOUND_BY_WALK):
        return ExternalName(WELL_KNOWN_MODULES[name])
    return walks.take_attribute(base, name)


def _resolve_external_attribute(base: ExternalName, name: str) -> ExternalName | Unknown:
    """Resolve an attribute of a name of another module, or of the result of a call of it."""
    if name == "__self__" and not base.is_result and "." in base.name:
        # ``__self__`` of a builtin function is its module: ``os.getcwd.__self__`` is ``os``.
        owner = base.name.rpartition(".")[0]
        if owner in WELL_KNOWN_MODULES.values():
            return normalize_name(owner, base.is_hidden)
        return Unknown(frozenset({"module"}))
    # ``os.system.__call__`` is ``os.system``.
    if name in SELF_ATTRIBUTES:
        return base
    if name in ("value", "_value_") and base.name in WELL_KNOWN_MODULES.values():
        return base  # ``value`` of a member of an enumeration
    # ``torch.__file__`` leads into the folder of installed packages; a write below it replaces code.
    if name in _LOCATION_ATTRIBUTES and not base.is_result:
        return ExternalName(
            f"{base.name}.{name}", is_result=True, is_hidden=base.is_hidden, tags=frozenset({"installed"})
        )
    # A walk up and down the class tree keeps one name, whichever class it has reached.
    if base.name == "builtins.object" and name in ("__base__", "__bases__", "__mro__", "__class__"):
        return base
    if name in _GLOBALS_ATTRIBUTES:
        return ExternalName(f"*.{name}")
    if base.is_result and name == "__dict__" and walks.is_walk(base.tags):
        return Unknown(walks.open_namespace(base.tags))
    if base.is_result:
        return ExternalName(f"{base.name}.{name}"[:_MAX_NAME], True, base.is_hidden, base.tags, base.text)
    return normalize_name(f"{base.name}.{name}", base.is_hidden)


def resolve_item(base: Value, key: Value) -> Value:
    """Resolve ``base[key]``."""
    if isinstance(base, Alternatives):
        return join_choices(*(resolve_item(each, key) for each in base.values))
    if isinstance(base, Container):
        item = _resolve_container_item(base, key)
        return open_constant(item) if base.is_open else item
    if isinstance(base, ExternalName):
        return _resolve_namespace_item(base, key)
    if isinstance(base, Unknown):
        # The object may be the namespace of a module: ``vars(import_module(name))["system"]`` runs commands.
        method = resolve_command_method(base, key) if isinstance(key, Constant) else None
        return method or walks.take_item(base, key)
    return UNKNOWN


def resolve_item_or_default(base: Container, args: Sequence[Value]) -> Value:
    """Resolve ``base.get(key, default)``; without a default, ``base[key]``."""
    key = args[0] if args else UNKNOWN
    item = resolve_item(base, key)
    is_known = isinstance(key, Constant) and key.value is not None and key.value in base.keys
    return item if len(args) < 2 or is_known else join_choices(item, args[1])


def _resolve_container_item(base: Container, key: Value) -> Value:
    """Return the item under a constant key or index; for any other key, a value that may be any of the items."""
    if isinstance(key, Constant):
        if base.keys:
            items = list(zip(base.keys, base.values, strict=True))
            last = max((at for at, (item_key, _) in enumerate(items) if item_key == key.value), default=None)
            # A key that is not among those known may be any item.
            if last is None or key.value is None:
                return join_choices(*base.values)
            # The last item of a key counts, as in Python; one under an unknown key may be another one of it.
            return join_choices(items[last][1], *(value for item_key, value in items[last + 1 :] if item_key is None))
        if isinstance(key.value, int) and -len(base.values) <= key.value < len(base.values):
            return base.values[key.value]
    return join_choices(*base.values) if base.values else UNKNOWN


def _resolve_namespace_item(base: ExternalName, key: Value) -> Value:
    """Resolve an item of ``sys.modules``, of a namespace or of the environment; an item of anything else is ``base``.

    So ``response["data"]`` is still ``response``: items belong to the result of a library call.
    """
    text = key.value if isinstance(key, Constant) and isinstance(key.value, str) else None
    is_hidden = base.is_hidden or (isinstance(key, Constant) and key.provenance > Provenance.LITERAL)
    if base.name == "sys.modules":
        own_tag = collect_tags(key) & {walks.OWN_MODULE}
        return normalize_name(text, is_hidden) if text else Unknown(own_tag | {"module"})
    if base.name in ("*.__builtins__", "*.f_builtins", "builtins"):
        return ExternalName(f"builtins.{text}", is_hidden=is_hidden) if text else ExternalName("builtins.*")
    if base.name in ("*.__globals__", "*.f_globals", "*.func_globals", "*.f_locals") and text:
        return resolve_global(text, is_hidden)
    if base.name == "builtins.vars" and base.is_result and isinstance(key, Constant):
        return resolve_command_method(Unknown(base.tags), key) or base
    # ``os.__dict__["system"]`` is ``os.system``.
    owner, dot, last = base.name.rpartition(".")
    if dot and last == "__dict__" and not base.is_result:
        return resolve_attribute(ExternalName(owner, is_hidden=is_hidden), text) if text else Unknown(_MEMBER_TAG)
    if base.name in _ENVIRONMENT_MAPPINGS:
        if text and is_secret_variable(text):
            return Unknown(_SECRET_TAG | tag_secret_variable(text))
        return Unknown(text=partial_texts.describe_variable(text)) if text else Unknown(_SECRET_TAG | {ENVIRONMENT})
    return base


def resolve_command_method(base: Value, key: Constant) -> ExternalName | None:
    """Resolve the name ``key`` of an unknown object, if the name alone shows that it runs commands; otherwise ``None``.

    If the object is a module, every such name counts. Otherwise only a computed one does: ``d["system"]`` is an
    ordinary key.
    """
    if not isinstance(base, Unknown) or key.value not in COMMAND_METHODS:
        return None
    is_computed = key.provenance > Provenance.LITERAL
    if "module" in base.tags or is_computed:
        return ExternalName(f"*.{key.value}", is_hidden=is_computed)
    return None


def is_secret_variable(variable: str) -> bool:
    """Whether an environment variable holds a secret, judged by its name."""
    return _SECRET_NAME.search(variable) is not None


def tag_secret_variable(variable: str) -> frozenset[str]:
    """Return the tag that keeps the name of an environment variable with the secret that it holds."""
    return frozenset({f"variable:{variable[:_MAX_NAME]}"})


def is_module_namespace(base: ExternalName) -> bool:
    """Whether ``base`` is the namespace of a module: a mapping from its names to their values."""
    is_of_frame = base.name in ("*.f_globals", "*.f_builtins", "*.f_locals", "*.func_globals")
    is_of_module = base.name in ("builtins", "*.__builtins__", "*.__globals__") or base.name.endswith(".__dict__")
    return is_of_frame or is_of_module


def resolve_global(name: str, is_hidden: bool) -> Value:
    """Resolve a name in the globals of an unknown module, which may have imported ``os``, ``sys`` and the like."""
    if name in WELL_KNOWN_MODULES:
        return ExternalName(WELL_KNOWN_MODULES[name], is_hidden=is_hidden)
    return Unknown(frozenset({"module"}))


def find_namespace_owner(base: Value) -> str:
    """Return the name of the module or class that ``base`` is, or whose ``__dict__`` it is; empty if it is unknown."""
    for each in list_alternatives(base):
        if isinstance(each, ExternalName) and not each.is_result:
            owner, dot, last = each.name.rpartition(".")
            return owner if dot and last == "__dict__" else each.name
    return ""
