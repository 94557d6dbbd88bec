"""Compare two rule sets, and list in what the later one may find less: what it removes, lowers, trusts or changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeVar

from modelaudit.model.catalogue import Catalogue, FindingRule, Standing
from modelaudit.model.terms import LicenseEntry

_Value = TypeVar("_Value")
_Compare = Callable[[Catalogue, Catalogue], set[str]]


def list_relaxations(before: Catalogue, after: Catalogue) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each way in which ``after`` may find less than ``before``, such as ``removes rules``, with sorted names."""
    for what, compare in _COMPARISONS.items():
        if names := compare(before, after):
            yield what, tuple(sorted(names))


def _list_removed_rules(before: Catalogue, after: Catalogue) -> set[str]:
    """List the rules that are gone; one that is retired finds nothing either."""
    return set(before.findings.keys() - after.findings.keys())


def _list_lowered_rules(before: Catalogue, after: Catalogue) -> set[str]:
    """List the rules with a lower severity, with both severities."""
    pairs = ((name, rule.rule.severity, after.findings[name].rule.severity) for name, rule in _pair(before, after))
    return {f"{name} ({old} to {new})" for name, old, new in pairs if new.rank < old.rank}


def _list_changed_rules(before: Catalogue, after: Catalogue) -> set[str]:
    """List the rules that match other subjects, leave another absence, or belong to another family of checks."""

    def select(rule: FindingRule) -> object:
        lowered = rule.beside_model, rule.started
        return rule.match, rule.leaves, rule.is_fallback, lowered, rule.rule.asks_review, rule.rule.check

    return {name for name, rule in _pair(before, after) if select(rule) != select(after.findings[name])}


def _list_changed_ranges(before: Catalogue, after: Catalogue) -> set[str]:
    """List the rules that affect other versions, so that a stated runtime may settle more of their findings."""
    return {name for name, rule in _pair(before, after) if rule.rule.affects != after.findings[name].rule.affects}


def _list_changed_signatures(before: Catalogue, after: Catalogue) -> set[str]:
    """List the callables whose signature is gone or another one."""
    later = after.callables.signatures
    return {name for name, each in before.callables.signatures.items() if later.get(name) != each}


def _pair(before: Catalogue, after: Catalogue) -> Iterator[tuple[str, FindingRule]]:
    """Yield the rules of ``before`` that both rule sets have."""
    return ((name, rule) for name, rule in before.findings.items() if name in after.findings)


def _list_removed_licenses(before: Catalogue, after: Catalogue) -> set[str]:
    """List the licences that are gone."""
    return set(before.licenses.keys() - after.licenses.keys())


def _list_changed_licenses(before: Catalogue, after: Catalogue) -> set[str]:
    """List the licences with another category or other clauses."""

    def select(entry: LicenseEntry) -> object:
        return entry.category, entry.clauses, entry.open

    return _list_changed(
        {name: select(entry) for name, entry in before.licenses.items()},
        {name: select(entry) for name, entry in after.licenses.items()},
    )


def _list_trusted(before: Catalogue, after: Catalogue) -> set[str]:
    """List the names that are trusted now, of callables and of the vocabularies of formats."""
    return _select_names(after, Standing.TRUSTED) - _select_names(before, Standing.TRUSTED)


def _list_no_longer_dangerous(before: Catalogue, after: Catalogue) -> set[str]:
    """List the names that are dangerous no more."""
    return _select_names(before, Standing.DANGEROUS) - _select_names(after, Standing.DANGEROUS)


def _select_names(catalogue: Catalogue, standing: Standing) -> set[str]:
    """Select the names of one standing: of callables and whole modules, and of operators and vocabularies."""
    lists = {"": catalogue.callables.by_name, "torchscript ": catalogue.operators}
    lists |= {f"{name} ": entries for name, entries in catalogue.vocabularies.items()}
    entries = ((f"{prefix}{name}", each) for prefix, names in lists.items() for name, each in names.items())
    names = {name for name, each in entries if each.standing is standing}
    return names | {f"{each}.*" for each in catalogue.callables.modules} if standing is Standing.DANGEROUS else names


def _list_changed_policies(before: Catalogue, after: Catalogue) -> set[str]:
    """List the policies that differ or are gone."""
    old = {name: policy.digest for name, policy in before.policies.items()}
    return _list_changed(old, {name: policy.digest for name, policy in after.policies.items()}) | (
        before.policies.keys() - after.policies.keys()
    )


def _list_changed_vocabularies(before: Catalogue, after: Catalogue) -> set[str]:
    """List the vocabularies whose unlisted names have another consequence, and those that are gone."""
    gone = before.declarations.keys() - after.declarations.keys()
    return _list_changed(before.declarations, after.declarations) | gone


def _list_inert_formats(before: Catalogue, after: Catalogue) -> set[str]:
    """List the formats that run no code by the later rule set alone."""
    return set(after.formats.inert.keys() - before.formats.inert.keys())


def _list_changed(before: Mapping[str, _Value], after: Mapping[str, _Value]) -> set[str]:
    """List the keys that both mappings have, with another value."""
    return {key for key in before.keys() & after.keys() if before[key] != after[key]}


_COMPARISONS: Final[dict[str, _Compare]] = {
    "removes rules": _list_removed_rules,
    "lowers rules": _list_lowered_rules,
    "changes what rules match": _list_changed_rules,
    "changes affected versions": _list_changed_ranges,
    "changes signatures of callables": _list_changed_signatures,
    "removes licences": _list_removed_licenses,
    "changes licences": _list_changed_licenses,
    "trusts further names": _list_trusted,
    "no longer calls dangerous": _list_no_longer_dangerous,
    "changes vocabularies": _list_changed_vocabularies,
    "calls formats inert": _list_inert_formats,
    "changes policies": _list_changed_policies,
}
