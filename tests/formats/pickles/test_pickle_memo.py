from __future__ import annotations

import pytest
from differential.recording import BytesWindow
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.formats.pickles.pickle.indices import IndexSet, MemoReads
from modelaudit.formats.pickles.pickle.memo import Memo


@given(st.lists(st.tuples(st.integers(-2, 40), st.integers())))
def test_memo_holds_the_same_entries_as_a_dict_in_any_write_order(writes: list[tuple[int, int]]) -> None:
    memo, mapping = Memo(), {}
    for index, value in writes:
        memo[index] = value
        mapping[index] = value
        assert len(memo) == len(mapping)
    for index in range(-3, 42):
        if index in mapping:
            assert memo[index] == mapping[index]
        else:
            with pytest.raises(KeyError):
                memo[index]


@given(st.lists(st.integers(-2, 3_000_010)), st.integers(-2, 3_000_010))
def test_index_set_has_the_members_the_length_and_the_disjointness_of_a_set(indices: list[int], other: int) -> None:
    index_set = IndexSet(indices)
    assert set(index_set) == set(indices)
    assert len(index_set) == len(set(indices))
    assert (other in index_set) == (other in indices)
    assert index_set.isdisjoint([other]) == (other not in indices)


def test_search_finds_binary_and_text_memo_reads_even_across_two_chunks() -> None:
    # LONG_BINGET ("j") of 4,096, GET of 5,000, and LONG_BINGET of 4,097 after another "j".
    start = b"j\x00\x10\x00\x00" + b"g5000\n" + b"jj\x01\x10\x00\x00"
    # LONG_BINGET of 4,098 begins two bytes before the end of the first chunk of 1 MiB.
    data = start + bytes((1 << 20) - len(start) - 2) + b"j\x02\x10\x00\x00"
    reads = MemoReads(BytesWindow(data), 0)
    assert reads.get_flags(4242, 4244) == b"\1\1"  # as nothing is known yet
    reads.search()
    flags = reads.get_flags(0, 6000)
    assert [index for index in range(256, 6000) if flags[index]] == [4096, 4097, 4098, 5000]
    # Of the lowest and the highest indices, the search keeps no record.
    assert flags[:256] == b"\1" * 256
    assert reads.get_flags(254, 258) == b"\1\1\0\0"
    assert reads.get_flags(4095, 4097) == b"\0\1"
    assert reads.get_flags(2_999_999, 3_000_001) == b"\0\1"
    assert reads.get_flags(3_000_005, 3_000_007) == b"\1\1"
