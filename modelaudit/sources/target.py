"""Parse a target as a repository of the Hub: ``org/model@rev``, ``datasets/org/name``, ``hf://org/model``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

from modelaudit.model.artifact import ModelRef, RefKind, Snapshot
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.sources.settings import HubSettings
from modelaudit.sources.web_address import read_web_address

_SCHEME = "hf://"
_PREFIXES = {"datasets": RefKind.DATASET, "models": RefKind.MODEL}
_OTHER_PREFIXES = {
    "spaces": "a Space is a program: download it, and scan the models that it loads with scan --discover FOLDER",
    "kernels": "a kernel is a program: download it, and scan its folder",
    "buckets": "a bucket has no commits: download it, and scan its folder",
}
"""The kinds of repositories that cannot be scanned by name, each with the next step."""
_NAME = defer_pattern(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?")
# The characters and words that git forbids in the name of a reference (``git check-ref-format``).
_INVALID_IN_REVISION = defer_pattern(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/$|^/|\.$|(^|/)\.|\.lock(/|$)")
_MAX_REVISION_CHARACTERS = 255
_COMMIT = defer_pattern(r"[0-9a-f]{40}")
_COMMIT_IN_ANY_CASE = defer_pattern(r"[0-9A-Fa-f]{40}")


def is_commit(text: str) -> bool:
    """Whether ``text`` is the full id of a commit, as the Hub writes it."""
    return _COMMIT.fullmatch(text) is not None


def find_moving_revision(snapshot: Snapshot) -> str:
    """Return the branch or tag that named a repository of the Hub; empty if a commit named it, or a path."""
    if not snapshot.ref.is_on_hub or is_commit(snapshot.ref.revision or ""):
        return ""
    return snapshot.ref.revision or "main"


def is_hub_address(text: str) -> bool:
    """Whether ``text`` begins with ``hf://``, which never means a path."""
    return text.startswith(_SCHEME)


def is_foreign_address(text: str) -> bool:
    """Whether ``text`` begins with a scheme (RFC 3986, section 3.1) other than ``hf``, such as ``https://``."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) is not None and not is_hub_address(text)


def looks_like_a_path(text: str) -> bool:
    """Whether ``text`` can only be a path, because no repository id has its form.

    Such a text begins with ``.``, ``/`` or ``~``, ends with a slash, or has more slashes than an id.
    """
    if is_hub_address(text) or is_foreign_address(text):
        return False
    identifier = text.partition("@")[0]
    most_slashes = 2 if identifier.partition("/")[0] in _PREFIXES.keys() | _OTHER_PREFIXES.keys() else 1
    return identifier.startswith((".", "/", "~")) or identifier.endswith("/") or identifier.count("/") > most_slashes


def could_be_path(text: str) -> bool:
    """Whether a text that names no path may be a misspelt one: a name alone, or a name below a folder that exists."""
    folder, slash, _ = text.partition("/")
    return not slash or os.path.isdir(folder)  # noqa: PTH112 - Path.is_dir raises for some texts


def parse_repository(text: str, revision: str | None) -> ModelRef:
    """Return the repository that ``text`` names, at the revision after its ``@`` or in ``revision``.

    The web address of a page of the Hub names the repository that it shows.

    40 hexadecimal digits are the id of a commit, also in capitals.

    Raises:
        ConfigurationError: ``text`` is not a repository id, or the two revisions differ or cannot be one.
    """
    repository = read_web_address(text, HubSettings.read().endpoint) if is_foreign_address(text) else None
    if repository is not None:
        return parse_repository(repository, revision)
    if is_foreign_address(text):
        next_step = "name a repository of the Hub as org/model@revision, or download the file and name its path"
        raise ConfigurationError(f"{text!r} is an address; {next_step}.")
    identifier, _, inline_revision = text.removeprefix(_SCHEME).partition("@")
    if "@" in text and not inline_revision:
        raise ConfigurationError(f"{text!r} ends with '@'; write the revision after it, or leave it out.")
    inline_revision = _lower_commit(inline_revision)
    revision = None if revision is None else _lower_commit(revision)
    if inline_revision and revision and inline_revision != revision:
        raise ConfigurationError(
            f"{text!r} names the revision {inline_revision!r}, --revision names {revision!r}; leave one of them out."
        )
    chosen_revision = inline_revision or revision
    if chosen_revision is not None and not _could_be_revision(chosen_revision):
        raise ConfigurationError(f"{chosen_revision!r} cannot be a revision; give a branch, a tag or a commit id.")
    kind, name = _split_kind(identifier)
    problem = _explain_invalid_id(name)
    if problem:
        raise ConfigurationError(f"{text!r} is neither a path that exists nor a repository id: {problem}.")
    return ModelRef(kind, name, chosen_revision)


def _lower_commit(revision: str) -> str:
    """Return the id of a commit in small letters, as the Hub writes it; a branch or tag as it is."""
    return revision.lower() if _COMMIT_IN_ANY_CASE.fullmatch(revision) else revision


def _could_be_revision(text: str) -> bool:
    """Whether ``text`` can be the name of a branch or tag, or the id of a commit."""
    has_valid_length = 0 < len(text) <= _MAX_REVISION_CHARACTERS
    return has_valid_length and _INVALID_IN_REVISION.search(text) is None


def could_be_repository(text: str) -> bool:
    """Whether ``text``, which names a local path, would name a repository too."""
    identifier = text.partition("@")[0]
    _, name = _split_kind(identifier, strict=False)
    return not looks_like_a_path(text) and _explain_invalid_id(name) is None


def note_local_readings(targets: Iterable[str]) -> Iterator[str]:
    """Yield a note for each target that is an existing path and an id like ``org/model`` too.

    A path like ``models/tiny`` is nearly always meant as a folder, as a name alone is.
    """
    for target in targets:
        organisation, slash, name = target.partition("/")
        is_like_an_id = bool(slash) and "/" not in name and organisation not in _PREFIXES
        if is_like_an_id and could_be_repository(target) and os.path.exists(target):  # noqa: PTH110
            yield f"{target!r} is a local path and was taken as one; hf://{target} names the repository on the Hub"


def _split_kind(identifier: str, *, strict: bool = True) -> tuple[RefKind, str]:
    """Split ``datasets/org/name`` into its kind and id; ``strict`` rejects kinds that cannot be scanned."""
    prefix, _, name = identifier.partition("/")
    if prefix in _PREFIXES and name:
        return _PREFIXES[prefix], name
    if strict and prefix in _OTHER_PREFIXES and name:
        raise ConfigurationError(f"{identifier!r} is neither a model nor a dataset; {_OTHER_PREFIXES[prefix]}.")
    return RefKind.MODEL, identifier


def _explain_invalid_id(name: str) -> str | None:
    """Explain why ``name`` is not a repository id, by the rules of ``validate_repo_id``; ``None`` if it is one."""
    parts = name.split("/")
    if not name:
        return "it is empty"
    if len(parts) > 2:
        return "an id is a name, or an organisation and a name with one '/' between them"
    if not all(_NAME.fullmatch(part) for part in parts):
        return (
            "a name has 1 to 96 ASCII letters, digits, '-', '_' and '.', and begins and ends with none of '-' and '.'"
        )
    if "--" in name or ".." in name or name.endswith(".git"):
        return "a name has no '--', no '..' and no '.git' at its end"
    return None
