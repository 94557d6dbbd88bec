"""Arrays in a pickle: NumPy's own, and those that joblib stores between the opcodes or in another file.

On BUILD of a wrapper, joblib's loader reads the array from the file: raw bytes, whose number follows from the shape and
the dtype of the wrapper, or a whole pickle where the array holds objects. ``pickle.load`` executes the same bytes as
opcodes. Source: ``joblib/numpy_pickle.py`` and ``numpy_pickle_compat.py`` of joblib 0.9 to 1.5.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from modelaudit.formats.pickles.pickle import PickleDefect
from modelaudit.formats.pickles.pickle.dtypes import DTYPE, DtypeTracker, ForgedError, read_lengths
from modelaudit.formats.pickles.pickle.recorder import Recorder
from modelaudit.formats.pickles.pickle.source import ByteSource
from modelaudit.formats.pickles.pickle.values import FORGOTTEN, Container, StackValue
from modelaudit.model.pickle import LARGE_NUMBER, CallResult, Name
from modelaudit.wire.base import DamagedError
from modelaudit.wire.numpy_types import Dtype, count_array_bytes

# Classes whose array follows the BUILD opcode, and classes whose array is in another file, the side file.
_WRAPPERS: Final = frozenset(
    f"{package}joblib.numpy_pickle.NumpyArrayWrapper" for package in ("", "sklearn.externals.")
)
_SIDE_FILE_WRAPPERS: Final = frozenset(
    f"{package}joblib.numpy_pickle{compat}.{prefix}NDArrayWrapper"
    for package in ("", "sklearn.externals.")
    for compat in ("", "_compat")
    for prefix in ("", "Z")
)
# The attributes that joblib writes for a wrapper of the first kind, and for one of the second.
_WRAPPER_ATTRIBUTES: Final = frozenset(
    {"subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"}
)
_SIDE_FILE_ATTRIBUTES: Final = frozenset({"filename", "subclass", "allow_mmap", "init_args", "state"})
MAKERS_OF_ARRAYS: Final = frozenset(
    {Name("numpy.core.multiarray", "_reconstruct"), Name("numpy._core.multiarray", "_reconstruct")}
)
# Functions that make an empty array, and the index of the argument that is its shape. NumPy writes (0,): the state,
# which follows, has the real shape.
_SHAPE_ARGUMENTS: Final = {
    "numpy.core.multiarray._reconstruct": 1,
    "numpy._core.multiarray._reconstruct": 1,
    "numpy.ma.core._mareconstruct": 2,
}
_LONGEST_ATTRIBUTE_SHOWN: Final = 80  # characters of its name
# Characters that lead out of the folder on some system, or end a name.
_NOT_IN_FILE_NAMES: Final = frozenset("/\\:\0")


class OutOfBandError(DamagedError):
    """Bytes that are not opcodes follow, such as an array of joblib, and their number cannot be determined."""


class ArrayPayload(Struct, frozen=True):
    """The bytes of one array between the opcodes.

    Attributes:
        start: offset of the first byte.
        end: offset of the byte after the last one; meaningless for a pickle, which ends with its STOP opcode.
        is_pickle: whether the array holds objects, and the bytes are a pickle of its own.
    """

    start: int
    end: int
    is_pickle: bool


class ArrayTracker:
    """Follows the dtypes and arrays of one program.

    Attributes:
        dtypes: the dtypes that the program makes.
        reads_payloads: whether to read arrays from between the opcodes, as joblib does; otherwise their bytes are
            executed as opcodes, as ``pickle`` does.
        first_payload: offset of the first array between opcodes; ``None`` while there is none.
        opcodes_before_payload: number of opcodes executed before the first array.
        first_holds_objects: whether the first array is an array of objects.
        payloads: the (offset after BUILD, offset of the numbers, offset of the byte after them) of each array of
            numbers between the opcodes; a byte with the length of a padding, and the padding, may precede the numbers.
    """

    def __init__(self, source: ByteSource, recorder: Recorder) -> None:
        self.dtypes = DtypeTracker()
        self.reads_payloads = True
        self.first_payload: int | None = None
        self.opcodes_before_payload = 0
        self.first_holds_objects = False
        self.payloads: list[tuple[int, int, int]] = []
        self._source = source
        self._recorder = recorder
        # The wrappers whose array was located, by identity. Holding a wrapper keeps its identity from being reused.
        self._loaded: dict[int, CallResult] = {}

    def record_call(self, callee: StackValue, arguments: tuple[StackValue, ...], result: CallResult) -> None:
        """Record the dtype that a call makes, or a defect if a call makes an array that is not empty.

        ``result`` represents the result of the call on the stack.
        """
        # To compare the names of every callee would cost time, so the last part of the name is compared first.
        if isinstance(callee, Name) and callee.qualname == DTYPE.qualname and callee == DTYPE:
            self.dtypes.record_new(result, arguments)
            return
        self.dtypes.mark_used(arguments)
        # Building the text of every callee would cost time, so the module is compared first.
        is_numpy = isinstance(callee, Name) and callee.module.startswith("numpy.")
        shape_index = _SHAPE_ARGUMENTS.get(str(callee)) if is_numpy else None
        if shape_index is None or shape_index >= len(arguments):
            return
        if read_lengths(arguments[shape_index]) != (0,):
            self._recorder.record_defect(
                PickleDefect.FORGED_STATE,
                "an array is made with memory that its state frees while views may still use it",
            )

    def record_state(
        self, target: StackValue, state: StackValue, opcodes: int, find_frame_end: Callable[[], int]
    ) -> ArrayPayload | None:
        """Check the state that BUILD sets on ``target``, and locate the array that follows where joblib loads one.

        Args:
            target: the object.
            state: its state.
            opcodes: number of opcodes executed so far.
            find_frame_end: returns the offset where the last frame ends; called only where an array follows.

        Raises:
            OutOfBandError: an array follows whose extent cannot be determined.
            DamagedError: the array is truncated.
            WindowError: the window could not return the requested bytes.
        """
        try:
            self.dtypes.record_state(target, state)
        except ForgedError as forged:
            self._recorder.record_defect(PickleDefect.FORGED_STATE, str(forged))
        class_name = str(target.maker) if isinstance(target, CallResult) else ""
        if class_name in _SHAPE_ARGUMENTS and isinstance(state, Container):
            self._check_items(state)
        if class_name in _SIDE_FILE_WRAPPERS:
            self._check_side_file(state)
        elif class_name in _WRAPPERS and isinstance(target, CallResult):
            return self._locate_payload(target, state, opcodes, find_frame_end)
        return None

    def check_changed_state(self, target: Container) -> None:
        """Record a defect if ``target``, a mapping that is about to change, holds the fields of a dtype."""
        if self.dtypes.is_used_as_fields(target):
            self._recorder.record_defect(
                PickleDefect.FORGED_STATE, "the fields of a dtype are changed while something refers to it already"
            )

    def check_frame_of_objects(self, frame_end: int, end: int) -> None:
        """Check that the pickle of an array of objects does not end inside a frame.

        Args:
            frame_end: offset where its last frame ends.
            end: offset of the byte after its STOP.

        Raises:
            OutOfBandError: it ends inside a frame. Some loaders then continue after the frame, others after STOP.
        """
        if frame_end > end:
            self._recorder.record_defect(PickleDefect.FORGED_STATE, "the pickle of an array ends before its frame does")
            raise OutOfBandError("loaders differ on where the pickle of an array ends", end)

    def check_result_of_objects(self, result: StackValue) -> None:
        """Record a defect if the pickle of an array of objects makes anything but an array.

        joblib calls ``byteswap()`` of what it gets, by attributes that an object has from its state
        (``_ensure_native_byte_order`` in ``numpy_pickle_utils.py``).
        """
        if not isinstance(result, CallResult) or result.maker not in MAKERS_OF_ARRAYS:
            self._recorder.record_defect(PickleDefect.FORGED_STATE, "the pickle of an array makes no array")

    def _check_items(self, state: Container) -> None:
        """Record a defect if the state of an array of objects has a large shape and fewer objects.

        NumPy allocates the memory for the shape before it compares (``array_setstate`` in ``methods.c``).
        """
        # Most arrays have no list in their state, and a training log has very many arrays.
        if not any(type(part) is Container and part.type == "list" for part in state.entries):
            return
        parts = [part for _, part in state.iterate_items() if isinstance(part, Container)]
        objects = next((part for part in parts if part.type == "list"), None)
        if objects is None or objects.has_unseen_items or objects.is_forgotten:
            return
        count = max((math.prod(read_lengths(part) or ()) for part in parts), default=0)
        if count > max(objects.size, LARGE_NUMBER):
            self._recorder.record_defect(
                PickleDefect.FORGED_STATE, f"an array is given a shape of {count} objects and a list of {objects.size}"
            )

    def _locate_payload(
        self, wrapper: CallResult, state: StackValue, opcodes: int, find_frame_end: Callable[[], int]
    ) -> ArrayPayload | None:
        """Locate the array that follows the BUILD of a wrapper; ``None`` if its bytes are executed as opcodes.

        An attribute, a frame or an option that joblib does not write is recorded as a defect.
        """
        attributes = _read_attributes(state)
        unknown = sorted(attributes.keys() - _WRAPPER_ATTRIBUTES) if attributes is not None else []
        if unknown:
            first = unknown[0][:_LONGEST_ATTRIBUTE_SHOWN]
            self._recorder.record_defect(
                PickleDefect.FORGED_STATE, f"a joblib array has the attribute {first!r}, which joblib does not write"
            )
        start = self._source.offset
        if self.first_payload is None:
            self.first_payload, self.opcodes_before_payload = start, opcodes
        if not self.reads_payloads:
            return None
        # A program that joblib wrote sets the state of a wrapper once.
        if attributes is None or id(wrapper) in self._loaded:
            self._record_forged_wrapper(state, "a state that is not a plain mapping, or its second state")
            raise OutOfBandError("joblib stores the bytes of an array here; how many cannot be determined", start)
        self._loaded[id(wrapper)] = wrapper
        if find_frame_end() > start:
            # joblib's loader has read the whole frame by now, and finds the array after it.
            self._recorder.record_defect(
                PickleDefect.FORGED_STATE, "an array of joblib inside a frame, which joblib never writes"
            )
            raise OutOfBandError("joblib reads the array from behind the frame that continues here", start)
        dtype = self._get_array_dtype(attributes.get("dtype"), start)
        if not dtype.holds_objects:
            return self._locate_numbers(start, attributes, dtype)
        if attributes.get("allow_mmap", False) is not False:
            # NumPy maps arrays of objects without complaint, and uses bytes of the file as pointers.
            self._recorder.record_defect(
                PickleDefect.FORGED_STATE, "an array of objects that joblib may map into memory"
            )
        if self.first_payload == start:
            self.first_holds_objects = True
        return ArrayPayload(start, start, is_pickle=True)

    def _get_array_dtype(self, value: StackValue, start: int) -> Dtype:
        """Return the dtype ``value`` of the array whose bytes begin at ``start``.

        Raises:
            OutOfBandError: the dtype is unknown.
        """
        dtype = self.dtypes.get_dtype(value)
        if dtype is None or dtype.holds_objects is None:
            if not isinstance(value, CallResult):  # a call may make a dtype of another package
                self._record_forged_wrapper(value, "a value in place of its dtype")
            raise OutOfBandError("joblib stores the bytes of an array here; its dtype is unknown", start)
        return dtype

    def _locate_numbers(self, start: int, attributes: dict[str, StackValue], dtype: Dtype) -> ArrayPayload:
        """Return the extent of an array of numbers from its shape, dtype and alignment; ``start`` is after BUILD."""
        shape = attributes.get("shape")
        lengths = read_lengths(shape) if isinstance(shape, Container) else None
        size = count_array_bytes(lengths, dtype.item_size) if lengths is not None else None
        if lengths is None:
            self._record_forged_wrapper(shape, "a shape that is not a tuple of integers")
        if size is None:
            unknown = "its shape" if lengths is None else "the size of its numbers"
            raise OutOfBandError(f"joblib stores the bytes of an array here; {unknown} is unknown", start)
        alignment = attributes.get("numpy_array_alignment_bytes")
        numbers_start = start
        if isinstance(alignment, int):
            # joblib 1.2 and later align the numbers: one byte with the length of the padding, and the padding.
            padding_length = int.from_bytes(self._source.window.read(start, 1), "little")
            numbers_start += 1 + padding_length
        elif alignment is not None:
            self._record_forged_wrapper(alignment, "an alignment that is not an integer")
            raise OutOfBandError("joblib stores the bytes of an array here; its alignment is unknown", start)
        end = numbers_start + size
        if end > self._source.size:
            bytes_left = max(0, self._source.size - numbers_start)
            raise DamagedError(f"an array of joblib takes {size} bytes where {bytes_left} are left", numbers_start)
        self.payloads.append((start, numbers_start, end))
        return ArrayPayload(numbers_start, end, is_pickle=False)

    def _record_forged_wrapper(self, value: StackValue, reason: str) -> None:
        """Record that a wrapper has a ``value`` that joblib does not write, unless the machine has forgotten it.

        The bytes of the array then end where only a loader can know, and opcodes that use the memo may follow them.
        """
        kept_items = [item for _, item in value.iterate_items()] if isinstance(value, Container) else [value]
        if FORGOTTEN not in kept_items and not (isinstance(value, Container) and value.is_forgotten):
            self._recorder.record_defect(
                PickleDefect.FORGED_STATE, f"a joblib array has {reason}, which joblib does not write"
            )

    def _check_side_file(self, state: StackValue) -> None:
        """Check the wrapper of an array that joblib loads from another file, by unpickling it if need be.

        The file is scanned like any other of the model. Defects are a state that joblib does not write, a name outside
        the folder, and raw bytes in place of objects.
        """
        attributes = _read_attributes(state)
        name = attributes.get("filename") if attributes is not None else None
        if attributes is None or attributes.keys() - _SIDE_FILE_ATTRIBUTES or not isinstance(name, str):
            self._recorder.record_defect(
                PickleDefect.FORGED_STATE, "an array of joblib in another file, with a state that joblib does not write"
            )
        elif not name or name in (".", "..") or not _NOT_IN_FILE_NAMES.isdisjoint(name):
            self._recorder.record_defect(
                PickleDefect.SIDE_FILE_OUTSIDE, f"joblib would load an array from {name[:200]!r}"
            )
        else:
            # The older class keeps the state of the array, which has its dtype, and the side file has its bytes. A
            # dtype of objects there makes NumPy take these bytes for pointers.
            array_state = attributes.get("state")
            parts = [value for _, value in array_state.iterate_items()] if isinstance(array_state, Container) else []
            dtypes = [self.dtypes.get_dtype(part) for part in parts]
            if any(dtype is not None and dtype.holds_objects for dtype in dtypes):
                self._recorder.record_defect(
                    PickleDefect.FORGED_STATE, "an array of objects with raw bytes in place of objects"
                )


def _read_attributes(state: StackValue) -> dict[str, StackValue] | None:
    """Return the attributes that a state sets, by name.

    Returns ``None`` unless the state is a mapping with keys that are texts and do not repeat, and the machine has kept
    all of its items.
    """
    if not isinstance(state, Container) or state.type != "dict" or state.has_unseen_items:
        return None
    pairs = list(state.iterate_items())
    attributes = {key: value for key, value in pairs if isinstance(key, str)}
    has_text_keys_once = len(attributes) == len(pairs)
    is_kept_whole = len(pairs) == state.size
    return attributes if has_text_keys_once and is_kept_whole else None
