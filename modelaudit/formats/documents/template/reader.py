"""Read Jinja templates: files of their own, or strings that a container marks as templates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.languages.jinja.template import read_template
from modelaudit.model.artifact import JINJA, Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.documents import read_whole_text
from modelaudit.wire.text import decode_loosely, get_file_name, looks_like_text
from modelaudit.wire.windows import read_all_bytes

_JINJA_NAMES: Final = (".jinja", ".jinja2", ".j2")
_OTHER_NAMES: Final = (".tmpl", ".template")
"""Extensions that other template languages use too."""
# A statement such as ``{% if`` or ``{%- for``, or an expression in double braces.
_STATEMENT: Final = re.compile(
    rb"\{%[-+]?\s*(?:if|for|set|macro|block|extends|include|import|from|call|filter|raw|with)\b|\{\{[^}]*\}\}"
)
_PROMPT_NAME: Final = re.compile(r"template|prompt|jinja")
# Tags of Go and Mustache, such as ``{{ .Prompt }}`` and ``{{#each}}``; ``${{`` of workflows; ``<%`` of ERB.
_OTHER_LANGUAGE: Final = re.compile(
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
    try:
        text, _, _ = read_whole_text(window, limits)
    except DamagedError as error:
        damage = error
        text = decode_loosely(read_all_bytes(window, limits.document_bytes))
    outline, unread = read_template(text)
    yield outline
    if unread is not None:
        yield _name_other_language(artifact.path, text, unread)
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
