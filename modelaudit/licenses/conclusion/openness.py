"""Rate the openness of a release by the Model Openness Framework (arXiv 2403.13784), apart from any permission."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from fnmatch import translate
from functools import cache

from modelaudit.licenses.conclusion.agreement import OwnLicense
from modelaudit.licenses.evidence.record import Evidence
from modelaudit.licenses.evidence.scope import ROOT_CARD, ClaimScope, determine_scope
from modelaudit.licenses.evidence.statements import LicenseNames
from modelaudit.licenses.lineage.binding_licenses import list_component_licenses
from modelaudit.licenses.obligations.permission import flatten_text
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.evidence import ProseKind
from modelaudit.model.license import Component, ConclusionState, LicenseClaim, Openness
from modelaudit.model.terms import LicenseEntry, OpennessPart

_CLASSES = {3: "Class III, open model", 2: "Class II, open tooling", 1: "Class I, open science"}
_NONE = "No class of the Model Openness Framework"


def rate_openness(
    evidence: Evidence,
    own: OwnLicense,
    origins: Sequence[LicenseEntry],
    claims: Sequence[LicenseClaim],
    names: LicenseNames,
    rules: Catalogue,
) -> Openness:
    """Rate the class that the evidence reaches, with every component and the items missing for the next class.

    A component counts if the repository shows it and an open licence covers it. Components elsewhere, such as training
    code in another repository, are not visible here and count as missing.

    Args:
        evidence: everything that was read.
        own: the model's own licence.
        origins: licences that reach the model from base models; weights are open only if these are open too.
        claims: all claims.
        names: the licence names of the rule set.
        rules: the rule set.
    """
    code = [
        bound.entry
        for bound in list_component_licenses((c for c in claims if determine_scope(c) is ClaimScope.CODE), names, ())
    ]
    data = [name for each in evidence.datasets for name in each.entries if name in rules.licenses]
    all_data = bool(evidence.datasets) and all(each.entries for each in evidence.datasets)
    concluded = own.state is ConclusionState.CONCLUDED
    choices = [[rules.licenses[name] for name in each] for each in own.choices] if concluded else []
    own_entries = next((each for each in choices if all(entry.open for entry in each)), choices[0] if choices else [])
    licences: dict[str, list[LicenseEntry]] = {
        "model": [*own_entries, *origins] if own_entries else [],
        "code": code or own_entries,
        "data": [rules.licenses[name] for name in data] if all_data else [],
        "document": own_entries,
    }
    card = flatten_text(" ".join(evidence.select_texts(ProseKind.CARD).values()))
    parts = [(part, _rate_component(part, evidence, card, licences[part.kind])) for part in rules.openness]
    reached = 4
    missing: list[str] = []
    for level in (3, 2, 1):
        missing = [
            f"{part.title}: {'present, not under an open licence' if each.present else 'not found in this repository'}"
            for part, each in parts
            if part.level == level and not (each.present and each.open)
        ]
        if missing or not any(part.level == level for part, _ in parts):
            break
        reached = level
    return Openness(_CLASSES.get(reached, _NONE), tuple(each for _, each in parts), tuple(missing))


def _rate_component(part: OpennessPart, evidence: Evidence, card: str, licences: Collection[LicenseEntry]) -> Component:
    shown = _find_proof(part, evidence, card)
    open_ = all(entry.open for entry in licences) if shown and licences else None
    ids = tuple(dict.fromkeys(entry.id for entry in licences)) if shown else ()
    return Component(part.id, part.title, bool(shown), ids, open_, shown)


def _find_proof(part: OpennessPart, evidence: Evidence, card: str) -> str:
    """Find the file, field or phrase that shows a component; empty if there is none."""
    if part.id in evidence.components:
        return evidence.components[part.id]
    pattern = _compile_file_pattern(part.files)
    file = next((path for path in evidence.paths if pattern.fullmatch(path)), None)
    if file is not None:
        return file
    field = next((name for name in part.fields if name in evidence.fields), None)
    if field is not None:
        return f"{ROOT_CARD}: {field}"
    words = next((each for each in part.words if flatten_text(each) in card), None)
    return f"{ROOT_CARD}: “{words}”" if words else ""


@cache
def _compile_file_pattern(files: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(each) for each in files) or r"(?!)", re.IGNORECASE)
