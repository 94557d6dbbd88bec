"""Find limits of a card that its layout states: items below a heading, questions with answers, and marks in cells.

"Commercial products" below "Out-of-scope use" forbids what neither the heading nor the item forbids alone, and so does
"Sorry, no." behind "Can my company ship it?". Only items that name commerce, companies, passing on or the European
Union and nothing else count, so that ordinary lists of unsuitable tasks stay quiet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelaudit.licenses.evidence.comparison_tables import TableRow, iter_tables
from modelaudit.licenses.evidence.fields import RESTRICTION, truncate_quotation
from modelaudit.licenses.evidence.sentences import fold_sentence
from modelaudit.model.card_layout import HeadedLimits
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import ClaimKind, LicenseClaim
from modelaudit.model.structure import Location

HEADED_LIMIT = "headed-limit"
"""The kind of a limit that a heading, a question or a table gives its meaning."""
_MAX_CHARACTERS = 400_000
_MAX_CLAIMS = 5
_MOST_ITEM_LINES = 12
_MOST_ITEM_WORDS = 12
# A heading, a line in bold type, or a label at the end of its line opens a section.
_OPENER = defer_pattern(r"#{1,6}[ \t]+[^\n]{2,60}|[*_]{2,3}[^*_\n]{2,50}[*_]{2,3}:?|[^\n:|]{2,50}:[*_]{0,3}")
_INLINE = defer_pattern(
    r"(?:^|[.;][ \t]+)[*_>\- \t]{0,6}(?P<label>[^\n:.;|]{3,40}):[*_]{0,3}[ \t]+(?P<value>[^\n.;|]{2,160})",
    re.MULTILINE,
)
_ITEM_MARK = defer_pattern(r"[ \t]*(?:[-*+]|\d{1,2}[.)])[ \t]+(?P<box>\[ \][ \t]*)?(?:\[[xX]\][ \t]*)?")
_SEPARATOR = defer_pattern(r"[,;/]|\s(?:and|or)\s")
_QUESTION = defer_pattern(
    r"(?<![^\n.!?])[^\n.!?]{3,160}\?[*_\s]{1,8}"
    r"(?:\*{0,2}A(?:nswer)?\*{0,2}[:.][*_\s]{0,4})?(?P<answer>[\w❌🚫⛔][^\n.!?]{0,80})"
)


def find_headed_limits(text: str, first_line: int, artifact: str, patterns: HeadedLimits) -> Iterator[LicenseClaim]:
    """Yield a claim for each limit that the layout of a card states.

    Args:
        text: of the card; only its first 400,000 characters are searched.
        first_line: line number, from 1, of the text's first line in the file.
        artifact: path of the file.
        patterns: of the rule set.
    """
    text = text[:_MAX_CHARACTERS]
    seen: set[str] = set()
    for finder in (_iter_section_limits, _iter_inline_limits, _iter_table_limits, _iter_marks, _iter_answers):
        for start, shown in finder(text, patterns):
            quotation = truncate_quotation(" ".join(shown.split()))
            if quotation not in seen and len(seen) < _MAX_CLAIMS:
                seen.add(quotation)
                line = first_line + text.count("\n", 0, start) if first_line else None
                place = Location(line=line, key=HEADED_LIMIT)
                yield LicenseClaim(ClaimKind.DECLARED, artifact, RESTRICTION, quotation, None, place)


def _iter_section_limits(text: str, patterns: HeadedLimits) -> Iterator[tuple[int, str]]:
    """Yield (offset, heading and line) for each line of a section that limits together with its heading."""
    heading, is_forbidding, lines_left, position = "", False, 0, 0
    for line in text.splitlines(keepends=True):
        start, position = position, position + len(line)
        words = line.strip()
        opener = _OPENER.fullmatch(words) if words else None
        if opener:
            heading = fold_sentence(words)
            is_forbidding = patterns.forbidding.fullmatch(heading) is not None
            lines_left = _MOST_ITEM_LINES if is_forbidding or patterns.admitting.fullmatch(heading) else 0
        elif words and lines_left:
            lines_left -= 1
            mark = _ITEM_MARK.match(line)
            value = line[mark.end() :] if mark else line
            is_unchecked = mark is not None and mark["box"] is not None
            is_denied = is_forbidding or is_unchecked
            if (
                _limits(value, patterns)
                if is_denied
                else patterns.admitted.fullmatch(fold_sentence(value).rstrip(". "))
            ):
                yield start, f"{heading}: {value}" if not heading.endswith(":") else f"{heading} {value}"


def _iter_inline_limits(text: str, patterns: HeadedLimits) -> Iterator[tuple[int, str]]:
    """Yield (offset, words) for each label that forbids the value behind it in the same line."""
    for match in _INLINE.finditer(text):
        label = fold_sentence(match["label"])
        if patterns.forbidding.fullmatch(label) and _limits(match["value"], patterns):
            yield match.start("label"), f"{match['label']}: {match['value']}"


def _iter_table_limits(text: str, patterns: HeadedLimits) -> Iterator[tuple[int, str]]:
    """Yield (offset, words) for each row that denies what its first cell or its head names."""
    for table in iter_tables(text):
        head, *body = table[0], *table[2:]
        titles = [fold_sentence(cell) for cell in head.cells]
        lists_rights = (
            len(titles) == 2 and patterns.rights.fullmatch(titles[0]) and patterns.grants.fullmatch(titles[1])
        )
        for row in table[:1] + body:
            if len(row.cells) != 2:
                continue
            name, value = (fold_sentence(cell) for cell in row.cells)
            is_forbidden = patterns.forbidding.fullmatch(name) and _limits(value, patterns)
            if is_forbidden or ((lists_rights or _is_subject(name, patterns)) and patterns.denied.fullmatch(value)):
                yield row.start, " | ".join(row.cells)
        if len(body) == 1:
            yield from _iter_denied_columns(head, body[0], patterns)


def _iter_denied_columns(head: TableRow, row: TableRow, patterns: HeadedLimits) -> Iterator[tuple[int, str]]:
    """Yield (offset, words) for each column of a table with one row that denies the use in its head."""
    for name, value in zip(head.cells, row.cells, strict=False):
        if _is_subject(fold_sentence(name), patterns) and patterns.denied.fullmatch(fold_sentence(value)):
            yield row.start, f"{name} | {value}"


def _iter_marks(text: str, patterns: HeadedLimits) -> Iterator[tuple[int, str]]:
    """Yield (offset, words) for each place or user with a mark of refusal, grant struck out, and short notice."""
    for pattern in (patterns.marked, patterns.refused_line, patterns.struck, patterns.notice):
        yield from ((match.start(), match[0]) for match in pattern.finditer(text))


def _iter_answers(text: str, patterns: HeadedLimits) -> Iterator[tuple[int, str]]:
    """Yield (offset, question and answer) for each question about commercial use whose answer does not permit it."""
    for match in _QUESTION.finditer(text):
        question, _, _ = fold_sentence(match[0]).partition("?")
        answer = fold_sentence(match["answer"])
        if not patterns.asks_for_use.search(question) or patterns.asks_for_duty.search(question):
            continue
        is_unclear = len(answer.split()) <= 3 and not patterns.consents.search(answer)
        if patterns.refuses.match(answer) or is_unclear:
            yield match.start(), match[0]


def _is_subject(name: str, patterns: HeadedLimits) -> bool:
    """Whether a cell names commerce, companies or the European Union and nothing else."""
    return patterns.limited.fullmatch(name.strip(" .:")) is not None or name in ("🇪🇺", "🏢")


def _limits(value: str, patterns: HeadedLimits) -> bool:
    """Whether a part of a short value names commerce, companies or the European Union and nothing else.

    A longer one may name commercial use among other words, unless they qualify it.
    """
    folded = fold_sentence(value).strip(" .!:")
    if (
        patterns.purposes.search(folded)
        and not patterns.qualified.search(folded)
        and len(folded.split()) <= _MOST_ITEM_WORDS
    ):
        return True
    parts = _SEPARATOR.split(folded)
    return any(patterns.limited.fullmatch(part.strip(" .!:-")) is not None for part in parts)
