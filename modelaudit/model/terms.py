"""The terms of licences, clause by clause, and the intended use of a model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct, field

WORLD: Final = "WORLD"
"""The territory that contains all others."""

GENERAL_FIELD: Final = "general"
"""The field of use that no list of restrictions contains."""


class LicenseCategory(StrEnum):
    """The category of a licence, from the freest to the strictest; ``unknown`` never counts as permissive."""

    PUBLIC_DOMAIN = "public-domain"
    PERMISSIVE = "permissive"
    WEAK_COPYLEFT = "weak-copyleft"
    COPYLEFT = "copyleft"
    USE_RESTRICTED = "use-restricted"
    CONDITIONAL = "conditional-commercial"
    NON_COMMERCIAL = "non-commercial"
    RESEARCH_ONLY = "research-only"
    UNKNOWN = "unknown"


TEXT_DUTY: Final = "include-license-text"
"""The kind of clause that requires the text of the licence in every copy."""
LINK_DUTY: Final = "include-text-or-link"
"""The kind of clause that a link to the text meets too."""
TEXT_DUTIES: Final = (TEXT_DUTY, LINK_DUTY)

UNREAD_TERMS: Final = "unread-terms"
"""The kind of an answer that a file which may state terms leaves open, because it could not be read."""
SHARED_WEIGHTS: Final = "shared-weights"
"""The kind of a conflict of two models of a repository that hold the same weights under different terms."""

PERMISSIVE_CATEGORIES: Final = frozenset({LicenseCategory.PERMISSIVE, LicenseCategory.PUBLIC_DOMAIN})
"""The categories of licences that limit no use."""


class Use(StrEnum):
    """A use for which a model can be intended."""

    COMMERCIAL = "commercial"
    HOSTED_SERVICE = "hosted-service"
    REDISTRIBUTE = "redistribute"
    FINE_TUNE = "fine-tune"
    DISTILL = "distill"
    TRAIN_ON_OUTPUTS = "train-on-outputs"
    EMBED_ON_DEVICE = "embed-on-device"


class Purpose(StrEnum):
    """The purpose of the whole planned use, as far as licences distinguish one."""

    RESEARCH = "research"
    OTHER = "other"
    """Anything but research."""


class Relation(StrEnum):
    """How a model was made from a base model: the values of the Hub's ``base_model_relation``, and two of ours."""

    ADAPTER = "adapter"
    FINETUNE = "finetune"
    MERGE = "merge"
    QUANTIZED = "quantized"
    DISTILLED = "distilled"
    UNSTATED = "unstated"


class Group(StrEnum):
    """The role of a clause for the reader."""

    LIMIT = "limit"
    """It can forbid a use."""
    SHIP = "ship"
    """Each copy must include something."""
    SHOW = "show"
    """Something must be shown where people see it."""
    NAME = "name"
    """Something must be named in a certain way."""
    PASS_ON = "pass-on"
    """Recipients must be bound by terms."""
    WATCH = "watch"
    """An ongoing duty: something to do repeatedly, to refrain from, or to check again."""
    FACT = "fact"
    """A fact without consequences of its own."""


class Answer(StrEnum):
    """The answer of one clause, or of all clauses, to a use, from the mildest to the worst."""

    ALLOW = "allow"
    REVIEW = "review"
    DENY = "deny"

    @property
    def rank(self) -> int:
        """0 for the mildest answer."""
        return _RANKS_OF_ANSWERS[self]


_RANKS_OF_ANSWERS: Final = {answer: rank for rank, answer in enumerate(Answer)}


class Outcome(StrEnum):
    """What the answer of a clause means for the verdict, after the findings, the policy and the decisions of people."""

    ALLOWED = "allowed"
    AGREED = "agreed"
    """An agreement with the owner permits it."""
    ACCEPTED = "accepted"
    """A person accepts it."""
    REVIEW = "review"
    INCOMPLETE = "incomplete"
    """A file that may state terms was not read."""
    FAILS = "fails"
    """A finding of the same fact breaks the policy, so that no person is left to decide."""
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Clause:
    """One permission, duty or prohibition of a licence.

    Attributes:
        kind: a kind of ``rules/clauses.yaml``.
        text: the clause in our words.
        section: its section in the licence; empty if the text was not read.
        number: a cap, for kinds that have one: users a month, or USD a year.
        territories: ISO 3166-1 alpha-2 codes and groups of ``rules/clauses.yaml``, for kinds that have them.
        scope: the models that it covers, if not all of them: ``multimodal``.
        fields: forbidden fields of use, from ``rules/clauses.yaml``; for a use policy.
        url: address of the policy that it refers to; empty if the policy is part of the licence.
        words: exact words to show or to ship, or the name to use, if the licence fixes them.
        duty_of: the uses that trigger the duty, in place of those of its kind; a use that only counts as one of them
            under the licence triggers nothing.
        duty_with: any of them must come on top of a use that triggers the duty: of a change that is passed on; empty
            where the trigger alone is enough.
        limit_with: the limit only holds for a planned use with any of these; empty where it holds for all.
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
    duty_of: tuple[Use, ...] = ()
    duty_with: tuple[Use, ...] = ()
    limit_with: tuple[Use, ...] = ()


class AnswerRule(Struct, frozen=True):
    """The condition under which a kind of clause answers a use, and the answer. All conditions that are set must hold.

    A condition on an unstated fact neither holds nor fails; the answer is then ``review`` at the mildest.

    Attributes:
        answer: the answer if all conditions hold.
        because: the reason, as a sentence to the person who asks; ``{number}``, ``{territories}``, ``{fields}`` and
            ``{words}`` are replaced by the values of the clause.
        uses: holds if any of these uses is intended.
        beside: holds if any of these uses is intended too.
        over: ``monthly-active-users`` or ``annual-revenue-usd``: holds if the figure is above the clause's number.
        inside: holds if one of the intended territories is one of the clause's.
        listed: holds if the field of use is one of the clause's.
        purpose: holds if the planned use has this purpose.
    """

    answer: Answer
    because: str
    uses: tuple[Use, ...] = ()
    over: str = ""
    inside: bool = False
    listed: bool = False
    purpose: Purpose | None = None
    beside: tuple[Use, ...] = ()


class ClauseKind(Struct, frozen=True):
    """A kind of clause in the vocabulary.

    Attributes:
        id: kebab-case word.
        title: a heading for people.
        group: the role of the clause for the reader.
        about: its explanation.
        duty_of: the uses that trigger the duty; empty for any use. Only for the groups ship, show, name, pass-on and
            watch.
        answers: the first rule that holds gives the answer; without one, the clause allows the use.
        flows: the relations through which it also binds models made from the licensed one.
        needs: fields of ``Clause`` that must be filled in: ``number``, ``territories``, ``words``, ``fields``.
        is_negotiable: whether an agreement with the owner of the licence can permit what the clause limits.
        key_words: each entry lists beginnings of words or phrases, separated by ``|``; the sentence of the licence has
            one of each entry.
    """

    id: str
    title: str
    group: Group
    about: str
    duty_of: tuple[Use, ...] = ()
    answers: tuple[AnswerRule, ...] = ()
    flows: tuple[Relation, ...] = ()
    needs: tuple[str, ...] = ()
    is_negotiable: bool = False
    key_words: tuple[str, ...] = ()


class Vocabulary(Struct, frozen=True):
    """The content of ``rules/clauses.yaml``: kinds of clauses by id, fields of use, and groups of territories.

    Attributes:
        countries: the codes of ISO 3166-1; if the rule set lists none, any two letters count as a country.
    """

    kinds: Mapping[str, ClauseKind] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    territories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    countries: frozenset[str] = frozenset()

    @property
    def negotiable_kinds(self) -> tuple[str, ...]:
        """The kinds of clauses that an agreement can lift."""
        return tuple(kind.id for kind in self.kinds.values() if kind.is_negotiable)

    def is_known_territory(self, code: str) -> bool:
        """Whether ``code`` is a country, a group of countries, or ``WORLD``."""
        if code in (WORLD, *self.territories):
            return True
        if self.countries:
            return code in self.countries
        return len(code) == 2 and code.isascii() and code.isalpha()

    def explain_invalid_territory(self, code: str) -> str:
        """Explain why a code is not a territory; empty if it is one."""
        if self.is_known_territory(code):
            return ""
        return (
            f"{code!r} is not a territory; give a code of ISO 3166-1, such as DE, "
            f"or one of: {', '.join((*self.territories, WORLD))}"
        )

    def explain_invalid_field(self, field: str) -> str:
        """Explain why a word is not a field of use; empty if it is one."""
        if field in self.fields:
            return ""
        return f"{field!r} is not a field of use; use one of: {', '.join(self.fields)}"


@dataclass(frozen=True, slots=True)
class Intent:
    """The intended use of a model, as a policy states it; everything unstated is unknown.

    Attributes:
        uses: each stated use, and whether it is intended.
        monthly_active_users: of all products of the organization together.
        annual_revenue_usd: US dollars a year.
        territories: ISO 3166-1 alpha-2 codes and groups; empty means unstated, ``WORLD`` means everywhere.
        field: a field of use of ``rules/clauses.yaml``; empty means unstated.
        purpose: of the whole planned use; ``None`` means unstated.
    """

    uses: Mapping[Use, bool] = dataclasses.field(default_factory=dict)
    monthly_active_users: float | None = None
    annual_revenue_usd: float | None = None
    territories: tuple[str, ...] = ()
    field: str = ""
    purpose: Purpose | None = None

    @property
    def is_stated(self) -> bool:
        """Whether any use, purpose, territory, field or number is stated."""
        return self != Intent()

    def __str__(self) -> str:
        """What is stated, by the keys of a policy, as YAML in one line: ``{commercial: true, territories: [EU]}``."""
        values: dict[str, str] = {each: str(self.uses[each]).lower() for each in Use if each in self.uses}
        if self.purpose is not None:
            values["purpose"] = self.purpose
        if self.territories:
            # YAML 1.1 reads the code of Norway as a boolean.
            codes = [f'"{code}"' if code == "NO" else code for code in self.territories]
            values["territories"] = f"[{', '.join(codes)}]"
        if self.field:
            values["field"] = self.field
        numbers = {
            "monthly-active-users": self.monthly_active_users,
            "annual-revenue-usd": self.annual_revenue_usd,
        }
        values |= {key: _format_amount(float(number)) for key, number in numbers.items() if number is not None}
        return f"{{{', '.join(f'{key}: {value}' for key, value in values.items())}}}"


def _format_amount(number: float) -> str:
    """Format a number so that every reader of YAML takes it for one, without an exponent where it is whole."""
    return f"{number:.0f}" if number.is_integer() else repr(number)


@dataclass(frozen=True, slots=True)
class LicenseEntry:
    """One licence of the rule set.

    Attributes:
        id: SPDX identifier, or ``LicenseRef-…`` for a licence that SPDX lacks.
        hub_ids: values of the Hub's ``license`` field that mean this licence.
        aliases: other names that cards use, compared in the form of ``fold_license_name``.
        clauses: in the order of its sections.
        url: address of the text.
        read: ISO date of reading the terms there; empty means that the terms are not verified.
        version: of the text, or its date, as the text states it; empty if it states none.
        open: whether it counts as an open licence for the openness class: any use, change and sharing by anyone.
        policy_url: address of its use policy; empty if it has none.
        incorporates: ids of the licences whose terms are part of it, so that their texts lie beside its own.
        licensor: who grants it, where the text names one party; empty for a licence that any author may use.
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
    incorporates: tuple[str, ...] = ()
    licensor: str = ""


class KnownModel(Struct, frozen=True):
    """A model, or a family of models, whose licence is on record. The record can restrict and never permits.

    Attributes:
        pattern: a Hub id; ``*`` matches anything; the publisher is always spelled out.
        license: id of a licence of the rule set.
        multimodal: whether these models handle more than text; ``None`` if unknown.
        why: the basis of the record, as a sentence.
        read: ISO date of seeing the publisher's statement; empty for second-hand knowledge.
    """

    pattern: str
    license: str
    multimodal: bool | None
    why: str
    read: str = ""

    def covers(self, name: str) -> bool:
        """Whether the Hub id ``name`` is one of these models; Hub ids do not distinguish case."""
        return fnmatchcase(name.casefold(), self.pattern.casefold())


class OpennessPart(Struct, frozen=True):
    """A component of a release in the Model Openness Framework.

    Attributes:
        level: the first class that requires it: 3 open model, 2 open tooling, 1 open science.
        kind: whose licence counts: ``model``, ``code``, ``data`` or ``document``.
        files: file names that show it, as ``fnmatch`` patterns, ignoring case.
        words: phrases of the card that show it.
        fields: fields of the card that show it.
        unless: names of files, without their folders, that show nothing of it although they fit.
        paths: regular expressions for paths that show it, ignoring case.
        apart: the id of another part: files that show it show nothing of this one.
        elsewhere: those of ``words`` and ``fields`` that only name something outside of the repository, whose licence
            is not that of the repository.
    """

    id: str
    title: str
    level: int
    kind: str
    files: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    apart: str = ""
