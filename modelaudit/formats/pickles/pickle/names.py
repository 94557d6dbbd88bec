"""Calls that return a global by its name: the machine follows those whose arguments the program spells out."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Final

from modelaudit.formats.pickles.pickle.values import Slot
from modelaudit.model.pickle import Made, Name

_LONGEST: Final = 200
_GETATTR: Final = frozenset({"builtins.getattr", "__builtin__.getattr"})
# ``getattr(types, name)``, as cloudpickle writes the types that no module exports (``cloudpickle/cloudpickle.py``).
_OF_TYPES: Final = frozenset(
    {
        "cloudpickle.cloudpickle._builtin_type",
        "joblib.externals.cloudpickle.cloudpickle._builtin_type",
        "srsly.cloudpickle.cloudpickle._builtin_type",
    }
)
# A look-up in a table of types by dill's names for them (``dill/_dill.py``, ``_reverse_typemap``).
_OF_DILL: Final = frozenset({"dill._dill._load_type", "dill.dill._load_type"})
_DILL_NAMES: Final = {
    "AttrGetterType": Name("operator", "attrgetter"),
    "EllipsisType": Name("builtins", "ellipsis"),
    "FileType": Name("_io", "FileIO"),
    "ItemGetterType": Name("operator", "itemgetter"),
    "NoneType": Name("builtins", "NoneType"),
    "PartialType": Name("functools", "partial"),
    "SuperType": Name("builtins", "super"),
}


def looked_up(callee: Slot, given: Sequence[Slot]) -> Name | None:
    """The global that ``callee(*given)`` returns, or the attribute of an object by the class that made it.

    Of an object, the answer tells where the attribute is defined, not which object it is bound to.
    """
    if not isinstance(callee, Name) or not given:
        return None
    name, text = str(callee), given[-1]
    if name in _GETATTR and len(given) in (2, 3):
        return _attribute(given[0], given[1])
    if len(given) != 1 or not isinstance(text, str) or not text.isidentifier():
        return None
    if name in _OF_TYPES:
        return Name("types", text)
    if name in _OF_DILL:
        public = hasattr(builtins, text) and not text.startswith("_")
        return _DILL_NAMES.get(text) or Name("builtins" if public else "types", text)
    return None


def _attribute(owner: Slot, attribute: Slot) -> Name | None:
    found = owner.by if isinstance(owner, Made) else owner
    if not isinstance(found, Name) or not isinstance(attribute, str) or not attribute.isidentifier():
        return None
    qualname = f"{found.qualname}.{attribute}"
    return Name(found.module, qualname) if len(qualname) <= _LONGEST else None
