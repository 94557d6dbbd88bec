"""Determine the scope of a claim: the whole model, a component of the repository, or its source code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct

from modelaudit.licenses.evidence.fields import (
    CODE_TEXT,
    LINK_TARGET,
    NOTICE,
    POLICY,
    RESTRICTION,
    STATEMENT,
    THIRD_PARTY_TEXT,
)
from modelaudit.licenses.evidence.names import shares_text
from modelaudit.model.address import is_member
from modelaudit.model.discovery import WEIGHT_ENDINGS
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import Basis, ClaimKind, LicenseClaim
from modelaudit.model.spelling import normalize_appearance

ROOT_CARD = "README.md"
ABOVE = "../"
"""The step to the folder above the one that is looked at."""
_MAX_PLACES_APART = 2


class ClaimScope(StrEnum):
    """The part of a repository that a claim covers."""

    MODEL = "model"
    ADDED = "added"
    """A card or metadata in a subfolder: it can only add to the terms of the model."""
    COMPONENT = "component"
    """A part with its own terms: third-party work, data, a subfolder with its own licence text."""
    CODE = "code"
    """Source code and packaging files."""


# DeepSeek publishes LICENSE-CODE beside LICENSE-MODEL. Notices and collections cover the works that a model contains.
_CODE_LICENSE = defer_pattern(r"(?:^|[-_. /])code(?:[-_. ]|$)", re.IGNORECASE)
_NOTICE = defer_pattern(
    r"(?:^|/)(?:notices?|licen[cs]es[-_ ]sources|(?:third|3rd)[-_ ]?party[-_ ]?(?:notices?|licen[cs]es))(?:[-_. ]|$)",
    re.IGNORECASE,
)
# Words of a folder that say what it covers instead of the model, each with the reason in words. The author of a text
# chooses the name of its file, so that name says nothing, except for a licence of data alone (``LICENSE_DATA``).
_OTHER_WORKS = (
    (
        defer_pattern(
            r"third[-_ ]?party|3rd[-_ ]?party"
            r"|(?:^|[-_. /])(?:vendor(?:ed|s)?|externals?|dependencies|deps|node_modules|site-packages)(?:[-_. /]|$)",
            re.IGNORECASE,
        ),
        "its path names the work of others",
    ),
    (defer_pattern(r"(?:^|[-_. /])data(?:sets?)?(?:[-_. /]|$)", re.IGNORECASE), "its path names data"),
    (defer_pattern(r"(?:^|/)(?:tools?|scripts?)(?:/|$)", re.IGNORECASE), "its path names a tool"),
    (defer_pattern(r"(?:^|/)[^/]+\.(?:dist|egg)-info(?:/|$)", re.IGNORECASE), "its path names a Python package"),
)
_OF_OTHERS = (_OTHER_WORKS[0], _OTHER_WORKS[3])
_DATA_LICENSE = defer_pattern(
    r"(?:^|/)(?:licen[cs]e[-_. ]data(?:sets?)?|data(?:sets?)?[-_ ]licen[cs]e)(?:\.(?:txt|md))?$", re.IGNORECASE
)
_WEIGHT_WORDS = defer_pattern(
    r"weights?\b|\bcheckpoints?\b|\bmodel (?:parameters|files?)\b|\bmodels? (?:in|of|from) th(?:is|e) repo(?:sitory)?\b"
    r"|权重|權重|重み|가중치|\bGewichte|\bpoids\b|\bpesos\b",
    re.IGNORECASE,
)
_MODEL_WORDS = defer_pattern(r"\bmod[eè]l[a-zè]*\b|\boutputs?\b|模型|モデル|모델", re.IGNORECASE)
_PACKED = defer_pattern(r"\.(?:gz|bz2|xz|zst|lz4|lzma|z)$", re.IGNORECASE)
# Any content may lie in these; the words and merges of a tokenizer have names of their own.
_CONTAINERS = defer_pattern(r"\.(?:zip|tar|tgz|tbz2|txz|7z|rar|npy|dat|model)$", re.IGNORECASE)
_TOKENIZER = defer_pattern(r"(?:^|/)[^/]*(?:token|piece|spm|bpe|vocab)[^/]*$", re.IGNORECASE)
_SOURCE = defer_pattern(
    r"\.(?:py|pyi|ipynb|sh|bash|js|mjs|ts|c|cc|cpp|cu|cuh|h|hpp|rs|go|java|jinja|cmake)$"
    r"|(?:^|/)(?:pyproject\.toml|setup\.(?:cfg|py)|package\.json|Cargo\.toml|Makefile|Dockerfile)$"
    r"|(?:^|/)(?:[^/]+\.dist-info/METADATA|PKG-INFO)$",
    re.IGNORECASE,
)
_CARD = defer_pattern(r"(?:^|[/!])readme[^/]*$", re.IGNORECASE)


def get_claim_path(claim: LicenseClaim) -> str:
    """Return the file that the claim is about; for a link target, the file behind the link."""
    # A claim of a link target quotes the target's path, and its artifact is the file with the link.
    return claim.quotation if claim.field == LINK_TARGET else claim.artifact


def drop_levels_above(path: str) -> str:
    """Return a path without the steps to the folders above."""
    while path.startswith(ABOVE):
        path = path.removeprefix(ABOVE)
    return path


def determine_scope(claim: LicenseClaim) -> ClaimScope:
    """Determine the scope by the words before a licence text, or by the path of its file, which shows its purpose."""
    if claim.field == THIRD_PARTY_TEXT:
        return ClaimScope.COMPONENT
    if claim.field == CODE_TEXT:
        return ClaimScope.CODE
    return _determine_scope_by_path(get_claim_path(claim), claim.kind is ClaimKind.FOUND, claim.field == RESTRICTION)


@lru_cache(maxsize=1024)  # most repositories have files of the same names
def _determine_scope_by_path(path: str, is_found: bool, is_restriction: bool) -> ClaimScope:
    """Determine the scope of a text, a statement or a restriction by the path of its file."""
    if _SOURCE.search(path) or (is_found and _CODE_LICENSE.search(path)):
        return ClaimScope.CODE
    # A notice lists third-party works, yet a restriction in it may bind the whole model.
    if is_found and _NOTICE.search(path):
        return ClaimScope.COMPONENT
    if (is_found or is_restriction) and explain_other_work(path):
        return ClaimScope.COMPONENT
    # A text of a folder above covers the folder that is looked at.
    is_at_root = "/" not in drop_levels_above(path) and not is_member(path)
    if is_at_root:
        return ClaimScope.MODEL
    return ClaimScope.COMPONENT if is_found else ClaimScope.ADDED


@lru_cache(maxsize=1024)
def explain_other_work(path: str) -> str:
    """Explain as a clause what a path says that the file covers instead of the model; empty if it says nothing."""
    folder = path.rpartition("/")[0]
    reason = next((reason for words, reason in _OTHER_WORKS if words.search(folder)), "")
    return reason or ("its name names data" if _DATA_LICENSE.search(path) else "")


def speaks_of_model(text: str, path: str) -> bool:
    """Whether a text speaks of the weights of a model, or, beside data or a tool, of a model or its outputs.

    The terms of third-party work may well call that work a model.
    """
    text = normalize_appearance(text)
    if _WEIGHT_WORDS.search(text):
        return True
    folder = path.rpartition("/")[0]
    is_of_others = any(words.search(folder) for words, _ in _OF_OTHERS)
    return not is_of_others and _MODEL_WORDS.search(text) is not None


@lru_cache(maxsize=1024)
def may_hold_weights(path: str) -> bool:
    """Whether the name of a file, compressed or not, is one of weights, or of a container of anything."""
    inner = _PACKED.sub("", path)
    is_container = _CONTAINERS.search(inner) is not None and _TOKENIZER.search(inner) is None
    return is_container or inner.lower().endswith(WEIGHT_ENDINGS)


class PlacesApart(Struct, frozen=True):
    """The places of one repository whose texts cover something else than the model.

    Attributes:
        weight_folders: the folders that hold weights; a text in one of them, or in one above, covers these weights.
        texts_on_model: the texts whose words speak of the model, which cover it whatever their folder.
    """

    weight_folders: frozenset[str] = frozenset()
    texts_on_model: frozenset[str] = frozenset()

    @classmethod
    def from_paths(
        cls, paths: Iterable[str], claims: Iterable[LicenseClaim] = (), unnamed_weights: Iterable[str] = ()
    ) -> PlacesApart:
        """Find the folders with weights among the paths of a repository, and the texts on the model by its claims.

        ``unnamed_weights`` are the paths of further files that may be weights by their content.
        """
        weights = (*filter(may_hold_weights, paths), *unnamed_weights)
        with_weights = {path.rpartition("/")[0] for path in weights}
        return cls(
            frozenset(folder for each in with_weights for folder in _list_folders(each)),
            frozenset(claim.artifact for claim in claims if claim.is_about_model),
        )

    def explain(self, claim: LicenseClaim) -> str:
        """Explain as a clause why the claim covers something else; empty if it may cover the model."""
        path = get_claim_path(claim)
        reason = explain_other_work(path)
        folder = path.rpartition("/")[0]
        # A text beside weights covers them, whatever the name of their folder.
        is_beside_weights = folder != "" and folder in self.weight_folders
        return "" if is_beside_weights or path in self.texts_on_model else reason


def _list_folders(folder: str) -> list[str]:
    """List a folder and those above it, without the root."""
    steps = folder.split("/") if folder else []
    return ["/".join(steps[:count]) for count in range(1, len(steps) + 1)]


def is_use_policy_text(claim: LicenseClaim) -> bool:
    """Whether the claim found a use policy."""
    return claim.kind is ClaimKind.FOUND and claim.field == POLICY


def is_license_text(claim: LicenseClaim) -> bool:
    """Whether the claim found the text of a licence, word for word, and not only that of a use policy."""
    return claim.kind is ClaimKind.FOUND and claim.basis is Basis.TEXT and not is_use_policy_text(claim)


def is_license_notice(claim: LicenseClaim) -> bool:
    """Whether the claim found a licence file with no licence text, which names or states its licence."""
    return claim.kind is ClaimKind.FOUND and claim.field in (NOTICE, STATEMENT)


def grants_license(claim: LicenseClaim) -> bool:
    """Whether the claim found a licence text, or a file that names or states one instead."""
    return is_license_text(claim) or is_license_notice(claim)


def is_variant_text(claim: LicenseClaim) -> bool:
    """Whether the claim found a text that resembles a licence without being equal to it."""
    is_variant = claim.kind is ClaimKind.FOUND and claim.basis is Basis.VARIANT
    return is_variant and not is_use_policy_text(claim) and not is_card_mention(claim)


def is_card_mention(claim: LicenseClaim) -> bool:
    """Whether the running text of a card names or quotes a licence; other words surround it, so it is no variant."""
    is_in_card = _CARD.search(claim.artifact) is not None and claim.is_in_running_text and claim.field != RESTRICTION
    return is_in_card and (claim.kind is ClaimKind.DECLARED or claim.basis is Basis.VARIANT)


def find_text_file(claims: Iterable[LicenseClaim], license_id: str) -> str:
    """Find the first file that holds the text of a licence; empty if none does."""
    for claim in claims:
        if is_license_text(claim) and claim.entry and shares_text(claim.entry, license_id):
            return get_claim_path(claim)
    return ""


def find_file_with_address(claims: Iterable[LicenseClaim], license_id: str) -> str:
    """Find the first file that states the address of a licence; empty if none does."""
    for claim in claims:
        if claim.entry and "://" in claim.quotation and claim.artifact and shares_text(claim.entry, license_id):
            return claim.artifact
    return ""


def describe_licenses_apart(claims: Iterable[LicenseClaim]) -> str:
    """Describe the licences that files state apart from the model, in one sentence; empty if there is none.

    A model without a licence of its own may contain them: the text in a subfolder, the metadata of a package. None of
    them is a licence of the weights. Each licence is named once, where a text holds it before where it is stated.
    """
    texts: dict[str, str] = {}
    statements: dict[str, str] = {}
    for claim in claims:
        place = get_claim_path(claim) or "the Hub"
        if claim.entry is None:
            continue
        if is_license_text(claim) or is_variant_text(claim):
            verb = "resembles" if claim.basis is Basis.VARIANT else "holds the text of"
            texts.setdefault(claim.entry, f"{place} {verb}")
        elif claim.kind is ClaimKind.DECLARED and not claim.is_in_running_text:
            statements.setdefault(claim.entry, f"{place} states")
    ids_by_place: dict[str, list[str]] = {}
    # The texts come first and win.
    for id_, place in (texts | statements | texts).items():
        ids_by_place.setdefault(place, []).append(id_)
    if not ids_by_place:
        return ""
    listed = [f"{place} {' and '.join(ids)}" for place, ids in ids_by_place.items()]
    more = sum(map(len, [*ids_by_place.values()][_MAX_PLACES_APART:]))
    if more:
        listed = [*listed[:_MAX_PLACES_APART], f"further files name {more} more"]
    subject = "it covers" if len(texts | statements) == 1 else "one of them covers"
    return f"{', '.join(listed)}, and nothing says that {subject} the weights."
