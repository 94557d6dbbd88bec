"""Detect the layout of an archive from the names of its members: torch, TorchScript, Keras, NumPy and others.

A layout decides how a loader uses each member. The names may match several layouts, and then all of them count. Both
ZIP and tar archives are classified here, because torch has used both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Final

from msgspec import Struct

from modelaudit.model.artifact import TENSOR_STORAGE, TORCH_EXPORT, TORCH_TAR, TORCH_WEIGHT, TORCHSCRIPT
from modelaudit.model.lazy_pattern import defer_pattern

# The data of a tensor: data/0, constants/12, tensors/3.storage.
_STORAGE_NAME = defer_pattern(r"(?:data|constants|tensors|traced_inputs)/\d+(?:\.storage)?", re.ASCII)
# Code and pickles of TorchScript: code/__torch__/net.py, code/__torch__/net.py.debug_pkl, data.pkl.
_SCRIPT_NAME = defer_pattern(r"code/.*\.(?:py|debug_pkl)|.*\.pkl", re.ASCII | re.IGNORECASE | re.DOTALL)
# The weights and constants of an exported program: data/weights/weight_0, data/constants/tensor_2.
_WEIGHT_NAME = defer_pattern(r"data/(?:weights/weight|constants/tensor)_\d+", re.ASCII)
# The graph of an exported program, now and in the first versions: models/model.json.
_GRAPH_NAME = defer_pattern(r"models/.*\.json|serialized_exported_program\.json", re.ASCII | re.IGNORECASE | re.DOTALL)
_KERAS_FILES = frozenset({"config.json", "metadata.json", "model.weights.h5"})
_TORCH_TAR_FILES = frozenset({"sys_info", "pickle", "storages", "tensors"})


class Layout(Struct, frozen=True):
    """The layout of one archive.

    Attributes:
        name: name of the layout; if there are several, of the one that ``torch.load`` would use.
        prefix: the folder, with its slash, that torch takes for the root; ``None`` if torch does not read the archive.
        uses: (folder, layout) for each layout that some loader could find in the archive; for the content type of a
            member, earlier ones take precedence.
    """

    name: str
    prefix: str | None = None
    uses: tuple[tuple[str, str], ...] = ()

    def decide_content_type(self, member: str) -> str | None:
        """Return the content type of a member if the loader decides it by the name instead of the bytes.

        torch copies members such as ``data/0`` into storages, whatever bytes they hold. It unpickles only the ``.pkl``
        records; those of TorchScript may name types that the code in the archive defines.
        """
        for folder, layout in self.uses:
            relative_path = _find_relative_path(member, folder)
            content = _CLASSIFIERS[layout](relative_path) if relative_path is not None else None
            if content == TENSOR_STORAGE and not member.startswith(folder):
                # torch never writes a second spelling of its folder, so these bytes are not skipped as numbers.
                continue
            if content is not None:
                return content
        return None


def _find_relative_path(name: str, folder: str) -> str | None:
    """Return the path of a member below ``folder``; ``None`` if it is not in it.

    The reader inside torch compares names without case, so it finds the members of every spelling of its folder.
    ``torch.load`` then refuses the archive; other loaders that use the reader need not.
    """
    return name[len(folder) :] if name[: len(folder)].lower() == folder.lower() else None


def _classify_export_member(relative_path: str) -> str | None:
    """Return the content type of a torch.export member by its path below the root; ``None`` if its bytes decide."""
    if _WEIGHT_NAME.fullmatch(relative_path):
        return TORCH_WEIGHT
    if _GRAPH_NAME.fullmatch(relative_path):
        return TORCH_EXPORT
    return None


def _classify_script_member(relative_path: str) -> str | None:
    """Return the content type of a TorchScript member by its path below the root; ``None`` if its bytes decide."""
    return TORCHSCRIPT if _SCRIPT_NAME.fullmatch(relative_path) else _classify_checkpoint_member(relative_path)


def _classify_checkpoint_member(relative_path: str) -> str | None:
    """Return the content type of a checkpoint member by its path below the root; ``None`` if its bytes decide."""
    return TENSOR_STORAGE if _STORAGE_NAME.fullmatch(relative_path) else None


def _classify_tar_checkpoint_member(relative_path: str) -> str | None:
    """Return the content type of a tar checkpoint member by its path below the root; ``None`` if its bytes decide."""
    return TORCH_TAR if relative_path in ("storages", "tensors") else None


def _classify_package_member(relative_path: str) -> str | None:
    """Return ``None``: in a package of torch, the bytes of each member decide its content type."""
    # The parameter is that of all classifiers.
    return None


_CLASSIFIERS: Final[dict[str, Callable[[str], str | None]]] = {
    "torch-export": _classify_export_member,
    "torch-package": _classify_package_member,
    "torch-tar": _classify_tar_checkpoint_member,
    "torch-zip": _classify_checkpoint_member,
    TORCHSCRIPT: _classify_script_member,
}

FileNames = Collection[str]
"""Names of files relative to the root of their layout, in lower case."""


def _is_script(files: FileNames) -> bool:
    """Whether an archive with these files below its root is TorchScript.

    ``torch.load`` passes an archive with ``constants.pkl`` to TorchScript; the mobile runtime loads ``bytecode.pkl``.
    The other names count only together with code, because without it the archive defines no types of its own.
    """
    has_code = any(name.startswith("code/") for name in files)
    # A truncated archive may lack its constants, because they are written last.
    has_constants_or_types = "constants.pkl" in files or any(name.startswith("code/__torch__") for name in files)
    is_current_form = "data.pkl" in files and has_constants_or_types
    # The first versions of TorchScript described the model in a JSON file.
    is_early_form = "model.json" in files and any(name.startswith("tensors/") for name in files)
    return "bytecode.pkl" in files or (has_code and (is_current_form or is_early_form))


def _is_export(files: FileNames) -> bool:
    """Whether an archive with these files below its root is a program of ``torch.export``."""
    return "archive_format" in files or "serialized_exported_program.json" in files


_ROOTLESS_LAYOUTS: Final = ("torch-export", "torch-tar")
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
    root, slash, _ = names[0].partition("/") if names else ("", "", "")
    uses: list[tuple[str, str]] = []
    for folder in [f"{root}/", ""] if slash else [""]:
        relative_paths = [_find_relative_path(name, folder) for name in names]
        files = {path.lower() for path in relative_paths if path is not None}
        for layout, passes_test in _LAYOUT_TESTS:
            # Only the layouts that torch reads with zipfile or tarfile may lack a root folder.
            has_needed_root = bool(folder) or layout in _ROOTLESS_LAYOUTS
            # Each TorchScript archive passes the test of a checkpoint too.
            is_counted_as_script = layout == "torch-zip" and (folder, TORCHSCRIPT) in uses
            if has_needed_root and not is_counted_as_script and passes_test(files):
                uses.append((folder, layout))
    if uses:
        folder, layout = uses[0]
        # The content types of an export are the most specific, so they take precedence over those of a checkpoint.
        export_first = sorted(uses, key=lambda use: use[1] != "torch-export")
        return Layout(layout, folder, tuple(export_first))
    return Layout(_detect_plain_layout([name for name in names if not name.endswith("/")]))


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
