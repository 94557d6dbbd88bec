"""Rate the openness of a release by the Model Openness Framework (arXiv 2403.13784), apart from any permission."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from fnmatch import translate
from functools import cache, lru_cache

from modelaudit.licenses.conclusion.agreement import OwnLicense
from modelaudit.licenses.evidence.record import Evidence
from modelaudit.licenses.evidence.scope import ROOT_CARD, ClaimScope, PlacesApart, determine_scope
from modelaudit.licenses.evidence.statements import LicenseNames
from modelaudit.licenses.lineage.binding_licenses import list_component_licenses
from modelaudit.licenses.obligations.permission import flatten_phrase
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.copies import replace
from modelaudit.model.evidence import ProseKind
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import Component, ConclusionState, LicenseClaim, Openness
from modelaudit.model.terms import LicenseEntry, OpennessPart

_CLASSES = {3: "Class III, open model", 2: "Class II, open tooling", 1: "Class I, open science"}
_PACKAGE_FILE = defer_pattern(r"(?:^|/)[^/]+\.dist-info/")
"""https://packaging.python.org/en/latest/specifications/core-metadata/#license-file-multiple-use"""
_NO_CLASS = "No class of the Model Openness Framework"


def rate_openness(
    evidence: Evidence,
    own: OwnLicense,
    inherited: Sequence[LicenseEntry],
    claims: Sequence[LicenseClaim],
    names: LicenseNames,
    rules: Catalogue,
) -> Openness:
    """Rate the class that the evidence reaches, with every component and the items missing for the next class.

    A component counts if the repository shows it and an open licence covers it. Components elsewhere, such as training
    code in another repository, are not visible here and count as missing. ``withhold_openness`` is for weights with
    terms that a doubt leaves open.

    Args:
        evidence: everything that was read.
        own: the model's own licence.
        inherited: licences that reach the model from base models; weights are open only if these are open too.
        claims: all claims.
        names: the licence names of the rule set.
        rules: the rule set.
    """
    code_claims = [claim for claim in claims if _covers_code(claim)]
    code = [bound.entry for bound in list_component_licenses(code_claims, names, (), PlacesApart())]
    own_entries = _choose_open_alternative(own, rules)
    licences: dict[str, list[LicenseEntry]] = {
        "model": [*own_entries, *inherited] if own_entries else [],
        "code": code or own_entries,
        "data": _list_dataset_licenses(evidence, rules),
        "document": own_entries,
    }
    parts = {each.id: each for each in rules.openness}
    cards = tuple(evidence.select_texts(ProseKind.CARD).items())
    rated = (
        _rate_component(each, _find_proof(each, parts.get(each.apart), evidence, cards), licences[each.kind])
        for each in rules.openness
    )
    return _rate_class(list(zip(rules.openness, rated, strict=True)))


def withhold_openness(openness: Openness, rules: Catalogue) -> Openness:
    """Return the rating of a model with further terms in doubt: no open licence is known to cover its weights.

    Args:
        openness: as ``rate_openness`` returns it.
        rules: the rule set.
    """
    if not openness.components:
        return openness
    kinds = {part.id: part for part in rules.openness}
    rated = [(kinds[each.id], each) for each in openness.components]
    return _rate_class([(part, _withhold(each) if part.kind == "model" else each) for part, each in rated])


def _withhold(component: Component) -> Component:
    """Return a component with an open question in place of an open licence; one under closed terms stays so."""
    return replace(component, open=None) if component.open else component


def _rate_class(rated: Sequence[tuple[OpennessPart, Component]]) -> Openness:
    """Rate the class that the components reach."""
    title = _NO_CLASS
    missing: list[str] = []
    # A class requires every part of its level and of the levels before it, so the first gap ends the climb.
    for level in sorted(_CLASSES, reverse=True):
        of_level = [(part, component) for part, component in rated if part.level == level]
        missing = [_describe_gap(component) for _, component in of_level if not (component.present and component.open)]
        if missing or not of_level:
            break
        title = _CLASSES[level]
    return Openness(title, tuple(component for _, component in rated), tuple(missing))


def _covers_code(claim: LicenseClaim) -> bool:
    """Whether a claim covers source code; a text in ``*.dist-info`` is the licence of the code of a package."""
    return determine_scope(claim) is ClaimScope.CODE or _PACKAGE_FILE.search(claim.artifact) is not None


def _choose_open_alternative(own: OwnLicense, rules: Catalogue) -> list[LicenseEntry]:
    """Choose the first alternative of open licences alone, or else the first one; none without a conclusion."""
    if own.state is not ConclusionState.CONCLUDED or not own.choices:
        return []
    alternatives = [[rules.licenses[id_] for id_ in choice] for choice in own.choices]
    return next((entries for entries in alternatives if all(entry.open for entry in entries)), alternatives[0])


def _list_dataset_licenses(evidence: Evidence, rules: Catalogue) -> list[LicenseEntry]:
    """List the licences of all data sets; none if one data set has no known licence, which leaves the data unclear."""
    if not all(data.entries for data in evidence.datasets):
        return []
    return [rules.licenses[id_] for data in evidence.datasets for id_ in data.entries if id_ in rules.licenses]


def _describe_gap(component: Component) -> str:
    """Describe why a component does not count: it is missing, or no open licence covers it."""
    state = "only named" if component.elsewhere else "present"
    if not component.present:
        reason = "not found in this repository"
    elif component.open is None and component.licenses:
        reason = f"{state}, and further terms that may bind it are open"
    elif component.open is None:
        reason = f"{state}, and no licence is known to cover it"
    else:
        reason = f"{state}, not under an open licence"
    return f"{component.title}: {reason}"


def _rate_component(part: OpennessPart, found: tuple[str, bool], licences: Collection[LicenseEntry]) -> Component:
    """Rate one part of a release: whether the repository shows it, and whether ``licences`` cover it openly.

    Args:
        part: the part.
        found: what shows it, as ``_find_proof`` returns it.
        licences: those of the part's kind; without any it is unknown whether it is open.
    """
    proof, is_elsewhere = found
    if is_elsewhere:
        # A link or a name shows that a thing exists, and says nothing about its licence.
        licences = ()
    is_open = all(entry.open for entry in licences) if proof and licences else None
    ids = tuple(dict.fromkeys(entry.id for entry in licences)) if proof else ()
    # A field of the card names data sets, which are repositories of their own with a licence of their own.
    is_named = is_elsewhere or (part.kind == "data" and proof.startswith(f"{ROOT_CARD}: "))
    return Component(part.id, part.title, bool(proof), ids, is_open, proof, is_named)


def _find_proof(
    part: OpennessPart, apart: OpennessPart | None, evidence: Evidence, cards: Sequence[tuple[str, str]]
) -> tuple[str, bool]:
    """Find the file, field or phrase that shows a component, and whether it only names one elsewhere; empty without.

    Args:
        part: the part.
        apart: another part, whose files show nothing of this one.
        evidence: everything that was read.
        cards: the paths and texts of the cards.
    """
    if part.id in evidence.components:
        return evidence.components[part.id], False
    file = _find_file(part, apart, evidence.paths)
    if file is not None:
        return file, False
    # What the card itself holds shows more than a name or a link.
    for is_elsewhere in (False, True):
        field = next((each for each in part.fields if each in evidence.fields), None)
        if field is not None and (field in part.elsewhere) is is_elsewhere:
            return f"{ROOT_CARD}: {field}", is_elsewhere
        for phrase in (each for each in part.words if (each in part.elsewhere) is is_elsewhere):
            flattened = flatten_phrase(phrase)
            for path, text in cards:
                if flattened in text:
                    return f"{path}: “{phrase}”", is_elsewhere
    return "", False


def _find_file(part: OpennessPart, apart: OpennessPart | None, paths: Iterable[str]) -> str | None:
    """Find the path that the first pattern of a part fits, without those that show another part or fit ``unless``.

    The first pattern that fits names a part best: weights in safetensors rather than a pickle beside them.
    """
    if not (part.files or part.paths):
        return None
    # Most parts have no file, which one look at each path shows.
    fitting = [path for path in paths if _fits_patterns(part.files, part.paths, path)]
    if not fitting:
        return None
    others = [_compile_file_pattern(each) for each in part.unless]
    shown = [path for path in fitting if not any(each.fullmatch(path.rpartition("/")[2]) for each in others)]
    shown = [path for path in shown if apart is None or not _fits_patterns(apart.files, apart.paths, path)]
    named = (path for each in map(_compile_file_pattern, part.files) for path in shown if each.fullmatch(path))
    return next(named, shown[0] if part.paths and shown else None)


@lru_cache(maxsize=4096)  # most repositories have files of the same names
def _fits_patterns(files: tuple[str, ...], paths: tuple[str, ...], path: str) -> bool:
    """Whether the path of a file fits a pattern of ``OpennessPart.files`` or of ``OpennessPart.paths``."""
    is_named = bool(files) and _compile_file_patterns(files).fullmatch(path) is not None
    return is_named or (bool(paths) and _compile_path_patterns(paths).search(path) is not None)


@cache
def _compile_path_patterns(paths: tuple[str, ...]) -> re.Pattern[str]:
    """Compile regular expressions for parts of paths to one that any of them matches."""
    return re.compile("|".join(f"(?:{each})" for each in paths), re.IGNORECASE)


@cache
def _compile_file_patterns(files: tuple[str, ...]) -> re.Pattern[str]:
    """Compile file name patterns to one that any of them fits."""
    return re.compile("|".join(map(translate, files)), re.IGNORECASE)


@cache
def _compile_file_pattern(file: str) -> re.Pattern[str]:
    """Compile a file name pattern such as ``train*.py``, which ignores case."""
    return re.compile(translate(file), re.IGNORECASE)
