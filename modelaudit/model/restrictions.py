"""The words by which sentences outside of licence texts restrict the use of a model."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct, field

from modelaudit.model.card_layout import CardLayout
from modelaudit.model.structure import Location
from modelaudit.model.terms import Use
from modelaudit.model.weight_table import WeightTable

UNSEARCHED: Final = Location(key="not-compared")
"""The place of a claim or a conflict on a text that was not, or not to its end, searched for terms."""

ORDINARY_NAME = "ordinarylicence"
"""The word that replaces the name of an ordinary licence in a sentence, so that patterns need not list the names."""


class RestrictionSign(Struct, frozen=True):
    """One kind of restriction that a sentence can impose on a model, outside any licence text.

    Attributes:
        clauses: the kinds of clauses that impose the same in a licence.
        words: the sentence is a sign if any pattern matches its folded form.
        quoted: whether the first sentence of this kind in an unknown licence text is quoted.
        denies: the planned uses that a single prohibition of this kind forbids where it names them.
        gist: its meaning in English, as a clause that follows others.
    """

    id: str
    clauses: tuple[str, ...]
    words: tuple[re.Pattern[str], ...]
    quoted: bool = False
    denies: tuple[Use, ...] = ()
    gist: str = ""


class PlainLimit(Struct, frozen=True):
    """One kind of limit that an unknown or changed licence text states plainly.

    Attributes:
        kind: id of the kind of restriction.
        needs: texts in lower case; every match contains at least one.
        words: a sentence states the limit if any pattern matches it.
    """

    kind: str
    needs: tuple[str, ...]
    words: tuple[re.Pattern[str], ...]


class Combination(Struct, frozen=True):
    """Vocabularies whose words make a restriction where they occur together.

    Attributes:
        kind: id of the kind of restriction.
        groups: one word of each group is needed; a group is a choice of vocabularies.
        absent: vocabularies whose words must not occur.
        distance: in words; ``None`` for anywhere in the sentence.
    """

    kind: str
    groups: tuple[tuple[str, ...], ...]
    absent: tuple[str, ...] = ()
    distance: int | None = None


class Cues(Struct, frozen=True, eq=False):
    """The content of ``rules/cues.yaml``.

    Attributes:
        ordinary: match the name of an ordinary licence.
        agreements: match words that agree with an ordinary licence.
        vocabularies: (name, phrases).
        combinations: in the order of the file.
        exempt: match sentences about something else than the model.
        topics: (name, phrases) of the facts of a planned use, such as ``place:EU``, ``use:commercial`` or
            ``field:military``.
        denials: match words that forbid plainly. No agreement that touches them is cut out.
    """

    ordinary: tuple[re.Pattern[str], ...] = ()
    agreements: tuple[re.Pattern[str], ...] = ()
    vocabularies: tuple[tuple[str, tuple[str, ...]], ...] = ()
    combinations: tuple[Combination, ...] = ()
    exempt: tuple[re.Pattern[str], ...] = ()
    topics: tuple[tuple[str, tuple[str, ...]], ...] = ()
    denials: tuple[re.Pattern[str], ...] = ()


class SentenceWeights(Struct, frozen=True, eq=False):
    """The content of ``rules/sentences/weights.yaml``.

    Attributes:
        weights: of each feature of a sentence; a positive one speaks for a restriction.
        bias: the score of a sentence without a known feature.
        threshold: the score above which a sentence reads like a restriction.
    """

    weights: WeightTable = field(default_factory=WeightTable)
    bias: float = 0.0
    threshold: float = 0.0


class ClauseShape(Struct, frozen=True, eq=False):
    """A shape of clauses about something else than the right to use the model.

    Attributes:
        words: match the beginning of a clause. A group ``subject`` holds the words of its subject.
        unless: a clause stays if one of these occurs in it, outside of its subject.
        follows: whether the clause before must have been cut.
        alone: whether the sentence may have no other clause.
        within: the sections of a card that the clause must belong to; empty for any place.
    """

    name: str
    words: re.Pattern[str]
    unless: tuple[re.Pattern[str], ...] = ()
    follows: bool = False
    alone: bool = False
    within: tuple[str, ...] = ()


class CardSection(Struct, frozen=True, eq=False):
    """A kind of section of a card that is about something else than the right to use the model.

    Attributes:
        heading: matches the whole heading.
        margin: how far the score of a sentence must exceed the threshold there.
    """

    name: str
    heading: re.Pattern[str]
    margin: float


class ClauseSubjects(Struct, frozen=True, eq=False):
    """The content of ``rules/clause_subjects.yaml``.

    Attributes:
        boundary: matches the marks between clauses; ``None`` if no rule folder has the file.
        spared: match what says that the model is left alone.
        carries: match what extends a clause to the model.
        asides: match what is cut anywhere in a sentence.
    """

    boundary: re.Pattern[str] | None = None
    spared: tuple[re.Pattern[str], ...] = ()
    carries: tuple[re.Pattern[str], ...] = ()
    asides: tuple[re.Pattern[str], ...] = ()
    shapes: tuple[ClauseShape, ...] = ()
    sections: tuple[CardSection, ...] = ()


class Restrictions(Struct, frozen=True, eq=False):
    """The content of ``rules/restrictions.yaml``, with the other words and weights by which sentences are judged.

    Each is equal to itself alone, so that judgements of sentences can be kept for one set of rules.

    Attributes:
        unless: patterns that exempt a sentence: it is about others, grants a permission, or asks.
        but: patterns that revoke the exemption, because an exception follows.
        plain: the limits that an unknown licence text states plainly.
        layout: the words by which the layout of a card limits the use; ``None`` if no rule folder has them.
        stems: every sign contains one of these, so other sentences are skipped.
        cues: the words by which a sentence without a sign is judged.
        weights: the weights by which a sentence without either is scored.
        subjects: the clauses that are about something else than the right to use the model.
    """

    signs: tuple[RestrictionSign, ...] = ()
    unless: tuple[re.Pattern[str], ...] = ()
    but: tuple[re.Pattern[str], ...] = ()
    stems: tuple[re.Pattern[str], ...] = ()
    cues: Cues = field(default_factory=Cues)
    weights: SentenceWeights = field(default_factory=SentenceWeights)
    subjects: ClauseSubjects = field(default_factory=ClauseSubjects)
    plain: tuple[PlainLimit, ...] = ()
    layout: CardLayout | None = None


def is_unsearched(where: Location) -> bool:
    """Whether a claim or a conflict is about a text that was not, or not to its end, searched for terms."""
    return where.key == UNSEARCHED.key
