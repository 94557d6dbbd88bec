"""The result of ``verify`` as text and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from modelaudit.model.digest import ClaimSource, find_uncompared_claims
from modelaudit.model.signature import Signature, SignatureState
from modelaudit.model.verification import DifferenceKind, Verification
from modelaudit.model.wording import CLAIM_SOURCES, describe_strength, escape_texts
from modelaudit.reports.signature_words import describe_signature
from modelaudit.reports.text import escape_unprintable

SCHEMA: Final = "modelaudit/verification/v1"
_MOST_NAMED: Final = 50
"""The differences, and the unread entries, of one model that the text names; the JSON names all."""


def render_text(results: Sequence[Verification]) -> bytes:
    """Render the results for a terminal: the reference of each model, each difference, and one conclusion."""
    lines = [line for result in results for line in _describe(result)]
    return ("\n".join(map(escape_unprintable, lines)) + "\n").encode()


def _describe(result: Verification) -> Iterator[str]:
    """Yield the lines of one model."""
    beside = "the signatures and records beside its files" if result.signatures else "the records beside its files"
    against = f"{result.lock} ({result.locked_name})" if result.lock else beside
    yield f"{result.name}: checked against {against}"
    # A refused signature is a difference, which names it below.
    held = (each for each in result.signatures if each.state is not SignatureState.REFUSED)
    yield from (f"  signature {describe_signature(each)}" for each in held)
    yield from (f"  note: {note}" for note in result.notes)
    for counted in _count_claims(result):
        yield f"  {counted}"
    lines = [f"  {each.kind}: {each.path}" + (f": {each.detail}" if each.detail else "") for each in result.differences]
    lines += [f"  not read: {path}: {why}" for path, why in result.unread]
    if any(each.kind is DifferenceKind.SIGNATURE for each in result.differences) and len(result.unclaimed) > 1:
        lines.append(f"  not verified: {len(result.unclaimed):,} files: no signature of a trusted signer holds")
    else:
        lines += [f"  not verified: {path}: no record states a digest of it" for path in result.unclaimed]
    lines += [
        f"  left out: {path}: signatures of models leave it out, so anybody may change it" for path in result.left_out
    ]
    lines += [f"  not compared: {path}: {why}" for path, why in result.uncompared]
    yield from lines[:_MOST_NAMED]
    if len(lines) > _MOST_NAMED:
        yield f"  … and {len(lines) - _MOST_NAMED} more; -o json names all"
    yield _conclude(result)


def _count_claims(result: Verification) -> Iterator[str]:
    """Yield a line for each source that claims digests and each strength of these: of how many files."""
    counts = Counter[tuple[ClaimSource, str]]()
    for file in result.files:
        compared = [claim for claim in file.claims if claim not in find_uncompared_claims(file.claims, file.digests)]
        for source in {claim.source for claim in compared}:
            strength = describe_strength(claim.digest.algorithm for claim in compared if claim.source is source)
            counts[source, strength] += 1
    for (source, strength), count in sorted(counts.items(), key=lambda item: (item[0][0].rank, item[0][1])):
        noun = "1 file" if count == 1 else f"{count:,} files"
        yield f"{noun}: {strength}, stated by {CLAIM_SOURCES[source]}"


def _conclude(result: Verification) -> str:
    """Return the last line of one model."""
    if result.differences:
        kinds = Counter(each.kind for each in result.differences)
        counted = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        step = "fetch the locked commit again" if result.lock else "fetch the model again"
        is_signature = kinds.keys() == {DifferenceKind.SIGNATURE}
        own = "; get the signature and its key from the publisher, apart from the model"
        further = own if is_signature else f"; {step}, or find out who changed it"
        return f"{result.name}: DIFFERS: {counted}{further}"
    if result.exit_code:
        counted = f"{len(result.unread)} not read, {len(result.unclaimed) + len(result.uncompared)} not verified"
        step = "" if result.lock else "; a lock covers all: --lock FILE"
        return f"{result.name}: INCOMPLETE: {counted}; no difference in the rest{step}"
    fitting = result.entries - len(result.left_out)
    noun = "entry fits" if fitting == 1 else "entries fit"
    left_out = f", {len(result.left_out)} left out by the signature" if result.left_out else ""
    return f"{result.name}: {fitting} {noun}{left_out}; tree digest v1:{result.tree_digest}"


def render_json(results: Sequence[Verification]) -> bytes:
    """Render the results as one JSON document with sorted keys."""
    document = {
        "schema": SCHEMA,
        "exit_code": max((each.exit_code for each in results), key=(0, 3, 1).index, default=0),
        "models": [_build_object(each) for each in results],
    }
    return (json.dumps(escape_texts(document), indent=2, sort_keys=True) + "\n").encode()


def _build_object(result: Verification) -> dict[str, object]:
    """Return the JSON object of one model."""
    return {
        "name": result.name,
        "lock": result.lock,
        "locked": result.locked_name or None,
        "entries": result.entries,
        "tree_digest": None if result.tree_digest is None else f"v1:{result.tree_digest}",
        "differences": [{"kind": each.kind, "path": each.path, "detail": each.detail} for each in result.differences],
        "unread": [{"path": path, "reason": why} for path, why in result.unread],
        "unclaimed": list(result.unclaimed),
        "left_out": list(result.left_out),
        "uncompared": [{"path": path, "reason": why} for path, why in result.uncompared],
        "files": [
            {
                "path": file.path,
                "digests": [str(digest) for digest in file.digests],
                "claims": [
                    {"source": claim.source, "record": claim.record, "digest": str(claim.digest)}
                    for claim in file.claims
                ],
            }
            for file in result.files
        ],
        "notes": list(result.notes),
        "signatures": [_build_signature(each) for each in result.signatures],
        "exit_code": result.exit_code,
    }


def _build_signature(signature: Signature) -> dict[str, object]:
    """Return the JSON object of one signature."""
    signer = signature.signer
    return {
        "record": signature.record,
        "sha256": signature.sha256 or None,
        "detached": signature.detached,
        "state": signature.state,
        "method": signature.method,
        "reason": signature.reason or None,
        "signer": signer and {"name": signer.name, "issuer": signer.issuer or None, "trust": signer.trust},
        "time": {"time": signer.time.time, "source": signer.time.source} if signer and signer.time else None,
        "covered": signature.covered,
        "not_covered": list(signature.uncovered),
        "left_out": list(signature.left_out),
        "ignored_paths": list(signature.ignored_paths),
    }


RENDERERS: Mapping[str, Callable[[Sequence[Verification]], bytes]] = MappingProxyType(
    {"text": render_text, "json": render_json}
)
