"""Extract licence claims from model cards, from statements in other files, and from file names.

A claim (``LicenseClaim``) is one statement about a licence or a base model, with its place and its words. Claims are
resolved to a licence of the rule set where the name is known, and are never weighed here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
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
    LINEAGE_CLAIM_LIMIT,
    LINK_TARGET,
    RELATION,
    Resolver,
    quote_name,
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
"""Defects that hide no field: every value of a repeated or respelled key is read all the same."""


def extract_claims(
    structure: ModelCard | Statements, artifact: str, licenses: Mapping[str, LicenseEntry], vague: Mapping[str, str]
) -> tuple[LicenseClaim, ...]:
    """Extract the claims about licence and base models from one file, and resolve each name against the rule set.

    Each value of a list becomes a claim of its own. An SPDX expression stays one claim with ``entry=None``, because the
    conclusion interprets it. An identifier in ``vague`` stays unresolved too: it names a family and no licence. Base
    models and data sets become inherited claims that quote the id, without an entry, because their licence is looked up
    later. Claims about models have a relation (possibly ``unstated``), and claims about data sets have none.

    Args:
        structure: a model card, or the statements of another file.
        artifact: path of the file; empty for statements of the Hub itself.
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
    """Yield claims field by field, in the spelling of the Hub.

    A part of the front matter that could not be parsed becomes a claim of the field ``front-matter``, because it may
    have held a licence field.
    """
    for key in (LICENSE, LICENSE_NAME, LICENSE_LINK):
        unresolved = 0
        for value, line in _iter_distinct_values(card, key):
            entry = resolver.find_license(value)
            unresolved += entry is None
            if entry is not None or unresolved <= CLAIM_LIMIT:
                place = Location(line=line, key=key)
                yield LicenseClaim(ClaimKind.DECLARED, artifact, key, truncate_quotation(value), entry, place)
    # A defect without a key can hide any field.
    hiding_defects = [
        defect
        for defect in card.defects
        if defect.kind not in _HARMLESS_DEFECTS and defect.where.key in (None, LICENSE, LICENSE_NAME, LICENSE_LINK)
    ]
    for defect in hiding_defects[:CLAIM_LIMIT]:  # one is a doubt already
        yield LicenseClaim(
            ClaimKind.DECLARED, artifact, FRONT_MATTER, truncate_quotation(defect.detail), None, defect.where
        )
    yield from _extract_lineage_claims(card, artifact)


def _extract_lineage_claims(card: ModelCard, artifact: str) -> Iterator[LicenseClaim]:
    """Yield one inherited claim for each base model and each data set that the card names."""
    for key, relation in ((BASE_MODEL, _parse_card_relation(card)), (DATASETS, None)):
        # Fields in reverse, so that a name which several fields give keeps the line of the first.
        lines = {
            value.strip(): field.line for field in reversed(card.fields) if field.key == key for value in field.values
        }
        names = [name for name in lines if name not in BLANK_VALUES]
        for name in names[:LINEAGE_CLAIM_LIMIT]:
            place = Location(line=lines[name], key=key)
            yield LicenseClaim(ClaimKind.INHERITED, artifact, key, quote_name(name), None, place, relation=relation)


def _parse_card_relation(card: ModelCard) -> Relation:
    """Parse the relation that the card states for all its base models; ``unstated`` for none or for several."""
    stated = {value.strip().lower() for field in card.fields if field.key == RELATION for value in field.values}
    known = [relation for relation in Relation if relation in stated]
    return known[0] if len(stated) == len(known) == 1 else Relation.UNSTATED


def _iter_distinct_values(card: ModelCard, key: str) -> Iterator[tuple[str, int]]:
    """Yield (value, line) for the different values of every field named ``key``; spellings of one name count once."""
    seen: set[str] = set()
    for field in card.fields:
        if field.key != key:
            continue
        for value in field.values:
            name = fold_license_name(value) or value.strip()
            if name not in seen and value.strip() not in BLANK_VALUES:
                seen.add(name)
                yield value, field.line


def claim_license_files(paths: Iterable[str], read: Collection[str] = ()) -> tuple[LicenseClaim, ...]:
    """Make one claim for each file whose name promises a licence, a notice or a use policy, and that has no claim yet.

    Args:
        paths: of the files.
        read: of the files whose text was compared with every licence; it matched none, because that makes a claim.
    """
    term_files = [path for path in paths if classify_text_file(path) in _TERM_FILE_KINDS]
    # Beyond the limit, those nearest to the root are kept: a file there is about the whole model.
    kept_files = sorted(term_files, key=lambda path: (path.count("/"), path))[:CLAIM_LIMIT]
    return tuple(
        LicenseClaim(
            ClaimKind.FOUND, path, FILE_NAME, path, None, basis=Basis.NO_MATCH if path in read else Basis.FILE_NAME
        )
        for path in sorted(kept_files)
    )


def is_license_file_name(path: str) -> bool:
    """Whether a file name promises the text of a licence: ``LICENSE``, ``COPYING``, ``LICENSES/…``."""
    return classify_text_file(path) is ProseKind.LICENSE


def summarize_declarations(claims: Iterable[LicenseClaim]) -> str:
    """Summarize the declared claims of a model in one line."""
    stated: Mapping[str, None] = dict.fromkeys(
        f"{claim.field}: {' '.join(claim.quotation.split())[:80]}"
        for claim in claims
        if claim.kind is ClaimKind.DECLARED
    )
    return "; ".join(list(stated)[:3]) or "it states no licence"
