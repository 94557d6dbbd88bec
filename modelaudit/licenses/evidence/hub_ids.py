"""Parse ids of Hub repositories from names, addresses and paths in cards and settings."""

from __future__ import annotations

import re

# "https://huggingface.co/acme/model/tree/main" or "hf://datasets/acme/data": the id is owner and name.
_HUB_PAGE = re.compile(
    r"(?:https?://(?:www\.)?(?:huggingface\.co|hf\.co)/|hf://)(?:(?:datasets|models)/)?"
    r"(?P<id>[^/\s?#]+/[^/\s?#]+)(?:[/?#].*)?",
    re.IGNORECASE | re.DOTALL,
)
# The Hub's rule for an owner or a name: at most 96 characters, none of them a hyphen or a full stop at either end.
_HUB_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?")
_WEIGHT_SUFFIXES = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".onnx", ".h5", ".zip", ".tar", ".json")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PATH = re.compile(r"(?:[/~.\\]|[A-Za-z]:[\\/])")


def parse_hub_id(text: str) -> str | None:
    """Parse a Hub id from a name or an address of the Hub, without the revision; ``None`` if it is neither.

    A name without an owner, such as ``gpt2``, is an id too.
    """
    page = _HUB_PAGE.fullmatch(text.strip())
    name = (page["id"] if page else text.strip()).partition("@")[0]
    parts = name.split("/")
    if len(parts) > 2 or not all(_HUB_NAME.fullmatch(part) for part in parts):
        return None
    # The Hub refuses "--", ".." and ".git" in names. Names that end like weight files are local files.
    if "--" in name or ".." in name or name.lower().endswith((".git", *_WEIGHT_SUFFIXES)):
        return None
    return name


def fold_hub_id(name: str) -> str:
    """Fold the case of a Hub id, which does not distinguish it, and keep that of the revision behind ``@``."""
    id_, at, revision = name.partition("@")
    return f"{id_.casefold()}{at}{revision}"


def explain_invalid_hub_id(text: str) -> str:
    """Explain in one line why a name is not a Hub id."""
    if _ADDRESS.match(text):
        return "it is an address outside the Hub, which is not followed"
    if _PATH.match(text) or text.count("/") > 1:
        return "it is a path on the machine that made the model, which cannot be reached"
    if text.lower().endswith(_WEIGHT_SUFFIXES):
        return "it is a file name without a repository"
    return "it is not the id of a Hub repository"
