"""Licences: what is known of them, what a model claims, and what was concluded."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from enum import StrEnum

from modelaudit.model.structure import NOWHERE, Location

NAME_LIMIT = 300
"""Characters beyond which a text is no licence name any more."""

# Only ASCII letters are lowered: what merely looks like a known name, such as one with a Cyrillic letter, a Kelvin sign
# or a zero-width space, must not become that name. Of punctuation only what separates words is dropped, because
# "openrail" and "openrail++", "MIT" and "MIT*" are different statements.
_SEPARATORS = string.whitespace + "-_.,:/()[]'\""
_FOLD = str.maketrans(string.ascii_uppercase, string.ascii_lowercase, _SEPARATORS)
_SCHEME = re.compile(r"https?://(?:www\.)?", re.IGNORECASE)


def folded(name: str) -> str:
    """``name`` without case, spaces and separators, as names are compared; empty for what is too long for one."""
    if len(name) > NAME_LIMIT:
        return ""
    return _SCHEME.sub("", name.strip(), count=1).translate(_FOLD)


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


OBLIGATION_KINDS = (
    "attribution-naming",
    "include-license-text",
    "keep-notices",
    "no-commercial-use",
    "no-endorsement",
    "output-limits",
    "pass-on-use-limits",
    "patent-termination",
    "revenue-cap",
    "share-alike",
    "state-changes",
    "territory-limit",
    "use-policy",
    "user-cap",
)
"""What a licence may require or forbid; the report's schema takes the words from ``Obligation``."""


@dataclass(frozen=True, slots=True)
class Obligation:
    """One thing that a licence requires or forbids.

    Attributes:
        kind: a word of the vocabulary: ``include-license-text``, ``keep-notices``, ``state-changes``,
            ``attribution-naming``, ``pass-on-use-limits``, ``share-alike``, ``no-commercial-use``, ``user-cap``,
            ``revenue-cap``, ``territory-limit``, ``use-policy``, ``output-limits``, ``no-endorsement``,
            ``patent-termination``.
        text: the duty in our words.
        clause: the section of the licence that it was read in; empty where the text was not read.
    """

    kind: str
    text: str
    clause: str = ""


@dataclass(frozen=True, slots=True)
class LicenseEntry:
    """One licence of the rule set.

    Attributes:
        id: SPDX identifier, or ``LicenseRef-…`` for what SPDX lacks.
        hub_ids: identifiers of the Hub's ``license`` field that mean this licence.
        aliases: other names under which cards give it, compared as ``folded`` leaves them.
        url: where the text stands.
        read: ISO date on which the terms were read there; empty means the terms are not verified.
    """

    id: str
    name: str
    category: LicenseCategory
    hub_ids: tuple[str, ...]
    aliases: tuple[str, ...]
    obligations: tuple[Obligation, ...]
    url: str
    read: str = ""


class ClaimKind(StrEnum):
    """Who says so: a field that states it, a text that was found, a model it descends from."""

    DECLARED = "declared"
    FOUND = "found"
    INHERITED = "inherited"


@dataclass(frozen=True, slots=True)
class LicenseClaim:
    """One statement about the licence, with its place and words.

    Attributes:
        entry: id of the ``LicenseEntry`` that it resolves to; ``None`` where the rule set has none.
    """

    kind: ClaimKind
    artifact: str
    field: str
    quotation: str
    entry: str | None
    location: Location = NOWHERE


class ConclusionState(StrEnum):
    """How far the evidence carries."""

    CONCLUDED = "concluded"
    CONTRADICTORY = "contradictory"
    UNRECOGNISED = "unrecognised"
    VAGUE = "vague"
    UNDECLARED = "undeclared"
    NOT_CHECKED = "not-checked"


@dataclass(frozen=True, slots=True)
class LicenseConclusion:
    """What the claims amount to.

    Attributes:
        entries: the licences concluded or claimed, whole, so that a report needs no rule set.
        category: the strictest of them; ``unknown`` unless ``state`` is ``concluded``.
        reasoning: one sentence each.
    """

    state: ConclusionState
    category: LicenseCategory
    claims: tuple[LicenseClaim, ...] = ()
    entries: tuple[LicenseEntry, ...] = ()
    reasoning: tuple[str, ...] = ()
