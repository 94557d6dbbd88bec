"""Pin the models that a code base loads to commits, for the list in its policy."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

from modelaudit.catalogue import load_catalogue
from modelaudit.discovery import discover
from modelaudit.formats.registry import FACTS
from modelaudit.model.discovery import HUGGING_FACE, LOCAL, ModelUse
from modelaudit.model.errors import SourceError
from modelaudit.model.limits import Limits
from modelaudit.model.policy import PinnedModel
from modelaudit.sources import resolve_term_files


class PinnedModels(Struct, frozen=True):
    """The models of a code base.

    Attributes:
        models: each at one commit, or a path, in the order of their names.
        remarks: a line for each use that has no entry, and for each file that could not be read.
    """

    models: tuple[PinnedModel, ...]
    remarks: tuple[str, ...]


def pin_models(path: str, policy: Path, offline: bool = False) -> PinnedModels:
    """Find the models that the code in ``path`` loads, and pin each to a commit; one that is a path has none.

    A use without a commit gets the present one of its branch from the Hub; only small files are fetched for it.

    Args:
        path: a folder or file.
        policy: the file that shall list the models; paths are relative to its folder, and lie below it.
        offline: make no request; a branch is then looked up in the Hub cache.

    Raises:
        SourceError: the path does not exist.
    """
    found = discover(path, Limits(), load_catalogue(formats=FACTS))
    models: dict[str, PinnedModel] = {}
    commits: dict[str, str] = {}
    remarks: list[str] = []
    for use in found.uses:
        place = f"{use.file}:{use.line}"
        local_name = _name_path(use, policy)
        if local_name:
            models.setdefault(local_name, PinnedModel(local_name, "", place, policy))
            continue
        if use.target is None:
            remarks.append(f"{place} loads {_describe_source(use)}")
            continue
        try:
            commit = _find_commit(use, commits, offline)
        except SourceError as error:
            remarks.append(f"{place} loads {use.target}, and its commit is unknown: {error}")
            continue
        name = use.target.partition("@")[0]
        first = models.setdefault(name.casefold(), PinnedModel(name, commit, _describe_use(use)))
        if first.revision != commit:
            remarks.append(f"{place} loads {name} at {commit}, which differs from the commit below")
    remarks += [f"{absence.file} was not read: {absence.unread.detail}" for absence in found.absences]
    return PinnedModels(tuple(sorted(models.values(), key=lambda model: model.name)), tuple(remarks))


def _describe_source(use: ModelUse) -> str:
    """Describe a use that names no repository of the Hub."""
    if use.name is None:
        return f"a model whose name the code does not show{f': {use.detail}' if use.detail else ''}"
    if use.source == LOCAL:
        return f"{use.name}: {use.detail or 'it lies outside of the folder of this file'}"
    return f"{use.name} from {use.source}, which is not on the Hub" if use.source != HUGGING_FACE else use.name


def _name_path(use: ModelUse, policy: Path) -> str:
    """Return the path of a local model as a policy names it; empty if the use has none below the policy's folder."""
    if use.path is None:
        return ""
    path = os.path.relpath(os.path.realpath(use.path), os.path.realpath(policy.absolute().parent))
    return "" if path == "." or path.startswith("..") else f"./{Path(path).as_posix()}"


def _describe_use(use: ModelUse) -> str:
    """Describe the place of a use, and the branch that it names instead of a commit."""
    if use.is_pinned:
        return f"{use.file}:{use.line}"
    return f"{use.file}:{use.line} loads {use.revision or 'the default branch'}; pin the commit there too"


def _find_commit(use: ModelUse, commits: dict[str, str], offline: bool) -> str:
    """Return the commit that a use names, or the present one of its branch.

    Raises:
        SourceError: the Hub does not name it.
    """
    if use.is_pinned and use.revision is not None:
        return use.revision
    target = use.target or ""
    if target not in commits:
        commit = resolve_term_files(f"hf://{target}", offline=offline).commit
        if commit is None:
            raise SourceError("the Hub names no commit")
        commits[target] = commit
    return commits[target]
