from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.formats.pickles.pickle.memo import Memo


@given(st.lists(st.tuples(st.integers(-2, 12), st.integers())))
def test_memo_behaves_like_dict_in_any_write_order(writes: list[tuple[int, int]]) -> None:
    memo, mapping = Memo(), {}
    for index, value in writes:
        memo[index] = value
        mapping[index] = value
        assert len(memo) == len(mapping)
    for index in range(-3, 14):
        if index in mapping:
            assert memo[index] == mapping[index]
        else:
            with pytest.raises(KeyError):
                memo[index]
