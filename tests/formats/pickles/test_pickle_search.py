"""The search for pickles inside other bytes: behind headers, in junk, after damage."""

from __future__ import annotations

import _pickle
import io
import pickle
import random
import struct
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.formats.pickles.pickle import search
from modelaudit.formats.pickles.pickle.search import find_pickles
from modelaudit.formats.pickles.pickle.trial import imports_name, is_importable
from modelaudit.model.artifact import Artifact
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import Act, Name, PickleProgram
from modelaudit.model.structure import Unread, UnreadReason

# Both call ``posix.system("echo inert")``; nothing executes them.
PROTOCOL_4_PICKLE = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x0aecho inert\x85R."
PROTOCOL_0_PICKLE = b"cposix\nsystem\n(Vecho inert\ntR."
# Pickles that import or call a name, by what makes each hard to recognise. "Announced" means with the opcode PROTO.
PICKLES_BY_FORM = {
    "announced": PROTOCOL_4_PICKLE, "protocol 0": PROTOCOL_0_PICKLE, "binary without PROTO": PROTOCOL_4_PICKLE[2:], "instance": b"(Vecho inert\niposix\nsystem\n.",
    "object": b"(cposix\nsystem\nVecho inert\no.", "short binary": b"cposix\nsystem\nU\x04echo\x85R.", "without STOP": b"cposix\nsystem\n(Vecho\ntR",
    "unlisted, whole": b"csomepackage\nrun\n(Vecho\ntR.", "announced import": b"\x80\x02csomepackage\nrun\n.",
}  # fmt: skip
# Bytes that begin no pickle.
JUNK = bytes(range(200, 256)) * 4


class ByteWindow:
    """A window over bytes that counts how many of them are read."""

    def __init__(self, data: bytes) -> None:
        self.data, self.size, self.read_total = data, len(data), 0

    def read(self, offset: int, length: int) -> bytes:
        assert 0 <= length <= Limits().read_bytes
        self.read_total += length
        return self.data[offset : offset + length]


def search_bytes(data: bytes, announced_only: bool = False) -> list[object]:
    """Return the pickles and the absences that the search yields for ``data``."""
    return search_window(ByteWindow(data), announced_only)


def search_window(window: ByteWindow, announced_only: bool = False) -> list[object]:
    """Return the pickles and the absences that the search yields for the bytes of a window."""
    artifact = Artifact("m.bin", window.size, lambda: pytest.fail("the artifact must not be opened"))
    return list(find_pickles(artifact, window, 0, Limits(), announced_only))


def list_spans(data: bytes, **options: bool) -> list[tuple[int, int]]:
    """Return the offset and the size of each pickle that is found; its address ends with ``@`` and the offset."""
    return [
        (int(item.path.partition("@")[2]), item.size)
        for item in search_bytes(data, **options)
        if isinstance(item, Artifact)
    ]


@check_each("form", PICKLES_BY_FORM)
def test_pickle_with_a_dangerous_call_is_found_between_junk_bytes_even_without_proto_or_stop(form: str) -> None:
    pickled = PICKLES_BY_FORM[form]
    (span,) = list_spans(JUNK + pickled + JUNK)
    assert span == (len(JUNK), len(pickled))


@check_each("form", PICKLES_BY_FORM)
def test_search_restricted_to_announced_pickles_finds_only_those_with_a_proto_opcode(form: str) -> None:
    assert bool(list_spans(JUNK + PICKLES_BY_FORM[form] + JUNK, announced_only=True)) is form.startswith("announced")


def test_several_pickles_are_found_without_overlap() -> None:
    data = JUNK + PROTOCOL_4_PICKLE + PROTOCOL_0_PICKLE + JUNK + pickle.dumps([1] * 9, 4) + PROTOCOL_4_PICKLE
    spans = list_spans(data)
    assert [data[start : start + size] for start, size in spans] == [
        PROTOCOL_4_PICKLE,
        PROTOCOL_0_PICKLE,
        pickle.dumps([1] * 9, 4),
        PROTOCOL_4_PICKLE,
    ]


def test_pickle_of_plain_data_is_found_unless_it_has_a_single_opcode_between_proto_and_stop() -> None:
    assert list_spans(JUNK + pickle.dumps({"a": [1, 2, 3]}, 4))
    # A single opcode between PROTO and STOP can be chance.
    assert list_spans(JUNK + b"\x80\x02N." + JUNK + b"\x80\x05U\x20" + b"x" * 32 + b".") == []


@check_each(
    "text",
    [b"cat\ndog\nmouse\n" * 50, b"basic\nreturn\n(x)\n", b"(cat\ndog\nowl)\n", b"discos\ntitulo\n", b"cos\nsin\ntan\n", b"import os\nos.system('x')\n",
     b"public static\nvoid\n(int i\nj\nk)", b"name,value\nclass,1\n", b"ci\nos\nsystem\n",
     Path(__file__).read_bytes().replace(b"\\n", b" ")],  # this file, whose literals spell pickles but for their line breaks
)  # fmt: skip
def test_search_finds_no_pickle_in_ordinary_text(text: bytes) -> None:
    assert list_spans(text) == []


@pytest.mark.parametrize("kind", ["bytes", "quantised", "halves"])
def test_search_finds_no_pickle_in_random_weights(kind: str) -> None:
    source = random.Random(kind)
    data = source.randbytes(2_000_000)
    if kind == "quantised":  # small numbers around 128
        data = bytes(128 + byte // 16 - 8 for byte in data)
    if kind == "halves":  # numbers of two bytes, the first of which is that of the opcode PROTO
        data = bytes(byte if index % 2 else 0x80 for index, byte in enumerate(data[:1_000_000]))
    assert search_bytes(data) == []


# The second chunk of 16,384 bytes begins 4,096 bytes before the end of the first.
@check_each("border", [16384 - 4096, 16384])
@check_each("shift", range(-40, 41))
def test_pickle_near_the_end_of_a_chunk_or_the_start_of_the_next_is_found_once(
    border: int, shift: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_CHUNK", 16384)
    start = border + shift
    assert list_spans(b"\xff" * start + PROTOCOL_4_PICKLE + b"\xff" * 9000) == [(start, len(PROTOCOL_4_PICKLE))]


def test_truncated_stream_is_searched_to_its_last_byte_with_few_reads() -> None:
    window = ByteWindow(b"\xff" * 4000 + PROTOCOL_0_PICKLE)
    window.size = 1_000_000  # as its header states
    (found,) = search_window(window)
    assert isinstance(found, Artifact)
    assert (found.path, found.size) == ("m.bin!pickle@4000", len(PROTOCOL_0_PICKLE))
    assert window.read_total < 5 * window.size  # asked for, though the stream has ended


def test_search_does_not_look_inside_a_found_pickle_that_is_longer_than_a_chunk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "_CHUNK", 16384)
    long_pickle = pickle.dumps([f"entry {number}" for number in range(9000)], 4)
    assert list_spans(JUNK + long_pickle + PROTOCOL_4_PICKLE) == [
        (len(JUNK), len(long_pickle)),
        (len(JUNK) + len(long_pickle), len(PROTOCOL_4_PICKLE)),
    ]


@pytest.mark.parametrize(("size", "reasons"), [(1000, []), (1001, [UnreadReason.LIMIT])])
def test_bytes_beyond_the_bound_of_the_search_are_reported_as_unread(
    size: int, reasons: list[UnreadReason], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_MOST_BYTES", 1000)
    assert [item.reason for item in search_bytes(b"\xff" * size) if isinstance(item, Unread)] == reasons


def test_pickles_over_the_bound_of_the_search_are_reported_as_unread() -> None:
    items = search_bytes((PROTOCOL_4_PICKLE + b"\xff") * 300)
    assert len(items) == 200 + 1  # and the absence
    assert isinstance(items[-1], Unread)
    assert items[-1].reason is UnreadReason.LIMIT


def test_search_that_parses_too_many_opcodes_stops_and_leaves_an_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_MOST_OPCODES", 1000)
    # Each piece parses for 200 opcodes before it turns out to be no pickle.
    (unread,) = search_bytes((b"\x80\x04" + b"N" * 200 + b"\xff") * 50)
    assert isinstance(unread, Unread)
    assert unread.reason is UnreadReason.LIMIT


def test_search_among_overlapping_pickle_starts_reads_a_linear_number_of_bytes() -> None:
    # A pickle can begin at each ``\x80\x04``, and parses to the end of the data.
    data = b"\x80\x04N" * 50_000
    window = ByteWindow(data)
    items = search_window(window)
    assert [item.reason for item in items if isinstance(item, Unread)] == [UnreadReason.LIMIT] * len(items)
    assert len(items) == 1
    assert window.read_total < 50 * len(data)


def test_found_pickle_ends_at_the_first_opcode_that_a_loader_rejects() -> None:
    # The opcode ``t`` (TUPLE) needs a MARK, and there is none.
    first, second = list_spans(JUNK + b"\x80\x04" + PROTOCOL_0_PICKLE[:-1] + b"0t" + PROTOCOL_0_PICKLE)
    assert first == (len(JUNK), 2 + len(PROTOCOL_0_PICKLE))
    rejected_opcode = sum(first)  # the offset and the size of the first pickle give its end
    assert second == (rejected_opcode + 1, len(PROTOCOL_0_PICKLE))


@check_each(
    "name, reasons",
    [
        ("pickle.pkl", {UnreadReason.UNCLAIMED}),
        ("damage.pkl", {UnreadReason.DAMAGED, UnreadReason.UNCLAIMED}),
        ("header.bin", {UnreadReason.NO_READER}),
        # High bytes with line breaks are text in an encoding of one byte, and a tool may run a text.
        ("header-protocol0.bin", {UnreadReason.PROGRAM}),
        ("header-instance.bin", {UnreadReason.PROGRAM}),
        ("header-object.bin", {UnreadReason.PROGRAM}),
        ("header-unannounced.bin", {UnreadReason.NO_READER}),
        ("picture.gif", {UnreadReason.UNCLAIMED}),
        ("text.txt", set()),  # to the reader of text, the pickle is text
        ("json.json", {UnreadReason.DAMAGED}),
    ],
)
def test_call_of_a_pickle_behind_other_data_is_found_and_all_data_but_text_leave_an_absence(
    name: str, reasons: set[UnreadReason], read_fixture: Callable[[str], object]
) -> None:
    reading = read_fixture(f"pickle/malicious/behind-{name}")
    called = {str(event.operand) for program in reading.of(PickleProgram)  # type: ignore[attr-defined]
              for event in program.events if event.act is Act.CALL}  # fmt: skip
    assert "builtins.eval" in called
    assert {unread.reason for _, unread in reading.inner.unread} == reasons  # type: ignore[attr-defined]


@check_each("cut", range(1, 20))
def test_call_in_a_truncated_pickle_is_recorded(cut: int, read_bytes: Callable[..., object]) -> None:
    # In place of STOP, BINBYTES8 announces 255 bytes, of which only some follow.
    data = PROTOCOL_4_PICKLE[:-1] + b"\x8e\xff\x00\x00\x00\x00\x00\x00\x00" + b"x" * 20
    reading = read_bytes(data[:-cut])
    (program,) = reading.of(PickleProgram)  # type: ignore[attr-defined]
    assert "posix.system" in {str(event.operand) for event in program.events if event.act is Act.CALL}
    assert reading.reasons() == {UnreadReason.DAMAGED}  # type: ignore[attr-defined]


@given(
    st.lists(
        st.sampled_from([*PICKLES_BY_FORM.values(), JUNK, b"\x80\x04", b"(", b"cos\n", b"\x95\xff", b"i"])
        | st.binary(max_size=20),
        max_size=8,
    )
)
@settings(max_examples=300, deadline=None)
def test_pickles_that_the_search_finds_in_any_bytes_do_not_overlap(parts: list[bytes]) -> None:
    data = b"".join(parts)
    spans = list_spans(data)
    assert all(0 <= start < start + size <= len(data) for start, size in spans)
    assert all(first[0] + first[1] <= second[0] for first, second in pairwise(spans))


@check_each(
    "module, qualname, is_valid",
    [
        ("os", "system", True),
        ("a.b", "C.d", True),
        ("größe", "wert", True),
        ("1a", "b", False),
        ("a b", "c", False),
        ("", "a", False),
        ("a.", "b", False),
    ],
)
def test_pickled_name_is_importable_only_if_its_parts_are_python_identifiers(
    module: str, qualname: str, is_valid: bool
) -> None:
    assert is_importable(Name(module, qualname)) == is_valid


def test_pickle_among_other_bytes_is_found_if_it_imports_a_module_with_a_non_ascii_name(
    read_bytes: Callable[..., object],
) -> None:
    module = "größe".encode()
    hidden = b"\x80\x04\x8c" + bytes((len(module),)) + module + b"\x8c\x04wert\x93)R."
    reading = read_bytes(b"\xff\xfe" * 40 + hidden + b"\xff" * 40)
    assert "file!pickle@80" in reading.formats  # type: ignore[attr-defined]


def test_first_pickle_among_a_million_places_like_one_is_found_before_the_others_take_memory() -> None:
    data = PROTOCOL_4_PICKLE + b"\x80\x04N" * 1_000_000
    artifact = Artifact("m.bin", len(data), lambda: pytest.fail("the artifact must not be opened"))
    tracemalloc.start()
    try:
        found = next(iter(find_pickles(artifact, ByteWindow(data), 0, Limits())))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(found, Artifact)
    assert peak < 16 * 2**20


def test_marks_before_several_instances_are_tried_in_order_and_once() -> None:
    data = b"\xff(Vecho\n(Vb\niposix\nsystem\n(iposix\nsystem\n." + b"\xff" * 600 + b"(Vecho\niposix\nsystem\n."
    assert [start for start, _ in list_spans(data)] == [1, data.rindex(b"(")]


# Opcodes with their arguments. In some state of the stack, an unpickler of CPython rejects most of them.
_STEPS = (
    *(
        b"I%s\n" % line
        for line in (b"1", b"01", b"010", b"0x1", b" 1 ", b"1_0", b"1\0", b"\0", b"7\0x", b"x", b"-", b"")
    ),
    *(b"L%s\n" % line for line in (b"1L", b"1", b"1\0L", b"\0", b"L", b"0b1L")),
    *(b"F%s\n" % line for line in (b"1", b"nan", b"1\0", b"1e5\0x", b"1 ", b"\0", b"x")),
    *(b"S%s\n" % line for line in (b"'a'", b"'a", b"''", b"'\\x4'", b'"a" ')),
    *(b"V%s\n" % line for line in (b"a", b"\\u12", b"", b"\xff")),
    *(b"%cp0\n" % code for code in b"N]}()"),
    *(bytes((code,)) for code in b"N]})(02.1tdlaesubRoQ\x81\x85\x86\x87\x88\x8f\x90\x91\x92\x93\x94\x97\x98"),
    *(b"\x96" + (1).to_bytes(8, "little") + b"a", b"\x95" + bytes(8), b"\x95" + (2**20).to_bytes(8, "little")),
    *(
        b"\x80\5",
        b"\x80\6",
        b"K\1",
        b"K\0",
        b"h\0",
        b"q\0",
        b"g0\n",
        b"g0\0x\n",
        b"C\1a",
        b"\x8c\1a",
        b"U\1a",
        b"\x8c\1\xff",
    ),
    *(b"\x8a\0", b"J\1\0\0\0", b"(K\0K\1", b"(N", b"N\x86", b"P1\n"),
)
_IMPORT = b"cposix\ngetpid\n."


class _ImportReachedError(Exception):
    """An unpickler was about to import a name."""


class _RefusingC(_pickle.Unpickler):
    """The unpickler in C, which imports nothing here."""

    def find_class(self, module: str, name: str, /) -> NoReturn:
        raise _ImportReachedError(module, name)


class _RefusingPython(pickle._Unpickler):  # type: ignore[misc,name-defined]
    """The unpickler in Python, which imports nothing here."""

    def find_class(self, module: str, name: str, /) -> NoReturn:
        raise _ImportReachedError(module, name)


def _reaches_import(unpickler: type, program: bytes) -> bool:
    """Whether an unpickler comes to the import in a program."""
    try:
        unpickler(io.BytesIO(program)).load()
    except _ImportReachedError:
        return True
    except (ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, TypeError, ValueError):
        return False
    except (pickle.UnpicklingError, struct.error):
        return False
    return False


def test_trial_finds_the_import_in_each_generated_program_that_an_unpickler_of_cpython_executes_so_far() -> None:
    chance = random.Random(5)
    missed = []
    reached = 0
    for _ in range(1500):
        program = b"".join(chance.choices(_STEPS, k=chance.randint(1, 5))) + _IMPORT
        if any(_reaches_import(unpickler, program) for unpickler in (_RefusingC, _RefusingPython)):
            reached += 1
            if not imports_name(ByteWindow(program), Limits()):
                missed.append(program)
    assert reached > 100
    assert missed == []


def test_list_of_words_is_searched_without_a_trial_of_each_word(monkeypatch) -> None:
    words = b"".join(b"c%d_word\n" % number for number in range(20_000))
    monkeypatch.setattr(search, "_MOST_TRIALS", 50)
    for end in (b"dog\n", b"\xc3\xa7a\n", b"lid\n"):
        assert search_bytes(words + end) == []


@check_each(
    "run",
    [b"cos\nsystem\n(S'id'\ntR.", b"cos\nsystem\nS'id'\n\x85R.", b"(cos\nsystem\nS'id'\no.", b"cos\nsystem\n)R."],
)
def test_call_behind_words_that_begin_like_imports_is_found(run: bytes) -> None:
    for words in (b"", b"ca\ncb\n", b"ca\ncb\ncc\n", b"ca\ncb\nd\n", b"ca\n" * 51):
        spans = list_spans(words + run)
        assert any(start + size >= len(words) + len(run) - 1 for start, size in spans), (words, spans)


def test_letters_of_a_genome_that_set_items_of_a_name_by_chance_are_no_pickle() -> None:
    genome = b"acgtctaggc\ngcggaAAGGTC\nGacgtacgtGacgtacgtaa\nct\n"
    assert search_bytes(genome) == []
    assert list_spans(b"docos\nsystem\nS'id'\n\x85R.") and list_spans(b"doccos\nsystem\nS'id'\n\x85R.")
