"""The options of ``scan`` and ``license`` that name the register of decisions and the baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from modelaudit.cli.overwriting import NamedFile
from modelaudit.model.errors import ConfigurationError

if TYPE_CHECKING:
    from modelaudit.model.policy import Policy

_Command = TypeVar("_Command", bound=Callable[..., Any])


add_decisions_option = click.option(
    "--decisions",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The register of decisions. Default: the policy's, else decisions.yaml beside the policy file or here.",
)
_add_baseline_option = click.option(
    "--baseline",
    metavar="REPORT.json",
    type=click.Path(path_type=Path),
    help="An earlier report of the model: what it holds already does not fail the gate.",
)


def add_acceptance_options(command: _Command) -> _Command:
    """Add ``--decisions`` and ``--baseline`` to a command."""
    return add_decisions_option(_add_baseline_option(command))


def check_acceptance_files(decisions: Path | None, baseline: Path | None, targets: Sequence[str]) -> None:
    """Check before any scan that the files exist, and that a baseline is given for one target alone.

    Raises:
        ConfigurationError: a file is missing, or the baseline is given for several targets.
    """
    for option, path in (("--decisions", decisions), ("--baseline", baseline)):
        if path is not None and not path.is_file():
            kind = "is a folder" if path.is_dir() else "is not a regular file"
            fault = kind if path.exists() else "there is no such file"
            raise ConfigurationError(f"{option} {path}: {fault}; name an existing file")
    if baseline is not None and len(targets) > 1:
        raise ConfigurationError("--baseline is the report of one model; scan the other targets one by one")


def list_policy_files(policy: Policy, targets: Sequence[str]) -> list[NamedFile]:
    """List the files of a policy: its own, those that it names, and its register; no output may replace one."""
    from modelaudit.policy.places import find_register  # slow, and --help needs none of it

    register, _ = find_register(policy.files, targets)
    paths = [*policy.files, policy.decisions_path, policy.baseline_path, register]
    for signer in policy.trusted_signers:
        paths += [signer.public_key, signer.certificate_root, signer.trusted_root]
    return [NamedFile(f"a file of the policy {policy.name}", path) for path in paths if path is not None]
