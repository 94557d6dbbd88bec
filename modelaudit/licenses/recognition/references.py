"""Find sentences and fields in running text that name a licence; each becomes a claim by name, with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

_MAX_REFERENCES = 50
_TEXT_LIMIT = 400_000
_NAME_WINDOW = 300
"""Characters after the verb of a statement in which its name and address are searched."""
_QUOTATION = 200
_NAME_WORDS = 14


@dataclass(frozen=True, slots=True)
class LicenseReference:
    """One statement that names a licence.

    Attributes:
        name: the name or expression as written, without the article.
        url: the address behind the name; empty if it has none.
        line: line number from 1.
        quotation: the line, bounded.
        tag: whether it is an ``SPDX-License-Identifier``, and ``name`` an expression.
    """

    name: str
    url: str
    line: int
    quotation: str
    tag: bool = False


_TAG = re.compile(r"SPDX-License-Identifier:[ \t]*([A-Za-z0-9(][A-Za-z0-9.+:() \t-]{0,200})")
_VERB = re.compile(
    r"\b(?:licen[cs]ed|released|distributed|available|provided|published|open[- ]?sourced|governed|covered|shared"
    r"|offered)"
    r"\s{1,3}(?:\S{1,12}\s{1,3})?(?:under|by|subject\s{1,3}to|pursuant\s{1,3}to|according\s{1,3}to)\s",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"^[ \t>#*/-]{0,8}[*_]{0,2}licen[cs]es?[*_]{0,2}[ \t]{0,3}:[*_]{0,2}[ \t]", re.IGNORECASE | re.MULTILINE
)
_NEGATED = re.compile(r"\b(?:not|never|no longer|neither|nor|isn.t|aren.t|wasn.t)\b[^.;]{0,24}$", re.IGNORECASE)
_MARKS = re.compile(r"\n[ \t]{0,8}(?:[#*;>]|//|--)?[ \t]{0,8}(?=\S)")
_ARTICLE = re.compile(
    r"(?:\s|[\"“*_`]|(?:the|a|an|our|same|following|either|terms|conditions|and|of)\b(?=\s))+", re.IGNORECASE
)
_LINK = re.compile(r"\[([^\[\]]{2,120})\]\(([^()\s]{1,400})\)")
_WORD = re.compile(r"[\w.+&/-]{1,40}(?:['\u2019]s)?")
_BETWEEN = re.compile(r"(?:[ \t]*,)?[ \t]+\(?")
_UNFINISHED = frozenset(("of", "for", "the", "and", "or", "to", "in", "with"))
"""Words that join others and never end a name."""
_JOINING = _UNFINISHED | {
    *("version", "license", "licence", "licenses", "terms", "agreement", "community", "model", "public")
}
_LATER = re.compile(
    r",?[ \t]+(?:\(at your option\)[ \t]+)?or[ \t]+(?:\(at your option\)[ \t]+)?(?:any[ \t]+)?later\b", re.IGNORECASE
)
_URL = re.compile(r"https?://[^\s<>()\[\]\"'`]{4,300}")
_NAMES_A_LICENSE = re.compile(
    r"licen[cs]e|terms|agreement|\b(?:MIT|Apache|BSD|L?GPL|AGPL|CC[- ]?BY|CC0|MPL|ISC|OpenRAIL|RAIL|Unlicense|WTFPL)\b"
    r"|\b(?:L?GPL|AGPL|CC[- ]?BY|OpenRAIL)|creative\s+commons|public\s+domain|openmdw",
    re.IGNORECASE,
)


def find_references(text: str) -> tuple[LicenseReference, ...]:
    """Find the statements of ``text`` that name a licence, at most 50, in its first 400,000 characters.

    A mere mention does not count. A statement licenses, releases or distributes something under the licence, or is a
    line of the form ``License: …``. A negated statement does not count either.
    """
    text = text[:_TEXT_LIMIT]
    found = [*islice(_find_tags(text), 2 * _MAX_REFERENCES), *islice(_find_statements(text), 2 * _MAX_REFERENCES)]
    kept: dict[tuple[int, str], LicenseReference] = {}
    for start, name, url, tag in sorted(found):
        line = text.count("\n", 0, start) + 1
        kept.setdefault((line, name), LicenseReference(name, url, line, _quote_line(text, start), tag))
    return tuple(islice(kept.values(), _MAX_REFERENCES))


def _find_tags(text: str) -> Iterator[tuple[int, str, str, bool]]:
    for tag in _TAG.finditer(text):
        yield tag.start(), " ".join(tag[1].split()), "", True


def _find_statements(text: str) -> Iterator[tuple[int, str, str, bool]]:
    """Yield (offset, name, address, False) for each statement."""
    for pattern in (_VERB, _FIELD):
        for match in pattern.finditer(text):
            # "not licensed under" and "no longer available under" name a licence in order to deny it.
            before = " ".join(text[max(0, match.start() - 80) : match.start()].split())
            if _NEGATED.search(before):
                continue
            # Comment and quotation marks separate the lines of one sentence, so they are blanked first.
            after = _MARKS.sub(" ", text[match.end() : match.end() + _NAME_WINDOW].partition("\n\n")[0])
            name, url = _parse_license_name(after)
            if name and _NAMES_A_LICENSE.search(name):
                yield match.start(), name, url, False


def _parse_license_name(after: str) -> tuple[str, str]:
    """Parse the licence name at the beginning of ``after``, and the address that belongs to it."""
    article = _ARTICLE.match(after)
    begin = article.end() if article else 0
    link = _LINK.match(after, begin)
    if link:
        return " ".join(link[1].split()).strip("*_` "), link[2]
    # A name continues over capitalized words, numbers and joining words, and ends at a full stop. ``end`` marks the
    # last word that can end a name, so that "the MIT License and" gives "MIT License".
    words, position = 0, begin
    end = begin
    while words < _NAME_WORDS and (word := _WORD.match(after, position)):
        spelled = word[0]
        if not (
            spelled[0].isupper()
            or any(letter.isdigit() for letter in spelled)
            or spelled.lower().rstrip(".") in _JOINING
        ):
            break
        ends = spelled.endswith(".") and not spelled[:-1].isdigit() and len(spelled) > 3
        if spelled.lower() not in _UNFINISHED:
            end = word.end() - spelled.endswith((".", "/", "-"))
        words += 1
        between = _BETWEEN.match(after, word.end())
        if ends or between is None:
            break
        position = between.end()
    later = _LATER.match(after, end)
    name = after[begin:end].strip('"“”*_`(), ') + (" or later" if later and end > begin else "")
    url = _URL.search(after, end)
    return name, url[0].rstrip(".,;:") if url else ""


def _quote_line(text: str, start: int) -> str:
    begin = text.rfind("\n", 0, start) + 1
    end = text.find("\n", start)
    line = " ".join(text[begin : end if end >= 0 else len(text)][: 4 * _QUOTATION].split())
    return line if len(line) <= _QUOTATION else f"{line[: _QUOTATION - 1]}…"
