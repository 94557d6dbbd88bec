"""Test that rows of labels and texts have the lines that a table of rich has."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from modelaudit.reports.layout import MIN_WIDTH, build_rows, build_text, render_parts

WORDS = st.text("ab (-e\u0301\u4e2d\U0001f600\n\t", max_size=90)
LABELS = st.text("ab c-\u4e2d", max_size=20)
STYLES = st.sampled_from(("", "bold", "red"))


def build_grid(rows: list[tuple[str, Text]], indent: int, label: int) -> Padding:
    """Build the same rows as a table of rich."""
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(width=label, style="dim")
    grid.add_column(ratio=1, overflow="fold")
    for name, words in rows:
        grid.add_row(name, words)
    return Padding(grid, (0, 0, 0, indent))


@given(
    st.lists(st.tuples(LABELS, st.lists(st.tuples(WORDS, STYLES), max_size=3)), min_size=1, max_size=3),
    st.integers(0, 4),
    st.integers(4, 24),
    st.integers(MIN_WIDTH, 80),
)
def test_rows_are_those_of_a_table_of_rich(
    rows: list[tuple[str, list[tuple[str, str]]]], indent: int, label: int, width: int
) -> None:
    built = [(name, build_text(*parts)) for name, parts in rows] + [("base", Text("words", "bold"))]
    for color in (False, True):
        expected = render_parts([build_grid(built, indent, label)], width=width, color=color)
        assert render_parts([build_rows(built, indent, label)], width=width, color=color) == expected
