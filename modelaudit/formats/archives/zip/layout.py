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
    """A use of the container.

    Attributes:
        name: of the use; where there are several, of the one that ``torch.load`` would take.
        prefix: the folder, with its slash, in which torch looks for everything; ``None`` where torch reads nothing.
        uses: every use that some loader could make, as its folder and its name. An archive may be several at once.
    """

    name: str
    prefix: str | None = None
    uses: tuple[tuple[str, str], ...] = ()

    def content_of(self, member: str) -> str | None:
        """What the loader of this layout takes a member for, where its name decides that and not its bytes.

        torch copies ``data/0`` and its like into storages whatever they hold; it unpickles only the ``.pkl`` records,
        and those of TorchScript may name types that the archive's own code defines.
        """
        for prefix, name in self.uses:
            if member.startswith(prefix):
                content = _CONTENTS[name](member[len(prefix) :])
                if content is not None:
                    return content
        return None


def _in_export(rest: str) -> str | None:
    return TORCH_WEIGHT if _WEIGHT.fullmatch(rest) else TORCH_EXPORT if _GRAPH.fullmatch(rest) else None


def _in_script(rest: str) -> str | None:
    return TORCHSCRIPT if _SCRIPT.fullmatch(rest) else _in_zip(rest)


def _in_zip(rest: str) -> str | None:
    return TENSOR_STORAGE if _STORAGE.fullmatch(rest) else None


def _in_tar(rest: str) -> str | None:
    return TORCH_TAR if rest in ("storages", "tensors") else None


def _in_package(rest: str) -> str | None:
    return None


_CONTENTS: Final[dict[str, Callable[[str], str | None]]] = {
    "torch-export": _in_export,
    "torch-package": _in_package,
    "torch-tar": _in_tar,
    "torch-zip": _in_zip,
    TORCHSCRIPT: _in_script,
}

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
    uses: list[tuple[str, str]] = []
    for prefix in [f"{root}/", ""] if slash else [""]:
        inside = {name[len(prefix) :].lower() for name in names if name.startswith(prefix)}
        # Only what zipfile or tarfile reads has no folder around it.
        known = (name for name, told in _ROOTED if told(inside) and (prefix or name in ("torch-export", "torch-tar")))
        uses += ((prefix, name) for name in known)
    # A script is a checkpoint with more in it.
    uses = [use for use in uses if use != (use[0], "torch-zip") or (use[0], TORCHSCRIPT) not in uses]
    if uses:
        prefix, name = uses[0]
        return Layout(name, prefix, tuple(sorted(uses, key=lambda use: use[1] != "torch-export")))
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
