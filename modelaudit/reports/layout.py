"""Lay out text for a terminal: escaped parts, labelled rows and headings, rendered to bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import StringIO
from itertools import zip_longest

from msgspec import Struct
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from modelaudit.reports.text import escape_unprintable, guard_lines

MIN_WIDTH = 40
"""Columns of the narrowest terminal that is supported."""
_MAX_PART_CHARACTERS = 400
_LABEL_STYLE = Style(dim=True)


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
    return guard_lines(text).encode()


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


class Rows(Struct, frozen=True):
    """Rows of a label and a text that wraps beside it, for a console of rich.

    A table of rich has the same lines, and measures, crops and pads each cell, which takes most of its time.

    Attributes:
        rows: each label with its text.
        indent: columns before a label.
        label: columns of a label; one more separates it from its text.
    """

    rows: Sequence[tuple[str, Text]]
    indent: int
    label: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the segments of each line."""
        margin, gap = Segment(" " * self.indent), Segment(" ", _LABEL_STYLE)
        blank = Segment(" " * (self.label + 1), _LABEL_STYLE)
        width = max(options.max_width - self.indent - self.label - 1, 1)
        for name, words in self.rows:
            labels = Text(name).wrap(console, self.label, justify="left", overflow="ellipsis")
            lines, style = words.wrap(console, width, justify="left", overflow="fold"), console.get_style(words.style)
            for label, line in zip_longest(labels, lines):
                yield margin
                yield from (blank,) if label is None else (Segment(label.plain, _LABEL_STYLE), gap)
                yield from Segment.apply_style(line.render(console), style) if line is not None else ()
                yield Segment.line()


def build_rows(rows: list[tuple[str, Text]], indent: int = 2, label: int = 10) -> Rows:
    """Build rows of a label and a text that wraps beside it; ``indent`` and ``label`` are widths in columns."""
    return Rows(rows, indent, label)


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
