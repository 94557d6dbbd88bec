"""Choose the small files of a base model that may state its licence or its own base models; never weights."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from modelaudit.model.artifact import Artifact, Snapshot
from modelaudit.model.limits import MIB
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.model.term_files import classify_text_file
from modelaudit.sources.claims import ListedFile

LARGEST_SMALL_FILE = 2 * MIB
"""The largest file that is fetched of a base model, in bytes; settings of large tokenizers take more than 1 MiB."""
MOST_SMALL_FILES = 40
"""The most files that are fetched of a base model: those at the top first."""
_LONGEST_PATH = 255

# Names decide, and no name of weights is among them.
_SETTING_FILES = frozenset(
    {".zenodo.json", "adapter_config.json", "axolotl_config.yaml", "axolotl_config.yml", "cargo.toml",
     "citation.cff", "codemeta.json", "config.json", "configuration.json", "generation_config.json",
     "hf_quant_config.json", "mergekit_config.yaml", "mergekit_config.yml", "mergekit_moe_config.yaml",
     "mergekit_moe_config.yml", "metadata.json", "mlmodel", "model_card.json", "model_card.yaml",
     "model_index.json", "model_info.json", "modelcard.json", "modelcard.yaml", "package.json", "params.json",
     "preprocessor_config.json", "processor_config.json", "pyproject.toml", "quant_config.json",
     "quantize_config.json", "reuse.toml", "setup.cfg", "tokenizer_config.json", "training_args.json"}
)  # fmt: skip


def is_small_file(path: str) -> bool:
    """Whether the file at ``path`` is read of a base model if it is small: terms and cards, and settings at the top.

    A part of a model, such as its tokenizer, can lie in a folder with terms of its own, so terms count in any folder.
    """
    if path.lower() in _SETTING_FILES:
        return True
    is_simplest_form = {"", ".", ".."}.isdisjoint(path.split("/")[:-1])
    if len(path) > _LONGEST_PATH or not is_simplest_form:
        return False
    return classify_text_file(path) is not None


def may_hold_terms(path: str, size: int) -> bool:
    """Whether a file that need not be fetched may state a licence.

    These are the files of ``is_small_file``, in any folder; weights, whose heads hold metadata; and modules of Python
    at the top, which are loaded with the model.

    Args:
        path: of the file in the model.
        size: in bytes.
    """
    lower = path.lower()
    if lower.endswith((".gguf", ".safetensors")):
        return True
    if lower.endswith(".py") and "/" not in path and size <= LARGEST_SMALL_FILE:
        return True
    return size <= LARGEST_SMALL_FILE and (is_small_file(path) or is_small_file(path.rpartition("/")[2]))


def may_state_terms(artifact: Artifact) -> bool:
    """Whether an artifact of ``resolve_term_files`` may state terms, open or not.

    Any other was closed on purpose, so its content is no absence. A record of a listing lies outside of the snapshot;
    if it was not read, any file with terms may be missing.
    """
    is_record = artifact.path.startswith("../")
    return artifact.open is not None or is_small_file(artifact.path) or (is_record and artifact.obstacle is not None)


def choose_small_files(listing: Mapping[str, ListedFile]) -> tuple[str, ...]:
    """Return the paths of the small files in a listing, cards and licences first, up to ``MOST_SMALL_FILES``.

    A file without a stated size is left out, because it may be large.
    """
    small_files = [
        path
        for path, file in listing.items()
        if is_small_file(path) and file.size is not None and file.size <= LARGEST_SMALL_FILE
    ]
    small_files.sort(key=lambda path: (_rank_path(path), path))
    return tuple(small_files[:MOST_SMALL_FILES])


def close_other_files(snapshot: Snapshot, names: Collection[str]) -> Snapshot:
    """Return the snapshot with every artifact closed but those with a path in ``names``; all stay listed."""
    return replace(
        snapshot,
        artifacts=tuple(each if each.path in names else _close_artifact(each) for each in snapshot.artifacts),
    )


def _rank_path(path: str) -> tuple[int, int]:
    """Return the sort key of a path: the most important files first, then those in the fewest folders."""
    is_important = path.lower() in ("readme.md", "license", "config.json", "adapter_config.json")
    return (0 if is_important else 1), path.count("/")


def _close_artifact(artifact: Artifact) -> Artifact:
    """Return the artifact without its content, and with the reason why it is not read."""
    if is_small_file(artifact.path) and artifact.size > LARGEST_SMALL_FILE:
        unread = Unread(
            UnreadReason.LIMIT,
            f"it takes {artifact.size} bytes, more than the limit of {LARGEST_SMALL_FILE} for such a file",
        )
    elif is_small_file(artifact.path):
        unread = artifact.obstacle or Unread(
            UnreadReason.LIMIT,
            f"its size is not stated, or the limit of {MOST_SMALL_FILES} such files was reached before it",
        )
    else:
        detail = "only the files that may state the licence are read"
        # The reason is that of a file without content, because the source was not asked for this one.
        unread = artifact.obstacle or Unread(UnreadReason.CONTENT_ABSENT, detail)
    return Artifact(artifact.path, artifact.size, None, artifact.claimed, unread)
