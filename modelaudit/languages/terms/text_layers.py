"""Take the text for people out of HTML and XML, and out of the strings of structured files such as JSON.

Line breaks stay where they are in the file, so that claims quote its line numbers.
"""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern

_BLOCKS: Final = frozenset({
    "address", "article", "aside", "blockquote", "body", "br", "dd", "div", "dl", "dt", "footer", "form", "h1", "h2",
    "h3", "h4", "h5", "h6", "head", "header", "hr", "html", "li", "main", "nav", "ol", "p", "pre", "section", "table",
    "td", "th", "title", "tr", "ul",
})  # fmt: skip
"""Elements that begin a new line in a browser; other tags divide no words."""
_UNSHOWN: Final = frozenset({"script", "style"})
_LICENSE_ELEMENT: Final = defer_pattern(r"licen[cs]e|\brights\b", re.IGNORECASE)
# The second group is empty where the string has no end in its line. The search goes on behind it: it holds escaped
# quotes only, and from each of them the rest would be read again.
_STRING: Final = defer_pattern(r'"([^"\\\n]*(?:\\.[^"\\\n]*)*)("?)')
_KEY_END: Final = defer_pattern(r"\s{0,20}:\s{0,20}(?P<literal>true|false|null)?")
# Keys whose values state terms in a word or two: ``"commercial_use": false``.
_TERM_KEY: Final = defer_pattern(
    r"licen[cs]|commerci|redistribut|restrict|permission|permitted|allowed|prohibit|usage|terms|notice|disclaimer|rights",
    re.IGNORECASE,
)
_CJK: Final = defer_pattern(r"(?:[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\\u[3-9a-d][0-9a-f]{3}){6}", re.IGNORECASE)
_MAX_KEY: Final = 60
_MIN_KEY_SPACES: Final = 4
"""The least white space in a key that is a sentence."""
_MIN_VALUE_SPACES: Final = 3
"""The least white space in a string that may be a sentence; shorter ones are names, words and numbers."""


def names_terms(key: str) -> bool:
    """Whether a key of settings or metadata names terms, so that each value below it counts."""
    return len(key) <= _MAX_KEY and _TERM_KEY.search(key) is not None


def extract_markup_text(text: str) -> str:
    """Extract the text between the tags of HTML or XML, and that of its comments, which a browser does not show."""
    collector = _TextCollector()
    # The parser searches for the end of a comment from each beginning of one, so a comment without an end is text.
    end = text.rfind("-->") + 1
    text = text[:end] + text[end:].replace("<!--", " ")
    # No tag begins after the end of the last one. The parser would read the rest from each "<" to find that out.
    end = text.rfind(">") + 1
    collector.feed(text[:end] + text[end:].replace("<", "&lt;"))
    collector.close()
    return "".join(collector.parts)


class _TextCollector(HTMLParser):
    """Collects the text of a document, which need not be well formed.

    Attributes:
        parts: pieces of the text, with as many line breaks as the document has.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unshown = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._replace_tag(tag, self.get_starttag_text() or "")
        self._collect_attributes(tag, attrs)
        self._unshown = tag if tag in _UNSHOWN else ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._replace_tag(tag, self.get_starttag_text() or "")
        self._collect_attributes(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self._replace_tag(tag, "")
        self._unshown = ""

    def handle_data(self, data: str) -> None:
        self.parts.append("\n" * data.count("\n") if self._unshown else data)

    def handle_comment(self, data: str) -> None:
        self.parts.append(f" {data} ")

    def _collect_attributes(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the words of attributes, and the address that an element or a link for a licence leads to."""
        # Words of attributes are shown too: the description of a page, and the text in place of a picture.
        shown = [value for name, value in attrs if name in ("content", "alt", "title") and value]
        # The address of a licence: <link rel="license" href="…">, <licence href="…">.
        if _LICENSE_ELEMENT.search(f"{tag} {dict(attrs).get('rel') or ''}"):
            shown += [f"License: {value}" for name, value in attrs if name in ("href", "src") and value]
        self.parts += [f"{value}\n" for value in shown]

    def _replace_tag(self, tag: str, source: str) -> None:
        """Keep the line breaks of a tag, and part the words around the tag of a block."""
        self.parts.append("\n" * source.count("\n") or (" " if tag in _BLOCKS else ""))


def extract_string_values(text: str) -> tuple[str, int]:
    """Extract the strings of JSON that may be sentences, each on a line of its own.

    Damaged JSON, a line of JSON for each record, and other languages with strings in double quotes are read too. Keys
    are left out unless they are sentences, and so are strings of fewer than four words, except below a key that names
    terms: such a value comes with its key. The lines of a text that is split into a list of strings come out as the
    text.

    Returns:
        The strings, and the number of the line, from 1, of the first one.
    """
    parts: list[str] = []
    first_start = -1
    key, kept_end, is_continued = "", 0, False
    for string in _STRING.finditer(text):
        if not string[2]:
            continue
        raw = string[1]
        end = _KEY_END.match(text, string.end())
        if end is not None and raw.count(" ") < _MIN_KEY_SPACES:
            key = raw if names_terms(raw) else ""
            value = f"{key}: {end['literal']}" if key and end["literal"] else ""
        elif raw.count(" ") >= _MIN_VALUE_SPACES or is_continued or _CJK.search(raw) is not None:
            value = _decode_string(raw)
        else:
            value = f"{key}: {_decode_string(raw)}" if key and raw else ""
        # The last line of a text that is split into lines may be short.
        is_continued = bool(value) and raw.endswith("\\n") and end is None
        if value:
            if first_start < 0:
                first_start = string.start()
            else:
                # Strings that follow one another in a list may be the lines of one text.
                is_next_line = text[kept_end : string.start()].strip() == ","
                parts.append(("" if parts[-1].endswith("\n") else "\n") if is_next_line else "\n\n")
            parts.append(value)
            kept_end = string.end()
    return "".join(parts), text.count("\n", 0, max(0, first_start)) + 1


def _decode_string(raw: str) -> str:
    """Decode the escapes of a string of JSON; one with an invalid escape stays as it is."""
    if "\\" not in raw:
        return raw
    try:
        value = json.loads(f'"{raw}"', strict=False)
    except ValueError:
        return raw
    return value if isinstance(value, str) else raw
