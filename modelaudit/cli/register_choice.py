"""Choose the register of decisions for a saved report."""

from __future__ import annotations

from pathlib import Path

from modelaudit.model.artifact import RefKind
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.policy import Policy
from modelaudit.model.report import AuditReport
from modelaudit.policy.model_folders import holds_files
from modelaudit.policy.places import (
    REGISTER_NAME,
    explain_unused_register,
    find_enclosing_target,
    find_register,
    suggest_place,
)


def list_targets(report: AuditReport | None, given: Path | None) -> tuple[str, ...]:
    """List the folders that may be the model of a report: one of its name here, and each with its files around here."""
    if report is None or report.target.kind is not RefKind.FOLDER:
        return ()
    folders = [Path.cwd(), *Path.cwd().parents]
    folders += given.resolve().parents if given is not None else []
    return (report.target.name, *(str(each) for each in dict.fromkeys(folders) if holds_files(each, report)))


def choose_register(
    given: Path | None, policy: Policy | None, targets: tuple[str, ...]
) -> tuple[Path, tuple[str, ...]]:
    """Return the register to use: the named one, that of the policy, else ``decisions.yaml`` beside the policy or here.

    The second value are remarks: on files that are passed over, and on a register that scans of the model pass over.

    Args:
        given: the register that the user named.
        policy: ``None`` for one of the rule set, which names no register and lies beside none.
        targets: of the run.

    Raises:
        ConfigurationError: it lies in the model of the report.
    """
    path = given or (policy.decisions_path if policy is not None else None)
    files = policy.files if policy is not None else ()
    notes: tuple[str, ...] = ()
    if path is None:
        path, notes = find_register(files, targets)
    if path is None:
        path = (files[0].parent if files else Path()) / REGISTER_NAME
        reason = explain_unused_register(path.absolute(), files, targets)
        notes = (*notes, *([f"{path}: no scan finds it, because {reason}"] if reason else []))
    target = find_enclosing_target(path, targets)
    if target is not None:
        place = suggest_place(Path(target).absolute()) / REGISTER_NAME
        raise ConfigurationError(
            f"{'--decisions ' if given else ''}{path}: lies in the target {target}, and a model must not judge itself; "
            f"name a register outside of it, such as --decisions {place}"
        )
    if path.exists() and not path.is_file():
        fault = "is a folder" if path.is_dir() else "is not a regular file"
        raise ConfigurationError(f"--decisions {path}: {fault}; name a file")
    # The report does not name the folder of the model, so a folder of its name may be another one.
    if any(each.name in targets for each in path.resolve().parents):
        notes = (*notes, f"{path}: lies in a folder with the name of the model; a scan of that folder does not use it")
    return path, notes
