"""Read pickles: one or more programs in a row, and torch's layout before zip, which has five of them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from modelaudit.formats.pickles.pickle import legacy
from modelaudit.formats.pickles.pickle.arrays import OutOfBandError
from modelaudit.formats.pickles.pickle.machine import Machine, is_opcode
from modelaudit.formats.pickles.pickle.nested import NestedConstant, open_constants
from modelaudit.formats.pickles.pickle.search import find_pickles
from modelaudit.formats.pickles.pickle.trial import ACTING, is_importable
from modelaudit.formats.pickles.pickle.values import StackValue
from modelaudit.model.artifact import PICKLE, TORCHSCRIPT, Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import Act, Name, PickleEvent, PickleProgram, PickleStream
from modelaudit.model.structure import CodeOutline, Defect, Location, TensorData, Unread, UnreadReason
from modelaudit.model.torch import StorageClaim
from modelaudit.wire.base import HEAD_BYTES, DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.pickle_start import HIGHEST_FUTURE_PROTOCOL, begins_with_protocol, begins_with_protocol_and_opcode
from modelaudit.wire.windows import SubWindow, get_budget

# ``MAGIC_NUMBER`` of ``torch/serialization.py``, the first of the five pickles of the layout before zip.
_TORCH_MAGIC: Final = 0x1950A86A20F9469CFC6C
_TORCH_STREAMS: Final = 5
_DEFECTS_KEPT: Final = 200
_CODES: Final = 200
_TRIAL_OPCODES: Final = 100_000
_FEWEST_OPCODES: Final = 3


def starts_pickle(window: Window, start: int, limits: Limits) -> bool:
    """Whether a loader that unpickles from ``start`` would find a program there.

    Protocols 2 and up begin with PROTO, and then one valid opcode decides. Older ones are plain ASCII, and a trial
    decides: the program calls something before a loader would raise, or the pickles end where the bytes do. A program
    that reaches neither a fault nor the end of the bytes counts as a pickle by its length.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    first = window.read(start, 3)
    if len(first) == 3 and begins_with_protocol(first, HIGHEST_FUTURE_PROTOCOL):
        return begins_with_protocol_and_opcode(first, HIGHEST_FUTURE_PROTOCOL)
    position = start
    opcodes = 0
    while position < window.size:
        machine = Machine(window, position, limits)
        try:
            machine.execute(until=_is_decided)
        except LimitReachedError:
            return True
        except DamagedError:
            return _has_acted(machine)
        if machine.recorder.fault is not None or _has_acted(machine):
            return _has_acted(machine)
        position = machine.source.offset
        opcodes += machine.opcodes
        if machine.opcodes > _TRIAL_OPCODES or position - start > HEAD_BYTES:
            return True  # chance does not produce so many opcodes, or complete pickles in a row, without a fault
    return opcodes > 1


def _is_decided(machine: Machine) -> bool:
    recorder = machine.recorder
    is_new_event = bool(recorder.events) and recorder.events[-1].offset == machine.source.opcode_offset
    is_too_long = machine.opcodes > _TRIAL_OPCODES
    return recorder.fault is not None or is_too_long or (is_new_event and _has_acted(machine))


def _has_acted(machine: Machine) -> bool:
    """Whether the program has done something before the opcode where a loader would have raised."""
    fault = machine.recorder.fault
    for event in machine.recorder.events:
        if fault is not None and event.offset >= fault:
            return False
        name = event.subject if isinstance(event.subject, Name) else None
        if event.act is Act.IMPORT:
            # A word list may begin like an import ("cat", "dog"), but hardly with a module of the standard library.
            if name and name.module.partition(".")[0] in sys.stdlib_module_names:
                return True
        elif event.act in ACTING and (name is None or is_importable(name)):
            return True
    return False


def recognises(head: Head) -> bool:
    """Whether the artifact begins with a pickle."""
    if head.content == PICKLE:
        return bool(head.data)
    return head.content in (None, TORCHSCRIPT) and bool(head.data) and starts_pickle(head.window, 0, Limits())


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Execute every pickle in the artifact; bytes behind the last one become an absence.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    found = _Programs(window, limits, TORCHSCRIPT if artifact.content == TORCHSCRIPT else "raw")
    found.execute_all()
    storages = None
    if found.is_legacy_torch():
        keys = SubWindow(
            window, found.streams[-1].start, found.end - found.streams[-1].start, get_budget(window, limits)
        )
        storages = legacy.locate_storages(window, keys, found.end, found.claims, limits)
    nested = open_constants(
        artifact, window, found.nested, limits, lambda inner: _is_nested_pickle(inner, limits), found.dropped
    )
    codes = [*found.codes, *(outline for event in found.events for outline in nested.outline_code(event))]
    yield PickleProgram(
        found.layout,
        tuple(found.streams),
        tuple(map(nested.resolve_arguments, found.events)),
        found.opcodes,
        tuple(name for name, count in found.uses.items() if count > 0),
        _keep_first_of_each_kind(found.defects),
        tuple(codes[:_CODES]),
        found.claims if storages is None else storages.claims,
    )
    yield from (*found.unread, *found.unchecked, *nested.unread)
    yield from nested.children
    if storages is None:
        yield from _search_rest(artifact, window, found.end, limits, "pickle are not a pickle", found.unread)
        return
    yield TensorData(storages.size)
    if storages.unread is not None:
        yield storages.unread
    yield from _search_rest(artifact, window, storages.end, limits, "storage belong to no storage", found.unread)


class _Programs:
    """The pickles that follow one another in an artifact.

    Attributes:
        layout: ``raw``, ``torch-legacy`` or the layout of the archive around them.
        end: offset behind the last pickle.
        unread: the absence where execution stopped, if it stopped before the end.
        unchecked: absences of single checks that exceeded a bound.
        nested: constants that begin like a file; ``dropped`` is the number of those beyond the bound.
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
        self.dropped = 0
        self.opcodes = 0
        self.end = 0
        self._window = window
        self._limits = limits

    def execute_all(self) -> None:
        """Execute one pickle after the other, to the end of the bytes or where no pickle begins."""
        window, limits = self._window, self._limits
        while self.end < window.size and not self.unread:
            if len(self.streams) >= limits.pickle_streams:
                detail = f"more than {limits.pickle_streams} pickles"
                self.unread.append(Unread(UnreadReason.LIMIT, detail, _locate(self.end)))
                return
            machine = Machine(window, self.end, limits, stream=len(self.streams), skips_plain_data=True)
            self.unread.extend(_execute(machine))
            self._add(machine, self.end)
            if len(self.streams) == 1 and _is_torch_magic(machine.result):
                self.layout = "torch-legacy"
            if self.layout == "torch-legacy" and len(self.streams) == _TORCH_STREAMS:
                return
            if not self.unread and self.end < window.size and not starts_pickle(window, self.end, limits):
                return

    def is_legacy_torch(self) -> bool:
        """Whether these are the five pickles of torch's layout before zip, executed to their ends."""
        return self.layout == "torch-legacy" and len(self.streams) == _TORCH_STREAMS and not self.unread

    def _add(self, machine: Machine, start: int) -> None:
        recorder, end = machine.recorder, machine.source.offset
        self.unchecked.extend(_report_overflow(machine, start))
        self.streams.append(PickleStream(start, end, machine.protocol, complete=not self.unread))
        self.events += [*recorder.events, *_find_events_of_plain_pickle(machine, start)]
        self.defects += recorder.defects
        self.opcodes += machine.opcodes
        self.nested += machine.nested.found
        self.dropped += machine.nested.dropped
        self.codes += recorder.codes
        self.uses += recorder.uses
        self.claims += machine.storages.build_claims()
        self.end = end


def _search_rest(
    artifact: Artifact, window: Window, position: int, limits: Limits, complaint: str, unread: list[Unread]
) -> Iterator[Reading]:
    """Yield the bytes from ``position`` as an absence, and every pickle among them, which a loader may seek to."""
    left = window.size - position
    if left and not unread:
        yield Unread(UnreadReason.NO_READER, f"{left} bytes after the last {complaint}", _locate(position))
    # Behind damage, the rest may be the inside of the damaged pickle.
    if left and (not unread or unread[-1].reason is UnreadReason.DAMAGED):
        yield from find_pickles(artifact, window, position, limits, announced_only=bool(unread))


def _keep_first_of_each_kind(defects: list[Defect]) -> tuple[Defect, ...]:
    """Return a bounded number of each kind, so that many of a harmless kind do not displace another."""
    counts: Counter[str] = Counter()
    kept = []
    for defect in defects:
        counts[defect.kind] += 1
        if counts[defect.kind] <= _DEFECTS_KEPT:
            kept.append(defect)
    return tuple(kept)


def _report_overflow(machine: Machine, start: int) -> Iterator[Unread]:
    if machine.arrays.dtypes.overflow:
        yield Unread(UnreadReason.LIMIT, machine.arrays.dtypes.overflow, _locate(start))


def _find_events_of_plain_pickle(as_joblib: Machine, start: int) -> list[PickleEvent]:
    """Return the events that ``pickle.load`` would cause and joblib's loader would not.

    ``pickle.load`` executes the arrays between the opcodes as opcodes. Numbers hardly ever form three valid opcodes in
    a row. An array of objects is a pickle, which ``pickle.load`` executes as a part of the outer one: memo indices then
    refer to other entries, and names result that exist nowhere. Events with such names are left out.
    """
    arrays, source = as_joblib.arrays, as_joblib.source
    first = arrays.first_payload
    # Since joblib 1.2 the first byte is the length of the padding, which is no opcode.
    if first is None or not any(map(is_opcode, source.window.read(first, 1))):
        return []
    machine = Machine(source.window, start, as_joblib.limits, as_joblib.recorder.stream, skips_plain_data=True)
    machine.arrays.reads_payloads = False
    with suppress(DamagedError, WindowError):
        machine.execute(until=_has_failed)
    known = {(event.act, event.subject, event.arguments) for event in as_joblib.recorder.events}
    events = [
        event
        for event in machine.recorder.events
        if first <= event.offset != machine.recorder.fault and (event.act, event.subject, event.arguments) not in known
    ]
    if arrays.first_holds_objects:
        return [event for event in events if isinstance(event.subject, Name) and _could_exist(event.subject)]
    return events if events and machine.opcodes - arrays.opcodes_before_payload >= _FEWEST_OPCODES else []


def _has_failed(machine: Machine) -> bool:
    """Whether a loader has raised, possibly because no module can have such a name."""
    recorder, offset = machine.recorder, machine.source.opcode_offset
    last = recorder.events[-1] if recorder.events and recorder.events[-1].offset == offset else None
    if last is not None and isinstance(last.subject, Name) and not is_importable(last.subject):
        recorder.fault = offset
    return recorder.fault is not None


def _could_exist(name: Name) -> bool:
    """Whether the module belongs to Python or to a package; two random words hardly ever have that form."""
    package, dot, _ = name.module.partition(".")
    return package in sys.stdlib_module_names or (bool(dot) and is_importable(name))


def _is_nested_pickle(window: Window, limits: Limits) -> bool:
    """Whether the bytes are a pickle to their end, or act like one whatever follows: loaders ignore the rest."""
    machine = Machine(window, 0, limits, skips_plain_data=True)
    is_whole = not list(_execute(machine)) and not machine.recorder.defects
    if _has_acted(machine):
        return True
    return is_whole and (_is_torch_magic(machine.result) or window.read(window.size - 1, 1) == b".")


def _execute(machine: Machine) -> Iterator[Unread]:
    """Execute a program; yields the absence if it cannot be executed to its STOP."""
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
    return isinstance(result, int) and result == _TORCH_MAGIC


def _locate(offset: int | None) -> Location:
    return Location(offset=offset)
