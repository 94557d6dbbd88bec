"""Resolve a target, add what a lock and signatures state about its files, or take the files with its terms alone."""

from __future__ import annotations

from pathlib import Path

from modelaudit.integrity.trusted import load_verifiers
from modelaudit.lock_claims import add_lock
from modelaudit.model.artifact import Snapshot
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.finding import CheckFamily
from modelaudit.model.policy import Policy
from modelaudit.options import Options
from modelaudit.signature_claims import ALLOWED_GAPS, add_signatures
from modelaudit.sources import resolve_target, resolve_term_files
from modelaudit.sources.folder import limit_to_folder, parse_folder


def resolve_with_claims(target: str, options: Options, policy: Policy) -> Snapshot:
    """Resolve a target, and add what a lock and the signatures of the model state.

    Raises:
        ConfigurationError: as ``resolve_target`` and ``add_lock``, or a file of a trusted signer is missing, not what
            its option takes, or lies in the model.
        SourceError: as ``resolve_target`` and ``add_lock``.
    """
    for option, given in (("--lock", options.lock), ("--signature", options.signatures)):
        if given and CheckFamily.INTEGRITY not in policy.checks:
            raise ConfigurationError(
                f"{option} compares digests, and the check integrity is left out; add it to --checks"
            )
    snapshot = resolve_target(
        target,
        revision=options.revision,
        offline=options.offline,
        progress=options.download_progress,
        limits=options.limits,
    )
    if options.lock is not None:
        snapshot = add_lock(snapshot, target, options.lock, options.limits)
    verifiers = load_verifiers((*policy.trusted_signers, *options.signers), snapshot)
    gaps = (*ALLOWED_GAPS, *policy.allowed_signature_gaps)
    detached = [Path(each) for each in options.signatures]
    return add_signatures(snapshot, verifiers, gaps, detached, options.limits)


def resolve_terms(target: str, options: Options) -> Snapshot:
    """Take the files of a target that may state its licence, or of the folder in it that the options name.

    Raises:
        ConfigurationError: as ``resolve_term_files``, or there is no such folder.
        SourceError: as ``resolve_term_files``.
    """
    folder = parse_folder(options.folder)
    snapshot = resolve_term_files(
        target, revision=options.revision, offline=options.offline, limits=options.limits, folder=folder
    )
    return limit_to_folder(snapshot, folder)
