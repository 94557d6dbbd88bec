"""Find what an unknown or changed licence text says plainly: not commercial, research only, not in a territory.

A licence text is compared as a whole, and most of its sentences limit something. Only the first sentence of each of
three kinds is quoted, so that a reader learns at once what a text says that no rule describes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelaudit.licenses.evidence.fields import RESTRICTION, truncate_quotation
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import ClaimKind, LicenseClaim
from modelaudit.model.structure import Location

_MOST_CHARACTERS = 200_000
_MAX_QUOTATION = 240
_SENTENCE = defer_pattern(r"(?:[^.!?\u3002\uff01\n]|[.](?=[^\s])|\n(?![ \t]*\n)){1,1500}")
_PLACES = (
    r"(?:the )?(?:european (?:union|economic area)|e\.?u\.?\b|eea\b|united (?:kingdom|states)|u\.?k\.?\b|south korea"
    r"|china|russia|territory of)"
)
_KINDS = (
    (
        "territory-limit",
        defer_pattern(
            rf"\bnot (?:apply|be used|permitted|allowed|licensed|available|granted|valid|use|cover)\b[^.]{{0,60}}?"
            rf"\b(?:in|to|for|within|inside)\b[^.]{{0,40}}{_PLACES}|exclud(?:es|ing|ed)\b[^.]{{0,40}}{_PLACES}"
            r"|不适用于[^\u3002]{0,20}(?:欧盟|欧洲联盟|英国|韩国)",
            re.IGNORECASE,
        ),
    ),
    (
        "no-commercial-use",
        defer_pattern(
            r"\bnon[- ]?commercial|\b(?:not|no|never|prohibit\w*|forbid\w*|except|exclud\w*|other than)\b[^.]{0,60}"
            r"\bcommercial(?:ly)?\b|非商业|不得[^\u3002]{0,20}商业|禁止[^\u3002]{0,12}商",
            re.IGNORECASE,
        ),
    ),
    (
        "research-only",
        defer_pattern(
            r"\b(?:only|solely|exclusively|limited to)\b[^.]{0,60}\b(?:research|academic|scientific|educational)\b"
            r"|\b(?:research|academic|scientific|educational)\b[^.]{0,30}\b(?:only|solely|exclusively)\b"
            r"|仅[^\u3002]{0,16}(?:研究|学术)",
            re.IGNORECASE,
        ),
    ),
)


def find_plain_limits(text: str, first_line: int, artifact: str) -> Iterator[LicenseClaim]:
    """Yield the first sentence of each kind of plain limit; the key of its location is the kind.

    Args:
        text: a licence text; only its first 200,000 characters are searched.
        first_line: line number, from 1, of the text's first line in the file.
        artifact: path of the file.
    """
    text = text[:_MOST_CHARACTERS]
    wanted = dict(_KINDS)
    for sentence in _SENTENCE.finditer(text):
        words = " ".join(sentence[0].split())
        for kind in [kind for kind, pattern in wanted.items() if pattern.search(words)]:
            del wanted[kind]
            start = sentence.start() + len(sentence[0]) - len(sentence[0].lstrip())
            place = Location(line=first_line + text.count("\n", 0, start), key=kind)
            quotation = truncate_quotation(words[:_MAX_QUOTATION])
            yield LicenseClaim(ClaimKind.DECLARED, artifact, RESTRICTION, quotation, None, place)
        if not wanted:
            return
