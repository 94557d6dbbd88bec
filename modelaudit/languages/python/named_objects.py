"""Recognise configurations of logging and the like, whose texts name the functions and classes that are called."""

from __future__ import annotations

from typing import Final

from modelaudit.languages.python.call import Call
from modelaudit.languages.python.values import Alternatives, Container, ExternalName, Unknown, Value

_FACTORY_KEYS: Final = frozenset({"()", "class", "factory"})
CONVERTERS: Final = (
    *("DictConfigurator", "dictConfigClass", "BaseConfigurator"),
    *("ConvertingDict", "ConvertingList", "ConvertingTuple"),
)
"""Classes of logging whose objects resolve the texts that they are given, as soon as an item of them is taken."""


def name_configuration(call: Call) -> str:
    """Mark the construction of objects from data that no scan reads as a configuration: it names what is called."""
    if call.argument_tags & {"data-file", "network", "decoded"}:
        return f"{call.name}(data)"
    is_open = call.name.startswith("logging.") and any(map(_has_open_factory, call.args))
    return f"{call.name}(text)" if is_open else call.name


def name_converter(call: Call) -> str:
    """Mark an object of logging that resolves its texts, if the source does not show one of them."""
    name = name_configuration(call)
    values = (*call.args, *call.keywords.values())
    return f"{call.name}(text)" if name == call.name and any(map(_has_open_text, values)) else name


def _has_open_text(value: Value) -> bool:
    """Whether a value, or an item of it, may be a text that the source does not show."""
    if isinstance(value, Container | Alternatives):
        return any(map(_has_open_text, value.values))
    return isinstance(value, Unknown) or (isinstance(value, ExternalName) and value.is_result)


def _has_open_factory(value: Value) -> bool:
    """Whether a mapping, or one within it, names a class or a function by a text that the source does not show."""
    if not isinstance(value, Container):
        return False
    factories = (each for key, each in zip(value.keys, value.values, strict=False) if key in _FACTORY_KEYS)
    return any(isinstance(each, Unknown) for each in factories) or any(map(_has_open_factory, value.values))
