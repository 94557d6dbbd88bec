"""The signatures of a model, as every output states them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.model.signature import Signature, SignatureMethod, SignatureState, Signer

_TIME_UNPROVEN: Final = "time not proven"
_UNMET: Final = {
    SignatureState.VERIFIED: "found, and it does not cover every file",
    SignatureState.UNCHECKED: "found, and not checked",
    SignatureState.REFUSED: "found, and refused",
}
_KEY_CHARACTERS: Final = 16
"""Of a key and its fingerprint; the JSON report has all of them."""

_MOST_NAMED: Final = 100
"""Files of each kind that a page names."""


def describe_signature(signature: Signature) -> str:
    """Describe the result for one signature in one sentence; not escaped, because it may hold texts of a model."""
    signer = signature.signer
    if signer is None:
        return summarize_signature(signature)
    issuer = f", issued by {signer.issuer}" if signer.issuer else ""
    method = f"method {signer.method}{issuer}, trusted by {signer.trust}"
    return f"{_name_record(signature)}: signed by {_describe_statement(signature, signer)}; {method}"


def summarize_signature(signature: Signature) -> str:
    """Describe the result for one signature in a few words, behind the label *signed*; not escaped either."""
    if signature.signer is None:
        word = "REFUSED" if signature.state is SignatureState.REFUSED else "NOT CHECKED"
        return f"{_name_record(signature)}: {word}: {signature.reason}"
    return f"{_name_record(signature)}: by {_describe_statement(signature, signature.signer)}"


def describe_unmet_signature(signatures: Sequence[Signature]) -> str:
    """Describe what was found where a policy requires a signature, and none of a trusted signer covers every file."""
    states = {each.state for each in signatures}
    return next((words for state, words in _UNMET.items() if state in states), "absent")


def list_unchecked(signatures: Sequence[Signature]) -> list[str]:
    """Describe each signature without a trusted signer, for the first lines of a page; none beside a verified one."""
    if any(each.state is SignatureState.VERIFIED for each in signatures):
        return []
    return [summarize_signature(each) for each in signatures if each.state is SignatureState.UNCHECKED]


def _name_record(signature: Signature) -> str:
    """Name the file of a signature; a file of the model may have the name of one outside of it."""
    return f"{signature.record} (outside of the model)" if signature.detached else signature.record


def _describe_statement(signature: Signature, signer: Signer) -> str:
    """Describe who signed, when, and how much."""
    time = f"{signer.time.time} by a {signer.time.source}" if signer.time else _TIME_UNPROVEN
    return f"{_shorten_name(signer)}, {time}; {_describe_extent(signature)}"


def _shorten_name(signer: Signer) -> str:
    """Return the name of a signer, with the start of its fingerprint in the place of a key."""
    if signer.method is SignatureMethod.KEY and len(signer.name) > _KEY_CHARACTERS:
        return f"{signer.name[:_KEY_CHARACTERS]}…"
    return signer.name


def _describe_extent(signature: Signature) -> str:
    """Describe how many files a signature covers, and how many not."""
    parts = [f"covers {_count_files(signature.covered)}"]
    if signature.uncovered:
        parts.append(f"does NOT cover {_count_files(len(signature.uncovered))}")
    if signature.differing:
        parts.append(f"states other bytes of {_count_files(len(signature.differing))}")
    if signature.left_out:
        parts.append(f"leaves out {_count_files(len(signature.left_out))} under its ignored paths")
    return ", ".join(parts)


def _count_files(number: int) -> str:
    """Return a number of files with its noun."""
    return "1 file" if number == 1 else f"{number:,} files"


def list_signatures(signatures: tuple[Signature, ...]) -> Iterator[tuple[str, str]]:
    """Yield a label and a text for each fact about the signatures: the result of each, and the files without cover."""
    if not signatures:
        yield "signature", "none lies beside the files"
    for signature in signatures:
        yield "signature", describe_signature(signature)
        for label, paths in (("not signed", signature.uncovered), ("left out by the signature", signature.left_out)):
            yield from ((label, path) for path in paths[:_MOST_NAMED])
            if len(paths) > _MOST_NAMED:
                yield label, f"and {len(paths) - _MOST_NAMED:,} more, which the JSON report names"
