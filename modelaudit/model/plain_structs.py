"""Structs without the library ``msgspec``, for the verifier in one file, which carries Python source alone.

The archive has this module in the place of the library. It offers what the modules of the verifier use of it: classes
with the options ``frozen`` and ``dict``, fields with a default, and copies.
"""

from __future__ import annotations

import dataclasses
from typing import dataclass_transform

field = dataclasses.field
replace = dataclasses.replace
force_setattr = object.__setattr__


@dataclass_transform(field_specifiers=(dataclasses.field,))
class Struct:
    """The base of the value types: each class below it is a dataclass."""

    def __init_subclass__(cls, *, frozen: bool = False, dict: bool = False) -> None:
        """Make a dataclass of the class. Each one has a ``__dict__``, so that the option ``dict`` changes nothing."""
        super().__init_subclass__()
        dataclasses.dataclass(frozen=frozen)(cls)
