"""Write weights and graphs that are the worst of their size for their readers: many names, objects or values."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hostile_files import ANSWERED, INCOMPLETE, HostileFile, Writer, write_numbered


def encode_varint(value: int) -> bytes:
    """Return a number as protocol buffers store it."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*encoded, value))


def encode_field(number: int, data: bytes) -> bytes:
    """Return a field of protocol buffers that holds bytes or a message."""
    return encode_varint(number << 3 | 2) + encode_varint(len(data)) + data


_ONNX_START: Final = b"\x08\x08" + encode_field(2, b"pytorch")  # the version, and the producer


def _write_onnx_graph(make_item: Callable[[int], bytes], count: int) -> Writer:
    """Return a writer of ONNX whose graph has the items made from each number; all have the same length."""

    def write(path: Path) -> None:
        graph_start = encode_varint(7 << 3 | 2) + encode_varint(count * len(make_item(0)))
        write_numbered(_ONNX_START + graph_start, make_item, count)(path)

    return write


def _make_onnx_node(number: int) -> bytes:
    """Return a node of ONNX with an operator of its own."""
    return encode_field(1, encode_field(4, b"Op%07d" % number))


def make_onnx_model(number: int) -> bytes:
    """Return a whole model of ONNX with an operator of its own."""
    return _ONNX_START + encode_field(7, _make_onnx_node(number)) + encode_field(8, b"\x10\x11")


def _make_onnx_function(number: int) -> bytes:
    """Return a function of ONNX with a name and a domain."""
    return encode_field(25, encode_field(1, b"f%07d" % number) + encode_field(10, b"d"))


def _make_graph_node(number: int) -> bytes:
    """Return a node of a GraphDef of TensorFlow with an operator of its own."""
    return encode_field(1, encode_field(1, b"n%07d" % number) + encode_field(2, b"Op%07d" % number))


def _write_r_symbols(count: int) -> Writer:
    """Return a writer of a list of R with ``count`` symbols."""
    start = b"X\n" + struct.pack(">IIIIi", 2, 0x30602, 0x20300, 19, count)
    return write_numbered(start, lambda number: struct.pack(">IIi", 1, 9, 8) + b"%08d" % number, count)


def _write_torch7_tables(count: int) -> Writer:
    """Return a writer of a table of Torch7 with ``count`` numbers, each of which names an empty table."""
    # The first key is a text, by which the format is recognised. Its value is nil.
    start = struct.pack("<iiiiici", 3, 1, count + 1, 2, 1, b"a", 0)
    return write_numbered(start, lambda number: struct.pack("<idiii", 1, number, 3, number + 2, 0), count)


def _make_paddle_operator(number: int) -> bytes:
    """Return an operator of PaddlePaddle of a type of its own."""
    return encode_field(4, encode_field(3, b"op%07d" % number))


def _write_paddle_program(count: int) -> Writer:
    """Return a writer of a PaddlePaddle program of one block with ``count`` operators."""

    def write(path: Path) -> None:
        block_start = b"\x08\0\x10" + encode_varint(2**64 - 1)  # its number, and no parent
        size = len(block_start) + count * len(_make_paddle_operator(0))
        start = encode_varint(1 << 3 | 2) + encode_varint(size) + block_start
        write_numbered(start, _make_paddle_operator, count)(path)

    return write


def _make_coreml_layer(number: int) -> bytes:
    """Return a custom layer of Core ML with a class of its own."""
    return encode_field(1, encode_field(500, encode_field(10, b"Class%07d" % number)))


def _write_coreml_network(count: int) -> Writer:
    """Return a writer of a Core ML network (500) of version 6 with ``count`` custom layers."""
    start = b"\x08\6" + encode_varint(500 << 3 | 2) + encode_varint(count * len(_make_coreml_layer(0)))
    return write_numbered(start, _make_coreml_layer, count)


def _write_tflite_buffers(count: int) -> Writer:
    """Return a writer of TensorFlow Lite with ``count`` empty buffers, each with a list of fields of its own."""
    # The root follows its list of fields (vtable), in which slot 4 is the vector of buffers, at byte 4 of the root.
    root_fields = struct.pack("<2H5H2x", 14, 8, 0, 0, 0, 0, 4)
    start = struct.pack("<I4s", 8 + len(root_fields), b"TFL3") + root_fields
    start += struct.pack("<iII", len(root_fields), 4, count)
    offsets_start, bytes_of_table = len(start), 8  # a list of fields of 4 bytes, and the distance back to it

    def write(path: Path) -> None:
        tables_start = offsets_start + 4 * count
        offsets = (
            struct.pack("<I", tables_start + bytes_of_table * n + 4 - (offsets_start + 4 * n)) for n in range(count)
        )
        with path.open("wb") as file:
            file.write(start)
            file.writelines(offsets)
            file.write(struct.pack("<2Hi", 4, 4, 4) * count)

    return write


def _write_legacy_torch_storages(count: int) -> Writer:
    """Return a writer of torch's layout before zip with ``count`` tensors, each in a storage of its own."""
    # The magic number, the version of the layout, and an empty description of the system.
    start = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.\x80\x02}("

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.write(start)
            file.writelines(_make_torch_tensor(number) for number in range(count))
            file.write(b"u.\x80\x02](")
            file.writelines(_push_text(b"%d" % number) for number in range(count))
            file.write(b"e.")
            file.writelines(struct.pack("<qf", 1, 0.0) for _ in range(count))  # one number in each

    return write


def _push_text(text: bytes) -> bytes:
    """Return the opcode of a pickle that pushes a text."""
    return b"X" + struct.pack("<I", len(text)) + text


def _make_torch_tensor(number: int) -> bytes:
    """Return opcodes that push a name, and a tensor of one number in a storage with a key of its own."""
    storage = _push_text(b"storage") + b"ctorch\nFloatStorage\n" + _push_text(b"%d" % number) + _push_text(b"cpu")
    extent = b"K\0K\1\x85K\1\x85\x89"  # the offset, the shape, the strides, and that it needs no gradient
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n((" + storage + b"K\1NtQ" + extent
    return _push_text(b"w%d" % number) + tensor + b"ccollections\nOrderedDict\n)RtR"


_JAVA_CLASS: Final = b"r\0\1A" + bytes(8) + b"\2\0\0xp"

MODELS: Final[dict[str, HostileFile]] = {
    "onnx-nodes": HostileFile("a.onnx", _write_onnx_graph(_make_onnx_node, 5_000_000), INCOMPLETE),
    "onnx-functions": HostileFile("a.onnx", write_numbered(_ONNX_START, _make_onnx_function, 3_000_000), INCOMPLETE),
    "tensorflow-nodes": HostileFile("a.pb", write_numbered(b"", _make_graph_node, 4_000_000), INCOMPLETE),
    "ubjson-keys": HostileFile(
        "a.ubj",
        write_numbered(b"{i\x07learner{", lambda number: b"U\xffk%0254di\1" % number, 900_000, b"}}"),
        INCOMPLETE,
    ),
    "r-symbols": HostileFile("a.rds", _write_r_symbols(10_000_000), INCOMPLETE),
    "torch7-tables": HostileFile("a.t7", _write_torch7_tables(12_000_000), INCOMPLETE),
    "torch-legacy-storages": HostileFile("a.pt", _write_legacy_torch_storages(300_000), INCOMPLETE),
    "paddle-operators": HostileFile("a.pdmodel", _write_paddle_program(990_000), INCOMPLETE),
    "coreml-layers": HostileFile("a.mlmodel", _write_coreml_network(990_000), INCOMPLETE),
    "tflite-buffers": HostileFile("a.tflite", _write_tflite_buffers(900_000), ANSWERED),
    "java-classes": HostileFile("a.ser", write_numbered(b"\xac\xed\0\5", lambda _: _JAVA_CLASS, 3_300_000), INCOMPLETE),
}
