"""Render a report once for all the tests of a worker that read the same document of it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar

from modelaudit.model.report import AuditReport

_Document = TypeVar("_Document")


def render_once(read: Callable[[AuditReport], _Document]) -> Callable[[AuditReport], _Document]:
    """Let a function of a report return the first document again for the same object; its callers change none.

    Reports are frozen, and comparing two of them takes longer than rendering one.
    """
    documents: dict[int, tuple[AuditReport, _Document]] = {}  # each keeps its report, so that no other gets its id

    @functools.wraps(read)
    def read_once(report: AuditReport) -> _Document:
        if id(report) not in documents:
            documents[id(report)] = report, read(report)
        return documents[id(report)][1]

    return read_once
