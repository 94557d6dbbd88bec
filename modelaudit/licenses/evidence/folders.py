"""See a repository from one of its folders: find the folders that hold a model each, and the claims that cover one.

A path is relative to the folder that is looked at: ``../README.md`` lies in the folder above it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from modelaudit.licenses.evidence.fields import LINK_TARGET, RESTRICTION
from modelaudit.licenses.evidence.scope import ABOVE, ClaimScope, determine_scope, drop_levels_above, is_use_policy_text
from modelaudit.licenses.evidence.unsearched_texts import is_over_limit
from modelaudit.model.copies import replace
from modelaudit.model.discovery import WEIGHT_ENDINGS
from modelaudit.model.evidence import ProseKind
from modelaudit.model.license import ClaimKind, LicenseClaim
from modelaudit.model.term_files import classify_text_file, may_be_text

_CONFIGURATIONS: Final = frozenset({"adapter_config.json", "config.json", "params.json"})
_SETTING_ENDINGS: Final = (".json", ".jsonl", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".xml", ".lock")
_PIPELINES: Final = frozenset({"model_index.json", "modules.json"})
"""Files that make the folders below them parts of one model (diffusers, sentence-transformers)."""
MOST_MODELS: Final = 50
"""The most folders that are answered for one by one."""


def count_levels_above(path: str) -> int:
    """Count how many folders above the one that is looked at a file lies; 0 for a file in it or below it."""
    return (len(path) - len(drop_levels_above(path))) // len(ABOVE)


def rebase_path(path: str, folder: str) -> str | None:
    """Return a path as the folder ``folder`` sees it; ``None`` if the file says nothing about the folder.

    The folder sees its own files, and of the folders above it the texts that may hold terms.
    """
    if not folder:
        return path
    if path.startswith(f"{folder}/"):
        return path.removeprefix(f"{folder}/")
    depth = folder.count("/") + 1
    if path.startswith(ABOVE):
        return ABOVE * depth + path
    parent = posixpath.dirname(path)
    is_above = not parent or folder.startswith(f"{parent}/")
    if not is_above or not _may_speak_below(path):
        return None
    steps = depth - (parent.count("/") + 1 if parent else 0)
    return ABOVE * steps + posixpath.basename(path)


def _may_speak_below(path: str) -> bool:
    """Whether a file may hold terms that cover the folders below: a text, but no settings of the model beside it."""
    is_setting = path.lower().endswith(_SETTING_ENDINGS)
    return classify_text_file(path) is not None or (may_be_text(path) and not is_setting)


def restore_path(path: str, folder: str) -> str:
    """Return a path that ``rebase_path`` gave as the repository has it."""
    return posixpath.normpath(posixpath.join(folder, path)) if path and folder else path


def list_claims_on_folder(claims: Iterable[LicenseClaim], folder: str, others: Collection[str]) -> list[LicenseClaim]:
    """List the claims that the folder sees, with the paths that it sees them by.

    Args:
        claims: of the repository; those of the Hub have no path.
        folder: the folder of one model; empty for the repository without the folders of its models.
        others: the folders of the other models, whose files say nothing about this one.
    """
    seen = []
    for claim in claims:
        if lies_in_other(claim.artifact, folder, others):
            continue
        path = rebase_path(claim.artifact, folder) if claim.artifact else ""
        if path is None:
            continue
        quotation = claim.quotation
        if claim.field == LINK_TARGET:
            quotation = rebase_path(quotation, folder) or quotation
        is_same = (path, quotation) == (claim.artifact, claim.quotation)
        seen.append(claim if is_same else replace(claim, artifact=path, quotation=quotation))
    return seen


def lies_in_other(path: str, folder: str, others: Collection[str]) -> bool:
    """Whether a file lies in the folder of another model that does not hold ``folder`` itself."""
    return any(path.startswith(f"{each}/") for each in others if each != folder and not folder.startswith(f"{each}/"))


def keep_nearest_terms(claims: Sequence[LicenseClaim], depth: int) -> tuple[list[LicenseClaim], int]:
    """Keep the claims of the folder itself, or else of the nearest folder above that states a licence.

    A sentence of a folder further up that restricts the use may concern all folders, so it is kept. So are base models
    named further up, unless a nearer file names one.

    Args:
        claims: as ``list_claims_on_folder`` gives them.
        depth: how many folders lie above the one that is looked at; the Hub speaks of the repository as a whole.

    Returns:
        The claims, and how many folders further up their terms lie.
    """

    def get_level(claim: LicenseClaim) -> int:
        return count_levels_above(claim.artifact) if claim.artifact else depth

    nearest = min((get_level(each) for each in claims if _states_license(each)), default=depth)
    names_base_model = any(each.kind is ClaimKind.INHERITED and get_level(each) <= nearest for each in claims)
    kept = []
    for claim in claims:
        is_kept_anywhere = claim.field == RESTRICTION or (claim.kind is ClaimKind.INHERITED and not names_base_model)
        if get_level(claim) <= nearest or is_kept_anywhere:
            kept.append(claim)
    return kept, nearest


def _states_license(claim: LicenseClaim) -> bool:
    """Whether a card states the licence of its folder, or a file there holds its text; the Hub states that of all."""
    if claim.kind is ClaimKind.INHERITED or determine_scope(claim) is not ClaimScope.MODEL or is_use_policy_text(claim):
        return False
    if claim.kind is ClaimKind.FOUND or not claim.artifact:
        return True
    # Settings and weights state a licence too, and count beside the card or the text that speaks for the folder.
    return not claim.is_in_running_text and classify_text_file(claim.artifact) is ProseKind.CARD


def find_model_folders(paths: Collection[str], claims: Iterable[LicenseClaim]) -> tuple[str, ...]:
    """Find the folders below the root that hold a model with terms of its own, sorted; none if there are too many.

    A model has its configuration, its weights or its card in its folder. A folder below a pipeline, or below the folder
    of a model, is a part of it unless it states a licence of its own.

    Args:
        paths: of the files of the repository.
        claims: of the repository.
    """
    names_by_folder: dict[str, set[str]] = {}
    for path in paths:
        if not path.startswith(ABOVE):
            names_by_folder.setdefault(posixpath.dirname(path), set()).add(posixpath.basename(path).lower())
    stating = {
        posixpath.dirname(claim.artifact)
        for claim in claims
        # A text behind the limit states nothing of its folder.
        if "/" in claim.artifact
        and not is_over_limit(claim)
        and (claim.kind is not ClaimKind.FOUND or _may_speak_below(claim.artifact))
    }
    folders = [
        folder
        for folder in sorted(stating & names_by_folder.keys())
        if holds_model(names_by_folder[folder]) and not _is_part_of_pipeline(folder, names_by_folder)
    ]
    return tuple(folders) if len(folders) <= MOST_MODELS else ()


def holds_model(names: Collection[str]) -> bool:
    """Whether the names of the files of one folder, in lower case, are those of a model."""
    return bool(
        not (_CONFIGURATIONS | _PIPELINES | {"readme.md"}).isdisjoint(names)
        or any(name.endswith(WEIGHT_ENDINGS) for name in names)
    )


def _is_part_of_pipeline(folder: str, names_by_folder: dict[str, set[str]]) -> bool:
    """Whether a folder around ``folder`` holds a pipeline, whose models are parts of it."""
    parent = posixpath.dirname(folder)
    while True:
        if not _PIPELINES.isdisjoint(names_by_folder.get(parent, ())):
            return True
        if not parent:
            return False
        parent = posixpath.dirname(parent)
