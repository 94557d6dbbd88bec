"""Format values of a pickle as text."""

from __future__ import annotations

from typing import Final

from modelaudit.model.pickle import CallResult, Embedded, Name, PlainValue, Unknown, Value
from modelaudit.model.wording import escape_unprintable

__all__ = ["escape_unprintable", "format_value", "shorten"]

_TEXT: Final = 200


def format_value(value: Value) -> str:
    """Format a value as Python source would have it, in bounded length. Fingerprints contain this text."""
    if isinstance(value, PlainValue):
        return value.text
    if isinstance(value, Name):
        return shorten(escape_unprintable(str(value)))
    if isinstance(value, Unknown):
        return f"<{shorten(value.why)}>"
    if isinstance(value, CallResult):
        return f"{format_value(value.by)}(…)"
    if isinstance(value, Embedded):
        return f"<the {value.length} bytes at {value.offset}>"
    inner = ", ".join(
        f"{key!r}: {format_value(item)}" if value.type == "dict" else format_value(item) for key, item in value.entries
    )
    return shorten({"list": f"[{inner}]", "tuple": f"({inner})"}.get(value.type, f"{{{inner}}}"))


def shorten(text: str) -> str:
    """Cut a text to 200 characters, with an ellipsis where something was left out."""
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
