"""Decide whether a value that a file sets on an object is code that loading calls.

Python calls special methods by itself, and opcodes of a pickle call ``append``, ``extend`` and ``add``. Methods that
loading runs, such as ``__setstate__`` and ``__del__``, call further ones: of their own object (``self.close()``), and
of values in the state (``state.items()``). An attribute of an object shadows the method of its class, so that a
callable under such a name runs, although the file itself calls nothing.
"""

from __future__ import annotations

from typing import Final

from modelaudit.checks.callables import judge_name
from modelaudit.checks.stored_functions import stores_function
from modelaudit.model.catalogue import Callables, Standing
from modelaudit.model.pickle import CallResult, Name, Unknown, Value

CALLED_BY_OPCODES: Final = frozenset({"append", "extend", "add"})
"""Methods that APPEND, APPENDS and ADDITEMS call on an object that is not a list or set."""
CALLED_BY_HOOKS: Final = CALLED_BY_OPCODES | frozenset(
    {"astype", "clear", "copy", "discard", "endswith", "flatten", "format", "get", "get_params", "items", "join"}
    | {"keys", "lower", "pop", "remove", "reshape", "setdefault", "split", "split_params", "startswith", "strip"}
    | {"to_list", "tolist", "uncensor", "upper", "values", "wrap_output"}
)
"""Methods that the methods of trusted classes call on any value while a file is loaded.

Most belong to containers, texts and arrays, a few to single libraries.

``FOREIGN_CALLS`` of ``benchmarks/vetting/hook_calls.py`` has the same names: a class whose methods call others is not
trusted. ``dict.update`` calls ``keys``.
"""

_CALLED_BY_FUNCTIONS: Final = frozenset({"as_subclass", "byteswap", "detach", "requires_grad_"})
"""Methods that trusted functions call on an object of any class that they get in place of an array.

``Parameter.__new__`` of torch, which ``_rebuild_parameter`` calls, and ``_ensure_native_byte_order`` of joblib.
"""

_SETS: Final = (Name("builtins", "set"), Name("builtins", "frozenset"))


def is_special(key: str) -> bool:
    """Whether Python or an opcode calls an attribute of this name by itself.

    No special method has a name in upper case: https://docs.python.org/3/reference/datamodel.html#special-method-names.
    """
    return (key.startswith("__") and key.endswith("__") and not key.isupper()) or key in CALLED_BY_OPCODES


def is_special_call(key: str, value: Value) -> bool:
    """Whether Python or an opcode may act by ``value`` under the name ``key``; a set has no effect under any."""
    is_set = isinstance(value, CallResult) and value.called and value.maker in _SETS
    return is_special(key) and not is_set


def is_planted(target: Value, key: str, value: Value, callables: Callables) -> bool:
    """Whether a function or a method that loading runs may call ``value``, which a state sets under ``key``.

    Under a name that the class itself calls, no object of a class has a reason to be, nor a method that ``getattr`` has
    found. What a trusted function returns there is data.
    """
    entry = judge_name(target.maker, callables).entry if isinstance(target, CallResult) else None
    if entry is not None and key in entry.hook_calls and isinstance(value, CallResult):
        is_returned = value.called and judge_name(value.maker, callables).standing is Standing.TRUSTED
        return not is_returned or _is_callable(value, callables)
    is_called = key in CALLED_BY_HOOKS or key in _CALLED_BY_FUNCTIONS or (entry is not None and key in entry.hook_calls)
    return is_called and _is_callable(value, callables)


def _is_callable(value: Value, callables: Callables) -> bool:
    """Whether a value may be called: a name, an object that stores a function, or one of a class that has methods."""
    if not isinstance(value, CallResult):
        return isinstance(value, Name | Unknown)
    entry = judge_name(value.maker, callables).entry
    return entry is None or entry.construct_only or stores_function(value, callables)
