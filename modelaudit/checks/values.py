"""Values of a pickle as text."""

from __future__ import annotations

from typing import Final

from modelaudit.model.pickle import Embedded, Made, Name, Plain, Unknown, Value
from modelaudit.model.wording import escape_unprintable

__all__ = ["cut", "describe", "escape_unprintable"]

_TEXT: Final = 200


def describe(value: Value) -> str:
    """A value as one would write it in Python, bounded."""
    if isinstance(value, Plain):
        return value.text
    if isinstance(value, Name):
        return cut(escape_unprintable(str(value)))
    if isinstance(value, Unknown):
        return f"<{cut(value.why)}>"
    if isinstance(value, Made):
        return f"{describe(value.by)}(…)"
    if isinstance(value, Embedded):
        return f"<the {value.length} bytes at {value.offset}>"
    inner = ", ".join(
        f"{key!r}: {describe(item)}" if value.type == "dict" else describe(item) for key, item in value.entries
    )
    return cut({"list": f"[{inner}]", "tuple": f"({inner})"}.get(value.type, f"{{{inner}}}"))


def cut(text: str) -> str:
    """At most 200 characters, with a mark where something was left out."""
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
