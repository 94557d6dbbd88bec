"""Drive the real loaders on a written case, so that a payload that runs creates its mark.

Each function of ``LOADERS`` takes the settings of a case; the working directory is the repository. ``prove.py`` runs
them in processes of their own, with a limit on time. Only cases that this package built are ever loaded.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from loaders_code import LOADERS as CODE_LOADERS
from loaders_configs import LOADERS as CONFIG_LOADERS
from tree_interpreters import INTERPRETERS
from tree_readers import READERS

Settings = Mapping[str, Any]


def load_tree(settings: Settings) -> None:
    """Read a container, take the value at a key, and hand it to an interpreter."""
    tree = READERS[settings["reader"]](Path(settings["file"]))
    for part in settings["key"].split("/") if settings.get("key") else ():
        tree = tree[int(part)] if isinstance(tree, list | tuple) else tree[part]
    INTERPRETERS[settings["interpreter"]](tree)


def load_refused(settings: Settings) -> None:
    """Make the mark if the real callable refuses the arguments, as it must: nothing but another callable takes them."""
    try:
        READERS[settings["reader"]](Path(settings["file"]))
    except (ArithmeticError, AttributeError, RuntimeError, TypeError, ValueError, pickle.UnpicklingError):
        Path(settings["mark"]).touch()


def load_lightning(settings: Settings) -> None:
    """Load a checkpoint of Lightning into a module with one argument of any type."""
    from lightning.pytorch import LightningModule

    class Acme(LightningModule):  # type: ignore[misc]
        def __init__(self, loss: Any = None, hidden: int = 2) -> None:
            super().__init__()

    Acme.__module__, Acme.__qualname__ = "__main__", "Acme"
    sys.modules["__main__"].Acme = Acme  # type: ignore[attr-defined]
    sys.path.insert(0, str(Path.cwd()))
    (file,) = Path.cwd().rglob("*.ckpt")
    Acme.load_from_checkpoint(file, weights_only=True)


LOADERS: Final[Mapping[str, Callable[[Settings], None]]] = {
    "tree": load_tree,
    "refused": load_refused,
    "lightning": load_lightning,
    "lightning-before-2.6": load_lightning,
    **CONFIG_LOADERS,
    **CODE_LOADERS,
}
PACKAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "lightning": ("lightning", "torch", "jsonargparse"),
    "lightning-before-2.6": ("lightning", "torch"),
}
"""The distributions whose versions a proof states, beside those that the modules of the loaders list."""
