"""Lay a policy file over the policy that it extends, keep the origin of each entry, and refuse contradictions.

A single value of the file replaces the one below, and so does an entry of a mapping. Lists add up, except for
``checks`` and ``territories``, which are one value each.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final, TypeVar

from modelaudit.catalogue.document import Place
from modelaudit.catalogue.policy_entries import (
    merge_absences,
    merge_excluded_code,
    merge_intent,
    merge_licenses,
    merge_models,
    merge_runtime,
)
from modelaudit.catalogue.policy_file import RulesAgeFile, SignOffFile
from modelaudit.catalogue.policy_layer import Layer, PolicyWords
from modelaudit.catalogue.policy_signers import merge_gaps, merge_signers
from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.policy import PinnedModel, Policy, Requirement, SignOffTerms

ROOT: Final = Policy("", "", dict.fromkeys(CheckFamily, Severity.HIGH), tuple(CheckFamily))
"""The policy below the one that extends no other: every family of checks runs, and fails at high."""

_PLACES_OF_LICENSE_CHECK: Final = (
    ("use",),
    ("purpose",),
    ("territories",),
    ("field",),
    ("monthly-active-users",),
    ("annual-revenue-usd",),
    ("gates", "use"),
    ("licenses",),
)
_WAYS_TO_WRITE: Final = {
    "decisions": "`modelaudit decide` writes one with --decisions {}, or remove the key",
    "baseline": "save the report of a scan with -o json={}, or remove the key",
}
_FORMS: Final = {RulesAgeFile: Requirement.RULES_AGE, SignOffFile: Requirement.SIGNOFF}
"""The conditions with terms of their own, by their form in a file."""
_Value = TypeVar("_Value")


def lay_over(layer: Layer, below: Policy, words: PolicyWords) -> Policy:
    """Build the policy of ``layer`` over the policy ``below``, whose origins the layer has already.

    Raises:
        ConfigurationError: an entry is wrong, has no effect, or contradicts another one.
    """
    file = layer.file
    _require_families_with_rules(layer, words.families)
    checks = _choose(layer, ("checks",), tuple(dict.fromkeys(file.checks or ())), below.checks)
    _refuse_entries_without_check(layer, checks)
    gates = dict(below.gates)
    for family in CheckFamily:
        stated = getattr(file.gates, family, None)
        if stated is not None:
            gates[family] = None if stated == "never" else Severity(stated)
            layer.note_origin(f"gates.{family}", ("gates", family))
    gate_use = _choose(layer, ("gates", "use"), file.gates.use == "gate", below.gate_use)
    stated = _read_requirements(layer)
    require = below.require | stated.keys()
    if not gate_use and Requirement.STATED_USE in require:
        _refuse_requirement_without_gate(layer)
    models = merge_models(layer, below.models)
    baseline = _choose(layer, ("baseline",), _resolve_file(layer, "baseline"), below.baseline_path)
    if baseline is not None and len(models) > 1:
        _refuse_baseline_of_several_models(layer, models)
    allowed, denied = merge_licenses(layer, below.allowed_licenses, below.denied_licenses, words.licenses)
    return Policy(
        name=file.name or (layer.path.name if layer.path else ""),
        description=file.description or "",
        gates=gates,
        checks=checks,
        allow_unread=merge_absences(layer, below.allow_unread),
        digest=_compute_digest(layer, below),
        intent=merge_intent(layer, below.intent, words.clauses),
        gate_use=gate_use,
        require=require,
        rules_days=_merge_days(stated.get(Requirement.RULES_AGE), below.rules_days),
        signoff_terms=_merge_signoff_terms(stated.get(Requirement.SIGNOFF), below.signoff_terms),
        allowed_licenses=allowed,
        denied_licenses=denied,
        models=models,
        discover_exclude=merge_excluded_code(layer, below.discover_exclude),
        trusted_signers=merge_signers(layer, below.trusted_signers),
        allowed_signature_gaps=merge_gaps(layer, below.allowed_signature_gaps),
        runtime=merge_runtime(layer, below.runtime),
        accept_critical=_choose(layer, ("accept-critical",), bool(file.accept_critical), below.accept_critical),
        offline=_choose(layer, ("offline",), bool(file.offline), below.offline),
        decisions_path=_choose(layer, ("decisions",), _resolve_file(layer, "decisions"), below.decisions_path),
        baseline_path=baseline,
        organization=_choose_line(layer, "organization", below.organization),
        reference=_choose_line(layer, "reference", below.reference),
        reviewer=_choose_line(layer, "reviewer", below.reviewer),
        files=((layer.path,) if layer.path else ()) + below.files,
        origins=layer.origins,
    )


def _read_requirements(layer: Layer) -> dict[Requirement, RulesAgeFile | SignOffFile | None]:
    """Return the conditions of the file, each with its terms if it has some, and note their origins.

    Raises:
        ConfigurationError: the condition on the age of the rules has no number of days, or one is stated twice.
    """
    stated: dict[Requirement, RulesAgeFile | SignOffFile | None] = {}
    for index, entry in enumerate(layer.file.require):
        requirement = entry if isinstance(entry, Requirement) else _FORMS[type(entry)]
        if entry is Requirement.RULES_AGE:
            raise layer.error("needs a number of days; write it as rules-not-older-than: 90d", "require", index)
        if isinstance(entry, RulesAgeFile) and requirement in stated:
            raise layer.error("is stated twice; keep the number of days that counts", "require", index)
        terms = None if isinstance(entry, Requirement) else entry
        if requirement is Requirement.SIGNOFF and stated.get(requirement, terms) != terms:
            raise layer.error("is stated twice; keep the entry that counts", "require", index)
        layer.note_origin(f"require.{requirement}", ("require", index))
        stated[requirement] = terms
    return stated


def _merge_days(entry: RulesAgeFile | SignOffFile | None, below: int | None) -> int | None:
    """Return the number of days of the file, else that of the policy below."""
    return entry.days if isinstance(entry, RulesAgeFile) else below


def _merge_signoff_terms(entry: RulesAgeFile | SignOffFile | None, below: SignOffTerms) -> SignOffTerms:
    """Return the terms of a sign-off: a second person whom one of both asks for, and the roles of the file if any."""
    if not isinstance(entry, SignOffFile):
        return below
    roles = tuple(" ".join(each.split()) for each in entry.signoff.roles)
    return SignOffTerms(entry.signoff.approved or below.approved, roles or below.roles)


def _choose(layer: Layer, place: tuple[str, ...], stated: _Value, inherited: _Value) -> _Value:
    """Return the value of the file and note its origin if the file has ``place``, else the value below."""
    if not layer.states(*place):
        return inherited
    layer.note_origin(".".join(place), place)
    return stated


def _choose_line(layer: Layer, key: str, inherited: str) -> str:
    """Return the text of the file at ``key`` on one line, and note its origin, else the text below."""
    return _choose(layer, (key,), " ".join((getattr(layer.file, key) or "").split()), inherited)


def _resolve_file(layer: Layer, key: str) -> Path | None:
    """Return the file that the layer names, relative to its own folder; ``None`` if it names none.

    Raises:
        ConfigurationError: it is a policy of the rule set, or the file does not exist.
    """
    value: str | None = getattr(layer.file, key)
    if value is None:
        return None
    if layer.path is None:
        raise layer.error("a policy of the rule set names no file of a project; remove the key", key)
    path = layer.path.parent / value
    if not path.is_file():
        next_step = _WAYS_TO_WRITE[key].format(value)
        raise layer.error(f"the file {value} does not exist beside this policy; {next_step}", key)
    return path


def _require_families_with_rules(layer: Layer, families: frozenset[CheckFamily]) -> None:
    """Refuse a gate or a check of a family without rules, because this version cannot check it."""
    reason = f"no rule of this version checks it; leave it out (families with rules: {', '.join(sorted(families))})"
    for index, family in enumerate(layer.file.checks or ()):
        if family not in families:
            raise layer.error(f"{family}: {reason}", "checks", index)
    for family in CheckFamily:
        if family not in families and layer.states("gates", family):
            raise layer.error(reason, "gates", family)


def _refuse_entries_without_check(layer: Layer, checks: tuple[CheckFamily, ...]) -> None:
    """Refuse entries of the file that concern a check which does not run."""
    places: list[tuple[CheckFamily, tuple[str, ...]]] = [(family, ("gates", str(family))) for family in CheckFamily]
    places += [(CheckFamily.LICENSE, place) for place in _PLACES_OF_LICENSE_CHECK]
    stated: list[tuple[CheckFamily, Place]] = [(family, place) for family, place in places if layer.states(*place)]
    if Requirement.STATED_USE in layer.file.require:
        stated.append((CheckFamily.LICENSE, ("require", layer.file.require.index(Requirement.STATED_USE))))
    for family, place in stated:
        if family not in checks:
            # Every policy checks all families unless one states ``checks``.
            raise layer.error(
                f"has an effect only with the check {family}; add it to 'checks' ({layer.origins['checks']})", *place
            )


def _refuse_requirement_without_gate(layer: Layer) -> None:
    """Refuse a required use whose answer is only reported, if one of the two entries is of this file."""
    requirement = Requirement.STATED_USE
    places: list[Place] = [("gates", "use")] if layer.states("gates", "use") else []
    if requirement in layer.file.require:
        places = [("require", layer.file.require.index(requirement))]
    if not places:
        return  # the policy below was checked when it was built
    raise layer.document.error(
        f"require: {requirement} ({layer.origins[f'require.{requirement}']}) contradicts gates.use: report "
        f"({layer.origins['gates.use']}): it requires a use whose answer gates nothing; remove one of them",
        places[0],
    )


def _refuse_baseline_of_several_models(layer: Layer, models: tuple[PinnedModel, ...]) -> None:
    """Refuse a baseline, which is the report of one model, beside a list of several."""
    baseline_at, second_at = layer.origins["baseline"], layer.origins[f"models.{models[1].name}"]
    raise layer.document.error(
        f"baseline ({baseline_at}) is the report of one model, and a second model is listed ({second_at}); "
        "remove it, and name the baseline of each model with --baseline",
        ("baseline",) if layer.states("baseline") else ("models",),
    )


def _compute_digest(layer: Layer, below: Policy) -> str:
    """Compute the SHA-256 of the file; where it extends another one, of that digest, a line break, and the file."""
    head = f"{below.digest}\n" if below.digest else ""
    return hashlib.sha256((head + layer.document.text).encode()).hexdigest()
