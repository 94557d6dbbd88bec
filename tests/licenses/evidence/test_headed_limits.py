"""Limits that a heading, a question or a table gives their meaning."""

from __future__ import annotations

import pytest
from support.catalogue import load_shipped
from support.work import count_work, find_growth_fault

from modelaudit.licenses.evidence import headed_limits
from modelaudit.licenses.evidence.headed_limits import HEADED_LIMIT, find_headed_limits

LIMITS = [
    "### Out-of-Scope Use\n\n- Commercial products",
    "### Out-of-scope use\n\nUse by companies.",
    "**Not intended for**\n\n1. redistribution",
    "Don'ts:\n\n* resale",
    "Intended use: teaching. Out-of-scope use: deployment by companies, any paid service.",
    "| Out-of-scope use | Commercial deployment |\n|---|---|\n| Intended use | Research |\n",
    "## Cleared for\n\n- [x] research\n- [ ] products",
    "### Availability\n\nUS and Canada.",
    "EU: ❌",
    "- Commercial use: no",
    "🇺🇸 ✅ 🇪🇺 ❌",
    "| EU | US |\n|---|---|\n| no | yes |\n",
    "| Region | Licence |\n|---|---|\n| Japan | MIT |\n| Europe | none |\n",
    "The model is ~~free for all~~ free for scholars.",
    "**Can my company ship it?**\n\nSorry, no.",
    "Is it for firms? Schools.",
    "Can I sell it? Ask Heron.",
    "May we use it commercially?\nNot yet.",
    "### Out-of-scope use\n\n- Embedding the model in a commercial product",
    "Academic license.",
    "**Evaluation copy**",
    "Schools only!",
    "Firms: ask.",
]

NO_LIMITS = [
    "### Out-of-Scope Use\n\n- Medical decisions without supervision\n- Languages other than English",
    "### Out-of-Scope Use\n\n- Deceptive commercial messages about competing products",
    "### Out-of-scope use\n\n- Commercial use without an evaluation of its safety",
    "Tests for confidential data.",
    "## Research copy editing",
    "### Prohibited\n\n- Surveillance of people in Europe",
    "### Intended Use\n\n- Commercial products\n- Companies",
    "## Cleared for\n\n- [x] products",
    "### Availability\n\nWorldwide.",
    "### Availability\n\nAvailable on PyPI.",
    "| Commercial use | yes |\n|---|---|\n| Redistribution | yes |\n",
    "| Model | Commercial use |\n|---|---|\n| Egret | ❌ |\n| Heron | ✅ |\n",
    "Commercial use: no restrictions",
    "EU: ✅",
    "Detects products ❌",
    "**Can my company ship it?**\n\nYes.",
    "Can I use it commercially? Of course!",
    "Do companies need to ask? No.",
    "May we ship it?\n\n```console\n$ heron\n```",
    "Can I run it on a CPU? Not yet.",
]

LAYOUT = load_shipped().restrictions.layout
assert LAYOUT is not None


def find_kinds(text: str) -> set[str | None]:
    return {claim.location.key for claim in find_headed_limits(f"# Heron\n\n{text}\n", 1, "README.md", LAYOUT.limits)}


@pytest.mark.parametrize("text", LIMITS)
def test_limit_of_the_layout_is_quoted(text: str) -> None:
    assert find_kinds(text) == {HEADED_LIMIT}


@pytest.mark.parametrize("text", NO_LIMITS)
def test_ordinary_list_table_or_answer_is_quiet(text: str) -> None:
    assert find_kinds(text) == set()


def test_quotation_joins_the_heading_and_the_item() -> None:
    (claim,) = find_headed_limits("# Heron\n\n## Not intended for\n\n- resale\n", 4, "README.md", LAYOUT.limits)
    assert (claim.quotation, claim.location.line) == ("not intended for: resale", 8)


@pytest.mark.parametrize(
    "words", ["Don'ts: ", "## Don'ts\n\n- of ", "any use by ", "company ? no", "EU: ", "| EU | no |\n"]
)
def test_repeated_words_are_searched_in_linear_work(words: str) -> None:
    def search(characters: int) -> None:
        text = words * (characters // len(words))
        for finder in (
            headed_limits._iter_section_limits,
            headed_limits._iter_inline_limits,
            headed_limits._iter_answers,
        ):
            list(finder(text, LAYOUT.limits))

    assert find_growth_fault(lambda characters: count_work(lambda: search(characters)), 1600) == ""
