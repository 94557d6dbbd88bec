"""Find sentences in running text that restrict the use, whatever licence a field declares.

Authors write "for research purposes only" into cards whose licence field permits everything.
``rules/restrictions.yaml`` lists the signs of such sentences, and ``rules/cues.yaml`` the words by which any other
sentence about terms is judged: what does not agree with an ordinary licence is a restriction too. Each match becomes a
claim, and ``list_uncovered_restrictions`` selects those that no binding licence already states.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Protocol

from modelaudit.licenses.evidence.card_sections import SectionIndex, index_sections
from modelaudit.licenses.evidence.clause_subjects import cut_clauses_on_others
from modelaudit.licenses.evidence.comparison_tables import blank_rows_on_others
from modelaudit.licenses.evidence.fields import RESTRICTION
from modelaudit.licenses.evidence.kept_judgements import keep_judgements
from modelaudit.licenses.evidence.markup_words import iter_addresses, iter_attribute_texts, spell_address
from modelaudit.licenses.evidence.scope import PlacesApart, is_use_policy_text
from modelaudit.licenses.evidence.sentence_cues import denies_plainly, find_vocabularies, match_cues
from modelaudit.licenses.evidence.sentence_weights import measure_known_share, score_sentence
from modelaudit.licenses.evidence.sentences import (
    fold_sentence,
    iter_continued_sentences,
    iter_fenced_sentences,
    split_sentences,
)
from modelaudit.model.copies import replace
from modelaudit.model.evidence import Prose, ProseKind
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import ClaimKind, LicenseClaim
from modelaudit.model.reading import Structure
from modelaudit.model.restrictions import CardSection, Restrictions
from modelaudit.model.structure import Location, ModelCard, Unread, UnreadReason
from modelaudit.model.term_files import classify_text_file
from modelaudit.model.terms import LicenseEntry

_POLICY_KINDS = ("use-policy", "pass-on-use-limits", "purpose-limit")
READS_LIKE_TERMS = "reads-like-terms"
"""The kind of a sentence that only its score marks."""
RESTRICTED_BASE = "restricted-base"
"""The kind of a sentence that names a base model under terms of its own."""
_KINDS_IN_STRINGS = frozenset({
    "no-commercial-use", "research-only", "no-redistribution", "territory-limit", "user-cap", "party-limit",
})  # fmt: skip
"""The kinds of restrictions that count among strings and comments; "terms" and "conditions" are words of code too."""
# What such a sentence must name besides: code says "for internal use only" of its functions.
_SUBJECT_IN_STRINGS = defer_pattern(
    r"com+erc|kommer|\bcompan(?:y|ies)\b|\bprofit|\bmodels?\b|weights\b|checkpoint|licen[cs]|research|academ|scientif|educat|european|\beu\b"
    r"|商|模型|权重|權重|研究|学术|學術|許可|许可|モデル|重み|상업|모델|연구|коммерч|исслед|forschung|modell|recherche|modèle|poids"
)
# What a sentence of code or settings must name to be judged by its score: the model, its licence or the parties.
_PARTY_OR_MODEL = defer_pattern(
    r"\b(?:models?|weights|checkpoints?|parameters|adapters?|editions?|licen[cs]\w*|agreements?|third part(?:y|ies)"
    r"|compan(?:y|ies)|firms?|customers?|clients?|vendors?|employers?|recipients?|partners?|universit(?:y|ies)|commercial\w*)\b"
)
_TERM_LABEL = defer_pattern(
    r"[\w .-]{0,40}(?:licen[cs]|\bterms|\brights|restrict|usage|permission|conditions|notice|disclaimer)[\w -]{0,20}: "
)
_OWN_WORK = defer_pattern(r"\W*(?:we|(?:our|this|the)\W+(?:model|weights|network|checkpoint))\b")
_MAX_TEXT_CHARACTERS = 400_000
MAX_RESTRICTIONS = 10
"""How many restrictions of a text become claims of their own; further ones are counted by their kind."""
_MAX_QUOTATION = 240

# "Use at a company ..... no": dots between a term and its answer end no sentence.
_LEADERS = defer_pattern(r"(?<=\s)\.{3,}(?=\s)")
_COMMENT = defer_pattern(r"^[ \t]{0,8}(?:#|//|\*|;|--|%)+", re.MULTILINE)
# A list of labels of a classifier: "`allowed`, `restricted`, `prohibited`".
_LABELS = defer_pattern(r"[^\w`]*(?:`[^`\n]{1,40}`[\s,;/|\u3001\uff0c\u3002.]*(?:and|or|\u548c|\u6216)?\s*){3,40}\Z")
_MARKUP = defer_pattern(r"\]\(|<[a-z]", re.IGNORECASE)
_DOCUMENTS = (ProseKind.DOCUMENT, ProseKind.INSTRUCTIONS)
_SUBJECTS_OF_TERMS = frozenset({"model", "licence", "commercial", "place"})
"""Vocabularies of ``rules/cues.yaml``: a sentence to an agent is judged by its score if it has a word of one.

A sentence of a card without a subject is about the model. An order to an agent without one is about its own work.
"""
_DOCUMENT_MARGIN = 1.0
"""How far a sentence of a document that is not about the model must exceed the threshold of scores."""
_SIGN_MARGIN, _WORDS_AROUND_SIGN, _FEWEST_WORDS_AROUND_SIGN = 2.5, 12, 4
"""How far the words around a sign may stay below the threshold, and how many count; with fewer the sign decides."""
_STRING_MARGIN, _STRING_MARGIN_WITH_CUES = 4.0, 2.5
"""How far a sentence of code or settings must exceed the threshold, without and with a combination of cues."""
_LEAST_KNOWN_SHARE = 0.6
"""The share of words with a weight from which a score outweighs a sign."""
_CUE_MARGIN = 1.0
"""How far a sentence that a combination of cues matches may stay below the threshold."""


class Classifier(Protocol):
    """Judges a folded sentence in its section: returns the kind of restriction, or ``None``."""

    def __call__(self, sentence: str, *, section: CardSection | None = None) -> str | None:
        """Judge one sentence."""


def find_restrictions(
    text: str,
    first_line: int,
    artifact: str,
    restrictions: Restrictions,
    kind: ProseKind = ProseKind.CARD,
    is_known: Callable[[str], bool] = lambda _: False,
) -> Iterator[LicenseClaim]:
    """Yield one claim for each sentence that restricts the use; after ten, one of each kind that says how many follow.

    The key of a claim's location is the kind of restriction. Licences cover kinds and no sentences, so a sentence of a
    kind that was found adds nothing to the conclusion.

    Args:
        text: running text; only its first 400,000 characters are searched.
        first_line: line number, from 1, of the text's first line in the file; 0 in a file without lines.
        artifact: path of the file.
        restrictions: the signs of the rule set.
        kind: of the text. In a document that is not about the model itself a sentence without a sign counts only by a
            higher score, and among the strings of other files only signs count.
        is_known: whether a folded sentence is one of a permissive licence.
    """
    if kind is ProseKind.CODE:
        # As many spaces replace the marks, so that offsets stay valid.
        text = _COMMENT.sub(lambda marks: " " * len(marks[0]), text)
    classify = partial(_classify_sentence, restrictions=restrictions, text_kind=kind)
    has_markup = kind in (ProseKind.CARD, ProseKind.NOTICE, *_DOCUMENTS)
    classify_markup = partial(_classify_markup, restrictions=restrictions, classify=classify) if has_markup else None
    # Strings stand by themselves, so none continues another one.
    split = split_sentences if kind is ProseKind.STRINGS else iter_continued_sentences
    searched = blank_rows_on_others(text[:_MAX_TEXT_CHARACTERS])
    searched = _LEADERS.sub(lambda dots: " " * len(dots[0]), searched)
    known = restrictions.subjects.sections if kind in (ProseKind.CARD, *_DOCUMENTS) else ()
    sections = index_sections(searched, known) if known else SectionIndex()
    found = _iter_restriction_claims(searched, first_line, artifact, split, classify, sections, classify_markup)
    if has_markup:
        # Code between fences is judged like the strings of a file of code.
        judge = partial(_classify_sentence, restrictions=restrictions, text_kind=ProseKind.STRINGS)
        found = chain(
            found,
            _iter_restriction_claims(searched, first_line, artifact, iter_fenced_sentences, judge, SectionIndex()),
        )
    claims = (claim for sentence, claim in found if not is_known(sentence))
    further: dict[str | None, list[LicenseClaim]] = {}
    for count, claim in enumerate(claims):
        if count < MAX_RESTRICTIONS:
            yield claim
        else:
            further.setdefault(claim.location.key, []).append(claim)
    for first, *others in further.values():
        more = f" [and {len(others)} more of this kind]" if others else ""
        yield replace(first, quotation=f"{first.quotation}{more}")


def _iter_restriction_claims(
    text: str,
    first_line: int,
    artifact: str,
    split: Callable[[str], Iterator[tuple[int, str]]],
    classify: Classifier,
    sections: SectionIndex,
    classify_markup: Callable[[str, str], str | None] | None = None,
) -> Iterator[tuple[str, LicenseClaim]]:
    """Yield (folded sentence, claim) for each different sentence of ``split`` that gets a kind.

    ``classify`` judges the folded sentence in its section, and ``classify_markup`` the markup of one that says nothing.
    """
    seen: set[str] = set()
    for start, raw in split(text):
        if "`" in raw and _LABELS.match(raw):
            continue
        sentence = fold_sentence(raw)
        kind = classify(sentence, section=sections.find_section(start))
        if kind is None and classify_markup is not None and _MARKUP.search(raw):
            kind = classify_markup(raw, sentence)
        if kind is not None and sentence not in seen:
            seen.add(sentence)
            place = Location(line=first_line + text.count("\n", 0, start) if first_line else None, key=kind)
            quotation = _shorten(" ".join(raw.split()))
            yield sentence, LicenseClaim(ClaimKind.DECLARED, artifact, RESTRICTION, quotation, None, place)


def _shorten(sentence: str) -> str:
    """Shorten a sentence for quotation, at a space where one is near, with an ellipsis."""
    if len(sentence) <= _MAX_QUOTATION:
        return sentence
    start = sentence[: _MAX_QUOTATION - 1]
    return f"{start[: start.rfind(' ')] if ' ' in start[-40:] else start}…"


@keep_judgements
def _classify_sentence(
    sentence: str, restrictions: Restrictions, text_kind: ProseKind, section: CardSection | None = None
) -> str | None:
    """Return the kind of restriction that a folded sentence states, or ``None``.

    Clauses about something else than the right to use the model are cut out of a sentence that would count.
    """
    margin = (_DOCUMENT_MARGIN if text_kind in _DOCUMENTS else 0.0) + (section.margin if section else 0.0)
    kind = _classify_words(sentence, restrictions, text_kind, margin)
    is_plain_in_strings = text_kind is ProseKind.STRINGS and kind in _KINDS_IN_STRINGS
    if kind in (None, RESTRICTED_BASE) or is_plain_in_strings:
        return kind
    rest = cut_clauses_on_others(sentence, restrictions.subjects, section.name if section else "")
    return kind if rest == sentence else _classify_words(rest, restrictions, text_kind, margin)


def _classify_words(sentence: str, restrictions: Restrictions, text_kind: ProseKind, margin: float) -> str | None:
    """Return the kind of restriction that a folded sentence states by a sign or by its score, or ``None``.

    A score must exceed the threshold by ``margin``.
    """
    cues = restrictions.cues
    found = _find_sign(sentence, restrictions) if has_restriction_stem(sentence, restrictions) else None
    kind = None if found is None else found[0]
    if kind == RESTRICTED_BASE:
        kind = kind if _speaks_of_own_base(sentence, text_kind) else None
    elif found is not None and _outweighs(sentence, found[1], restrictions):
        kind = None
    if text_kind is ProseKind.STRINGS:
        is_plain = kind in _KINDS_IN_STRINGS and _SUBJECT_IN_STRINGS.search(sentence)
        return kind if is_plain else _judge_string(sentence, restrictions)
    if kind is None:
        weights = restrictions.weights
        threshold = weights.threshold + margin
        score = score_sentence(sentence, weights, cues, threshold - _CUE_MARGIN)
        if score == -math.inf:
            return None
        if text_kind is ProseKind.INSTRUCTIONS and _SUBJECTS_OF_TERMS.isdisjoint(find_vocabularies(sentence, cues)):
            return None
        kind = match_cues(sentence, cues) or (READS_LIKE_TERMS if score > threshold else None)
    return kind


def _judge_string(sentence: str, restrictions: Restrictions) -> str | None:
    """Return the kind of restriction of a folded sentence of code or settings that no plain sign marks, or ``None``.

    Words of terms are words of code too, so that a sentence must name the model or a party and score far above the
    threshold. Below a key that names terms the words of ``rules/cues.yaml`` suffice.
    """
    cues, weights = restrictions.cues, restrictions.weights
    if _TERM_LABEL.match(sentence):
        kind = match_restriction_sign(sentence, restrictions) or match_cues(sentence, cues)
        if kind is not None:
            return kind
    elif not _PARTY_OR_MODEL.search(sentence):
        return None
    excess = score_sentence(sentence, weights, cues, weights.threshold + _STRING_MARGIN_WITH_CUES) - weights.threshold
    if excess == -math.inf:
        return None
    return match_cues(sentence, cues) or (READS_LIKE_TERMS if excess > _STRING_MARGIN else None)


def _speaks_of_own_base(sentence: str, text_kind: ProseKind) -> bool:
    """Whether a sentence that names a base model speaks of the model itself.

    Texts beside the card name models that they use, compare or convert.
    """
    return text_kind is ProseKind.CARD or (text_kind in _DOCUMENTS and bool(_OWN_WORK.match(sentence)))


def _classify_markup(raw: str, sentence: str, restrictions: Restrictions, classify: Classifier) -> str | None:
    """Return the kind of restriction that the attributes or addresses in a sentence state, or ``None``.

    An address counts by its sign alone, and only if the sentence around it leaves the sign in force.
    """
    for text in iter_attribute_texts(raw):
        if kind := classify(fold_sentence(text)):
            return kind
    for address in iter_addresses(raw):
        words = fold_sentence(spell_address(address))
        if not has_restriction_stem(words, restrictions) or match_restriction_sign(words, restrictions) is None:
            continue
        if kind := match_restriction_sign(f"{sentence} {words}", restrictions):
            return kind
    return None


def has_unreadable_terms(
    path: str, structures: Iterable[tuple[str, Structure]], absences: Iterable[tuple[str, Unread]]
) -> bool:
    """Whether a card or a use policy gave no text, for instance because of its encoding, so that its terms are unread.

    A blank or an empty file holds no terms. A licence file is left out, because without a known text its name is a
    doubt already.

    Args:
        path: of the file.
        structures: what was read of it, with the addresses.
        absences: what could not be read of it, with the addresses.
    """
    if classify_text_file(path) not in (ProseKind.CARD, ProseKind.POLICY):
        return False
    has_text = any(address == path and isinstance(each, ModelCard | Prose) for address, each in structures)
    is_unread = any(address == path and each.reason is not UnreadReason.EMPTY for address, each in absences)
    return is_unread and not has_text


def match_restriction_sign(sentence: str, restrictions: Restrictions) -> str | None:
    """Match a folded sentence against the signs; return the id of the first kind of restriction, or ``None``.

    A phrase of ``unless`` makes the sentence harmless, except beside a phrase of ``but`` or words that forbid
    plainly (``denials`` of ``cues.yaml``), which restore the limit.
    """
    found = _find_sign(sentence, restrictions)
    return None if found is None else found[0]


def list_gists(claim: LicenseClaim, restrictions: Restrictions) -> list[str]:
    """List in our words the limits that the signs in a quoted sentence state; without a sign, those of its kind."""
    sentence = fold_sentence(claim.quotation)
    found = [each for each in restrictions.signs if any(words.search(sentence) for words in each.words)]
    found = found or [each for each in restrictions.signs if each.id == claim.location.key]
    return [each.gist for each in found if each.gist]


def _find_sign(sentence: str, restrictions: Restrictions) -> tuple[str, re.Match[str]] | None:
    """Find the first sign of a folded sentence: the id of its kind, and its place."""
    matches = ((sign.id, words.search(sentence)) for sign in restrictions.signs for words in sign.words)
    first = next(((kind, match) for kind, match in matches if match is not None), None)
    if first is None or any(words.search(sentence) for words in restrictions.but):
        return first
    if denies_plainly(sentence, restrictions.cues):
        return first
    return None if any(words.search(sentence) for words in restrictions.unless) else first


def _outweighs(sentence: str, sign: re.Match[str], restrictions: Restrictions) -> bool:
    """Whether the words around a sign score so low that it says nothing about the model.

    *We left out data whose licence permits research only* has a sign and restricts nothing. Words farther away do not
    count, so that a long harmless sentence hides no sign. A score never outweighs words that forbid plainly.
    """
    if denies_plainly(sentence, restrictions.cues):
        return False
    before = sentence[: sign.start()].split()[-_WORDS_AROUND_SIGN:]
    after = sentence[sign.end() :].split()[:_WORDS_AROUND_SIGN]
    around = " ".join((*before, sign[0], *after))
    if len(before) + len(after) < _FEWEST_WORDS_AROUND_SIGN:
        return False
    weights = restrictions.weights
    if not weights.weights or measure_known_share(around, weights) < _LEAST_KNOWN_SHARE:
        return False  # the sentence is in a language that the examples do not teach
    return score_sentence(around, weights, restrictions.cues, weights.threshold - _SIGN_MARGIN) == -math.inf


def has_restriction_stem(sentence: str, restrictions: Restrictions) -> bool:
    """Whether a sentence in lower case holds a stem that every sign needs."""
    return any(stems.search(sentence) for stems in restrictions.stems)


def list_uncovered_restrictions(
    claims: Iterable[LicenseClaim],
    entries: Sequence[LicenseEntry],
    restrictions: Restrictions,
    places: PlacesApart = PlacesApart(),  # noqa: B008 - frozen
) -> list[LicenseClaim]:
    """List the restrictions that no licence of ``entries`` states, except those in places that are set apart."""
    kinds = {clause.kind for entry in entries for clause in entry.clauses}
    covered = {sign.id for sign in restrictions.signs if kinds & set(sign.clauses)}
    uncovered = [claim for claim in claims if claim.field == RESTRICTION and claim.location.key not in covered]
    return [claim for claim in uncovered if not places.explain(claim)]


def list_uncovered_policies(
    claims: Iterable[LicenseClaim], entries: Sequence[LicenseEntry], places: PlacesApart
) -> list[LicenseClaim]:
    """List the use policies beside licences that refer to none: such a policy limits the use all the same.

    A policy counts in any folder, except in places that are set apart.
    """
    if any(clause.kind in _POLICY_KINDS for entry in entries for clause in entry.clauses):
        return []
    return [claim for claim in claims if is_use_policy_text(claim) and not places.explain(claim)]
