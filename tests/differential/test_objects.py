"""Compare the acts that the machine derives from pickles with those that Python's unpickler performs."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import io
import pathlib
import pickle
import uuid
from typing import Any, NamedTuple

import pytest
from differential.recording import Recorder, convert_event, execute_symbolically, remove_repetitions
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.formats.pickles.pickle import skimmer
from modelaudit.model.pickle import Act

ACTS = {Act.IMPORT, Act.CALL, Act.CONSTRUCT, Act.SET_STATE}


class Point(NamedTuple):
    x: object
    y: object


@dataclasses.dataclass
class Record:
    a: object
    b: object = None


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    a: object
    b: object


class Colour(enum.Enum):
    RED = 1
    BLUE = "b"


class Bits(enum.Flag):
    A = 1
    B = 2


class WithArguments:
    """A class whose construction takes a keyword argument: NEWOBJ_EX."""

    def __init__(self, *, a: object) -> None:
        self.a = a

    def __new__(cls, **_: object) -> WithArguments:
        return super().__new__(cls)

    def __getnewargs_ex__(self) -> tuple[tuple[()], dict[str, object]]:
        return (), {"a": 1}


class Stateful(dict[str, object]):
    """A mapping that sets its own state."""

    def __setstate__(self, state: object) -> None:
        self.state = state

    def __getstate__(self) -> object:
        return ("state", 1)


class Outer:
    class Inner:
        pass

    def method(self) -> None:
        pass


plain_values = (
    st.none() | st.booleans() | st.integers() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False)
    | st.text(max_size=20) | st.binary(max_size=40)
)  # fmt: skip
hashable_values = plain_values | st.tuples(plain_values, plain_values) | st.frozensets(plain_values, max_size=3)
leaf_values = st.one_of(
    plain_values,
    st.datetimes(), st.dates(), st.times(), st.timedeltas(), st.datetimes(timezones=st.just(datetime.UTC)),
    st.decimals(allow_nan=False), st.fractions(), st.complex_numbers(allow_nan=False), st.uuids(),
    st.sampled_from([Colour.RED, Colour.BLUE, Bits.A, Bits.A | Bits.B, len, datetime.date, Outer, Outer.Inner]),
    st.sampled_from([collections.deque, int, dict.fromkeys, "a".join, pathlib.PurePosixPath("a/b"), Ellipsis, NotImplemented]),
    st.builds(bytearray, st.binary(max_size=20)),
    st.builds(range, st.integers(0, 9)), st.builds(slice, st.integers(0, 9)),
    st.builds(collections.Counter, st.text(max_size=5)),
    st.builds(object), st.builds(Outer.Inner), st.builds(functools.partial, st.just(int), st.text(max_size=2)),
)  # fmt: skip


def _build_containers(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Return a strategy for containers and objects that hold values of the strategy ``inner``."""
    return st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(hashable_values, inner, max_size=4),
        st.sets(hashable_values, max_size=3),
        st.builds(collections.OrderedDict, st.lists(st.tuples(hashable_values, inner), max_size=3)),
        st.builds(lambda items: collections.defaultdict(list, items), st.dictionaries(hashable_values, inner, max_size=3)),
        st.builds(collections.deque, st.lists(inner, max_size=3), st.none() | st.integers(1, 5)),
        st.builds(Point, inner, inner), st.builds(Record, inner, inner), st.builds(Slotted, inner, inner),
        st.builds(lambda a: WithArguments(a=a), inner), st.builds(Stateful, st.dictionaries(st.text(max_size=3), inner, max_size=2)),
        st.builds(lambda item: Outer().method if item is None else functools.partial(Outer().method), inner),
        st.builds(lambda item: [item, item, (item, item)], inner),
        st.builds(_nest_in_itself, inner),
    )  # fmt: skip


def _nest_in_itself(item: object) -> object:
    """Return a list that contains itself, an object that contains itself, and a mapping with the list."""
    recursive: list[object] = [item]
    record = Record(recursive)
    record.b = record
    recursive += [recursive, record, {"list": recursive}]
    return recursive


values = st.recursive(leaf_values, _build_containers, max_leaves=12)


def dump_value(value: object, protocol: int, in_python: bool) -> bytes:
    """Return the pickle of a value, by the pickler in Python or the one in C."""
    if not in_python:
        return pickle.dumps(value, protocol)
    buffer = io.BytesIO()
    pickle._Pickler(buffer, protocol).dump(value)  # type: ignore[attr-defined]
    return buffer.getvalue()


def compare_with_unpickler(data: bytes) -> None:
    """Check that the machine, with and without skimming, records the acts that Python's unpickler performs."""
    recorder = Recorder(data)
    recorder.load()
    for skips in (False, True):
        machine = execute_symbolically(data, skips_plain_data=skips)
        assert machine.recorder.fault is None
        assert machine.recorder.defects == []
        events = [convert_event(event) for event in machine.recorder.events if event.act in ACTS]
        assert remove_repetitions(events) == remove_repetitions(recorder.acts)


@given(values, st.integers(0, 5), st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_pickle_machine_records_the_acts_of_the_unpickler_on_standard_library_objects(
    value: object, protocol: int, in_python: bool
) -> None:
    try:
        data = dump_value(value, protocol, in_python)
    except (TypeError, pickle.PicklingError, ValueError, RecursionError):
        reject()  # the protocol cannot pickle this value
    compare_with_unpickler(data)


@given(st.lists(values, min_size=1, max_size=3), st.integers(0, 5))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_pickle_machine_that_skips_plain_data_records_the_same_acts_as_the_unpickler(
    value: list[object], protocol: int
) -> None:
    # The machine skips long runs of plain data; later references into them must still resolve.
    rows = [{"name": f"n{number}", "values": [number, 1.5, None]} for number in range(40)]
    try:
        data = pickle.dumps([rows, value, list(rows), rows[3], value, {"rows": rows}], protocol)
    except (TypeError, pickle.PicklingError, ValueError, RecursionError):
        reject()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(skimmer, "_SMALLEST_FILE", 0)
        patch.setattr(skimmer, "_SHORTEST_STRETCH", 64)
        compare_with_unpickler(data)


np: Any = pytest.importorskip("numpy", reason="numpy is part of what the suite needs")
ARRAYS = [
    np.arange(6.0), np.zeros((2, 3), "<i2"), np.array(["a", "bc"]), np.array([{"a": 1}, None], dtype=object), np.float32(1.5),
    np.int64(3), np.bool_(True), np.str_("x"), np.datetime64("2020-01-01"), np.dtype("f4"), np.dtype([("x", "<f4"), ("y", "S3")]),
    np.zeros(2, dtype=[("x", "<f4"), ("o", "O")]), np.ma.masked_array([1, 2], [0, 1]), np.random.default_rng(0), np.array(5),
    np.random.RandomState(0), np.asfortranarray(np.ones((2, 2))), np.rec.array([(1, 2.0)], dtype=[("a", int), ("b", float)]),
    np.polynomial.Polynomial([1, 2]), np.add,
]  # fmt: skip


@check_each("protocol", range(6))
@check_each("in_python", [False, True])
def test_pickle_machine_records_the_acts_of_the_unpickler_on_numpy_objects(protocol: int, in_python: bool) -> None:
    for array in ARRAYS:
        compare_with_unpickler(dump_value([array, array], protocol, in_python))


@pytest.mark.parametrize("protocol", range(2, 6))
def test_pickle_machine_records_the_acts_of_the_unpickler_on_torch_objects(protocol: int) -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    linear = torch.nn.Linear(2, 2)
    for value in (torch.ones(2), linear, linear.state_dict(), torch.optim.SGD(linear.parameters(), 0.1).state_dict(), torch.float16,
                  torch.device("cpu"), torch.Size([1]), torch.nn.Parameter(torch.ones(1))):  # fmt: skip
        compare_with_unpickler(pickle.dumps(value, protocol))


def test_recorder_of_these_tests_and_pickle_machine_record_the_same_calls_and_states() -> None:
    data = pickle.dumps(
        [Record(datetime.date(2020, 1, 1)), decimal.Decimal(1), fractions.Fraction(1, 2), uuid.UUID(int=1)]
    )
    recorder = Recorder(data)
    recorder.load()
    assert ("call", "datetime.date") in recorder.acts
    assert ("set-state", f"{__name__}.Record") in recorder.acts
    assert remove_repetitions(
        [convert_event(event) for event in execute_symbolically(data).recorder.events]
    ) == remove_repetitions(recorder.acts)
