"""Vet a model repository before it is loaded: ``modelaudit.scan(target)`` returns the report of ``modelaudit scan``."""

from __future__ import annotations

# ``python -m modelaudit`` runs this before ``__main__`` removes the working directory from the search path, so nothing
# may be imported here, not even ``typing``. Type checkers take the name for true.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from modelaudit.model.finding import CheckFamily, Severity
    from modelaudit.model.limits import Limits
    from modelaudit.model.report import Anchor, AuditReport
    from modelaudit.model.trust import TrustedSigner
    from modelaudit.wire.ledger import RecordLedger

__version__ = "0.1.0"
__all__ = ["__version__", "license", "scan"]


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
    uses: Mapping[str, bool] | None = None,
    territories: Sequence[str] = (),
    monthly_active_users: float | None = None,
    annual_revenue_usd: float | None = None,
    field: str | None = None,
    limits: Limits | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    download_progress: Callable[[int, int, int, int], None] | None = None,
    record_ledger: RecordLedger | None = None,
    decisions: str | Path | None = None,
    baseline: str | Path | None = None,
    anchors: Sequence[Anchor] = (),
    hash_progress: Callable[[int, int], None] | None = None,
    lock: str | Path | None = None,
    signers: Sequence[TrustedSigner] = (),
    signatures: Sequence[str | Path] = (),
    rules_key: str | Path | None = None,
) -> AuditReport:
    """Scan one model and return the report; nothing of the model is executed.

    Args:
        target: ``org/model[@revision]``, ``datasets/org/name[@revision]``, a folder or a file. An existing path wins.
        revision: branch, tag or commit on the Hub.
        checks: of ``security``, ``integrity``, ``license``, ``provenance``.
        policy: a policy of the rule set by name, or a file.
        fail_on: the lowest severity that fails, or ``"never"``; by default that of the policy.
        offline: use the local Hub cache only and make no request.
        second_opinion: ask modelscan too, in a process of its own; it never changes the verdict.
        rules: further rule folders, laid out like ``rules/``, and at most one pack of rules that ``modelaudit policy
            rules`` wrote, which takes the place of the built-in rules.
        uses: the planned uses, with the values of ``modelaudit.model.terms.Use`` as keys; each overrides the policy.
        territories: where the model will be used: codes of two letters, ``EU``, ``EEA`` or ``WORLD``; overrides the
            policy.
        monthly_active_users: of all products of your organisation; overrides the policy.
        annual_revenue_usd: US dollars a year; overrides the policy.
        field: your field of use, a word of ``rules/clauses.yaml``; overrides the policy.
        limits: bounds on the bytes, depth, members and time that a hostile file may cost.
        progress: called with the path of an artifact, its number from 1, and the number of all artifacts.
        download_progress: called during a download with the bytes received, the bytes in all, the files received,
            and the files in all.
        record_ledger: called, for each file and each member of it, with the classes of its bytes.
        decisions: the register of decisions; by default that of the policy, or ``decisions.yaml`` beside the policy
            file or in the working directory, unless it lies in the target.
        baseline: an earlier report of the same model, as JSON; what it holds already does not fail the gate.
        anchors: the lines of your own files that name the model; they are kept in the report.
        hash_progress: called during the scan with the bytes hashed so far and the bytes in all, from several threads,
            one call at a time.
        lock: a lock that ``modelaudit lock`` wrote; it claims the digest of each file, and other names are findings.
        signers: whose signatures count, beside the signers of the policy.
        signatures: files with signatures of the model that lie outside of it.
        rules_key: the public key of the author of the pack in ``rules``.

    Returns:
        The report; ``report.exit_code`` is the exit code of the command for ``report.decision.verdict``.

    Raises:
        modelaudit.model.errors.ConfigurationError: an option, a policy or a rule is wrong (exit 2).
        modelaudit.model.errors.SourceError: the target cannot be resolved or fetched (exit 4).
        modelaudit.model.errors.InternalError: modelaudit itself failed (exit 4).
    """
    # These imports are slow; importing them here keeps `modelaudit --version` fast.
    from modelaudit.model.limits import Limits
    from modelaudit.options import IntendedUse, Options
    from modelaudit.pipeline import scan as run

    intended_use = IntendedUse(uses or {}, territories, monthly_active_users, annual_revenue_usd, field)
    bounds = limits or Limits()
    options = Options(
        revision,
        checks,
        policy,
        fail_on,
        offline,
        second_opinion,
        rules,
        bounds,
        intended_use,
        progress,
        download_progress,
        record_ledger,
        decisions,
        baseline,
        anchors,
        hash_progress,
        lock,
        signers,
        signatures,
        rules_key,
    )
    return run(str(target), options)


def license(
    target: str | Path,
    *,
    revision: str | None = None,
    policy: str | Path = "default",
    offline: bool = False,
    rules: Sequence[str | Path] = (),
    uses: Mapping[str, bool] | None = None,
    territories: Sequence[str] = (),
    monthly_active_users: float | None = None,
    annual_revenue_usd: float | None = None,
    field: str | None = None,
    limits: Limits | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    decisions: str | Path | None = None,
    baseline: str | Path | None = None,
    anchors: Sequence[Anchor] = (),
    rules_key: str | Path | None = None,
    path: str = "",
) -> AuditReport:
    """Answer whether the licences that bind a model permit the planned use; only its small files are fetched.

    Args:
        target: ``org/model[@revision]``, ``datasets/org/name[@revision]``, a folder or a file. An existing path wins.
        revision: branch, tag or commit on the Hub.
        policy: a policy of the rule set by name, or a file; it states the use.
        offline: use the local Hub cache only and make no request.
        rules: as for ``scan``.
        uses: as for ``scan``.
        territories: as for ``scan``.
        monthly_active_users: as for ``scan``.
        annual_revenue_usd: as for ``scan``.
        field: as for ``scan``.
        limits: as for ``scan``.
        progress: as for ``scan``.
        decisions: as for ``scan``.
        baseline: as for ``scan``.
        anchors: as for ``scan``.
        rules_key: as for ``scan``.
        path: a folder of the repository with a model of its own: the answer is on it alone.

    Returns:
        A report of the check ``license`` alone. ``report.license.permission`` is ``allow`` (exit code 0), ``review``
        (3) or ``deny`` (1), or ``None`` if no planned use is stated (3).

    Raises:
        modelaudit.model.errors.ConfigurationError: an option, a policy or a rule is wrong (exit 2).
        modelaudit.model.errors.SourceError: the target cannot be resolved or fetched (exit 4).
        modelaudit.model.errors.InternalError: modelaudit itself failed (exit 4).
    """
    from modelaudit.options import IntendedUse, Options
    from modelaudit.pipeline import answer_license

    options = Options(
        revision=revision,
        policy=policy,
        offline=offline,
        rules=rules,
        intended_use=IntendedUse(uses or {}, territories, monthly_active_users, annual_revenue_usd, field),
        progress=progress,
        decisions=decisions,
        baseline=baseline,
        anchors=anchors,
        rules_key=rules_key,
        folder=path,
    )
    return answer_license(str(target), options if limits is None else options.with_limits(limits))
