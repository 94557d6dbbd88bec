"""Pin the models that a code base loads to commits, for the list in its policy."""

from __future__ import annotations

from dataclasses import dataclass

from modelaudit.catalogue import load_catalogue
from modelaudit.discovery import discover
from modelaudit.formats.registry import FACTS
from modelaudit.model.discovery import ModelUse
from modelaudit.model.errors import SourceError
from modelaudit.model.limits import Limits
from modelaudit.model.policy import PinnedModel
from modelaudit.sources import resolve_term_files


@dataclass(frozen=True, slots=True)
class PinnedModels:
    """The models of a code base.

    Attributes:
        models: each at one commit, in the order of their names.
        remarks: a line for each use that has no entry, and for each file that could not be read.
    """

    models: tuple[PinnedModel, ...]
    remarks: tuple[str, ...]


def pin_models(path: str, offline: bool = False) -> PinnedModels:
    """Find the models that the code in ``path`` loads, and pin each to a commit.

    A use without a commit gets the present one of its branch from the Hub; only small files are fetched for it.

    Args:
        path: a folder or file.
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
    return f"{use.name} from {use.source}, which is not on the Hub" if use.source != "huggingface" else use.name


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
