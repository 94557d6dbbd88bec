"""Read the values out of a container with the library that people use for it, and nothing that runs code by itself."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tree_builders import PACKAGES as TREE_PACKAGES
from tree_builders import READERS as TREE_READERS


def _read_torch(path: Path) -> Any:
    import torch

    return torch.load(path, weights_only=True)


def _read_torch_unrestricted(path: Path) -> Any:
    """Load with every name, as code before torch 2.6 does."""
    import torch

    return torch.load(path, weights_only=False)


def _read_pickle(path: Path) -> Any:
    import pickle

    return pickle.loads(path.read_bytes())


def _read_joblib(path: Path) -> Any:
    import joblib

    return joblib.load(path)


def _read_npz(path: Path) -> Any:
    import numpy as np

    return np.load(path, allow_pickle=True)["config"][0]


def _read_msgpack(path: Path) -> Any:
    import msgpack

    return msgpack.unpackb(path.read_bytes())


def _read_hdf5(path: Path) -> Any:
    """Return the attributes of the root, and the groups as mappings of theirs."""
    import h5py

    with h5py.File(path) as file:
        tree: dict[str, Any] = {name: _decode(value) for name, value in file.attrs.items()}
        layers = file["model_weights/dense"]
        tree["model_weights"] = {"dense": {name: _decode(value) for name, value in layers.attrs.items()}}
    return tree


def _read_safetensors(path: Path) -> Any:
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        return {key: _decode(value) for key, value in file.metadata().items()}


def _read_gguf(path: Path) -> Any:
    from gguf import GGUFReader

    return {key: _decode(value.contents()) for key, value in GGUFReader(path).fields.items()}


def _read_onnx(path: Path) -> Any:
    import onnx

    return {each.key: _decode(each.value) for each in onnx.load(path).metadata_props}


def _read_coreml(path: Path) -> Any:
    from coremltools.proto.Model_pb2 import Model

    described = Model.FromString(path.read_bytes()).description
    return {key: _decode(value) for key, value in described.metadata.userDefined.items()}


def _read_events(path: Path) -> Any:
    """Return the texts that TensorBoard would show, by their tags."""
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event

    tree = {}
    for record in RawEventFileLoader(str(path)).Load():
        for value in Event.FromString(record).summary.value:
            tree[value.tag] = _decode(value.tensor.string_val[0].decode("utf-8"))
    return tree


def _read_yaml(path: Path) -> Any:
    import yaml

    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _read_ini(path: Path) -> Any:
    from configparser import RawConfigParser

    parser = RawConfigParser()
    parser.read(path, encoding="utf-8")
    return {name: dict(parser[name]) for name in parser.sections()}


def _decode(value: Any) -> Any:
    """Return the tree of a JSON text; other values as they are."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


READERS: Final[Mapping[str, Callable[[Path], Any]]] = {
    **TREE_READERS,
    "coreml": _read_coreml,
    "events": _read_events,
    "gguf": _read_gguf,
    "hdf5": _read_hdf5,
    "joblib": _read_joblib,
    "msgpack": _read_msgpack,
    "npz": _read_npz,
    "onnx": _read_onnx,
    "pickle": _read_pickle,
    "safetensors": _read_safetensors,
    "torch": _read_torch,
    "ini": _read_ini,
    "toml": lambda path: tomllib.loads(path.read_text(encoding="utf-8")),
    "yaml": _read_yaml,
    "torch-unrestricted": _read_torch_unrestricted,
    "json": lambda path: json.loads(path.read_text(encoding="utf-8")),
    "text": lambda path: path.read_text(encoding="utf-8"),
}
READER_PACKAGES: Final[Mapping[str, tuple[str, ...]]] = {
    **TREE_PACKAGES,
    "coreml": ("coremltools",),
    "events": ("tensorboard",),
    "gguf": ("gguf",),
    "hdf5": ("h5py",),
    "joblib": ("joblib",),
    "msgpack": ("msgpack",),
    "npz": ("numpy",),
    "onnx": ("onnx",),
    "safetensors": ("safetensors",),
    "torch": ("torch",),
    "torch-unrestricted": ("torch",),
    "yaml": ("pyyaml",),
}
