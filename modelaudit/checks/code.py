"""Code objects as evidence: what the code that a pickle rebuilds would reach for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from modelaudit.model.structure import CodeOutline

_OUTLINES_TOLD: Final = 6
_LINE: Final = 400


def evidence_of_code(outlines: Iterable[CodeOutline]) -> Iterator[str]:
    """Two lines at most for each code object, the outermost first: what it uses, and the instructions that do.

    ``code object <module> (Python 3.13): imports os; uses system; constants 'echo'``
    """
    told = list(outlines)
    for outline in told[:_OUTLINES_TOLD]:
        versions = f" (Python {outline.versions})" if outline.versions else ""
        parts = [
            f"{what} {', '.join(each)}"
            for what, each in (("imports", outline.imports), ("uses", outline.names), ("constants", outline.constants))
            if each
        ]
        yield _cut(f"code object {outline.name}{versions}: {'; '.join(parts) or 'uses no names and no texts'}")
        if outline.instructions:
            yield _cut(f"  {'; '.join(outline.instructions)}")
    if len(told) > _OUTLINES_TOLD:
        yield f"{len(told) - _OUTLINES_TOLD} more code objects lie inside it"


def _cut(text: str) -> str:
    return text if len(text) <= _LINE else text[: _LINE - 1] + "…"
