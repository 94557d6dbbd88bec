"""Find the rule set of a run on disk: that of this installation, or of the pack in its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from modelaudit.model.errors import ConfigurationError

FINGERPRINTS: Final = "fingerprints"
"""The folder of a rule set with the fingerprints of licence texts."""
LINEAGE: Final = "lineage"
"""Its folder with the base models on record."""
_PACKAGE = Path(__file__).resolve().parent.parent


class RulesInPlace(Struct, frozen=True):
    """A rule set that takes the place of that of this installation.

    Attributes:
        folder: with the files of the rule set.
        sources: the files of the user that it comes from, by the option that names each.
        notes: on the rule set, for reports; its user adds to them.
    """

    folder: Path
    sources: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


_IN_PLACE: Final = ContextVar[RulesInPlace | None]("rules in place of those of this installation", default=None)
"""Of this context alone, so that scans in other threads keep their own rules."""


@contextmanager
def replace_rules_directory(rules: RulesInPlace) -> Iterator[None]:
    """Let another rule set take the place of that of this installation, until the end of the block."""
    token = _IN_PLACE.set(rules)
    try:
        yield
    finally:
        _IN_PLACE.reset(token)


def find_rules_directory() -> Path:
    """Return the folder ``rules/`` of this installation, or that of the pack in its place.

    A wheel carries it inside the package; an editable install leaves it beside the package, in the source tree.

    Raises:
        ConfigurationError: there is none; the installation is damaged.
    """
    replaced = _IN_PLACE.get()
    return find_installed_rules() if replaced is None else replaced.folder


@cache
def find_installed_rules() -> Path:
    """Return the folder ``rules/`` of this installation. Raises ``ConfigurationError`` if there is none."""
    for candidate in (_PACKAGE / "rules", _PACKAGE.parent / "rules"):
        # Another program may have a folder of this name, so a part of the rule set has to be in it.
        if (candidate / "findings").is_dir() or (candidate / "callables").is_dir():
            return candidate
    raise ConfigurationError(
        f"no rule set in {_PACKAGE / 'rules'}: the installation is damaged; install modelaudit-gate again"
    )


class FolderFiles(Struct, frozen=True):
    """The files of one part of a rule folder, to keep what was made of them until one of them changes.

    Attributes:
        folder: the rule folder, without links and not relative, which another working folder would lead elsewhere.
        states: of each file its name, device, inode, size and times of change. Empty for the rules of this
            installation and for a pack in their place: these do not change in a process.
    """

    folder: Path
    states: tuple[tuple[str, int, int, int, int, int], ...] = ()


def list_folder_files(directories: Iterable[Path], part: str) -> tuple[FolderFiles, ...]:
    """List the files of ``part``, such as ``lineage``, in each rule folder. Raises ``ConfigurationError``."""
    unchanging = (find_installed_rules(), find_rules_directory())
    return tuple(
        FolderFiles(each) if each in unchanging else FolderFiles(each.resolve(), _list_states(each / part))
        for each in directories
    )


def _list_states(part: Path) -> tuple[tuple[str, int, int, int, int, int], ...]:
    """List the states of the files of a folder. Raises ``ConfigurationError`` if one cannot be found."""
    try:
        found = [(path.name, path.stat()) for path in sorted(part.glob("*.yaml"))]
    except OSError as error:
        raise ConfigurationError(f"{part}: cannot be read: {error.strerror or error}") from error
    return tuple(
        (name, each.st_dev, each.st_ino, each.st_size, each.st_mtime_ns, each.st_ctime_ns) for name, each in found
    )


def list_rule_notes() -> tuple[str, ...]:
    """List how the pack in use differs from the rules of this installation; nothing without a pack."""
    replaced = _IN_PLACE.get()
    return () if replaced is None else tuple(replaced.notes)


def list_rule_sources() -> dict[str, Path]:
    """List the pack in use and its key, by the option that names each; nothing without a pack."""
    replaced = _IN_PLACE.get()
    return {} if replaced is None else dict(replaced.sources)
