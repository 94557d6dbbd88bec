from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import io
import itertools
import pickle
import pickletools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each
from support.fixtures import fixture_path

from modelaudit.formats.pickles.pickle.machine import HANDLERS, Machine
from modelaudit.formats.registry import find_reader
from modelaudit.model.artifact import Artifact
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.model.pickle import Act, Name, PickleProgram, Unknown
from modelaudit.model.structure import TensorData, Unread, UnreadReason
from modelaudit.wire.base import HEAD_BYTES, Head

FIXTURES = fixture_path("pickle")


class StrictWindow:
    """A window over bytes that fails on reads that a real window refuses, and counts the bytes requested."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.read_total = 0

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        assert offset >= 0
        assert 0 <= length <= Limits().read_bytes
        self.read_total += length
        return self.data[offset : offset + length]


def is_recognised(data: bytes, path: str = "x") -> bool:
    """Whether the pickle format recognises a file with these bytes and this path."""
    return find_reader("pickle").recognises(Head(path, None, data[:HEAD_BYTES], StrictWindow(data)))


def read_pickle(data: bytes, limits: Limits | None = None) -> tuple[PickleProgram, list[object]]:
    """Return the program in a pickle, and the other readings after it."""
    artifact = Artifact("x", len(data), lambda: pytest.fail("the reader opened the artifact a second time"))
    items = list(find_reader("pickle").read(artifact, StrictWindow(data), limits or Limits()))
    assert isinstance(items[0], PickleProgram)
    return items[0], items[1:]


def list_acts(program: PickleProgram) -> list[tuple[Act, str]]:
    """Return the act and the subject of each event."""
    return [(event.act, str(event.operand)) for event in program.events]


@check_each("path", sorted(FIXTURES.rglob("*.p*")))
def test_every_pickle_fixture_is_recognised_even_under_the_name_of_a_text_file(path: Path) -> None:
    assert is_recognised(path.read_bytes(), path="notes.txt")


@check_each(
    "text",
    [
        b"cat\ndog\nmouse\n", b"# Title\n\nprose\n", b'{"a": 1}', b"[1, 2]", b"I am text\n", b"None of it", b"(c) 2026\n",
        b"Version 1.0\n", b"0.1\n", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04\x14\x00\x00\x00", b"GGUF\x03\x00\x00\x00", b"config\nvalue\n",
        b"Copyright" + b"x" * 107 + b".\n more", b"\x80\x02\x00\x00\x00\x00\x00\x00{}", b"P0\x03\n.",
        b"", b".", b"import os\n", b"S are here\n", b"\x80", b"]\n", b"}\n", b"name,age\nx,1\n",
    ],
)  # fmt: skip
def test_bytes_of_other_formats_are_not_recognised_as_pickle(text: bytes) -> None:
    assert not is_recognised(text)


@pytest.mark.parametrize("name", ["model.pkl", "MODEL.PKL", "model.joblib", "model.pt", "model.bin"])
@pytest.mark.parametrize("end", [b".\nprose\n", b"prose", b"0N.\x00\x00"])
def test_import_of_any_module_is_a_pickle_only_under_a_name_that_loaders_unpickle(name: str, end: bytes) -> None:
    assert is_recognised(b"N0cmodelcode\nrun\n" + end, path=name)
    assert not is_recognised(b"N0cmodelcode\nrun\n" + end, path="notes.txt")


@pytest.mark.parametrize(
    "text", [b"prose\n", b"cat, dog\nmouse\n", b"casa \ncarro\n", b'{"a": 1}', b"PK\x03\x04\n\x00"]
)
def test_other_bytes_are_no_pickle_under_a_name_that_loaders_unpickle(text: bytes) -> None:
    assert not is_recognised(text, path="model.pkl")


def test_file_is_recognised_as_pickle_if_a_call_follows_many_harmless_pickles() -> None:
    assert is_recognised(b"N." * 100 + b"cposix\nsystem\n(V1\ntR.")
    assert is_recognised(b"N." * 10_000 + b"cposix\nsystem\n(V1\ntR.")


def test_bytes_that_begin_with_a_protocol_0_import_of_builtins_are_recognised_as_pickle() -> None:
    assert is_recognised(b"cbuiltins\nexec\n(X>\nf = open")


@pytest.mark.parametrize("protocol", range(6))
def test_pickle_machine_reads_every_protocol_to_its_end(protocol: int) -> None:
    value = [collections.OrderedDict(a=1), {1, 2}, b"x" * 300, 2**80, "ä", 1.5, True, None, decimal.Decimal("1.5")]
    data = pickle.dumps(value, protocol)
    program, rest = read_pickle(data)
    assert not rest
    assert not program.defects
    assert program.streams[0].complete
    assert program.streams[0].end == len(data)
    assert (Act.IMPORT, "collections.OrderedDict") in list_acts(program)
    assert (Act.CALL, "decimal.Decimal") in list_acts(program)
    assert program.opcodes == sum(1 for _ in pickletools.genops(data))


def test_python_2_name_in_a_pickle_is_recorded_as_its_python_3_name() -> None:
    program, _ = read_pickle(b"c__builtin__\neval\n(V1\ntR.")
    assert (Act.CALL, "builtins.eval") in list_acts(program)


def test_pickle_call_whose_result_is_discarded_is_recorded() -> None:
    program, _ = read_pickle((FIXTURES / "malicious/discarded-call.pkl").read_bytes())
    assert (Act.CALL, "posix.system") in list_acts(program)


@pytest.mark.parametrize("name", ["memo-detour", "memo-confusion", "os-system-obj", "os-system-inst"])
def test_call_by_the_memo_or_by_the_opcodes_obj_and_inst_is_recorded_under_the_called_function(name: str) -> None:
    program, _ = read_pickle((FIXTURES / f"malicious/{name}.pkl").read_bytes())
    assert (Act.CALL, "posix.system") in list_acts(program)


def test_arguments_of_a_call_in_a_pickle_are_recorded() -> None:
    program, _ = read_pickle((FIXTURES / "malicious/os-system.pkl").read_bytes())
    (call,) = [event for event in program.events if event.act is Act.CALL]
    assert [str(argument) for argument in call.arguments] == ["PlainValue(text=\"'echo inert'\")"]
    assert call.opcode == "REDUCE"
    assert (FIXTURES / "malicious/os-system.pkl").read_bytes()[call.offset : call.offset + 1] == b"R"


def test_import_whose_name_is_computed_during_loading_is_recorded_as_unknown() -> None:
    program, _ = read_pickle((FIXTURES / "malicious/computed-name.pkl").read_bytes())
    assert any(event.act is Act.IMPORT and isinstance(event.operand, Unknown) for event in program.events)


def test_pickle_events_before_damage_are_recorded() -> None:
    program, rest = read_pickle((FIXTURES / "malicious/damage-after-payload.pkl").read_bytes())
    assert (Act.CALL, "posix.system") in list_acts(program)
    assert [item.reason for item in rest if isinstance(item, Unread)] == [UnreadReason.DAMAGED]


def test_acts_of_every_consecutive_pickle_in_a_file_are_recorded() -> None:
    program, rest = read_pickle((FIXTURES / "malicious/second-stream.pkl").read_bytes())
    assert [stream.complete for stream in program.streams] == [True, True]
    assert [event.stream for event in program.events if event.act is Act.CALL] == [1]
    assert not rest


@check_each("program, marks", [(b"(K\1(K\2t.", 1), (b"((.", 2), (b"(K\1t.", 0)])
def test_pickle_that_stops_within_a_container_is_reported_as_damaged(program, marks, read_bytes):
    expected = [f"the pickle ends within a container: {marks} marks are open at its STOP"] if marks else []
    assert read_bytes(b"\x80\2" + program).details == expected


def test_bytes_after_the_last_pickle_are_unclaimed(read_bytes) -> None:
    program = pickle.dumps([1])
    appended = b"\xff\xfe" + program[:-1]
    reading = read_bytes(program + appended)
    assert reading.unread == [("file", UnreadReason.UNCLAIMED)]
    assert reading.unclaimed() == f"{len(program)}-{len(program) + len(appended) - 1}"


@pytest.mark.parametrize("name", ["nested-raw", "nested-base64", "nested-hex", "nested-twice"])
def test_nested_pickle_is_read_to_its_end_as_an_artifact(name: str) -> None:
    data = (FIXTURES / f"malicious/{name}.pkl").read_bytes()
    program, rest = read_pickle(data)
    assert Act.CALL not in {event.act for event in program.events}
    (member,) = rest
    assert isinstance(member, Artifact)
    assert member.open is not None
    with member.open() as window:
        (inner, *_) = find_reader("pickle").read(member, window, Limits())
    assert isinstance(inner, PickleProgram)
    assert inner.streams[0].complete


def test_words_that_begin_like_a_pickle_by_chance_give_no_artifact() -> None:
    members = [
        item for item in read_pickle((FIXTURES / "benign/words.pkl").read_bytes())[1] if isinstance(item, Artifact)
    ]
    assert members == []


def test_persistent_id_of_an_old_torch_file_stands_for_the_class_that_it_contains() -> None:
    # The persistent id is the tuple ("module", pkg.Net, None, None).
    program, _ = read_pickle(b"\x80\x02(X\x06\x00\x00\x00modulecpkg\nNet\nNNtQ)\x81}b.")
    assert (Act.CONSTRUCT, "pkg.Net") in list_acts(program)


def test_files_nested_in_a_pickle_beyond_the_greatest_number_are_reported_as_unread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("modelaudit.formats.pickles.pickle.nested._NESTED_KEPT", 1000)
    many = [bytes(pickle.dumps([number], 4)) for number in range(1003)]
    _, rest = read_pickle(pickle.dumps(many, 4))
    assert [item.detail for item in rest if isinstance(item, Unread)] == [
        "3 constants that begin like a file were not opened: only the first 1000 are"
    ]


def test_called_name_is_in_kept_names_only_if_a_value_still_holds_it() -> None:
    # The list keeps the name; a copy of it, which the memo returns, is called.
    program, _ = read_pickle(b"\x80\x04](cbuiltins\ngetattr\n\x94h\x00N\x85Re.")
    assert Name("builtins", "getattr") in program.kept_names
    # The name and its copy are both called.
    program, _ = read_pickle(b"\x80\x04](cbuiltins\ngetattr\n\x94N\x85Rh\x00N\x85Re.")
    assert program.kept_names == ()


def test_keyword_arguments_of_a_construction_are_recorded_as_arguments() -> None:
    # NEWOBJ_EX of pkg.Net with no arguments and the keyword argument f=posix.system.
    program, _ = read_pickle(b"\x80\x04cpkg\nNet\n)}\x8c\x01fcposix\nsystem\ns\x92.")
    (event,) = [event for event in program.events if event.act is Act.CONSTRUCT]
    assert "system" in str(event.arguments)


def test_long_plain_data_in_protocol_0_are_recognised_as_pickle() -> None:
    assert is_recognised(pickle.dumps(list(range(5000)), 0))
    assert is_recognised(pickle.dumps(["x" * 9000, 1], 0))


def test_legacy_torch_file_yields_tensor_data_with_the_size_of_its_numbers() -> None:
    program, rest = read_pickle((FIXTURES / "benign/torch-legacy.pt").read_bytes())
    assert program.layout == "torch-legacy"
    assert len(program.streams) == 5
    assert rest == [TensorData(16)]


def test_pickle_machine_skips_most_bytes_of_a_long_constant() -> None:
    data = pickle.dumps([b"x" * 50_000_000, "end"], 4)
    window = StrictWindow(data)
    items = list(find_reader("pickle").read(Artifact("x", len(data), lambda: None), window, Limits()))  # type: ignore[arg-type,return-value]
    assert items[0].streams[0].complete  # type: ignore[union-attr]
    assert window.read_total < 5_000_000


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        (Limits(pickle_stack=10), "stack"), (Limits(pickle_memo=3), "memo"), (Limits(pickle_events=1), "acts"),
        (Limits(pickle_streams=1), "pickles"), (Limits(pickle_opcodes=8), "opcodes"),
    ],
)  # fmt: skip
def test_absence_names_the_limit_that_a_pickle_exceeds(limits: Limits, word: str) -> None:
    value = [collections.OrderedDict(), decimal.Decimal(1), *("abcdefghijklmnopqrstuvwxyz")]
    _, rest = read_pickle(pickle.dumps(value, 4) + pickle.dumps(value, 4), limits)
    (unread,) = rest
    assert isinstance(unread, Unread)
    assert unread.reason is UnreadReason.LIMIT
    assert word in unread.detail


@pytest.mark.parametrize("path", sorted((FIXTURES / "bomb").iterdir()), ids=lambda path: path.name)
def test_pickle_machine_reads_each_pickle_bomb_to_its_end(path: Path) -> None:
    program, rest = read_pickle(path.read_bytes())
    assert program.streams[0].complete
    assert not rest


def test_calls_of_one_class_that_differ_only_in_plain_arguments_give_fewer_than_five_events() -> None:
    program, _ = read_pickle(pickle.dumps([decimal.Decimal(number) for number in range(5000)], 4))
    assert len(program.events) < 5


def test_recorded_container_lists_items_that_name_callables_before_plain_data() -> None:
    plain_state = {f"key{number}": number for number in range(1000)}
    push_object = b"\x80\x04\x8c\x01a\x8c\x01B\x93)\x81"
    push_state = pickle.dumps(plain_state, 4)[2:-1]  # without PROTO and STOP
    add_callable = b"(\x8c\x0c__setstate__cos\ngetcwd\nu"
    program, _ = read_pickle(push_object + push_state + add_callable + b"b.")
    (event,) = [event for event in program.events if event.act is Act.SET_STATE]
    assert event.arguments[0].entries[0] == ("__setstate__", Name("os", "getcwd"))  # type: ignore[union-attr]


class RecordingUnpickler(pickle.Unpickler):
    """Python's own unpickler, which records the names that it imports. It runs on data of the tests only."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.found: list[str] = []

    def find_class(self, module: str, name: str) -> object:
        self.found.append(f"{module}.{name}")
        return super().find_class(module, name)


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
    | st.fractions() | st.decimals(allow_nan=False) | st.dates() | st.timedeltas() | st.complex_numbers(allow_nan=False)
    | st.just(collections.OrderedDict(a=1)) | st.just(range(3)) | st.just(datetime.UTC),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner) | st.builds(collections.deque, st.lists(inner)),
    max_leaves=20,
)  # fmt: skip


@given(_PLAIN, st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_recorded_imports_equal_those_of_find_class_of_python_after_python_2_names_are_mapped(
    value: object, protocol: int
) -> None:
    data = pickle.dumps(value, protocol)
    recorder = RecordingUnpickler(data)
    recorder.load()
    program, rest = read_pickle(data)
    # Bytes that begin like a file by chance may become artifacts, but nothing is left unread.
    assert not [item for item in rest if isinstance(item, Unread)]
    assert not program.defects
    imported = {str(event.operand) for event in program.events if event.act is Act.IMPORT}
    # The unpickler in C passes the Python 2 names of old protocols to ``find_class``, which the test therefore maps.
    renamed = {name.replace("__builtin__.", "builtins.").replace("copy_reg.", "copyreg.") for name in recorder.found}
    assert imported == {name.replace("builtins.xrange", "builtins.range") for name in renamed}


@given(st.binary(max_size=400))
@settings(max_examples=400, deadline=None)
def test_pickle_reader_raises_no_error_for_random_bytes(data: bytes) -> None:
    is_recognised(data)
    if data:
        read_pickle(data)


_SEEDS = [path.read_bytes() for path in sorted(FIXTURES.rglob("*")) if path.is_file() and path.stat().st_size < 5000]


@given(
    st.sampled_from(_SEEDS),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8),
    st.integers(0, 400),
)
@settings(max_examples=600, deadline=None)
def test_mutated_pickles_are_read_without_error(seed: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(seed)
    for position, value in changes:
        data[position % len(data)] = value
    mutated = bytes(data[: len(data) - cut % len(data)])
    is_recognised(mutated)
    # The test fails if this raises.
    read_pickle(mutated)


def test_pickle_is_reported_as_unread_if_a_read_from_its_window_fails() -> None:
    class FailingWindow(StrictWindow):
        """A window of which only the first ten bytes can be read."""

        def read(self, offset: int, length: int) -> bytes:
            if offset > 0:
                raise WindowError("the disk failed", UnreadReason.UNREADABLE)
            return super().read(offset, min(length, 10))

    window = FailingWindow((FIXTURES / "malicious/os-system.pkl").read_bytes())
    items = list(find_reader("pickle").read(Artifact("x", window.size, lambda: None), window, Limits()))  # type: ignore[arg-type,return-value]
    assert [item.reason for item in items if isinstance(item, Unread)] == [UnreadReason.UNREADABLE]


def test_every_opcode_of_this_python_has_a_handler() -> None:
    assert {chr(code) for code, handler in enumerate(HANDLERS) if handler is not Machine.handle_invalid} == {
        opcode.code for opcode in pickletools.opcodes
    }


@pytest.mark.parametrize("target", [fractions.Fraction(1, 3), datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)])
def test_pickle_machine_reads_pickles_of_real_objects_to_their_end(target: object) -> None:
    for protocol in range(6):
        program, rest = read_pickle(pickle.dumps(target, protocol))
        assert program.streams[0].complete
        assert not rest


def test_attribute_in_a_mapping_nested_deeper_than_the_recursion_limit_is_recorded() -> None:
    depth = 3000
    # Each mapping has the next one under the key "__dict__". The innermost maps "a" to posix.system.
    state = b"}U\x08__dict__" * depth + b"}U\x01acposix\nsystem\ns" + b"s" * depth
    program, _ = read_pickle(b"\x80\x02cpkg\nMade\n)R" + state + b"b.")
    (event,) = [event for event in program.events if event.act is Act.SET_STATE]
    assert event.set_attributes == (("a", Name("posix", "system")),)


def push_tensor(sizes: bytes, key: bytes = b"U\x010") -> bytes:
    """Return opcodes that push a tensor over a storage of floats; ``sizes`` and ``key`` are opcodes that push them."""
    storage = b"(U\x07storagectorch\nFloatStorage\n" + key + b"U\x03cpuK\x06tQ"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00" + sizes + b"K\x01\x85tR"


_SIXTY_FIVE_SIZES = b"(" + b"K\x01" * 65 + b"t"


@pytest.mark.parametrize(
    ("sizes", "tensor_end"),
    [
        # Sizes of 65,535 floats of four bytes.
        (b"M\xff\xff\x85", 262140), (b"ctorch\nSize\nM\xff\xff\x85\x85R", 262140),
        (b"ccollections\ndeque\nM\xff\xff\x85\x85R", None), (b"M\xff\xff", None), (_SIXTY_FIVE_SIZES, None),
    ],
    ids=["tuple", "torch-size", "other-call", "number", "too-many"],
)  # fmt: skip
def test_end_of_a_tensor_in_its_storage_is_computed_from_its_sizes_or_leaves_an_absence(
    sizes: bytes, tensor_end: int | None
) -> None:
    program, rest = read_pickle(b"\x80\x02" + push_tensor(sizes) + b".")
    (storage,) = program.storages
    assert storage.tensor_end == (tensor_end or 0)
    assert [item.reason for item in rest] == ([] if tensor_end else [UnreadReason.UNJUDGED])


def test_pickled_storages_over_the_bound_are_reported_as_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelaudit.formats.pickles.pickle.storages._MOST_KEPT", 3)
    tensor = push_tensor(b"K\x06\x85") + b"0"
    assert read_pickle(b"\x80\x02" + tensor * 3 + b"N.")[1] == []
    (unread,) = read_pickle(b"\x80\x02" + tensor * 4 + b"N.")[1]
    assert unread.reason is UnreadReason.LIMIT


def test_pickled_storage_with_a_key_too_long_to_compare_is_reported_as_unread() -> None:
    program, (unread,) = read_pickle(b"\x80\x02" + push_tensor(b"K\x06\x85", b"X\xc9\0\0\0" + b"0" * 201) + b".")
    assert program.storages == ()
    assert unread.reason is UnreadReason.LIMIT


def list_opcodes_up_to(act: Act, data: bytes) -> list[str]:
    """Return the opcodes, with their arguments, that lead to the first event of an act in a pickle."""
    program, _ = read_pickle(data)
    event = next(event for event in program.events if event.act is act)
    return [f"{step.opcode} {step.argument}".strip() for step in event.listing]


def test_opcode_listing_shows_the_complete_byte_length_of_a_long_number() -> None:
    data = b"\x80\x04cposix\nsystem\n\x8b" + (1000).to_bytes(4, "little") + b"\x01" * 1000 + b"\x85R."
    assert "LONG4 1000 bytes" in list_opcodes_up_to(Act.CALL, data)


def test_opcode_listing_continues_after_a_text_line_that_is_too_long_to_show() -> None:
    listed = list_opcodes_up_to(Act.CALL, b"cposix\nsystem\nV" + b"x" * 500 + b"\n\x85R.")
    assert [text.partition(" ")[0] for text in listed] == ["GLOBAL", "UNICODE", "TUPLE1", "REDUCE"]


def test_opcode_listing_shows_an_opcode_completely_if_it_lies_across_two_chunks() -> None:
    # The machine reads 256 KiB at once, and refills its buffer where fewer than 16 bytes are left. The filler leaves
    # exactly 16, so that the opcode begins before the refill and ends after it.
    filler = b"\x80\x04" + b"N0" * ((2**18 - 2 - 16) // 2)
    listed = list_opcodes_up_to(Act.IMPORT, filler + b"cxml.etree.ElementTree\nparse\n.")
    assert listed[-1] == "GLOBAL xml.etree.ElementTree parse"


def test_call_is_recorded_if_a_later_state_contains_itself() -> None:
    # A dictionary in the memo is stored under ``__dict__`` in itself, and set as the state of itself.
    state = b"}q\x00U\x08__dict__h\x00sh\x00b"
    program, _ = read_pickle(b"\x80\x02cposix\nsystem\nU\x02id\x85R0" + state + b".")
    assert (Act.CALL, "posix.system") in list_acts(program)


def test_appends_without_values_to_an_object_is_recorded_because_python_calls_its_extend() -> None:
    program, _ = read_pickle(b"cinert\nThing\n(e.")
    assert (Act.SET_ITEM, "inert.Thing") in list_acts(program)


class Configuration:
    """Stands for a configuration of Transformers, whose state is a mapping of settings."""


def pickle_state(state: dict[str, object], protocol: int) -> bytes:
    """Return the pickle of a configuration with this state."""
    configuration = Configuration()
    configuration.__dict__ = state
    return pickle.dumps(configuration, protocol)


KERNEL = "attn_implementation"


@check_each("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_kernel_that_the_state_of_a_pickled_configuration_names_is_mentioned(protocol: int, read_bytes) -> None:
    states = [
        {"_attn_implementation_internal": "a/kernel"},
        {KERNEL: {"text_config": "a/kernel"}},
        # Beside enough plain data that most of the program is skipped.
        {**{f"key_{index}": index for index in range(9_000)}, KERNEL: "a/kernel", "text": "x" * 90_000},
    ]
    for state in states:
        outlines = read_bytes(pickle_state(state, protocol)).of(Outline)
        assert [(each.use, each.name) for outline in outlines for each in outline.mentions] == [("kernel", "a/kernel")]


@check_each(
    "value",
    [
        b"c__builtin__\nstr\n(C\x08a/kernelVascii\ntR",
        b"ccollections\nOrderedDict\n((l(Vtext_config\nVa/kernel\ntatR",
        b"ccollections\ndefaultdict\n)RVtext_config\nVa/kernel\ns",
        b"}Vtext_config\nc__builtin__\nstr\n(C\x08a/kernelVascii\ntRs",
    ],
)
def test_kernel_whose_name_a_pickled_configuration_computes_leaves_an_absence(value: bytes, read_bytes) -> None:
    reading = read_bytes(b"\x80\x04}V" + KERNEL.encode() + b"\n" + value + b"s.", "config.pkl")
    assert UnreadReason.UNJUDGED in reading.reasons()


def test_pickled_configuration_with_built_in_attention_mentions_no_kernel(read_bytes) -> None:
    for attention in ("sdpa", None, {"text_config": "sdpa", "vision_config": None}):
        reading = read_bytes(pickle_state({KERNEL: attention, "name_or_path": "a/model"}, 4))
        assert reading.of(Outline) == []
        assert reading.unread == []


_HOSTILE_SETTINGS = {
    "a target": {"model": {"_target_": "os.system", "command": "echo RUN"}},
    "a target beside parameters": {"config": {"target": "os.system", "params": {"command": "echo RUN"}}},
    "the target of an ordered mapping": collections.OrderedDict(_target_="os.system"),
    "the class of LightningCLI": {"hyper_parameters": {"class_path": "os.system", "init_args": {}}},
    "the function that LightningCLI calls": {"hyper_parameters": {"_instantiator": "os.system"}},
    "an evaluated activation": {"nc": 80, "activation": "os.system('echo RUN')"},
    "an evaluated layer": {"backbone": [[-1, 1, "Conv", [64, 3, "os.system('echo RUN')"]]]},
    "a target beside plain data": {**dict.fromkeys(range(9_000), 1), "_target_": "os.system", "text": "x" * 90_000},
}


@check_each("name, protocol", itertools.product(_HOSTILE_SETTINGS, (0, 2, 4)))
def test_name_that_a_loader_would_call_by_the_settings_of_a_pickled_mapping_is_mentioned(
    name: str, protocol: int, read_bytes
) -> None:
    outlines = read_bytes(pickle.dumps({"state": _HOSTILE_SETTINGS[name]}, protocol)).of(Outline)
    names = {mention.name for outline in outlines for mention in outline.mentions}
    assert any("os.system" in each for each in names)


def test_pickled_settings_of_an_ordinary_model_mention_no_name(read_bytes) -> None:
    ordinary: list[dict[str, object]] = [
        {"activation": "relu", "type": "Conv", "head": "linear", "class": "a.b", "target": [0, 1], "backbone": None},
        {"hyper_parameters": {"_instantiator": "lightning.pytorch.cli.instantiate_module", "x": 1}},
        {"target": "answer.text", "provider": "example.com", "neck": {"a": "b(c)"}},
        *({"target": f"row.number_{index}", "type": f"a.{index}"} for index in range(300)),
    ]
    for protocol in (0, 2, 4):
        reading = read_bytes(pickle.dumps(ordinary, protocol))
        uses = {mention.use for outline in reading.of(Outline) for mention in outline.mentions}
        assert uses <= {"selected"}
        assert reading.unread == []
