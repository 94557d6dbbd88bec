"""Skipping plain data must not change the events: compare a machine that skims with one that executes everything."""

from __future__ import annotations

import pickle
import random
import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import pytest
from builders.numpy_files import push_dtype
from builders.pickles import push_text as push_short_text
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.formats.pickles.pickle import indices, recorder, skimmer, sweeper
from modelaudit.formats.pickles.pickle.machine import Machine
from modelaudit.formats.pickles.pickle.memo import NEVER_READ
from modelaudit.formats.pickles.pickle.patterns import decode_index, iterate_pieces, patterns
from modelaudit.formats.pickles.pickle.values import FORGOTTEN, Container, PlainStretch
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import COMPUTED_KEY, STATE_OWNER, Act, ContainerValue, Name, PickleEvent, PlainValue
from modelaudit.wire.base import DamagedError, LimitReachedError


class CountingWindow:
    """A window over bytes that counts its reads."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.reads = 0

    def read(self, offset: int, length: int) -> bytes:
        self.reads += 1
        return self.data[offset : offset + length]


@pytest.fixture(autouse=True)
def _skim_programs_of_any_size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let machines skim programs of any size, except in tests marked ``real_sizes``."""
    if "real_sizes" not in request.keywords:
        monkeypatch.setattr(skimmer, "_SMALLEST_FILE", 0)
        monkeypatch.setattr(skimmer, "_SHORTEST_STRETCH", 1)
    yield


class ProgramWriter:
    """Writes random programs that a loader would execute to the end, with names, calls and state among plain data."""

    def __init__(self, seed: int, protocol: int) -> None:
        self.random = random.Random(seed)
        self.memo = 0
        self.writes_put = protocol < 4
        self.values_left = 120

    def write_program(self) -> bytes:
        """Return a complete pickle of one random value."""
        return b"\x80\x04" + self.write_value(6) + b"."

    def write_value(self, depth: int) -> bytes:
        """Return opcodes that push a random value with at most ``depth`` levels."""
        self.values_left -= 1
        kinds = [self.write_constant, self.write_constant, self.write_constant, self.write_get]
        if depth > 0 and self.values_left > 0:
            kinds += [
                self.write_tuple,
                self.write_list,
                self.write_list,
                self.write_dict,
                self.write_dict,
                self.write_name,
                self.write_call,
                self.write_object_with_state,
            ]
        return self.random.choice(kinds)(depth)

    def write_to_memo(self) -> bytes:
        """Return the opcode that writes the top value to the memo, or nothing, at random."""
        if self.random.random() < 0.4:
            return b""
        self.memo += 1
        if not self.writes_put:
            return b"\x94"
        index = self.memo - 1
        return b"q" + bytes((index,)) if index < 256 else b"r" + struct.pack("<I", index)

    def write_text(self, word: str) -> bytes:
        """Return one of the two opcodes that push a text."""
        data = word.encode()
        return self.random.choice((b"\x8c" + bytes((len(data),)), b"X" + struct.pack("<I", len(data)))) + data

    def write_constant(self, _: int) -> bytes:
        """Return a constant; many contain bytes that are also opcodes."""
        word = self.random.choice(("os", "system", "k", "x" * 70, "__setstate__", "gAR", "__array_interface__", ""))
        data = self.random.choice(
            (
                b"N",
                b"\x88",
                b"K\x94",
                b"M\x28\x28",
                b"J\x95\x95\x95\x95",
                b"G" + b"\x94" * 8,
                b"\x8a\x02\x94\x94",
                self.write_text(word),
                self.write_text(word),
                b"C\x03(e.",
                b"]",
                b"}",
                b")",
            )
        )
        return data + self.write_to_memo()

    def write_get(self, depth: int) -> bytes:
        """Return the opcode that reads a random memo entry, or a constant if there is none."""
        if not self.memo:
            return self.write_constant(depth)
        index = self.random.randrange(self.memo)
        return b"h" + bytes((index,)) if index < 256 else b"j" + struct.pack("<I", index)

    def write_tuple(self, depth: int) -> bytes:
        """Return a tuple of up to four values, by the opcode for its length."""
        count = self.random.randrange(5)
        values = b"".join(self.write_value(depth - 1) for _ in range(count))
        return (b"(" + values + b"t" if count in (0, 4) else values + bytes((0x84 + count,))) + self.write_to_memo()

    def write_list(self, depth: int) -> bytes:
        """Return a list that is filled by APPEND and APPENDS."""
        data = b"]" + self.write_to_memo()
        for _ in range(self.random.randrange(3)):
            items = [self.write_value(depth - 1) for _ in range(self.random.randrange(1, 5))]
            data += items[0] + b"a" if len(items) == 1 else b"(" + b"".join(items) + b"e"
        return data

    def write_dict(self, depth: int) -> bytes:
        """Return a mapping that is filled by SETITEM and SETITEMS."""
        data = b"}" + self.write_to_memo()
        for _ in range(self.random.randrange(3)):
            items = [self.write_text("k") + self.write_value(depth - 1) for _ in range(self.random.randrange(1, 4))]
            data += items[0] + b"s" if len(items) == 1 else b"(" + b"".join(items) + b"u"
        return data

    def write_name(self, _: int) -> bytes:
        """Return an imported name, by GLOBAL or STACK_GLOBAL."""
        names = (("os", "system"), ("builtins", "eval"), ("a", "B"))
        module, qualname = self.random.choice(names)
        if self.random.random() < 0.3:
            return f"c{module}\n{qualname}\n".encode() + self.write_to_memo()
        return (
            self.write_text(module)
            + self.write_to_memo()
            + self.write_text(qualname)
            + self.write_to_memo()
            + b"\x93"
            + self.write_to_memo()
        )

    def write_call(self, depth: int) -> bytes:
        """Return the call of a random name with a random tuple."""
        return self.write_name(depth) + self.write_tuple(depth) + b"R" + self.write_to_memo()

    def write_object_with_state(self, depth: int) -> bytes:
        """Return opcodes that make an object by a call and set a random state on it, by BUILD."""
        return (
            self.write_call(depth)
            + self.random.choice((self.write_dict, self.write_tuple, self.write_value))(depth)
            + b"b"
        )


def execute_and_get_events(machine: Machine) -> list[PickleEvent]:
    """Execute a program to its end or to its damage; return its events."""
    with suppress(DamagedError):
        machine.execute()
    return machine.recorder.events


# The first offset of each act, by the kind of act, its subject and the attributes that it sets.
ActOffsets = dict[tuple[object, ...], int]


def find_act_offsets(events: list[PickleEvent], before: int | None = None) -> ActOffsets:
    """Return the first offset of each act; with ``before``, only of acts at a lower offset.

    Arguments are left out, because a machine that skims keeps less of plain data.
    """
    offsets: ActOffsets = {}
    for event in events:
        # Setting items of a number or of text raises in every loader; a machine that skims does not see it.
        raises_in_loaders = event.act is Act.SET_ITEM and isinstance(event.operand, PlainValue | ContainerValue)
        if not raises_in_loaders and (before is None or event.offset < before):
            # The numbers of items differ, because a machine that skims does not count skipped items.
            attributes = tuple(("#" if name.isdigit() else name, value) for name, value in event.set_attributes)
            subject = event.operand.type if isinstance(event.operand, ContainerValue) else event.operand
            act = (event.act, subject, attributes)
            offsets[act] = min(offsets.get(act, event.offset), event.offset)
    return offsets


# In the named program, the items of a state read a mapping that changes later.
@example(78492182, 4)
@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([2, 4]))
def test_skimming_keeps_the_kind_the_subject_and_the_order_of_the_acts_of_a_complete_pickle(
    seed: int, protocol: int
) -> None:
    data = ProgramWriter(seed, protocol).write_program()
    slow, fast = (
        Machine(CountingWindow(data), 0, Limits()),
        Machine(CountingWindow(data), 0, Limits(), skips_plain_data=True),
    )
    assert find_act_offsets(execute_and_get_events(slow)) == find_act_offsets(execute_and_get_events(fast))
    # The order is the same too.
    assert list(find_act_offsets(slow.recorder.events)) == list(find_act_offsets(fast.recorder.events))
    assert slow.recorder.fault is None
    assert slow.recorder.uses == fast.recorder.uses
    # The last opcodes are executed, so the result is no stand-in for skipped data.
    assert type(fast.result) is not PlainStretch


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([2, 4]), st.data())
def test_machine_with_skimming_records_imports_and_calls_before_the_fault_of_a_damaged_pickle(
    seed: int, protocol: int, choice: st.DataObject
) -> None:
    data = bytearray(ProgramWriter(seed, protocol).write_program())
    for _ in range(choice.draw(st.integers(1, 4))):
        data[choice.draw(st.integers(0, len(data) - 1))] = choice.draw(st.sampled_from(b"(tue.as\x94q\x00hR\x86\x930N"))
    slow, fast = execute_without_and_with_skimming(bytes(data))
    acts_before_fault = find_act_offsets(slow.recorder.events, slow.recorder.fault)
    assert acts_before_fault.items() <= find_act_offsets(fast.recorder.events).items()


_OBJECT: Final = b"cpkg\nMade\n)R"
_CHANGE: Final = b"(" + push_short_text("k") + b"cos\nsystem\nu"


@pytest.mark.parametrize(
    "program",
    [
        _OBJECT + b"](N}\x94eb0h\x00" + _CHANGE + b".",
        _OBJECT + b"}(" + push_short_text("a") + b"}\x94ub0h\x00" + _CHANGE + b".",
        b"((}\x94l" + _OBJECT + b"](Nh\x00eb0h\x00" + _CHANGE + b"t.",
    ],
    ids=["made-in-list", "made-in-mapping", "made-in-skipped-data"],
)
def test_change_of_a_mapping_in_skipped_items_of_a_state_is_recorded_as_a_change_of_the_object(program: bytes) -> None:
    slow, fast = execute_without_and_with_skimming(b"\x80\x04" + program)
    changes = [event.set_attributes for event in fast.recorder.events if event.operand == STATE_OWNER]
    assert changes == [(("k", Name("os", "system")),)]
    assert find_act_offsets(fast.recorder.events) == find_act_offsets(slow.recorder.events)


@pytest.mark.real_sizes
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_machine_with_skimming_executes_few_opcodes_of_large_plain_data(protocol: int) -> None:
    rows = [{"id": i, "name": f"row {i}", "at": (i / 7, -i, None), "tags": ["x", str(i)]} for i in range(20_000)]
    machine = Machine(CountingWindow(pickle.dumps(rows, protocol)), 0, Limits(), skips_plain_data=True)
    assert execute_and_get_events(machine) == []
    assert machine.opcodes < 2000
    assert machine.recorder.defects == []


_DTYPE_WITH_FIELDS_IN_MEMO = push_dtype(
    "V8", 0, names=push_short_text("a") + b"\x85", sizes=(8, 1),
    fields=b"}q\x63(" + push_short_text("a") + push_dtype("f8", 0, "<") + b"K\x00\x86u",
)  # fmt: skip


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        (b"](", None), (b"\x8f(", "wrong-target"), (b")(", "wrong-target"), (b"cpkg\nMade\n)R}\x94b0h\x00(", None),
        (_DTYPE_WITH_FIELDS_IN_MEMO + b"0h\x63(", "forged-state"),
    ],
    ids=["list", "set", "tuple", "state", "fields-of-dtype"],
)  # fmt: skip
def test_skimmer_skips_items_of_a_mapping_but_not_of_a_list_set_tuple_state_or_dtype_fields(
    target: bytes, kind: str | None
) -> None:
    data = b"\x80\x04" + target + b"\x8c\x01kN" * 20_000 + b"u."
    machine = Machine(CountingWindow(data), 0, Limits(), skips_plain_data=True)
    machine.execute()
    assert [defect.kind for defect in machine.recorder.defects] == ([kind] if kind else [])
    assert not machine.result.has_unseen_items
    mapping = Machine(
        CountingWindow(b"\x80\x04}(" + data[data.index(b"\x8c\x01k") :]), 0, Limits(), skips_plain_data=True
    )
    mapping.execute()
    assert mapping.result.has_unseen_items


@pytest.mark.real_sizes
def test_import_is_resolved_if_the_parts_of_its_name_lie_in_skipped_data() -> None:
    rows: list[object] = [f"row {i}" for i in range(900)]
    start = pickle.dumps([*["os", "system"], *rows * 20], 4)[:-1]
    call = b"h\x01h\x02\x93\x8c\x04echo\x85R."
    machine = Machine(CountingWindow(start + b"0" + call), 0, Limits(), skips_plain_data=True)
    events = [(event.act, str(event.operand)) for event in execute_and_get_events(machine)]
    assert events == [(Act.IMPORT, "os.system"), (Act.CALL, "os.system")]


@pytest.mark.real_sizes
def test_skimmer_reads_deeply_nested_lists_with_few_reads() -> None:
    depth = 60_000
    window = CountingWindow(b"\x80\x04" + b"](" * depth + b"cos\nsystem\n" + b"e" * depth + b".")
    machine = Machine(window, 0, Limits(), skips_plain_data=True)
    events = execute_and_get_events(machine)
    assert [str(event.operand) for event in events] == ["os.system"]
    assert window.reads < 30


class CountingPattern:
    """A pattern that counts the attempts to match it."""

    def __init__(self, pattern: re.Pattern[bytes]) -> None:
        self.pattern = pattern
        self.attempts = 0

    def match(self, *arguments: Any) -> re.Match[bytes] | None:
        self.attempts += 1
        return self.pattern.match(*arguments)


@pytest.mark.real_sizes
def test_skimmer_tries_no_plain_run_at_each_of_many_marks_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    counting = CountingPattern(patterns().plain_run)
    monkeypatch.setitem(vars(patterns()), "plain_run", counting)
    machine = Machine(CountingWindow(b"\x80\x04" + b"](" * 10_000 + b"(" * 60_000), 0, Limits(), skips_plain_data=True)
    with pytest.raises(DamagedError):
        machine.execute()
    assert counting.attempts < 100


@pytest.mark.parametrize("opening", [b"(", b"](", b"]q((", b"K((", b"K(](", b"(N"])
def test_skimmer_skips_marks_in_a_row_as_it_skips_single_marks(opening: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    # An entry of the memo and a number may have the code of a mark, which is 40.
    opened = (b"\x80\x04]" + opening * marks + b"K\x01" for marks in range(1, 10))
    programs = [start + b"e" * closed + b"cos\nsystem\n)R." for start in opened for closed in range(10)]
    in_a_row = [execute_without_and_with_skimming(program)[1] for program in programs]
    monkeypatch.setitem(vars(patterns()), "deep_openings", re.compile(b"(?!)"))  # never matches
    single = [execute_without_and_with_skimming(program)[1] for program in programs]
    for first, second in zip(in_a_row, single, strict=True):
        assert (first.opcodes, first.recorder.events) == (second.opcodes, second.recorder.events)
        assert first.recorder.defects == second.recorder.defects


def test_skimmer_divides_plain_data_only_between_opcodes() -> None:
    # Texts with MEMOIZE, a text of letters that are also the opcode BINPUT, and MEMOIZE with BINGET of entry 1.
    data = b"\x8c\x02os\x94" * 50 + b"X\x00\x01\x00\x00" + b"q" * 256 + b"\x94h\x01" * 40
    runs = list(iterate_pieces(CountingWindow(data), 0, len(data)))
    reads = [get for run in runs for get in patterns().reads.findall(run) if get]
    writes = [write for run in runs for write in patterns().writes.findall(run) if write]
    assert [decode_index(get) for get in reads] == [1] * 40
    assert writes == [b"\x94"] * 90


def execute_without_and_with_skimming(data: bytes, limits: Limits | None = None) -> tuple[Machine, Machine]:
    """Return the machine that executes everything and the one that skims, each after its execution."""
    slow = Machine(CountingWindow(data), 0, limits or Limits())
    fast = Machine(CountingWindow(data), 0, limits or Limits(), skips_plain_data=True)
    execute_and_get_events(slow)
    execute_and_get_events(fast)
    return slow, fast


def push_long_text(word: str) -> bytes:
    """Return the opcode that pushes a text after its length in four bytes, BINUNICODE."""
    return b"X" + struct.pack("<I", len(word)) + word.encode()


OS, MATH, SYSTEM = push_long_text("os"), push_long_text("math"), push_long_text("system")


@pytest.mark.parametrize(
    "program",
    [
        # PUT writes entry 5 first. MEMOIZE then writes entry 1, because there is one entry.
        b"(" + SYSTEM + b"q\x05" + OS + b"\x941h\x01h\x05\x93.",
        # An entry is read by one stretch and overwritten by another, and by an opcode outside of any.
        b"(" + OS + b"q\x001(h\x00q\x011(" + MATH + b"q\x001h\x01" + SYSTEM + b"\x93.",
        b"(" + OS + b"q\x001(h\x00q\x011" + MATH + b"q\x000h\x01" + SYSTEM + b"\x93.",
    ],
    ids=["put-and-memoize", "overwritten-in-plain-data", "overwritten-outside"],
)
def test_memo_entries_written_out_of_order_or_overwritten_resolve_alike_with_and_without_skimming(
    program: bytes,
) -> None:
    slow, fast = execute_without_and_with_skimming(b"\x80\x04" + program)
    assert [str(event.operand) for event in slow.recorder.events] == ["os.system"]
    assert [str(event.operand) for event in fast.recorder.events] == ["os.system"]
    assert slow.recorder.defects == fast.recorder.defects == []


def test_skimmer_skips_nothing_after_a_memo_entry_is_overwritten() -> None:
    plain_data = b"(" + b"N" * 50 + b"1"
    program = b"\x80\x04(" + OS + b"q\x001(h\x00q\x011" + MATH + b"q\x020" + plain_data + b"N."
    _, skimming = execute_without_and_with_skimming(program)
    overwriting_program = program.replace(b"q\x02", b"q\x00")
    _, overwriting = execute_without_and_with_skimming(overwriting_program)
    assert skimming.opcodes < 50 <= overwriting.opcodes


@pytest.mark.parametrize("write", [b"\x94", b"q%c"], ids=["memoize", "put"])
def test_memo_entries_in_skipped_data_count_for_the_limit_on_memo_entries(write: bytes) -> None:
    writes = [write % index if b"%" in write else write for index in range(1, 4)]
    # The GET reads an entry outside of the skipped data, so their entries are counted and not executed.
    data = b"\x80\x04Nq\x000(" + b"".join(b"N" + write for write in writes) + b"1h\x000N."
    for skips in (False, True):
        Machine(CountingWindow(data), 0, Limits(pickle_memo=4), skips_plain_data=skips).execute()
        with pytest.raises(LimitReachedError, match="more than 3 memo entries"):
            Machine(CountingWindow(data), 0, Limits(pickle_memo=3), skips_plain_data=skips).execute()


# Opcodes that push a text after its length in one, four and eight bytes.
@check_each("key", ["__array_interface__", "__array_struct__", "__cuda_array_interface__"])
@check_each("opcode", [b"\x8c%c", b"X%c\0\0\0", b"\x8d%c" + bytes(7)])
def test_skimmer_does_not_skip_plain_data_under_the_key_of_an_array_interface(key: str, opcode: bytes) -> None:
    state = b"}(" + push_long_text("a") + b"N" + opcode % len(key) + key.encode() + b"N" + push_long_text("b") + b"Nu"
    slow, fast = execute_without_and_with_skimming(b"\x80\x04cargparse\nNamespace\n)\x81" + state + b"b.")
    (attributes,) = (event.set_attributes for event in slow.recorder.events if event.act is Act.SET_STATE)
    # Only special keys are recorded; "a" and "b" are ordinary.
    assert [name for name, _ in attributes] == [key]
    assert find_act_offsets(fast.recorder.events) == find_act_offsets(slow.recorder.events)


def test_attribute_is_recorded_if_a_mapping_replaces_the_attributes_of_an_object() -> None:
    # The mapping {"pyfunc": os.system} in the memo becomes the attribute "__dict__" of an object.
    inner = b"}" + push_long_text("pyfunc") + b"cos\nsystem\nsq\x000"
    state = b"N}(" + push_long_text("__dict__") + b"h\x00u\x86b"
    slow, fast = execute_without_and_with_skimming(b"\x80\x04" + inner + b"cnumpy\nvectorize\n)\x81" + state + b".")
    (attributes,) = (event.set_attributes for event in slow.recorder.events if event.act is Act.SET_STATE)
    assert [str(value) for _, value in attributes] == ["os.system"]
    assert find_act_offsets(fast.recorder.events) == find_act_offsets(slow.recorder.events)


def test_attribute_is_recorded_if_a_dict_is_filled_after_it_replaces_the_attributes() -> None:
    # An empty mapping in the memo becomes "__dict__" of the state, and then gets the key "pyfunc".
    push_empty_mapping = b"(}q\x001"
    push_state = b"}(" + push_long_text("__dict__") + b"h\x00u"
    fill_mapping = b"h\x00" + push_long_text("pyfunc") + b"cos\nsystem\ns0"
    slow, fast = execute_without_and_with_skimming(
        b"\x80\x04" + push_empty_mapping + b"cnumpy\nvectorize\n)\x81" + push_state + fill_mapping + b"b."
    )
    (attributes,) = (event.set_attributes for event in slow.recorder.events if event.act is Act.SET_STATE)
    assert [str(value) for _, value in attributes] == ["os.system"]
    assert find_act_offsets(fast.recorder.events) == find_act_offsets(slow.recorder.events)


def build_frame(size: int) -> bytes:
    """Return a FRAME opcode for a frame of ``size`` bytes."""
    return b"\x95" + struct.pack("<Q", size)


@pytest.mark.parametrize(
    "program",
    [
        b"(NNN1(" + build_frame(40) + b"N1(NNN1" + b"N0" * 30 + b"N.",
        b"(" + build_frame(40) + b"N1(NNN1" + b"N0" * 30 + b"N.",
        build_frame(40) + b"(NNN1" + b"N0" * 30 + b"N.",
    ],
    ids=["in-the-second-stretch", "in-the-first-stretch", "outside"],
)
def test_machine_knows_the_end_of_a_frame_even_if_it_skipped_the_frame_opcode(program: bytes) -> None:
    slow, fast = execute_without_and_with_skimming(b"\x80\x04" + program)
    # The FRAME opcode takes nine bytes, and its frame the 40 bytes after them.
    frame_end = 2 + program.index(build_frame(40)) + 9 + 40
    assert fast.find_frame_end() == slow.find_frame_end() == frame_end
    assert slow.opcodes > fast.opcodes


@pytest.mark.parametrize("beyond", [0, 1])
def test_frame_in_plain_data_that_ends_beyond_the_file_is_a_defect(beyond: int) -> None:
    frame_content = b"NN1N."
    frame = build_frame(len(frame_content) + beyond) + frame_content
    slow, fast = execute_without_and_with_skimming(b"\x80\x04(N" + frame)
    assert [defect.kind for defect in slow.recorder.defects] == ["frame-too-long"] * beyond
    assert fast.recorder.defects == slow.recorder.defects
    assert fast.recorder.fault == slow.recorder.fault


def sweep_often(patch: pytest.MonkeyPatch) -> None:
    """Make every machine sweep its values after every eighth opcode."""
    patch.setattr(sweeper, "_FEWEST_OPCODES", 0)
    patch.setattr(sweeper, "_OPCODES_OF_LONG_CONSTANTS", 0)
    patch.setattr(sweeper, "_OPCODE_BYTES", 1 << 40)
    patch.setattr(indices, "_FIRST_LONG_INDEX", 0)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([2, 4]), st.booleans())
def test_frequent_measuring_of_value_memory_changes_no_event_if_values_stay_below_the_bound(
    seed: int, protocol: int, skips: bool
) -> None:
    program = ProgramWriter(seed, protocol).write_program()
    # Every entry is read at the end in a form that the search for reads finds, so none is dropped that is read before.
    data = program[:-1] + b"".join(b"j" + index.to_bytes(4, "little") + b"0" for index in range(400)) + b"."
    rare = Machine(CountingWindow(data), 0, Limits(), skips_plain_data=skips)
    execute_and_get_events(rare)
    with pytest.MonkeyPatch.context() as patch:
        sweep_often(patch)
        often = Machine(CountingWindow(data), 0, Limits(), skips_plain_data=skips)
        execute_and_get_events(often)
    assert often.recorder.events == rare.recorder.events
    assert often.recorder.defects == rare.recorder.defects
    assert often.recorder.bounds_reached == {}


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([2, 4]), st.integers(0, 20_000))
def test_memory_bound_drops_no_first_import_or_call_of_a_name_and_is_recorded_if_it_drops_an_act(
    seed: int, protocol: int, bound: int
) -> None:
    data = ProgramWriter(seed, protocol).write_program()
    unbounded = Machine(CountingWindow(data), 0, Limits())
    execute_and_get_events(unbounded)
    with pytest.MonkeyPatch.context() as patch:
        sweep_often(patch)
        patch.setattr(sweeper, "_STACK_SPARED", 4)
        bounded = Machine(CountingWindow(data), 0, Limits(pickle_value_bytes=bound))
        execute_and_get_events(bounded)
    last_offset = bounded.source.opcode_offset
    found = {event.offset for event in bounded.recorder.events}
    lost = [event for event in unbounded.recorder.events if event.offset not in found and event.offset < last_offset]
    # An act that became equal to an earlier one, because its arguments are unknown, is kept once.
    assert {event.act for event in lost} <= {event.act for event in bounded.recorder.events}
    recorded_names = {(event.act, event.operand) for event in bounded.recorder.events}
    assert {(event.act, event.operand) for event in lost if isinstance(event.operand, Name)} <= recorded_names
    assert not lost or bounded.recorder.bounds_reached


def test_deeply_nested_tuples_do_not_exhaust_the_bound_on_value_memory() -> None:
    # An empty tuple, TUPLE1 many times, which puts the value on top into a tuple, and a call.
    data = b"\x80\x04)" + b"\x85" * 400_000 + b"cos\nsystem\n\x8c\x02id\x85R."
    machine = Machine(CountingWindow(data), 0, Limits(pickle_value_bytes=64 * 1024))
    (_, call) = execute_and_get_events(machine)
    assert call.arguments == (PlainValue("'id'"),)
    assert machine.recorder.bounds_reached == {}
    depth, value = 0, machine.stack.values[0]
    while isinstance(value, Container) and value.entries:
        depth, value = depth + 1, value.entries[0]
    # Of the 400,000 tuples, the sweeps have dropped the inner ones.
    assert depth < 300_000


def test_memo_entry_that_no_opcode_reads_does_not_count_for_the_bound_on_value_memory() -> None:
    data = b"\x80\x04" + b"]\x940" * 200_000 + b"j\x00\x01\x00\x00" + b"cos\nsystem\n\x8c\x02id\x85R."
    machine = Machine(CountingWindow(data), 0, Limits(pickle_value_bytes=8 << 20))
    execute_and_get_events(machine)
    assert machine.memo[150_000] is NEVER_READ
    assert type(machine.memo[256]) is Container  # which the opcode after the lists reads
    assert machine.recorder.bounds_reached == {}


def test_mapping_that_replaces_a_memo_entry_already_measured_counts_for_the_memory_bound() -> None:
    indices_of_entries = [index.to_bytes(4, "little") for index in range(160_000)]
    nothing = b"N\x940" * len(indices_of_entries)  # takes no memory, and the sweep skips it from then on
    replaced = b"".join(b"}r" + index + b"0" for index in indices_of_entries)
    reads = b"".join(b"j" + index + b"0" for index in indices_of_entries)
    machine = Machine(
        CountingWindow(b"\x80\x04" + nothing + replaced + reads + b"."), 0, Limits(pickle_value_bytes=8 << 20)
    )
    machine.execute()
    assert machine.recorder.bounds_reached


def test_value_beyond_the_memory_bound_is_recorded_as_unknown_and_leaves_an_absence() -> None:
    count = 160_000
    mappings = b"\x80\x04" + b"}\x940" * count
    reads = b"".join(b"j" + index.to_bytes(4, "little") + b"0" for index in range(count))
    # A call with mapping 7 as its argument, and an object with mapping 7 as its state.
    data = mappings + reads + b"cos\nsystem\nh\x07\x85R0cpkg\nMade\n)Rh\x07b."
    machine = Machine(CountingWindow(data), 0, Limits(pickle_value_bytes=8 << 20))
    events = execute_and_get_events(machine)
    assert [event.act for event in events] == [Act.IMPORT, Act.CALL, Act.IMPORT, Act.CALL, Act.SET_STATE]
    assert events[-1].set_attributes == ((COMPUTED_KEY, FORGOTTEN),)
    assert list(machine.recorder.bounds_reached) == [
        "the values of a pickle take more than 8 MiB, so arguments after that are unknown"
    ]


def test_memo_read_in_an_unusual_form_is_reported_if_the_entry_was_dropped() -> None:
    data = b"\x80\x04" + b"]\x940" * 200_000 + b"g 300\n."  # Python accepts the blank; the search for reads does not
    machine = Machine(CountingWindow(data), 0, Limits(pickle_value_bytes=8 << 20))
    execute_and_get_events(machine)
    assert machine.result == FORGOTTEN
    assert len(machine.recorder.bounds_reached) == 1


def test_every_call_is_recorded_but_arguments_beyond_the_bound_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "_MOST_PARTS", 20)
    arguments = b"(" + b"K\x01" * 9 + b"t"
    data = b"\x80\x04" + b"".join(b"cpkg\nname%d\n" % n + arguments + b"R0" for n in range(9)) + b"N."
    machine = Machine(CountingWindow(data), 0, Limits())
    calls = [event for event in execute_and_get_events(machine) if event.act is Act.CALL]
    assert len(calls) == 9
    assert len(calls[0].arguments) == 9
    assert len(calls[-1].arguments) == 5
    assert len(machine.recorder.bounds_reached) == 1
