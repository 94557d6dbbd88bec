"""Find the licence that a label, a heading or a table of a card states in a few words that no rule knows.

"License: Kite EULA", or "Restricted." below a heading "License", has too few words to be judged as a sentence, and
names no licence that could contradict the declared one. Such a value is quoted, unless it names an ordinary licence,
points to the licence file, or says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from modelaudit.licenses.evidence.comparison_tables import iter_tables
from modelaudit.licenses.evidence.fields import RESTRICTION, TEXT, Resolver, truncate_quotation
from modelaudit.licenses.evidence.sentence_cues import name_ordinary_licenses
from modelaudit.licenses.evidence.sentences import fold_sentence
from modelaudit.model.card_layout import CardLabels
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import ClaimKind, LicenseClaim
from modelaudit.model.restrictions import ORDINARY_NAME, Cues, Restrictions
from modelaudit.model.structure import Location
from modelaudit.model.terms import PERMISSIVE_CATEGORIES, LicenseEntry

STATED_LICENSE = "stated-license"
"""The kind of a label whose value names an unknown licence."""
_MARKS = "*_`\"'“”<> \t\r\n."
"""Marks around a value, which are cut off."""
_MAX_CHARACTERS = 400_000
_MAX_CLAIMS = 5
_MOST_WORDS = 6
"""Longer values are judged as sentences."""
_MOST_SCRIPT_LETTERS = 16
_ITEM = defer_pattern(r"^[ \t]*[-*+][ \t]+(?:\[[ xX]\][ \t]*)?", re.MULTILINE)
_ITEM_LABEL = defer_pattern(r"[^:\uff1a\n]{1,40}[:\uff1a][ \t]*")
_MARKDOWN_LINK = defer_pattern(r"!?\[(?P<name>[^\[\]\n]{0,200})\]\((?P<url>[^()\s]{0,300})[^()\n]{0,80}\)")
_JOINED_VERSION = defer_pattern(r"(?<=gpl)v(?=\d)")
_WORD = defer_pattern(r"[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_SCRIPT = defer_pattern(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def find_stated_licenses(
    text: str, first_line: int, artifact: str, restrictions: Restrictions, licenses: Mapping[str, LicenseEntry]
) -> Iterator[LicenseClaim]:
    """Yield a claim for each label, heading or table row of a card whose value is a licence that no rule knows.

    The row of a table that gives the weights a known licence with conditions beyond a notice yields a claim of that
    licence; ``find_references`` finds the licences that labels and sentences name.

    Args:
        text: of the card; only its first 400,000 characters are searched.
        first_line: line number, from 1, of the text's first line in the file.
        artifact: path of the file.
        restrictions: the words of labels, and the names of ordinary licences.
        licenses: the licences of the rule set by id.
    """
    if restrictions.layout is None:
        return
    patterns = restrictions.layout.labels
    resolver = Resolver.from_rules(licenses, {})
    text = text[:_MAX_CHARACTERS]
    seen: set[str] = set()
    for start, shown, value, is_part in sorted(_iter_values(text, patterns)):
        quotation = truncate_quotation(" ".join(shown.split()))
        if quotation in seen:
            continue
        line = first_line + text.count("\n", 0, start) if first_line else None
        license_id = resolver.find_license(value.strip(_MARKS)) if " | " in shown else None
        if license_id is not None and licenses[license_id].category not in PERMISSIVE_CATEGORIES:
            seen.add(quotation)
            yield LicenseClaim(ClaimKind.DECLARED, artifact, TEXT, quotation, license_id, Location(line=line))
        elif _states_other_terms(value, is_part, restrictions.cues, resolver, patterns):
            seen.add(quotation)
            place = Location(line=line, key=STATED_LICENSE)
            yield LicenseClaim(ClaimKind.DECLARED, artifact, RESTRICTION, quotation, None, place)
        if len(seen) == _MAX_CLAIMS:
            return


def _iter_values(text: str, patterns: CardLabels) -> Iterator[tuple[int, str, str, bool]]:
    """Yield (offset, words to quote, value, whether the label names a part and no licence)."""
    for match in patterns.label.finditer(text):
        yield match.start("value"), match[0].lstrip(".; \t"), match["value"], match["part"] is not None
    for match in patterns.heading.finditer(text):
        heading = match[0][: match.start("block") - match.start()].strip()
        yield from _iter_block_values(match.start("block"), heading, match["block"], patterns)
    for table in iter_tables(text):
        head, *body = table
        columns = [number for number, cell in enumerate(head.cells) if number and patterns.license_cell.fullmatch(cell)]
        for row in (head, *body[1:]):
            shown = " | ".join(row.cells)
            is_part = patterns.part_cell.fullmatch(row.cells[0]) is not None
            if is_part and row is not head:
                yield from ((row.start, shown, row.cells[i], False) for i in columns if i < len(row.cells))
            if len(row.cells) == 2 and not columns and (is_part or patterns.license_cell.fullmatch(row.cells[0])):
                yield row.start, shown, row.cells[1], is_part


def _iter_block_values(
    start: int, heading: str, block: str, patterns: CardLabels
) -> Iterator[tuple[int, str, str, bool]]:
    """Yield the value below a heading: a paragraph as a whole, and each item of a list by itself."""
    items = list(_ITEM.finditer(block))
    if not items:
        yield start, f"{heading} {block}", block, False
    ends = [item.start() for item in items[1:]] + [len(block)]
    for item, end in zip(items, ends[: len(items)], strict=True):
        words = block[item.end() : end]
        if not patterns.about_data.match(words):
            label = _ITEM_LABEL.match(words)
            yield start + item.start(), f"{heading} {words}", words[label.end() if label else 0 :], False


def _states_other_terms(value: str, is_part: bool, cues: Cues, resolver: Resolver, patterns: CardLabels) -> bool:
    """Whether a short value states terms that are neither known, nor ordinary, nor behind a pointer."""
    link = _MARKDOWN_LINK.search(value)
    bare = _MARKDOWN_LINK.sub(lambda each: each["name"], value).strip(_MARKS)
    if patterns.non_commercial_code.fullmatch(bare.lower()):
        return True
    if resolver.find_license(bare) or (link and (link[0].startswith("!") or resolver.find_license(link["url"]))):
        return False
    folded = fold_sentence(_MARKDOWN_LINK.sub(lambda each: f"{each['name']} ({each['url']})", value))
    if ORDINARY_NAME in name_ordinary_licenses(_JOINED_VERSION.sub(" v", folded), cues) or patterns.pointer.search(
        folded
    ):
        return False
    words = fold_sentence(bare)
    if patterns.refusal.search(words) and not is_part:
        return True
    if (
        patterns.says_nothing.fullmatch(words)
        or patterns.free.fullmatch(words)
        or patterns.goes_on.search(words.split(" ")[-1])
    ):
        return False
    if len(_WORD.findall(words)) > _MOST_WORDS or len(_SCRIPT.findall(words)) > _MOST_SCRIPT_LETTERS:
        return False
    return not is_part or patterns.terms_of_part.search(words) is not None
