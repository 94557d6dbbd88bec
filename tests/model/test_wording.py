"""The detail of an absence or a defect is one bounded line, whatever name it quotes."""

from __future__ import annotations

import pytest

from modelaudit.model.structure import Defect, Unread, UnreadReason
from modelaudit.model.wording import LONGEST_MESSAGE


def _make_details(text: str) -> list[str]:
    """Return the details of an absence and of a defect that are made with this text."""
    return [Unread(UnreadReason.DAMAGED, text).detail, Defect("broken", text).detail]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/weights: ä b", "/weights: ä b"),
        ("/mod\n(V: breaks off", "/mod\\n(V: breaks off"),
        ("\r\x1b[2J\u2028\udc80", "\\r\\x1b[2J\\u2028\\udc80"),
    ],
)
def test_detail_of_an_absence_or_defect_is_escaped_to_one_line(text: str, shown: str) -> None:
    assert _make_details(text) == [shown, shown]


@pytest.mark.parametrize("letter", ["x", "\n", "\U0010ffff"])
def test_detail_of_an_absence_or_defect_has_a_bounded_length(letter: str) -> None:
    for detail in _make_details(letter * (1 << 20)):
        assert len(detail) == LONGEST_MESSAGE
        assert detail.endswith("…")
    assert _make_details("x" * LONGEST_MESSAGE) == ["x" * LONGEST_MESSAGE] * 2
