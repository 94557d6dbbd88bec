"""Find files that two models of a repository share although the answers to them differ: which licence covers them?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from modelaudit.licenses.obligations.permission import CONCLUSION
from modelaudit.model.artifact import Artifact
from modelaudit.model.digest import Digest, DigestAlgorithm
from modelaudit.model.discovery import WEIGHT_ENDINGS
from modelaudit.model.license import THE_REST, LicenseConclusion, UseAnswer
from modelaudit.model.report import ArtifactRecord
from modelaudit.model.terms import Answer

_MOST_NAMES: Final = 3


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


def find_shared_files(parts: Mapping[str, LicenseConclusion], digests: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Find the models that hold the weights of another with a stricter answer, with a sentence for each such other.

    Two models of one kind may share a configuration or a tokenizer. Equal weights show that they are one work.

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
    found: dict[str, list[str]] = {}
    for folder, part in parts.items():
        for other, against in parts.items():
            if part.permission is None or against.permission is not Answer.DENY or part.permission is Answer.DENY:
                continue
            shared = sorted(
                (name for digest, name in names[folder].items() if digest in names[other]),
                key=lambda name: (not _are_weights(name), name),
            )
            if shared and _are_weights(shared[0]):
                found.setdefault(folder, []).append(_describe_shared(shared, other))
    return {folder: tuple(sentences) for folder, sentences in found.items()}


def _are_weights(name: str) -> bool:
    return name.lower().endswith(WEIGHT_ENDINGS)


def _describe_shared(names: Sequence[str], other: str) -> str:
    more = len(names) - _MOST_NAMES
    shown = ", ".join(names[:_MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")
    return (
        f"It holds the same files as {other or THE_REST} ({shown}), which the licence there does not permit for the "
        "planned use: ask which licence covers them."
    )


def add_doubts(part: LicenseConclusion, sentences: Sequence[str]) -> LicenseConclusion:
    """Return the conclusion on a model that is not denied, with a point for review for each sentence."""
    if not sentences:
        return part
    doubts = (UseAnswer(Answer.REVIEW, "", CONCLUSION, each) for each in sentences)
    return replace(part, answers=(*doubts, *part.answers), permission=Answer.REVIEW)
