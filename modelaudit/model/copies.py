"""Copy frozen values with other fields.

Most value types are ``msgspec.Struct``: their classes are built in compiled code, which takes a tenth of the time of a
dataclass at every start, and so are their instances. The values of a saved report are dataclasses, whose JSON and
schema pydantic writes. A caller copies both kinds with one function.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct, structs

if TYPE_CHECKING:
    # A checker of types reads a struct as a dataclass, and compares each field with this function alone.
    from dataclasses import replace
else:
    _Value = TypeVar("_Value")

    def replace(value: _Value, /, **changes: Any) -> _Value:
        """Return a copy of a frozen value with the given fields.

        Raises:
            TypeError: the value is neither a struct nor a dataclass, or it lacks a field that is given.
        """
        if isinstance(value, Struct):
            return structs.replace(value, **changes)
        return dataclasses.replace(value, **changes)


__all__ = ["replace"]
