"""The place of a conflict about licences: where a changed licence text first differs, else the line of the conflict."""

from __future__ import annotations

from typing import Final

from modelaudit.model.license import Conflict, LicenseConclusion

VARIANT: Final = "variant-text"
"""The kind of a conflict on a text that resembles a licence."""


def name_conflict_place(license_: LicenseConclusion, conflict: Conflict) -> str:
    """Name the place to read as ``README.md:45``; the file alone without a line."""
    line = _find_line(license_, conflict)
    return f"{conflict.artifact}:{line}" if line else conflict.artifact


def _find_line(license_: LicenseConclusion, conflict: Conflict) -> int | None:
    """Find the line to read, from 1."""
    if conflict.kind == VARIANT:
        texts = (each for each in license_.claims if each.artifact == conflict.artifact and each.changes)
        changed = next((each for each in texts if each.location.line == conflict.location.line), None)
        if changed is not None:
            return min(each.line for each in changed.changes) or conflict.location.line
    return conflict.location.line
