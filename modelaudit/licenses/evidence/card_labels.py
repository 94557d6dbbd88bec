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
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import ClaimKind, LicenseClaim
from modelaudit.model.restrictions import ORDINARY_NAME, Cues
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
_LICENSE = (
    r"(?:(?:model|weights?|software|project)[ \t])?licen[cs](?:e|es|ing)(?:\(s\))?|lizenz(?:en)?|licencia|licenza"
    r"|licença|лицензия|许可证|许可协议|许可|授权|许可證|許可證|授權|ライセンス|라이선스|라이센스"
)
_PART = (
    r"(?:the[ \t])?(?:(?:model|fine-?tuned|trained|pre-?trained)[ \t])?"
    r"(?:weights?|checkpoints?|parameters|network|model)(?:[ \t]files?)?"
)
_END_OF_VALUE = r"(?:[^\r\n;.]|[.](?!\s|$)){1,200}"
_LABEL = defer_pattern(
    rf"(?:^[ \t>*+-]{{0,8}}|[.;][ \t]{{1,3}})(?:<\w{{1,8}}>)?[*_]{{0,3}}(?:(?P<license>{_LICENSE})|(?P<part>{_PART}))"
    rf"[ \t]{{0,2}}[*_]{{0,3}}[ \t]{{0,2}}[:\uff1a][*_]{{0,3}}(?:</\w{{1,8}}>)?[ \t]{{0,4}}(?P<value>{_END_OF_VALUE})",
    re.IGNORECASE | re.MULTILINE,
)
_HEADING = defer_pattern(
    rf"^(?:#{{1,6}}[^\w\n]{{1,8}}(?:\d{{1,2}}\W{{1,3}})?(?:{_LICENSE})[ \t:#]{{0,8}}"
    rf"|[*_]{{2,3}}(?:{_LICENSE})[*_:]{{2,4}}"
    rf"|(?:{_LICENSE})[ \t]{{0,4}}\n[=-]{{3,80}}|(?:{_LICENSE})[ \t]{{0,2}}[:\uff1a])"
    r"[ \t]{0,4}\n(?:[ \t]{0,8}\n){0,3}"
    r"(?P<block>(?:[ \t]*[^\s#|<`~!=-][^\n]{0,300}(?:\n|\Z)|[ \t]*[-*+][ \t][^\n]{1,300}(?:\n|\Z)){1,12})",
    re.IGNORECASE | re.MULTILINE,
)
_ITEM = defer_pattern(r"^[ \t]*[-*+][ \t]+(?:\[[ xX]\][ \t]*)?", re.MULTILINE)
_ITEM_LABEL = defer_pattern(r"[^:\uff1a\n]{1,40}[:\uff1a][ \t]*")
_LICENSE_CELL = defer_pattern(rf"\W*(?:{_LICENSE})\W*", re.IGNORECASE)
_PART_CELL = defer_pattern(rf"\W*(?:{_PART})\b(?:[ \t]*\([^()]*\))?\W*", re.IGNORECASE)
_ABOUT_DATA = defer_pattern(
    r"\W*(?:[\w-]+\W+){0,2}(?:data|datasets?|corpus|images|docs?|documentation|paper|text)\b", re.I
)
_MARKDOWN_LINK = defer_pattern(r"!?\[(?P<name>[^\[\]\n]{0,200})\]\((?P<url>[^()\s]{0,300})[^()\n]{0,80}\)")
# What a value may say without stating other terms: nothing, a pointer, or that all is free.
_SAYS_NOTHING = defer_pattern(
    r"\W*(?:more information needed|optional|(?:see|siehe|voir)?\W*(?:below|above|unten))?\W*"
)
_POINTER = defer_pattern(
    r"\blicen[cs]e\.(?:md|txt|rst)|licen[cs]e[\w.-]*\)|^\W*(?:the\W+)?licen[cs]es?(?:\W+file)?\W*$|\bcopying\b|\bnotice\b"
    r"|https?://\S*(?:licen[cs]e|copying|opensource|spdx|apache)"
    r"|\b(?:see|read|check|in|refer\W+to|consult|siehe|voir|ver|véase)\W+"
    r"(?:[\w-]+\W+){0,4}(?:licen[cs]\w*|file|files|repo\w*|section|card|readme|metadata|header)\b"
    r"|\blicen[cs]e\b.{0,20}\b(?:file|field|tag)\b|见\W*licen|license\W*(?:文件|ファイル|파일)"
    r"|(?:同|same)\W+(?:licen[cs]e\W+)?as\W+(?:the\W+|its\W+)?"
    r"(?:base|original|upstream|parent|source\W+model|code|repo\w*|project)\b"
    r"|\binherits?\W+(?:the\W+|its\W+)?(?:base|original|upstream|parent)\b|(?<!不)可(?:以)?(?:免费)?商用|免费使用"
    r"|^\W*(?:copyright|©|\(c\))",
)
_FREE = defer_pattern(
    r"\W*(?:(?:the\W+)?models?\W+(?:is|are)\W+)?(?:fully\W+|completely\W+)?"
    r"(?:open\W?source[dn]?(?:\W+(?:model|software|licen[cs]e))?|public\W+domain"
    r"|free(?:\W+(?:software|for\W+(?:all|everyone|commercial\W+use|any\W+use)))?|permissive|unrestricted|commercially\W+usable|free\W+to\W+use(?:\W+for\W+(?:all|everyone))?"
    r"|no\W+restrictions?|gemeinfrei|domaine\W+public|do\W+what(?:ever)?\W+you\W+\w+"
    r"|no\W+licen[cs]e\W+(?:is\W+)?(?:needed|required)|use\W+(?:it|this|them)\W+freely|dominio\W+público|开源|自由软件|可商用|商用可|オープンソース|パブリックドメイン|오픈소스)\W*"
)
_REFUSAL = defer_pattern("[❌🚫⛔✗✘]")
_TERMS_OF_PART = defer_pattern(
    r"licen[cs]|\beula\b|\bterms\b|\bagreement\W*$|\bcontract\b|\bon request\b|\bas (?:the )?data\b|^\W*same\W*$"
    r"|\bsame as\b|proprietary|\bprivate\b|confidential|non\W?commercial|\bnc\b|\breserved\b|\bask\b|\bcontact\b"
    r"|\brestricted\b|\bon loan\b|\bnon\W?free\b"
)
# "Weights: NC-SA.": without its hyphen it is spelled like the NCSA licence.
_NON_COMMERCIAL_CODE = defer_pattern(r"\bnc(?:\W(?:sa|nd))?\W*")
_JOINED_VERSION = defer_pattern(r"(?<=gpl)v(?=\d)")
_GOES_ON = defer_pattern(r"^(?:of|under|by|the|and|or|with)\W*$|[:\uff1a]\W*$")
"""The end of a value that the next block completes."""
_WORD = defer_pattern(r"[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_SCRIPT = defer_pattern(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def find_stated_licenses(
    text: str, first_line: int, artifact: str, cues: Cues, licenses: Mapping[str, LicenseEntry]
) -> Iterator[LicenseClaim]:
    """Yield a claim for each label, heading or table row of a card whose value is a licence that no rule knows.

    The row of a table that gives the weights a known licence with conditions beyond a notice yields a claim of that
    licence; ``find_references`` finds the licences that labels and sentences name.

    Args:
        text: of the card; only its first 400,000 characters are searched.
        first_line: line number, from 1, of the text's first line in the file.
        artifact: path of the file.
        cues: the names of ordinary licences.
        licenses: the licences of the rule set by id.
    """
    resolver = Resolver.from_rules(licenses, {})
    text = text[:_MAX_CHARACTERS]
    seen: set[str] = set()
    for start, shown, value, is_part in sorted(_iter_values(text)):
        quotation = truncate_quotation(" ".join(shown.split()))
        if quotation in seen:
            continue
        line = first_line + text.count("\n", 0, start) if first_line else None
        license_id = resolver.find_license(value.strip(_MARKS)) if " | " in shown else None
        if license_id is not None and licenses[license_id].category not in PERMISSIVE_CATEGORIES:
            seen.add(quotation)
            yield LicenseClaim(ClaimKind.DECLARED, artifact, TEXT, quotation, license_id, Location(line=line))
        elif _states_other_terms(value, is_part, cues, resolver):
            seen.add(quotation)
            place = Location(line=line, key=STATED_LICENSE)
            yield LicenseClaim(ClaimKind.DECLARED, artifact, RESTRICTION, quotation, None, place)
        if len(seen) == _MAX_CLAIMS:
            return


def _iter_values(text: str) -> Iterator[tuple[int, str, str, bool]]:
    """Yield (offset, words to quote, value, whether the label names a part and no licence)."""
    for match in _LABEL.finditer(text):
        yield match.start("value"), match[0].lstrip(".; \t"), match["value"], match["part"] is not None
    for match in _HEADING.finditer(text):
        heading = match[0][: match.start("block") - match.start()].strip()
        yield from _iter_block_values(match.start("block"), heading, match["block"])
    for table in iter_tables(text):
        head, *body = table
        columns = [number for number, cell in enumerate(head.cells) if number and _LICENSE_CELL.fullmatch(cell)]
        for row in (head, *body[1:]):
            shown = " | ".join(row.cells)
            is_part = _PART_CELL.fullmatch(row.cells[0]) is not None
            if is_part and row is not head:
                yield from ((row.start, shown, row.cells[i], False) for i in columns if i < len(row.cells))
            if len(row.cells) == 2 and not columns and (is_part or _LICENSE_CELL.fullmatch(row.cells[0])):
                yield row.start, shown, row.cells[1], is_part


def _iter_block_values(start: int, heading: str, block: str) -> Iterator[tuple[int, str, str, bool]]:
    """Yield the value below a heading: a paragraph as a whole, and each item of a list by itself."""
    items = list(_ITEM.finditer(block))
    if not items:
        yield start, f"{heading} {block}", block, False
    ends = [item.start() for item in items[1:]] + [len(block)]
    for item, end in zip(items, ends[: len(items)], strict=True):
        words = block[item.end() : end]
        if not _ABOUT_DATA.match(words):
            label = _ITEM_LABEL.match(words)
            yield start + item.start(), f"{heading} {words}", words[label.end() if label else 0 :], False


def _states_other_terms(value: str, is_part: bool, cues: Cues, resolver: Resolver) -> bool:
    """Whether a short value states terms that are neither known, nor ordinary, nor behind a pointer."""
    link = _MARKDOWN_LINK.search(value)
    bare = _MARKDOWN_LINK.sub(lambda each: each["name"], value).strip(_MARKS)
    if _NON_COMMERCIAL_CODE.fullmatch(bare.lower()):
        return True
    if resolver.find_license(bare) or (link and (link[0].startswith("!") or resolver.find_license(link["url"]))):
        return False
    folded = fold_sentence(_MARKDOWN_LINK.sub(lambda each: f"{each['name']} ({each['url']})", value))
    if ORDINARY_NAME in name_ordinary_licenses(_JOINED_VERSION.sub(" v", folded), cues) or _POINTER.search(folded):
        return False
    words = fold_sentence(bare)
    if _REFUSAL.search(words) and not is_part:
        return True
    if _SAYS_NOTHING.fullmatch(words) or _FREE.fullmatch(words) or _GOES_ON.search(words.split(" ")[-1]):
        return False
    if len(_WORD.findall(words)) > _MOST_WORDS or len(_SCRIPT.findall(words)) > _MOST_SCRIPT_LETTERS:
        return False
    return not is_part or _TERMS_OF_PART.search(words) is not None
