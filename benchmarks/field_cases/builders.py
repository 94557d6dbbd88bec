"""Build the files of cases that are no text: checkpoints, arrays, metadata, archives.

``build_file`` takes the mapping that stands in a case: ``build`` names a function of ``BUILDERS``, the other keys are
its arguments. Where a library writes the format, it is the one that people use: torch, joblib, numpy, msgpack and h5py.
Nothing that a payload names is imported or called.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pickles import has_marks, write_pickle
from protobufs import BUILDERS as PROTOBUF_BUILDERS
from tree_builders import BUILDERS as TREE_BUILDERS

_MOMENT: Final = (2026, 1, 1, 0, 0, 0)


def build_file(content: object) -> bytes:
    """Return the bytes of a file: of a text, or of what a builder writes."""
    if isinstance(content, str):
        return content.encode("utf-8")
    if isinstance(content, Mapping):
        arguments = dict(content)
        return BUILDERS[arguments.pop("build")](**arguments)
    raise TypeError(f"no content of a file: {content!r}")


def write_files(folder: Path, files: Mapping[str, Any]) -> None:
    """Write the files of a case below ``folder``."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(build_file(content))


def build_json(value: Any, indent: int | None = 2) -> bytes:
    """A JSON document."""
    return json.dumps(value, indent=indent).encode("utf-8") + b"\n"


def build_yaml(value: Any) -> bytes:
    """A YAML document of plain values."""
    return yaml.safe_dump(value, sort_keys=False).encode("utf-8")


def build_base64(data: str) -> bytes:
    """Bytes as they stand."""
    return base64.b64decode(data)


def build_text(text: str, encoding: str = "utf-8") -> bytes:
    """A text in an encoding other than UTF-8."""
    return text.encode(encoding)


def build_pickle(value: Any, protocol: int = 4, compress: str = "") -> bytes:
    """A pickle, compressed if wished."""
    coded = write_pickle(value, protocol)
    return _compress(coded, compress)


def build_torch(value: Any, legacy: bool = False, tensors: bool = True) -> bytes:
    """A checkpoint by ``torch.save``; one whose pickle calls something is put together as torch lays it out."""
    if has_marks(value):
        members = {"data.pkl": write_pickle(value, 2), "byteorder": b"little", "version": b"3\n"}
        return _build_zip({f"archive/{name}": data for name, data in members.items()})
    import torch

    whole = dict(value)
    if tensors:
        whole.setdefault("state_dict", {})["layer.weight"] = torch.zeros(2, 2)
    target = io.BytesIO()
    torch.save(whole, target, _use_new_zipfile_serialization=not legacy)
    return target.getvalue()


def build_joblib(value: Any, compress: int = 3) -> bytes:
    """A file of joblib; with a payload, its pickle under zlib as joblib writes it."""
    if has_marks(value):
        return zlib.compress(write_pickle(value, 4), 3)
    import joblib

    target = io.BytesIO()
    joblib.dump(value, target, compress=compress)
    return target.getvalue()


def build_npz(value: Any) -> bytes:
    """An ``.npz`` archive with an array of numbers and one of objects."""
    import numpy as np

    objects = np.empty(1, dtype=object)
    objects[0] = value
    target = io.BytesIO()
    np.savez(target, weights=np.zeros(4, dtype=np.float32), config=objects)
    return target.getvalue()


def build_npy(value: Any) -> bytes:
    """An ``.npy`` array of objects, whose pickle may call something."""
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    padded = header + b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(padded)) + padded + write_pickle(value, 4)


def build_msgpack(value: Any) -> bytes:
    """A MessagePack document such as Flax and spaCy write."""
    import msgpack

    return bytes(msgpack.packb(_decode_marks(value), use_bin_type=True))


def _decode_marks(value: Any) -> Any:
    """Put the bytes of ``!pickled`` and ``!base64`` in the place of their mappings."""
    if isinstance(value, Mapping):
        if "!pickled" in value:
            return write_pickle(value["!pickled"], 4)
        if "!base64" in value:
            return base64.b64decode(value["!base64"])
        return {key: _decode_marks(each) for key, each in value.items()}
    return [_decode_marks(each) for each in value] if isinstance(value, list) else value


def build_png(texts: Mapping[str, str]) -> bytes:
    """A picture of one pixel, with texts."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), *((b"tEXt", f"{key}\0{text}".encode("latin-1")) for key, text in texts.items())]
    chunks += [(b"IDAT", zlib.compress(bytes(2))), (b"IEND", b"")]
    parts = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def build_hdf5(
    attributes: Mapping[str, Any] | None = None,
    group: Mapping[str, Any] | None = None,
    texts: Mapping[str, str] | None = None,
) -> bytes:
    """An HDF5 file with weights; with attributes of the root and of a group, and datasets of text."""
    import h5py
    import numpy as np

    target = io.BytesIO()
    with h5py.File(target, "w") as file:
        layers = file.create_group("model_weights/dense")
        layers.create_dataset("kernel", data=np.zeros((2, 2), dtype=np.float32))
        for name, value in (attributes or {}).items():
            file.attrs[name] = value if isinstance(value, str) else json.dumps(value)
        for name, value in (group or {}).items():
            layers.attrs[name] = value if isinstance(value, str) else json.dumps(value)
        for name, text in (texts or {}).items():
            file.create_dataset(name, data=text)
    return target.getvalue()


def build_safetensors(metadata: Mapping[str, Any] | None = None) -> bytes:
    """A safetensors file with one tensor; values of the metadata that are no text become JSON.

    It is written by hand, because the library orders the metadata by chance.
    """
    header: dict[str, Any] = {"embeddings.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}
    if metadata:
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
        header = {"__metadata__": texts, **header}
    coded = json.dumps(header).encode("utf-8")
    coded += b" " * (-len(coded) % 8)
    return struct.pack("<Q", len(coded)) + coded + bytes(16)


def build_gguf(metadata: Mapping[str, Any]) -> bytes:
    """A GGUF file with one tensor, written by hand; values that are no text become JSON."""
    pairs = {"general.architecture": "llama", "general.name": "acme", **metadata}
    coded = struct.pack("<IIQQ", 0x46554747, 3, 1, len(pairs))
    for key, value in pairs.items():
        text = (value if isinstance(value, str) else json.dumps(value)).encode("utf-8")
        name = key.encode("utf-8")
        coded += struct.pack("<Q", len(name)) + name + struct.pack("<IQ", 8, len(text)) + text
    name = b"token_embd.weight"
    coded += struct.pack("<Q", len(name)) + name + struct.pack("<IQIQ", 1, 4, 0, 0)
    coded += b"\0" * (-len(coded) % 32)
    return coded + struct.pack("<4f", 0, 0, 0, 0) + b"\0" * 16


def build_zip(members: Mapping[str, Any]) -> bytes:
    """A zip archive; each member is the content of a file."""
    return _build_zip({name: build_file(content) for name, content in members.items()})


def _build_zip(members: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, _MOMENT), data)
    return target.getvalue()


def build_tar(members: Mapping[str, Any], compress: str = "") -> bytes:
    """A tar archive, compressed if wished."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, content in members.items():
            data = build_file(content)
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return _compress(target.getvalue(), compress)


def build_keras(config: Any) -> bytes:
    """A ``.keras`` archive with a configuration and empty weights."""
    import h5py

    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        file.create_group("layers")
    metadata = json.dumps({"keras_version": "3.12.0", "date_saved": "2026-01-01@00:00:00"})
    return _build_zip(
        {
            "metadata.json": metadata.encode(),
            "config.json": json.dumps(config).encode(),
            "model.weights.h5": weights.getvalue(),
        }
    )


def _compress(data: bytes, compress: str) -> bytes:
    if compress == "gzip":
        return gzip.compress(data, mtime=0)
    if compress == "zlib":
        return zlib.compress(data)
    return data


BUILDERS: Final[Mapping[str, Callable[..., bytes]]] = {
    "base64": build_base64,
    "gguf": build_gguf,
    "hdf5": build_hdf5,
    "joblib": build_joblib,
    "json": build_json,
    "keras": build_keras,
    "msgpack": build_msgpack,
    "npy": build_npy,
    "npz": build_npz,
    "pickle": build_pickle,
    "png": build_png,
    "safetensors": build_safetensors,
    "tar": build_tar,
    "text": build_text,
    "torch": build_torch,
    "yaml": build_yaml,
    "zip": build_zip,
    **PROTOBUF_BUILDERS,
    **TREE_BUILDERS,
}
