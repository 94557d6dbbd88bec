from __future__ import annotations

import base64
import bz2
import functools
import gzip
import io
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

PAYLOAD = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x0aecho inert\x85R."


def make_tar(content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("data.pkl")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


@check_each(
    "data, expected",
    [
        (PAYLOAD, "pickle"), (b"cos\nsystem\n(", "pickle"), (b"(dp0\nVa\n", "pickle"), (b"PK\x03\x04....", "zip"), (b"7z\xbc\xaf\x27\x1c..", "7z"),
        (b"\x93NUMPY\x01\x00", "npy"), (make_tar(PAYLOAD), "tar"), (make_gzip(PAYLOAD), "gzip"), (zlib.compress(PAYLOAD), "zlib"),
        (bz2.compress(PAYLOAD), "bzip2"), (lzma.compress(PAYLOAD), "xz"), (lzma.compress(PAYLOAD, lzma.FORMAT_ALONE), "lzma"),
        (make_gzip(zlib.compress(PAYLOAD)), "gzip"), (make_gzip(base64.b64encode(PAYLOAD)), "gzip"), (make_gzip(make_tar(PAYLOAD)), "gzip"),
        # A stream that expands to no known format is data.
        (make_gzip(b"plain text " * 99), None), (zlib.compress(b"\0" * 5000), None), (b"", None), (b"\x80", None), (b"\x80\x04", None), (b"\x80\x04\x00\x00", None),
        (b"\x78\x9c" + b"\xff" * 50, None), (b"\x1f\x8b\x08" + b"\x00" * 40, None), (b"plain text", None), (b"cat\n", None), (b"\x5d\x00\x00" + b"\1" * 40, None),
    ],
)  # fmt: skip
def test_formats_are_detected_by_trial(data: bytes, expected: str | None) -> None:
    assert detect_format(data) == expected


def test_nested_streams_are_expanded_to_a_depth_and_then_count(read_fixture: Callable[[str], object]) -> None:
    shallow = deep = b"plain text " * 3
    for layer in range(8):
        deep = zlib.compress(deep)
        shallow = deep if layer == 2 else shallow
    assert detect_format(shallow) is None
    assert detect_format(deep) == "zlib"
    reading = read_fixture("pickle/malicious/nested-beyond-layers.pkl")
    programs = reading.of(PickleProgram)  # type: ignore[attr-defined]
    assert "builtins.eval" in {str(event.subject) for program in programs for event in program.events}
    assert UnreadReason.LIMIT in reading.reasons()  # type: ignore[attr-defined]
    assert UnreadReason.READER_FAILED not in reading.reasons()  # type: ignore[attr-defined]


def test_block_longer_than_the_head_is_read_again(bytes_window: Callable[[bytes], object]) -> None:
    noise = pickle.dumps([bytes(zlib.crc32(bytes((n % 256, n // 256))).to_bytes(4) * 3) for n in range(3000)], 4)
    dull = bz2.compress(bytes(noise[n] ^ 0x55 for n in range(len(noise))))
    assert detect_format(dull[:4096]) == "bzip2"
    assert decode_content(bytes_window(dull), Limits()) is None  # type: ignore[arg-type]
    found = decode_content(bytes_window(bz2.compress(noise)), Limits())  # type: ignore[arg-type]
    assert found is not None
    assert found.format == "bzip2"


def test_codings_are_removed_up_to_a_depth(bytes_window: Callable[[bytes], object]) -> None:
    data = PAYLOAD
    reached = []
    for _ in range(6):
        data = base64.b64encode(data)
        found = decode_content(bytes_window(data), Limits())  # type: ignore[arg-type]
        reached.append((found.format, found.layers, found.window.read(0, 99)) if found else None)
    assert reached == [("pickle", 1, PAYLOAD), ("pickle", 2, PAYLOAD), None, None, None, None]


@pytest.mark.parametrize("text", [b"gASV" * 2, b"not coded at all", b"gASVgASV\x00gASV", b"80040", b"H4sI" + b"!" * 20])
def test_text_that_is_only_partly_coded_has_no_coding(text: bytes) -> None:
    assert decode_codings(text) == {}


def test_beginning_of_a_text_decides_its_coding() -> None:
    text = base64.encodebytes(PAYLOAD * 300)
    assert list(decode_codings(text[:4096], is_truncated=True)) == [Coding.BASE64]
    assert detect_coding(text[:4095], cut=True) is Coding.BASE64


@pytest.mark.parametrize("name", ["base64.txt", "base85", "hex-of-zlib"])
def test_encoded_text_is_a_container(name: str, read_fixture: Callable[[str], object]) -> None:
    reading = read_fixture(f"encoded-text/malicious/{name}")
    assert reading.formats[name] == ["encoded-text"]  # type: ignore[attr-defined]
    (program,) = reading.of(PickleProgram)  # type: ignore[attr-defined]
    assert "builtins.eval" in {str(event.subject) for event in program.events}


@pytest.mark.parametrize(
    "text", [b"gAME of thrones, a text\n", b"H4sI is how gzip looks in base64.\n", b"8004\n", b"78da\n" * 50]
)
def test_prose_is_not_encoded_text(text: bytes, read_bytes: Callable[..., object]) -> None:
    assert read_bytes(text).formats["file"] == ["text"]  # type: ignore[attr-defined]


def test_truncated_encoded_text_is_damaged(read_bytes: Callable[..., object]) -> None:
    text = base64.b64encode(PAYLOAD * 200) + b"!!"
    assert read_bytes(text).reasons() == {UnreadReason.DAMAGED}  # type: ignore[attr-defined]


def test_text_over_the_size_limit_is_reported_as_unread(read_bytes: Callable[..., object]) -> None:
    reading = read_bytes(base64.b64encode(PAYLOAD * 400), limits=Limits(document_bytes=8192))
    assert reading.reasons() == {UnreadReason.LIMIT}  # type: ignore[attr-defined]


_CODED = [
    base64.b64encode(PAYLOAD),
    base64.b85encode(zlib.compress(PAYLOAD)),
    make_gzip(PAYLOAD),
    PAYLOAD.hex().encode(),
]


@given(
    st.sampled_from(_CODED),
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 255)), max_size=5),
    st.integers(0, 99),
)
@settings(max_examples=300, deadline=None)
def test_mutated_encoded_text_gives_a_reading(
    read_bytes: Callable[..., object], seed: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(seed)
    for position, value in changes:
        data[position % len(data)] = value
    read_bytes(bytes(data[: len(data) - cut % len(data)]))


@given(st.binary(max_size=200), st.booleans(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_detection_accepts_random_bytes(data: bytes, cut: bool, is_text: bool) -> None:
    detect_format(data)
    detect_coding(data, cut, is_text)


def test_pickles_in_json_strings_are_read(tmp_path):
    """The archives of some policies keep base64 pickles in JSON, and their loader unpickles them."""
    import hashlib
    import json

    held = {"policy_class": {":type:": "abc", ":serialized:": base64.b64encode(PAYLOAD).decode()}}
    (tmp_path / "data.json").write_text(json.dumps(held))
    report = modelaudit.scan(tmp_path, second_opinion=False)
    assert report.exit_code == 1
    digests = {str(n): hashlib.sha256(bytes([n % 256, n // 256])).hexdigest() for n in range(2000)}
    words = [base64.b64encode(hashlib.sha256(str(n).encode()).digest()).decode() for n in range(2000)]
    (tmp_path / "data.json").write_text(json.dumps({"digests": digests, "words": words}))
    report = modelaudit.scan(tmp_path, second_opinion=False)
    assert (report.exit_code, report.coverage.artifacts[0].members) == (0, 0)
