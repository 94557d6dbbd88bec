"""Find the rows of card tables that state the terms of compared models, data sets and examples.

A table of a card compares licences if a column of it holds them. Its rows are about others where the table itself marks
one row as the model's own, or where its first column names data. A table that marks no row is left as it is. Rows of
quoted examples beside their labels say what the model is given, and rows of labels with their meanings what it returns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from modelaudit.model.lazy_pattern import defer_pattern

_TABLE = defer_pattern(
    r"^[ \t]{0,3}\|[^\n]*\n[ \t]{0,3}\|[ \t:|-]{3,400}\n(?:[ \t]{0,3}\|[^\n]*(?:\n|\Z)){1,400}", re.MULTILINE
)
_TITLE = defer_pattern(r"^#[ \t]+(?P<title>[^\n]{2,120})", re.MULTILINE)
_TITLE_WORD = defer_pattern(r"[^\W_][\w.-]{2,}")
_LICENSE_COLUMN = defer_pattern(r"licen[cs]|许可|許可|协议|lizenz|licencia|ライセンス|라이선스|лиценз", re.IGNORECASE)
_DATA_COLUMN = defer_pattern(
    r"^\W*(?:(?:training|source|name of the)\W+)?(?:data|datasets?|corpus|corpora|sources?|数据集?|语料库?|datensatz"
    r"|korpus|jeu de données|conjunto de datos|データセット|コーパス|데이터(?:셋)?|данные|корпус)\W*$",
    re.IGNORECASE,
)
_EXAMPLE_COLUMN = defer_pattern(
    r"^\W*(?:sentences?|texts?|examples?|inputs?|prompts?|clauses?|utterances?|queries|query|questions?|comments?"
    r"|satz|beispiel|phrase|exemple|frase|ejemplo|句子|文本|示例|输入|例句|例文|예문)\W*$",
    re.IGNORECASE,
)
_LABEL_COLUMN = defer_pattern(
    r"^\W*(?:labels?|class|classes|category|outputs?|predictions?|predicted|scores?|tags?|types?|intents?|answers?"
    r"|klasse|étiquette|etiqueta|标签|类别|输出|预测|ラベル|레이블)\W*$",
    re.IGNORECASE,
)
_MEANING_COLUMN = defer_pattern(
    r"^\W*(?:meanings?|descriptions?|definitions?|what it (?:is|means|covers)|explanations?|bedeutung|beschreibung"
    r"|signification|significado|含义|说明|描述|定义|意味|説明|의미|설명|значение|описание)\W*$",
    re.IGNORECASE,
)
_QUOTED = defer_pattern(r"^\W{0,4}(?:[\"“«„「][^\"”»“」]{2,400}[\"”»“」]|`[^`]{2,400}`)\W{0,4}$")
_OWN = defer_pattern(
    r"\bours?\b|\bthis (?:model|work|repo\w*|release)\b|本模型|本项目|我们|本モデル|제안|\bunser\w*|\bnotre\b"
    r"|\bnuestro\b",
    re.IGNORECASE,
)
_PART = defer_pattern(
    r"\b(?:weights?|checkpoints?|parameters|models?|networks?|outputs?|use|usage|users?|commercial\w*|business\w*|compan\w+"
    r"|products?|everything|rest|all)\b|权重|商用|商业|企业|公司|个人",
    re.IGNORECASE,
)  # fmt: skip
"""A row concerns the release if its first cell names a part of the release, its users, or nothing."""


class TableRow(Struct, frozen=True):
    """One row of a table: its offsets in the text, and its cells."""

    start: int
    end: int
    cells: tuple[str, ...]


def blank_rows_on_others(text: str) -> str:
    """Blank the rows that state the terms of other models or of data sets; all offsets stay valid."""
    if "|" not in text:
        return text
    title = _TITLE.search(text)
    own_words = {word.lower() for word in _TITLE_WORD.findall(title["title"])[:1]} if title else set()
    pieces: list[str] = []
    position = 0
    for table in _TABLE.finditer(text):
        for row in _iter_rows_on_others(list(_iter_rows(text, table.start(), table.end())), own_words):
            pieces += (text[position : row.start], " " * (row.end - row.start))
            position = row.end
    return "".join((*pieces, text[position:]))


def iter_tables(text: str) -> Iterator[list[TableRow]]:
    """Yield the rows of each table of a card: the head, the line below it, and the body."""
    for table in _TABLE.finditer(text) if "|" in text else ():
        yield list(_iter_rows(text, table.start(), table.end()))


def _iter_rows(text: str, start: int, end: int) -> Iterator[TableRow]:
    """Yield the rows of a table, the head and the line below it included."""
    while start < end:
        stop = text.find("\n", start, end)
        stop = end if stop < 0 else stop
        yield TableRow(start, stop, tuple(cell.strip() for cell in text[start:stop].strip().strip("|").split("|")))
        start = stop + 1


def _iter_rows_on_others(rows: Sequence[TableRow], own_words: set[str]) -> Iterator[TableRow]:
    """Yield the rows of a table that are about others."""
    head, body = rows[0], rows[2:]
    if any(map(_EXAMPLE_COLUMN.match, head.cells)) and any(map(_LABEL_COLUMN.match, head.cells)):
        yield from (row for row in body if any(map(_QUOTED.match, row.cells)))
        return
    if len(head.cells) == 2 and _LABEL_COLUMN.match(head.cells[0]) and _MEANING_COLUMN.match(head.cells[1]):
        yield from (row for row in body if not any(map(_PART.search, row.cells)))
        return
    if len(head.cells) < 2 or not any(_LICENSE_COLUMN.search(cell) for cell in head.cells[1:]):
        return
    is_about_data = _DATA_COLUMN.match(head.cells[0]) is not None
    own = [row for row in body if _is_own(row.cells[0], own_words)]
    if is_about_data or own:
        yield from (row for row in body if row not in own and row.cells[0] and not _PART.search(row.cells[0]))


def _is_own(name: str, own_words: set[str]) -> bool:
    """Whether a first cell names the model itself: by *ours* or by the first word of the card's title."""
    return _OWN.search(name) is not None or any(word in name.lower() for word in own_words)
