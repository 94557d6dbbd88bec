"""The drift of locked repositories as text."""

from __future__ import annotations

from collections.abc import Sequence

from modelaudit.model.drift import DriftResult
from modelaudit.reports.text import escape_unprintable


def render_drift(results: Sequence[DriftResult], *, quiet: bool = False) -> bytes:
    """Render the results for a terminal: a line for each fact, and a conclusion on each repository.

    With ``quiet``, a line for each drift and for each question without an answer alone.
    """
    lines: list[str] = []
    for result in results:
        lines += (f"{result.name}: {each.kind}: {each.detail}" for each in result.drifts)
        lines += (f"{result.name}: not answered: {each}" for each in result.unanswered)
        if quiet:
            continue
        lines += (f"{result.name}: note: {each}" for each in result.notes)
        if result.is_asked and not result.drifts and not result.unanswered:
            lines.append(f"{result.name}: no drift")
    return "".join(f"{escape_unprintable(line)}\n" for line in lines).encode()
