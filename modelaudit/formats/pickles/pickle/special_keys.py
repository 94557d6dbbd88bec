"""Keys of a state under which plain data decide how an object acts."""

from __future__ import annotations

from typing import Final

from modelaudit.languages.kernel_keys import KERNEL_KEYS

ALL_ATTRIBUTES: Final = "__dict__"
"""Set as an attribute, as the state of slots is, this key replaces all attributes of an object by a mapping."""

MEMORY_VIEWS: Final = frozenset({"__array_interface__", "__array_struct__", "__cuda_array_interface__"})
"""Attributes that make NumPy and similar libraries read memory at an address, which plain data can give."""


RUN_AS_SOURCE: Final = frozenset({"_parse_arg_template"})
"""Attributes whose text is executed as Python source: SciPy builds the methods of a distribution from it."""

RESOURCE_DATA: Final = "__FILE_RESOURCE_DATA__"
"""The attribute from which sklearn-crfsuite writes a file."""

DECIDING_KEYS: Final = RUN_AS_SOURCE | {"restore_model_spec", "store_backend", RESOURCE_DATA}
"""Attributes by which a class acts: statsmodels evaluates a formula, and joblib loads pickles of a folder."""

STATE_READ_WHOLE: Final = {"FileResource": "sklearn_crfsuite._fileresource"}
"""Classes that act by attributes with common names, so that every attribute of their objects is reported; by module."""

SPECIAL_KEYS: Final = MEMORY_VIEWS | DECIDING_KEYS | {ALL_ATTRIBUTES}
"""Keys that are reported even where their values are plain data."""

WATCHED_KEYS: Final = SPECIAL_KEYS | KERNEL_KEYS
"""Keys whose items are executed and not skipped: besides those, the settings by which a loader runs code."""
