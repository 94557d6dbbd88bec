"""Audit several targets one after the other: one report each, one exit code for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from modelaudit.model.errors import ConfigurationError, ModelAuditError
from modelaudit.model.report import AuditReport

_WORST_FIRST: Final = (1, 2, 4, 3, 0)


def audit_targets(
    targets: Iterable[str],
    audit: Callable[[str], AuditReport],
    publish: Callable[[str, AuditReport], None],
    report_error: Callable[[ModelAuditError], None],
    code: int = 0,
) -> int:
    """Audit each target and publish its report; an error of one target does not keep the others from their audit.

    Args:
        targets: as the user names them.
        audit: scans one target, or answers on its licence.
        publish: writes the report of a target before the next target begins.
        report_error: shows the error of a target that has no report.
        code: the exit code of what came before, such as the search for targets.

    Returns:
        The most severe exit code: 1 (the gate failed), then 2 (usage), 4 (no result), 3 (incomplete), 0 (passed).

    Raises:
        ConfigurationError: an option is wrong, which the first target shows: every other target would fail alike.
    """
    codes: list[int] = []
    for target in targets:
        try:
            report = audit(target)
        except ModelAuditError as error:
            if isinstance(error, ConfigurationError) and not codes:
                raise
            report_error(error)
            codes.append(error.exit_code)
            continue
        publish(target, report)
        codes.append(report.exit_code)
    return next(each for each in _WORST_FIRST if each in (*codes, code))
