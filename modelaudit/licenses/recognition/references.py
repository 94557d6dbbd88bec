"""Find sentences and fields in running text that name a licence; each becomes a claim by name, with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from msgspec import Struct

from modelaudit.model.lazy_pattern import defer_pattern

_TEXT_LIMIT = 400_000
_NAME_WINDOW = 300
"""Characters after the verb of a statement that may have its name and address."""
_NEGATION_WINDOW = 80
"""Characters before the verb of a statement that may have a negation."""
_SUBJECT_WINDOW = 300
"""Characters before the verb of a statement that may name what is licensed."""
_QUOTATION = 200
_NAME_WORDS = 14


class LicenseReference(Struct, frozen=True):
    """One statement that names a licence.

    Attributes:
        name: the name or expression as written, without the article.
        url: the address behind the name; empty if it has none.
        line: line number from 1.
        quotation: the line, bounded.
        tag: whether it is an ``SPDX-License-Identifier``, and ``name`` an expression.
        subject: the words of the sentence before its verb, which name what is licensed; empty for a tag or a label.
    """

    name: str
    url: str
    line: int
    quotation: str
    tag: bool = False
    subject: str = ""


# "SPDX-License-Identifier: MIT OR Apache-2.0": the expression is group 1.
_TAG = defer_pattern(r"SPDX-License-Identifier:[ \t]*([A-Za-z0-9(][A-Za-z0-9.+:() \t-]{0,200})")
# "licensed under ", "released publicly under ", "available subject to ": a verb, at most one other word, a preposition.
_VERB = defer_pattern(
    r"\b(?:licen[cs]ed|released|distributed|available|provided|published|open[- ]?sourced|governed|covered|shared"
    r"|offered)"
    r"\s{1,3}(?:\S{1,12}\s{1,3})?(?:under(?:\s{1,3}and\s{1,3}subject\s{1,3}to)?|by|subject\s{1,3}to|pursuant\s{1,3}to"
    r"|according\s{1,3}to)\s"
    r"|\b(?:weights|checkpoints?|parameters|network|model)\s{1,3}(?:is|are|remains?|falls?|comes?)\s{1,3}"
    r"(?:all\s{1,3})?under\s"
    r"|\b(?:is|are)\s{1,3}(?:under\s(?=the\s{1,3}following\s{1,3}licen[cs]e\b)|subject\s{1,3}to\s)",
    re.IGNORECASE,
)
# "License: ", "- **License**: ", "# Licence : " or "Weights: " at the beginning of a line.
_FIELD = defer_pattern(
    r"^[ \t>#*/-]{0,8}[*_]{0,2}(?:licen[cs]es?|lizenz|licencia|licenza|许可证|ライセンス|라이선스"
    r"|(?:model[ \t])?(?:weights|checkpoints?)|(?:model[ \t])?(?:(?:weights?|checkpoints?)[ \t])?licen[cs]e)"
    r"[*_]{0,2}[ \t]{0,3}(?::[*_]{0,2}[ \t]|\uff1a[*_]{0,2}[ \t]{0,2})",
    re.IGNORECASE | re.MULTILINE,
)
# "The AGPL covers the weights": a licence with conditions for works made from it, before what it covers.
_COVERING = defer_pattern(
    r"\b(?P<name>(?:GNU[ \t])?(?:[AL]?GPL|MPL)(?P<version>[- ]?v?\d(?:\.\d)?)?)\s{1,3}"
    r"(?:licen[cs]e\s{1,3})?(?:also\s{1,3})?(?:covers?|applies\s{1,3}to|governs?|binds?)\s{1,3}(?:\w{1,12}\s{1,3}){0,2}"
    r"(?:weights|models?|checkpoints?|parameters)\b",
    re.IGNORECASE,
)
# "not", "is no longer" or "isn't currently" at the end of the words before a verb, within the same sentence.
_NEGATED = defer_pattern(r"\b(?:not|never|no longer|neither|nor|isn.t|aren.t|wasn.t)\b[^.;]{0,24}$", re.IGNORECASE)
# The subject of a sentence, before its verb: data, or what was released before.
_SENTENCE_START = defer_pattern(r".*(?:[.!?;]\s|[\u3002\uff1b])", re.DOTALL)
_OTHER_SUBJECT = defer_pattern(
    r"\W*(?:(?!models?\b|weights?\b|code\b|checkpoints?\b|everything\b)[\w'-]+\W+){0,4}"
    r"(?:data\b|data ?sets?\b|corpus\b|corpora\b|recordings?\b|annotations\b|transcripts\b"
    r"|(?:[\w-]+\s){0,2}in\s[`\"']?(?:data|datasets?)/)"
    r"|\W*(?:the\s|all\s)?(?:earlier|older|previous|prior|former)\s(?:versions?|releases?)\b.*\b(?:was|were)\s*\Z"
    r"|\W*versions?\s(?:before|prior to|up to|until|older than)\sv?[\d.]+\s(?:was|were)\s*\Z",
    re.IGNORECASE,
)
_OWN_WORK = defer_pattern(r"\b(?:models?|weights?|checkpoints?|code|software|everything|repository)\b", re.IGNORECASE)
# A line break with the comment or quotation mark of the next line, such as "\n# ", "\n * " or "\n> ".
_MARKS = defer_pattern(r"\n[ \t]{0,8}(?:[#*;>]|//|--)?[ \t]{0,8}(?=\S)")
# The text before a name: "the ", "a **", "the terms and conditions of the ".
_ARTICLE = defer_pattern(
    r"(?:\s|[\"“*_`]|(?:the|a|an|our|same|following|either|terms|conditions|and|of)\b(?=\s))+", re.IGNORECASE
)
# "[Gemma Terms](https://ai.google.dev/gemma/terms)": the name is group 1, the address group 2.
_LINK = defer_pattern(r"\[([^\[\]]{2,120})\]\(([^()\s]{1,400})\)")
# One word of a name: "Apache-2.0", "v1.1", "Meta's".
_WORD = defer_pattern(r"[\w.+&/-]{1,40}(?:['\u2019]s)?")
# Between two words of a name: a space, "," with a space, or " (" before "the "License").
_BETWEEN = defer_pattern(r"(?:[ \t]*,)?[ \t]+\(?")
_UNFINISHED = frozenset(("of", "for", "the", "and", "or", "to", "in", "with"))
"""Words that join others and never end a name."""
_JOINING = _UNFINISHED | {
    *("version", "license", "licence", "licenses", "terms", "agreement", "community", "model", "public")
}
# ", or (at your option) any later" behind the name of a GNU licence.
_LATER = defer_pattern(
    r",?[ \t]+(?:\(at your option\)[ \t]+)?or[ \t]+(?:\(at your option\)[ \t]+)?(?:any[ \t]+)?later\b", re.IGNORECASE
)
_URL = defer_pattern(r"https?://[^\s<>()\[\]\"'`]{4,300}")
# A name that means a licence, unlike the agents and places after the same verbs ("released by Acme").
_NAMES_A_LICENSE = defer_pattern(
    r"licen[cs]e|terms|agreement|\b(?:MIT|Apache|BSD|L?GPL|AGPL|CC[- ]?BY|CC0|MPL|ISC|OpenRAIL|RAIL|Unlicense|WTFPL)\b"
    r"|\b(?:L?GPL|AGPL|CC[- ]?BY|OpenRAIL)|creative\s+commons|public\s+domain|openmdw",
    re.IGNORECASE,
)


class _Statement(NamedTuple):
    """One statement of a licence: its offset, the name or SPDX expression, and the address or an empty text."""

    offset: int
    name: str
    url: str
    is_tag: bool
    has_subject: bool = False


def find_references(text: str) -> tuple[LicenseReference, ...]:
    """Find the statements of ``text`` that name a licence, in its first 400,000 characters, in their order.

    A mere mention does not count. A statement licenses, releases or distributes something under the licence, or is a
    line of the form ``License: …``. A negated statement does not count either, and neither does one about data or about
    earlier versions. The first statement of each name counts.
    """
    text = text[:_TEXT_LIMIT]
    forms = (_find_tags(text), _find_statements(text, _VERB), _find_statements(text, _FIELD), _find_covering(text))
    statements = sorted(chain.from_iterable(forms))
    references: dict[tuple[str, str, bool], LicenseReference] = {}
    for start, name, url, is_tag, has_subject in statements:
        if (name, url, is_tag) not in references:
            line = text.count("\n", 0, start) + 1
            subject = _find_subject(text, start) if has_subject else ""
            references[name, url, is_tag] = LicenseReference(name, url, line, _quote_line(text, start), is_tag, subject)
    return tuple(references.values())


def _find_tags(text: str) -> Iterator[_Statement]:
    """Yield a statement for each ``SPDX-License-Identifier``."""
    for tag in _TAG.finditer(text):
        yield _Statement(tag.start(), " ".join(tag[1].split()), "", is_tag=True)


def _find_covering(text: str) -> Iterator[_Statement]:
    """Yield a statement for each licence that covers the weights; without a version its newest one is meant."""
    for match in _COVERING.finditer(text):
        newest = "-2.0" if match["name"].upper().endswith("MPL") else "-3.0"
        name = match["name"] if match["version"] else f"{match['name']}{newest}"
        yield _Statement(match.start(), name, "", is_tag=False)


def _find_statements(text: str, pattern: re.Pattern[str]) -> Iterator[_Statement]:
    """Yield a statement for each sentence (``_VERB``) or line (``_FIELD``) that states a licence."""
    for match in pattern.finditer(text):
        # "not licensed under" and "no longer available under" name a licence in order to deny it.
        paragraph_before = text[max(0, match.start() - _NEGATION_WINDOW) : match.start()].rpartition("\n\n")[2]
        before = " ".join(paragraph_before.split())
        if _NEGATED.search(before) or _is_about_others(before):
            continue
        paragraph = text[match.end() : match.end() + _NAME_WINDOW].partition("\n\n")[0]
        # Comment and quotation marks separate the lines of one sentence, so they are blanked first.
        name, url = _parse_license_name(_MARKS.sub(" ", paragraph))
        if name and _NAMES_A_LICENSE.search(name):
            yield _Statement(match.start(), name, url, is_tag=False, has_subject=pattern is _VERB)


def _find_subject(text: str, verb: int) -> str:
    """Find the words of a sentence before its verb at the offset ``verb``, without line breaks."""
    paragraph = text[max(0, verb - _SUBJECT_WINDOW) : verb].rpartition("\n\n")[2]
    return _SENTENCE_START.sub("", " ".join(_MARKS.sub(" ", paragraph).split()))


def _is_about_others(before: str) -> bool:
    """Whether the words before a verb name data, or versions of the past, as what is licensed."""
    subject = _SENTENCE_START.sub("", before)
    return _OTHER_SUBJECT.match(subject) is not None and not _OWN_WORK.search(subject)


def _parse_license_name(after: str) -> tuple[str, str]:
    """Parse the licence name at the beginning of ``after``, and the address that belongs to it.

    Args:
        after: the text behind the verb, such as ``the MIT License (see https://mit.example).``

    Returns:
        The name without its article, and the address; each is empty if there is none.
    """
    article = _ARTICLE.match(after)
    start = article.end() if article else 0
    link = _LINK.match(after, start)
    if link:
        return " ".join(link[1].split()).strip("*_` "), link[2]
    end = _find_name_end(after, start)
    name = after[start:end].strip('"“”*_`(), ')
    if end > start and _LATER.match(after, end):
        name += " or later"
    url = _URL.search(after, end)
    return name, url[0].rstrip(".,;:") if url else ""


def _find_name_end(after: str, start: int) -> int:
    """Find the end of the licence name that begins at ``start``; ``start`` itself if none begins there.

    A name continues over capitalized words, words with digits and joining words, up to a full stop or 14 words. It ends
    with the last of them that can end a name: "MIT License and the" gives "MIT License".
    """
    position = end = start
    for _ in range(_NAME_WORDS):
        word = _WORD.match(after, position)
        if word is None or not _continues_name(word[0]):
            break
        spelling = word[0]
        if spelling.lower() not in _UNFINISHED:
            last_mark = 1 if spelling.endswith((".", "/", "-")) else 0
            end = word.end() - last_mark
        # "License." ends the sentence. "2." and "v1." may go on, and so may an abbreviation such as "Co.".
        ends_sentence = spelling.endswith(".") and not spelling[:-1].isdigit() and len(spelling) > 3
        between = _BETWEEN.match(after, word.end())
        if ends_sentence or between is None:
            break
        position = between.end()
    return end


def _continues_name(word: str) -> bool:
    """Whether a word can be part of a licence name: it has a capital or a digit, or is listed."""
    has_digit = any(letter.isdigit() for letter in word)
    return word[0].isupper() or has_digit or word.lower().rstrip(".") in _JOINING


def _quote_line(text: str, start: int) -> str:
    """Quote the line of the offset ``start`` without repeated spaces, cut to 200 characters."""
    first = text.rfind("\n", 0, start) + 1
    end = text.find("\n", start)
    raw = text[first:end] if end >= 0 else text[first:]
    # Four times the limit leaves room for the spaces that vanish, and bounds the work on an endless line.
    line = " ".join(raw[: 4 * _QUOTATION].split())
    return line if len(line) <= _QUOTATION else f"{line[: _QUOTATION - 1]}…"
