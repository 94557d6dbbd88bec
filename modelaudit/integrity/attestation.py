"""The attestation of a verdict: the evidence, and a summary that names it, each a signed in-toto statement.

Sources: SLSA Verification Summary Attestation 1.1 (``verification_summary/v1``); in-toto Statement v1. The form of the
evidence is that of ``docs/attestation.md``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from modelaudit.integrity.bundles import MOST_BYTES, Bundle, parse_bundle
from modelaudit.integrity.statements import Statement, encode_statement, parse_statement, require_type
from modelaudit.integrity.strict_json import shorten, take_list, take_object, take_text
from modelaudit.integrity.subjects import build_entries_statement, build_subjects, read_entries
from modelaudit.model.errors import SignatureError
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.tree import TreeEntry

SUMMARY: Final = "https://slsa.dev/verification_summary/v1"
EVIDENCE: Final = "urn:modelaudit:evidence:v1"
EXPIRES: Final = "urn:modelaudit:expires"
"""The key of the summary for the time until which the verdict holds; SLSA wants a URI for a key of another."""
PASSED: Final = "PASSED"
FAILED: Final = "FAILED"
MOST_ATTESTATION_BYTES: Final = 2 * MOST_BYTES
"""The largest attestation: two bundles."""
_LEVEL: Final = "SLSA_BUILD_LEVEL_UNEVALUATED"
"""The level of a verdict that passed: nothing is claimed about how the model was built (SLSA 1.1, SlsaResult)."""
_TIME: Final = defer_pattern(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


class Summary(Struct, frozen=True):
    """What a verifier concluded about a model (SLSA Verification Summary).

    Attributes:
        verifier: the URI of the one who concluded.
        versions: of its tools, by name.
        time: when it concluded, ``2026-11-28T20:00:00Z``.
        resource: the URI of the model.
        policy: the URI of the policy.
        policy_digest: its SHA-256.
        evidence_digest: SHA-256 of the payload with the evidence.
        result: ``PASSED`` or ``FAILED``.
        expires: the time until which the verdict holds; ``None`` if it has no end.
    """

    verifier: str
    versions: Mapping[str, str]
    time: str
    resource: str
    policy: str
    policy_digest: str
    evidence_digest: str
    result: str
    expires: str | None = None


class Attestation(Struct, frozen=True):
    """A verdict with its evidence, as two statements on the same subjects.

    Attributes:
        summary: the verdict.
        evidence: what it rests on, as JSON.
        entries: every file, link and empty folder of the model.
        tree_digest: of the entries, version 1.
        image: SHA-256 of the manifest of an OCI image that holds the model; ``None`` if none is named.
    """

    summary: Summary
    evidence: Mapping[str, object]
    entries: tuple[TreeEntry, ...]
    tree_digest: str
    image: str | None


def build_payloads(
    evidence: Mapping[str, object], entries: Sequence[TreeEntry], summary: Summary, image: str | None = None
) -> tuple[bytes, bytes]:
    """Build the payloads of the evidence and of the summary.

    Args:
        evidence: the facts; its ``entries`` are added here.
        entries: every entry of the model.
        summary: the verdict; the digest of its evidence is computed here.
        image: SHA-256 of the manifest of an OCI image that holds the model, in hexadecimal.

    Raises:
        ValueError: an entry cannot be covered by a tree digest.
    """
    first = build_entries_statement(EVIDENCE, entries, evidence, image)
    predicate: dict[str, object] = {
        "verifier": {"id": summary.verifier, "version": dict(summary.versions)},
        "timeVerified": summary.time,
        "resourceUri": summary.resource,
        "policy": {"uri": summary.policy, "digest": {"sha256": summary.policy_digest}},
        "inputAttestations": [{"uri": EVIDENCE, "digest": {"sha256": hashlib.sha256(first).hexdigest()}}],
        "verificationResult": summary.result,
        "verifiedLevels": [_LEVEL] if summary.result == PASSED else [FAILED],
        "slsaVersion": "1.1",
    }
    if summary.expires is not None:
        predicate[EXPIRES] = summary.expires
    return first, encode_statement(SUMMARY, list(build_subjects(entries, image)), predicate)


def split_attestation(data: bytes) -> tuple[Bundle, Bundle]:
    """Split an attestation into its two lines, the bundle of the evidence and that of the summary.

    Raises:
        SignatureError: it has other than two lines, or one is malformed.
    """
    if len(data) > MOST_ATTESTATION_BYTES:
        raise SignatureError(f"it is larger than {MOST_ATTESTATION_BYTES:,} bytes, so it is not read")
    lines = [line for line in data.split(b"\n") if line.strip()]
    if len(lines) != 2:
        raise SignatureError(f"it has {len(lines)} lines, and needs two: the evidence and the summary")
    return parse_bundle(lines[0]), parse_bundle(lines[1])


def read_attestation(first: Bundle, second: Bundle) -> Attestation:
    """Read the two statements of an attestation. Their signatures are checked before, and not here.

    Raises:
        SignatureError: one is malformed, or they do not fit each other.
    """
    evidence, summary = (parse_statement(each.envelope.payload) for each in (first, second))
    entries, tree_digest, image = read_entries(evidence, EVIDENCE, "the evidence")
    require_type(summary, SUMMARY)
    if _list_subjects(evidence) != _list_subjects(summary):
        raise SignatureError("the evidence and the summary are about different files")
    read = _read_summary(summary)
    if read.evidence_digest != hashlib.sha256(first.envelope.payload).hexdigest():
        raise SignatureError("the summary rests on other evidence than that of the same file")
    if bool(list_causes(evidence.predicate)) is not (read.result == FAILED):
        raise SignatureError(f"the summary says {read.result}, and the causes in the evidence say the opposite")
    return Attestation(read, evidence.predicate, entries, tree_digest, image)


def list_causes(evidence: Mapping[str, object]) -> list[str]:
    """List the causes for which a verdict did not pass, such as ``findings (load)``.

    Raises:
        SignatureError: the evidence lists none, not even an empty list, or one without its words.
    """
    noun = "a cause in the evidence"
    if "causes" not in evidence:
        raise SignatureError("the evidence has no list 'causes'")
    causes = []
    for each in take_list(evidence, "causes", "the evidence"):
        if not isinstance(each, dict):
            raise SignatureError(f"{noun} is not a JSON object")
        causes.append(f"{take_text(each, 'kind', noun)} ({take_text(each, 'question', noun)})")
    return causes


def _list_subjects(statement: Statement) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """Return the subjects in an order of their own, for a comparison."""
    return sorted((each.name, tuple(sorted(each.digests.items()))) for each in statement.subjects)


def _read_summary(statement: Statement) -> Summary:
    """Return the summary. Raises ``SignatureError`` if it is malformed."""
    noun = "the summary"
    predicate = statement.predicate
    verifier, policy = take_object(predicate, "verifier", noun), take_object(predicate, "policy", noun)
    inputs = take_list(predicate, "inputAttestations", noun)
    if len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise SignatureError("the summary names other than one piece of evidence")
    result = take_text(predicate, "verificationResult", noun)
    if result not in (PASSED, FAILED):
        raise SignatureError(f"the result {shorten(result)} is neither {PASSED} nor {FAILED}")
    if (FAILED in take_list(predicate, "verifiedLevels", noun)) is not (result == FAILED):
        raise SignatureError(f"the result is {result}, and the verified levels say the opposite")
    versions = verifier.get("version", {})
    if not isinstance(versions, dict) or not all(isinstance(each, str) for each in versions.values()):
        raise SignatureError("the versions of the verifier are not strings")
    return Summary(
        verifier=take_text(verifier, "id", "the verifier"),
        versions={key: str(value) for key, value in versions.items()},
        time=_read_time(take_text(predicate, "timeVerified", noun)),
        resource=take_text(predicate, "resourceUri", noun),
        policy=take_text(policy, "uri", "the policy"),
        policy_digest=take_text(take_object(policy, "digest", "the policy"), "sha256", "the policy"),
        evidence_digest=take_text(take_object(inputs[0], "digest", "the evidence"), "sha256", "the evidence"),
        result=result,
        expires=_read_time(take_text(predicate, EXPIRES, noun)) if EXPIRES in predicate else None,
    )


def _read_time(text: str) -> str:
    """Return a time. Raises ``SignatureError`` for one in another form than ours."""
    if not _TIME.fullmatch(text):
        raise SignatureError(f"{shorten(text)} is not a time in UTC, such as 2026-11-28T20:00:00Z")
    return text
