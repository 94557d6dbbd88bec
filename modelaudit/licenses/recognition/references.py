"""Statements that name a licence in running text: claims by name, with their lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

_LIMIT = 50
_TEXT_LIMIT = 400_000
_QUOTATION = 200


@dataclass(frozen=True, slots=True)
class Reference:
    """One statement.

    Attributes:
        name: the name or expression as it stands there, without the article.
        url: the address that it leads to; empty where it has none.
        line: from 1.
        quotation: the line, bounded.
        tag: whether it is an ``SPDX-License-Identifier`` and its name an expression.
    """

    name: str
    url: str
    line: int
    quotation: str
    tag: bool = False


_SPDX = re.compile(r"SPDX-License-Identifier:[ \t]*([A-Za-z0-9(][A-Za-z0-9.+:() \t-]{0,200})")
# A name: words with a capital or a digit, and the small ones between them, up to where the sentence goes on. On one line
# and the next, since lines are wrapped; every part is bounded.
_WORD = r"(?:[A-Z][\w.+'’&\[\]/-]{0,40}|[0-9][\w.+-]{0,20}|v[0-9][\w.]{0,10}|v\.)"
_SMALL = r"(?:of|for|the|and|to|in|with|\"|“|version|license|licence|licenses|terms|agreement|community|model|public)"
_NAME = rf"(?P<name>{_WORD}(?:[ \t,]{{1,3}}\(?{_WORD}\)?|[ \t]{{1,2}}{_SMALL}(?=[ \t,.)\]]|$)|[ \t]?\n[ \t#*/;>-]{{0,8}}{_WORD}){{0,10}})"
_LINKED = r"\[(?P<linked>[^\[\]\n]{2,120})\]\((?P<url>[^()\s]{1,400})\)"
_VERB = (
    r"(?:licen[cs]ed|released|distributed|available|provided|published|open[- ]?sourced|governed|covered|shared"
    r"|made\s{1,3}available|offered|use\s{1,3}of\s{1,3}th(?:is|e)\s{1,3}model\s{1,3}is)"
)
_UNDER = r"(?:under|by|subject\s{1,3}to|pursuant\s{1,3}to|according\s{1,3}to|with)"
_ARTICLE = (
    r"(?:the\s{1,3}|a\s{1,3}|an\s{1,3}|our\s{1,3})?(?:(?:terms|conditions)(?:\s{1,3}and\s{1,3}conditions)?\s{1,3}of\s{1,3})?"
    r"(?:the\s{1,3}|a\s{1,3}|an\s{1,3}|our\s{1,3})?[\"“*_`]{0,3}"
)
_STATEMENT = re.compile(rf"(?i:\b{_VERB}\s{{1,3}}{_UNDER}\s{{1,3}}[#*/;> ]{{0,6}}{_ARTICLE})(?:{_LINKED}|{_NAME})")
_FIELD = re.compile(rf"(?im:^[ \t>#*/-]{{0,8}}[*_]{{0,2}}licen[cs]e(?:s)?[*_]{{0,2}}[ \t]{{0,3}}:[*_]{{0,2}}[ \t]{{0,3}}[*_`]{{0,2}})(?:{_LINKED}|{_NAME})")
_NEGATED = re.compile(r"\b(?:not|never|no\s+longer|neither|nor|isn['’]t|aren['’]t|wasn['’]t)\b[^.;\n]{0,24}$", re.IGNORECASE)
_URL = re.compile(r"https?://[^\s<>()\[\]\"'`]{4,300}")
_NAMES_A_LICENSE = re.compile(
    r"licen[cs]e|terms|agreement|\b(?:MIT|Apache|BSD|GPL|LGPL|AGPL|CC[- ]?BY|CC0|MPL|ISC|OpenRAIL|RAIL|Unlicense|WTFPL)|"
    r"creative\s+commons|public\s+domain|openmdw",
    re.IGNORECASE,
)
_TAIL = re.compile(r"[\s,.;:\"“”*_`(]+$|\s+(?:of|for|the|and|to|in|with)$")


def references(text: str) -> tuple[Reference, ...]:
    """The statements of ``text`` that name a licence, in order; no more than 50, of its first 400,000 characters.

    A statement that denies (“is not licensed under …”) is none. What only mentions a name is none either: it has to say
    that something is licensed, released, distributed or available under it, or be a line of the form ``License: …``.
    """
    text = text[:_TEXT_LIMIT]
    found = sorted(islice(_found(text), 4 * _LIMIT), key=lambda each: each[0])
    kept: dict[tuple[int, str], Reference] = {}
    for start, name, url, tag in found:
        line = text.count("\n", 0, start) + 1
        kept.setdefault((line, name), Reference(name, url, line, _line_at(text, start), tag))
    return tuple(islice(kept.values(), _LIMIT))


def _found(text: str) -> Iterator[tuple[int, str, str, bool]]:
    """(position, name, address, whether it is a tag) of each."""
    for tag in _SPDX.finditer(text):
        yield tag.start(), " ".join(tag[1].split()), "", True
    for pattern in (_STATEMENT, _FIELD):
        for match in pattern.finditer(text):
            if _NEGATED.search(text, max(0, match.start() - 60), match.start()):
                continue
            name = _trimmed(match["linked"] or match["name"])
            if not name or not _NAMES_A_LICENSE.search(name):
                continue
            yield match.start(), name, match["url"] or _url_after(text, match.end()), False


def _trimmed(name: str) -> str:
    """Without the marks at its ends, on one line."""
    name = " ".join(re.sub(r"\n[ \t#*/;>-]{0,8}", " ", name).split()).strip("*_`\"“” ")
    while (shorter := _TAIL.sub("", name)) != name:
        name = shorter
    return name


def _url_after(text: str, end: int) -> str:
    """The address in the rest of the sentence, if it stands close by."""
    url = _URL.search(text, end, end + 160)
    if url is None or "\n\n" in text[end : url.start()]:
        return ""
    return url[0].rstrip(".,;:")


def _line_at(text: str, start: int) -> str:
    begin = text.rfind("\n", 0, start) + 1
    end = text.find("\n", start)
    line = " ".join(text[begin : end if end >= 0 else len(text)][: 4 * _QUOTATION].split())
    return line if len(line) <= _QUOTATION else f"{line[: _QUOTATION - 1]}…"
