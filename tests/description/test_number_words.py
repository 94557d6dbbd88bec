"""Numbers in words are written in digits, and words that state no single number stay as they are."""

from __future__ import annotations

import pytest

from modelaudit.description.number_words import write_digits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("thirty-two layers", "32 layers"),
        ("a twenty-four-layer decoder", "a 24-layer decoder"),
        ("one hundred and ten million parameters", "110000000 parameters"),
        ("one and a half billion", "1500000000"),
        ("two hundred fifty-six", "256"),
        ("twelve hundred", "1200"),
        ("one of five classes", "one of 5 classes"),
        ("7 billion parameters", "7 billion parameters"),
        ("a hundred, a thousand", "a hundred, a thousand"),
        ("layers two three four", "layers two three four"),
        ("versions three and four", "versions three and four"),
        ("someone often tends", "someone often tends"),
        ("三十二层", "32层"),
        ("七十亿参数", "70亿参数"),
        ("三万亿词元", "30000亿词元"),
        ("一百零五", "105"),
        ("第三层", "第三层"),
        ("几十亿参数", "几十亿参数"),
        ("千亿参数", "千亿参数"),
    ],
)
def test_number_in_words_is_written_in_digits(text: str, expected: str) -> None:
    assert write_digits(text) == expected
