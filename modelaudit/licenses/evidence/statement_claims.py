"""Extract claims from statements outside model cards: keys of metadata and settings, and Hub tags."""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelaudit.licenses.evidence.fields import (
    BLANK_VALUES,
    CLAIM_LIMIT,
    LINEAGE_CLAIM_LIMIT,
    RESTRICTION,
    Resolver,
    quote_name,
    truncate_quotation,
)
from modelaudit.model.evidence import Statement, Statements, Topic
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import ClaimKind, LicenseClaim
from modelaudit.model.structure import Location
from modelaudit.model.terms import Relation

# Words of a package for terms that permit nothing by themselves; classifiers of PyPI and a value of npm among them.
_CLOSED_VALUE = defer_pattern(
    r"(?:licenseref-|other/)?(?:proprietary|commercial|closed[- ]?source|all rights reserved|confidential)"
    r"(?:[- ]licen[cs]e)?|free for (?:educational|home) use|free to use but restricted|unlicensed"
    r"|(?:licenseref-)?(?:[\w.]+[- ]){0,4}(?:evaluation|trial|internal|non-?commercial|research|academic|restricted)"
    r"(?:[- ](?:only|use|use[- ]only|licen[cs]e|agreement|terms|eula))*",
    re.IGNORECASE,
)
_OTHER_TERMS = "other-terms"
"""The kind of restriction in ``rules/restrictions.yaml``."""
_LICENSE_TOPICS = (Topic.LICENSE, Topic.LICENSE_NAME, Topic.LICENSE_LINK)


def extract_statement_claims(statements: Statements, artifact: str, resolver: Resolver) -> Iterator[LicenseClaim]:
    """Yield one claim for each licence, each base model and each data set, with the key that states it.

    A relation at the same place as a base model applies to that one; a relation elsewhere applies to all others.
    """
    yield from _extract_license_claims(statements, artifact, resolver)
    base_model_places = {(each.field, each.where) for each in statements.items if each.topic is Topic.BASE_MODEL}
    relations = {
        (each.field, each.where): _parse_relation(each) for each in statements.items if each.topic is Topic.RELATION
    }
    general_relations = {relation for place, relation in relations.items() if place not in base_model_places}
    # Several general relations contradict each other, so none of them is assumed.
    default_relation = next(iter(general_relations)) if len(general_relations) == 1 else Relation.UNSTATED
    seen: dict[Topic, set[str]] = {Topic.BASE_MODEL: set(), Topic.DATASET: set()}
    for each in statements.items:
        name = each.value.strip()
        if each.topic not in seen or name in BLANK_VALUES:
            continue
        names = seen[each.topic]
        if name in names or len(names) == LINEAGE_CLAIM_LIMIT:
            continue
        names.add(name)
        is_base_model = each.topic is Topic.BASE_MODEL
        relation = relations.get((each.field, each.where), default_relation) if is_base_model else None
        yield LicenseClaim(
            ClaimKind.INHERITED, artifact, each.field, quote_name(name), None, each.where, relation=relation
        )


def _extract_license_claims(statements: Statements, artifact: str, resolver: Resolver) -> Iterator[LicenseClaim]:
    """Yield one claim for each different licence statement; of the unresolved ones, only the first 50."""
    unresolved = 0
    seen: set[tuple[str, str, Location]] = set()
    for each in statements.items:
        if each.topic not in _LICENSE_TOPICS or each.value.strip() in BLANK_VALUES:
            continue
        if (each.field, each.value, each.where) in seen:
            continue
        seen.add((each.field, each.value, each.where))
        entry = resolver.find_license(each.value)
        unresolved += entry is None
        if entry is not None or unresolved <= CLAIM_LIMIT:
            yield LicenseClaim(
                ClaimKind.DECLARED, artifact, each.field, truncate_quotation(each.value), entry, each.where
            )
        # An unknown name of a package covers its code alone, while such words may be about all that it holds.
        if entry is None and _CLOSED_VALUE.fullmatch(each.value.strip()):
            place = Location(line=each.where.line, key=_OTHER_TERMS)
            quotation = truncate_quotation(f"{each.field}: {each.value}")
            yield LicenseClaim(ClaimKind.DECLARED, artifact, RESTRICTION, quotation, None, place)


def _parse_relation(statement: Statement) -> Relation:
    """Parse the value of a relation statement; ``unstated`` for a word that the Hub does not know."""
    word = statement.value.strip().lower()
    return Relation(word) if word in set(Relation) else Relation.UNSTATED
