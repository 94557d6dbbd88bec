from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import pickle
import re
import zipfile
import zlib
from collections.abc import Callable
from contextlib import nullcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.formats.pickles.pickle.nested import CONTENT_STARTS, Coding, detect_coding
from modelaudit.formats.registry import DECLARATIONS, find_reader
from modelaudit.model.artifact import Artifact
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import Act, Embedded, PickleProgram, PlainValue
from modelaudit.model.structure import TensorData, UnreadReason
from modelaudit.wire.codecs import CODECS

# Pickles that call posix.system("echo inert"), in protocol 4 and 0.
PAYLOAD = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x0aecho inert\x85R."
PROTOCOL_0_PAYLOAD = b"cposix\nsystem\n(Vecho inert\ntR."
COMPRESSED_PAYLOAD = zlib.compress(PAYLOAD)


def build_zip(content: bytes) -> bytes:
    """Return a ZIP archive with one member."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("data.pkl", content)
    return out.getvalue()


def compress_with_smallest_window(content: bytes) -> bytes:
    """Return a zlib stream with a window of 512 bytes; its first byte, which states the window, is an unusual one."""
    compressor = zlib.compressobj(level=9, wbits=9)
    return compressor.compress(content) + compressor.flush()


FILES_BY_NAME = {
    "pickle": PAYLOAD, "old": PROTOCOL_0_PAYLOAD, "pickle and junk": PAYLOAD + b"junk", "pickle without STOP": PAYLOAD[:-1],
    "zlib": COMPRESSED_PAYLOAD, "gzip": gzip.compress(PAYLOAD), "bzip2": bz2.compress(PAYLOAD), "xz": lzma.compress(PAYLOAD),
    "lzma": lzma.compress(PAYLOAD, format=lzma.FORMAT_ALONE), "zip": build_zip(PAYLOAD), "zlib of text": zlib.compress(base64.b64encode(PAYLOAD)),
    "narrow zlib": compress_with_smallest_window(PAYLOAD), "gzip of zip": gzip.compress(build_zip(PAYLOAD)),
}  # fmt: skip
ENCODED_FILES_BY_NAME = {
    "base64": base64.b64encode(PAYLOAD), "base64 of protocol 0": base64.b64encode(PROTOCOL_0_PAYLOAD), "base64 in lines": base64.encodebytes(PAYLOAD),
    "base64 without padding": base64.b64encode(PAYLOAD + b"x").rstrip(b"="), "url": base64.urlsafe_b64encode(PAYLOAD + b"\xff\xfe\xfb"),
    "base64 twice": base64.b64encode(base64.b64encode(PAYLOAD)), "base32": base64.b32encode(PAYLOAD),
    "base85": base64.b85encode(PAYLOAD),
    "ascii85": base64.a85encode(PAYLOAD), "adobe": base64.a85encode(PAYLOAD, adobe=True), "hex": PAYLOAD.hex().encode(),
    "HEX": PAYLOAD.hex().upper().encode(), "base64 of zlib": base64.b64encode(COMPRESSED_PAYLOAD), "base64 of gzip": base64.b64encode(gzip.compress(PAYLOAD)),
    "base64 of bzip2": base64.b64encode(bz2.compress(PAYLOAD)), "base64 of xz": base64.b64encode(lzma.compress(PAYLOAD)),
    "base64 of zip": base64.b64encode(build_zip(PAYLOAD)), "hex of zlib": COMPRESSED_PAYLOAD.hex().encode(), "base85 of zlib": base64.b85encode(COMPRESSED_PAYLOAD),
    "base32 of zlib": base64.b32encode(COMPRESSED_PAYLOAD), "ascii85 of zlib": base64.a85encode(COMPRESSED_PAYLOAD), "base64 of hex": base64.b64encode(PAYLOAD.hex().encode()),
}  # fmt: skip
# (file, protocol): protocols 1 and 2 write bytes as characters, and those of this file begin with no magic number.
UNDETECTED = {("narrow zlib", protocol) for protocol in (1, 2)}


def list_called_names(reading: object) -> set[str]:
    """Return the names of the functions that the programs of a reading call."""
    programs = reading.of(PickleProgram)  # type: ignore[attr-defined]
    return {str(event.operand) for program in programs for event in program.events if event.act is Act.CALL}


def list_nested_addresses(reading: object) -> list[str]:
    """Return the addresses of the artifacts inside the file."""
    return sorted({path for path, _ in reading.inner.formats if "!" in path})  # type: ignore[attr-defined]


@check_each("protocol", range(6))
@check_each("name", [*FILES_BY_NAME, *ENCODED_FILES_BY_NAME])
def test_call_of_a_pickle_in_a_bytes_constant_is_found_except_narrow_zlib_in_protocols_1_and_2(
    name: str, protocol: int, read_bytes: Callable[..., object]
) -> None:
    content = (FILES_BY_NAME | ENCODED_FILES_BY_NAME)[name]
    reading = read_bytes(pickle.dumps({"w": content, "x": [1, 2]}, protocol))
    assert ("posix.system" in list_called_names(reading)) is ((name, protocol) not in UNDETECTED)


@check_each("protocol", range(6))
@check_each("name", ENCODED_FILES_BY_NAME)
def test_call_of_an_encoded_pickle_in_a_text_constant_of_a_pickle_is_found(
    name: str, protocol: int, read_bytes: Callable[..., object]
) -> None:
    assert "posix.system" in list_called_names(
        read_bytes(pickle.dumps([ENCODED_FILES_BY_NAME[name].decode()], protocol))
    )


@pytest.mark.parametrize("content", [bytearray(PAYLOAD), bytearray(base64.b64encode(PAYLOAD))])
def test_call_of_a_plain_or_base64_pickle_in_a_bytearray_of_a_pickle_is_found(
    content: bytearray, read_bytes: Callable[..., object]
) -> None:
    assert "posix.system" in list_called_names(read_bytes(pickle.dumps(content, 5)))


def test_file_in_a_pickle_is_addressed_by_format_and_offset(read_bytes: Callable[..., object]) -> None:
    data = pickle.dumps(["x", COMPRESSED_PAYLOAD, PAYLOAD], 4)
    compressed_address = f"m.pkl!zlib@{data.index(COMPRESSED_PAYLOAD)}"
    assert list_nested_addresses(read_bytes(data, "m.pkl")) == sorted(
        [compressed_address, f"{compressed_address}!content", f"m.pkl!pickle@{data.index(PAYLOAD)}"]
    )


def test_words_that_begin_like_a_file_give_no_nested_artifact_except_a_damaged_archive(
    read_bytes: Callable[..., object],
) -> None:
    words = [
        "gAME", "gAMES.", "8004", "80040505", "(default)", "(cls, x).", "]q.", "}(", "cat\ndog\n", "cat\ndog.", "Y2Y3",
        "JBoss", "fBuffer", "PKZIP", "BZh9", "HK", "XG", "8O", "hC", "(S", "7zip", "QAbcdefghijklmnop", "eJwowowowow",
        "H4sI", "H4sIAAAAAAAAAAAA", "gASVgASVgASV", "78da78da78da", "(dot) . \n x.", "UEsDBBBBBBBBBBBB",
    ]  # fmt: skip
    reading = read_bytes(pickle.dumps(words * 60 + [word.encode() for word in words], 4))
    # The last word is the magic number of ZIP in base64, and gives an archive that is damaged.
    assert [path for path in list_nested_addresses(reading) if "zip" not in path] == []


# Bytes that begin with the opcode PROTO, or that hold GLOBAL or INST with both names, may be a pickle, and then are one.
# A pickle of protocol 0 that imports nothing has lines too, and ends with STOP.
_MAY_BE_PICKLE = re.compile(rb"\x80|[^\n]*[ci][^\n]*\n[^\n]*\n|(?s:.*\n.*\.\Z)")
# Hypothesis also draws constants of the tested modules, the magic bytes of formats among them.
_MAGIC_BYTES = (
    *(codec.magic for codec in CODECS.values() if codec.magic),
    *(magic for each in DECLARATIONS if each.embedded for magic in each.embedded.magic),
)
_NO_PICKLE = st.binary(max_size=80).filter(
    lambda value: _MAY_BE_PICKLE.match(value) is None and not value.startswith(_MAGIC_BYTES)
)
_NO_PICKLE_TEXT = st.text(max_size=60).filter(lambda text: _MAY_BE_PICKLE.match(text.encode()) is None)


@given(st.lists(_NO_PICKLE | _NO_PICKLE_TEXT, max_size=30), st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_pickled_constants_that_do_not_begin_like_a_file_give_no_nested_artifact(
    read_bytes: Callable[..., object], values: list[object], protocol: int
) -> None:
    reading = read_bytes(pickle.dumps(values, protocol))
    assert list_nested_addresses(reading) == []
    assert reading.unread == []  # type: ignore[attr-defined]


# The first bytes of files: pickles, archives, compressed streams and arrays.
_FILE_STARTS = st.sampled_from([
    b"\x80\x02}", b"\x80\x03c", b"\x80\x04\x95", b"\x80\x05\x95", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08\x00", b"\x78\x9c", b"\x78\x01", b"\x78\xda",
    b"\x78\x5e", b"BZh91AY&SY", b"\xfd7zXZ\x00", b"\x5d\x00\x00\x80\x00", b"\x04\x22\x4d\x18", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c", b"\x93NUMPY\x01",
])  # fmt: skip


@given(_FILE_STARTS, st.binary(min_size=16, max_size=40))
@settings(max_examples=300, deadline=None)
def test_search_pattern_matches_starts_of_pickles_archives_and_npy_files_plain_or_text_encoded(
    start: bytes, rest: bytes
) -> None:
    data = start + rest
    twice = base64.b64encode(base64.b64encode(data))
    encoded_forms = [data, twice, base64.b64encode(data), base64.urlsafe_b64encode(data), base64.b32encode(data), base64.b85encode(data),
             base64.a85encode(data), data.hex().encode(), data.hex().upper().encode()]  # fmt: skip
    assert [form for form in encoded_forms if CONTENT_STARTS.match(form) is None] == []


@given(st.binary(max_size=300), st.booleans())
@settings(max_examples=300, deadline=None)
def test_search_pattern_matches_every_constant_with_a_detected_coding_unless_it_is_a_tar_archive(
    data: bytes, is_text: bool
) -> None:
    if detect_coding(data, len(data), is_text) is not None:
        # The magic bytes of tar are not at the start of a file, so no pattern for starts finds them.
        assert CONTENT_STARTS.match(data) or data[257:262] == b"ustar"


def test_payload_stored_as_latin_1_text_is_detected_only_in_a_text_constant() -> None:
    as_text = PAYLOAD.decode("latin-1").encode()
    assert detect_coding(as_text, len(as_text), True) is Coding.LATIN_1
    assert detect_coding(as_text, len(as_text), False) is None
    assert detect_coding(PAYLOAD, len(PAYLOAD), False) is Coding.RAW


def list_first_arguments(reading: object, callee: str) -> list[object]:
    """Return the first argument of each call of ``callee``."""
    programs = reading.of(PickleProgram)  # type: ignore[attr-defined]
    events = [event for program in programs for event in program.events]
    return [event.arguments[0] for event in events if str(event.operand) == callee and event.arguments]


@pytest.mark.parametrize("name", ["tensor", "tensor-protocol2"])
def test_bytes_argument_of_a_pickled_torch_tensor_is_read_as_an_artifact(
    name: str, read_fixture: Callable[[str], object]
) -> None:
    reading = read_fixture(f"pickle/benign/{name}.pkl")
    (argument,) = list_first_arguments(reading, "torch.storage._load_from_bytes")
    assert isinstance(argument, Embedded)
    assert reading.of(TensorData)  # type: ignore[attr-defined]
    assert reading.unread == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("content", [b"\x80\x04\xff\xff\xff", b"\x80\x02}\x00", b"\x1f\x8b\x08\x00 no gzip at all"])
def test_bytes_argument_that_only_begins_like_a_file_is_recorded_as_plain_data(
    content: bytes, read_bytes: Callable[..., object]
) -> None:
    data = b"\x80\x04cpkg\nload\nC" + bytes((len(content),)) + content + b"\x85R."
    (argument,) = list_first_arguments(read_bytes(data), "pkg.load")
    assert isinstance(argument, PlainValue)


def test_recorded_call_argument_is_not_an_embedded_file_if_its_bytes_are_base64(
    read_bytes: Callable[..., object],
) -> None:
    coded = base64.b64encode(PAYLOAD)
    (argument,) = list_first_arguments(
        read_bytes(b"\x80\x04cpkg\nload\nC" + bytes((len(coded),)) + coded + b"\x85R."), "pkg.load"
    )
    assert not isinstance(argument, Embedded)


def test_text_too_long_to_decode_is_reported_as_unread(read_bytes: Callable[..., object]) -> None:
    coded = base64.b64encode(PAYLOAD + b"\0" * 6000).decode()
    reading = read_bytes(pickle.dumps([coded], 4), limits=Limits(document_bytes=4096))
    assert reading.reasons() == {UnreadReason.LIMIT}  # type: ignore[attr-defined]
    assert "that begins like a file could not be read" in reading.details[0]  # type: ignore[attr-defined]


def test_pickle_nested_too_deep_in_other_pickles_is_reported_as_unread(read_bytes: Callable[..., object]) -> None:
    inner = PAYLOAD
    for _ in range(12):
        inner = pickle.dumps([inner], 4)
    reading = read_bytes(inner)
    assert reading.reasons() == {UnreadReason.LIMIT}  # type: ignore[attr-defined]


def test_nested_artifact_gives_the_same_bytes_when_it_is_opened_again() -> None:
    class Window:
        """A window over bytes."""

        def __init__(self, data: bytes) -> None:
            self.data, self.size = data, len(data)

        def read(self, offset: int, length: int) -> bytes:
            return self.data[offset : offset + length]

    window = Window(pickle.dumps([base64.b64encode(PAYLOAD).decode()], 4))
    artifact = Artifact("x", window.size, lambda: nullcontext(window))
    readings = find_reader("pickle").read(artifact, window, Limits())
    (child,) = [reading for reading in readings if isinstance(reading, Artifact)]
    assert child.open is not None
    for _ in range(2):
        with child.open() as opened:
            assert opened.read(0, 100) == PAYLOAD
    assert child.size == len(PAYLOAD)


def test_call_of_a_pickle_in_a_large_joblib_array_of_objects_is_found(read_bytes: Callable[..., object]) -> None:
    joblib, numpy = pytest.importorskip("joblib"), pytest.importorskip("numpy")
    plain = [{"name": f"layer.{number}", "size": number} for number in range(20_000)]
    values = numpy.array([*plain, PAYLOAD, *plain], dtype=object)
    output = io.BytesIO()
    joblib.dump(values, output)
    assert "posix.system" in list_called_names(read_bytes(output.getvalue()))
