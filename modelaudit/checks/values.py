"""Format values of a pickle as text."""

from __future__ import annotations

from typing import Final

from modelaudit.model.pickle import CallResult, Embedded, Name, PlainValue, Unknown, Value
from modelaudit.model.wording import escape_unprintable

__all__ = ["escape_unprintable", "format_value", "shorten_text"]

_LONGEST_TEXT: Final = 200
_BRACKETS: Final = {"list": ("[", "]"), "tuple": ("(", ")")}  # any other container has braces


def format_value(value: Value) -> str:
    """Return ``value`` as Python source would spell it, in bounded length. Fingerprints contain this text."""
    if isinstance(value, PlainValue):
        return value.text
    if isinstance(value, Name):
        return shorten_text(escape_unprintable(str(value)))
    if isinstance(value, Unknown):
        return f"<{shorten_text(value.why)}>"
    if isinstance(value, CallResult):
        return f"{format_value(value.maker)}(…)"
    if isinstance(value, Embedded):
        return f"<the {value.length} bytes at {value.offset}>"
    if value.type == "dict":
        parts = [f"{key!r}: {format_value(item)}" for key, item in value.entries]
    else:
        parts = [format_value(item) for _, item in value.entries]
    opening, closing = _BRACKETS.get(value.type, ("{", "}"))
    return shorten_text(f"{opening}{', '.join(parts)}{closing}")


def shorten_text(text: str) -> str:
    """Cut a text at ``_LONGEST_TEXT`` characters, with an ellipsis where something was left out."""
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
