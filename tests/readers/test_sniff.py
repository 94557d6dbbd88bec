from __future__ import annotations

import pytest

from modelaudit.readers.sniff import name_format


@pytest.mark.parametrize(
    ("head", "path", "name"),
    [
        (b"GGUF\x03\x00\x00\x00", "m.bin", "GGUF"),
        (b"\x89HDF\r\n\x1a\n", "m.keras", "HDF5"),
        (b"\x1c\x00\x00\x00TFL3", "m", "TFLite"),
        (b"\x7fELF\x02", "lib.so", "ELF executable"),
        (b"\x89PNG\r\n\x1a\n", "x.json", "PNG image"),
        (b"\x00" * 257 + b"ustar", "m.nemo", "tar"),
        (b"\x08\x07\x12\x07pytorch", "m.onnx", "ONNX by its extension"),
        (b"\x08\x07\x12\x07pytorch", "a.zip!b/m.onnx", "ONNX by its extension"),
        (b"\x01\x02", "onnx", None),
        (b"\x01\x02", ".onnx", None),
        (b"", "x", None),
    ],
)
def test_formats_are_named(head, path, name):
    assert name_format(head, path) == name
