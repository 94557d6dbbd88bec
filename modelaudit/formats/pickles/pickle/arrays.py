"""The arrays that joblib keeps between the opcodes of a pickle, and in files beside it.

On BUILD of a wrapper joblib's loader takes the array out of the file: raw bytes, as many as the shape and the dtype of
the wrapper take, or a whole pickle where the array holds objects. ``pickle.load`` takes the same bytes for opcodes.
Source: ``joblib/numpy_pickle.py`` and ``numpy_pickle_compat.py`` of joblib 0.9 to 1.5.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from modelaudit.formats.pickles.pickle import PickleDefect
from modelaudit.formats.pickles.pickle.dtypes import DTYPE, Dtypes, ForgedError, numbers_of
from modelaudit.formats.pickles.pickle.values import Box, Slot
from modelaudit.formats.weights.numpy.dtype import Dtype, extent
from modelaudit.model.pickle import Made, Name
from modelaudit.wire.base import DamagedError

if TYPE_CHECKING:
    from modelaudit.formats.pickles.pickle.machine import Machine

_INSIDE: Final = frozenset(f"{package}joblib.numpy_pickle.NumpyArrayWrapper" for package in ("", "sklearn.externals."))
_BESIDE: Final = frozenset(
    f"{package}joblib.numpy_pickle{compat}.{prefix}NDArrayWrapper"
    for package in ("", "sklearn.externals.")
    for compat in ("", "_compat")
    for prefix in ("", "Z")
)
_ATTRIBUTES: Final = frozenset({"subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"})
_BESIDE_ATTRIBUTES: Final = frozenset({"filename", "subclass", "allow_mmap", "init_args", "state"})
# What makes an empty array, and which of its arguments is the shape: always (0,), until the state comes.
_SHAPE_OF: Final = {
    "numpy.core.multiarray._reconstruct": 1,
    "numpy._core.multiarray._reconstruct": 1,
    "numpy.ma.core._mareconstruct": 2,
}
_NOT_IN_NAMES: Final = frozenset("/\\:\0")


class OutOfBandError(DamagedError):
    """Bytes that are no opcodes follow, for a loader that knows how to take them; how many cannot be known."""


@dataclass(slots=True)
class Arrays:
    """What one program says of arrays.

    Attributes:
        followed: whether to take arrays out from between the opcodes, as joblib does, or to read on as ``pickle`` does.
        first: offset of the first array between opcodes, once there was one.
        opcodes: how many there are before it.
        objects: whether it is an array of objects.
        wrappers: those whose array was taken.
    """

    dtypes: Dtypes = field(default_factory=Dtypes)
    followed: bool = True
    first: int | None = None
    opcodes: int = 0
    objects: bool = False
    wrappers: dict[int, Made] = field(default_factory=dict)


def note_call(machine: Machine, callee: Slot, given: tuple[Slot, ...], made: Made) -> None:
    """Keep track of dtypes: ``made`` is what ``callee(*given)`` returns."""
    if callee == DTYPE:
        machine.arrays.dtypes.make(made, given)
        return
    machine.arrays.dtypes.use(given)
    at = _SHAPE_OF.get(str(callee)) if isinstance(callee, Name) and callee.module.startswith("numpy.") else None
    if at is not None and at < len(given) and numbers_of(given[at]) != (0,):
        machine.defect(
            PickleDefect.FORGED_STATE, "an array is made with room, which its content will free while others look at it"
        )


def note_state(machine: Machine, target: Slot, state: Slot) -> None:
    """Judge the state that BUILD sets on ``target`` by what NumPy and joblib write, and pass over the array behind it.

    Raises:
        OutOfBandError: an array follows whose extent cannot be known.
        DamagedError: the array is cut off, or the pickle of its objects is damaged.
        WindowError: from the window.
    """
    try:
        machine.arrays.dtypes.set_state(target, state)
    except ForgedError as forged:
        machine.defect(PickleDefect.FORGED_STATE, str(forged))
    maker = str(target.by) if isinstance(target, Made) else ""
    if maker in _BESIDE:
        _check_beside(machine, state)
    elif maker in _INSIDE and isinstance(target, Made):
        _follow(machine, target, state)


def note_items(machine: Machine, target: Box) -> None:
    """Judge that items are put into a mapping that is the state of an object."""
    if machine.arrays.dtypes.keeps(target):
        machine.defect(
            PickleDefect.FORGED_STATE, "the fields of a dtype are changed while something refers to it already"
        )


def _attributes(state: Slot) -> dict[str, Slot] | None:
    """A state that is a plain mapping, kept whole, without repetitions."""
    if not isinstance(state, Box) or state.type != "dict" or state.unseen:
        return None
    pairs = list(state.pairs())
    found = {key: value for key, value in pairs if isinstance(key, str)}
    return found if len(found) == len(pairs) == state.size else None


def _follow(machine: Machine, wrapper: Made, state: Slot) -> None:
    arrays = machine.arrays
    attributes = _attributes(state)
    if attributes is not None and attributes.keys() - _ATTRIBUTES:
        strange = min(attributes.keys() - _ATTRIBUTES)[:80]
        machine.defect(
            PickleDefect.FORGED_STATE, f"an array of joblib with {strange!r}, an attribute that joblib does not write"
        )
    start = machine.offset
    if arrays.first is None:
        arrays.first, arrays.opcodes = start, machine.opcodes
    if not arrays.followed:
        return
    if attributes is None or id(wrapper) in arrays.wrappers:
        raise OutOfBandError("joblib keeps an array's bytes here; how many cannot be known", start)
    arrays.wrappers[id(wrapper)] = wrapper
    if machine.frame_end() > start:
        # joblib's loader has read the whole frame by now, and finds the array behind it.
        machine.defect(PickleDefect.FORGED_STATE, "an array of joblib inside a frame, which joblib never writes")
        raise OutOfBandError("joblib takes the array from behind the frame that goes on here", start)
    dtype = arrays.dtypes.of(attributes.get("dtype"))
    if dtype is None or dtype.objects is None:
        raise OutOfBandError("joblib keeps an array's bytes here; its dtype is not known", start)
    if dtype.objects:
        if attributes.get("allow_mmap", False) is not False:
            # NumPy maps arrays of objects without a word, and takes bytes of the file for addresses.
            machine.defect(PickleDefect.FORGED_STATE, "an array of objects that joblib may map into memory")
        _follow_objects(machine, start)
    else:
        _pass_numbers(machine, start, attributes, dtype)


def _follow_objects(machine: Machine, start: int) -> None:
    machine.arrays.objects = machine.arrays.objects or machine.arrays.first == start
    inner = machine.inside(start)
    inner.arrays.followed = False
    inner.run(machine.dispatch)
    machine.opcodes += inner.opcodes
    machine.nested_dropped += inner.nested_dropped
    if machine.fault is None:
        machine.fault = inner.fault
    if inner.frame_end() > inner.offset:
        machine.defect(PickleDefect.FORGED_STATE, "the pickle of an array ends before its frame does")
        raise OutOfBandError("loaders differ on where the pickle of an array ends", inner.offset)
    machine.go_to(inner.offset)
    machine.stack[-1] = inner.result


def _pass_numbers(machine: Machine, start: int, attributes: dict[str, Slot], dtype: Dtype) -> None:
    shape = attributes.get("shape")
    lengths = numbers_of(shape) if isinstance(shape, Box) else None
    size = extent(lengths, dtype.item_size) if lengths is not None else None
    if size is None:
        raise OutOfBandError("joblib keeps an array's bytes here; its shape is not known", start)
    alignment = attributes.get("numpy_array_alignment_bytes")
    if isinstance(alignment, int):
        padding = machine.window.read(start, 1)
        start += 1 + int.from_bytes(padding, "little")
    elif alignment is not None:
        raise OutOfBandError("joblib keeps an array's bytes here; its alignment is not known", start)
    if start + size > machine.size:
        left = max(0, machine.size - start)
        raise DamagedError(f"an array of joblib takes {size} bytes where {left} are left", start)
    machine.go_to(start + size)
    machine.stack[-1] = Made(Name("numpy", "ndarray"), called=False)


def _check_beside(machine: Machine, state: Slot) -> None:
    """Judge the wrapper of an array in a file of its own, which is unpickled if need be.

    The file is one of the model like any other, unless its name leads out of the folder.
    """
    attributes = _attributes(state)
    name = attributes.get("filename") if attributes is not None else None
    if attributes is None or attributes.keys() - _BESIDE_ATTRIBUTES or not isinstance(name, str):
        machine.defect(
            PickleDefect.FORGED_STATE, "an array of joblib in another file, with a state that joblib does not write"
        )
    elif not name or name in (".", "..") or not _NOT_IN_NAMES.isdisjoint(name):
        machine.defect(PickleDefect.SIDE_FILE_OUTSIDE, f"joblib would load an array from {name[:200]!r}")
    else:
        rest = attributes.get("state")
        parts = [value for _, value in rest.pairs()] if isinstance(rest, Box) else []
        dtypes = [dtype for dtype in map(machine.arrays.dtypes.of, parts) if dtype is not None]
        if any(dtype.objects for dtype in dtypes):
            machine.defect(PickleDefect.FORGED_STATE, "an array of objects with raw bytes in place of the objects")
