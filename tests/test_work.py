"""The counters of work: equal to ``re`` in every match, and able to tell linear from quadratic work."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cases import check_each
from support.work import MOST_STEPS, CountingPattern, count_lines, count_work, find_growth_fault

from modelaudit.languages import code_text

# Together they have every kind of item: sets, classes, repetitions of three kinds, groups, references, and assertions.
PATTERNS = [
    r"a*", r"(a|b)*?b", r"(?:a{2,3}b?)+", r"a*+b", r"(?>a|ab)b", r"(a+)\1", r"(?<![a ])b", r"(?<=a)b(?!a)", r"\bA\B",
    r"^a.$", r"(?m:^a.$)", r"(?s:a.\Z)", r"(?i:[^ab]a)", r"[\w\n]{2}|\s", r"(?a:\w)\W", r"(?:a?)*b", r"",
]  # fmt: skip


@given(st.sampled_from(PATTERNS), st.text("abA \n\u00e4", max_size=12))
def test_counting_pattern_finds_the_same_matches_as_re(pattern: str, text: str) -> None:
    # Each search raises if the counted match differs.
    compiled = re.compile(pattern)
    expected = [match.span() for match in compiled.finditer(text)]
    assert [match.span() for match in CountingPattern(compiled).finditer(text)] == expected


@check_each("pattern, is_linear", [(r"\s+x", False), (r"\s++x", False), (r"(?<!\s)\s++x", True), (r"\s{1,5}x", True)])
def test_growth_of_a_search_shows_whether_its_pattern_takes_linear_steps(pattern: str, is_linear: bool) -> None:
    counting = CountingPattern(re.compile(pattern))

    def count(size: int) -> int:
        before = CountingPattern.steps
        assert counting.search(" " * size) is None
        return CountingPattern.steps - before

    assert (find_growth_fault(count, 200) == "") is is_linear


def test_pattern_that_backtracks_exponentially_is_given_up() -> None:
    with pytest.raises(AssertionError, match=f"more than {MOST_STEPS} steps for 31 characters"):
        CountingPattern(re.compile(r"(?:a|a)*b")).match("a" * 30 + "c")


@check_each(
    "compute, is_linear",
    [(lambda size: [0 for _ in range(size)], True), (lambda size: [0 for i in range(size) for _ in range(i)], False)],
)
def test_growth_of_executed_lines_shows_whether_a_computation_is_linear(
    compute: Callable[[int], object], is_linear: bool
) -> None:
    assert (find_growth_fault(lambda size: count_lines(lambda: compute(size)), 100) == "") is is_linear


def test_count_work_includes_the_steps_of_patterns_of_modules_and_restores_the_patterns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pattern = re.compile(r"\w+\s*\(")
    monkeypatch.setattr(code_text, "_CALL", pattern)
    count = count_work(lambda: list(code_text.find_python_calls("A" * 100)))
    assert count > 100 * 100 / 2
    assert code_text._CALL is pattern
