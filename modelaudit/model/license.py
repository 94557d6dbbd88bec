"""Licences: what a model claims, what it was made from, and what was concluded."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from enum import StrEnum

from modelaudit.model.structure import NOWHERE, Location
from modelaudit.model.terms import Answer, Group, Intent, LicenseCategory, LicenseEntry, Relation

NAME_LIMIT = 300
"""Characters beyond which a text is no licence name any more."""

# Only ASCII letters are lowered: what merely looks like a known name, such as one with a Cyrillic letter, a Kelvin sign
# or a zero-width space, must not become that name. Of punctuation only what separates words is dropped, because
# "openrail" and "openrail++", "MIT" and "MIT*" are different statements.
_SEPARATORS = string.whitespace + "-_.,:/()[]'\""
_FOLD = str.maketrans(string.ascii_uppercase, string.ascii_lowercase, _SEPARATORS)
_SCHEME = re.compile(r"https?://(?:www\.)?", re.IGNORECASE)


def fold_license_name(name: str) -> str:
    """``name`` without case, spaces and separators, as names are compared; empty for what is too long for one."""
    if len(name) > NAME_LIMIT:
        return ""
    return _SCHEME.sub("", name.strip(), count=1).translate(_FOLD)


class ClaimKind(StrEnum):
    """Who says so: a field that states it, a text that was found, a model it descends from."""

    DECLARED = "declared"
    FOUND = "found"
    INHERITED = "inherited"


class Basis(StrEnum):
    """What a claim rests on."""

    NAME = "name"
    """It names the licence, or the origin."""
    TEXT = "text"
    """The text of the licence stands there, word for word."""
    VARIANT = "variant"
    """A text stands there that resembles the licence and is not it."""
    FILE_NAME = "file-name"
    """Only the name of a file says that terms stand there."""


@dataclass(frozen=True, slots=True)
class LicenseClaim:
    """One statement about the licence, with its place and words.

    Attributes:
        artifact: the file that states it.
        field: what states it: a field of the card, a key of the metadata, or ``text`` for the words of a file.
        quotation: its words, bounded.
        entry: id of the ``LicenseEntry`` that it resolves to; ``None`` where the rule set has none.
        differs: for a variant, the words that the licence does not have, bounded.
        relation: for an origin, how the model was made from it.
    """

    kind: ClaimKind
    artifact: str
    field: str
    quotation: str
    entry: str | None
    location: Location = NOWHERE
    basis: Basis = Basis.NAME
    differs: tuple[str, ...] = ()
    relation: Relation | None = None


class ConclusionState(StrEnum):
    """How far the evidence carries."""

    CONCLUDED = "concluded"
    CONTRADICTORY = "contradictory"
    UNRECOGNISED = "unrecognised"
    VAGUE = "vague"
    UNDECLARED = "undeclared"
    NOT_CHECKED = "not-checked"


class OriginState(StrEnum):
    """What became of the look at an origin."""

    READ = "read"
    KNOWN = "known-by-name"
    """It could not be read; the rule set knows which licence its publisher gives it."""
    MISSING = "missing"
    GATED = "gated"
    UNREACHED = "unreached"
    """No network, offline and not in the cache, or the Hub failed."""
    RING = "ring"
    """It descends from the model that it is an origin of."""
    LIMIT = "limit-reached"


@dataclass(frozen=True, slots=True)
class Origin:
    """A model that this one was made from, directly or through others.

    Attributes:
        name: Hub id, as the one that names it spells it.
        made: what was made from it: a Hub id, or empty for the model itself.
        depth: 1 for what the model itself names.
        commit: where the Hub resolved it to, if it was read.
        state: of its own licence conclusion; ``NOT_CHECKED`` where it was not read and is not known.
        entries: ids of the licences concluded for it alone.
        detail: one line on what was found or why nothing was.
        claim: the statement that names it.
    """

    name: str
    made: str
    relation: Relation
    depth: int
    look: OriginState
    state: ConclusionState
    entries: tuple[str, ...] = ()
    detail: str = ""
    commit: str | None = None
    claim: LicenseClaim | None = None


@dataclass(frozen=True, slots=True)
class DatasetClaim:
    """A data set that the card names, and what is known of its licence: a claim about data, apart from the model's."""

    name: str
    look: OriginState
    entries: tuple[str, ...] = ()
    detail: str = ""
    location: Location = NOWHERE


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two pieces of evidence that do not go together, or one that is missing where another demands it.

    Attributes:
        kind: ``declared-found``, ``declared-inherited``, ``declared-prose``, ``missing-text``, ``missing-notice``,
            ``missing-naming``, ``missing-policy``, ``dataset-stricter``, ``dataset-unknown``, ``variant-text``,
            ``version-dependent``, ``origin-unknown``, ``origin-local``, ``text-not-recognised``; rules match on it.
        detail: one sentence with both sides.
        entries: ids of the licences concerned.
        artifact: the file to look at first.
        evidence: the quotations of both sides, with their places.
        drops: the worst that the milder side lacks of the stricter: ``restrictions``, ``duties`` or ``nothing``.
    """

    kind: str
    detail: str
    entries: tuple[str, ...] = ()
    artifact: str = ""
    location: Location = NOWHERE
    evidence: tuple[str, ...] = ()
    drops: str = "nothing"


@dataclass(frozen=True, slots=True)
class UseAnswer:
    """What one clause says to the intended use.

    Attributes:
        license: id of the licence; empty for what follows from the conclusion itself.
        kind: the kind of clause, or ``conclusion``.
        because: one sentence to the person who asks.
        text: the clause in our words; ``section`` where it stands, ``url`` and ``read`` where and when it was read.
        via: the origin that brings it in; empty for the model's own licence.
    """

    answer: Answer
    license: str
    kind: str
    because: str
    text: str = ""
    section: str = ""
    url: str = ""
    read: str = ""
    via: str = ""


@dataclass(frozen=True, slots=True)
class Duty:
    """Something to do, from a clause that the intended use sets off; without a stated use, from every clause.

    Attributes:
        words: exact words that the licence fixes.
        met: a file of the snapshot that meets it already; empty where none was found.
    """

    license: str
    kind: str
    group: Group
    text: str
    section: str = ""
    words: tuple[str, ...] = ()
    via: str = ""
    met: str = ""


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a release by the Model Openness Framework: whether it is there, and whether its licence is open."""

    id: str
    title: str
    present: bool
    licenses: tuple[str, ...] = ()
    open: bool | None = None
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Openness:
    """What is open here, apart from what is permitted.

    Attributes:
        title: the class of the Model Openness Framework that the evidence reaches, or that it reaches none.
        components: in the framework's order.
        missing: what keeps it from the next class, one line each.
    """

    title: str
    components: tuple[Component, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LicenseConclusion:
    """What the claims amount to.

    Attributes:
        entries: the licences concluded or claimed, whole, and those of the origins, so that a report needs no rule set.
        category: the strictest of them; ``unknown`` unless ``state`` is ``concluded``.
        reasoning: one sentence each.
        expression: the SPDX expression concluded for the model with what flows into it from its origins; empty for
            no conclusion.
        own: ids of the licences of the model itself among ``entries``.
        intent: what the policy says about the use; ``None`` where it says nothing.
        permission: the worst of ``answers``; ``None`` without an intent.
        answers: worst first.
        multimodal: whether the model handles more than text; ``None`` where that is not known.
    """

    state: ConclusionState
    category: LicenseCategory
    claims: tuple[LicenseClaim, ...] = ()
    entries: tuple[LicenseEntry, ...] = ()
    reasoning: tuple[str, ...] = ()
    expression: str = ""
    own: tuple[str, ...] = ()
    origins: tuple[Origin, ...] = ()
    datasets: tuple[DatasetClaim, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    intent: Intent | None = None
    permission: Answer | None = None
    answers: tuple[UseAnswer, ...] = ()
    duties: tuple[Duty, ...] = ()
    openness: Openness | None = None
    multimodal: bool | None = None
