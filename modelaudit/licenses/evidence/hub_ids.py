"""Parse ids of Hub repositories from names, addresses and paths in cards and settings."""

from __future__ import annotations

import re
from urllib.parse import unquote

from modelaudit.model.lazy_pattern import defer_pattern

# "https://huggingface.co/acme/model/tree/main" or "hf://datasets/acme/data": the id is owner and name. Behind it, the
# page of a file, a folder or a commit names the revision, in which the page writes a slash as "%2F".
_HUB_PAGE = defer_pattern(
    r"(?:https?://(?:www\.)?(?:huggingface\.co|hf\.co)/|hf://)(?:(?:datasets|models)/)?"
    r"(?P<id>[^/\s?#]+/[^/\s?#]+)"
    r"(?:/(?:tree|blob|resolve|raw|commits?|blame)/(?P<revision>[^/\s?#]+))?(?:[/?#].*)?",
    re.IGNORECASE | re.DOTALL,
)
_DEFAULT_REVISION = "main"
# The Hub's rule for an owner or a name: at most 96 characters, none of them a hyphen or a full stop at either end.
_HUB_NAME = defer_pattern(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?")
_WEIGHT_SUFFIXES = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".onnx", ".h5", ".zip", ".tar", ".json")
# A name that git resolves to something other than a branch or tag: a reference by its path, or an expression.
_OTHER_REFERENCE = defer_pattern(r"(?:^|/)(?:refs|pr|pull)(?:/|$)|[~^:@{}%\\\s]|//", re.IGNORECASE)
_FEWEST_DIGITS = 4
"""The fewest digits of the id of a commit that git resolves."""
_ADDRESS = defer_pattern(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PATH = defer_pattern(r"(?:[/~.\\]|[A-Za-z]:[\\/])")


def parse_hub_id(text: str) -> str | None:
    """Parse a Hub id from a name or an address of the Hub; ``None`` if it is neither.

    A name without an owner, such as ``gpt2``, is an id too. A revision stays a part of the id, as in ``org/name@v2``,
    because its files may state other terms than those of ``main``, which is left out.
    """
    page = _HUB_PAGE.fullmatch(text.strip())
    name, _, revision = (page["id"] if page else text.strip()).partition("@")
    if page:
        revision = unquote(page["revision"] or revision)
    parts = name.split("/")
    if len(parts) > 2 or not all(_HUB_NAME.fullmatch(part) for part in parts):
        return None
    # The Hub refuses "--", ".." and ".git" in names. Names that end like weight files are local files.
    if "--" in name or ".." in name or name.lower().endswith((".git", *_WEIGHT_SUFFIXES)):
        return None
    return join_revision(name, revision)


def join_revision(name: str, revision: str) -> str:
    """Join a name with a revision, unless it has one already or the revision is the default one."""
    is_default = revision.strip() in ("", _DEFAULT_REVISION)
    return name if is_default or "@" in name else f"{name}@{revision.strip()}"


def drop_revision(name: str) -> str:
    """Drop the revision of a Hub id."""
    return name.partition("@")[0]


def is_revision_of_owner(name: str, commit: str | None, commit_of_branch: str | None) -> bool:
    """Whether only the owner of a repository can have made the revision that its Hub id names.

    Anyone may open a pull request, whose commits the Hub serves as ``refs/pr/1`` and by their ids. So a commit counts
    if it is that of the default branch, and a name if it can be a branch or tag and nothing else that git resolves
    (``gitrevisions(7)``).

    Args:
        name: Hub id.
        commit: the commit that the Hub resolved it to.
        commit_of_branch: the commit of the default branch, if it is known.
    """
    revision = name.partition("@")[2]
    if not revision or (commit is not None and commit == commit_of_branch):
        return True
    is_abbreviated = len(revision) >= _FEWEST_DIGITS
    is_commit = is_abbreviated and commit is not None and commit.startswith(revision.lower())
    return not is_commit and _OTHER_REFERENCE.search(revision) is None


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
