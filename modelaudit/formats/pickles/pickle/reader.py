"""Read pickles: one or more programs in a row, and torch's layout before zip, which has five of them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from heapq import merge
from typing import Final

from modelaudit.formats.pickles.pickle import legacy
from modelaudit.formats.pickles.pickle.arrays import OutOfBandError
from modelaudit.formats.pickles.pickle.indices import MemoReads
from modelaudit.formats.pickles.pickle.machine import Machine, is_opcode
from modelaudit.formats.pickles.pickle.nested import NestedConstant, open_constants
from modelaudit.formats.pickles.pickle.plain_values import read_values
from modelaudit.formats.pickles.pickle.recognition import has_acted, starts_pickle
from modelaudit.formats.pickles.pickle.traced_modules import TracedModuleCollection
from modelaudit.formats.pickles.pickle.trial import is_importable
from modelaudit.formats.pickles.pickle.unpickled_files import UnpickledFileCollection
from modelaudit.formats.pickles.pickle.values import StackValue
from modelaudit.formats.value_trees import ValueTree
from modelaudit.model.artifact import TORCHSCRIPT, Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import Handing, Name, PickleEvent, PickleProgram, PickleStream
from modelaudit.model.structure import CodeOutline, Defect, Location, TensorData, Unread, UnreadReason
from modelaudit.model.torch import StorageClaim
from modelaudit.wire.base import DamagedError, LimitReachedError, Reading
from modelaudit.wire.ledger import claim_data, claim_parsed
from modelaudit.wire.windows import SubWindow, get_budget

# ``MAGIC_NUMBER`` of ``torch/serialization.py``, the first of the five pickles of the layout before zip.
_TORCH_MAGIC: Final = 0x1950A86A20F9469CFC6C
_TORCH_STREAMS: Final = 5
_DEFECTS_KEPT: Final = 200  # of each kind
_CODES_KEPT: Final = 200  # outlines of code objects
# Numbers hardly ever form this many valid opcodes in a row.
_FEWEST_OPCODES: Final = 3


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Execute every pickle in the artifact; yield one program of them all, the absences, and nested files as artifacts.

    Raises:
        LimitReachedError: the claims on the arrays lie in too many separate ranges.
        WindowError: the window could not return the requested bytes.
    """
    programs = _PickleSequence(window, limits, TORCHSCRIPT if artifact.content == TORCHSCRIPT else "raw")
    programs.execute_all()
    storages = None
    if programs.is_legacy_torch():
        keys_start = programs.streams[-1].start
        keys = SubWindow(window, keys_start, programs.end - keys_start, get_budget(window, limits))
        storages = legacy.locate_storages(window, keys, programs.end, programs.claims, limits)
    nested = open_constants(
        artifact, window, programs.nested, limits, lambda inner: _is_nested_pickle(inner, limits), programs.dropped
    )
    codes = list(programs.codes)
    for event in programs.events:
        codes += nested.outline_code(event)
    yield PickleProgram(
        programs.layout,
        tuple(programs.streams),
        tuple(map(nested.resolve_arguments, programs.events)),
        programs.opcodes,
        tuple(name for name, count in programs.uses.items() if count > 0),
        _keep_first_of_each_kind(programs.defects),
        tuple(codes[:_CODES_KEPT]),
        programs.claims if storages is None else storages.claims,
        tuple(programs.handings),
        programs.traced.build(),
        programs.unpickled.build(nested.formats),
    )
    yield from (*programs.unread, *programs.unchecked, *nested.unread)
    yield from programs.values.interpret(artifact.path, limits)
    yield from nested.children
    if storages is not None:
        yield TensorData(storages.size)
        if storages.unread is not None:
            yield storages.unread


class _PickleSequence:
    """The pickles that follow one another in an artifact, and the records of their programs.

    Attributes:
        layout: ``raw``, ``torch-legacy`` or the layout of the archive around them.
        streams: the extent and protocol of each pickle.
        events: the events of all programs, as ``pickle.load`` and joblib's loader would cause them.
        defects: the defects of all programs.
        unread: the absence where execution stopped, if it stopped before the end.
        unchecked: absences of single checks that exceeded a bound.
        nested: constants that begin like a file.
        codes: outlines of code objects that calls build.
        uses: how often each name was put on a stack, less how often it was called.
        claims: the statements of the programs about the storages of torch.
        handings: the objects that code gets while the programs are executed.
        traced: the modules of torch that the programs rebuild from source.
        unpickled: the constants that a class may unpickle.
        values: the plain values of the programs on which a loader may act.
        dropped: number of constants that begin like a file and are not in ``nested`` because of a bound.
        opcodes: number of opcodes executed.
        end: offset of the byte after the last pickle.
    """

    def __init__(self, window: Window, limits: Limits, layout: str) -> None:
        self.layout = layout
        self.streams: list[PickleStream] = []
        self.events: list[PickleEvent] = []
        self.defects: list[Defect] = []
        self.unread: list[Unread] = []
        self.unchecked: list[Unread] = []
        self.nested: list[NestedConstant] = []
        self.codes: list[CodeOutline] = []
        self.uses: Counter[Name] = Counter()
        self.claims: tuple[StorageClaim, ...] = ()
        self.handings: dict[Handing, None] = {}
        self.traced = TracedModuleCollection()
        self.unpickled = UnpickledFileCollection()
        self.values = ValueTree()
        self.dropped = 0
        self.opcodes = 0
        self.end = 0
        self._window = window
        self._limits = limits
        # For all programs, so that the bytes are searched once.
        self._memo_reads = MemoReads(window, 0)

    def execute_all(self) -> None:
        """Execute one pickle after the other, to the end of the bytes or where no pickle begins."""
        window, limits = self._window, self._limits
        while self.end < window.size and not self.unread:
            if len(self.streams) >= limits.pickle_streams:
                detail = f"only the first {limits.pickle_streams} pickles were read"
                self.unread.append(Unread(UnreadReason.LIMIT, detail, _locate(self.end)))
                return
            machine = Machine(
                window, self.end, limits, len(self.streams), skips_plain_data=True, reads=self._memo_reads
            )
            self.unread.extend(_execute_to_stop(machine))
            self._add_program(machine, self.end)
            if len(self.streams) == 1 and _is_torch_magic(machine.result):
                self.layout = "torch-legacy"
            if self.layout == "torch-legacy" and len(self.streams) == _TORCH_STREAMS:
                return
            if not self.unread and self.end < window.size and not starts_pickle(window, self.end, limits):
                return

    def is_legacy_torch(self) -> bool:
        """Whether these are the five pickles of torch's layout before zip, executed to their ends."""
        return self.layout == "torch-legacy" and len(self.streams) == _TORCH_STREAMS and not self.unread

    def _add_program(self, machine: Machine, start: int) -> None:
        """Add the records of a program that ``machine`` has executed from the offset ``start``."""
        recorder, end = machine.recorder, machine.source.offset
        computed_settings = list(_report_computed_settings(machine, start))
        self.unpickled.add(recorder.unpickled, has_other_reading=machine.arrays.first_payload is not None)
        machine.release_values()
        _claim_program(self._window, start, end, machine)
        values_absence = read_values(self._window, start, machine, self.values)
        self.unchecked.extend(_report_overflow(machine, start))
        self.unchecked.extend(computed_settings)
        self.unchecked.extend(filter(None, (values_absence,)))
        self.unchecked.extend(_report_open_marks(machine))
        self.streams.append(PickleStream(start, end, machine.protocol, complete=not self.unread))
        other_events = _find_events_of_plain_pickle(machine, start)
        self.events += [*recorder.events, *other_events]
        self.traced.add(recorder.traced, other_events)
        self.defects += recorder.defects
        self.opcodes += machine.opcodes
        self.nested += machine.nested.found
        self.dropped += machine.nested.dropped
        self.codes += recorder.codes
        self.uses += recorder.uses
        self.claims += machine.storages.build_claims()
        self.handings |= recorder.handed.handings
        self.end = end


def _claim_program(window: Window, start: int, end: int, machine: Machine) -> None:
    """Claim a program from ``start`` to ``end``, which ``machine`` executed opcode by opcode.

    Its constants of bytes and the arrays between its opcodes are data. joblib fills the padding before numbers with
    equal bytes, which need no claim.
    """
    position = start
    bounds = iter(machine.data_ranges)
    constants = ((data_start, data_start, data_end) for data_start, data_end in zip(bounds, bounds, strict=True))
    for payload_start, numbers_start, numbers_end in merge(machine.arrays.payloads, constants):
        length_byte = 1 if numbers_start > payload_start else 0
        claim_parsed(window, position, payload_start + length_byte)
        claim_data(window, numbers_start, numbers_end)
        position = numbers_end
    claim_parsed(window, position, end)


def _keep_first_of_each_kind(defects: list[Defect]) -> tuple[Defect, ...]:
    """Return the first ``_DEFECTS_KEPT`` of each kind, so that many of a harmless kind do not displace another."""
    counts: Counter[str] = Counter()
    first_defects = []
    for defect in defects:
        counts[defect.kind] += 1
        if counts[defect.kind] <= _DEFECTS_KEPT:
            first_defects.append(defect)
    return tuple(first_defects)


def _report_overflow(machine: Machine, start: int) -> Iterator[Unread]:
    """Yield an absence if the program has more values, dtypes, arrays, storages or tensors than were checked."""
    storages = machine.storages
    overflows = (*machine.recorder.bounds_reached, machine.arrays.dtypes.overflow, storages.overflow)
    for overflow in filter(None, overflows):
        yield Unread(UnreadReason.LIMIT, overflow, _locate(start))
    if storages.unmeasured_tensors:
        detail = (
            f"the extent of {storages.unmeasured_tensors} tensors in their storages is unknown: torch does not write "
            "such offsets, sizes or strides"
        )
        yield Unread(UnreadReason.UNJUDGED, detail, _locate(start))


def _report_computed_settings(machine: Machine, start: int) -> Iterator[Unread]:
    """Yield an absence for each setting by which a loader may download code, if the program computes its value."""
    for key in machine.recorder.list_computed_settings():
        detail = (
            f"the program computes the value of {key}, by which a loader may download code; load the file in a sandbox "
            "to read the value"
        )
        yield Unread(UnreadReason.UNJUDGED, detail, _locate(start))


def _report_open_marks(machine: Machine) -> Iterator[Unread]:
    """Yield an absence if the program reached STOP within a container.

    Unpicklers return the last value then, and no pickler writes that: bytes were lost or replaced.
    """
    marks = len(machine.stack.marks)
    if marks and machine.has_stopped:
        detail = f"the pickle ends within a container: {marks} marks are open at its STOP"
        yield Unread(UnreadReason.DAMAGED, detail, _locate(machine.source.opcode_offset))


def _find_events_of_plain_pickle(joblib_machine: Machine, start: int) -> list[PickleEvent]:
    """Return the events that ``pickle.load`` would cause and joblib's loader would not.

    ``pickle.load`` executes the arrays between the opcodes as opcodes. Numbers form one or two valid opcodes by
    chance, but hardly ever three, so an event counts only after three opcodes. An array of objects is a pickle,
    which ``pickle.load`` executes as a part of the outer one: memo indices then refer to other entries, and names
    result that exist nowhere. Events with such names are left out.

    Args:
        joblib_machine: the machine that has executed the program as joblib's loader would.
        start: offset of the program.
    """
    arrays, source = joblib_machine.arrays, joblib_machine.source
    payload_start = arrays.first_payload
    # Since joblib 1.2 the first byte is the length of the padding, which is not an opcode.
    if payload_start is None:
        return []
    first_byte = source.window.read(payload_start, 1)
    if not first_byte or not is_opcode(first_byte[0]):
        return []
    machine = Machine(
        source.window,
        start,
        joblib_machine.limits,
        joblib_machine.recorder.stream,
        skips_plain_data=True,
        reads=joblib_machine.sweeper.reads,
    )
    machine.arrays.reads_payloads = False
    with suppress(DamagedError, WindowError):
        machine.execute(until=_has_failed)
    joblib_acts = {(event.act, event.operand, event.arguments) for event in joblib_machine.recorder.events}
    events = []
    for event in machine.recorder.events:
        is_before_payload = event.offset < payload_start
        is_at_fault = event.offset == machine.recorder.fault
        is_known = (event.act, event.operand, event.arguments) in joblib_acts
        if not (is_before_payload or is_at_fault or is_known):
            events.append(event)
    if arrays.first_holds_objects:
        return [event for event in events if isinstance(event.operand, Name) and _could_exist(event.operand)]
    return events if events and machine.opcodes - arrays.opcodes_before_payload >= _FEWEST_OPCODES else []


def _has_failed(machine: Machine) -> bool:
    """Whether a loader has raised. An import of a name that no module can have is recorded as the fault."""
    recorder, offset = machine.recorder, machine.source.opcode_offset
    last = recorder.events[-1] if recorder.events and recorder.events[-1].offset == offset else None
    if last is not None and isinstance(last.operand, Name) and not is_importable(last.operand):
        recorder.fault = offset
    return recorder.fault is not None


def _could_exist(name: Name) -> bool:
    """Whether the module is of the standard library or inside a package; random words hardly ever have that form."""
    package, dot, _ = name.module.partition(".")
    return package in sys.stdlib_module_names or (bool(dot) and is_importable(name))


def _is_nested_pickle(window: Window, limits: Limits) -> bool:
    """Whether the bytes are a pickle that acts, or one without a defect that ends where they do.

    A pickle that acts counts whatever follows it, because loaders ignore bytes after its STOP.
    """
    machine = Machine(window, 0, limits, skips_plain_data=True)
    has_reached_stop = not list(_execute_to_stop(machine))
    if has_acted(machine):
        return True
    ends_with_stop = window.read(window.size - 1, 1) == b"."
    is_whole = has_reached_stop and not machine.recorder.defects
    # After the magic number of torch, further pickles and storages follow.
    return is_whole and (_is_torch_magic(machine.result) or ends_with_stop)


def _execute_to_stop(machine: Machine) -> Iterator[Unread]:
    """Execute a program; yield the absence if it cannot be executed to its STOP."""
    try:
        machine.execute()
    except OutOfBandError as unknown_extent:
        yield Unread(UnreadReason.NO_READER, str(unknown_extent), _locate(unknown_extent.offset))
    except LimitReachedError as reached:
        yield Unread(UnreadReason.LIMIT, str(reached), _locate(reached.offset))
    except DamagedError as damage:
        yield Unread(UnreadReason.DAMAGED, str(damage), _locate(damage.offset))
    except WindowError as failure:
        yield Unread(failure.reason, str(failure), _locate(machine.source.offset))


def _is_torch_magic(result: StackValue) -> bool:
    """Whether the value of a pickle is the magic number of torch's layout before zip."""
    return isinstance(result, int) and result == _TORCH_MAGIC


def _locate(offset: int | None) -> Location:
    """Return the location of a byte."""
    return Location(offset=offset)
