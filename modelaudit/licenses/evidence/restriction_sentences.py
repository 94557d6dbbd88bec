"""Sentences of running text that restrict what may be done, whatever a field declares."""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from modelaudit.licenses.evidence.fields import RESTRICTION, truncate_quotation
from modelaudit.licenses.evidence.scope import ClaimScope, determine_scope, is_policy_text
from modelaudit.model.license import ClaimKind, LicenseClaim
from modelaudit.model.spelling import normalize_appearance
from modelaudit.model.structure import Location
from modelaudit.model.terms import LicenseEntry, Restrictions

_POLICY_KINDS = ("use-policy", "pass-on-use-limits", "purpose-limit")
NOT_COMPARED = "not-compared"
_MAX_TEXT_CHARACTERS = 400_000
_PIECE_CHARACTERS, _PIECE_OVERLAP = 1500, 200
"""A sentence without an end is looked at in pieces, so that no pattern takes long over it."""
_MAX_CLAIMS = 10
_MAX_QUOTATION = 240

_BLOCK = re.compile(r"[^\n]*(?:\n(?![ \t]*(?:\n|[-*+>#|]|\d{1,3}[.)][ \t]|```|~~~|:?$))[^\n]*)*")
_SENTENCE = re.compile(r"(?:[^.!\u3002\uff01]|[.!](?!\s|$))+[.!\u3002\uff01]*")
_FENCE = re.compile(r"^[ \t]{0,3}(?:```|~~~)", re.MULTILINE)
_LICENSE_WORD = re.compile(r"licen[cs]|许可|許可", re.IGNORECASE)
_COMMENT = re.compile(r"^[ \t]{0,8}(?:#|//|\*|;|--|%)+", re.MULTILINE)
_TAG = re.compile(r"<!--|-->|</?[a-z][^<>]{0,300}>", re.IGNORECASE)
_MARKED = re.compile(r"[&<*_`~#|>]")
_MARKS = re.compile(r"[*_`~#|>]+")


def find_restrictions(
    text: str, first_line: int, artifact: str, restrictions: Restrictions, *, commented: bool = False
) -> Iterator[LicenseClaim]:
    """One claim for each sentence that restricts, a few at most; the key of its place is the kind of restriction.

    Args:
        text: running text; what lies behind 400,000 characters is not looked at.
        first_line: number, from 1, of its first line in the file.
        artifact: the file.
        restrictions: of the rule set.
        commented: whether the lines begin with the marks of a comment.
    """
    if commented:
        text = _COMMENT.sub(lambda marks: " " * len(marks[0]), text)
    yield from islice(
        _iter_restriction_claims(text[:_MAX_TEXT_CHARACTERS], first_line, artifact, restrictions), _MAX_CLAIMS
    )


def _iter_restriction_claims(
    text: str, first_line: int, artifact: str, restrictions: Restrictions
) -> Iterator[LicenseClaim]:
    seen: set[str] = set()
    for start, raw in _split_sentences(text):
        if raw.isascii() and not _MARKED.search(raw) and not _may_hold_restriction(raw.lower(), restrictions):
            continue
        sentence = fold_sentence(raw)
        sign = match_restriction_sign(sentence, restrictions)
        if sign is not None and sentence not in seen:
            seen.add(sentence)
            place = Location(line=first_line + text.count("\n", 0, start), key=sign)
            shown = " ".join(raw.split())[:_MAX_QUOTATION]
            yield LicenseClaim(ClaimKind.DECLARED, artifact, RESTRICTION, truncate_quotation(shown), None, place)


def claim_uncompared_text(artifact: str) -> LicenseClaim:
    """What stands for a text that nobody looked at, since there is more than is looked at of one repository."""
    return LicenseClaim(ClaimKind.DECLARED, artifact, RESTRICTION, "", None, Location(key=NOT_COMPARED))


def match_restriction_sign(sentence: str, restrictions: Restrictions) -> str | None:
    """The first kind of restriction that a folded sentence states; ``None`` for none."""
    sign = next((each.id for each in restrictions.signs if any(words.search(sentence) for words in each.words)), None)
    if sign is None or any(words.search(sentence) for words in restrictions.but):
        return sign
    return None if any(words.search(sentence) for words in restrictions.unless) else sign


def _may_hold_restriction(sentence: str, restrictions: Restrictions) -> bool:
    return any(stems.search(sentence) for stems in restrictions.stems)


def list_uncovered_restrictions(
    claims: Iterable[LicenseClaim], entries: Sequence[LicenseEntry], restrictions: Restrictions
) -> list[LicenseClaim]:
    """The restrictions that no licence of ``entries`` states; what others' works are under is theirs alone."""
    kinds = {clause.kind for entry in entries for clause in entry.clauses}
    covered = {sign.id for sign in restrictions.signs if kinds & set(sign.clauses)}
    return [
        claim
        for claim in claims
        if claim.field == RESTRICTION
        and claim.location.key not in covered
        and determine_scope(claim) is not ClaimScope.COMPONENT
    ]


def list_uncovered_policies(claims: Iterable[LicenseClaim], entries: Sequence[LicenseEntry]) -> list[LicenseClaim]:
    """The use policies beside licences that know of none: they limit, whoever they were written for."""
    if any(clause.kind in _POLICY_KINDS for entry in entries for clause in entry.clauses):
        return []
    return [
        claim
        for claim in claims
        if is_policy_text(claim) and determine_scope(claim) in (ClaimScope.MODEL, ClaimScope.ADDED)
    ]


def fold_sentence(raw: str) -> str:
    """A sentence in lower case, with one kind of hyphen and space, and without what does not show or is no word."""
    return " ".join(normalize_appearance(_MARKS.sub(" ", _TAG.sub(" ", html.unescape(raw)))).split())


def _split_sentences(text: str) -> Iterator[tuple[int, str]]:
    """Each sentence with its place; a heading, an item or a row of a table is one or more of its own.

    What stands between fences is shown and not said, unless it speaks of a licence.
    """
    fences = [each.start() for each in _FENCE.finditer(text)]
    paired = len(fences) // 2 * 2
    for block in _BLOCK.finditer(text):
        if not block[0].strip():
            continue
        before = bisect_right(fences, block.start())
        quoted_ = before % 2 == 1 and before <= paired
        for found in _SENTENCE.finditer(block[0]):
            if quoted_ and not _LICENSE_WORD.search(found[0]):
                continue
            begin = block.start() + found.start()
            for offset in range(0, len(found[0]), _PIECE_CHARACTERS):
                yield begin + offset, found[0][max(0, offset - _PIECE_OVERLAP) : offset + _PIECE_CHARACTERS]
