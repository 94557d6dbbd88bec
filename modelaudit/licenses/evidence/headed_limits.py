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
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import ClaimKind, LicenseClaim
from modelaudit.model.structure import Location

HEADED_LIMIT = "headed-limit"
"""The kind of a limit that a heading, a question or a table gives its meaning."""
_MAX_CHARACTERS = 400_000
_MAX_CLAIMS = 5
_MOST_ITEM_LINES = 12
_COMPANIES = (
    r"(?:for-?profit |commercial |large |private )?(?:companies|company|businesses|business|firms?|corporations?"
    r"|corporate users?|enterprises?|vendors?|start-?ups?|industry|shops)"
)
_EUROPE = r"(?:the )?(?:eu|e\.u\.|european union|europe|eea|european economic area|eu residents|eu users)"
_COMMERCE = (
    r"(?:commercial(?:ly| (?:use|usage|products?|deployments?|applications?|purposes?|services?|settings?|exploitation"
    r"|(?:re)?distribution|activity|activities|environments?))?|business use|products?|resale|re-?selling|selling"
    r"|sales?|redistribution|re-?distributing|passing on|paid (?:services?|products?)|saas|monetisation|monetization"
    r"|hosting for others|sublicensing|use for profit|business|industrial use"
    r"|serving (?:customers|clients|third parties)"
    r"|(?:customers?|clients?)(?: (?:work|projects?|use))?)"
)
_SUBJECT = rf"(?:{_COMMERCE}|{_COMPANIES}|{_EUROPE})"
_LIMITED = defer_pattern(
    r"(?:(?:any|all|the|other|and|or|use|used|usage|deployment|deploying|sale|in|by|for|to|at|as part of|inside|of)\s)*"
    rf"{_SUBJECT}(?:s?(?:\s(?:of|by|in|for|and|or|to|with|use|the|this|any|kind|sort|model|weights|others|third parties"
    rf"|{_SUBJECT}))*)"
)
_NAMES_COMMERCE = defer_pattern(
    r"\bcommercial (?:use|usage|products?|purposes?|deployments?|applications?|services?|settings?)\b|\bfor-profit\b"
    r"|\b(?:redistribut|resell|sell)\w* (?:of )?(?:the |this |these )?(?:weights|model|checkpoint)"
)
_QUALIFIED = defer_pattern(
    r"\b(?:without|unless|before|until|except|not|no|that|which|where|high|risk|safety|critical)\b"
)
_MOST_ITEM_WORDS = 12
_NOTICE = defer_pattern(
    r"^[ \t]{0,3}[*_(]{0,4}(?:(?:academic|research|evaluation|trial|restricted|proprietary|non-?free)[ -]"
    r"(?:licen[cs]e|copy)|confidential|internal use(?: only)?|not for (?:re)?sale|nda applies|on loan"
    r"|do not (?:ship|redistribute)|non-eu(?: only)?"
    r"|(?:schools?|students|hobbyists|academics|researchers|universities|partners|members)[ -]only"
    r"|no (?:firms|companies|businesses|vendors|resale)|(?:firms|companies|businesses)\b: (?:ask|pay|contact us))"
    r"[*_).!]{0,5}[ \t]{0,4}$",
    re.IGNORECASE | re.MULTILINE,
)
"""A line of two or three words that limits the use by itself."""
_FORBIDS = defer_pattern(
    r"\W*(?:\d{1,2}\W{1,3})?(?:(?:out|outside)\W(?:of\W)?(?:the\W)?scope(?:\W(?:uses?|usage|use\Wcases|applications))?"
    r"|(?:uses?\W)?not\W(?:intended|meant|cleared|allowed|permitted|licensed|available)(?:\W(?:uses?|for|to|in))*"
    r"|not\Wfor|unintended\Wuses?|don.?ts|do\Wnot\Wuse\W(?:it\W)?(?:for|in)|(?:prohibited|forbidden|disallowed|restricted|banned)"
    r"(?:\W(?:uses?|usage|purposes|users?))?|excluded(?:\W(?:uses?|users?))?|禁止(?:用途|事项)?)\W*",
    re.IGNORECASE,
)
_ADMITS = defer_pattern(
    r"\W*(?:\d{1,2}\W{1,3})?(?:availability|available\Win|regions?|countries|territor(?:y|ies)|cleared\Wfor"
    r"|allowed\W(?:uses?|for|in)"
    r"|permitted\W(?:uses?|for|in)|who\W(?:may|can)\Wuse\W(?:it|this|the\Wmodel)(?:\Wmodel)?)\W*",
    re.IGNORECASE,
)
_ADMITTED = defer_pattern(
    r"(?:(?:the )?(?:us|u\.s\.|usa|united states(?: of america)?|canada|north america|uk|united kingdom|great britain"
    r"|japan|korea|south korea|china|mainland china|india|brazil|australia|new zealand|singapore|taiwan"
    r"|mexico|switzerland|norway|israel|students|researchers|scholars|academics|teachers|schools|universities|hobbyists"
    r"|partners|members)(?:\s?(?:,|and|or|&|/)\s?|\W*$))+(?:only)?"
)
# A heading, a line in bold type, or a label at the end of its line opens a section.
_OPENER = defer_pattern(r"#{1,6}[ \t]+[^\n]{2,60}|[*_]{2,3}[^*_\n]{2,50}[*_]{2,3}:?|[^\n:|]{2,50}:[*_]{0,3}")
_INLINE = defer_pattern(
    r"(?:^|[.;][ \t]+)[*_>\- \t]{0,6}(?P<label>[^\n:.;|]{3,40}):[*_]{0,3}[ \t]+(?P<value>[^\n.;|]{2,160})",
    re.MULTILINE,
)
_ITEM_MARK = defer_pattern(r"[ \t]*(?:[-*+]|\d{1,2}[.)])[ \t]+(?P<box>\[ \][ \t]*)?(?:\[[xX]\][ \t]*)?")
_SEPARATOR = defer_pattern(r"[,;/]|\s(?:and|or)\s")
_DENIAL = r"(?:❌|🚫|⛔|✗|✘)"
_DENIED_CELL = defer_pattern(
    rf"\W{{0,3}}(?:{_DENIAL}|no|none|never|not (?:allowed|available|permitted|offered))\W{{0,3}}"
)
_RIGHTS_HEAD = defer_pattern(
    r"\W*(?:your )?(?:rights?|permissions?|permitted (?:acts?|uses?)|acts?|uses?|usage|purposes?|allowed uses?"
    r"|you may)\W*"
)
_GRANTS_HEAD = defer_pattern(
    r"\W*(?:is it )?(?:granted|allowed|permitted|licensed|cleared|ok(?:ay)?|may you|permission)\W*"
)
"""The two columns of a table of rights: each row that a cell denies limits the use."""
_MARKED = defer_pattern(
    rf"(?:(?:^[ \t>*_+-]{{0,8}}|[·•|,;/✅✓✔☑][ \t]{{0,3}})(?:{_SUBJECT})|🇪🇺|🏢)[*_ \t:-]{{0,6}}{_DENIAL}",
    re.IGNORECASE | re.MULTILINE,
)
# "~~free for all~~ free for scholars"
_STRUCK = defer_pattern(
    r"~~[^~\n]{0,80}\b(?:free|open|everyone|commercial|all|any)\b[^~\n]{0,80}~~[^\n.~]{0,80}"
    r"\b(?:scholars|students|teachers|academi\w+|research\w*|schools|universities|non-?commercial|personal|private)\b",
    re.IGNORECASE,
)
_REFUSED_LINE = defer_pattern(
    rf"^[ \t>*_+-]{{0,8}}(?:{_SUBJECT})[*_]{{0,3}}:[*_ \t]{{1,6}}(?:no|none|never)[.!*_ \t]{{0,5}}$", re.I | re.M
)
_QUESTION = defer_pattern(
    r"(?<![^\n.!?])[^\n.!?]{3,160}\?[*_\s]{1,8}"
    r"(?:\*{0,2}A(?:nswer)?\*{0,2}[:.][*_\s]{0,4})?(?P<answer>[\w❌🚫⛔][^\n.!?]{0,80})"
)
_ASKS_FOR_USE = defer_pattern(
    r"\b(?:can|may|could|is|are|am|might)\b.*(?:\bsell|\bresell|\bship\b|\bship it|\bcompan(?:y|ies)\b|\bfirms?\b"
    r"|\bbusiness(?:es)?\b|commercial|\bfor money\b|\bat work\b|\bpaid\b|\bclients?\b|\bemployer\b|\bredistribut"
    r"|\b(?:our|my)\W+products?\b)"
)
_ASKS_FOR_DUTY = defer_pattern(
    r"\b(?:need|have to|must|required?|restrict\w*|pay|limit\w*|prohibit\w*|forbid\w*|forbidden|fees?"
    r"|necessary|illegal|problem)\b"
)
_REFUSES = defer_pattern(
    r"[❌🚫⛔]|\W*(?:no\b(?!\W+(?:problem|restrict\w*|worr\w+|need|limits?|licen\w+|permission|fees?|doubt|conditions))"
    r"|nope\b|sorry\b|unfortunately\b|not\b(?!\W+(?:only|a\W+problem|an\W+issue))|ask\b|contact\b|never\b|only\b)"
)
_CONSENTS = defer_pattern(
    r"yes|yep|sure|of course|absolutely|definitely|certainly|fine|\bok|free|welcome|allowed|permitted|go ahead|\bsee\b"
    r"|✅|please|apache|\bmit\b|licen|depends|\bit\b"
)


def find_headed_limits(text: str, first_line: int, artifact: str) -> Iterator[LicenseClaim]:
    """Yield a claim for each limit that the layout of a card states.

    Args:
        text: of the card; only its first 400,000 characters are searched.
        first_line: line number, from 1, of the text's first line in the file.
        artifact: path of the file.
    """
    text = text[:_MAX_CHARACTERS]
    seen: set[str] = set()
    for finder in (_iter_section_limits, _iter_inline_limits, _iter_table_limits, _iter_marks, _iter_answers):
        for start, shown in finder(text):
            quotation = truncate_quotation(" ".join(shown.split()))
            if quotation not in seen and len(seen) < _MAX_CLAIMS:
                seen.add(quotation)
                line = first_line + text.count("\n", 0, start) if first_line else None
                place = Location(line=line, key=HEADED_LIMIT)
                yield LicenseClaim(ClaimKind.DECLARED, artifact, RESTRICTION, quotation, None, place)


def _iter_section_limits(text: str) -> Iterator[tuple[int, str]]:
    """Yield (offset, heading and line) for each line of a section that limits together with its heading."""
    heading, is_forbidding, lines_left, position = "", False, 0, 0
    for line in text.splitlines(keepends=True):
        start, position = position, position + len(line)
        words = line.strip()
        opener = _OPENER.fullmatch(words) if words else None
        if opener:
            heading = fold_sentence(words)
            is_forbidding = _FORBIDS.fullmatch(heading) is not None
            lines_left = _MOST_ITEM_LINES if is_forbidding or _ADMITS.fullmatch(heading) else 0
        elif words and lines_left:
            lines_left -= 1
            mark = _ITEM_MARK.match(line)
            value = line[mark.end() :] if mark else line
            is_unchecked = mark is not None and mark["box"] is not None
            is_denied = is_forbidding or is_unchecked
            if _limits(value) if is_denied else _ADMITTED.fullmatch(fold_sentence(value).rstrip(". ")):
                yield start, f"{heading}: {value}" if not heading.endswith(":") else f"{heading} {value}"


def _iter_inline_limits(text: str) -> Iterator[tuple[int, str]]:
    """Yield (offset, words) for each label that forbids the value behind it in the same line."""
    for match in _INLINE.finditer(text):
        label = fold_sentence(match["label"])
        if _FORBIDS.fullmatch(label) and _limits(match["value"]):
            yield match.start("label"), f"{match['label']}: {match['value']}"


def _iter_table_limits(text: str) -> Iterator[tuple[int, str]]:
    """Yield (offset, words) for each row that denies what its first cell or its head names."""
    for table in iter_tables(text):
        head, *body = table[0], *table[2:]
        titles = [fold_sentence(cell) for cell in head.cells]
        lists_rights = len(titles) == 2 and _RIGHTS_HEAD.fullmatch(titles[0]) and _GRANTS_HEAD.fullmatch(titles[1])
        for row in table[:1] + body:
            if len(row.cells) != 2:
                continue
            name, value = (fold_sentence(cell) for cell in row.cells)
            is_forbidden = _FORBIDS.fullmatch(name) and _limits(value)
            if is_forbidden or ((lists_rights or _is_subject(name)) and _DENIED_CELL.fullmatch(value)):
                yield row.start, " | ".join(row.cells)
        if len(body) == 1:
            yield from _iter_denied_columns(head, body[0])


def _iter_denied_columns(head: TableRow, row: TableRow) -> Iterator[tuple[int, str]]:
    """Yield (offset, words) for each column of a table with one row that denies the use in its head."""
    for name, value in zip(head.cells, row.cells, strict=False):
        if _is_subject(fold_sentence(name)) and _DENIED_CELL.fullmatch(fold_sentence(value)):
            yield row.start, f"{name} | {value}"


def _iter_marks(text: str) -> Iterator[tuple[int, str]]:
    """Yield (offset, words) for each place or user with a mark of refusal, grant struck out, and short notice."""
    for pattern in (_MARKED, _REFUSED_LINE, _STRUCK, _NOTICE):
        yield from ((match.start(), match[0]) for match in pattern.finditer(text))


def _iter_answers(text: str) -> Iterator[tuple[int, str]]:
    """Yield (offset, question and answer) for each question about commercial use whose answer does not permit it."""
    for match in _QUESTION.finditer(text):
        question, _, _ = fold_sentence(match[0]).partition("?")
        answer = fold_sentence(match["answer"])
        if not _ASKS_FOR_USE.search(question) or _ASKS_FOR_DUTY.search(question):
            continue
        is_unclear = len(answer.split()) <= 3 and not _CONSENTS.search(answer)
        if _REFUSES.match(answer) or is_unclear:
            yield match.start(), match[0]


def _is_subject(name: str) -> bool:
    """Whether a cell names commerce, companies or the European Union and nothing else."""
    return _LIMITED.fullmatch(name.strip(" .:")) is not None or name in ("🇪🇺", "🏢")


def _limits(value: str) -> bool:
    """Whether a part of a short value names commerce, companies or the European Union and nothing else.

    A longer one may name commercial use among other words, unless they qualify it.
    """
    folded = fold_sentence(value).strip(" .!:")
    if _NAMES_COMMERCE.search(folded) and not _QUALIFIED.search(folded) and len(folded.split()) <= _MOST_ITEM_WORDS:
        return True
    parts = _SEPARATOR.split(folded)
    return any(_LIMITED.fullmatch(part.strip(" .!:-")) is not None for part in parts)
