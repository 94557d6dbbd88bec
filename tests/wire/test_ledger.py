from __future__ import annotations

import tracemalloc
from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.model.limits import Limits
from modelaudit.wire import byte_ranges
from modelaudit.wire import ledger as ledger_module
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.byte_ranges import DATA, MAX_PADDING_BYTES, PARSED, ByteClass, ByteRange, Partition, RangeSet
from modelaudit.wire.ledger import (
    ArtifactLedger,
    ByteLedger,
    LedgerWindow,
    claim_data,
    claim_in_turn,
    claim_parsed,
)
from modelaudit.wire.windows import Budget, SubWindow

SIZE = 60
CLASS_NUMBERS = {ByteClass.PARSED: PARSED, ByteClass.DATA: DATA}
CLAIMS = st.lists(
    st.tuples(st.integers(-5, SIZE + 5), st.integers(-5, SIZE + 5), st.sampled_from([ByteClass.PARSED, ByteClass.DATA]))
)


@given(CLAIMS)
def test_ledger_gives_every_byte_the_class_of_its_strongest_claim(bytes_window, claims):
    window = bytes_window(bytes(range(SIZE)))
    ledger = ByteLedger()
    expected = [ByteClass.UNCLAIMED] * SIZE
    for start, end, class_ in claims:
        ledger.claim(start, end, CLASS_NUMBERS[class_])
        for offset in range(max(0, start), min(end, SIZE)):
            if expected[offset] is not ByteClass.PARSED:
                expected[offset] = class_
    classes = [each.class_ for each in ledger.partition(window) for _ in range(each.start, each.end)]
    # A single byte between two claims is a run of equal bytes, so it counts as padding.
    gaps = [each for each in ledger.partition(window) if each.class_ is ByteClass.UNCLAIMED]
    assert all(each.end - each.start > 1 for each in gaps)
    # Without a claim, a byte may be padding, so only claimed bytes are compared.
    pairs = zip(expected, classes, strict=True)
    assert all(claimed is found_class for claimed, found_class in pairs if claimed is not ByteClass.UNCLAIMED)


@given(CLAIMS)
def test_ledger_ranges_cover_the_artifact_in_order_and_adjacent_ranges_differ_in_class(bytes_window, claims):
    ledger = ByteLedger()
    for claim in claims:
        ledger.claim(*claim[:2], CLASS_NUMBERS[claim[2]])
    ranges = list(ledger.partition(bytes_window(bytes(range(SIZE)))))
    assert [each.start for each in ranges] == [0, *(each.end for each in ranges[:-1])]
    assert ranges[-1].end == SIZE
    assert all(first.class_ is not second.class_ for first, second in pairwise(ranges))


def test_ledger_merges_adjacent_claims_that_arrive_out_of_order(bytes_window, monkeypatch):
    monkeypatch.setattr(byte_ranges, "_COMPACT_AFTER", 10)
    ledger = ByteLedger()
    for start in reversed(range(0, 1000, 2)):
        ledger.claim(start, start + 2, PARSED)
    assert list(ledger.partition(bytes_window(bytes(1000)))) == [(0, 1000, ByteClass.PARSED)]


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(1, 5)), max_size=60), st.integers(1, 10))
def test_range_set_that_is_compacted_after_any_number_of_ranges_holds_the_added_offsets(ranges, compact_after):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(byte_ranges, "_COMPACT_AFTER", compact_after)
        found, expected = RangeSet(), set()
        for start, length in ranges:
            found.add(start, start + length)
            expected.update(range(start, start + length))
        pairs = list(found)
    assert {offset for start, end in pairs for offset in range(start, end)} == expected
    assert all(end < start for (_, end), (start, _) in pairwise(pairs))


def test_range_set_with_many_ranges_is_compacted_without_an_object_for_each(monkeypatch):
    monkeypatch.setattr(byte_ranges, "_COMPACT_AFTER", 500)
    count = 50_000
    ranges = RangeSet()
    for number in range(count):
        ranges.add(2 * number, 2 * number + 1)
    tracemalloc.start()
    try:
        for number in range(600):
            ranges.add(2 * number, 2 * number + 1)  # out of order, so that these are compared with all others
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60 * count  # the arrays take 16 bytes a range, and twice that while they are copied; a pair takes 130


def test_ledger_raises_a_limit_error_if_claims_lie_in_too_many_separate_ranges(monkeypatch):
    monkeypatch.setattr(byte_ranges, "_COMPACT_AFTER", 10)
    monkeypatch.setattr(byte_ranges, "MAX_RANGES", 50)
    monkeypatch.setattr(ledger_module, "MAX_RANGES", 50)
    monkeypatch.setattr(ledger_module, "_MAX_RANGES_IN_ORDER", 100)
    ledger = ByteLedger()
    with pytest.raises(LimitReachedError, match="claimed bytes lie in more than 50 separate ranges"):
        for start in range(0, 1000, 2):
            ledger.claim(start, start + 1, DATA)


def test_claim_with_an_end_beyond_64_bits_covers_the_rest_of_the_artifact(bytes_window):
    ledger = ByteLedger()
    ledger.claim(2, 1 << 80, DATA)
    assert list(ledger.partition(bytes_window(b"abcd"))) == [(0, 2, ByteClass.UNCLAIMED), (2, 4, ByteClass.DATA)]


@pytest.mark.parametrize(
    ("gap", "class_"),
    [
        (bytes(100), ByteClass.DATA),
        (b"\xff" * 64, ByteClass.DATA),
        (bytes(MAX_PADDING_BYTES), ByteClass.DATA),
        (bytes(MAX_PADDING_BYTES + 1), ByteClass.UNCLAIMED),
        (b"\0" * 50 + b"\1", ByteClass.UNCLAIMED),
    ],
)
def test_unclaimed_gap_counts_as_padding_only_if_it_is_short_and_its_bytes_are_equal(bytes_window, gap, class_):
    ledger = ByteLedger()
    ledger.claim(0, 1, PARSED)
    ledger.claim(len(gap) + 1, len(gap) + 2, PARSED)
    ranges = list(ledger.partition(bytes_window(b"x" + gap + b"x")))
    assert ranges[1] == (1, len(gap) + 1, class_)


def test_claim_on_a_sub_window_is_recorded_at_its_offset_in_the_whole_window(bytes_window):
    ledger = ByteLedger()
    window = LedgerWindow(bytes_window(bytes(range(20))), ledger)
    part = SubWindow(SubWindow(window, 5, 10, Budget(Limits(), 20)), 2, 4, Budget(Limits(), 20))
    claim_parsed(part, 1, 3)
    claim_data(part, 3)
    assert list(ledger.partition(window)) == [
        (0, 8, ByteClass.UNCLAIMED),
        (8, 10, ByteClass.PARSED),
        (10, 11, ByteClass.DATA),
        (11, 20, ByteClass.UNCLAIMED),
    ]


@given(st.integers(0, 20), st.lists(st.integers(1, 9), max_size=6), st.lists(st.integers(0, SIZE), max_size=2))
def test_ranges_claimed_in_turn_equal_the_same_ranges_claimed_one_by_one(bytes_window, start, lengths, earlier):
    window = bytes_window(bytes(range(SIZE)))
    ends = array("Q", [start + sum(lengths[: index + 1]) for index in range(len(lengths))])
    in_turn, one_by_one = ByteLedger(), ByteLedger()
    for ledger in (in_turn, one_by_one):
        for position in earlier:
            ledger.claim(position, position + 3, DATA)
    claim_in_turn(SubWindow(LedgerWindow(window, in_turn), 0, SIZE, Budget(Limits(), SIZE)), start, ends)
    for index, (range_start, range_end) in enumerate(pairwise((start, *ends))):
        one_by_one.claim(range_start, range_end, DATA if index % 2 else PARSED)
    ranges = list(in_turn.partition(window))
    assert ranges == list(one_by_one.partition(window))
    assert all(each.start < each.end for each in ranges)


def test_partition_counts_the_bytes_of_each_class_and_lists_the_unclaimed_ranges(bytes_window):
    ledger = ByteLedger()
    ledger.claim(0, 4, PARSED)
    ledger.claim(10, 12, DATA)
    partition = ledger.partition(bytes_window(bytes(range(20))))
    assert partition.sum_classes() == {ByteClass.PARSED: 4, ByteClass.DATA: 2, ByteClass.UNCLAIMED: 14}
    assert [(each.start, each.end) for each in partition.list_unclaimed()] == [(4, 10), (12, 20)]


def test_claim_on_a_window_without_ledger_has_no_effect(bytes_window):
    claim_parsed(bytes_window(b"abc"))
    claim_data(bytes_window(b"abc"), 1, 2)


def test_declaration_of_unclaimed_bytes_as_data_leaves_parsed_bytes_unchanged():
    ranges = [ByteRange(0, 4, ByteClass.PARSED), ByteRange(4, 9, ByteClass.UNCLAIMED), ByteRange(9, 12, ByteClass.DATA)]
    ledger = ArtifactLedger("model.bin", ["zip", "zip"], Partition.from_ranges(ranges))
    assert (ledger.size, ledger.formats, list(ledger)) == (12, ("zip",), ranges)
    assert list(ledger.declare_unclaimed()) == [(0, 4, ByteClass.PARSED), (4, 12, ByteClass.DATA)]
