"""Reading a table that is larger than a document row by row."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Final

from support.cases import check_each

from modelaudit.languages.secrets import SECRETS
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason

_LIMITS: Final = Limits(document_bytes=MIB // 4, table_bytes=4 * MIB)
_ROW: Final = b"chr1,11869,12227,+,ENSG00000223972.5,0.25\n"
_TABLE: Final = b"Chromosome,Start,End,Strand,Gene (id),Adipose - Visceral\n" + _ROW * 60_000


@check_each(
    "rows, is_read",
    [
        (_ROW, True),
        (_ROW[:-1], True),
        (_ROW.replace(b"\n", b"\r\n"), True),
        (_ROW.replace(b",+,", b","), False),
        (_ROW.replace(b"+", b"os.system(1)"), False),
        (_ROW.replace(b"+", b"import os"), False),
        (_ROW.replace(b"+", b"A" * 33), False),
        (b"\n" + _ROW, False),
        (b"curl\n" + _ROW, False),
        (_ROW * 60_000, False),
    ],
)
def test_text_larger_than_a_document_is_read_only_while_it_is_rows(
    read_bytes: Callable[..., object], rows: bytes, is_read: bool
) -> None:
    reading = read_bytes(_TABLE + rows, "a.csv", _LIMITS)
    assert (UnreadReason.LIMIT not in reading.reasons()) is is_read  # type: ignore[attr-defined]


def test_secret_behind_the_bound_of_a_document_is_found_in_a_table(bytes_window: Callable[..., Window]) -> None:
    token = b"AKIA" + b"Q3ZXJ7TRW5N2MVB4"
    data = _TABLE + _ROW.replace(b"+", token)
    window = bytes_window(data)
    artifact = Artifact("a.csv", len(data), lambda: nullcontext(window))
    (outline,) = (each for each in SECRETS.read(artifact, window, _LIMITS) if isinstance(each, Outline))
    assert [each.where.line for each in outline.mentions] == [60_002]
