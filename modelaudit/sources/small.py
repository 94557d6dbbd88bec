"""The small files of an origin that speak of its licence and of its own origins. Weights are never among them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from modelaudit.model.artifact import Artifact, Snapshot
from modelaudit.model.evidence import ProseKind
from modelaudit.model.limits import MIB
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.model.term_files import kind_of_text
from modelaudit.sources.claims import ListedFile

MOST_BYTES = MIB
"""The largest file that is taken of an origin."""
MOST_FILES = 40
"""The most files that are taken of an origin."""

# Names decide, and no name of weights is among them. A card or a notice speaks for the folder that it lies in.
_ANYWHERE = (ProseKind.LICENSE, ProseKind.POLICY)
_SETTINGS = frozenset(
    {".zenodo.json", "adapter_config.json", "axolotl_config.yaml", "axolotl_config.yml", "cargo.toml",
     "citation.cff", "codemeta.json", "config.json", "configuration.json", "generation_config.json",
     "hf_quant_config.json", "mergekit_config.yaml", "mergekit_config.yml", "mergekit_moe_config.yaml",
     "mergekit_moe_config.yml", "metadata.json", "mlmodel", "model_card.json", "model_card.yaml",
     "model_index.json", "model_info.json", "modelcard.json", "modelcard.yaml", "package.json", "params.json",
     "preprocessor_config.json", "processor_config.json", "pyproject.toml", "quant_config.json",
     "quantize_config.json", "reuse.toml", "setup.cfg", "tokenizer_config.json", "training_args.json"}
)  # fmt: skip


def is_small_file(path: str) -> bool:
    """Whether a file of this path is taken of an origin, whatever its size: terms, cards and settings at the top."""
    if path.lower() in _SETTINGS:
        return True
    kind = kind_of_text(path)
    folders = path.split("/")[:-1]
    return kind is not None and (not folders or (kind in _ANYWHERE and not {"", ".", ".."} & set(folders)))


def tells_terms(path: str, size: int) -> bool:
    """Whether a file that lies here already can tell of a licence.

    That is what ``is_small_file`` names, in any folder; weights, whose heads hold metadata; and modules of Python at
    the top, which are loaded with the model.
    """
    lower = path.lower()
    if lower.endswith((".gguf", ".safetensors")):
        return True
    if lower.endswith(".py") and "/" not in path and size <= MOST_BYTES:
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
    if "/" in path:
        return 2
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
