"""Bound text that quotes a model, so that a message stays one line."""

from __future__ import annotations

from typing import Final

LONGEST_MESSAGE: Final = 2000
"""Characters of a message. A file controls the names and errors in it, so their length is bounded."""


def escape_unprintable(text: str) -> str:
    """Return ``text`` with unprintable characters escaped, so that a terminal does not act on them."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def bound_message(text: str) -> str:
    """Return ``text`` on one line, cut at ``LONGEST_MESSAGE`` characters with an ellipsis."""
    # Cut before escaping, which costs time for each character; one more than the bound shows that there are more.
    line = escape_unprintable(text[: LONGEST_MESSAGE + 1])
    return line if len(line) <= LONGEST_MESSAGE else f"{line[: LONGEST_MESSAGE - 1]}…"
