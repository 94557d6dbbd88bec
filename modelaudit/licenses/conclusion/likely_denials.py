"""Find sentences of the author that forbid the planned use: probably denied, and for a person to read first."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from msgspec import Struct

from modelaudit.licenses.evidence.fields import PROHIBITION, RESTRICTION
from modelaudit.licenses.evidence.prohibitions import EXCEPTING, FORBIDDING, LISTED, RESEARCH_ONLY, WITHOUT_PAY, forbids
from modelaudit.licenses.evidence.restriction_sentences import list_uncovered_restrictions
from modelaudit.licenses.evidence.scope import PlacesApart
from modelaudit.licenses.evidence.sentence_cues import find_own_words, find_topics
from modelaudit.licenses.evidence.sentences import fold_sentence
from modelaudit.licenses.evidence.statements import describe_source
from modelaudit.licenses.obligations.answers import expand_territories
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import LicenseClaim
from modelaudit.model.restrictions import Cues, Restrictions
from modelaudit.model.terms import WORLD, Intent, LicenseEntry, Use, Vocabulary
from modelaudit.model.written_language import name_foreign_language

_ASKING = frozenset({"permit", "contact"})
"""Words that make a prohibition a matter of permission: such a sentence is for review and no likely denial."""
_SIZE_TERMS = FORBIDDING | _ASKING | {"must", "only"}
_BEYOND_RESEARCH = (Use.COMMERCIAL, Use.HOSTED_SERVICE, Use.EMBED_ON_DEVICE)
_ACTS_ON_WEIGHTS = frozenset({Use.REDISTRIBUTE, Use.FINE_TUNE})
_PURPOSE = defer_pattern(r"\bus(?:e|ed|ing)\b[^,;:]{0,60}?\b(?:to|for)\b")
"""Words before an act that is the purpose of a use, and no act on the weights."""
_PLANS = {
    Use.COMMERCIAL: "is commercial",
    Use.HOSTED_SERVICE: "hosts the model as a service",
    Use.REDISTRIBUTE: "gives copies to others",
    Use.FINE_TUNE: "fine-tunes the model",
    Use.DISTILL: "distils the model",
    Use.TRAIN_ON_OUTPUTS: "trains a model on the outputs",
    Use.EMBED_ON_DEVICE: "builds the model into devices",
}
_ACTS = {
    Use.REDISTRIBUTE: "giving copies to others",
    Use.FINE_TUNE: "fine-tuning",
    Use.DISTILL: "distilling",
    Use.TRAIN_ON_OUTPUTS: "training on outputs",
    Use.EMBED_ON_DEVICE: "building into devices",
}
"""The planned uses that are acts of their own; commercial use and a service are a part of any other use."""
_SEVERAL_PARTS = defer_pattern(r"[,;:]|\b(?:and|or|nor|unless|except|without|other than|but)\b")
_AMOUNT = defer_pattern(
    r"(?P<number>\d{1,3}(?:[, ]\d{3}){1,4}|\d{1,12}(?:\.\d{1,2})?)[ -]?"
    r"(?P<unit>thousand|million|billion|bn|mn|[kmb]\b)?"
)
_UNITS = {"": 1.0, "k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9, "billion": 1e9}


class DenialFinder(Struct, frozen=True):
    """Compares the sentences of authors with one planned use."""

    intent: Intent
    restrictions: Restrictions
    vocabulary: Vocabulary

    @property
    def cues(self) -> Cues:
        """The words by which sentences are judged."""
        return self.restrictions.cues

    def describe_likely_denials(self, claims: Iterable[LicenseClaim]) -> dict[LicenseClaim, str]:
        """Describe each claim whose sentence forbids a part of the planned use; one sentence each.

        Of a list of prohibitions, the first one of a file counts for each part of the planned use.
        """
        found: dict[LicenseClaim, str] = {}
        listed: set[tuple[str, str]] = set()
        for claim in claims:
            plan = self._find_forbidden_plan(claim)
            if not plan or (claim.field == PROHIBITION and (claim.artifact, plan) in listed):
                continue
            listed.add((claim.artifact, plan))
            line = f" at line {claim.location.line}" if claim.location.line else ""
            words = " ".join(claim.quotation.split())
            if language := name_foreign_language(words):
                line += f", in {language},"
            found[claim] = (
                f"{describe_source(claim)} says{line} “{words}”, and your planned use {plan}: probably denied."
            )
        return found

    def _find_forbidden_plan(self, claim: LicenseClaim) -> str:
        """Find the part of the planned use that a sentence forbids, as the end of a sentence; empty without one."""
        sentence = fold_sentence(claim.quotation)
        words = find_own_words(sentence, self.cues)
        topics = find_topics(sentence, self.cues)
        territories = self._find_forbidden_territories(words, topics)
        if territories:
            return f"includes {', '.join(territories)}"
        if self._exceeds_amount(sentence, words, topics):
            return "is above that size"
        if words & _ASKING:
            return ""
        is_forbidden = forbids(sentence, self.cues)
        if is_forbidden and self.intent.field and f"field:{self.intent.field}" in topics:
            return f"is in the field {self.intent.field.replace('-', ' ')}"
        if any(topic.startswith("field:") for topic in topics):
            # A prohibition for one field says nothing about a use in another.
            return ""
        return next(self._iter_forbidden_uses(claim, topics, sentence, is_forbidden), "")

    def name_unplanned_acts(self, claim: LicenseClaim) -> str:
        """Name the acts of a sentence that forbids nothing but acts which the use states as not planned; else empty.

        A sentence with several parts may forbid more than its words show.
        """
        sentence = fold_sentence(claim.quotation)
        topics = find_topics(sentence, self.cues)
        uses = [use for use in _ACTS if f"use:{use}" in topics]
        is_plain = len(uses) == len(topics) and not _SEVERAL_PARTS.search(sentence)
        if not is_plain or claim.field == PROHIBITION or not forbids(sentence, self.cues):
            return ""
        is_unplanned = all(self.intent.uses.get(use) is False for use in uses)
        return " and ".join(_ACTS[use] for use in uses) if is_unplanned else ""

    def _iter_forbidden_uses(
        self, claim: LicenseClaim, topics: Collection[str], sentence: str, is_forbidden: bool
    ) -> Iterator[str]:
        """Yield a phrase for each planned use that the sentence forbids."""
        kind = claim.location.key
        if claim.quotation.rstrip().endswith(":"):  # the list behind it names the forbidden acts
            return
        for use, plan in _PLANS.items():
            is_named = is_forbidden and f"use:{use}" in topics
            if is_named and claim.field == PROHIBITION:
                is_named = any(kind == sign.id and use in sign.denies for sign in self.restrictions.signs)
            if is_named and use in _ACTS_ON_WEIGHTS:
                is_named = not _PURPOSE.search(sentence)
            is_unpaid = use is Use.COMMERCIAL and WITHOUT_PAY in topics and kind != LISTED
            is_beyond_research = kind == RESEARCH_ONLY and use in _BEYOND_RESEARCH
            if self.intent.uses.get(use) and (is_named or is_unpaid or is_beyond_research):
                yield plan

    def _find_forbidden_territories(self, words: Collection[str], topics: Collection[str]) -> tuple[str, ...]:
        """Find the planned territories that the sentence leaves out.

        "Not in X" and "except X" forbid X, while "only in X" and "not outside X" forbid every other territory.
        """
        named = [topic.removeprefix("place:") for topic in topics if topic.startswith("place:")]
        if not named or not self.intent.territories:
            return ()
        is_forbidding, excepts = not FORBIDDING.isdisjoint(words), EXCEPTING in topics
        if not is_forbidding and not excepts and "only" not in words:
            return ()
        groups = self.vocabulary.territories
        covered = expand_territories(named, groups)
        is_inside_forbidden = is_forbidding != excepts
        return tuple(
            code
            for code in self.intent.territories
            if (
                code == WORLD or covered & expand_territories((code,), groups)
                if is_inside_forbidden
                else not expand_territories((code,), groups) <= covered
            )
        )

    def _exceeds_amount(self, sentence: str, words: Collection[str], topics: Collection[str]) -> bool:
        """Whether a planned figure is above an amount that the sentence names for companies or users."""
        if "size" not in words or _SIZE_TERMS.isdisjoint(words):
            return False
        for topic, figure in (
            ("amount:revenue", self.intent.annual_revenue_usd),
            ("amount:users", self.intent.monthly_active_users),
        ):
            amounts = [_parse_amount(match) for match in _AMOUNT.finditer(sentence)]
            if topic in topics and figure is not None and amounts and figure > max(amounts):
                return True
        return False


def list_forbidding_claims(
    claims: Collection[LicenseClaim],
    entries: Sequence[LicenseEntry],
    restrictions: Restrictions,
    places: PlacesApart,
    is_denied: bool,
) -> list[LicenseClaim]:
    """List the sentences that may forbid the planned use: restrictions first, then the prohibitions of long texts.

    Args:
        claims: all claims.
        entries: the licences that bind.
        restrictions: the signs of the rule set.
        places: the places whose texts cover something else than the model.
        is_denied: whether a binding licence denies the use. Then no sentence of the kind of its clause adds to it.
    """
    own = [each for each in claims if each.field == RESTRICTION and not places.explain(each)]
    kept = list_uncovered_restrictions(claims, entries, restrictions, places) if is_denied else own
    quoted = {(each.artifact, each.location.line) for each in own}
    listed = [each for each in claims if each.field == PROHIBITION and not places.explain(each)]
    return [*kept, *(each for each in listed if (each.artifact, each.location.line) not in quoted)]


def _parse_amount(match: re.Match[str]) -> float:
    """Parse an amount such as ``1,000,000``, ``5m`` or ``2.5 million``."""
    return float(re.sub(r"[, ]", "", match["number"])) * _UNITS[match["unit"] or ""]
