"""Read Jinja templates: files of their own, or strings that a container marks as templates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from modelaudit.languages.architectures.templates import cut_template
from modelaudit.languages.jinja.syntax import MAX_CHARACTERS
from modelaudit.languages.jinja.template import read_template
from modelaudit.model.artifact import JINJA, Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.lineage import ModelTraits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.documents import TextPieces, check_size, check_text
from modelaudit.wire.text import cut_at_memory, decode_loosely, get_file_name, looks_like_text
from modelaudit.wire.windows import iterate_chunks

_JINJA_NAMES: Final = (".jinja", ".jinja2", ".j2")
_CHAT_TEMPLATE: Final = "chat_template."
_OVERLAP_CHARACTERS: Final = 1024  # more than the longest name that is searched
_OTHER_NAMES: Final = (".tmpl", ".template")
"""Extensions that other template languages use too."""
# A statement such as ``{% if`` or ``{%- for``, or an expression in double braces.
_STATEMENT: Final = defer_pattern(
    rb"\{%[-+]?\s*(?:if|for|set|macro|block|extends|include|import|from|call|filter|raw|with)\b|\{\{[^}]*\}\}"
)
_PROMPT_NAME: Final = defer_pattern(r"template|prompt|jinja")
# Tags of Go and Mustache, such as ``{{ .Prompt }}`` and ``{{#each}}``; ``${{`` of workflows; ``<%`` of ERB.
_OTHER_LANGUAGE: Final = defer_pattern(
    r"\{\{[-~]?\s*(?:[.$#/^>!&]|(?:if|range|with|end|else|define|template|block)\b[^}]*\}\})|\$\{\{|<%"
)


def recognises(head: Head) -> bool:
    """Whether this is a Jinja template.

    A container marks it as one, or it has an extension of Jinja, or it is text with a Jinja statement or expression and
    a name that suggests a template or prompt. An extension of Jinja decides alone, because Jinja also loads bytes that
    are not text.
    """
    if head.content is not None:
        return head.content == JINJA
    name = get_file_name(head.path)
    if name.endswith(_JINJA_NAMES):
        return bool(head.data)
    may_be_template = name.endswith(_OTHER_NAMES) or (_PROMPT_NAME.search(name) is not None and _is_text_name(name))
    return may_be_template and _STATEMENT.search(head.data) is not None and looks_like_text(head)


class _LooseText(Struct, frozen=True):
    """A template that is not text to its end, in pieces that are decoded one by one.

    Attributes:
        window: its bytes.
    """

    window: Window

    def __iter__(self) -> Iterator[str]:
        """Yield the text in pieces. Raises ``WindowError``."""
        yield from map(decode_loosely, iterate_chunks(self.window))

    def iterate_searched(self) -> Iterator[tuple[str, int]]:
        """Yield the text in pieces that overlap, each with the number of lines before it. Raises ``WindowError``."""
        overlap, lines_before = "", 0
        for text in self:
            searched = overlap + text
            yield searched, lines_before
            overlap = searched[-_OVERLAP_CHARACTERS:]
            lines_before += searched.count("\n") - overlap.count("\n")


def _is_text_name(name: str) -> bool:
    """Whether a file name has no extension, or one of plain text."""
    return "." not in name.strip(".") or name.endswith((".txt", ".text", ".tpl", ".prompt", ".chat"))


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline of the template, and an absence if a part could not be evaluated.

    Raises:
        DamagedError: the file is not text to its end; the outline is that of the whole file nevertheless.
        WindowError: the file is larger than ``document_bytes``, or the window could not return the requested bytes.
    """
    damage: DamagedError | None = None
    check_size(window, limits)
    text: TextPieces | _LooseText = _LooseText(window)
    try:
        text = check_text(window, limits)
    except DamagedError as error:
        damage = error
    # A longer text is not parsed, and is never in memory as a whole.
    start, is_cut = cut_at_memory(text, MAX_CHARACTERS + 1, 4 * MAX_CHARACTERS + 4)
    outline, unread = read_template(start, searched=text.iterate_searched() if is_cut else None)
    yield outline
    if get_file_name(artifact.path).startswith(_CHAT_TEMPLATE):
        yield ModelTraits(template=cut_template(start))
    if unread is not None:
        yield _name_other_language(artifact.path, start, unread)
    if damage is not None:
        raise damage


def _name_other_language(path: str, text: str, unread: Unread) -> Unread:
    """Return the absence of a template that Jinja cannot parse, which may be in another language."""
    name = get_file_name(path)
    # Text that Jinja cannot parse may be a template of another language, unless its extension is one of Jinja.
    if unread.reason is UnreadReason.DAMAGED and not name.endswith(_JINJA_NAMES) and _OTHER_LANGUAGE.search(text):
        detail = "a template in another language than Jinja; its text was read, its behaviour was not analysed"
        return Unread(UnreadReason.PROGRAM, detail)
    return unread
