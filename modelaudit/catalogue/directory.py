"""Find the rule set of this installation on disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelaudit.model.errors import ConfigurationError

_PACKAGE = Path(__file__).resolve().parent.parent
_replacements: list[tuple[Path, list[str]]] = []
"""The folders of packs that take the place of the rule set, the present one last, each with notes for reports."""


@contextmanager
def replace_rules_directory(folder: Path) -> Iterator[list[str]]:
    """Let another rule set take the place of that of this installation, in every thread, until the end of the block.

    The block receives the list of notes that reports state meanwhile, to add to.
    """
    notes: list[str] = []
    _replacements.append((folder.resolve(), notes))
    try:
        yield notes
    finally:
        _replacements.pop()


def find_rules_directory() -> Path:
    """Return the folder ``rules/`` of this installation, or that of the pack in its place.

    A wheel carries it inside the package; an editable install leaves it beside the package, in the source tree.

    Raises:
        ConfigurationError: there is none; the installation is damaged.
    """
    if _replacements:
        return _replacements[-1][0]
    for candidate in (_PACKAGE / "rules", _PACKAGE.parent / "rules"):
        # Another program may have a folder of this name, so a part of the rule set has to be in it.
        if (candidate / "findings").is_dir() or (candidate / "callables").is_dir():
            return candidate
    raise ConfigurationError(
        f"no rule set in {_PACKAGE / 'rules'}: the installation is damaged; install modelaudit-gate again"
    )


def list_rule_notes() -> tuple[str, ...]:
    """List how the pack in use differs from the rules of this installation; nothing without a pack."""
    return tuple(_replacements[-1][1]) if _replacements else ()
