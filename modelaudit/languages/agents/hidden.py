"""Find the texts of a document that a reader of the rendered page does not see, and that a model reads.

These are comments of HTML and Markdown, elements that a style hides, attributes such as ``alt``, titles of links, text
far to the right, and letters spelled in characters that no screen shows. What a fence of code encloses is visible.
Agents also read the comments of settings and programs, the descriptions in pictures, and those of their tools.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from modelaudit.model.lazy_pattern import defer_pattern

_LONGEST_PIECE: Final = 6_000
COMMENT_OF_CODE: Final = "a comment in code"
"""The means of a comment of settings or of a program, which may speak of models and commands as its subject."""
_FENCE: Final = defer_pattern(
    r"^[ \t>]*(`{3,}|~{3,})[^\n]*\n[\s\S]*?(?:^[ \t>]*\1[^\n]*$|\Z)|`[^`\n]{1,500}`", re.MULTILINE
)
_COMMENT: Final = defer_pattern(r"<!--(?P<text>[\s\S]{1,6000}?)(?:-->|\Z)")
# [//]: # (text), and other definitions of a link that nothing uses.
_LINK_COMMENT: Final = defer_pattern(
    r"^[ ]{0,3}\[[^\]\n]{1,80}\]:[ \t]*\S{1,300}[ \t]+(?:\((?P<a>[^\n]{1,6000})\)|\"(?P<b>[^\n]{1,6000})\""
    r"|'(?P<c>[^\n]{1,6000})')[ \t]*$",
    re.MULTILINE,
)
_ELEMENT: Final = defer_pattern(r"<(?P<tag>[A-Za-z][\w-]{0,20})(?P<attributes>\s[^<>]{1,1000})>")
_HIDING: Final = defer_pattern(
    r"(?:^|\s)hidden(?:\s|=|$)|display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)"
    r"|opacity\s*:\s*0?(?:\.0\d*)?\s*(?:[;\"']|$)|font-size\s*:\s*(?:0|1|0?\.\d+)(?:px|pt|em|rem|%)?\s*(?:[;\"']|$)"
    r"|(?:^|[;\"'\s])color\s*[:=]\s*[\"']?(?:white|#fff(?:fff)?\b|transparent|rgba?\(\s*255\s*,\s*255\s*,\s*255"
    r"|rgba\([^)]{0,40},\s*0\s*\))|(?:max-)?(?:height|width)\s*:\s*0|text-indent\s*:\s*-\d{3,}"
    r"|(?:left|top|right)\s*:\s*-\d{3,}|clip\s*:\s*rect\(\s*0|transform\s*:\s*scale\(\s*0",
    re.IGNORECASE,
)
_ATTRIBUTE: Final = defer_pattern(
    r"\b(?:alt|title|aria-label|aria-description|placeholder|summary|content|data-[\w-]{1,40})\s{0,20}=\s{0,20}"
    r"(?:\"(?P<a>[^\"]{12,6000})\"|'(?P<b>[^']{12,6000})')",
    re.IGNORECASE,
)
_IMAGE_TEXT: Final = defer_pattern(r"!\[(?P<text>[^\]]{12,6000})\][(\[]")
_LINK_TITLE: Final = defer_pattern(
    r"\]\(\s{0,20}\S{0,1000}?\s{1,20}(?:\"(?P<a>[^\"]{12,6000})\"|'(?P<b>[^']{12,6000})')\s*\)"
)
_FAR_RIGHT: Final = defer_pattern(r"(?<![ \t\u00a0])[ \t\u00a0]{150,}+(?P<text>\S[^\n]{12,6000})")
_FRONT_MATTER: Final = defer_pattern(r"\A---[ \t]*\n[\s\S]{0,60000}?^---[ \t]*$", re.MULTILINE)
_COMMENTED: Final = defer_pattern(r"\.(?:ya?ml|toml|ini|cfg|conf|env|properties|py|sh)\Z|/[^/.]+\Z", re.IGNORECASE)
_LINES_OF_COMMENT: Final = defer_pattern(
    r"(?:^|(?<=[ \t]))#+[ \t]?(?P<text>[^\n]{12,2000}(?:\n[ \t]*#[^\n]{0,500}){0,20})", re.MULTILINE
)
_PICTURE_TEXT: Final = defer_pattern(
    r"<(?:desc|title|metadata|text)\b[^<>]{0,500}>(?P<text>[^<]{12,6000})<", re.IGNORECASE
)
_TOOLS: Final = defer_pattern(r"\"(?:inputSchema|input_schema|tools|parameters|functions)\"\s*:")
_DESCRIPTION: Final = defer_pattern(
    r"\"(?:description|instructions|title|prompt)\"\s*:\s*\"(?P<text>(?:[^\"\\\n]|\\.){12,6000})\""
)
_TOOLS_OF_YAML: Final = defer_pattern(
    r"^[ \t]*(?:tools|functions|input_?schema|parameters)[ \t]*:", re.MULTILINE | re.IGNORECASE
)
_DESCRIPTION_OF_YAML: Final = defer_pattern(
    r"^(?P<indent>[ \t]*)(?:-[ \t]+)?(?:description|instructions)[ \t]*:[ \t]*"
    r"(?P<text>[^\n]{0,2000}(?:\n(?:(?P=indent)[ \t]+[^\n]{0,1000})?){0,40})",
    re.MULTILINE,
)
_TAG_CHARACTERS: Final = defer_pattern("[\U000e0001-\U000e007f]{8,}")
_FLAG: Final = "\U0001f3f4"
_ZERO_WIDTH: Final = defer_pattern("[\u200b-\u200f\u2060-\u2064\ufeff]{16,}")
_SELECTORS: Final = defer_pattern("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{8,}")
_BITS: Final = 8


class HiddenText(Struct, frozen=True):
    """A text that is not seen: how it is hidden, the text, its offset, and whether no screen shows its characters."""

    means: str
    text: str
    offset: int
    is_invisible: bool = False


def find_hidden_texts(text: str, path: str = "") -> Iterator[HiddenText]:
    """Yield the hidden texts of a document, each of at most ``_LONGEST_PIECE`` characters.

    Args:
        text: of the document.
        path: decides which texts only programs and agents read.
    """
    if not text.isascii():
        yield from _find_invisible_characters(text)
    yield from _find_texts_of_programs(text, path)
    visible = _FENCE.sub(_blank, text)
    for means, pattern in (
        ("a comment", _COMMENT),
        ("a comment", _LINK_COMMENT),
        ("an attribute", _ATTRIBUTE),
        ("an image's text", _IMAGE_TEXT),
        ("a link's title", _LINK_TITLE),
        ("text far to the right", _FAR_RIGHT),
    ):
        for match in pattern.finditer(visible):
            content = next(group for group in match.groups() if group is not None)
            yield HiddenText(means, html.unescape(content), match.start())
    for element in _ELEMENT.finditer(visible):
        if _HIDING.search(element["attributes"]):
            end = visible.find(f"</{element['tag']}", element.end(), element.end() + _LONGEST_PIECE)
            content = text[element.end() : end if end >= 0 else element.end() + _LONGEST_PIECE]
            yield HiddenText("an element that is not displayed", html.unescape(content), element.start())


def _find_texts_of_programs(text: str, path: str) -> Iterator[HiddenText]:
    """Yield the comments of settings and programs, the texts in pictures, and the descriptions of tools."""
    front = _FRONT_MATTER.match(text)
    commented = text if _COMMENTED.search(f"/{path}") else front[0] if front is not None else ""
    for match in _LINES_OF_COMMENT.finditer(commented):
        content = re.sub(r"\n[ \t]*#+[ \t]?", "\n", match["text"])
        yield HiddenText(COMMENT_OF_CODE, content[:_LONGEST_PIECE], match.start())
    if path.lower().endswith(".svg"):
        for match in _PICTURE_TEXT.finditer(text):
            yield HiddenText("a text of a picture", html.unescape(match["text"]), match.start())
    if path.lower().endswith((".yaml", ".yml")) and _TOOLS_OF_YAML.search(text) is not None:
        for match in _DESCRIPTION_OF_YAML.finditer(text):
            yield HiddenText("the description of a tool", match["text"][:_LONGEST_PIECE], match.start())
    if path.lower().endswith(".json") and _TOOLS.search(text) is not None:
        for match in _DESCRIPTION.finditer(text):
            content = match["text"].replace("\\n", "\n").replace('\\"', '"')
            yield HiddenText("the description of a tool", content, match.start())


def _blank(match: re.Match[str]) -> str:
    """Return as many spaces as the match has characters, with its line breaks."""
    return re.sub(r"[^\n]", " ", match[0]) if match[0].count("\n") else " " * 2 + "." * (len(match[0]) - 2)


def _find_invisible_characters(text: str) -> Iterator[HiddenText]:
    """Yield each text that is spelled in characters that no screen shows.

    A tag character is the ASCII character 0xE0000 below it, and selects a region behind a black flag (Unicode 16.0,
    section 23.9). A variation selector stands for a byte, and two characters of no width for the bits of one.
    """
    for tags in _TAG_CHARACTERS.finditer(text):
        if text[tags.start() - 1 : tags.start()] != _FLAG or len(tags[0]) > _BITS:
            spelled = "".join(chr(ord(each) - 0xE0000) for each in tags[0] if 0xE0020 <= ord(each) < 0xE007F)
            yield HiddenText("tag characters", spelled[:_LONGEST_PIECE], tags.start(), is_invisible=True)
    for selectors in _SELECTORS.finditer(text):
        codes = [ord(each) - (0xE0100 - 16 if ord(each) >= 0xE0100 else 0xFE00) for each in selectors[0]]
        spelled = bytes(code & 0xFF for code in codes).decode("utf-8", "replace")
        yield HiddenText("variation selectors", spelled[:_LONGEST_PIECE], selectors.start(), is_invisible=True)
    for widthless in _ZERO_WIDTH.finditer(text):
        spelled = _decode_bits(widthless[0])
        yield HiddenText("characters of no width", spelled[:_LONGEST_PIECE], widthless.start(), is_invisible=True)


def _decode_bits(characters: str) -> str:
    """Return the text that two characters spell in bits, whichever of them means one; empty if neither reading fits."""
    kinds = sorted(set(characters), key=lambda each: (-characters.count(each), each))[:2]
    for one in kinds:
        bits = "".join("1" if each == one else "0" for each in characters if each in kinds)
        for width in (_BITS, 7):
            codes = [int(bits[start : start + width], 2) for start in range(0, len(bits) - width + 1, width)]
            spelled = "".join(map(chr, codes))
            if spelled and spelled.isascii() and spelled.isprintable():
                return spelled
    return ""
