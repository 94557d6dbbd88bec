"""Pages of reference text, rendered for a terminal and as Markdown."""

from __future__ import annotations

from modelaudit.model.page import Item, Listing, Page, Paragraph, Section
from modelaudit.reports.page import escape_markdown, render_page_markdown, render_page_text

PAGE = Page(
    "acme/rule",
    "A *title*",
    ("severity high",),
    (
        Section(
            "Why", (Paragraph("It runs `a_b` and <script>."), Item("one"), Item("two", "label", "https://a.test/x"))
        ),
        Section("Example", (Listing(("```", "  as it is  " + "x" * 60)),)),
    ),
)


def test_listings_and_addresses_of_a_page_are_not_wrapped_in_a_narrow_terminal() -> None:
    text = render_page_text(PAGE, 40)
    assert text.splitlines()[:2] == ["acme/rule: A *title*", "severity high"]
    assert "    https://a.test/x" in text.splitlines()
    assert "      as it is  " + "x" * 60 in text.splitlines()


def test_page_in_markdown_escapes_everything_but_code() -> None:
    text = render_page_markdown(PAGE)
    assert "**A \\*title\\***" in text
    assert "It runs `a_b` and \\<script\\>." in text
    assert "- one\n- **label**: [two](https://a.test/x)\n" in text
    assert text.count("```") == 2


def test_page_in_markdown_escapes_an_unbalanced_backtick() -> None:
    assert escape_markdown("a ` b_c") == "a \\` b\\_c"
