"""Known uses of an archive, told by the names of the members; ZIP or tar, torch and its kin use both."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from modelaudit.model.artifact import TENSOR_STORAGE, TORCH_EXPORT, TORCH_TAR, TORCH_WEIGHT, TORCHSCRIPT

_STORAGE = re.compile(r"(?:data|constants|tensors|traced_inputs)/\d+(?:\.storage)?", re.ASCII)
_SCRIPT = re.compile(r"code/.*\.(?:py|debug_pkl)|.*\.pkl", re.ASCII | re.IGNORECASE | re.DOTALL)
_WEIGHT = re.compile(r"data/(?:weights/weight|constants/tensor)_\d+", re.ASCII)
_GRAPH = re.compile(r"models/.*\.json|serialized_exported_program\.json", re.ASCII | re.IGNORECASE | re.DOTALL)
_KERAS = frozenset({"config.json", "metadata.json", "model.weights.h5"})
_TAR = frozenset({"sys_info", "pickle", "storages", "tensors"})


@dataclass(frozen=True, slots=True)
class Layout:
    """A use of the container. ``prefix`` is the folder, with its slash, in which torch looks for everything."""

    name: str
    prefix: str | None = None

    def content_of(self, member: str) -> str | None:
        """What the loader of this layout takes a member for, where its name decides that and not its bytes.

        torch copies ``data/0`` and its like into storages whatever they hold; it unpickles only the ``.pkl`` records,
        and those of TorchScript may name types that the archive's own code defines.
        """
        if self.prefix is None or not member.startswith(self.prefix):
            return None
        rest = member[len(self.prefix) :]
        if self.name == "torch-export":
            return TORCH_WEIGHT if _WEIGHT.fullmatch(rest) else TORCH_EXPORT if _GRAPH.fullmatch(rest) else None
        if self.name == "torch-tar":
            return TORCH_TAR if rest in ("storages", "tensors") else None
        if _STORAGE.fullmatch(rest):
            return TENSOR_STORAGE
        return TORCHSCRIPT if self.name == TORCHSCRIPT and _SCRIPT.fullmatch(rest) else None


Files = Collection[str]
"""Names of files from the root of their layout, in lower case."""


def _is_script(files: Files) -> bool:
    """``constants.pkl`` makes ``torch.load`` hand an archive to TorchScript, ``bytecode.pkl`` is what phones run.

    Without code, or instructions, of its own an archive has no types of its own.
    """
    has_code = any(name.startswith("code/") for name in files)
    # An archive that broke off may have lost its constants, which come last.
    is_now = "data.pkl" in files and (
        "constants.pkl" in files or any(name.startswith("code/__torch__") for name in files)
    )
    is_old = "model.json" in files and any(name.startswith("tensors/") for name in files)
    return "bytecode.pkl" in files or (has_code and (is_now or is_old))


def _is_export(files: Files) -> bool:
    return "archive_format" in files or "serialized_exported_program.json" in files


# What each layout is told by, within the folder of the first member, in the order in which they are asked.
_ROOTED: Final[tuple[tuple[str, Callable[[Files], bool]], ...]] = (
    (TORCHSCRIPT, _is_script),
    ("torch-export", _is_export),
    ("torch-zip", lambda files: "data.pkl" in files),
    ("torch-package", lambda files: ".data/extern_modules" in files),
    ("torch-tar", lambda files: set(files) >= _TAR),
)


def layout_of(names: Sequence[str]) -> Layout:
    """The layout of an archive whose members have these names, in the order of its directory.

    torch takes the folder of the first member as the root of the archive and compares names without case
    (``caffe2/serialize/inline_container.cc``).
    """
    files = [name for name in names if not name.endswith("/")]
    root, slash, _ = names[0].partition("/") if names else ("", "", "")
    prefixes = [f"{root}/"] if slash else []
    for prefix in [*prefixes, ""]:
        inside = {name[len(prefix) :].lower() for name in names if name.startswith(prefix)}
        for name, told in _ROOTED:
            # Only what zipfile or tarfile reads has no folder around it.
            if told(inside) and (prefix or name in ("torch-export", "torch-tar")):
                return Layout(name, prefix)
    return Layout(_plain_layout(files))


def _plain_layout(files: Sequence[str]) -> str:
    """The layout of an archive that torch's own reader would not read."""
    names = {name.removeprefix("./") for name in files}
    if files and all(name.endswith(".npy") for name in files):
        return "npz"
    if names >= _KERAS:
        return "keras"
    if "MAR-INF/MANIFEST.json" in names:
        return "torchserve"
    if "model_config.yaml" in names:
        return "nemo"
    return "skops" if "schema.json" in names else "plain"
