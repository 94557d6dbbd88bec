"""Follow steps by computed names from an object of unknown class, as far as to a function of another module.

From any object two or three names lead to ``os.system``: ``getattr(getattr(config.to_dict, a)[b], c)`` does with the
names ``__globals__``, ``os`` and ``system``. A loop, ``reduce`` or a function of the source may take each step at one
place. There, attributes alone lead from a model to its layers; that keys of mappings are names too gives the walk away.

Values carry tags for such steps:

- ``step``: a computed name has taken the value from an object of unknown class
- ``step:PLACE``: that happened at this place of the source
- ``step-key``: and then a key or a method took an item of it
- ``step-names``: the value is the namespace of an object of unknown class
- ``step-led``: the value is the result of a call of what such a step has taken
- ``blind``: further steps lead to the value, which may be any function
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Final

from modelaudit.languages.python.name_tables import COMMAND_METHODS
from modelaudit.languages.python.values import (
    BLIND,
    STEP,
    Alternatives,
    Constant,
    ExternalName,
    LocalDefinition,
    Unknown,
    Value,
    collect_tags,
    join_values,
    list_alternatives,
    list_steps,
)
from modelaudit.model.copies import replace

_KEYED: Final = "step-key"
_NAMES: Final = "step-names"
REACHED: Final = frozenset({STEP, _KEYED, BLIND})
"""The tags of what a path of attributes and keys that is not known leads to."""
LED: Final = "step-led"
"""The tag of the result of a call of what one such step took."""
_PLACE: Final = f"{STEP}:"
_NONE: Final[frozenset[str]] = frozenset()
_CONTENT_METHODS: Final = frozenset({"items", "values", "get", "pop", "popitem", "setdefault", "__getitem__"})
# Modules that run commands or code, or lead to such: an object under this name in another is most likely the module.
_MODULES: Final = frozenset(
    {"os", "posix", "nt", "subprocess", "builtins", "__builtins__", "importlib", "runpy", "pty"}
)
# Members of these modules that run commands or code, under names that objects of a model do not have.
_COMMANDS: Final = COMMAND_METHODS - {"__reduce_ex__", "load_module", "create_connection"} | {
    "exec", "eval", "__import__", "import_module", "run_module", "spawn", "startfile", "CDLL", "PyDLL"
}  # fmt: skip
# Methods that hand out what their object holds, or what a generator has reached.
_HANDING: Final = frozenset({"send", "asend", "throw", "__next__", "__anext__", "popleft", "get_nowait", "result"})
_HANDING_ONE: Final = frozenset({"pop", "get"})
# Functions of ``subprocess`` whose names objects of a model have too.
_STARTERS: Final = frozenset({"run", "call"})
_NUMBERS: Final = frozenset({"builtins.int", "builtins.len", "builtins.range"})
# Their results are no functions, whatever they get.
_PLAIN_RESULTS: Final = frozenset(
    f"builtins.{name}" for name in ("int", "float", "str", "bool", "len", "repr", "sum", "abs", "round", "isinstance")
)

_READING: Final = frozenset(
    f"builtins.{name}"
    for name in ("getattr", "hasattr", "callable", "type", "id", "print", "issubclass", "dir", "vars", "format")
)


def drop_steps(tags: frozenset[str]) -> frozenset[str]:
    """Return the tags without those of steps."""
    return tags - list_steps(tags)


def collect_steps(value: Value) -> frozenset[str]:
    """Return those tags of a value that steps leave."""
    return list_steps(collect_tags(value))


def is_far(tags: frozenset[str]) -> bool:
    """Whether computed names, one of them the key of a mapping, lead to a value with these tags."""
    return tags >= {BLIND, _KEYED}


def take_computed_name(base: Value, place: str) -> frozenset[str]:
    """Return the tags of what a computed name at a place of the source takes from an object of unknown class."""
    tags: frozenset[str] | None = None
    for each in list_alternatives(base):
        is_result = isinstance(each, ExternalName | LocalDefinition) and each.is_result
        # What is ``None`` at first is set elsewhere: of ``None`` itself, no attribute is of use.
        is_unset = isinstance(each, Constant) and each.value is None
        if is_result or is_unset or isinstance(each, Unknown | LocalDefinition):
            tags = (tags or _NONE) | collect_tags(each)
    return _NONE if tags is None else _step(tags, place)


def _step(tags: frozenset[str], place: str) -> frozenset[str]:
    """Return the tags of a step at a place from a value with these tags."""
    here = f"{_PLACE}{place}"
    is_further = STEP in tags and (here not in tags or _KEYED in tags)
    return frozenset({STEP, here, BLIND}) if is_further else frozenset({STEP, here})


def take_written_name(value: Value, name: str) -> Value:
    """Return what a written name takes from an object of unknown class; the name of a module is a step too."""
    if type(value) is not Unknown:
        return value
    if name in _COMMANDS and _KEYED in value.tags:
        return Unknown(value.tags | {BLIND}, value.text)
    if name not in _MODULES:
        return value
    return Unknown(value.tags | {STEP, f"{_PLACE}{name}"}, value.text)


def open_names(tags: frozenset[str]) -> frozenset[str]:
    """Return the tags that the namespace of an object of unknown class has besides."""
    return frozenset({_NAMES}) | tags


def take_item(base: Value, key: Value, item: Value, place: str) -> Value:
    """Return an item with the tags of the step by which its key was taken from ``base``."""
    tags: frozenset[str] = _NONE
    for each in list_alternatives(base):
        if isinstance(each, Unknown | ExternalName):
            tags |= each.tags
    if isinstance(key, Constant) and isinstance(key.value, str):
        item = take_written_name(item, key.value)
    if (STEP not in tags and _NAMES not in tags) or _is_number(key):
        return item
    added = frozenset({_KEYED}) if STEP in tags else _NONE
    if _NAMES in tags and not isinstance(key, Constant):
        added |= _step(tags, place)
    return _retag(item, added, frozenset({_NAMES}))


def _retag(value: Value, added: frozenset[str], dropped: frozenset[str]) -> Value:
    """Return a value with other tags, also where it has none so far."""
    if isinstance(value, Unknown) or (isinstance(value, ExternalName) and value.is_result):
        return replace(value, tags=(value.tags - dropped) | added)
    if isinstance(value, Alternatives):
        return join_values(*(_retag(each, added, dropped) for each in value.values))
    return join_values(value, Unknown(added)) if added else value


def hands_out(method: str, args: Sequence[Value]) -> bool:
    """Whether a method hands out what its object holds, such as ``send`` of a generator and ``get`` of a queue."""
    return method in _HANDING or (method in _HANDING_ONE and all(map(_is_number, args[:1])))


def list_handed_out(base: Value, method: str, args: Sequence[Value]) -> Sequence[Value]:
    """List what a method hands out of its object, if further steps lead to it."""
    tags = collect_tags(base) if hands_out(method, args) else _NONE
    return (Unknown(list_steps(tags)),) if BLIND in tags else ()


def starts_shell(tags: frozenset[str], method: str, keywords: Mapping[str, Value]) -> bool:
    """Whether a call is one of a shell in what may be a module: ``run(command, shell=True)``."""
    return _KEYED in tags and method in _STARTERS and "shell" in keywords


def makes_object(name: str) -> bool:
    """Whether a function makes an object whose attributes are the keywords that it gets."""
    return name.endswith("._replace") or name in ("dataclasses.replace", "copy.replace", "types.SimpleNamespace")


def take_by_method(tags: frozenset[str], method: str, args: Sequence[Value]) -> frozenset[str]:
    """Return the tags that the result of a method has besides, if it takes contents of an object that a step took."""
    is_named = STEP in tags and method in _CONTENT_METHODS and not hands_out(method, args)
    return frozenset({_KEYED}) if is_named else _NONE


def _is_number(key: Value) -> bool:
    """Whether a key is a number, and no name."""
    if isinstance(key, Constant):
        return not isinstance(key.value, str | bytes)
    return isinstance(key, ExternalName) and key.is_result and key.name in _NUMBERS


def may_be_function(value: Value) -> bool:
    """Whether steps that go by a key too lead to one value: attributes alone lead from a model to its layers."""
    return isinstance(value, Unknown) and {BLIND, _KEYED} <= value.tags


def may_call(name: str) -> bool:
    """Whether a function may call what it gets, or keep it for others."""
    return name not in _PLAIN_RESULTS and name not in _READING


def makes_instance(callee: ExternalName) -> bool:
    """Whether a callee of another module is a class, by its name."""
    return not callee.is_result and callee.name.rpartition(".")[2][:1].isupper()


def pass_steps(callee: ExternalName, tags: frozenset[str], count: int) -> frozenset[str]:
    """Return the tags of the result of a call without those of steps that lead no further.

    A plain value leads nowhere. An object of a library is another one than the function that it may get, such as a
    layer whose size computed names choose; made of one value, it may be a copy of that.

    Args:
        callee: the function or class.
        tags: of the result, if it may be what the call gets.
        count: the number of arguments.
    """
    package, _, path = callee.name.partition(".")
    is_class = bool(path) and makes_instance(callee)
    if callee.name in _PLAIN_RESULTS and not callee.is_result:
        return drop_steps(tags)
    if not is_class or package in sys.stdlib_module_names:
        return tags
    return tags - {BLIND} if count == 1 else drop_steps(tags)
