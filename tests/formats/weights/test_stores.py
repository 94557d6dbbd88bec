"""OCDBT stores of Orbax, SentencePiece models, HTML pages and SVG drawings."""

from __future__ import annotations

from builders.msgpack_files import build_scored_piece, build_store_record
from builders.payloads import EVAL_ONE
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

import modelaudit
from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason

# The magic numbers of a manifest, of a node of its tree, and of an unknown kind of record.
MANIFEST_MAGIC, TREE_MAGIC, UNKNOWN_MAGIC = 0x0CDB3A2A, 0x0CDB20DE, 0x0CDB1234
MANIFEST = build_store_record(MANIFEST_MAGIC)
DATA_FILE_PATH = "ocdbt.process_0/d/dd9dc6ea6faf9ecf40911542bab32c94"
# Bytes that begin like no known format.
UNKNOWN = bytes(range(256))
# A SentencePiece model: two pieces, the first of the type (field 3) "unknown", and the specification of its trainer.
SENTENCEPIECE_MODEL = build_scored_piece("<unk>", b"\x18\x02") + build_scored_piece("a") + b"\x12\x04\x0a\x02in"


def list_formats(reading) -> list[str]:
    """Return the format of each outline."""
    return [outline.format for outline in reading.of(Outline)]


@check_each("magic", [MANIFEST_MAGIC, TREE_MAGIC, UNKNOWN_MAGIC])
def test_each_kind_of_ocdbt_record_is_read_completely(magic, read_bytes):
    reading = read_bytes(build_store_record(magic), "x")
    assert list_formats(reading) == ["ocdbt"]
    assert not reading.unread


def test_truncated_ocdbt_manifest_is_reported_as_damaged(read_bytes):
    assert read_bytes(MANIFEST[:-1], "manifest.ocdbt").reasons() == {UnreadReason.DAMAGED, UnreadReason.UNCLAIMED}


@given(position=st.integers(4, len(MANIFEST) - 1), bit=st.integers(0, 7))
def test_ocdbt_manifest_with_a_changed_bit_is_reported_as_damaged(position, bit, read_bytes):
    changed = bytearray(MANIFEST)
    changed[position] ^= 1 << bit
    assert UnreadReason.DAMAGED in read_bytes(bytes(changed), "manifest.ocdbt").reasons()


def test_checksum_of_an_ocdbt_record_over_the_bound_is_reported_as_unread(read_bytes, monkeypatch):
    monkeypatch.setattr("modelaudit.formats.weights.ocdbt.reader._MAX_VERIFIED_BYTES", len(MANIFEST) - 1)
    assert read_bytes(MANIFEST, "manifest.ocdbt").reasons() == {UnreadReason.LIMIT}


def test_pickle_after_an_ocdbt_manifest_is_read(read_bytes):
    assert read_bytes(MANIFEST + EVAL_ONE, "manifest.ocdbt").evaluates


def test_unknown_bytes_are_read_as_ocdbt_only_under_the_path_of_a_data_file(read_bytes):
    assert list_formats(read_bytes(UNKNOWN, DATA_FILE_PATH)) == ["ocdbt"]
    # The name of the file counts too: OCDBT names data files by a random number.
    assert list_formats(read_bytes(UNKNOWN, "d/weights")) == []


def test_pickle_under_the_path_of_an_ocdbt_data_file_is_read(read_bytes):
    assert read_bytes(EVAL_ONE, DATA_FILE_PATH).evaluates
    assert read_bytes(UNKNOWN + EVAL_ONE, DATA_FILE_PATH).evaluates


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(SENTENCEPIECE_MODEL)), st.binary(max_size=8))
def test_mutated_sentencepiece_and_ocdbt_files_never_crash_the_readers(read_bytes, position, replaced):
    # Any error that the reader does not report as damage or as a limit fails the test.
    end = position + len(replaced)
    read_bytes(SENTENCEPIECE_MODEL[:position] + replaced + SENTENCEPIECE_MODEL[end:], "x.model")
    read_bytes(MANIFEST[:4] + replaced + MANIFEST[position:], "x")


@check_each(
    "name, text, expected",
    [
        ("a.svg", "<svg><path d='M0 0'/></svg>", set()),
        ("a.svg", "<svg><script>void 0</script></svg>", {"script"}),
        ("a.svg", "<svg><svg:script>void 0</svg:script></svg>", {"script"}),
        ("a.svg", "<svg onload='void 0'/>", {"event-handler"}),
        ("a.html", "<p>once = 2 and on = 3</p>", set()),
        ("a.html", "<a href=' javascript:void 0'>", {"javascript"}),
        ("a", "<!DOCTYPE html>\n<iframe src=x>", {"iframe"}),
        ("a.html", '<script type="application/json">{}</script>', set()),
    ],
)
def test_script_handler_or_frame_of_an_svg_or_html_page_is_mentioned_but_not_json_in_a_script(
    name, text, expected, read_bytes
):
    reading = read_bytes(text.encode(), name)
    assert reading.formats[name] == ["markup"]
    assert {mention.name for each in reading.of(Outline) for mention in each.mentions} == expected


def test_scan_of_a_page_is_incomplete_if_it_has_a_script_and_passes_otherwise(tmp_path):
    (tmp_path / "logo.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    assert modelaudit.scan(tmp_path, second_opinion=False).exit_code == 0
    (tmp_path / "report.html").write_text("<html><script>void 0</script></html>")
    report = modelaudit.scan(tmp_path, second_opinion=False)
    assert "document/page-with-script" in {finding.rule for finding in report.findings}
    assert report.exit_code == 3
