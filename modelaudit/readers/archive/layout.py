"""Known uses of the ZIP container, told by the names of the members."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from modelaudit.model.artifact import TENSOR_STORAGE, TORCHSCRIPT

_STORAGE = re.compile(r"(?:data|constants|tensors)/\d+", re.ASCII)
_KERAS = frozenset({"config.json", "metadata.json", "model.weights.h5"})


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
        if _STORAGE.fullmatch(member, len(self.prefix)):
            return TENSOR_STORAGE
        return self.name if self.name == TORCHSCRIPT and member.lower().endswith(".pkl") else None


def layout_of(names: Sequence[str]) -> Layout:
    """The layout of an archive whose members have these names, in the order of its directory.

    torch takes the folder of the first member as the root of the archive and compares names without case
    (``caffe2/serialize/inline_container.cc``).
    """
    files = [name for name in names if not name.endswith("/")]
    root, slash, _ = names[0].partition("/") if names else ("", "", "")
    if slash:
        prefix = f"{root}/"
        inside = {name[len(prefix) :].lower() for name in names if name.startswith(prefix)}
        if "data.pkl" in inside:
            has_code = any(name.startswith("code/") for name in inside)
            return Layout(TORCHSCRIPT if has_code and "constants.pkl" in inside else "torch-zip", prefix)
    if files and all(name.endswith(".npy") for name in files):
        return Layout("npz")
    if set(files) >= _KERAS:
        return Layout("keras")
    return Layout("plain")
