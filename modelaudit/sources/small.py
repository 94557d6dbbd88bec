"""Choose the small files of a repository that may state its licence or its base models; never weights."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import accumulate

from modelaudit.model.artifact import Artifact, Snapshot
from modelaudit.model.copies import replace
from modelaudit.model.limits import KIB, MIB
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.model.term_files import classify_text_file, is_package_metadata, may_be_text
from modelaudit.sources.claims import ListedFile

LARGEST_PDF = 8 * MIB
"""The largest PDF that is fetched of a target, in bytes."""

LARGEST_SMALL_FILE = 2 * MIB
"""The largest file that is fetched of a base model, in bytes; settings of large tokenizers take more than 1 MiB."""
MOST_SMALL_FILES = 100
"""The most files that are fetched of one repository: those at the top first."""
_MOST_SMALL_BYTES = 40 * LARGEST_SMALL_FILE
"""The most bytes that these files may have together."""
_MOST_NAMED_FILES = 3
"""The most files that a note names."""

# Names decide, and no name of weights is among them.
_SETTING_FILES = frozenset(
    {".zenodo.json", "adapter_config.json", "axolotl_config.yaml", "axolotl_config.yml", "cargo.toml",
     "citation.cff", "codemeta.json", "config.json", "configuration.json", "containerfile", "dockerfile",
     "generation_config.json",
     "hf_quant_config.json", "mergekit_config.yaml", "mergekit_config.yml", "mergekit_moe_config.yaml",
     "mergekit_moe_config.yml", "meta.yaml", "metadata.json", "mlmodel", "model_card.json", "model_card.yaml",
     "model_index.json", "model_info.json", "modelcard.json", "modelcard.yaml", "openapi.json", "openapi.yaml",
     "openapi.yml", "package.json", "params.json",
     "preprocessor_config.json", "processor_config.json", "pyproject.toml", "quant_config.json",
     "quantize_config.json", "recipe.yaml", "reuse.toml", "setup.cfg", "swagger.json", "swagger.yaml",
     "tokenizer_config.json", "training_args.json"}
)  # fmt: skip

LARGEST_TEXT = 256 * KIB
"""The largest text without a name of terms that is fetched of a target, in bytes."""
MOST_TEXTS = 200
"""The most such texts that are fetched of one target, those in the fewest folders first."""
MOST_TEXT_BYTES = 16 * MIB
"""The most bytes that these texts may have together."""

_TOKENIZER_FILES = frozenset(
    {"chat_template.jinja", "special_tokens_map.json", "tokenizer.json", "tokenizer.model", "vocab.json"}
)
"""They state no terms, so one that is missing or too large to fetch is no absence."""

_CLOSED_ON_PURPOSE = "only the files that may state the licence are read"
_CLOSED_MODULE = Unread(
    UnreadReason.CONTENT_ABSENT,
    f"{_CLOSED_ON_PURPOSE}, and of modules the small ones of the target up to {MOST_SMALL_FILES} files",
)
_CLOSED_TEXT = Unread(UnreadReason.CONTENT_ABSENT, _CLOSED_ON_PURPOSE)
_TOO_MANY_TEXTS = Unread(
    UnreadReason.LIMIT,
    f"the limit of {MOST_TEXTS} texts, or of {MOST_TEXT_BYTES} bytes of texts, was reached before it",
)


def is_small_file(path: str) -> bool:
    """Whether the file at ``path`` may state terms or base models by its name, and is read if it is small.

    These are terms, cards and settings in any folder: a part of a model, such as an adapter or its tokenizer, can lie
    in a folder with terms of its own. One predicate serves downloads, the cache and folders, so that each of them gives
    the same answer.
    """
    is_setting = path.rpartition("/")[2].lower() in _SETTING_FILES or is_package_metadata(path)
    return is_setting or classify_text_file(path) is not None


def is_module(path: str) -> bool:
    """Whether ``path`` is a module of Python, whose head may state terms; it is read of the target alone."""
    return path.lower().endswith(".py")


def is_small_text(path: str, size: int) -> bool:
    """Whether a file of any other name may be a text that reads like terms, and is small enough to be fetched."""
    largest = LARGEST_PDF if path.lower().endswith(".pdf") else LARGEST_TEXT
    return 0 < size <= largest and not is_small_file(path) and may_be_text(path)


def is_tokenizer_file(path: str) -> bool:
    """Whether a file of a target holds a part of its tokenizer, which shows where the model comes from."""
    name = path.rpartition("/")[2].lower()
    return name in _TOKENIZER_FILES or name.endswith(".tiktoken")


def may_hold_terms(path: str, size: int) -> bool:
    """Whether a file of a target that need not be fetched may state a licence.

    These are small files with terms, small modules of Python, and weights, whose heads hold metadata.

    Args:
        path: of the file in the model.
        size: in bytes.
    """
    if path.lower().endswith((".gguf", ".safetensors")):
        return True
    return size <= LARGEST_SMALL_FILE and (is_small_file(path) or is_module(path))


def may_state_terms(artifact: Artifact) -> bool:
    """Whether an artifact of ``resolve_term_files`` may state terms, open or not.

    Any other was closed on purpose, so its content is not an absence. A record of a listing lies outside of the
    snapshot; if it was not read, any file with terms may be missing.
    """
    if is_tokenizer_file(artifact.path) and not is_small_text(artifact.path, artifact.size):
        return False
    if artifact.open is not None or is_small_file(artifact.path):
        return True
    if is_small_text(artifact.path, artifact.size):
        return artifact.obstacle != _CLOSED_TEXT
    is_record = artifact.path.startswith("../")
    is_wanted_module = is_module(artifact.path) and artifact.obstacle != _CLOSED_MODULE
    return artifact.obstacle is not None and (is_record or is_wanted_module)


def choose_small_files(listing: Mapping[str, ListedFile], *, includes_modules: bool = False) -> tuple[str, ...]:
    """Return the paths of the small files in a listing, cards and licences first.

    At most ``MOST_SMALL_FILES`` are chosen, of ``_MOST_SMALL_BYTES`` together. A file without a stated size is left
    out, because it may be large.

    Args:
        listing: the files of the repository.
        includes_modules: choose small modules of Python, tokenizers, and then texts of any name, as of the target
            itself.
    """
    sizes = {
        path: file.size
        for path, file in listing.items()
        if file.size is not None
        and file.size <= LARGEST_SMALL_FILE
        and (is_small_file(path) or (includes_modules and (is_module(path) or is_tokenizer_file(path))))
        and _is_simplest_form(path)
    }
    in_order = sorted(sizes, key=lambda path: (_rank_path(path), path))[:MOST_SMALL_FILES]
    total_sizes = accumulate(sizes[path] for path in in_order)
    chosen = tuple(path for path, total in zip(in_order, total_sizes, strict=True) if total <= _MOST_SMALL_BYTES)
    return (*chosen, *_choose_texts(listing, frozenset(chosen))) if includes_modules else chosen


def _choose_texts(listing: Mapping[str, ListedFile], chosen: Collection[str]) -> tuple[str, ...]:
    """Choose the texts without a name of terms, those in the fewest folders first."""
    sizes = {
        path: file.size
        for path, file in listing.items()
        if file.size is not None and path not in chosen and is_small_text(path, file.size) and _is_simplest_form(path)
    }
    in_order = sorted(sizes, key=lambda path: (path.count("/"), path))[:MOST_TEXTS]
    total_sizes = accumulate(sizes[path] for path in in_order)
    return tuple(path for path, total in zip(in_order, total_sizes, strict=True) if total <= MOST_TEXT_BYTES)


def note_unread_terms(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with a note that names the listed files which may state terms and were not read."""
    unread = [
        artifact.path
        for artifact in snapshot.artifacts
        if artifact.open is None and (may_state_terms(artifact) or is_module(artifact.path))
    ]
    if not unread:
        return snapshot
    more = f" and {len(unread) - _MOST_NAMED_FILES} more" if len(unread) > _MOST_NAMED_FILES else ""
    note = f"not read, although they may state terms: {', '.join(unread[:_MOST_NAMED_FILES])}{more}"
    return replace(snapshot, notes=(*snapshot.notes, note))


def close_other_files(snapshot: Snapshot, names: Collection[str], *, includes_texts: bool = False) -> Snapshot:
    """Return the snapshot with every artifact closed but those with a path in ``names``; all stay listed.

    With ``includes_texts``, a small text that is not among ``names`` was left out at a limit, and not on purpose.
    """
    return replace(
        snapshot,
        artifacts=tuple(
            each if each.path in names else _close_artifact(each, includes_texts) for each in snapshot.artifacts
        ),
    )


def _rank_path(path: str) -> tuple[int, int]:
    """Return the sort key of a path: the most important files first, then those in the fewest folders."""
    if path.lower() in ("readme.md", "license", "config.json", "adapter_config.json"):
        return 0, 0
    return (1 if is_small_file(path) else 2), path.count("/")


def _is_simplest_form(path: str) -> bool:
    """Whether a path has no empty step and none of ``.`` and ``..``, so that it can be fetched by it."""
    return {"", ".", ".."}.isdisjoint(path.split("/")[:-1])


def _close_artifact(artifact: Artifact, includes_texts: bool) -> Artifact:
    """Return the artifact without its content, and with the reason why it is not read."""
    if is_small_file(artifact.path) and artifact.size > LARGEST_SMALL_FILE:
        unread = Unread(
            UnreadReason.LIMIT,
            f"it takes {artifact.size} bytes, more than the limit of {LARGEST_SMALL_FILE} for such a file",
        )
    elif is_small_file(artifact.path):
        unread = artifact.obstacle or Unread(
            UnreadReason.LIMIT,
            f"its size is not stated, or the limit of {MOST_SMALL_FILES} such files or of their bytes was reached "
            "before it",
        )
    elif is_module(artifact.path):
        unread = _CLOSED_MODULE
    elif is_small_text(artifact.path, artifact.size):
        unread = _TOO_MANY_TEXTS if includes_texts else _CLOSED_TEXT
    else:
        # The reason is that of a file without content, because the source was not asked for this one.
        unread = artifact.obstacle or Unread(UnreadReason.CONTENT_ABSENT, _CLOSED_ON_PURPOSE)
    return Artifact(artifact.path, artifact.size, None, artifact.claims, unread)
