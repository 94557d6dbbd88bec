"""Turn text of a card or of a configuration into the value of a fact: one line, without markup, bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.description.figures import parse_figures
from modelaudit.description.libraries import parse_requirements
from modelaudit.model.description import Confidence, Fact
from modelaudit.model.description_rules import FactRule, Form
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.placeholders import states_something
from modelaudit.model.spelling import uncover_text
from modelaudit.model.structure import NOWHERE, Location
from modelaudit.model.wording import escape_unprintable

LONGEST_NAME: Final = 300
LONGEST_PROSE: Final = 2_000
_MOST_NAMES: Final = 200
_TAG: Final = defer_pattern(r"</?[a-zA-Z][^<>]{0,500}>")
_IMAGE: Final = defer_pattern(r"!\[[^\[\]]{0,300}\]\([^()\s]{0,500}[^()]{0,200}\)")
_LINK: Final = defer_pattern(r"\[([^\[\]]{0,500})\]\(([^()\s]{0,500})[^()]{0,200}\)")
_MAIL: Final = defer_pattern(
    r"<(?:mailto:)?([\w.+-]{1,64}@[\w.-]{1,200})>"
    r"|<a\s[^<>]{0,200}?href\s{0,5}=\s{0,5}[\"']?mailto:([\w.+-]{1,64}@[\w.-]{1,200})[^<>]{0,200}>([^<>]{0,300})</a>",
    re.IGNORECASE,
)
"""An address of mail between angle brackets (CommonMark 0.31, 6.5), and a link to one in HTML."""
_MAIL_LINK: Final = "mailto:"
_EMPHASIS: Final = defer_pattern(r"\*{1,3}|`{1,3}|(?<!\w)_{1,2}(?=\S)|(?<=\S)_{1,2}(?!\w)|~~")
_ADDRESS: Final = defer_pattern(r"https?://[^\s<>\"'\])}|]{1,500}")
_MARKS: Final = " \t\n:;,-\u2013\u2014*_|"
_DIVIDER: Final = defer_pattern(r"[,;\uff0c\u3001\uff1b]| and | or |\s[&|/]\s")


def drop_comments(text: str, in_comment: bool) -> tuple[bool, str]:
    """Return whether a comment is open at the end of a text, and the text without its comments.

    Args:
        text: a line, or several.
        in_comment: whether a comment is open at its start.
    """
    kept: list[str] = []
    rest = text
    while rest:
        before, mark, rest = rest.partition("-->" if in_comment else "<!--")
        if not in_comment:
            kept.append(before)
        in_comment = in_comment != bool(mark)
    return in_comment, " ".join(kept)


def strip_markup(text: str) -> str:
    """Return a text of Markdown on one line without comments, tags, pictures, addresses of links and emphasis.

    An address of mail stays, because the text of its link may not name it.
    """
    if "<" in text:
        text = drop_comments(text, False)[1]
        text = _TAG.sub(" ", _MAIL.sub(_write_mail, text) if "@" in text else text)
    if "](" in text:
        text = _LINK.sub(_keep_mail, _IMAGE.sub(" ", text))
    return " ".join(_EMPHASIS.sub("", text).split())


def _keep_mail(link: re.Match[str]) -> str:
    """Return the text of a link, with the address behind it where it is one of mail that the text does not name."""
    text, target = link[1], link[2]
    address = target[len(_MAIL_LINK) :].partition("?")[0] if target.lower().startswith(_MAIL_LINK) else ""
    return _append_mail(text, address)


def _write_mail(found: re.Match[str]) -> str:
    """Return an address between angle brackets without these, or the text of a link in HTML with its address."""
    return found[1] or _append_mail(found[3], found[2])


def _append_mail(text: str, address: str) -> str:
    """Append an address that a text does not name; without an address, the text alone."""
    return f"{text} ({address})" if address and address not in text else text


def find_address(text: str) -> str:
    """Return the first web address in a text, without the punctuation behind it; empty if there is none."""
    match = _ADDRESS.search(text)
    return match[0].rstrip(".,;:!?") if match else ""


def bound_value(text: str, longest: int) -> str:
    """Return a text on one line, cut with an ellipsis."""
    line = escape_unprintable(" ".join(text[: 4 * longest].split())[: longest + 1])
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


class FactMaker:
    """Makes facts of texts by rules, and drops placeholders."""

    def __init__(self, placeholders: re.Pattern[str]) -> None:
        self._placeholders = placeholders

    def states_nothing(self, text: str) -> bool:
        """Whether a text is empty or a placeholder."""
        shown = uncover_text(text[: 2 * LONGEST_PROSE])
        bare = shown.strip(_MARKS + ".\"'").lower()[:LONGEST_PROSE]
        return not states_something(bare) or self._placeholders.fullmatch(bare) is not None

    def make(
        self,
        rule: FactRule,
        text: str,
        artifact: str,
        where: Location = NOWHERE,
        qualifiers: tuple[tuple[str, str], ...] = (),
        confidence: Confidence | None = None,
    ) -> Iterator[Fact]:
        """Yield the facts that a text states by a rule; none for a placeholder.

        Args:
            rule: of its key, heading or label.
            text: as the file has it.
            artifact: the address of the file.
            where: its place.
            qualifiers: those of the rule, with their values; placeholders among them are dropped.
            confidence: in place of that of the rule.
        """
        if rule.form is Form.REQUIREMENTS:
            for name, stated in parse_requirements(rule.value or text):
                yield Fact(rule.topic, name, confidence or rule.confidence, artifact, where, stated)
            return
        for value in self._read_values(rule, text):
            if self.states_nothing(value):
                continue
            kept = ((name, bound_value(each, LONGEST_NAME)) for name, each in qualifiers if not self._is_empty(each))
            longest = LONGEST_PROSE if rule.form is Form.PROSE else LONGEST_NAME
            yield Fact(
                rule.topic,
                bound_value(value, longest),
                confidence or rule.confidence,
                artifact,
                where,
                tuple(sorted(kept)),
            )

    def _is_empty(self, text: str) -> bool:
        """Whether a qualifier states nothing; a single figure does."""
        return not text.strip() or (self.states_nothing(text) and not text.strip().isdigit())

    def _read_values(self, rule: FactRule, text: str) -> Iterator[str]:
        """Yield the values in a text, by the form of its rule."""
        match = rule.when.fullmatch(text.strip()) if rule.when is not None else None
        if rule.when is not None:
            if match is None:
                return
            text = match["value"] if "value" in rule.when.groupindex else text
            if rule.value:
                yield rule.value
                return
        text = rule.values.get(text.strip(), text)
        if self.states_nothing(text) or self.states_nothing(strip_markup(text)):
            return
        if rule.value:
            yield rule.value
        elif rule.form is Form.ADDRESS:
            yield find_address(text) or strip_markup(text)
        elif rule.form is Form.NAMES:
            yield from (each.strip() for each in _DIVIDER.split(strip_markup(text))[:_MOST_NAMES])
        elif rule.form in (Form.NAME, Form.PROSE):
            yield strip_markup(text).strip(_MARKS if rule.form is Form.NAME else " ")
        else:
            yield from parse_figures(rule.form, strip_markup(text))
