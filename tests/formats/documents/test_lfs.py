from __future__ import annotations

import pytest
from builders.payloads import EVAL_ONE

import modelaudit
from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason

DIGEST = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{DIGEST}\nsize 12345\n".encode()


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "model.onnx", "a.gguf", "weights"])
def test_scan_of_an_lfs_pointer_reports_the_size_and_digest_of_the_absent_content(tmp_path, name):
    (tmp_path / name).write_bytes(POINTER)
    report = modelaudit.scan(tmp_path, second_opinion=False)
    (finding,) = [each for each in report.findings if not each.rule.startswith("license/")]
    assert finding.rule == "coverage/content-absent"
    assert "12345 bytes" in finding.message
    assert DIGEST in finding.message
    assert report.exit_code == 3


@pytest.mark.parametrize(
    "data",
    [
        # Line ends of Windows, no line end, a line of an extension, and the name of the tool before Git LFS.
        POINTER.replace(b"\n", b"\r\n"),
        POINTER[:-1],
        POINTER.replace(b"oid", b"ext-0-a sha256:00\noid"),
        POINTER.replace(b"git-lfs.github", b"hawser.github"),
    ],
)
def test_lfs_pointer_with_crlf_no_final_newline_an_extension_or_the_old_tool_name_is_parsed(data, read_bytes):
    reading = read_bytes(data, "model.bin")
    assert reading.reasons() == {UnreadReason.CONTENT_ABSENT}
    assert dict(reading.of(Outline)[0].facts) == {"digest": f"sha256:{DIGEST}", "size": "12345"}
    assert not reading.kinds()


def test_pickle_after_an_lfs_pointer_is_read(read_bytes):
    reading = read_bytes(POINTER + EVAL_ONE, "model.bin")
    assert reading.kinds() == {"trailing-data"}
    assert reading.evaluates


def test_text_that_quotes_an_lfs_pointer_is_not_read_as_a_pointer(read_bytes):
    assert read_bytes(b"A pointer begins with " + POINTER, "notes.md").formats == {"notes.md": ["markdown"]}


def test_truncated_lfs_pointer_is_reported_as_damaged(read_bytes):
    assert UnreadReason.DAMAGED in read_bytes(POINTER[:70]).reasons()
