"""Verify a model on disk against an attested verdict. No request is made, and no reader and no report is loaded.

Every comparison is exact, and whatever is not understood refuses the model: a program that starts a model server waits
for the answer, and nobody reads a second line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from modelaudit.integrity.attestation import (
    PASSED,
    TIME_FORMAT,
    Attestation,
    list_causes,
    read_attestation,
    split_attestation,
)
from modelaudit.integrity.comparison import ATTESTATION, adopt_unknown_modes, compare_trees
from modelaudit.integrity.places import lies_in
from modelaudit.integrity.strict_json import shorten
from modelaudit.integrity.tree import compute_tree_digest
from modelaudit.integrity.trusted import load_verifiers
from modelaudit.integrity.verifiers import find_signer
from modelaudit.model.artifact import RefKind, Snapshot
from modelaudit.model.errors import ConfigurationError, SignatureError, SourceError
from modelaudit.model.limits import Limits
from modelaudit.model.signature import SignatureMethod
from modelaudit.model.trust import TrustedSigner
from modelaudit.sources import resolve_target
from modelaudit.sources.hashed import HashedModel, hash_model

_MOST_BYTES: Final = 128 * 1024 * 1024
_CLOCK_MINUTES: Final = 10
"""How much the clocks of two machines may differ."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a verdict has to state beside that the model passed; ``None`` accepts every value.

    Attributes:
        verifier: the URI of the one who answers for it.
        policy_digest: SHA-256 of the policy.
        resource: the URI of the model.
        not_older_than: the time since the verdict.
    """

    verifier: str | None = None
    policy_digest: str | None = None
    resource: str | None = None
    not_older_than: timedelta | None = None


def verify_attestation(
    target: str,
    attestation_path: Path,
    signers: tuple[TrustedSigner, ...],
    conditions: Conditions,
    now: datetime | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> str:
    """Verify a model against an attested verdict, and return one line on what was verified.

    Args:
        target: the folder of the model, or a snapshot of the Hub cache.
        attestation_path: two lines of JSON, as ``modelaudit attest`` writes them.
        signers: who may attest.
        conditions: what the verdict has to state.
        now: the time of the check, with a time zone; by default this moment.
        limits: bounds on reads.

    Raises:
        SignatureError: the model is refused (exit 1); the message is one line.
        ConfigurationError: an option is wrong (exit 2).
        SourceError: the model or the attestation cannot be read (exit 4).
    """
    if not signers:
        raise ConfigurationError("--attestation needs somebody who may attest: --key FILE")
    snapshot = _take_model(target, limits)
    if lies_in(attestation_path, snapshot.root):
        raise ConfigurationError(
            f"{attestation_path}: the attestation lies in the model that it attests; keep it outside of that folder"
        )
    verifiers = load_verifiers(signers, snapshot)
    bundles = split_attestation(_read(attestation_path))
    for bundle in bundles:
        if find_signer(bundle, verifiers, now) is None:
            raise SignatureError(f"it is signed by the method {bundle.method}, and nobody who may attest uses it")
    attestation = read_attestation(*bundles)
    for refusal in _list_refusals(attestation, conditions, now or datetime.now(UTC)):
        raise SignatureError(refusal)
    hashed = hash_model(snapshot, limits)
    _compare(attestation, hashed)
    summary = attestation.summary
    noun = "entry fits" if len(attestation.entries) == 1 else "entries fit"
    return (
        f"{summary.result} by {summary.verifier} at {summary.time}; {len(attestation.entries):,} {noun}; tree digest "
        f"v1:{attestation.tree_digest}"
    )


def _take_model(target: str, limits: Limits) -> Snapshot:
    """Take the snapshot of a folder. Raises ``ConfigurationError`` or ``SourceError``."""
    if not os.path.exists(target):  # noqa: PTH110 - a name that the system refuses does not exist
        raise SourceError(f"The folder {target!r} does not exist; verify checks models on disk, so download it first.")
    snapshot = resolve_target(target, offline=True, limits=limits)
    if snapshot.ref.kind is RefKind.FILE:
        raise ConfigurationError(f"{target!r} is a file; name the folder of the model")
    # The attestation states a SHA-256 of each file, so no digest of another claim has to be computed.
    artifacts = tuple(replace(each, claims=()) for each in snapshot.artifacts)
    return replace(snapshot, artifacts=artifacts)


def _read(path: Path) -> bytes:
    """Read an attestation. Raises ``SourceError`` if that fails."""
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) else error
        raise SourceError(f"--attestation: {path} cannot be read: {cause}; check the path") from error


def _list_refusals(attestation: Attestation, conditions: Conditions, now: datetime) -> Iterator[str]:
    """Yield why a verdict does not count."""
    summary = attestation.summary
    if summary.result != PASSED:
        yield f"the verdict is {summary.result}: {', '.join(map(shorten, list_causes(attestation.evidence)))}"
    for noun, stated, wanted in (
        ("verifier", summary.verifier, conditions.verifier),
        ("policy", summary.policy_digest, conditions.policy_digest),
        ("model", summary.resource, conditions.resource),
    ):
        if wanted is not None and stated != wanted:
            yield f"the {noun} is {shorten(stated)}, and {shorten(wanted)} is required"
    time = _parse_time(summary.time)
    if time > now + timedelta(minutes=_CLOCK_MINUTES):
        yield f"the verdict is of {summary.time}, which lies in the future"
    if conditions.not_older_than is not None and now - time > conditions.not_older_than:
        yield f"the verdict is of {summary.time}, which is older than allowed"
    if summary.expires is not None and now > _parse_time(summary.expires):
        yield f"the verdict expired at {summary.expires}"


def _parse_time(text: str) -> datetime:
    """Parse a time. Raises ``SignatureError`` for a day that does not exist."""
    try:
        return datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError as error:
        raise SignatureError(f"{shorten(text)} is not a time") from error


def _compare(attestation: Attestation, hashed: HashedModel) -> None:
    """Raise ``SignatureError`` for the first difference, and ``SourceError`` for an entry that cannot be read."""
    digested = {entry.path for entry in hashed.entries if entry.sha256 is not None}
    unread = {path: why for path, why in hashed.unread if path not in digested | hashed.irregular}
    differences = compare_trees(attestation.entries, hashed.entries, unread, ATTESTATION)
    if differences:
        first, count = differences[0], len(differences) - 1
        more = f"; and {count:,} more difference{'' if count == 1 else 's'}" if count else ""
        raise SignatureError(f"{first.kind}: {first.path}: {first.detail}{more}")
    for path, why in sorted(unread.items()):
        raise SourceError(f"{path} cannot be read: {why}")
    if compute_tree_digest(adopt_unknown_modes(hashed.entries, attestation.entries)) != attestation.tree_digest:
        raise SignatureError("the tree digest differs")


def make_signer(key: Path) -> TrustedSigner:
    """Make the signer of ``--key``."""
    return TrustedSigner(SignatureMethod.KEY, "--key", public_key=key)
