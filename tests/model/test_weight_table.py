from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from modelaudit.model.weight_table import WeightTable

NUMBERS = {f"word {number}": float(number) for number in range(10_000)}


def test_table_has_the_numbers_of_its_texts_and_no_other() -> None:
    table = WeightTable(NUMBERS.items())
    assert len(table) == len(NUMBERS)
    assert all(text in table and table.get(text, -1.0) == number for text, number in NUMBERS.items())
    others = [f"verb {number}" for number in range(10_000)]
    assert not any(text in table for text in others)
    assert all(table.get(text, -1.0) == -1.0 for text in others)


def test_texts_whose_characters_have_equal_bytes_in_memory_differ() -> None:
    table = WeightTable([("gb", 1.0), ("\u6267", 2.0)])
    assert (table.get("gb", 0.0), table.get("\u6267", 0.0)) == (1.0, 2.0)
    assert "\u6268" not in table
    assert "\ud800" not in table


def test_empty_table_is_false_and_has_nothing() -> None:
    table = WeightTable(())
    assert not table
    assert "word" not in table
    assert table.get("word", 2.0) == 2.0


def test_table_takes_a_quarter_of_the_memory_of_a_dictionary() -> None:
    table = WeightTable(NUMBERS.items())
    assert "word 1" in table
    whole = sum(map(sys.getsizeof, table._index or ()))
    assert whole
    assert table._source is None
    assert 4 * whole < sys.getsizeof(NUMBERS) + sum(map(sys.getsizeof, NUMBERS))


def test_a_dumped_table_is_restored() -> None:
    for numbers in ({}, {"": 1.5}, {"word": 1.0, "": -2.0}, NUMBERS):
        table = WeightTable.restore(*WeightTable(numbers.items()).dump_pairs())
        assert len(table) == len(numbers)
        assert {text: table.get(text, -1.0) for text in numbers} == numbers
        assert "absent" not in table


def test_texts_are_gone_after_a_search() -> None:
    table = WeightTable(NUMBERS.items())
    assert "word 1" in table
    with pytest.raises(ValueError, match="gone"):
        table.dump_pairs()


def test_a_text_with_a_line_break_is_an_error() -> None:
    with pytest.raises(ValueError, match="line break"):
        WeightTable([("one\ntwo", 1.0)])


def test_threads_search_while_the_index_is_built() -> None:
    table = WeightTable(NUMBERS.items())
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda number: table.get(f"word {number}", -1.0), range(1000)))
    assert found == [float(number) for number in range(1000)]


def test_the_last_number_of_a_repeated_text_counts() -> None:
    """As in a dictionary, wherever the text is repeated."""
    table = WeightTable([("once", 1.0), ("again", 2.0), ("other", 3.0), ("again", 4.0), ("again", 5.0)])
    assert [table.get(text, 0.0) for text in ("once", "again", "other")] == [1.0, 5.0, 3.0]
