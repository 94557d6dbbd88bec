"""The attestation of a verdict: the evidence, and a summary that names it, each a signed in-toto statement.

Sources: SLSA Verification Summary Attestation 1.1 (``verification_summary/v1``); in-toto Statement v1. The form of the
evidence is that of ``docs/attestation.md``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from modelaudit.integrity.bundles import MOST_BYTES, Bundle, parse_bundle
from modelaudit.integrity.names import explain_bad_name
from modelaudit.integrity.statements import STATEMENT, Statement, parse_statement
from modelaudit.integrity.strict_json import shorten, take_list, take_object, take_text
from modelaudit.integrity.tree import compute_tree_digest
from modelaudit.model.errors import SignatureError
from modelaudit.model.tree import EntryKind, TreeEntry

SUMMARY: Final = "https://slsa.dev/verification_summary/v1"
EVIDENCE: Final = "urn:modelaudit:evidence:v1"
EXPIRES: Final = "urn:modelaudit:expires"
"""The key of the summary for the time until which the verdict holds; SLSA wants a URI for a key of another."""
TREE_ALGORITHM: Final = "modelaudit-tree-v1"
"""The name of the tree digest in a set of digests (``docs/tree-digest.md``)."""
TREE_NAME: Final = "."
PASSED: Final = "PASSED"
FAILED: Final = "FAILED"
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Summary:
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


@dataclass(frozen=True, slots=True)
class Attestation:
    """A verdict with its evidence, as two statements on the same subjects.

    Attributes:
        summary: the verdict.
        evidence: what it rests on, as JSON.
        entries: every file, link and empty folder of the model.
        tree_digest: of the entries, version 1.
        bundles: the two signed bundles, that of the evidence first; empty before they are signed.
    """

    summary: Summary
    evidence: Mapping[str, object]
    entries: tuple[TreeEntry, ...]
    tree_digest: str
    bundles: tuple[Bundle, ...] = field(default=(), repr=False)


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
    subjects = list(build_subjects(entries, image))
    listed = [build_entry(entry) for entry in sorted(entries, key=lambda entry: entry.order)]
    first = _encode({**evidence, "entries": listed}, EVIDENCE, subjects)
    predicate: dict[str, object] = {
        "verifier": {"id": summary.verifier, "version": dict(summary.versions)},
        "timeVerified": summary.time,
        "resourceUri": summary.resource,
        "policy": {"uri": summary.policy, "digest": {"sha256": summary.policy_digest}},
        "inputAttestations": [{"uri": EVIDENCE, "digest": {"sha256": hashlib.sha256(first).hexdigest()}}],
        "verificationResult": summary.result,
        "verifiedLevels": ["SLSA_BUILD_LEVEL_UNEVALUATED"] if summary.result == PASSED else [FAILED],
        "slsaVersion": "1.1",
    }
    if summary.expires is not None:
        predicate[EXPIRES] = summary.expires
    return first, _encode(predicate, SUMMARY, subjects)


def build_subjects(entries: Sequence[TreeEntry], image: str | None) -> Iterator[dict[str, object]]:
    """Yield the tree, the image, and each file. Raises ``ValueError`` for an entry that no digest covers."""
    yield {"name": TREE_NAME, "digest": {TREE_ALGORITHM: compute_tree_digest(entries)}}
    if image is not None:
        yield {"name": "image", "digest": {"sha256": image}}
    for entry in sorted(entries, key=lambda entry: entry.order):
        if entry.kind is EntryKind.FILE:
            yield {"name": _encode_name(entry.path), "digest": {"sha256": entry.sha256}}


def build_entry(entry: TreeEntry) -> dict[str, object]:
    """Return the JSON object of an entry; unknown values are left out."""
    values = {
        "path": _encode_name(entry.path),
        "kind": entry.kind.value,
        "executable": entry.executable,
        "size": entry.size,
        "sha256": entry.sha256,
        "link": None if entry.link_text is None else _encode_name(entry.link_text),
    }
    return {key: value for key, value in values.items() if value is not None}


def _encode_name(path: str) -> str:
    """Return a path for JSON. Raises ``ValueError`` for one that is not UTF-8, because a signer cannot name it."""
    if not path.isprintable() and any("\ud800" <= character <= "\udfff" for character in path):
        raise ValueError(f"the name {path!r} is not UTF-8")
    return path


def _encode(predicate: Mapping[str, object], predicate_type: str, subjects: Sequence[object]) -> bytes:
    """Return a statement as JSON with sorted keys, in ASCII."""
    statement = {"_type": STATEMENT, "predicateType": predicate_type, "subject": subjects, "predicate": predicate}
    return json.dumps(statement, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def parse_attestation(data: bytes) -> Attestation:
    """Parse an attestation: two lines with a bundle each, the evidence and then the summary. No signature is checked.

    Raises:
        SignatureError: it is malformed, or its parts do not fit each other.
    """
    if len(data) > 2 * MOST_BYTES:
        raise SignatureError(f"it is larger than {2 * MOST_BYTES:,} bytes, so it is not read")
    lines = [line for line in data.split(b"\n") if line.strip()]
    if len(lines) != 2:
        raise SignatureError(f"it has {len(lines)} lines, and needs two: the evidence and the summary")
    bundles = tuple(map(parse_bundle, lines))
    evidence, summary = (parse_statement(bundle.envelope.payload) for bundle in bundles)
    for statement, wanted in ((evidence, EVIDENCE), (summary, SUMMARY)):
        if statement.predicate_type != wanted:
            raise SignatureError(f"it holds {shorten(statement.predicate_type)} in the place of {wanted}")
    entries = tuple(map(read_entry, take_list(evidence.predicate, "entries", "the evidence")))
    tree_digest = check_subjects(evidence, entries)
    if _list_subjects(evidence) != _list_subjects(summary):
        raise SignatureError("the evidence and the summary are about different files")
    read = _read_summary(summary)
    if read.evidence_digest != hashlib.sha256(bundles[0].envelope.payload).hexdigest():
        raise SignatureError("the summary rests on other evidence than that of the same file")
    return Attestation(read, evidence.predicate, entries, tree_digest, bundles)


def _list_subjects(statement: Statement) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """Return the subjects in an order of their own, for a comparison."""
    return sorted((each.name, tuple(sorted(each.digests.items()))) for each in statement.subjects)


def check_subjects(statement: Statement, entries: Sequence[TreeEntry]) -> str:
    """Return the tree digest. Raises ``SignatureError`` if the subjects are not those that the entries give."""
    try:
        built = list(build_subjects(entries, None))
        tree_digest = compute_tree_digest(entries)
    except ValueError as error:
        raise SignatureError(f"the entries have no tree digest: {error}") from error
    expected = {str(each["name"]): each["digest"] for each in built}
    stated = {each.name: dict(each.digests) for each in statement.subjects}
    stated.pop("image", None) if "image" not in expected else None
    if len(stated) < len(statement.subjects) - 1 or stated != expected:
        raise SignatureError("the subjects are not the files that the evidence lists")
    return tree_digest


def read_entry(value: object) -> TreeEntry:
    """Return one entry. Raises ``SignatureError`` if it is malformed."""
    if not isinstance(value, dict):
        raise SignatureError("an entry of the evidence is not a JSON object")
    path = take_text(value, "path", "an entry of the evidence")
    if problem := explain_bad_name(path):
        raise SignatureError(f"the name {shorten(path)} {problem}")
    kind, size, executable = value.get("kind"), value.get("size"), value.get("executable")
    noun = f"the entry {shorten(path)}"
    if kind == "file":
        sha256 = take_text(value, "sha256", noun)
        if isinstance(size, bool) or not isinstance(size, int) or size < 0 or not _SHA256.fullmatch(sha256):
            raise SignatureError(f"{noun} has no size or no SHA-256")
        if executable not in (True, False, None):
            raise SignatureError(f"{noun} has an executable bit that is not a boolean")
        return TreeEntry(path, EntryKind.FILE, executable, size, sha256)
    if kind == "link":
        return TreeEntry(path, EntryKind.LINK, link_text=take_text(value, "link", noun))
    if kind == "folder":
        return TreeEntry(path, EntryKind.FOLDER)
    raise SignatureError(f"{noun} is neither a file nor a link nor a folder")


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
