"""Measure the cost of the largest weights: a 2 GB ONNX model, a 4 GB GGUF and a 4 GB safetensors, beside the peers.

``make bench-large`` runs it. The files are written here, their numbers as holes in the file, and removed afterwards.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from figures import add_options, describe_machine, publish_report, render_table
from scanners import PEERS, make_environment, read_version
from speed import MIB, SECONDS_MOST, measure_process

_RESULTS = "large.md"
_PEERS = ("promptfoo", "modelscan")
_TENSORS = 64


def main() -> None:
    """Write each file, measure every scanner on it, remove it, and print the tables."""
    parser = add_options(__doc__.splitlines()[0], _RESULTS)
    parser.add_argument("--ours", action="store_true", help="measure without the peers")
    chosen = parser.parse_args()
    folder = chosen.folder.resolve() / "large"
    folder.mkdir(parents=True, exist_ok=True)
    peers = {
        name: make_environment(name, chosen.folder.resolve() / "peers") for name in (() if chosen.ours else _PEERS)
    }
    versions = ", ".join(f"{name} {read_version(name)}" for name in peers)
    parts = [
        f"# Large weights\n\n{describe_machine('bench-large')}CPU seconds and peak of resident memory. "
        "`modelaudit scan` with "
        f"all that the command does, hashing included; *reading* is that without the digests. {versions}; no answer "
        f"within {SECONDS_MOST} s is a dash.\n"
    ]
    for name, write in _FILES.items():
        path = folder / name
        write(path)
        try:
            parts += _render_file_section(path, peers)
        finally:
            path.unlink()
    publish_report("\n".join(parts), _RESULTS, chosen.write)


def _render_file_section(path: Path, peers: dict[str, str | None]) -> list[str]:
    """Measure every command on one file, and return the lines of the table."""
    rows = []
    for label, command in _list_commands(path, peers):
        measurement = measure_process(command)
        if measurement is None:
            rows.append([label, "-", "-"])
        else:
            rows.append([label, f"{measurement.cpu:.1f}", f"{measurement.peak / MIB:.0f}"])
        print(path.name, *rows[-1], flush=True)
    return [f"## {path.name}: {path.stat().st_size / 1e9:.2f} GB\n", *render_table(["", "CPU s", "peak MiB"], rows)]


def _list_commands(path: Path, peers: dict[str, str | None]) -> Iterator[tuple[str, list[str]]]:
    """Yield (label, command) of each measurement; ``peers`` maps a name to its interpreter."""
    worker = str(PEERS / "speed_worker.py")
    yield "ours: reading and checks", [sys.executable, worker, "reader", str(path)]
    quiet = ["--no-second-opinion", "--offline", "-q"]
    yield "ours: modelaudit scan", [sys.executable, "-I", "-m", "modelaudit", "scan", str(path), *quiet]
    for name, python in peers.items():
        if python is not None:
            yield name, [python, worker, name, str(path)]


def _encode_varint(value: int) -> bytes:
    """Return the base-128 varint of a number that is not negative."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _encode_field(number: int, body: bytes) -> bytes:
    """Return a field of text, bytes or a message (wire type 2)."""
    return _encode_varint(number << 3 | 2) + _encode_varint(len(body)) + body


def _encode_node(index: int) -> bytes:
    """Return a NodeProto that multiplies ``x<index>`` with ``w<index>`` to the input of the next node."""
    inputs = _encode_field(1, b"x%d" % index) + _encode_field(1, b"w%d" % index)
    return inputs + _encode_field(2, b"x%d" % (index + 1)) + _encode_field(4, b"Mul")  # output, op_type


def write_onnx(path: Path) -> None:
    """Write a model of ``_TENSORS`` vectors that are multiplied in turn; field numbers are those of onnx.proto."""
    size = 33_000_000
    heads = []  # each TensorProto up to its raw data: dims, data_type FLOAT, name, and the tag and length of raw_data
    for index in range(_TENSORS):
        head = b"\x08" + _encode_varint(size // 4) + b"\x10\x01" + _encode_field(8, b"w%d" % index)
        heads.append(head + _encode_varint(9 << 3 | 2) + _encode_varint(size))
    nodes = b"".join(_encode_field(1, _encode_node(index)) for index in range(_TENSORS))
    graph_input = _encode_field(11, _encode_field(1, b"x0"))
    name = _encode_field(2, b"main")
    # Each tensor has a tag of one byte and its length before it.
    tensors_length = sum(1 + len(_encode_varint(len(head) + size)) + len(head) + size for head in heads)
    graph_length = len(nodes) + len(graph_input) + tensors_length + len(name)
    ir_version, producer, opsets = b"\x08\x09", _encode_field(2, b"bench"), _encode_field(8, b"\x10\x11")
    with path.open("wb") as file:
        file.write(ir_version + producer + opsets)
        file.write(_encode_varint(7 << 3 | 2) + _encode_varint(graph_length) + nodes + graph_input + name)  # graph
        for head in heads:  # initializer
            file.write(_encode_varint(5 << 3 | 2) + _encode_varint(len(head) + size) + head)
            file.seek(size, 1)  # raw_data is a hole in the file
        file.truncate()


def write_gguf(path: Path) -> None:
    """Write a GGUF file (version 3) of ``_TENSORS`` tensors of half precision and a vocabulary of 100,000 tokens."""
    items = 31_250_000
    text_type, array_type = 8, 9

    def encode_text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    vocabulary = b"".join(encode_text(f"token{index}") for index in range(100_000))
    pairs = [
        encode_text("general.architecture") + struct.pack("<I", text_type) + encode_text("llama"),
        encode_text("tokenizer.ggml.tokens") + struct.pack("<IIQ", array_type, text_type, 100_000) + vocabulary,
    ]
    # Each tensor: its name, one dimension, the number of items, the type F16 (1), and the offset of its data.
    tensors = b"".join(
        encode_text(f"blk.{index}.weight") + struct.pack("<IQIQ", 1, items, 1, index * items * 2)
        for index in range(_TENSORS)
    )
    head = b"GGUF" + struct.pack("<IQQ", 3, _TENSORS, len(pairs)) + b"".join(pairs) + tensors
    start = len(head) + -len(head) % 32  # the data begin at the default alignment
    with path.open("wb") as file:
        file.write(head)
        file.truncate(start + _TENSORS * items * 2)


def write_safetensors(path: Path) -> None:
    """Write a safetensors file of ``_TENSORS`` tensors of half precision."""
    size = 62_500_000
    header = {
        f"layer.{index}": {"dtype": "F16", "shape": [size // 2], "data_offsets": [index * size, (index + 1) * size]}
        for index in range(_TENSORS)
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # the header is padded to a multiple of eight bytes
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + _TENSORS * size)


_FILES: dict[str, Callable[[Path], None]] = {
    "model.onnx": write_onnx,
    "model.gguf": write_gguf,
    "model.safetensors": write_safetensors,
}


if __name__ == "__main__":
    main()
