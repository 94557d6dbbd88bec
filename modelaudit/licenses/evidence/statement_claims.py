"""Extract claims from statements outside model cards: keys of metadata and settings, and Hub tags."""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.licenses.evidence.fields import BLANK_VALUES, CLAIM_LIMIT, Resolver, truncate_quotation
from modelaudit.model.evidence import Statement, Statements, Topic
from modelaudit.model.license import ClaimKind, LicenseClaim
from modelaudit.model.structure import Location
from modelaudit.model.terms import Relation

_LICENSE_TOPICS = (Topic.LICENSE, Topic.LICENSE_NAME, Topic.LICENSE_LINK)


def extract_statement_claims(statements: Statements, artifact: str, resolver: Resolver) -> Iterator[LicenseClaim]:
    """Yield one claim for each licence and each base model, with the key that states it.

    A relation at the same place as a base model applies to that one; a relation elsewhere applies to all others.
    """
    yield from _extract_license_claims(statements, artifact, resolver)
    origins = [each for each in statements.items if each.topic is Topic.BASE_MODEL]
    places = {(each.field, each.where) for each in origins}
    own = {(each.field, each.where): _parse_relation(each) for each in statements.items if each.topic is Topic.RELATION}
    general = {relation for place, relation in own.items() if place not in places}
    common = next(iter(general)) if len(general) == 1 else Relation.UNSTATED
    kept: set[tuple[str, str]] = set()
    for each in statements.items:
        name = each.value.strip()
        is_origin = each.topic in (Topic.BASE_MODEL, Topic.DATASET) and name not in BLANK_VALUES
        if not is_origin or (each.topic, name) in kept or len(kept) >= 2 * CLAIM_LIMIT:
            continue
        kept.add((each.topic, name))
        relation = own.get((each.field, each.where), common) if each.topic is Topic.BASE_MODEL else None
        yield LicenseClaim(
            ClaimKind.INHERITED, artifact, each.field, truncate_quotation(name), None, each.where, relation=relation
        )


def _extract_license_claims(statements: Statements, artifact: str, resolver: Resolver) -> Iterator[LicenseClaim]:
    """Yield one claim for each different licence statement, and bound the unresolved ones."""
    unresolved = 0
    seen: set[tuple[str, str, Location]] = set()
    for each in statements.items:
        if each.topic not in _LICENSE_TOPICS:
            continue
        if each.value.strip() in BLANK_VALUES or (each.field, each.value, each.where) in seen:
            continue
        seen.add((each.field, each.value, each.where))
        entry = resolver.find_license(each.value)
        unresolved += entry is None
        if entry is not None or unresolved <= CLAIM_LIMIT:
            yield LicenseClaim(
                ClaimKind.DECLARED, artifact, each.field, truncate_quotation(each.value), entry, each.where
            )


def _parse_relation(statement: Statement) -> Relation:
    word = statement.value.strip().lower()
    return Relation(word) if word in set(Relation) else Relation.UNSTATED
