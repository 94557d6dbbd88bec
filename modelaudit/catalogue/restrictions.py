"""Read ``rules/restrictions.yaml``: phrases that authors use to restrict a licence in running text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field

from pydantic.dataclasses import dataclass

from modelaudit.catalogue.card_layout import read_card_layout
from modelaudit.catalogue.clause_subjects import read_clause_subjects
from modelaudit.catalogue.cues import compile_pattern, read_cues
from modelaudit.catalogue.document import Document
from modelaudit.catalogue.schema import CONFIG, Kebab, Shape, Text
from modelaudit.catalogue.sentence_weights import read_sentence_weights
from modelaudit.model.restrictions import PlainLimit, Restrictions, RestrictionSign
from modelaudit.model.terms import ClauseKind, Use


@dataclass(config=CONFIG)
class SignFile:
    """One kind of restriction."""

    clauses: list[Kebab]
    words: list[Text] = field(default_factory=list)
    quoted: bool = False
    denies: list[Use] = field(default_factory=list)
    gist: str = ""


@dataclass(config=CONFIG)
class PlainLimitFile:
    """One kind of limit that a licence text states plainly."""

    needs: list[Text]
    words: list[Text]


@dataclass(config=CONFIG)
class RestrictionsFile:
    """``rules/restrictions.yaml``."""

    signs: dict[Kebab, SignFile]
    unless: list[Text]
    but: Text
    stems: Text
    plain: dict[Kebab, PlainLimitFile] = field(default_factory=dict)


_FILE = Shape(RestrictionsFile)


def read_restrictions(
    documents: Iterable[Document],
    cue_documents: Iterable[Document],
    weight_documents: Iterable[Document],
    subject_documents: Iterable[Document],
    layout_documents: Iterable[Document],
    kinds: Mapping[str, ClauseKind],
) -> Restrictions:
    """Read the signs, in the order of the files, and the patterns that decide where signs are looked for.

    A sign is a pattern of sentences that withhold a permission. ``unless`` takes out a sentence that a sign matches,
    ``but`` brings it back in, and no sign is looked for in a sentence that ``stems`` does not match. A
    kind without words is found by the combinations of ``rules/cues.yaml`` alone.

    Raises:
        ConfigurationError: a sign is listed twice, a plain limit has no sign, a kind of clause is unknown, or a
            pattern is invalid.
    """
    signs: dict[str, RestrictionSign] = {}
    unless: list[re.Pattern[str]] = []
    but: list[re.Pattern[str]] = []
    stems: list[re.Pattern[str]] = []
    plain: list[PlainLimit] = []
    for document in documents:
        file = _FILE.read(document)
        for id_, sign in file.signs.items():
            place = ("signs", id_)
            if id_ in signs:
                raise document.error(f"signs.{id_}: is listed already", place)
            for kind in sign.clauses:
                if kind not in kinds:
                    raise document.error(f"signs.{id_}.clauses: {kind!r} is not a kind in rules/clauses.yaml", place)
            words = tuple(compile_pattern(each, document, place) for each in sign.words)
            signs[id_] = RestrictionSign(id_, tuple(sign.clauses), words, sign.quoted, tuple(sign.denies), sign.gist)
        for id_, limit in file.plain.items():
            if id_ not in signs:
                raise document.error(f"plain.{id_}: is none of the signs", ("plain", id_))
            patterns = tuple(compile_pattern(each, document, ("plain", id_), re.IGNORECASE) for each in limit.words)
            plain.append(PlainLimit(id_, tuple(limit.needs), patterns))
        unless += (compile_pattern(each, document, ("unless",)) for each in file.unless)
        stems.append(compile_pattern(file.stems, document, ("stems",)))
        but.append(compile_pattern(file.but, document, ("but",)))
    cues = read_cues(cue_documents, signs.keys())
    weights = read_sentence_weights(weight_documents)
    subjects = read_clause_subjects(subject_documents)
    return Restrictions(
        tuple(signs.values()),
        tuple(unless),
        tuple(but),
        tuple(stems),
        cues,
        weights,
        subjects,
        tuple(plain),
        read_card_layout(layout_documents),
    )
