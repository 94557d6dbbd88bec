"""The words for kinds of clauses are those of the vocabulary, and none is missing."""

from __future__ import annotations

from modelaudit.catalogue import load_catalogue
from modelaudit.model.terms import Group
from modelaudit.reports.clause_words import TITLES, WEIGHTY_KINDS, join_titles


def test_clause_titles_of_reports_equal_those_of_the_vocabulary_except_for_the_group_fact() -> None:
    kinds = load_catalogue().clauses.kinds
    assert {kind: each.title for kind, each in kinds.items() if each.group is not Group.FACT} == TITLES


def test_every_weighty_clause_kind_has_a_title() -> None:
    assert set(WEIGHTY_KINDS) <= set(TITLES)


def test_joined_clause_titles_begin_with_a_small_letter() -> None:
    assert join_titles(("share-alike", "unheard-of")) == "share under the same licence; unheard-of"
