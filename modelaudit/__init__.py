"""Vet a model repository before it is loaded: ``modelaudit.scan(target)`` tells what the command tells."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from modelaudit.model.finding import CheckFamily, Severity
    from modelaudit.model.limits import Limits
    from modelaudit.model.report import AuditReport

__version__ = "0.1.0"
__all__ = ["__version__", "scan"]


def scan(
    target: str | Path,
    *,
    revision: str | None = None,
    checks: Collection[CheckFamily | str] | None = None,
    policy: str | Path = "default",
    fail_on: Severity | str | None = None,
    offline: bool = False,
    second_opinion: bool = True,
    rules: Sequence[str | Path] = (),
    limits: Limits | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    download_progress: Callable[[int, int], None] | None = None,
) -> AuditReport:
    """Scan one model and return the report; nothing of the model is executed.

    Args:
        target: ``org/model[@revision]``, ``datasets/org/name[@revision]``, a folder or a file. An existing path wins.
        revision: branch, tag or commit on the Hub; the commit it resolves to is in ``report.target.commit``.
        checks: families to run, of ``security``, ``integrity`` and ``license``; by default those of the policy. Asking
            for one without rules is an error: provenance and transparency have no rules yet.
        policy: a policy of the rule set by name, or a file.
        fail_on: the lowest severity that fails, or ``"never"``; by default that of the policy.
        offline: use the local Hub cache only and make no request.
        second_opinion: ask modelscan too, in a process of its own; it never changes the verdict.
        rules: further rule folders, laid out like ``rules/``.
        limits: bounds on what a hostile file may cost.
        progress: called with an artifact's path, its number from 1, and how many there are.
        download_progress: called with the bytes had and the bytes in all while the Hub is asked.

    Returns:
        The report. ``report.decision.verdict`` is ``pass``, ``fail`` or ``incomplete``; ``report.exit_code`` is what
        the command would exit with.

    Raises:
        modelaudit.model.errors.ConfigurationError: an option, a policy or a rule is wrong (exit 2).
        modelaudit.model.errors.SourceError: the target cannot be resolved or fetched (exit 4).
        modelaudit.model.errors.DefectError: modelaudit itself failed (exit 4).
    """
    # Everything heavy is behind this import, so that `modelaudit --version` stays instant.
    from modelaudit.options import Options
    from modelaudit.pipeline import scan as run

    options = Options(
        revision=revision,
        checks=checks,
        policy=policy,
        fail_on=fail_on,
        offline=offline,
        second_opinion=second_opinion,
        rules=rules,
        progress=progress,
        download_progress=download_progress,
    )
    return run(str(target), options if limits is None else options.within(limits))
