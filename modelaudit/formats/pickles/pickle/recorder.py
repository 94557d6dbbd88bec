"""The record of a pickle program: events, defects, and how often each name is used."""

from __future__ import annotations

from collections import Counter
from typing import Final

from modelaudit.formats.pickles.pickle import PickleDefect
from modelaudit.formats.pickles.pickle.code import outline_called_code
from modelaudit.formats.pickles.pickle.event_keys import (
    KEYED_OPERANDS,
    build_quick_key,
    find_forms,
    find_significant_parts,
)
from modelaudit.formats.pickles.pickle.handed import HandedObjects
from modelaudit.formats.pickles.pickle.listing import list_instructions
from modelaudit.formats.pickles.pickle.magnitudes import (
    classify_magnitudes,
    measure_magnitudes,
)
from modelaudit.formats.pickles.pickle.source import ByteSource
from modelaudit.formats.pickles.pickle.traced_modules import TracedModuleTracker
from modelaudit.formats.pickles.pickle.unpickled_files import UnpickledFileTracker
from modelaudit.formats.pickles.pickle.values import ACTING_TYPES, Container, StackValue, freeze_values
from modelaudit.languages.kernel_keys import KERNEL_KEYS
from modelaudit.model.defect_kind import DefectKind
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import (
    COMPUTED_KEY,
    LARGE_NUMBER,
    Act,
    CallResult,
    ContainerValue,
    Name,
    PickleEvent,
    Unknown,
    Value,
)
from modelaudit.model.structure import CodeOutline, Defect, Location
from modelaudit.wire.base import LimitReachedError

_DEFECTS_KEPT: Final = 100  # of each kind
_SETTINGS_KEPT: Final = 200
_CODES_KEPT: Final = 100  # outlines of code objects
_EVENTS_LISTED: Final = 2000  # with the opcodes that lead to them
# A file may act very often, so later events keep less of their arguments: memory stays bounded by events x nodes.
_EVENTS_IN_DETAIL: Final = 1000
_PARTS_KEPT, _FEWER_PARTS_KEPT = 200, 20  # parts of all arguments of an event
# Parts of all arguments of all events, of some 300 bytes each. Later events keep few arguments, each as one part.
_MOST_PARTS: Final = 150_000
_PARTS_OF_ATTRIBUTE: Final = 2
_ARGUMENTS_KEPT: Final = 4
_MORE_VALUES: Final = Unknown("more values than are kept")

# A loader continues after these: the unpickler in C, or that in Python, which joblib and dill build on. At any other
# defect both raise.
_TOLERATED: Final = frozenset(
    {
        PickleDefect.AMBIGUOUS_NUMBER,
        PickleDefect.UNENDED_LINE,
        PickleDefect.FORGED_STATE,
        PickleDefect.FRAME_TOO_LONG,
        PickleDefect.MEMO_INDEX,
        PickleDefect.SIDE_FILE_OUTSIDE,
    }
)

# The most frequent functions of large files. Trackers of arrays and storages compare their numbers, or they have none.
_MEASURED_ELSEWHERE: Final = frozenset(
    {"scalar", "_reconstruct", "encode", "_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter"}
)


class Recorder:
    """Gathers the events and defects of one program, and how it uses names. Identical events are kept once.

    Attributes:
        events: in order.
        defects: a bounded number of each kind.
        defect_counts: how many of each kind occurred.
        uses: how often each name was put on the stack, less how often it was called.
        codes: outlines of the code objects that calls build from tables.
        stream: number of the program among those that follow one another in the artifact.
        fault: offset of the opcode where every loader would have raised; ``None`` while there is none.
        bounds_reached: bounds that were reached and did not end the program, one line each, in order.
        settings: keys by which a loader runs or downloads code, with their values; a bounded number.
        handed: the objects that code gets.
        traced: the modules of torch that the program rebuilds from source.
        unpickled: the constants that a class may unpickle.
    """

    def __init__(self, source: ByteSource, limits: Limits, stream: int) -> None:
        self.events: list[PickleEvent] = []
        self.defects: list[Defect] = []
        self.defect_counts: Counter[str] = Counter()
        self.uses: Counter[Name] = Counter()
        self.codes: list[CodeOutline] = []
        self.fault: int | None = None
        self.bounds_reached: dict[str, None] = {}
        self.settings: list[tuple[str, StackValue]] = []
        self.handed = HandedObjects()
        self.traced = TracedModuleTracker(source.window)
        self.unpickled = UnpickledFileTracker()
        self._setting_texts: set[tuple[str, StackValue]] = set()
        self._keys: set[tuple[object, ...]] = set()
        self._parts_left = _MOST_PARTS
        self._source = source
        self._limits = limits
        self.stream = stream

    def share_records(self, outer: Recorder) -> None:
        """Record into the same lists as ``outer``, for a program inside its program. The fault stays separate."""
        self.events, self.defects, self.defect_counts = outer.events, outer.defects, outer.defect_counts
        self.uses, self._keys, self.stream = outer.uses, outer._keys, outer.stream
        self.bounds_reached, self.settings = outer.bounds_reached, outer.settings
        self._setting_texts, self.handed, self.traced = outer._setting_texts, outer.handed, outer.traced
        self.unpickled = outer.unpickled

    def record_bound(self, detail: str) -> None:
        """Record that a bound was reached, after which the program goes on with less detail."""
        self.bounds_reached[detail] = None

    def record_setting(self, key: str, value: StackValue) -> None:
        """Record an item of a mapping that may be the state of a configuration; a text counts once."""
        if len(self.settings) < _SETTINGS_KEPT:
            if not isinstance(value, str) or (key, value) not in self._setting_texts:
                self.settings.append((key, value))
            if isinstance(value, str):
                self._setting_texts.add((key, value))
        elif (key, value) not in self._setting_texts:
            self.record_bound(f"only the first {_SETTINGS_KEPT} settings of configurations were analysed")

    def list_computed_settings(self) -> list[str]:
        """Return the keys, each once, whose values are known only when the file is loaded, as a whole or in part."""
        kernels = ((key, value) for key, value in self.settings if key in KERNEL_KEYS)
        return list(dict.fromkeys(key for key, value in kernels if _is_computed(value)))

    def record_defect(self, kind: DefectKind, detail: str) -> None:
        """Record a contradiction at the current opcode. Except for a few kinds, every loader would raise here."""
        offset = self._source.opcode_offset
        if self.fault is None and kind not in _TOLERATED:
            self.fault = offset
        # Counted by kind, so that many of a harmless kind do not displace another.
        self.defect_counts[kind] += 1
        if self.defect_counts[kind] <= _DEFECTS_KEPT:
            self.defects.append(Defect(kind, detail, Location(offset=offset)))

    def record_event(
        self,
        act: Act,
        opcode: str,
        operand: StackValue,
        arguments: tuple[StackValue, ...] = (),
        set_attributes: tuple[tuple[str, Value], ...] = (),
        returned_global: Name | None = None,
    ) -> None:
        """Record an act of the loader, once for each operand and each combination of significant arguments.

        Args:
            act: the act of the loader.
            opcode: name of the opcode.
            operand: the name that is imported or called, or the object that is changed.
            arguments: the arguments of a call, the items or the state.
            set_attributes: the attributes that a state sets to values that can act.
            returned_global: the global that a call returns, if it is known.

        Raises:
            LimitReachedError: there are more different events than are kept.
        """
        if act is Act.CALL or act is Act.CONSTRUCT or act is Act.PERSISTENT_LOAD:
            self.handed.record(act, operand, arguments)
        # Most events of a large pickle repeat an earlier one; the keys find that without freezing the arguments.
        quick_key = build_quick_key(act, operand, arguments) if returned_global is None else None
        if quick_key is not None:
            if quick_key in self._keys:
                return
            self._keys.add(quick_key)
        most_parts = self._choose_parts()
        # Names and results of calls are immutable already.
        is_frozen = type(operand) in KEYED_OPERANDS
        frozen_operand: Value = operand if is_frozen else freeze_values((operand,), most_parts)[0]  # type: ignore[assignment]
        measured = _select_measured(act, operand, arguments)
        # The numbers of two calls are multiplied if one stores a function and the other calls it, so they all count.
        least = 1 if measured and _may_split_numbers(act, operand, measured) else LARGE_NUMBER
        magnitudes = measure_magnitudes(measured, least) if measured else None
        result = (returned_global, None if magnitudes is None else classify_magnitudes(magnitudes))
        forms = find_forms(arguments) if act is Act.CALL and type(operand) is Name else None
        key = (act, frozen_operand, find_significant_parts(arguments, most_parts), set_attributes, *result, forms)
        if key in self._keys:
            return
        source = self._source
        offset = source.opcode_offset
        if len(self.events) >= self._limits.pickle_events:
            raise LimitReachedError(f"more than {self._limits.pickle_events} different acts", offset)
        if self._parts_left <= 0:
            self.record_bound("acts have so many arguments that only the first of later ones are kept")
            arguments, set_attributes = _cut_arguments(arguments), _cut_attributes(set_attributes)
            key = (act, frozen_operand, find_significant_parts(arguments, most_parts), set_attributes, *result, forms)
            if key in self._keys:
                return
        self._keys.add(key)
        values = freeze_values(arguments, most_parts)
        self._parts_left -= sum(map(_count_parts, values)) + _PARTS_OF_ATTRIBUTE * len(set_attributes)
        is_listed = len(self.events) < _EVENTS_LISTED
        chunk = (source.base, source.buffer)
        listing = tuple(list_instructions(source.window, source.trail, chunk)) if is_listed else ()
        event = PickleEvent(
            act,
            offset,
            opcode,
            frozen_operand,
            values,
            self.stream,
            set_attributes,
            listing,
            returned_global,
            magnitudes,
        )
        self.events.append(event)

    def _choose_parts(self) -> int:
        """Return how many parts of all arguments the next event keeps."""
        if self._parts_left <= 0:
            return 1
        return _PARTS_KEPT if len(self.events) < _EVENTS_IN_DETAIL else _FEWER_PARTS_KEPT

    def record_code(self, arguments: tuple[StackValue, ...]) -> None:
        """Record the code object that a call with these arguments builds, if it builds one."""
        # Outlining costs time, so calls beyond the bound are not outlined at all.
        code = outline_called_code(arguments, self._source.opcode_offset) if len(self.codes) < _CODES_KEPT else None
        if code is not None:
            self.codes.append(code)


def _select_measured(act: Act, operand: StackValue, arguments: tuple[StackValue, ...]) -> tuple[StackValue, ...]:
    """Return the values of an event whose numbers may decide how much memory or time a loader takes."""
    if act is Act.CALL or act is Act.CONSTRUCT:
        return () if isinstance(operand, Name) and operand.qualname in _MEASURED_ELSEWHERE else arguments
    state = arguments[0] if act is Act.SET_STATE and type(operand) is CallResult else None
    # A state that is a mapping is only stored. A type that is written in C reads its figures from a tuple.
    if type(state) is Container and state.type == "tuple":
        if any(type(item) is Name for item in state.entries):
            return arguments  # such as the function and the arguments of a ``partial``
        return tuple([item for item in state.entries if type(item) is int])
    return ()


def _may_split_numbers(act: Act, operand: StackValue, measured: tuple[StackValue, ...]) -> bool:
    """Whether an event may store a function with some of its arguments, or call one with the others."""
    if type(operand) is CallResult:
        return act is Act.CALL or type(measured[0]) is Container
    return any(type(value) is Name or type(value) is CallResult for value in measured)


def _cut_arguments(arguments: tuple[StackValue, ...]) -> tuple[StackValue, ...]:
    """Return the first arguments, and an unknown one in place of the others."""
    is_cut = len(arguments) > _ARGUMENTS_KEPT
    return (*arguments[:_ARGUMENTS_KEPT], _MORE_VALUES) if is_cut else arguments


def _cut_attributes(attributes: tuple[tuple[str, Value], ...]) -> tuple[tuple[str, Value], ...]:
    """Return the first attributes, and an unknown one in place of the others."""
    is_cut = len(attributes) > _ARGUMENTS_KEPT
    return (*attributes[:_ARGUMENTS_KEPT], (COMPUTED_KEY, _MORE_VALUES)) if is_cut else attributes


def _count_parts(value: Value) -> int:
    """Return the number of parts of a frozen value."""
    items = value.entries if isinstance(value, ContainerValue) else ()
    return 1 + sum(_count_parts(item) for _, item in items)


def _is_computed(value: StackValue) -> bool:
    """Whether a call, an import or an object from outside gives a value, or an item of it, its text."""
    if isinstance(value, Container):
        return value.is_forgotten or any(type(inner) in ACTING_TYPES for _, inner in value.iterate_items())
    return type(value) in ACTING_TYPES
