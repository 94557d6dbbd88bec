"""Audit several targets one after the other: one report each, a name of its own for each, one exit code for all."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from modelaudit.model.errors import ConfigurationError, ModelAuditError
from modelaudit.model.report import AuditReport
from modelaudit.sources.target import is_hub_address

_WORST_FIRST: Final = (1, 2, 4, 3, 0)


class Outcomes(Struct, frozen=True):
    """The exit codes of a run.

    Attributes:
        codes: that of each target, in the order of the run.
        has_gap: whether the search for targets left something open, which counts as incomplete.
    """

    codes: Sequence[tuple[str, int]]
    has_gap: bool = False

    @property
    def exit_code(self) -> int:
        """The most severe code: 1 (the gate failed), then 2 (usage), 4 (no result), 3 (incomplete), 0 (passed)."""
        present = {3 if self.has_gap else 0, *(code for _, code in self.codes)}
        return next(each for each in _WORST_FIRST if each in present)

    @property
    def decisive_targets(self) -> tuple[str, ...]:
        """The targets whose code is that of the run."""
        return tuple(target for target, code in self.codes if code == self.exit_code)


def audit_targets(
    targets: Iterable[str],
    audit: Callable[[str], AuditReport],
    publish: Callable[[str, AuditReport], None],
    report_error: Callable[[ModelAuditError], None],
    has_gap: bool = False,
) -> Outcomes:
    """Audit each target and publish its report; an error of one target does not keep the others from their audit.

    Args:
        targets: as the user names them.
        audit: scans one target, or answers on its licence.
        publish: writes the report of a target before the next target begins.
        report_error: shows the error of a target that has no report.
        has_gap: whether the search for targets left something open.

    Raises:
        ConfigurationError: an option is wrong, which the first target shows: every other target would fail alike.
    """
    codes: list[tuple[str, int]] = []
    for target in targets:
        try:
            report = audit(target)
        except ModelAuditError as error:
            if isinstance(error, ConfigurationError) and not codes:
                raise
            report_error(error)
            codes.append((target, error.exit_code))
            continue
        publish(target, report)
        codes.append((target, report.exit_code))
    return Outcomes(codes, has_gap)


def name_targets(targets: Sequence[str]) -> Mapping[str, str]:
    """Return a name for each of several targets that no other has; nothing for a single target.

    A path is named by its spelling below the working directory, or outside of it by its last part, so that no name
    shows a folder of this machine; a repository by its id, so that the name stays while the commit moves. The revision,
    and then a number, tell equal names apart.
    """
    if len(set(targets)) < 2:
        return {}
    names = {target: _spell_target(target) for target in targets}
    counts = Counter(name.casefold() for name in names.values())
    for target, name in names.items():
        revision = "" if _is_path(target) else target.partition("@")[2]
        if counts[name.casefold()] > 1 and revision:
            names[target] = f"{name}@{revision}"
    taken: set[str] = set()
    for target, name in names.items():
        number, unique = 1, name
        # Folded, because files and categories that differ in case alone are one to some systems.
        while unique.casefold() in taken:
            number += 1
            unique = f"{name} ({number})"
        taken.add(unique.casefold())
        names[target] = unique
    return names


def _is_path(target: str) -> bool:
    """Whether a target is taken as a path: an existing one is, without ``hf://``."""
    return not is_hub_address(target) and os.path.exists(target)  # noqa: PTH110 - a name may be no valid path


def _spell_target(target: str) -> str:
    """Return the name of one target, which another may have too."""
    if not _is_path(target):
        return target.removeprefix("hf://").partition("@")[0]
    path = os.path.relpath(target).replace(os.sep, "/")
    if path == "." or path.startswith(".."):
        return os.path.basename(os.path.abspath(target)) or target  # noqa: PTH100, PTH119 - a link keeps its own name
    return path
