"""Render a ``Page`` of reference text for a terminal or as Markdown."""

from __future__ import annotations

import textwrap
from itertools import groupby

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.page import Block, Item, Listing, Page, Paragraph

_CODE_SPAN = defer_pattern(r"(`[^`\n]+`)")
_MARKUP = defer_pattern(r"([\\`*_<>|\[\]])")
"""The characters that can be markup inside a line of Markdown."""


def render_page_text(page: Page, width: int) -> str:
    """Render a page for a terminal that is ``width`` columns wide. Addresses and listings are never broken."""
    lines = [*_wrap(f"{page.name}: {page.title}", width, ""), *_wrap(", ".join(page.facts), width, "")]
    for section in page.sections:
        lines += ["", section.heading]
        for block in section.blocks:
            lines += _render_block_text(block, width)
    return "\n".join(lines)


def _render_block_text(block: Block, width: int) -> list[str]:
    """Return the indented lines of a block; the address of an item follows on a line of its own."""
    match block:
        case Paragraph(text):
            return _wrap(text, width, "  ")
        case Item(text, label, url):
            body = ": ".join(filter(None, [label, text]))
            address = [f"    {url}"] if url and url not in body else []
            return [*_wrap(body, width, "  - "), *address]
        case Listing(lines):
            return [f"    {line}" for line in lines]


def _wrap(text: str, width: int, indent: str) -> list[str]:
    """Wrap a text to ``width`` columns; ``indent`` begins the first line, and spaces of its length the others."""
    return textwrap.wrap(
        " ".join(text.split()),
        width,
        initial_indent=indent,
        subsequent_indent=" " * len(indent),
        break_long_words=False,
        break_on_hyphens=False,
    )


def render_page_markdown(page: Page) -> str:
    """Render a page as Markdown. Its text cannot become markup, except for code between backticks."""
    parts = [f"# {page.name}", f"**{escape_markdown(page.title)}**", " · ".join(map(escape_markdown, page.facts))]
    for section in page.sections:
        parts.append(f"## {section.heading}")
        for kind, blocks in groupby(section.blocks, type):
            rendered = [_render_block_markdown(block) for block in blocks]
            # A blank line between the items of a list would make every item a paragraph of its own.
            parts += ["\n".join(rendered)] if kind is Item else rendered
    return "\n\n".join(parts) + "\n"


def _render_block_markdown(block: Block) -> str:
    """Render a block as Markdown: a paragraph, an item of a list with its link, or a fenced listing."""
    match block:
        case Paragraph(text):
            return escape_markdown(text)
        case Item(text, label, url):
            shown = escape_markdown(text)
            if url:
                shown = f"<{url}>" if text == url else f"[{shown}]({url})"
            return f"- **{escape_markdown(label)}**: {shown}" if label else f"- {shown}"
        case Listing(lines):
            return "\n".join(["```text", *(line.replace("```", "'''") for line in lines), "```"])


def escape_markdown(text: str) -> str:
    """Escape text for one line of Markdown; spans between backticks stay code."""
    parts = _CODE_SPAN.split(" ".join(text.split()))
    # A split by a pattern with a group alternates: text, code span, text.
    parts[::2] = [_MARKUP.sub(r"\\\1", part) for part in parts[::2]]
    return "".join(parts)
