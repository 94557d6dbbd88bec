"""Where keys, locks and attestations may lie: never in the model for which they vouch."""

from __future__ import annotations

import os
from pathlib import Path


def lies_in(path: str | Path, folder: str | Path | None) -> bool:
    """Whether a path leads to a file below a folder, or through a link below it; false without a folder.

    Whoever can change the folder can let such a link lead to another file.
    """
    if folder is None:
        return False
    root = os.path.realpath(folder)
    way = Path(os.path.abspath(path))  # noqa: PTH100 - it leaves links in place
    passed = (Path(os.path.realpath(each.parent), each.name) for each in (way, *way.parents))
    return any(each.is_relative_to(root) for each in (Path(os.path.realpath(path)), *passed))
