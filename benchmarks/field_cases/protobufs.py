"""Build files of protocol buffers: metadata of ONNX, Keras, Core ML and TensorBoard, field by field."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final


def _write_varint(number: int) -> bytes:
    coded = b""
    while number > 0x7F:
        coded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return coded + bytes([number])


def write_field(number: int, value: int | str | bytes) -> bytes:
    """Return a field: a number as varint, everything else with its length."""
    if isinstance(value, int):
        return _write_varint(number << 3) + _write_varint(value)
    data = value.encode("utf-8") if isinstance(value, str) else value
    return _write_varint(number << 3 | 2) + _write_varint(len(data)) + data


def _to_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def build_onnx(metadata: Mapping[str, Any], doc: str = "") -> bytes:
    """An ONNX model of one Identity, with ``metadata_props``."""
    shape = write_field(1, write_field(1, 1) + write_field(2, write_field(1, write_field(1, 2))))
    node = write_field(1, "x") + write_field(2, "y") + write_field(3, "identity") + write_field(4, "Identity")
    graph = write_field(1, node) + write_field(2, "acme")
    graph += write_field(11, write_field(1, "x") + write_field(2, shape))
    graph += write_field(12, write_field(1, "y") + write_field(2, shape))
    model = write_field(1, 8) + write_field(2, "acme") + (write_field(6, doc) if doc else b"")
    model += write_field(7, graph) + write_field(8, write_field(1, "") + write_field(2, 17))
    for key, value in metadata.items():
        model += write_field(14, write_field(1, key) + write_field(2, _to_text(value)))
    return model


def build_keras_metadata(nodes: list[Mapping[str, Any]]) -> bytes:
    """The ``keras_metadata.pb`` of a SavedModel: nodes with the JSON that describes each."""
    coded = b""
    for number, node in enumerate(nodes):
        version = write_field(1, 1) + write_field(2, 1)
        saved = write_field(2, number) + write_field(3, node.get("path", "root"))
        saved += write_field(4, node["identifier"]) + write_field(5, _to_text(node["metadata"]))
        coded += write_field(1, saved + write_field(6, version))
    return coded


def build_coreml(metadata: Mapping[str, Any]) -> bytes:
    """A Core ML model of an identity, with values of its publisher in the metadata."""
    pairs = b"".join(
        write_field(100, write_field(1, key) + write_field(2, _to_text(each))) for key, each in metadata.items()
    )
    about = write_field(1, "acme") + write_field(2, "1") + pairs
    kind = write_field(4, b"")
    description = write_field(1, write_field(1, "x") + write_field(3, kind))
    description += write_field(10, write_field(1, "y") + write_field(3, kind)) + write_field(100, about)
    return write_field(1, 1) + write_field(2, description) + write_field(900, b"")


def _mask_crc(data: bytes) -> bytes:
    """Return the checksum of a record: CRC-32C, rotated and shifted."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def build_events(texts: Mapping[str, Any]) -> bytes:
    """An event file of TensorBoard with texts, such as the parameters of a training."""
    events = [write_field(3, "brain.Event:2")]
    for tag, value in texts.items():
        tensor = write_field(1, 7) + write_field(8, _to_text(value))
        events.append(write_field(5, write_field(1, write_field(1, tag) + write_field(8, tensor))))
    coded = b""
    for event in events:
        length = struct.pack("<Q", len(event))
        coded += length + _mask_crc(length) + event + _mask_crc(event)
    return coded


BUILDERS: Final[Mapping[str, Callable[..., bytes]]] = {
    "coreml": build_coreml,
    "events": build_events,
    "keras-metadata": build_keras_metadata,
    "onnx": build_onnx,
}
