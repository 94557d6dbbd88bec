"""Sentences and titles of clauses in reports, and the lines of a long evidence that are shown."""

from __future__ import annotations

from support.cases import check_each
from support.catalogue import load_shipped

from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.model.terms import Group
from modelaudit.reports.clause_words import TITLES, WEIGHTY_KINDS
from modelaudit.reports.terminal import _shorten_evidence
from modelaudit.reports.wording import describe_unread, format_sentence


@check_each("listing_length", range(1, 40))
def test_shortened_evidence_still_contains_the_marked_last_line_of_its_listing(listing_length: int) -> None:
    lines = ("byte 9: REDUCE", *(f"  {offset} PROTO" for offset in range(listing_length - 1)), "> 99 REDUCE")
    shown = _shorten_evidence(lines)
    assert (shown[0], shown[-1]) == (lines[0], lines[-1])
    # Eight lines, and the one that counts the lines left out.
    assert len(shown) <= 9
    assert len(shown) == len(lines) or shown[1] == f"… {len(lines) - 8} lines left out"


def test_long_evidence_without_a_listing_loses_its_last_lines_and_counts_them() -> None:
    assert _shorten_evidence(tuple("abcdefghij")) == [*"abcdefgh", "… and 2 more lines"]
    assert _shorten_evidence(tuple("abcdefghi")) == [*"abcdefghi"]


def test_sentence_has_one_full_stop_and_keeps_case_of_file_name() -> None:
    assert format_sentence("os-system.pkl: it calls.") == "os-system.pkl: it calls."
    assert format_sentence("the text was read") == "The text was read."
    words = describe_unread(Unread(UnreadReason.PROGRAM, "scripts: the text was read, but its code was not analysed"))
    assert words == "It is program code. Scripts: the text was read, but its code was not analysed."


def test_clause_titles_of_reports_equal_those_of_the_vocabulary_except_for_the_group_fact() -> None:
    kinds = load_shipped().clauses.kinds
    assert {kind: each.title for kind, each in kinds.items() if each.group is not Group.FACT} == TITLES


def test_every_weighty_clause_kind_has_a_title() -> None:
    assert set(WEIGHTY_KINDS) <= set(TITLES)
