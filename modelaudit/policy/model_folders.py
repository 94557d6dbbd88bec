"""Recognise a folder that holds a model or is that of a report: a policy or register there may come with the model."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

from modelaudit.model.address import read_file_path
from modelaudit.model.discovery import WEIGHT_ENDINGS
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.report import AuditReport
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.yaml_text import compose_documents

_DOWNLOAD_MARK: Final = ".cache/huggingface/download"
"""The folder in which ``hf download --local-dir`` keeps notes on the files that it fetched (huggingface_hub 0.23)."""
_CACHED_NAME: Final = defer_pattern(r"(models|datasets|spaces)--.+")
"""The folder of a repository in the cache of the Hub."""
_MAX_BYTES: Final = 16 << 20
_MOST_FILES_COMPARED: Final = 50
# A clone of a model or a data set; the code of an application may have a remote for its space.
_CLONE: Final = defer_pattern(rb"url\s*=\s*\S*\b(huggingface\.co|hf\.co)[:/](?!spaces/)")
_CONFIGURATION_KEYS: Final = frozenset({"model_type", "architectures"})
_PIPELINE_KEYS: Final = frozenset({"_class_name"})
_CARD_KEYS: Final = frozenset({"library_name", "pipeline_tag", "base_model", "model-index"})
"""Keys of the front matter that only cards of models have; other READMEs may have a front matter too."""
# Source: ``REGEX_YAML_BLOCK`` of huggingface_hub, which reads the card.
_FRONT_MATTER: Final = defer_pattern(r"\A\ufeff?\s*---[\r\n]+(.*?)[\r\n]+---(?:[\r\n]|\Z)", re.DOTALL)


def find_model_file(folder: Path, targets: Sequence[str] = ()) -> str:
    """Return the name of a file that shows that ``folder`` came with a model, or lies in one; empty if none does.

    The files are a target, weights by the ending of the name, and in this folder or one above it the configuration of a
    model, a model card, and what a download from the Hub leaves. A folder that cannot be listed holds none, because the
    search for a policy reads what it finds there in another way.

    Args:
        folder: the folder of a policy or of a register.
        targets: as the user names them. A target that is a file is one of a model, whatever its name.
    """
    own = folder.resolve()
    for place in (own, *own.parents):
        for name, is_sign in _SIGNS.items():
            content = _read_start(place / name)
            # A file too large to read whole may hold any sign.
            if len(content) > _MAX_BYTES or is_sign(content):
                return os.path.relpath(place / name, own)
        if os.path.lexists(place / _DOWNLOAD_MARK):
            return os.path.relpath(place / _DOWNLOAD_MARK, own)
        if _CACHED_NAME.fullmatch(place.name):
            return os.path.relpath(place, own)
    for target in map(Path, targets):
        if target.is_file() and own in (target.absolute().parent, target.resolve().parent):
            return target.name
    try:
        with os.scandir(folder) as entries:
            return min((each.name for each in entries if each.name.lower().endswith(WEIGHT_ENDINGS)), default="")
    except OSError:
        return ""


def holds_files(folder: Path, report: AuditReport) -> bool:
    """Whether ``folder`` is the model of a report: at least half of its first files are there, in the same size."""
    records = report.coverage.artifacts[:_MOST_FILES_COMPARED]
    found = sum(_read_size(folder / read_file_path(each.path)) == each.size for each in records)
    return bool(records) and 2 * found >= len(records)


def _read_size(path: Path) -> int | None:
    """Return the size of a regular file in bytes; ``None`` for anything else."""
    try:
        return path.stat().st_size if path.is_file() else None
    except (OSError, ValueError):
        return None


def _read_start(path: Path) -> bytes:
    """Return the first bytes of a regular file; nothing for anything else, such as a pipe, which would block."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(_MAX_BYTES + 1)
    except OSError:
        return b""


def _has_json_key(content: bytes, keys: Collection[str]) -> bool:
    """Whether the top object of a JSON file has one of the keys, however it is spelt; nesting without end has."""
    try:
        value: object = json.loads(content)
    except RecursionError:
        return True
    except ValueError:
        return False
    return isinstance(value, dict) and not value.keys().isdisjoint(keys)


def _is_card(content: bytes) -> bool:
    """Whether a README has a key of a model card in its front matter; one beyond the bounds of YAML counts as such."""
    match = _FRONT_MATTER.match(content.decode("utf-8", "replace"))
    if match is None:
        return False
    try:
        documents, _ = compose_documents(match[1], Limits())
    except LimitReachedError:
        return True
    keys = {key.text for each in documents if each.kind == "mapping" for key in each.items[::2]}
    return not keys.isdisjoint(_CARD_KEYS)


_SIGNS: Final[dict[str, Callable[[bytes], bool]]] = {
    "config.json": lambda content: _has_json_key(content, _CONFIGURATION_KEYS),
    "model_index.json": lambda content: _has_json_key(content, _PIPELINE_KEYS),
    ".git/config": lambda content: _CLONE.search(content) is not None,
    "README.md": _is_card,
}
"""Whether the content of a file with this name shows that its folder came with a model."""
