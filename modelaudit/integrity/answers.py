"""The answer on a model with an attested verdict: one line for a person, one JSON document for a program.

Of a refused attestation nothing is repeated but why it is refused, because nothing of it counts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from modelaudit.integrity.attestation import Attestation
from modelaudit.model.errors import Refusal, RefusedModelError, SignatureError
from modelaudit.model.tree import EntryKind
from modelaudit.model.wording import escape_texts, escape_unprintable

SCHEMA: Final = "modelaudit/verdict/v1"
_WHOLE: Final = "attestation"
"""The kind of a refusal that is neither a condition nor a difference of one file: of the attestation or the seal."""
_MOST_REFUSALS: Final = 1000
_SHOWN: Final = 60
_KEY_CHARACTERS: Final = 20
"""Of ``key`` and a fingerprint; the JSON document has all of it."""
_KINDS: Final = {EntryKind.FILE: "files", EntryKind.LINK: "links", EntryKind.FOLDER: "folders"}


class Acceptance(Struct, frozen=True):
    """A model that fits its attested verdict.

    Attributes:
        attestation: the verdict.
        sealed: how many entries the sealed folder around the model has; ``None`` without one.
    """

    attestation: Attestation
    sealed: int | None = None


class Answer(Struct, frozen=True):
    """The answer on a model: the acceptance, or why it is refused.

    Attributes:
        path: of the folder, as the user names it.
        result: the one or the other.
    """

    path: str
    result: Acceptance | SignatureError

    @property
    def exit_code(self) -> int:
        """0 if the model is accepted, 1 if it is refused."""
        return 0 if isinstance(self.result, Acceptance) else self.result.exit_code

    def render(self, format_: str) -> bytes:
        """Return the answer as ``text`` or as ``json``."""
        if format_ == "json":
            return (json.dumps(escape_texts(self._build_document()), indent=2, sort_keys=True) + "\n").encode("ascii")
        return f"{escape_unprintable(self._describe())}\n".encode()

    def _describe(self) -> str:
        """Describe the answer in one line."""
        if not isinstance(self.result, Acceptance):
            return f"{self.path}: REFUSED: {self.result}"
        attestation, sealed = self.result.attestation, self.result.sealed
        summary = attestation.summary
        noun = "entry fits" if len(attestation.entries) == 1 else "entries fit"
        start = "" if sealed is None else f"sealed, {sealed:,} entries; "
        return (
            f"{self.path}: {start}{summary.result} by {summary.verifier} at {summary.time}; "
            f"{len(attestation.entries):,} {noun}; tree digest v1:{attestation.tree_digest}; "
            f"{describe_signers(attestation.evidence)}"
        )

    def _build_document(self) -> dict[str, object]:
        """Build the JSON document; its fields are those of ``docs/attestation.md``."""
        document: dict[str, object] = {
            "schema": SCHEMA,
            "path": self.path,
            "exit_code": self.exit_code,
            "verdict": "accepted" if isinstance(self.result, Acceptance) else "refused",
        }
        if isinstance(self.result, Acceptance):
            return {**document, "refusals": [], "refusal_count": 0, **_describe_acceptance(self.result)}
        error = self.result
        refusals = error.refusals if isinstance(error, RefusedModelError) else (Refusal(str(error), _WHOLE),)
        listed = [
            {"kind": each.kind, "path": each.path or None, "text": each.sentence} for each in refusals[:_MOST_REFUSALS]
        ]
        return {**document, "refusals": listed, "refusal_count": len(refusals), "attested": None}


def _describe_acceptance(acceptance: Acceptance) -> dict[str, object]:
    """Return the fields of an accepted model."""
    attestation, summary = acceptance.attestation, acceptance.attestation.summary
    counts = Counter(entry.kind for entry in attestation.entries)
    return {
        "attested": {
            "result": summary.result,
            "verifier": summary.verifier,
            "time": summary.time,
            "expires": summary.expires,
            "resource": summary.resource,
            "policy_digest": summary.policy_digest,
            "tree_digest": f"v1:{attestation.tree_digest}",
            "image": attestation.image,
            "entries": len(attestation.entries),
            **{noun: counts[kind] for kind, noun in _KINDS.items()},
            "bytes": sum(entry.size or 0 for entry in attestation.entries),
            "sealed": acceptance.sealed,
            "signatures": attestation.evidence.get("signatures"),
        }
    }


def describe_signers(evidence: Mapping[str, object]) -> str:
    """Describe in one clause who signed a model, by its evidence; foreign names are escaped and cut."""
    stated = evidence.get("signatures")
    if not isinstance(stated, list):
        return "the evidence does not say who signed the model"
    if not stated:
        return "the model has no signature"
    signers = list(dict.fromkeys(_list_signers(stated)))
    if not signers:
        noun = "signature" if len(stated) == 1 else "signatures"
        return f"the model has {len(stated):,} {noun}, and none was verified"
    more = f" and {len(signers) - 1:,} more" if len(signers) > 1 else ""
    return f"model signed by {signers[0]}{more}"


def _list_signers(stated: list[object]) -> Iterator[str]:
    """Yield the name of each verified signer, by which method, and who trusts it."""
    for each in stated:
        if isinstance(each, dict) and each.get("state") == "verified":
            name, method, trust = (str(each.get(key) or "") for key in ("signer", "method", "trust"))
            name = _cut(name, _KEY_CHARACTERS if method == "key" else _SHOWN)
            yield f"{name} (method {_cut(method)}{f', trusted by {_cut(trust)}' if trust else ''})"


def _cut(text: str, most: int = _SHOWN) -> str:
    """Return a foreign text on one line, escaped, and cut with an ellipsis."""
    line = escape_unprintable(text[:most])
    return line if len(text) <= most else f"{line}…"
