"""What licences say, clause by clause, and what somebody means to do with a model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

WORLD: Final = "WORLD"
"""The territory that every other one lies in."""


class LicenseCategory(StrEnum):
    """What a licence lets one do, in the coarsest useful words. ``unknown`` is never taken for permissive."""

    PUBLIC_DOMAIN = "public-domain"
    PERMISSIVE = "permissive"
    WEAK_COPYLEFT = "weak-copyleft"
    COPYLEFT = "copyleft"
    USE_RESTRICTED = "use-restricted"
    CONDITIONAL = "conditional-commercial"
    NON_COMMERCIAL = "non-commercial"
    RESEARCH_ONLY = "research-only"
    UNKNOWN = "unknown"


class Use(StrEnum):
    """What one may mean to do with a model."""

    COMMERCIAL = "commercial"
    HOSTED_SERVICE = "hosted-service"
    REDISTRIBUTE = "redistribute"
    FINE_TUNE = "fine-tune"
    DISTILL = "distill"
    TRAIN_ON_OUTPUTS = "train-on-outputs"
    EMBED_ON_DEVICE = "embed-on-device"


class Relation(StrEnum):
    """How a model was made from another one; the words of the Hub's ``base_model_relation``, and two of ours."""

    ADAPTER = "adapter"
    FINETUNE = "finetune"
    MERGE = "merge"
    QUANTIZED = "quantized"
    DISTILLED = "distilled"
    UNSTATED = "unstated"


class Group(StrEnum):
    """What a clause is to the person who reads it."""

    LIMIT = "limit"
    """It can forbid a use."""
    SHIP = "ship"
    """Something has to go along with every copy."""
    SHOW = "show"
    """Something has to be shown where people see it."""
    NAME = "name"
    """Something has to be named in a certain way."""
    PASS_ON = "pass-on"
    """Terms have to be laid upon those who receive it."""
    WATCH = "watch"
    """Something to keep doing, to keep from doing, or to look at again."""
    FACT = "fact"
    """Good to know; nothing follows from it by itself."""


class Answer(StrEnum):
    """What a clause, or all of them, say to a use, from the mildest."""

    ALLOW = "allow"
    REVIEW = "review"
    DENY = "deny"

    @property
    def rank(self) -> int:
        """0 for the mildest."""
        return list(Answer).index(self)


@dataclass(frozen=True, slots=True)
class Clause:
    """One thing that a licence permits, requires or forbids.

    Attributes:
        kind: a word of ``rules/clauses.yaml``.
        text: what it says, in our words.
        section: the section of the licence that it was read in; empty where the text was not read.
        number: a cap, for the kinds that have one: users a month, or USD a year.
        territories: ISO 3166-1 alpha-2 codes and groups of ``rules/clauses.yaml``, for the kinds that have them.
        scope: the models it is about, where it is not about all of them: ``multimodal``.
        fields: fields of use that it forbids, words of ``rules/clauses.yaml``; for a use policy.
        url: where the policy stands that it refers to; empty where it is part of the licence.
        words: the exact words that have to be shown or shipped, or the name that has to be used, where it fixes them.
    """

    kind: str
    text: str
    section: str = ""
    number: float | None = None
    territories: tuple[str, ...] = ()
    scope: str = ""
    fields: tuple[str, ...] = ()
    url: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerRule:
    """When a kind of clause answers to a use, and what. Every condition that is set has to hold.

    A condition about something that nobody stated neither holds nor fails; the answer is then ``review`` at most mild.

    Attributes:
        because: why, as a sentence to the person who asks; ``{number}``, ``{territories}``,
            ``{fields}`` and ``{words}`` stand for what the clause says.
        uses: any of these is meant.
        over: ``monthly-active-users`` or ``annual-revenue-usd`` is above the clause's number.
        inside: one of the territories is one of the clause's.
        listed: the field of use is one of the clause's.
    """

    answer: Answer
    because: str
    uses: tuple[Use, ...] = ()
    over: str = ""
    inside: bool = False
    listed: bool = False


@dataclass(frozen=True, slots=True)
class ClauseKind:
    """A kind of clause of the vocabulary.

    Attributes:
        id: kebab word.
        title: a heading for people.
        group: what it is to the reader.
        duty_of: the uses that set off the duty; empty for any. Only of the groups ship, show, name, pass-on and watch.
        answers: the first rule that holds answers; none of them: ``allow``.
        flows: the relations through which it binds what was made from the model.
        needs: fields of ``Clause`` that have to be filled in: ``number``, ``territories``, ``words``, ``fields``.
    """

    id: str
    title: str
    group: Group
    about: str
    duty_of: tuple[Use, ...] = ()
    answers: tuple[AnswerRule, ...] = ()
    flows: tuple[Relation, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """``rules/clauses.yaml``: the kinds of clauses by id, fields of use, and groups of territories.

    Attributes:
        countries: the codes of ISO 3166-1; where the rule set lists none, any two letters are one.
    """

    kinds: Mapping[str, ClauseKind] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    territories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    countries: frozenset[str] = frozenset()

    def is_known_territory(self, code: str) -> bool:
        """Whether ``code`` is a country, a group of them, or ``WORLD``; what is none of these limits nothing."""
        if code in (WORLD, *self.territories):
            return True
        return code in self.countries if self.countries else len(code) == 2 and code.isascii() and code.isalpha()

    def explain_invalid_territory(self, code: str) -> str:
        """What is wrong with a code that is no country, no group and not ``WORLD``; nothing where it is one."""
        if self.is_known_territory(code):
            return ""
        return (
            f"{code!r} is no territory; give a code of ISO 3166-1, such as DE, "
            f"or one of: {', '.join((*self.territories, WORLD))}"
        )

    def explain_invalid_field(self, field: str) -> str:
        """What is wrong with a word that is no field of use; nothing where it is one."""
        if field in self.fields:
            return ""
        return f"{field!r} is no field of use; use one of: {', '.join(self.fields)}"


@dataclass(frozen=True, slots=True)
class Intent:
    """What somebody means to do with the model, as a policy states it. What is not stated is unknown.

    Attributes:
        uses: for each use that was spoken of, whether it is meant.
        monthly_active_users: of all products of the organisation together.
        annual_revenue_usd: US dollars a year.
        territories: ISO 3166-1 alpha-2 codes and groups; empty means not stated, ``WORLD`` means everywhere.
        field: a field of use of ``rules/clauses.yaml``; empty means not stated.
    """

    uses: Mapping[Use, bool] = field(default_factory=dict)
    monthly_active_users: float | None = None
    annual_revenue_usd: float | None = None
    territories: tuple[str, ...] = ()
    field: str = ""

    @property
    def is_stated(self) -> bool:
        """Whether anything was said about the use at all."""
        return bool(self.uses)


@dataclass(frozen=True, slots=True)
class LicenseEntry:
    """One licence of the rule set.

    Attributes:
        id: SPDX identifier, or ``LicenseRef-…`` for what SPDX lacks.
        hub_ids: identifiers of the Hub's ``license`` field that mean this licence.
        aliases: other names under which cards give it, compared as ``folded`` leaves them.
        clauses: what it says, in the order of its sections.
        url: where the text stands.
        read: ISO date on which the terms were read there; empty means the terms are not verified.
        version: of the text, or its date, as the text states it; empty where it states none.
        open: whether it counts as an open licence for the openness class: any use, change and sharing by anybody.
        policy_url: where the use policy stands that belongs to it; empty where none does.
    """

    id: str
    name: str
    category: LicenseCategory
    hub_ids: tuple[str, ...]
    aliases: tuple[str, ...]
    clauses: tuple[Clause, ...]
    url: str
    read: str = ""
    version: str = ""
    open: bool = False
    policy_url: str = ""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model, or a row of models, whose licence is known without looking. It can restrict, and never permits.

    Attributes:
        pattern: a Hub id in which ``*`` stands for anything; the publisher is always spelt out.
        license: id of a licence of the rule set.
        multimodal: whether these models handle more than text; ``None`` if not known.
        why: what the knowledge rests on, as a sentence.
        read: ISO date on which somebody saw it stated; empty if from hearsay only.
    """

    pattern: str
    license: str
    multimodal: bool | None
    why: str
    read: str = ""

    def covers(self, name: str) -> bool:
        """Whether the Hub id ``name`` is one of these models; the Hub tells no upper from lower case."""
        return fnmatchcase(name.casefold(), self.pattern.casefold())


@dataclass(frozen=True, slots=True)
class OpennessPart:
    """A part of a release by the Model Openness Framework.

    Attributes:
        level: the class that asks for it first: 3 open model, 2 open tooling, 1 open science.
        kind: whose licence counts: ``model``, ``code``, ``data`` or ``document``.
        files: names that show it, as ``fnmatch`` reads them, without case.
        words: phrases in the text of the card that show it.
        fields: fields of the card that show it.
    """

    id: str
    title: str
    level: int
    kind: str
    files: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RestrictionSign:
    """One kind of restriction that a sentence may lay upon a model, outside of any licence text.

    Attributes:
        clauses: the kinds of clauses by which a licence says the same.
        words: any of them in a folded sentence is the sign.
    """

    id: str
    clauses: tuple[str, ...]
    words: tuple[re.Pattern[str], ...]


@dataclass(frozen=True, slots=True)
class Restrictions:
    """``rules/restrictions.yaml``.

    Attributes:
        unless: what takes a sentence out, as it speaks of others, permits or asks.
        but: what brings it back in, as an exception follows.
        stems: one of them stands in every sentence that can be a sign; in others nobody has to look.
    """

    signs: tuple[RestrictionSign, ...] = ()
    unless: tuple[re.Pattern[str], ...] = ()
    but: tuple[re.Pattern[str], ...] = ()
    stems: tuple[re.Pattern[str], ...] = ()
