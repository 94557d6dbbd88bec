"""Detect the layout of an archive from the names of its members: torch, TorchScript, Keras, NumPy and others.

A layout decides how a loader uses each member. The names may match several layouts, and then all of them count. Both
ZIP and tar archives are classified here, because torch has used both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from modelaudit.model.artifact import TENSOR_STORAGE, TORCH_EXPORT, TORCH_TAR, TORCH_WEIGHT, TORCHSCRIPT

_STORAGE_NAME = re.compile(r"(?:data|constants|tensors|traced_inputs)/\d+(?:\.storage)?", re.ASCII)
_SCRIPT_NAME = re.compile(r"code/.*\.(?:py|debug_pkl)|.*\.pkl", re.ASCII | re.IGNORECASE | re.DOTALL)
_WEIGHT_NAME = re.compile(r"data/(?:weights/weight|constants/tensor)_\d+", re.ASCII)
_GRAPH_NAME = re.compile(r"models/.*\.json|serialized_exported_program\.json", re.ASCII | re.IGNORECASE | re.DOTALL)
_KERAS_FILES = frozenset({"config.json", "metadata.json", "model.weights.h5"})
_TORCH_TAR_FILES = frozenset({"sys_info", "pickle", "storages", "tensors"})


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of one archive.

    Attributes:
        name: name of the layout; if there are several, of the one that ``torch.load`` would use.
        prefix: the folder, with its slash, that torch takes for the root; ``None`` if torch does not read the archive.
        uses: (folder, layout) for each layout that some loader could find in the archive.
    """

    name: str
    prefix: str | None = None
    uses: tuple[tuple[str, str], ...] = ()

    def content_of(self, member: str) -> str | None:
        """Return the content type of a member if the loader decides it by the name instead of the bytes.

        torch copies members such as ``data/0`` into storages, whatever bytes they hold. It unpickles only the ``.pkl``
        records; those of TorchScript may name types that the code in the archive defines.
        """
        for prefix, name in self.uses:
            if member.startswith(prefix):
                content = _CLASSIFIERS[name](member[len(prefix) :])
                if content is not None:
                    return content
        return None


def _classify_export_member(relative_path: str) -> str | None:
    """Return the content type of a torch.export member by its path below the root; ``None`` if its bytes decide."""
    return (
        TORCH_WEIGHT
        if _WEIGHT_NAME.fullmatch(relative_path)
        else TORCH_EXPORT
        if _GRAPH_NAME.fullmatch(relative_path)
        else None
    )


def _classify_script_member(relative_path: str) -> str | None:
    """Return the content type of a TorchScript member by its path below the root; ``None`` if its bytes decide."""
    return TORCHSCRIPT if _SCRIPT_NAME.fullmatch(relative_path) else _classify_zip_member(relative_path)


def _classify_zip_member(relative_path: str) -> str | None:
    """Return the content type of a checkpoint member by its path below the root; ``None`` if its bytes decide."""
    return TENSOR_STORAGE if _STORAGE_NAME.fullmatch(relative_path) else None


def _classify_tar_member(relative_path: str) -> str | None:
    """Return the content type of a tar checkpoint member by its path below the root; ``None`` if its bytes decide."""
    return TORCH_TAR if relative_path in ("storages", "tensors") else None


def _classify_package_member(relative_path: str) -> str | None:
    """Return ``None``: names decide no content type in a package."""
    return None


_CLASSIFIERS: Final[dict[str, Callable[[str], str | None]]] = {
    "torch-export": _classify_export_member,
    "torch-package": _classify_package_member,
    "torch-tar": _classify_tar_member,
    "torch-zip": _classify_zip_member,
    TORCHSCRIPT: _classify_script_member,
}

FileNames = Collection[str]
"""Names of files relative to the root of their layout, in lower case."""


def _is_script(files: FileNames) -> bool:
    """Whether the archive is TorchScript.

    ``torch.load`` passes an archive with ``constants.pkl`` to TorchScript; the mobile runtime loads ``bytecode.pkl``.
    The other names count only together with code, because without it the archive defines no types of its own.
    """
    has_code = any(name.startswith("code/") for name in files)
    # A truncated archive may lack its constants, because they are written last.
    is_now = "data.pkl" in files and (
        "constants.pkl" in files or any(name.startswith("code/__torch__") for name in files)
    )
    is_old = "model.json" in files and any(name.startswith("tensors/") for name in files)
    return "bytecode.pkl" in files or (has_code and (is_now or is_old))


def _is_export(files: FileNames) -> bool:
    """Whether the archive is a program of ``torch.export``."""
    return "archive_format" in files or "serialized_exported_program.json" in files


# The test of each layout on the files in its root folder, most specific first.
_LAYOUT_TESTS: Final[tuple[tuple[str, Callable[[FileNames], bool]], ...]] = (
    (TORCHSCRIPT, _is_script),
    ("torch-export", _is_export),
    ("torch-zip", lambda files: "data.pkl" in files),
    ("torch-package", lambda files: ".data/extern_modules" in files),
    ("torch-tar", lambda files: set(files) >= _TORCH_TAR_FILES),
)


def detect_layout(names: Sequence[str]) -> Layout:
    """Detect the layout of an archive with members of these names, in the order of its directory.

    torch uses the folder of the first member as the root of the archive and compares names without case
    (``caffe2/serialize/inline_container.cc``).
    """
    files = [name for name in names if not name.endswith("/")]
    root, slash, _ = names[0].partition("/") if names else ("", "", "")
    uses: list[tuple[str, str]] = []
    for prefix in [f"{root}/", ""] if slash else [""]:
        inside = {name[len(prefix) :].lower() for name in names if name.startswith(prefix)}
        # Only the layouts that torch reads with zipfile or tarfile may lack a root folder.
        known = (
            name for name, test in _LAYOUT_TESTS if test(inside) and (prefix or name in ("torch-export", "torch-tar"))
        )
        uses += ((prefix, name) for name in known)
    # Each TorchScript archive passes the test of a checkpoint too.
    uses = [use for use in uses if use != (use[0], "torch-zip") or (use[0], TORCHSCRIPT) not in uses]
    if uses:
        prefix, name = uses[0]
        return Layout(name, prefix, tuple(sorted(uses, key=lambda use: use[1] != "torch-export")))
    return Layout(_detect_plain_layout(files))


def _detect_plain_layout(files: Sequence[str]) -> str:
    """Detect the layout of an archive that torch would not load."""
    names = {name.removeprefix("./") for name in files}
    if files and all(name.endswith(".npy") for name in files):
        return "npz"
    if names >= _KERAS_FILES:
        return "keras"
    if "MAR-INF/MANIFEST.json" in names:
        return "torchserve"
    if "model_config.yaml" in names:
        return "nemo"
    return "skops" if "schema.json" in names else "plain"
