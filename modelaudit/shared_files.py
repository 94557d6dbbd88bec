"""Find files that two models of a repository share although the answers to them differ: which licence covers them?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Final

from msgspec import Struct

from modelaudit.licenses.obligations.permission import CONCLUSION
from modelaudit.model.artifact import Artifact
from modelaudit.model.copies import replace
from modelaudit.model.digest import Digest, DigestAlgorithm
from modelaudit.model.discovery import WEIGHT_ENDINGS
from modelaudit.model.license import THE_REST, Conflict, LicenseConclusion, UseAnswer
from modelaudit.model.report import ArtifactRecord
from modelaudit.model.terms import SHARED_WEIGHTS, Answer

_MOST_NAMES: Final = 3


class SharedWeights(Struct, frozen=True):
    """A conflict of one model about the weights of another, and whether the answer to the other is stricter."""

    conflict: Conflict
    is_doubtful: bool


def collect_digests(artifacts: Iterable[Artifact], records: Iterable[ArtifactRecord]) -> dict[str, str]:
    """Return the SHA-256 of each file by its path: the computed one, or the one that the source states; no empty file.

    Args:
        artifacts: all files of the snapshot.
        records: of the files that were read.
    """
    computed = {each.path: _find_sha256(each.digests) for each in records}
    known = {each.path: computed.get(each.path) or _find_sha256(each.claimed) for each in artifacts if each.size}
    return {path: digest for path, digest in known.items() if digest}


def _find_sha256(digests: Iterable[Digest]) -> str:
    return next((each.value for each in digests if each.algorithm is DigestAlgorithm.SHA256), "")


def find_shared_files(
    parts: Mapping[str, LicenseConclusion], digests: Mapping[str, str]
) -> dict[str, list[SharedWeights]]:
    """Find the models that hold the weights of another under other terms, with a conflict for each such other.

    Two models of one kind may share a configuration or a tokenizer. Equal weights show that they are one work. The
    conflict is one of the model with the milder answer, of equal answers of the first.

    Args:
        parts: the conclusion on each model by its folder, empty for the rest of the repository.
        digests: the SHA-256 of the files by path.
    """
    names: dict[str, dict[str, str]] = {folder: {} for folder in parts}
    for path, digest in digests.items():
        holding = [each for each in parts if not each or path.startswith(f"{each}/")]
        if holding:
            folder = max(holding, key=len)
            names[folder].setdefault(digest, path.removeprefix(f"{folder}/"))
    found: dict[str, list[SharedWeights]] = {}
    for first, second in combinations(parts, 2):
        folder, other = (second, first) if _is_milder(parts[second], parts[first]) else (first, second)
        shared = sorted(
            (name for digest, name in names[folder].items() if digest in names[other]),
            key=lambda name: (not _are_weights(name), name),
        )
        if shared and _are_weights(shared[0]) and _list_terms(parts[folder]) != _list_terms(parts[other]):
            conflict = _build_conflict(shared, parts[folder], other, parts[other])
            found.setdefault(folder, []).append(SharedWeights(conflict, _is_milder(parts[folder], parts[other])))
    return found


def _list_terms(part: LicenseConclusion) -> tuple[object, ...]:
    return part.state, part.expression, frozenset(each.id for each in part.entries)


def _is_milder(part: LicenseConclusion, other: LicenseConclusion) -> bool:
    """Whether the answer to the planned use is milder than that to the other; without one, no answer is."""
    if part.permission is None or other.permission is None:
        return False
    return part.permission.rank < other.permission.rank


def _are_weights(name: str) -> bool:
    return name.lower().endswith(WEIGHT_ENDINGS)


def _build_conflict(names: Sequence[str], part: LicenseConclusion, other: str, against: LicenseConclusion) -> Conflict:
    more = len(names) - _MOST_NAMES
    shown = ", ".join(names[:_MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")
    terms = against.expression or f"licence {against.state}"
    is_denied = against.permission is Answer.DENY and part.permission is not Answer.DENY
    whose = f"whose terms ({terms}) do not permit the planned use" if is_denied else f"which has other terms ({terms})"
    return Conflict(
        SHARED_WEIGHTS,
        f"It holds the same files as {other or THE_REST} ({shown}), {whose}: ask which licence covers them.",
        tuple(dict.fromkeys((*part.own, *against.own))),
        names[0],
    )


def add_doubts(part: LicenseConclusion, shared: Sequence[SharedWeights]) -> LicenseConclusion:
    """Return the conclusion on a model with these conflicts, for review where the answer to another is stricter."""
    doubts = tuple(
        UseAnswer(Answer.REVIEW, "", CONCLUSION, each.conflict.detail) for each in shared if each.is_doubtful
    )
    part = replace(part, conflicts=(*part.conflicts, *(each.conflict for each in shared)))
    return replace(part, answers=(*doubts, *part.answers), permission=Answer.REVIEW) if doubts else part
