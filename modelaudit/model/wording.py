"""Text for a person that holds what a file says: one line, of bounded length."""

from __future__ import annotations

from typing import Final

MESSAGE_MOST: Final = 2000
"""Characters of a message; names and errors that a file fills go on for as long as it likes."""


def on_one_line(text: str) -> str:
    """The text as it stands, but for characters that do not print: names in files may hold any."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def as_message(text: str) -> str:
    """The text on one line, cut with a mark where it is longer than a message."""
    line = on_one_line(text[: MESSAGE_MOST + 1])
    return line if len(line) <= MESSAGE_MOST else f"{line[: MESSAGE_MOST - 1]}…"
