"""Follow walks over what the process has loaded: every module, every name of a module, every object that is alive.

A walk finds ``os.system`` without its name: by a loop over ``sys.modules``, over ``vars(module)`` or over the objects
of the garbage collector, with a condition that spells the name in pieces. Values carry tags for the steps of a walk:

- ``walked``: a module, or an object, out of all that the process has loaded
- ``member``: something in a package, taken by a computed name
- ``namespace``: the names of a module, or of another object of a walk, with their values
- ``object``: what such a name stands for, which is any function
- ``picked``: a module, or something in it, whose name the source computes at each step
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from modelaudit.languages.python import blind_steps
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.name_tables import POWERFUL_MEMBERS
from modelaudit.languages.python.values import (
    BLIND,
    Constant,
    Container,
    ExternalName,
    LocalDefinition,
    PartialCall,
    Unknown,
    Value,
    collect_tags,
    list_alternatives,
)

# Functions that start a program, by their last name.
_STARTERS: Final = frozenset(
    {
        "run",
        "call",
        "check_call",
        "check_output",
        "Popen",
        "getoutput",
        "create_subprocess_exec",
        "spawn",
        "execv",
        "execvp",
    }
)
EVERY_MODULE: Final = frozenset({"module", "walked"})
"""The tags of ``sys.modules``."""
_EVERY_OBJECT: Final = frozenset({"module", "walked", "object"})
_RESULTS: Final = {
    **dict.fromkeys(
        ("sys.modules.items", "sys.modules.values", "sys.modules.copy", "sys.modules.popitem"), EVERY_MODULE
    ),
    "inspect.getmodule": frozenset({"module"}),
    **dict.fromkeys(("gc.get_objects", "gc.get_referrers", "gc.get_referents"), _EVERY_OBJECT),
}
_FOUND: Final = frozenset({"object", "namespace"})
SUBCLASSES: Final = "__subclasses__"
"""The method of a class that lists the classes which inherit from it, and of ``object`` every class."""
ANCESTORS: Final = frozenset(
    {"__mro__", "mro", "__base__", "__bases__", "__orig_bases__", "__objclass__", "__thisclass__", "__self_class__"}
)
"""Attributes of a class, or of an object or method of one, that lead up the class tree: at its root is ``object``."""
ANCESTOR_FUNCTIONS: Final = frozenset(
    {"inspect.getmro", "inspect.getclasstree", "inspect.classify_class_attrs", "types.get_original_bases",
     "types.resolve_bases", "functools._c3_mro", "functools._c3_merge", "functools._compose_mro"}
)  # fmt: skip
"""Functions that return classes above a class."""
ROOT_CLASS: Final = "builtins.object"
PICKED: Final = "picked"
"""The tag of a value whose module and name are both computed."""
OWN_MODULE: Final = "own-module"
"""The tag of ``__name__``, and of the module of the source itself that ``sys.modules`` holds under it."""
OWN_FILE: Final = "own-file"
"""The tag of ``__file__``, and of the paths that the source makes of it."""
PICKED_NAME: Final = "(function reached by computed names)"
"""The name under which a call of such a value is recorded."""
MEMBER_NAME: Final = "(member under a computed name)"
"""The name under which an attribute of another module is recorded if the source computes its name."""
WORKED_OUT_NAME: Final = "(function that is worked out)"
"""The name under which a call is recorded if a computed name finds the function in a computed module."""
_OWN_TAGS: Final = frozenset({OWN_MODULE, OWN_FILE})
# Functions that return their argument, or items of it, in another order or container.
_CONTENT_FUNCTIONS: Final = frozenset(
    {
        *(f"builtins.{name}" for name in ("list", "tuple", "set", "frozenset", "dict", "sorted", "iter", "reversed")),
        *(f"builtins.{name}" for name in ("enumerate", "zip", "min", "max", "next", "filter")),
        *(f"itertools.{name}" for name in ("chain", "chain.from_iterable", "islice", "cycle", "filterfalse", "tee")),
        *("itertools.dropwhile", "itertools.takewhile", "itertools.compress", "itertools.groupby", "copy.copy"),
        *("copy.deepcopy", "collections.OrderedDict", "collections.deque", "collections.ChainMap", "random.choice"),
        *("random.sample", "types.MappingProxyType", "collections.UserDict", "collections.defaultdict"),
    }
)
_SELF_METHODS: Final = frozenset({"__call__", "__func__", "__wrapped__", "func"})
# Methods that return contents of a mapping or sequence, or the callable itself.
_CONTENT_METHODS: Final = frozenset(
    {"items", "values", "get", "pop", "popitem", "copy", "setdefault", "__getitem__", "__iter__", "__next__",
     "__call__", "__func__", "__wrapped__", "func"}
)  # fmt: skip


def find_walk_tags(call: Call) -> frozenset[str] | None:
    """Return the tags of the result of a call that begins or continues a walk; ``None`` for any other call."""
    if call.name in _RESULTS:
        return _RESULTS[call.name] | call.argument_tags
    # The classes below one of another module are as unknown as the modules that define them.
    if call.name.endswith(f".{SUBCLASSES}") and not any(isinstance(each, LocalDefinition) for each in call.args):
        return _EVERY_OBJECT
    if call.name not in _CONTENT_FUNCTIONS:
        return None
    return call.argument_tags if is_walk(call.argument_tags) else None


def drop_own(tags: frozenset[str], parts: Iterable[Value]) -> frozenset[str]:
    """Return the tags of a text that is made of parts: it belongs to the source only if each open part does."""
    for part in parts if not tags.isdisjoint(_OWN_TAGS) else ():
        if not isinstance(part, Constant):
            tags -= _OWN_TAGS - collect_tags(part)
    return tags


def is_walk(tags: frozenset[str]) -> bool:
    """Whether a value with these tags was found by a walk."""
    return not tags.isdisjoint({"walked", "namespace", "object", "member"})


def list_namespace(name: str) -> frozenset[str]:
    """Return the tags of the values in a namespace: that of a function or frame, or that of a package."""
    return frozenset({"member", "object"}) if name.startswith("*.") else frozenset({"member"})


def open_namespace(tags: frozenset[str]) -> frozenset[str]:
    """Return the tags of the namespace of a value: ``vars(value)`` or ``value.__dict__``."""
    return (tags - {"object"}) | {"namespace"} if tags & {"module", "walked", "member"} else tags


def take_attribute(base: Unknown, name: str) -> Unknown:
    """Return the attribute of an unknown value under a name that the source writes out."""
    if name == "__dict__":
        return Unknown(blind_steps.open_names(open_namespace(base.tags)))
    if name in _SELF_METHODS:
        return Unknown(base.tags)
    tags = base.tags - {PICKED, BLIND} if PICKED in base.tags or BLIND in base.tags else base.tags
    # Only the modules that run commands or code have members of such names: ``spawnlp`` is that of ``os``.
    if "walked" in base.tags and name in POWERFUL_MEMBERS:
        return Unknown(tags | {"object"})
    if name in _CONTENT_METHODS:
        return Unknown(tags)
    return Unknown(tags) if tags.isdisjoint(_FOUND) else Unknown(tags - _FOUND)


def take_item(base: Unknown, key: Value) -> Unknown:
    """Return an item of an unknown value: of a namespace, the item under any key but a written one is any object."""
    if "namespace" not in base.tags:
        return Unknown(base.tags)
    is_name_written = isinstance(key, Constant) and isinstance(key.value, str)
    tags = base.tags - {"namespace"}
    if is_name_written:
        return Unknown(tags - {PICKED})
    # Neither the module nor the name in it is written out, unless the module is that of the source itself.
    is_picked = "module" in tags and tags.isdisjoint({OWN_MODULE, "walked"})
    return Unknown(tags | {"object", PICKED} if is_picked else tags | {"object"})


def take_computed_attribute(base: Value) -> frozenset[str]:
    """Return the tags that an attribute of ``base`` under a computed name has in addition to those of ``base``."""
    added: set[str] = set()
    for each in list_alternatives(base):
        if isinstance(each, Unknown) and "module" in each.tags:
            added |= {"computed", PICKED}
        if isinstance(each, ExternalName) and not each.is_result:
            added.add("member")
        elif isinstance(each, Unknown) and each.tags & {"walked", "member"}:
            added.add("object")
    return frozenset(added)


def calls_found_object(call: Call, method: str) -> bool:
    """Whether a call is one of an object that a walk has found, and not of a ``method`` that returns its contents."""
    is_content = method in _CONTENT_METHODS and method != "__call__"
    return not is_content and not call.tags.isdisjoint({"object", "namespace"})


def take_unpacked(mapping: Value) -> Value:
    """Return stand-ins for the items of a mapping that ``**`` unpacks."""
    if isinstance(mapping, ExternalName) and mapping.name == "sys.modules":
        return Unknown(EVERY_MODULE)
    if isinstance(mapping, ExternalName) and mapping.name.endswith(".__dict__") and not mapping.is_result:
        return Unknown(list_namespace(mapping.name))
    if not isinstance(mapping, Unknown):
        return mapping
    return blind_steps.take_item(mapping, mapping, take_item(mapping, mapping), "")


def follows_mappings(callee: Value) -> bool:
    """Whether a callee is a function of Python that takes names out of a mapping, or makes another one of it."""
    made = (each.callee if isinstance(each, PartialCall) else each for each in list_alternatives(callee))
    names = [each.name if isinstance(each, ExternalName) else "" for each in made]
    return all(name.startswith(("builtins.", "operator.")) or name in _CONTENT_FUNCTIONS for name in names)


def find_passed_module(value: Value) -> str:
    """Return the module whose namespace a value is; empty for any other value, and for the namespace of a class.

    The name of a class begins with a capital letter, that of a module does not.
    """
    owner, _, last = (
        value.name.rpartition(".") if isinstance(value, ExternalName) and not value.is_result else ("",) * 3
    )
    is_module = owner.rpartition(".")[2][:1].islower() and not owner.startswith("*")
    return owner if last == "__dict__" and is_module else ""


def leads_everywhere(call: Call) -> bool:
    """Whether the walk to the callee began at all modules, or went on from a package to what the package imports."""
    return not call.tags.isdisjoint({"walked", "member"})


def passes_command(method: str, args: Sequence[Value], keywords: Mapping[str, Value]) -> bool:
    """Whether a call of a member of an unknown module has the name and the arguments of one that starts a program.

    Such a call lists the words of a command, or passes a text to a shell: ``module.run(["touch", "a"])``.
    """
    if method not in _STARTERS or not args:
        return False
    first = args[0]
    if isinstance(first, Container):
        items: Sequence[object] = [each.value if isinstance(each, Constant) else None for each in first.values]
        is_list = not first.keys
    else:
        is_list = isinstance(first, Constant) and isinstance(first.value, tuple)
        items = first.value if isinstance(first, Constant) and isinstance(first.value, tuple) else ()
    if is_list:
        return bool(items) and isinstance(items[0], str) and not items[0].startswith("-")
    shell = keywords.get("shell")
    return (
        isinstance(first, Constant)
        and isinstance(first.value, str)
        and isinstance(shell, Constant)
        and bool(shell.value)
    )
