"""Build files in which a tree of values is coded once more: as text, as numbers, in pieces, or under keys of bytes."""

from __future__ import annotations

import base64
import gzip
import io
import json
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from pickles import write_pickle


def _to_bytes(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8")


def build_tensor_text(value: Any) -> bytes:
    """A checkpoint with the JSON of a tree as a tensor of bytes, as ``get_extra_state`` often keeps it."""
    import torch

    target = io.BytesIO()
    coded = torch.frombuffer(bytearray(_to_bytes(value)), dtype=torch.uint8)
    torch.save({"layer.weight": torch.zeros(2, 2), "_extra_state": coded}, target)
    return target.getvalue()


def build_safetensors_text(value: Any) -> bytes:
    """A safetensors file with the JSON of a tree as a tensor of bytes."""
    import numpy as np
    from safetensors.numpy import save

    coded = np.frombuffer(_to_bytes(value), dtype=np.uint8)
    return bytes(save({"layer.weight": np.zeros((2, 2), dtype=np.float32), "config": coded}))


def build_npz_text(value: Any) -> bytes:
    """An ``.npz`` archive with the JSON of a tree as an array of text, which needs no pickle."""
    import numpy as np

    target = io.BytesIO()
    np.savez(target, weights=np.zeros(4, dtype=np.float32), config=np.array(json.dumps(value)))
    return target.getvalue()


def build_hdf5_pieces(value: Any) -> bytes:
    """An HDF5 file whose attribute is cut into pieces, as Keras does with what is too long for one."""
    import h5py
    import numpy as np

    text = json.dumps(value)
    half = len(text) // 2
    target = io.BytesIO()
    with h5py.File(target, "w") as file:
        file.create_dataset("kernel", data=np.zeros((2, 2), dtype=np.float32))
        file.attrs["config0"] = text[:half]
        file.attrs["config1"] = text[half:]
    return target.getvalue()


def build_hdf5_text(value: Any, whole: bool = True) -> bytes:
    """An HDF5 file with the JSON of a tree as a data set of text, or as an array of lines."""
    import h5py

    target = io.BytesIO()
    with h5py.File(target, "w") as file:
        if whole:
            file.create_dataset("config", data=json.dumps(value))
        else:
            file.create_dataset("config", data=json.dumps(value, indent=1).splitlines())
    return target.getvalue()


def build_msgpack_bytes(value: Any) -> bytes:
    """A MessagePack document whose keys and texts are bytes, as old packers wrote them."""
    import msgpack

    return bytes(msgpack.packb({b"params": {b"bias": 0.5}, b"config": _encode_texts(value)}, use_bin_type=True))


def _encode_texts(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8")
    if isinstance(value, Mapping):
        return {_encode_texts(key): _encode_texts(each) for key, each in value.items()}
    return [_encode_texts(each) for each in value] if isinstance(value, list) else value


def build_sqlite(value: Any) -> bytes:
    """An SQLite database with the JSON of a tree in a cell."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.db"
        database = sqlite3.connect(path)
        database.execute("CREATE TABLE settings (name TEXT, value TEXT)")
        database.execute("INSERT INTO settings VALUES (?, ?)", ("config", json.dumps(value)))
        database.commit()
        database.close()
        return path.read_bytes()


def build_json_in_json(value: Any) -> bytes:
    """A JSON document in which a tree is a text of JSON."""
    return _to_bytes({"name": "acme", "config": json.dumps(value)})


def build_json_base64(value: Any) -> bytes:
    """A JSON document in which a tree is the base64 of its JSON."""
    return _to_bytes({"name": "acme", "config": base64.b64encode(_to_bytes(value)).decode()})


def build_json_gzip(value: Any) -> bytes:
    """A compressed JSON document."""
    return gzip.compress(_to_bytes({"name": "acme", "config": value}), mtime=0)


def build_pickle_objects(value: Any) -> bytes:
    """A pickle of an ``OrderedDict`` whose items and whose state hold the tree."""
    tree = {"!call": "collections.OrderedDict", "args": [], "items": {"weights": 0.5, "config": value}}
    return write_pickle(tree, 4)


def build_pickle_namespace(value: Any) -> bytes:
    """A pickle of an ``argparse.Namespace`` with the tree as an attribute, as trainers keep their arguments."""
    return write_pickle({"!call": "argparse.Namespace", "args": [], "state": {"epochs": 3, "config": value}}, 4)


BUILDERS: Final[Mapping[str, Callable[..., bytes]]] = {
    "hdf5-pieces": build_hdf5_pieces,
    "hdf5-text": build_hdf5_text,
    "json-base64": build_json_base64,
    "json-gzip": build_json_gzip,
    "json-in-json": build_json_in_json,
    "msgpack-bytes": build_msgpack_bytes,
    "npz-text": build_npz_text,
    "pickle-namespace": build_pickle_namespace,
    "pickle-objects": build_pickle_objects,
    "safetensors-text": build_safetensors_text,
    "sqlite": build_sqlite,
    "tensor-text": build_tensor_text,
}


def _load_extra(path: Path) -> Any:
    import torch

    return json.loads(bytes(torch.load(path, weights_only=True)["_extra_state"].tolist()))


def _load_safetensors(path: Path) -> Any:
    from safetensors.numpy import load_file

    return json.loads(load_file(path)["config"].tobytes())


def _load_npz(path: Path) -> Any:
    import numpy as np

    return json.loads(str(np.load(path)["config"]))


def _load_pieces(path: Path) -> Any:
    import h5py

    with h5py.File(path) as file:
        return json.loads(file.attrs["config0"] + file.attrs["config1"])


def _load_hdf5(path: Path) -> Any:
    import h5py

    with h5py.File(path) as file:
        held = file["config"].asstr()[()]
    return json.loads(held if isinstance(held, str) else "\n".join(held))


def _load_sqlite(path: Path) -> Any:
    return json.loads(sqlite3.connect(path).execute("SELECT value FROM settings").fetchone()[0])


def _load_pickle(path: Path) -> Any:
    import pickle

    held = pickle.loads(path.read_bytes())
    return held["config"] if isinstance(held, dict) else held.config


READERS: Final[Mapping[str, Callable[[Path], Any]]] = {
    "hdf5-pieces": _load_pieces,
    "hdf5-text": _load_hdf5,
    "json-base64": lambda path: json.loads(base64.b64decode(json.loads(path.read_bytes())["config"])),
    "json-gzip": lambda path: json.loads(gzip.decompress(path.read_bytes()))["config"],
    "json-in-json": lambda path: json.loads(json.loads(path.read_bytes())["config"]),
    "npz-text": _load_npz,
    "pickle-held": _load_pickle,
    "safetensors-text": _load_safetensors,
    "sqlite": _load_sqlite,
    "tensor-text": _load_extra,
}
PACKAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "hdf5-pieces": ("h5py",),
    "hdf5-text": ("h5py",),
    "npz-text": ("numpy",),
    "safetensors-text": ("safetensors",),
    "tensor-text": ("torch",),
}
