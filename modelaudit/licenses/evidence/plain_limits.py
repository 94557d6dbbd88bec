"""Find what an unknown or changed licence text says plainly: not commercial, research only, not in a territory.

A licence text is compared as a whole, and most of its sentences limit something. Only the first sentence of each of
the kinds in ``plain`` of ``rules/restrictions.yaml`` is quoted, so that a reader learns at once what a text says that
no rule describes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modelaudit.licenses.evidence.fields import RESTRICTION, truncate_quotation
from modelaudit.licenses.evidence.sentence_cues import match_cues
from modelaudit.licenses.evidence.sentences import fold_sentence, split_sentences
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import ClaimKind, LicenseClaim
from modelaudit.model.restrictions import PlainLimit, Restrictions
from modelaudit.model.structure import Location

_MOST_CHARACTERS = 200_000
_MAX_QUOTATION = 240
_SENTENCE = defer_pattern(r"(?:[^.!?\u3002\uff01\n]|[.](?=[^\s])|\n(?![ \t]*\n)){1,1500}")


def find_plain_limits(
    text: str, first_line: int, artifact: str, restrictions: Restrictions, *, is_changed: bool = False
) -> Iterator[LicenseClaim]:
    """Yield the first sentence of each kind of plain limit; the key of its location is the kind.

    Args:
        text: a licence text; only its first 200,000 characters are searched.
        first_line: line number, from 1, of the text's first line in the file.
        artifact: path of the file.
        restrictions: the words of ``rules/cues.yaml``, and the kinds that are ``plain`` or ``quoted`` in
            ``rules/restrictions.yaml``.
        is_changed: whether the text resembles a known licence, whose own sentences hold the ``quoted`` kinds too.
    """
    text = text[:_MOST_CHARACTERS]
    plain = tuple(_iter_plain_kinds(text, restrictions.plain))
    others = () if is_changed else _iter_cued_kinds(text, restrictions)
    cued = (each for each in others if not any(words in each[2] for _, _, words in plain))
    for kind, start, words in (*plain, *cued):
        place = Location(line=first_line + text.count("\n", 0, start), key=kind)
        quotation = truncate_quotation(words[:_MAX_QUOTATION])
        yield LicenseClaim(ClaimKind.DECLARED, artifact, RESTRICTION, quotation, None, place)


def _iter_plain_kinds(text: str, limits: Iterable[PlainLimit]) -> Iterator[tuple[str, int, str]]:
    """Yield (kind, offset, words) of the first sentence of each kind of limit that a text states plainly."""
    # Most texts lack the words of some kinds, and most sentences those of all.
    wanted = {limit.kind: limit for limit in limits if _has_any(text, limit.needs)}
    for sentence in _SENTENCE.finditer(text) if wanted else ():
        kinds = [kind for kind, limit in wanted.items() if _has_any(sentence[0], limit.needs)]
        if not kinds:
            continue
        words = " ".join(sentence[0].split())
        for kind in [kind for kind in kinds if any(pattern.search(words) for pattern in wanted[kind].words)]:
            del wanted[kind]
            start = sentence.start() + len(sentence[0]) - len(sentence[0].lstrip())
            yield kind, start, words
        if not wanted:
            return


def _iter_cued_kinds(text: str, restrictions: Restrictions) -> Iterator[tuple[str, int, str]]:
    """Yield (kind, offset, words) of the first sentence of each ``quoted`` kind, found by ``rules/cues.yaml``."""
    wanted = {sign.id for sign in restrictions.signs if sign.quoted}
    for start, raw in split_sentences(text):
        kind = match_cues(fold_sentence(raw), restrictions.cues)
        # What an open sentence forbids is in the list behind it.
        if kind in wanted and not raw.rstrip().endswith(":"):
            wanted.discard(kind)
            yield kind, start, " ".join(raw.split())
        if not wanted:
            return


def _has_any(text: str, needs: Iterable[str]) -> bool:
    """Whether a text has one of the words, whatever its case and wherever its lines end."""
    folded = " ".join(text.casefold().split())
    return any(each in folded for each in needs)
