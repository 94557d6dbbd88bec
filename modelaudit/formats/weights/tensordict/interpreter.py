"""Interpret the metadata of TensorDict: list the files of raw numbers that they describe.

``load_memmap`` maps ``NAME.memmap`` as the array of the key ``NAME``, and makes an object of a registered class,
whatever the metadata name. Source: ``tensordict/base.py`` and ``tensordict/_td.py``, version 0.15.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.settings import Interpreter, Scalar, Setting
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline, Reference, ReferenceKind, References
from modelaudit.model.structure import Location
from modelaudit.wire.base import LimitReachedError, Reading
from modelaudit.wire.text import get_file_name

FORMAT: Final = "tensordict"
_METADATA_FILE: Final = "meta.json"
_CLASS_KEY: Final = "_type"
_CLASS_START: Final = "<class 'tensordict."
_ITEM_BYTES: Final = {
    "bool": 1, "uint8": 1, "int8": 1, "float8_e4m3fn": 1, "float8_e5m2": 1, "int16": 2, "uint16": 2, "float16": 2,
    "bfloat16": 2, "int32": 4, "uint32": 4, "float32": 4, "int64": 8, "uint64": 8, "float64": 8, "complex64": 8,
    "complex128": 16,
}  # fmt: skip
_MAX_ITEMS: Final = 10_000


def read(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the number of arrays, and the files that hold them with their sizes in bytes.

    Raises:
        LimitReachedError: after the outline, if there are too many arrays.
    """
    if not any(each.path == (_CLASS_KEY,) and str(each.value).startswith(_CLASS_START) for each in settings):
        return
    # The loader looks for metadata only in files of this name, so no other file can account for arrays.
    if get_file_name(path) != _METADATA_FILE:
        return
    types = {each.path[0]: each for each in settings if len(each.path) == 2 and each.key == "dtype"}
    # Gathered once, since a file may have as many settings as names.
    shapes: dict[str, list[Scalar]] = {}
    for each in settings:
        if len(each.path) == 3 and each.path[1] == "shape":
            shapes.setdefault(each.path[0], []).append(each.value)
    references = []
    for name, setting in list(types.items())[:_MAX_ITEMS]:
        size = _measure_array(str(setting.value), shapes.get(name, ()))
        if size is not None:
            where = Location(line=setting.line)
            references.append(Reference(ReferenceKind.DATA, f"{name}.memmap", name, size, where))
    yield Outline(FORMAT, facts=(("arrays", str(len(types))),))
    yield References(FORMAT, tuple(references))
    if len(types) > _MAX_ITEMS:
        raise LimitReachedError(f"only the first {_MAX_ITEMS} arrays of the metadata were read")


def _measure_array(dtype: str, sizes: Sequence[Scalar]) -> int | None:
    """Return the size of an array in bytes; ``None`` if its type or one of its sizes is unknown."""
    item = _ITEM_BYTES.get(dtype.removeprefix("torch."))
    if item is None or not all(type(each) is int and each >= 0 for each in sizes):
        return None
    return item * math.prod(each for each in sizes if isinstance(each, int))


INTERPRETER: Final = Interpreter(frozenset({_CLASS_KEY}), read)
