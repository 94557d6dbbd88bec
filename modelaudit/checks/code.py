"""Describe Python code objects as evidence: the imports, names and constants of code that a pickle rebuilds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from modelaudit.model.structure import CodeOutline

_MOST_OUTLINES: Final = 6
_LONGEST_LINE: Final = 400


def describe_code(outlines: Iterable[CodeOutline]) -> Iterator[str]:
    """Yield at most two lines for each code object, the outermost first: the names it uses, and its instructions.

    ``code object <module> (Python 3.13): imports os; uses system; constants 'echo'``
    """
    all_outlines = list(outlines)
    for outline in all_outlines[:_MOST_OUTLINES]:
        versions = f" (Python {outline.versions})" if outline.versions else ""
        parts = [
            f"{label} {', '.join(words)}"
            for label, words in (
                ("imports", outline.imports),
                ("uses", outline.names),
                ("constants", outline.constants),
            )
            if words
        ]
        yield _shorten_line(f"code object {outline.name}{versions}: {'; '.join(parts) or 'uses no names and no texts'}")
        if outline.instructions:
            yield _shorten_line(f"  {'; '.join(outline.instructions)}")
    if len(all_outlines) > _MOST_OUTLINES:
        yield f"{len(all_outlines) - _MOST_OUTLINES} more code objects are inside it"


def _shorten_line(text: str) -> str:
    """Cut a line at ``_LONGEST_LINE`` characters, with an ellipsis."""
    return text if len(text) <= _LONGEST_LINE else text[: _LONGEST_LINE - 1] + "…"
