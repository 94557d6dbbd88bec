"""Resolve the names of globals: those that opcodes spell, and those that calls such as ``getattr`` return."""

from __future__ import annotations

import _compat_pickle
import builtins
from collections.abc import Sequence
from typing import Final

from modelaudit.formats.pickles.pickle.values import StackValue
from modelaudit.model.pickle import CallResult, Name

_LONGEST_QUALNAME: Final = 200  # characters of a name that calls of getattr build
_FIRST_PROTOCOL_OF_PYTHON_3: Final = 3
_GETATTR: Final = frozenset({"builtins.getattr", "__builtin__.getattr"})
# ``getattr(types, name)``: cloudpickle writes types that no module exports this way (``cloudpickle/cloudpickle.py``).
_CLOUDPICKLE_LOOKUPS: Final = frozenset(
    {
        "cloudpickle.cloudpickle._builtin_type",
        "joblib.externals.cloudpickle.cloudpickle._builtin_type",
        "srsly.cloudpickle.cloudpickle._builtin_type",
    }
)
# A look-up in a table of types by dill's names for them (``dill/_dill.py``, ``_reverse_typemap``).
_DILL_LOOKUPS: Final = frozenset({"dill._dill._load_type", "dill.dill._load_type"})
_DILL_TYPES: Final = {
    "AttrGetterType": Name("operator", "attrgetter"),
    "EllipsisType": Name("builtins", "ellipsis"),
    "FileType": Name("_io", "FileIO"),
    "ItemGetterType": Name("operator", "itemgetter"),
    "NoneType": Name("builtins", "NoneType"),
    "PartialType": Name("functools", "partial"),
    "SuperType": Name("builtins", "super"),
}
# Before version 0.3.6, dill wrote a function of a compiled module as an attribute of the module, which it imports by
# name. Where the module lacks it, the attribute is one of ``builtins``: the table lists functions that each module has.
_DILL_IMPORTS: Final = frozenset({"dill._dill._import_module", "dill.dill._import_module"})
_DILL_ATTRIBUTES: Final = frozenset({"dill._dill._get_attr", "dill.dill._get_attr"})
_DILL_MODULES: Final = {
    f"{package}.{module}": Name(package, module)
    for package in ("numpy.core", "numpy._core")
    for module in ("multiarray", "_multiarray_umath")
}
_DILL_FUNCTIONS: Final = {
    (module, function): Name(f"{module.module}.multiarray", function)
    for module in _DILL_MODULES.values()
    for function in ("_reconstruct", "scalar")
}
# The last parts of these names: the qualified name of each ends with one.
_LOOKUP_ENDINGS: Final = tuple(
    sorted(
        name.rpartition(".")[2]
        for name in _GETATTR | _CLOUDPICKLE_LOOKUPS | _DILL_LOOKUPS | _DILL_IMPORTS | _DILL_ATTRIBUTES
    )
)
# Functions of copyreg that construct the class that is their first argument.
_CONSTRUCTORS: Final = frozenset({"copyreg._reconstructor", "copyreg.__newobj__", "copyreg.__newobj_ex__"})


def resolve_global(module: str, qualname: str, protocol: int) -> Name:
    """Return the global that ``Unpickler.find_class`` imports.

    Below protocol 3, names of Python 2 are mapped to those of Python 3, as ``fix_imports`` does by default.
    """
    if protocol >= _FIRST_PROTOCOL_OF_PYTHON_3:
        return Name(module, qualname)
    moved = _compat_pickle.NAME_MAPPING.get((module, qualname))
    return Name(*moved) if moved else Name(_compat_pickle.IMPORT_MAPPING.get(module, module), qualname)


def resolve_call(callee: StackValue, arguments: Sequence[StackValue]) -> Name | None:
    """Return the global that ``callee(*arguments)`` returns; ``None`` unless the call is a known look-up by name.

    For an attribute of an object, this is the attribute of the class that made the object, which defines it.
    """
    # Nearly all calls end here: building the text of every callee would cost time.
    if not arguments or not isinstance(callee, Name) or not callee.qualname.endswith(_LOOKUP_ENDINGS):
        return None
    name = str(callee)
    if name in _GETATTR and len(arguments) in (2, 3):
        return _resolve_attribute(arguments[0], arguments[1])
    if name in _DILL_ATTRIBUTES:
        owner, attribute, *others = (*arguments, None)
        is_known = isinstance(owner, Name) and isinstance(attribute, str) and len(others) == 1
        return _DILL_FUNCTIONS.get((owner, attribute)) if is_known else None  # type: ignore[arg-type]
    type_name = arguments[0]
    if len(arguments) != 1 or not isinstance(type_name, str):
        return None
    if name in _DILL_IMPORTS:
        return _DILL_MODULES.get(type_name)
    if not type_name.isidentifier():
        return None
    if name in _CLOUDPICKLE_LOOKUPS:
        return Name("types", type_name)
    if name in _DILL_LOOKUPS:
        is_builtin = hasattr(builtins, type_name) and not type_name.startswith("_")
        return _DILL_TYPES.get(type_name) or Name("builtins" if is_builtin else "types", type_name)
    return None


def imports_module(callee: StackValue) -> bool:
    """Whether a call is one of dill that imports a module by its name."""
    return isinstance(callee, Name) and callee.qualname == "_import_module" and str(callee) in _DILL_IMPORTS


def takes_module(callee: StackValue) -> bool:
    """Whether a call is a look-up of dill whose first argument is a module."""
    return isinstance(callee, Name) and callee.qualname == "_get_attr" and str(callee) in _DILL_ATTRIBUTES


def find_constructed_class(callee: Name, arguments: Sequence[StackValue]) -> Name:
    """Return the class of the object that ``callee(*arguments)`` makes.

    Functions of copyreg take the class as their first argument; any other callee is taken for the class itself.
    """
    is_constructor = callee.module == "copyreg" and str(callee) in _CONSTRUCTORS
    return arguments[0] if is_constructor and arguments and isinstance(arguments[0], Name) else callee


def _resolve_attribute(owner: StackValue, attribute: StackValue) -> Name | None:
    """Return the name of an attribute of ``owner``, or of the class that made it; ``None`` if either is unknown."""
    class_name = owner.maker if isinstance(owner, CallResult) else owner
    if not isinstance(class_name, Name) or not isinstance(attribute, str) or not attribute.isidentifier():
        return None
    qualname = f"{class_name.qualname}.{attribute}"
    # Attributes of attributes would let a file build names without end.
    return Name(class_name.module, qualname) if len(qualname) <= _LONGEST_QUALNAME else None
