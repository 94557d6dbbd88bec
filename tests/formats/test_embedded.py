"""Test the detection and decoding of content that is embedded in other data."""

from __future__ import annotations

import base64
import bz2
import functools
import gzip
import hashlib
import io
import json
import lzma
import pickle
import tarfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

import modelaudit
from modelaudit.formats.embedded import decode_content, detect_coding, detect_format
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import PickleProgram
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.codings import Coding, decode_codings

# Without the time of day, so that the names of tests are the same in every process.
make_gzip = functools.partial(gzip.compress, mtime=0)

# A pickle that calls os.system.
PAYLOAD = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x0aecho inert\x85R."


def make_tar(content: bytes) -> bytes:
    """Return a tar archive with one member."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("data.pkl")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@check_each(
    "data, expected",
    [
        (PAYLOAD, "pickle"), (b"cos\nsystem\n(", "pickle"), (b"(dp0\nVa\n", "pickle"), (b"PK\x03\x04....", "zip"), (b"7z\xbc\xaf\x27\x1c..", "7z"),
        (b"\x93NUMPY\x01\x00", "npy"), (make_tar(PAYLOAD), "tar"), (make_gzip(PAYLOAD), "gzip"), (zlib.compress(PAYLOAD), "zlib"),
        (bz2.compress(PAYLOAD), "bzip2"), (lzma.compress(PAYLOAD), "xz"), (lzma.compress(PAYLOAD, lzma.FORMAT_ALONE), "lzma"),
        (make_gzip(zlib.compress(PAYLOAD)), "gzip"), (make_gzip(base64.b64encode(PAYLOAD)), "gzip"), (make_gzip(make_tar(PAYLOAD)), "gzip"),
        # Streams that expand to no known format, beginnings of a pickle that end too early, damaged streams, and texts.
        (make_gzip(b"plain text " * 99), None), (zlib.compress(b"\0" * 5000), None), (b"", None), (b"\x80", None), (b"\x80\x04", None), (b"\x80\x04\x00\x00", None),
        (b"\x78\x9c" + b"\xff" * 50, None), (b"\x1f\x8b\x08" + b"\x00" * 40, None), (b"plain text", None), (b"cat\n", None), (b"\x5d\x00\x00" + b"\1" * 40, None),
    ],
)  # fmt: skip
def test_embedded_format_is_detected_by_its_first_bytes_or_by_those_of_its_expanded_stream(
    data: bytes, expected: str | None
) -> None:
    assert detect_format(data) == expected


def test_constant_with_more_layers_of_compression_than_the_bound_is_read_as_an_artifact(
    read_fixture: Callable[[str], object],
) -> None:
    by_layers = [b"plain text " * 3]  # at index n, compressed n times
    for _ in range(8):
        by_layers.append(zlib.compress(by_layers[-1]))
    # Below the bound, the text inside shows that the stream holds no file. Beyond it, the stream itself becomes one.
    assert detect_format(by_layers[3]) is None
    assert detect_format(by_layers[8]) == "zlib"
    reading = read_fixture("pickle/malicious/nested-beyond-layers.pkl")
    programs = reading.of(PickleProgram)  # type: ignore[attr-defined]
    assert "builtins.eval" in {str(event.operand) for program in programs for event in program.events}
    assert UnreadReason.LIMIT in reading.reasons()  # type: ignore[attr-defined]
    assert UnreadReason.READER_FAILED not in reading.reasons()  # type: ignore[attr-defined]


def test_compressed_stream_whose_first_block_exceeds_the_head_is_detected_by_more_bytes(
    bytes_window: Callable[[bytes], object],
) -> None:
    # Checksums hardly compress, so the first block of bzip2 is longer than the head.
    checksums = [zlib.crc32(bytes((n % 256, n // 256))).to_bytes(4) * 3 for n in range(3000)]
    program = pickle.dumps(checksums, 4)
    noise = bytes(byte ^ 0x55 for byte in program)  # as long as the pickle, and of no format
    compressed_noise = bz2.compress(noise)
    # The head expands to nothing, so it decides nothing; the whole stream shows that the noise is not a file.
    assert detect_format(compressed_noise[:4096]) == "bzip2"
    assert decode_content(bytes_window(compressed_noise), Limits()) is None  # type: ignore[arg-type]
    content = decode_content(bytes_window(bz2.compress(program)), Limits())  # type: ignore[arg-type]
    assert content is not None
    assert content.format == "bzip2"


def test_text_with_one_or_two_layers_of_base64_is_decoded_and_with_three_is_not(
    bytes_window: Callable[[bytes], object],
) -> None:
    data = PAYLOAD
    found_by_layers = []
    for _ in range(6):
        data = base64.b64encode(data)
        content = decode_content(bytes_window(data), Limits())  # type: ignore[arg-type]
        found_by_layers.append((content.format, content.layers, content.window.read(0, 99)) if content else None)
    assert found_by_layers == [("pickle", 1, PAYLOAD), ("pickle", 2, PAYLOAD), None, None, None, None]


# "gASV" begins a pickle in Base64, "8004" one in hexadecimal digits, and "H4sI" gzip in Base64. The texts are too
# short, or have letters that are not in the coding, or an odd number of digits.
# "gASV" and "H4sI" are the beginnings of a pickle and of gzip in Base64, and "8004" is that of a pickle in hexadecimal.
@pytest.mark.parametrize("text", [b"gASV" * 2, b"not coded at all", b"gASVgASV\x00gASV", b"80040", b"H4sI" + b"!" * 20])
def test_text_that_is_too_short_or_not_wholly_in_a_text_coding_is_not_decoded(text: bytes) -> None:
    assert decode_codings(text) == {}


def test_base64_is_detected_in_a_truncated_text() -> None:
    text = base64.encodebytes(PAYLOAD * 300)
    # 4,095 bytes end in the middle of a group of four letters.
    assert list(decode_codings(text[:4096], is_truncated=True)) == [Coding.BASE64]
    assert detect_coding(text[:4095], is_truncated=True) is Coding.BASE64


@pytest.mark.parametrize("name", ["base64.txt", "base85", "hex-of-zlib"])
def test_pickle_in_encoded_text_is_read(name: str, read_fixture: Callable[[str], object]) -> None:
    reading = read_fixture(f"encoded-text/malicious/{name}")
    assert reading.formats[name] == ["encoded-text"]  # type: ignore[attr-defined]
    (program,) = reading.of(PickleProgram)  # type: ignore[attr-defined]
    assert "builtins.eval" in {str(event.operand) for event in program.events}


# Each begins like an encoded pickle or stream; the last one is zlib by its first two bytes only.
@pytest.mark.parametrize(
    "text", [b"gAME of thrones, a text\n", b"H4sI is how gzip looks in base64.\n", b"8004\n", b"78da\n" * 50]
)
def test_text_that_only_begins_like_an_encoded_file_is_read_as_text(
    text: bytes, read_bytes: Callable[..., object]
) -> None:
    assert read_bytes(text).formats["file"] == ["text"]  # type: ignore[attr-defined]


def test_base64_text_that_ends_with_characters_outside_its_alphabet_is_reported_as_damaged(
    read_bytes: Callable[..., object],
) -> None:
    text = base64.b64encode(PAYLOAD * 200) + b"!!"  # no letters of Base64
    reading = read_bytes(text)
    assert reading.reasons() == {UnreadReason.DAMAGED, UnreadReason.UNCLAIMED}  # type: ignore[attr-defined]


def test_encoded_text_over_the_size_limit_is_reported_as_unread(read_bytes: Callable[..., object]) -> None:
    reading = read_bytes(base64.b64encode(PAYLOAD * 400), limits=Limits(document_bytes=8192))
    assert reading.reasons() == {UnreadReason.LIMIT, UnreadReason.UNCLAIMED}  # type: ignore[attr-defined]


_ENCODED_PAYLOADS = [
    base64.b64encode(PAYLOAD),
    base64.b85encode(zlib.compress(PAYLOAD)),
    make_gzip(PAYLOAD),
    PAYLOAD.hex().encode(),
]


@given(
    st.sampled_from(_ENCODED_PAYLOADS),
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 255)), max_size=5),
    st.integers(0, 99),
)
@settings(max_examples=300, deadline=None)
def test_mutated_encoded_or_compressed_payload_is_read_without_an_error(
    read_bytes: Callable[..., object], seed: bytes, changes: list[tuple[int, int]], removed: int
) -> None:
    data = bytearray(seed)
    for position, value in changes:
        data[position % len(data)] = value
    read_bytes(bytes(data[: len(data) - removed % len(data)]))


@given(st.binary(max_size=200), st.booleans(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_detection_of_formats_and_codings_raises_no_error_for_random_bytes(
    data: bytes, is_truncated: bool, is_text: bool
) -> None:
    detect_format(data)
    detect_coding(data, is_truncated, is_text)


def test_base64_pickle_with_a_dangerous_call_in_a_json_string_fails_the_scan(tmp_path):
    """stable-baselines3 stores pickles in Base64 in JSON, and its loader unpickles them."""
    document = {"policy_class": {":type:": "abc", ":serialized:": base64.b64encode(PAYLOAD).decode()}}
    (tmp_path / "data.json").write_text(json.dumps(document))
    assert modelaudit.scan(tmp_path, second_opinion=False).exit_code == 1


def test_digest_or_random_base64_in_json_gives_no_nested_artifact(tmp_path):
    digests = {str(n): hashlib.sha256(bytes([n % 256, n // 256])).hexdigest() for n in range(2000)}
    words = [base64.b64encode(hashlib.sha256(str(n).encode()).digest()).decode() for n in range(2000)]
    (tmp_path / "data.json").write_text(json.dumps({"digests": digests, "words": words}))
    report = modelaudit.scan(tmp_path, second_opinion=False)
    assert (report.exit_code, report.coverage.artifacts[0].members) == (0, 0)


@pytest.mark.parametrize("separator", ["\\n", "\\r\\n", "\\u000a"])
def test_call_of_a_base64_pickle_in_a_json_string_with_escapes_is_found(
    separator: str, read_bytes: Callable[..., object]
) -> None:
    encoded = base64.b64encode(PAYLOAD).decode().replace("/", "\\/").replace("=", "\\u003d")
    lines = separator.join(encoded[start : start + 20] for start in range(0, len(encoded), 20))
    assert read_bytes(f'{{"policy": "{lines}"}}'.encode(), "a.json").called
