"""Licence evidence: what a model card states and which licence files lie beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from modelaudit.licenses.names import names_of
from modelaudit.model.license import NAME_LIMIT, ClaimKind, LicenseClaim, folded
from modelaudit.model.structure import Location, ModelCard
from modelaudit.model.terms import LicenseEntry

LICENSE = "license"
LICENSE_NAME = "license_name"
LICENSE_LINK = "license_link"
BASE_MODEL = "base_model"
DATASETS = "datasets"
FRONT_MATTER = "front-matter"
FILE_NAME = "file-name"
LINK_TARGET = "link-target"

CLAIM_LIMIT = 50
"""Claims kept of one field that resolve to nothing, of file names and of origins. What resolves is kept however much
there is: a licence must not be hidden behind fifty others."""

_BLANK = frozenset({"", "~", "null", "None"})
_OPERATOR = re.compile(r"\s+(?:OR|AND|WITH)\s+", re.IGNORECASE)
_TEXT_NAME = re.compile(r"(?:.*[-_. ])?(?:un)?licen[cs]e(?:[-_. ].*)?|copying(?:[-_. ].*)?", re.IGNORECASE)
_OTHER_NAME = re.compile(r"(?:.*[-_. ])?(?:notice|(?:acceptable[-_ ])?use[-_ ]policy)(?:[-_. ].*)?", re.IGNORECASE)
_PROSE = frozenset({"", "txt", "md", "markdown", "rst", "html", "htm", "pdf", "rtf", "mit", "apache", "bsd", "model"})


def claims_of(
    card: ModelCard, artifact: str, licenses: Mapping[str, LicenseEntry], vague: Mapping[str, str]
) -> tuple[LicenseClaim, ...]:
    """What one model card says of its licence, field by field, each resolved against the rule set.

    Fields are those of the Hub's card metadata: ``license``, ``license_name``, ``license_link``. Several values of
    ``license``, or an SPDX expression in it, become one claim each. Identifiers in ``vague`` resolve to nothing,
    because they name a family and not a licence. A part of the front matter that could not be read is a claim too, of
    the field ``front-matter``: it may have spoken of the licence.

    What the card says the model was made from (``base_model``, ``datasets``) becomes inherited claims that quote the
    id and resolve to nothing: the licence at the other end was not looked at.
    """
    names = names_of(licenses)
    families = {folded(name) for name in vague}
    claims: list[LicenseClaim] = []
    for key in (LICENSE, LICENSE_NAME, LICENSE_LINK):
        unresolved = 0
        for value, line in _distinct(card, key):
            name = folded(value)
            entry = None if name in families else names.get(name)
            unresolved += entry is None
            if entry is not None or unresolved <= CLAIM_LIMIT:
                place = Location(line=line, key=key)
                claims.append(LicenseClaim(ClaimKind.DECLARED, artifact, key, _quoted(value), entry, place))
    claims += (
        LicenseClaim(ClaimKind.DECLARED, artifact, FRONT_MATTER, _quoted(defect.detail), None, defect.where)
        for defect in card.defects[:CLAIM_LIMIT]
        if defect.kind != "duplicate-key" and defect.where.key in (None, LICENSE, LICENSE_NAME, LICENSE_LINK)
    )
    return (*claims, *_lineage(card, artifact))


def _lineage(card: ModelCard, artifact: str) -> Iterator[LicenseClaim]:
    """One inherited claim for each model and data set that the card names as an origin."""
    for key in (BASE_MODEL, DATASETS):
        lines = {
            value.strip(): field.line for field in reversed(card.fields) if field.key == key for value in field.values
        }
        for name, line in islice(((name, line) for name, line in lines.items() if name not in _BLANK), CLAIM_LIMIT):
            yield LicenseClaim(ClaimKind.INHERITED, artifact, key, _quoted(name), None, Location(line=line, key=key))


def _distinct(card: ModelCard, key: str) -> Iterator[tuple[str, int]]:
    """The different values of every field named ``key``, each with its line; spellings of one name count once."""
    seen: set[str] = set()
    for field in card.fields:
        for value in field.values if field.key == key else ():
            for part in _operands(value) if key == LICENSE else (value,):
                name = folded(part) or part.strip()
                if name not in seen and part.strip() not in _BLANK:
                    seen.add(name)
                    yield part, field.line


def file_claims(paths: Iterable[str]) -> tuple[LicenseClaim, ...]:
    """One claim for each file whose name says that it holds a licence, a notice or a use policy.

    A name is all that is looked at: ``entry`` stays ``None``, for the text was not compared with any licence.
    """
    found = sorted(path for path in paths if holds_license_text(path) or _names(path, _OTHER_NAME))
    return tuple(LicenseClaim(ClaimKind.FOUND, path, FILE_NAME, path, None) for path in found[:CLAIM_LIMIT])


def holds_license_text(path: str) -> bool:
    """Whether the name of a file says that it holds the text of a licence: ``LICENSE``, ``COPYING``, ``LICENSES/…``."""
    return _names(path, _TEXT_NAME) or (path.startswith("LICENSES/") and _is_prose(path))


def _names(path: str, pattern: re.Pattern[str]) -> bool:
    name = path.rpartition("/")[2]
    return len(name) <= NAME_LIMIT and pattern.fullmatch(name) is not None and _is_prose(name)


def _is_prose(name: str) -> bool:
    """Tells ``LICENSE-2.0.txt`` and ``LICENSE-2.0`` from ``license_check.py``."""
    suffix = name.rpartition("/")[2].rpartition(".")[2] if "." in name else ""
    return suffix.lower() in _PROSE or suffix.isdigit()


def _operands(value: str) -> tuple[str, ...]:
    """The licences of an SPDX expression, unevaluated; the value itself where it is none."""
    if len(value) > NAME_LIMIT:
        return (value,)
    parts = [part.strip(" ()") for part in _OPERATOR.split(value)]
    return tuple(parts) if len(parts) > 1 and all(parts) else (value,)


def _quoted(value: str) -> str:
    return value if len(value) <= NAME_LIMIT else f"{value[:NAME_LIMIT]}… ({len(value)} characters)"
