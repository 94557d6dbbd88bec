"""Read labels and values from the tables of a card: rows with a label, and columns below one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from enum import Enum, auto
from itertools import islice
from typing import Final

from msgspec import Struct, field

from modelaudit.description.values import strip_markup
from modelaudit.model.description import Topic
from modelaudit.model.lazy_pattern import defer_pattern

ROW: Final = defer_pattern(r"\s*\|")
ROW_BORDER: Final = defer_pattern(r"[\s|:\u2013\u2014-]*\Z")
LABEL_COLUMNS: Final = 2
_MOST_ROWS: Final = 200
_MOST_CELLS: Final = 40
_VALUE_HEADER: Final = defer_pattern(r"values?|scores?|settings?|this model|ours|\u503c", re.IGNORECASE)
_NOISE: Final = defer_pattern(
    r"\([^()]{0,80}\)|[^\w\u3040-\u9fff.]+|\b(?:ours|this (?:model|repo|repository))\b", re.IGNORECASE
)
_OF_ONE_MODEL: Final = frozenset(
    {Topic.PARAMETERS, Topic.PRECISION, Topic.DIMENSION, Topic.QUANTISATION, Topic.HYPERPARAMETER}
)
"""Topics whose columns need no name of a model before them; a result may be one of another data set."""
_IDS: Final = frozenset({"id", "ids", "index", "label id", "class id", "#", "no", "no."})
"""Columns of numbers, before one of labels."""
_BRANCHES: Final = frozenset({"branch", "revision"})
"""Columns of other forms of the weights; a table with one row describes these."""
_STEPS: Final = frozenset({"epoch", "step", "epochs", "steps"})
"""Columns of a log with one row for each moment of the training."""
_Row = tuple[int, list[str]]
_List = Callable[[str], frozenset[Topic]]


def split_row(line: str) -> list[str]:
    """Split a row of a table into its cells."""
    return [each.strip() for each in line.strip().strip("|").split("|", _MOST_CELLS)]


class TableReading(Enum):
    """What the tables of a section state about this model."""

    OWN = auto()
    """Its own facts."""
    VALUES = auto()
    """The values of measures."""
    NAMED = auto()
    """The cells below or beside its name, among other models."""
    NONE = auto()


class Table(Struct):
    """The rows of a table so far, each with its line.

    Attributes:
        has_border: whether its second line divides the header from the other rows.
    """

    rows: list[_Row] = field(default_factory=list)
    has_border: bool = False

    def add(self, line: str, number: int) -> None:
        """Add a line, up to a bound."""
        if ROW_BORDER.match(line):
            self.has_border = self.has_border or len(self.rows) == 1
        elif len(self.rows) < _MOST_ROWS:
            self.rows.append((number, split_row(line)))

    def list_labels(
        self, title: str, list_topics: _List, reading: TableReading = TableReading.OWN
    ) -> Iterator[tuple[int, str, str]]:
        """Yield line, label and value of the cells about this model; rows of two columns are labels of their own.

        Args:
            title: of the card.
            list_topics: of the facts that a label states; none for any other text.
            reading: of the section around it.
        """
        if not self.has_border or len(self.rows) < LABEL_COLUMNS or reading is TableReading.NONE:
            return
        header, data = self.rows[0][1], self.rows[1:]
        column = _find_value_column(header, title, reading)
        if column and (len(header) > LABEL_COLUMNS or reading is not TableReading.OWN):
            for number, cells in data:
                if column < len(cells):
                    yield number, cells[0], cells[column]
            return
        topics = [list_topics(each) for each in header]
        if not any(topics[1:]) or _STEPS & {each.lower() for each in header}:
            return
        if reading is not TableReading.NAMED and header[0].lower() in _IDS and Topic.OUTPUT in topics[1]:
            yield from ((number, header[1], f"{cells[0]} -> {cells[1]}") for number, cells in data if len(cells) > 1)
            return
        yield from _list_cells(header, data, topics, title, reading)


def _list_cells(
    header: Sequence[str], data: Sequence[_Row], topics: Sequence[frozenset[Topic]], title: str, reading: TableReading
) -> Iterator[tuple[int, str, str]]:
    """Yield line, label and value of the cells of rows about this model, whose header holds the labels."""
    of_one = _OF_ONE_MODEL | {Topic.METRIC} if reading is TableReading.VALUES else _OF_ONE_MODEL
    if topics[0] & of_one:
        if len(data) == 1 and all(topics) and reading is not TableReading.NAMED:
            number, cells = data[0]
            labels = islice(enumerate(header), len(cells))
            yield from ((number, label, cells[index]) for index, label in labels if topics[index] <= of_one)
        return
    # A result beside a name, of a model or of data, may be one on other data.
    is_single = len(data) == 1 and header[0].lower() in _BRANCHES
    for number, cells in data if reading is not TableReading.VALUES else ():
        if is_single or _is_name(cells[0], title):
            labels = islice(enumerate(header), 1, len(cells))
            yield from ((number, label, cells[index]) for index, label in labels if topics[index] & of_one)


def _find_value_column(header: Sequence[str], title: str, reading: TableReading) -> int:
    """Find the column with the values of this model; 0 if there is none."""
    if reading is TableReading.VALUES:
        return int(len(header) == LABEL_COLUMNS and _VALUE_HEADER.fullmatch(strip_markup(header[1])) is not None)
    for index, cell in enumerate(header):
        is_value = reading is not TableReading.NAMED and _VALUE_HEADER.fullmatch(strip_markup(cell)) is not None
        if index and (is_value or _is_name(cell, title)):
            return index
    return 0


def _is_name(text: str, title: str) -> bool:
    """Whether a cell names this model, by the title of its card or as ours."""
    bare = strip_markup(text).lower()
    if re.search(r"\b(?:ours|this (?:model|repo|repository))\b", bare):
        return True
    name = _NOISE.sub("", bare)
    return bool(name) and name == _NOISE.sub("", title)
