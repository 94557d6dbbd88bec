"""Compare the machine with Python's unpicklers on programs that no pickler writes.

The machine must record every act that either unpickler performs before it raises.
"""

from __future__ import annotations

import pickletools
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from differential.inert import run_program
from differential.recording import NamedAct, convert_event, execute_symbolically, remove_repetitions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelaudit.formats.pickles.pickle import skimmer
from modelaudit.model.pickle import Act

ACTS = {Act.IMPORT, Act.CALL, Act.CONSTRUCT, Act.SET_STATE, Act.SET_ITEM, Act.PERSISTENT_LOAD}

NAME_OPCODES = [b"cinert\nThing\n", b"cinert\nOther\n", b"cinert\nmake\n", b"\x8c\x05inert\x8c\x05Thing\x93", b"\x8c\x05inert\x8c\x04make\x93",
         b"cinert\nmissing\n", b"U\x05inert\x94U\x05Other\x93", b"(iinert\nThing\n", b"(K\x01iinert\nOther\n"]  # fmt: skip
PUSH_OPCODES = [b"N", b"\x88", b"\x89", b"K\x01", b"M\x01\x01", b"J\xff\xff\xff\xff", b"I1\n", b"I01\n", b"L5L\n", b"F1.5\n", b"G" + bytes(8),
          b"X\x01\0\0\0k", b"\x8c\x01a", b"V\\u0041\n", b"S'x'\n", b"U\x01z", b"C\x01b", b"B\x01\0\0\0c", b"\x8a\x01\x05", b"\x8b\x01\0\0\0\x05",
          b"]", b"}", b")", b"\x8f", b"(", b"(", b"(", b"\x96" + (2).to_bytes(8, "little") + b"ab",
          b"\x8d" + (1).to_bytes(8, "little") + b"q", b"\x8e" + (1).to_bytes(8, "little") + b"q"]  # fmt: skip
MEMO_OPCODES = [b"q\0", b"q\1", b"q\2", b"h\0", b"h\1", b"h\2", b"\x94", b"\x94", b"p0\n", b"p3\n", b"g0\n", b"g3\n", b"r\1\0\0\0", b"j\1\0\0\0",
        b"j\0\0\1\0", b"p-1\n", b"g7\n"]  # fmt: skip
CONTAINER_OPCODES = [
    b"t",
    b"l",
    b"d",
    b"\x85",
    b"\x86",
    b"\x87",
    b"\x91",
    b"a",
    b"e",
    b"s",
    b"u",
    b"\x90",
    b"0",
    b"1",
    b"2",
]
ACTING_OPCODES = [b"R", b"R", b"R", b"\x81", b"\x81", b"\x92", b"o", b"b", b"b", b"Q", b"Pid\n", b")R", b")\x81", b")}\x92", b"}b", b"Nb", b"K\x01a", b"(K\x01e",
          b"K\x01K\x02s", b"(K\x01K\x02u", b"(K\x01\x90"]  # fmt: skip
INVALID_OPCODES = [
    b"\x82\1",
    b"\x97",
    b"\x98",
    b"Ix\n",
    b"S'\n",
    b"\x8c\x09",
    b"X\xff\xff\xff\xff",
    b"\xff",
    b"\x8c\x01\xff",
    b"Vx\\u1\n",
]
FRAGMENTS = [
    *NAME_OPCODES * 4,
    *PUSH_OPCODES * 2,
    *MEMO_OPCODES,
    *CONTAINER_OPCODES * 2,
    *ACTING_OPCODES * 4,
    *INVALID_OPCODES,
]
SKIMMED = b"0(" + b"K\x01\x94" * 60 + b"l0"
"""Enough plain data for the machine to skip it."""

EXTRA_MEMORY_BYTES = 256 << 20


WITHOUT_PROTO = 7
"""In place of a protocol, for a program without the opcode PROTO."""


def _join_program(protocol: int, fragment_numbers: list[int], stop: bytes) -> bytes:
    """Return a program of the fragments with these numbers, with or without the opcode ``stop`` at its end."""
    proto = b"" if protocol == WITHOUT_PROTO else b"\x80" + bytes([protocol])
    return proto + b"".join(FRAGMENTS[number] for number in fragment_numbers) + stop


programs = st.builds(
    _join_program,
    st.integers(0, WITHOUT_PROTO),
    st.lists(st.integers(0, len(FRAGMENTS) - 1), min_size=1, max_size=24),
    st.sampled_from([b".", b""]),
)


def find_opcode_offset(data: bytes, reached: int) -> int:
    """Return the offset of the last valid opcode that begins within the first ``reached`` bytes."""
    last = 0
    try:
        for _, _, offset in pickletools.genops(data):
            if offset is None or offset >= reached:
                break
            last = offset
    except Exception:  # noqa: BLE001 - the program is broken at this point
        pass
    return last


def _convert_construct_to_call(act: NamedAct) -> NamedAct:
    """Convert constructions to calls: INST and OBJ without arguments may only construct, but the machine records a call."""
    return (Act.CALL.value, act[1]) if act[0] == Act.CONSTRUCT else act


@pytest.fixture(autouse=True)
def limit_memory() -> Iterator[None]:
    """Limit the memory: the C unpickler allocates the memo up to the highest index, and must get a MemoryError."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + EXTRA_MEMORY_BYTES, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def compare_with_unpickler(data: bytes, in_c: bool, *, skips: bool = False) -> None:
    """Check that the machine records each act of an unpickler in order, and no fault before the unpickler raises."""
    performed, bytes_read = run_program(data, in_c)
    performed = [_convert_construct_to_call(act) for act in performed]
    machine = execute_symbolically(data, skips_plain_data=skips)
    events = [
        _convert_construct_to_call(convert_event(event)) for event in machine.recorder.events if event.act in ACTS
    ]
    recorded = remove_repetitions(events)
    assert set(performed) <= set(recorded), (data, performed, events)
    assert [act for act in recorded if act in performed] == remove_repetitions(performed), (data, performed, events)
    if bytes_read is None:
        assert machine.recorder.fault is None, (data, machine.recorder.defects)
    elif machine.recorder.fault is not None:
        # Nothing after the fault counts as executed, so the fault must not precede an act that a loader still performs.
        last_opcode = find_opcode_offset(data, bytes_read)
        assert machine.recorder.fault >= last_opcode, (data, machine.recorder.defects, bytes_read)


@given(programs)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.parametrize("in_c", [True, False])
def test_pickle_machine_records_every_act_that_the_unpickler_performs_before_a_fault(in_c: bool, data: bytes) -> None:
    compare_with_unpickler(data, in_c)


@given(programs, st.integers(0, 24))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_pickle_machine_that_skips_data_records_every_act_of_the_unpickler_before_a_fault(
    data: bytes, constants_before: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(skimmer, "_SMALLEST_FILE", 0)
        patch.setattr(skimmer, "_SHORTEST_STRETCH", 16)
        compare_with_unpickler(b"N" + SKIMMED + b"(" + b"N" * constants_before + data, in_c=True, skips=True)


@pytest.mark.parametrize(
    "data",
    [
        b"(K\x01iinert\nmake!", b"cinert\nThing!", b"(iinert\n", b"(iinert!", b"cinert\n", b"cinert!", b"Pid!", b"P",
    ],
)  # fmt: skip
def test_pickle_machine_drops_the_last_character_of_an_unterminated_line_as_python_does(data: bytes) -> None:
    # pickle._Unpickler, which joblib and dill build on, takes readline()[:-1] for the line. So it drops the "!" here.
    compare_with_unpickler(data, in_c=False)
