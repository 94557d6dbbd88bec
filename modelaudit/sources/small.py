"""The small files of an origin that speak of its licence and of its own origins. Weights are never among them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from modelaudit.model.artifact import Artifact, Snapshot
from modelaudit.model.limits import MIB
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.sources.claims import ListedFile

MOST_BYTES = MIB
"""The largest file that is taken of an origin."""
MOST_FILES = 40
"""The most files that are taken of an origin."""

# Names decide, and no name of weights is among them; of those that tell terms, any ending of a text will do.
_TERMS = re.compile(
    r"(?:licen[cs]es/[^/]+|(?:.*[-_. ])?(?:(?:un)?licen[cs]e|copying|notice|readme|(?:acceptable[-_ ]?)?use[-_ ]?policy"
    r"|acceptable[-_ ]?use|terms|eula)(?:[-_. ][^/]*)?)",
    re.IGNORECASE,
)
_TEXT = frozenset({"", "txt", "md", "markdown", "rst", "html", "htm"})
_SETTINGS = frozenset(
    {"adapter_config.json", "citation.cff", "config.json", "configuration.json", "generation_config.json",
     "mergekit_config.yaml", "mergekit_config.yml", "mlmodel", "model_index.json", "quantize_config.json",
     "tokenizer_config.json"}
)  # fmt: skip


def is_small_file(path: str) -> bool:
    """Whether a file of this path is taken of an origin, whatever its size: terms, cards and settings at the top."""
    if path.lower() in _SETTINGS:
        return True
    if _TERMS.fullmatch(path) is None or len(path) > 255:
        return False
    name = path.rpartition("/")[2]
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    return ending in _TEXT or ending.isdigit()


def tells_terms(path: str, size: int) -> bool:
    """Whether a file that lies here already can tell of a licence.

    That is what ``is_small_file`` names, in any folder, and weights: their heads hold metadata.
    """
    if path.lower().endswith((".gguf", ".safetensors")):
        return True
    return size <= MOST_BYTES and (is_small_file(path) or is_small_file(path.rpartition("/")[2]))


def speaks_of_terms(artifact: Artifact) -> bool:
    """Whether a file of such a snapshot speaks of terms, or would if it could be had; the others are no absence."""
    return artifact.open is not None or is_small_file(artifact.path)


def chosen(listing: Mapping[str, ListedFile]) -> tuple[str, ...]:
    """The files to take of what is listed, in order of their names. One whose size is not stated is not taken."""
    fit = (
        name
        for name, file in sorted(listing.items(), key=lambda item: (_rank(item[0]), item[0]))
        if is_small_file(name) and file.size is not None and file.size <= MOST_BYTES
    )
    return tuple(list(fit)[:MOST_FILES])


def only(snapshot: Snapshot, names: Collection[str]) -> Snapshot:
    """The snapshot with nothing to open but ``names``, even where the cache holds more; every path stays known."""
    return replace(
        snapshot,
        artifacts=tuple(each if each.path in names else _left(each) for each in snapshot.artifacts),
    )


def _rank(path: str) -> int:
    return 0 if path.lower() in ("readme.md", "license", "config.json", "adapter_config.json") else 1


def _left(artifact: Artifact) -> Artifact:
    detail = "only the small files of an origin are looked at"
    if is_small_file(artifact.path) and artifact.size > MOST_BYTES:
        unread = Unread(
            UnreadReason.LIMIT, f"it takes {artifact.size} bytes, more than the {MOST_BYTES} of a small file"
        )
    else:
        unread = artifact.obstacle or Unread(UnreadReason.CONTENT_ABSENT, detail)
    return Artifact(artifact.path, artifact.size, None, artifact.claimed, unread)
