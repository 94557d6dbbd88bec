"""Licence evidence: what cards and other files state, and which licence files lie beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import assert_never

from modelaudit.licenses.evidence.fields import (
    BASE_MODEL,
    BLANK_VALUES,
    CLAIM_LIMIT,
    DATASETS,
    FILE_NAME,
    FRONT_MATTER,
    LICENSE,
    LICENSE_LINK,
    LICENSE_NAME,
    LINK_TARGET,
    RELATION,
    Resolver,
    truncate_quotation,
)
from modelaudit.licenses.evidence.statement_claims import extract_statement_claims
from modelaudit.model.evidence import ProseKind, Statements
from modelaudit.model.license import Basis, ClaimKind, LicenseClaim, fold_license_name
from modelaudit.model.structure import Location, ModelCard
from modelaudit.model.term_files import classify_text_file
from modelaudit.model.terms import LicenseEntry, Relation

__all__ = [
    "BASE_MODEL",
    "CLAIM_LIMIT",
    "DATASETS",
    "FILE_NAME",
    "FRONT_MATTER",
    "LICENSE",
    "LICENSE_LINK",
    "LICENSE_NAME",
    "LINK_TARGET",
    "claim_license_files",
    "extract_claims",
    "is_license_file_name",
]

_TERM_FILE_KINDS = (ProseKind.LICENSE, ProseKind.NOTICE, ProseKind.POLICY)
_HARMLESS_DEFECTS = frozenset({"duplicate-key", "front-matter-spelling"})


def extract_claims(
    structure: ModelCard | Statements, artifact: str, licenses: Mapping[str, LicenseEntry], vague: Mapping[str, str]
) -> tuple[LicenseClaim, ...]:
    """What one file says of its licence and origins, each name resolved against the rule set.

    Several values become one claim each; an SPDX expression stays one and resolves to nothing, since what it means is
    for the conclusion to say. Identifiers in ``vague`` resolve to nothing either, because they name a family and not a
    licence. Origins become inherited claims that quote the id and resolve to
    nothing, since the licence at the other end was not looked at: those of models have a relation, be it ``unstated``,
    and those of data sets have none.

    Args:
        structure: a model card, or what another file states.
        artifact: its path; empty for what the Hub states beside the files.
        licenses: the licences of the rule set by id.
        vague: Hub identifiers that name a family and not a licence, each with the reason.
    """
    resolver = Resolver.from_rules(licenses, vague)
    match structure:
        case ModelCard():
            return tuple(_extract_card_claims(structure, artifact, resolver))
        case Statements():
            return tuple(extract_statement_claims(structure, artifact, resolver))
        case _:
            assert_never(structure)


def _extract_card_claims(card: ModelCard, artifact: str, resolver: Resolver) -> Iterator[LicenseClaim]:
    """Field by field, as the Hub knows them.

    A part of the front matter that could not be read is a claim of the field ``front-matter``: it may have spoken of
    the licence.
    """
    for key in (LICENSE, LICENSE_NAME, LICENSE_LINK):
        unresolved = 0
        for value, line in _iter_distinct_values(card, key):
            entry = resolver.find_license(value)
            unresolved += entry is None
            if entry is not None or unresolved <= CLAIM_LIMIT:
                place = Location(line=line, key=key)
                yield LicenseClaim(ClaimKind.DECLARED, artifact, key, truncate_quotation(value), entry, place)
    for defect in card.defects[:CLAIM_LIMIT]:
        if defect.kind not in _HARMLESS_DEFECTS and defect.where.key in (None, LICENSE, LICENSE_NAME, LICENSE_LINK):
            yield LicenseClaim(
                ClaimKind.DECLARED, artifact, FRONT_MATTER, truncate_quotation(defect.detail), None, defect.where
            )
    yield from _extract_lineage_claims(card, artifact)


def _extract_lineage_claims(card: ModelCard, artifact: str) -> Iterator[LicenseClaim]:
    """One inherited claim for each model and data set that the card names as an origin."""
    for key, relation in ((BASE_MODEL, _parse_card_relation(card)), (DATASETS, None)):
        lines = {
            value.strip(): field.line for field in reversed(card.fields) if field.key == key for value in field.values
        }
        for name, line in islice(
            ((name, line) for name, line in lines.items() if name not in BLANK_VALUES), CLAIM_LIMIT
        ):
            place = Location(line=line, key=key)
            yield LicenseClaim(
                ClaimKind.INHERITED, artifact, key, truncate_quotation(name), None, place, relation=relation
            )


def _parse_card_relation(card: ModelCard) -> Relation:
    """The relation that the card states for all of its base models; ``unstated`` where it states none, or several."""
    stated = {value.strip().lower() for field in card.fields if field.key == RELATION for value in field.values}
    known = [relation for relation in Relation if relation in stated]
    return known[0] if len(stated) == len(known) == 1 else Relation.UNSTATED


def _iter_distinct_values(card: ModelCard, key: str) -> Iterator[tuple[str, int]]:
    """The different values of every field named ``key``, each with its line; spellings of one name count once."""
    seen: set[str] = set()
    for field in card.fields:
        for value in field.values if field.key == key else ():
            name = fold_license_name(value) or value.strip()
            if name not in seen and value.strip() not in BLANK_VALUES:
                seen.add(name)
                yield value, field.line


def claim_license_files(paths: Iterable[str]) -> tuple[LicenseClaim, ...]:
    """One claim for each file whose name says that it holds a licence, a notice or a use policy.

    A name is all that is looked at: ``entry`` stays ``None``, for the text was not compared with any licence.
    """
    found = sorted(path for path in paths if classify_text_file(path) in _TERM_FILE_KINDS)
    return tuple(
        LicenseClaim(ClaimKind.FOUND, path, FILE_NAME, path, None, basis=Basis.FILE_NAME)
        for path in found[:CLAIM_LIMIT]
    )


def is_license_file_name(path: str) -> bool:
    """Whether the name of a file says that it holds the text of a licence: ``LICENSE``, ``COPYING``, ``LICENSES/…``."""
    return classify_text_file(path) is ProseKind.LICENSE
