"""Everything in which a later rule set finds less is listed, and what it adds is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from modelaudit.catalogue import load_catalogue
from modelaudit.catalogue.relaxations import list_relaxations
from modelaudit.formats.registry import FACTS
from modelaudit.model.catalogue import Catalogue, RetiredRule, Standing, Unlisted
from modelaudit.model.copies import replace
from modelaudit.model.finding import Severity
from modelaudit.model.terms import LicenseCategory

SHIPPED: Final = load_catalogue(formats=FACTS)
CALL: Final = SHIPPED.findings["pickle/dangerous-call"]


def without(entries: Any, *names: str) -> dict[str, Any]:
    """Return a mapping without these names."""
    return {name: entry for name, entry in entries.items() if name not in names}


def change_call(**fields: Any) -> Catalogue:
    """Return the rules with other fields of one rule."""
    return replace(SHIPPED, findings={**SHIPPED.findings, CALL.rule.id: replace(CALL, **fields)})


def change_callables(standing: Standing) -> Catalogue:
    """Return the rules with another standing of the first dangerous name."""
    names = SHIPPED.callables.by_name
    entry = replace(names[DANGEROUS], standing=standing)
    return change_names(callables=replace(SHIPPED.callables, by_name={**names, DANGEROUS: entry}))


def change_names(**lists: Any) -> Catalogue:
    """Return the rules with other lists of names."""
    names = replace(SHIPPED.read_names(), **lists)
    return replace(SHIPPED, read_names=lambda: names)


DANGEROUS: Final = next(
    name for name, each in sorted(SHIPPED.callables.by_name.items()) if each.standing is Standing.DANGEROUS
)
MODULE: Final = min(SHIPPED.callables.modules)
VOCABULARY: Final = next(
    name for name, each in sorted(SHIPPED.declarations.items()) if each.policy.unlisted == "absent"
)
LISTED: Final = next(name for name, entries in sorted(SHIPPED.vocabularies.items()) if entries)

CASES: Final[dict[str, tuple[Callable[[], Catalogue], dict[str, tuple[str, ...]]]]] = {
    "nothing": (lambda: SHIPPED, {}),
    "rule": (
        lambda: replace(SHIPPED, findings=without(SHIPPED.findings, CALL.rule.id)),
        {"removes rules": (CALL.rule.id,)},
    ),
    "retired rule": (
        lambda: replace(
            SHIPPED,
            findings=without(SHIPPED.findings, CALL.rule.id),
            retired={**SHIPPED.retired, CALL.rule.id: RetiredRule("pickle/unlisted-call", "9.9.9")},
        ),
        {"removes rules": (CALL.rule.id,)},
    ),
    "lower": (
        lambda: change_call(rule=replace(CALL.rule, severity=Severity.INFO)),
        {"lowers rules": (f"{CALL.rule.id} (critical to info)",)},
    ),
    "match": (lambda: change_call(match=()), {"changes what rules match": (CALL.rule.id,)}),
    "absence": (lambda: change_call(is_fallback=True), {"changes what rules match": (CALL.rule.id,)}),
    "words": (lambda: change_call(message="another sentence"), {}),
    "licence": (
        lambda: replace(SHIPPED, licenses=without(SHIPPED.licenses, "MIT", "ISC")),
        {"removes licences": ("ISC", "MIT")},
    ),
    "category": (
        lambda: replace(
            SHIPPED,
            licenses={
                **SHIPPED.licenses,
                "CC-BY-NC-4.0": replace(SHIPPED.licenses["CC-BY-NC-4.0"], category=LicenseCategory.PERMISSIVE),
            },
        ),
        {"changes licences": ("CC-BY-NC-4.0",)},
    ),
    "trust": (
        lambda: change_callables(Standing.TRUSTED),
        {"trusts further names": (DANGEROUS,), "no longer calls dangerous": (DANGEROUS,)},
    ),
    "no danger": (lambda: change_callables(Standing.UNLISTED), {"no longer calls dangerous": (DANGEROUS,)}),
    "module": (
        lambda: change_names(callables=replace(SHIPPED.callables, modules=without(SHIPPED.callables.modules, MODULE))),
        {"no longer calls dangerous": (f"{MODULE}.*",)},
    ),
    "name of a format": (
        lambda: change_names(
            vocabularies={
                **SHIPPED.vocabularies,
                LISTED: {
                    **SHIPPED.vocabularies[LISTED],
                    "acme": replace(SHIPPED.callables.by_name[DANGEROUS], standing=Standing.TRUSTED),
                },
            },
        ),
        {"trusts further names": (f"{LISTED} acme",)},
    ),
    "vocabulary": (
        lambda: replace(
            SHIPPED,
            declarations={
                **SHIPPED.declarations,
                VOCABULARY: replace(
                    SHIPPED.declarations[VOCABULARY],
                    policy=replace(SHIPPED.declarations[VOCABULARY].policy, unlisted=Unlisted.QUIET),
                ),
            },
        ),
        {"changes vocabularies": (VOCABULARY,)},
    ),
    "format": (
        lambda: replace(SHIPPED, formats=replace(SHIPPED.formats, inert={**SHIPPED.formats.inert, "pickle": "no"})),
        {"calls formats inert": ("pickle",)},
    ),
    "policy": (
        lambda: replace(
            SHIPPED,
            policies={
                **without(SHIPPED.policies, "research"),
                "default": replace(SHIPPED.policies["default"], digest="0" * 64),
            },
        ),
        {"changes policies": ("default", "research")},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_relaxation_is_listed_by_name(name: str) -> None:
    make, expected = CASES[name]
    assert dict(list_relaxations(SHIPPED, make())) == expected


def test_stricter_rules_are_no_relaxation() -> None:
    make, _ = CASES["rule"]
    assert not dict(list_relaxations(make(), SHIPPED))
    make, _ = CASES["lower"]
    assert not dict(list_relaxations(make(), SHIPPED))
    make, _ = CASES["no danger"]
    assert not dict(list_relaxations(make(), SHIPPED))
