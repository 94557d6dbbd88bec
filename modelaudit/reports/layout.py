"""How text is laid out for a terminal: escaped parts, labelled rows, titles, and the bytes of all of it."""

from __future__ import annotations

from collections.abc import Iterable
from io import StringIO

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from modelaudit.reports.text import escape_unprintable

MIN_WIDTH = 40
_MAX_PART_CHARACTERS = 400


def render_parts(parts: Iterable[RenderableType], *, width: int, color: bool) -> bytes:
    """Return the parts as UTF-8 text, with an empty line after each.

    Args:
        parts: what to write, in order.
        width: columns of the terminal; at least ``MIN_WIDTH`` are used.
        color: whether to write ANSI colours.
    """
    out = StringIO()
    console = Console(
        file=out,
        width=max(width, MIN_WIDTH),
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
        _environ={},
    )
    for part in parts:
        console.print(part)
        console.print()
    text = "".join(line.rstrip() + "\n" for line in out.getvalue().rstrip().split("\n"))
    return text.encode()


def build_text(*parts: str | tuple[str, str]) -> Text:
    """Return text whose every part is escaped; a part may come with a style."""
    made = Text(overflow="fold")
    for part in parts:
        words, style = (part, "") if isinstance(part, str) else part
        made.append(escape_unprintable(words, limit=_MAX_PART_CHARACTERS), style)
    return made


def build_rows(rows: list[tuple[str, Text]], indent: int = 2, label: int = 10) -> Padding:
    """Return labelled lines that wrap beside their labels."""
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(width=label, style="dim")
    grid.add_column(ratio=1, overflow="fold")
    for name, words in rows:
        grid.add_row(name, words)
    return Padding(grid, (0, 0, 0, indent))


def build_title(words: str) -> Text:
    """Return a heading."""
    return Text(words, "bold")
