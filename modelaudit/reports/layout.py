"""Lay out text for a terminal: escaped parts, labelled rows and headings, rendered to bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from io import StringIO

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.reports.text import escape_unprintable

MIN_WIDTH = 40
"""Columns of the narrowest terminal that is supported."""
_MAX_PART_CHARACTERS = 400
_WRAPPED_COMMAND = defer_pattern(r"^(\s*)::", re.MULTILINE)
"""The mark of a workflow command of GitHub, where a text wraps in front of it."""


def render_parts(parts: Iterable[RenderableType], *, width: int, color: bool) -> bytes:
    """Render the parts as UTF-8 text, separated by empty lines.

    Args:
        parts: the blocks of the output, in order.
        width: columns of the terminal; at least ``MIN_WIDTH`` are used.
        color: whether to write ANSI colors.
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
        # Variables such as COLUMNS and TERM must not change the output.
        _environ={},
    )
    for part in parts:
        console.print(part)
        console.print()
    text = "".join(line.rstrip() + "\n" for line in out.getvalue().rstrip().split("\n"))
    return _WRAPPED_COMMAND.sub(r"\1\\x3a:", text).encode()


def build_text(*parts: str | tuple[str, str]) -> Text:
    """Build a text from parts, each of them escaped and cut if too long; a pair is a part with its style."""
    text = Text(overflow="fold")
    for part in parts:
        words, style = (part, "") if isinstance(part, str) else part
        text.append(escape_unprintable(words, limit=_MAX_PART_CHARACTERS), style)
    return text


def build_written_list(paths: Iterable[str]) -> Text:
    """Build the list of the files that a run wrote. No path is cut, because no report holds it."""
    return Text(f"Written: {', '.join(map(escape_unprintable, paths))}.", overflow="fold")


def indent_block(block: RenderableType, columns: int = 2) -> Padding:
    """Indent a block of the output by a number of columns."""
    above = right = below = 0
    return Padding(block, (above, right, below, columns))


def build_rows(rows: list[tuple[str, Text]], indent: int = 2, label: int = 10) -> Padding:
    """Build rows of a label and a text that wraps beside it; ``indent`` and ``label`` are widths in columns."""
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(width=label, style="dim")
    grid.add_column(ratio=1, overflow="fold")
    for name, words in rows:
        grid.add_row(name, words)
    return indent_block(grid, indent)


def build_marked_line(mark: Text, words: Text) -> Table:
    """Build a line that begins with a mark; where it wraps, it goes on beside the mark."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(mark, words)
    return grid


def build_title(words: str) -> Text:
    """Build a heading."""
    return Text(words, "bold")
