"""Judge decisions by their dates alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from modelaudit.model.acceptance import DecisionState
from modelaudit.model.register import DUE_DAYS, RegisterEntry


def find_date_state(
    entry: RegisterEntry, today: date, replaced_by: Mapping[str, str]
) -> tuple[DecisionState, str] | None:
    """Return the state of a decision that is not in force yet, was replaced or expired; ``None`` for others.

    Args:
        entry: of the register.
        today: the day of the scan.
        replaced_by: maps the place of each replaced decision to that of the later one.
    """
    later_start = entry.explain_later_start(today)
    if later_start:
        return DecisionState.UNUSED, later_start
    replacement = replaced_by.get(entry.place)
    if replacement is not None:
        return DecisionState.UNUSED, f"The later decision {replacement} replaces it."
    if today > date.fromisoformat(entry.expires):
        return DecisionState.EXPIRED, f"It expired on {entry.expires}, so what it decided is open again."
    return None


def find_active_state(entry: RegisterEntry, today: date) -> DecisionState:
    """Return whether a decision in force is honoured for longer, or due."""
    is_due = date.fromisoformat(entry.expires) - today <= timedelta(days=DUE_DAYS)
    return DecisionState.DUE if is_due else DecisionState.HONOURED
