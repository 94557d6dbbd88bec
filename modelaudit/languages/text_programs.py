"""Find programs in bytes of any name by what they contain: Jinja templates, and YAML tags that construct objects.

A program renders a template or loads YAML from whatever file it likes, and neither needs a certain extension. Only what
its loader would run counts: a template counts if Jinja parses the whole file, and only with accesses that escape the
template; a tag counts if it precedes the first error of the YAML. Bytes that are not text disable nothing, because
Jinja copies them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import partial
from itertools import chain
from typing import Final

from modelaudit.languages.configurations.tags import read_tags
from modelaudit.languages.jinja.costs import COSTS
from modelaudit.languages.jinja.syntax import MAX_CHARACTERS
from modelaudit.languages.jinja.template import read_template
from modelaudit.languages.jinja.vocabularies import ATTRIBUTES, NAMES
from modelaudit.languages.long_templates import may_be_template
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import Head, LimitReachedError, Reader, Reading
from modelaudit.wire.text import decode_loosely, get_file_name
from modelaudit.wire.windows import iterate_chunks, read_all_bytes
from modelaudit.wire.yaml_text import YamlError, YamlFacts

_OVERLAP: Final = 1024  # of two chunks, longer than a match of the patterns below
_LONGEST_YAML: Final = 8 * MIB
# A character takes at most four bytes, in UTF-8 as in UTF-32.
_LONGEST_TEMPLATE: Final = 4 * MAX_CHARACTERS

_END_OF_STREAM: Final = defer_pattern(r"end of (?:the )?(?:stream|file|document)")
_TEMPLATE_MARK: Final = defer_pattern(rb"\{[{%]")
# An expression or statement with an access that may escape, or one too long to tell: only these matter in text too long
# to be parsed. An inner mark ends the match and begins one of its own, so the search takes linear time.
_INSIDE: Final = rb"(?:(?![%}]\}|\{[{%]).)"
_ESCAPING_ACCESS: Final = defer_pattern(
    rb"\{[{%]" + _INSIDE + rb"{0,900}?(?:__|\\x5f|\\u005f|\\137|\|\s{0,8}attr\b)|\{[{%]" + _INSIDE + rb"{901}",
    re.DOTALL,
)
# A tag of PyYAML or HyperPyYAML, a directive that abbreviates tags, or a tag with an escaped character: YAML 1.2.2,
# sections 5.6 and 6.8.2.
_OBJECT_TAG: Final = defer_pattern(
    rb"!python|2002:python|!(?:new|apply|applyref|name|module):|%TAG[ \t]|![^\s%!]{0,200}%[0-9A-Fa-f]{2}"
)
# YAML allows none of these characters. A loader that reads the file piece by piece has run the documents before them.
_NOT_IN_YAML: Final = defer_pattern("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_COMPUTED_NAME: Final = "the filter attr"
"""The mention of an attribute whose name is computed, which no template for people needs."""

_PUBLIC_NAME_USES: Final = frozenset({"attribute", "key"})
"""Uses of public names, which the vocabulary of attributes has to judge."""

_DOCUMENTATION: Final = (".md", ".markdown", ".mdx", ".rst")
# Code that documentation shows: between fences, between backticks, or indented.
_EXAMPLE: Final = defer_pattern(
    r"^[ \t>]*(?P<fence>`{3,}|~{3,})[\s\S]*?(?:^[ \t>]*(?P=fence)|\Z)"
    r"|(?P<quote>`{1,2})[^`\n]+(?P=quote)|^(?: {4}|\t).*$",
    re.MULTILINE,
)
_NOT_A_LINE_BREAK: Final = defer_pattern(r"[^\n]")

MentionKey = tuple[str, str, str]
"""The vocabulary, the use and the name of a mention."""


def get_mention_key(mention: Mention) -> MentionKey:
    """Return what identifies a mention within one artifact."""
    return mention.vocabulary, mention.use, mention.name


def make_text_search(known: Collection[MentionKey]) -> Reader:
    """Return the reader that searches one artifact.

    Args:
        known: the mentions that other readers of the artifact found, which the search does not repeat.
    """
    return Reader("text", _may_be_searched, partial(_search, known=known))


def _may_be_searched(head: Head) -> bool:
    """Whether the bytes may be any text: no container declares what they are."""
    return head.content is None


def _search(artifact: Artifact, window: Window, limits: Limits, *, known: Collection[MentionKey]) -> Iterator[Reading]:
    """Yield the outlines of the programs in the first ``document_bytes`` bytes, and absences.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    marks = _Marks(window, limits)
    searches: list[Iterator[Reading]] = []
    if marks.has_template:
        searches.append(_search_template(artifact.path, window, marks))
    if marks.has_object_tag:
        searches.append(_search_tags(window, limits))
    for reading in chain.from_iterable(searches):
        if not isinstance(reading, Outline):
            yield reading
        elif mentions := tuple(each for each in reading.mentions if get_mention_key(each) not in known):
            yield replace(reading, mentions=mentions)


class _Marks:
    """The marks of programs that bytes contain, in any encoding that writes ASCII as ASCII or between zeros.

    Attributes:
        has_template: a mark of Jinja.
        has_escaping_access: a mark of Jinja with an access that may escape.
        has_object_tag: a tag of YAML that may construct an object.
        end: the number of bytes that were searched.
    """

    def __init__(self, window: Window, limits: Limits) -> None:
        self.has_template = self.has_escaping_access = self.has_object_tag = False
        self.end = end = min(window.size, limits.document_bytes)
        before = b""
        for chunk in iterate_chunks(window, 0, end):
            # UTF-16 and UTF-32 write ASCII between zeros.
            piece = before + chunk.replace(b"\0", b"")
            self.has_template = self.has_template or _TEMPLATE_MARK.search(piece) is not None
            self.has_escaping_access = self.has_escaping_access or (
                self.has_template and _ESCAPING_ACCESS.search(piece) is not None
            )
            self.has_object_tag = self.has_object_tag or _OBJECT_TAG.search(piece) is not None
            before = piece[-_OVERLAP:]


def _search_template(path: str, window: Window, marks: _Marks) -> Iterator[Reading]:
    """Yield the accesses by which the text, rendered as a template, escapes.

    Documentation with such accesses in its examples alone gives an absence instead.
    """
    if window.size > _LONGEST_TEMPLATE:
        if marks.has_escaping_access and may_be_template(window, marks.end):
            detail = f"text of more than {_LONGEST_TEMPLATE} bytes was not parsed as a template"
            yield Unread(UnreadReason.LIMIT, detail)
        return
    text = decode_loosely(read_all_bytes(window, _LONGEST_TEMPLATE))
    outline, unread = _find_attacks(text)
    if unread is not None and not (marks.has_escaping_access and may_be_template(window, marks.end)):
        # The text was not parsed, so its braces need not be a template, and none of them holds an access that escapes.
        return
    escapes = [mention for mention in outline.mentions if mention.use not in _PUBLIC_NAME_USES]
    if escapes and get_file_name(path).endswith(_DOCUMENTATION):
        outside_examples, unread_outside = _find_attacks(_blank_examples(text))
        if unread_outside is None and all(mention.use in _PUBLIC_NAME_USES for mention in outside_examples.mentions):
            detail = (
                f"an example in it accesses {escapes[0].name}: a program that renders the file as a template runs it"
            )
            yield Unread(UnreadReason.PROGRAM, detail, Location(line=escapes[0].where.line))
            return
    yield outline
    if unread is not None:
        yield unread


def _find_attacks(text: str) -> tuple[Outline, Unread | None]:
    """Return the accesses that escape the template, and the absence at a bound; neither for text that is not Jinja."""
    if len(text) > MAX_CHARACTERS:
        detail = f"text of more than {MAX_CHARACTERS} characters was not parsed as a template"
        return Outline("jinja", ()), Unread(UnreadReason.LIMIT, detail)
    outline, unread = read_template(text)
    if unread is not None and unread.reason is UnreadReason.DAMAGED:
        return replace(outline, mentions=()), None
    return replace(outline, mentions=tuple(filter(_is_attack, outline.mentions))), unread


def _is_attack(mention: Mention) -> bool:
    """Whether a mention may be an escape or exhaust the loader.

    Methods and filters that nobody reviewed are ordinary in a text that need not be a template, and so are computed
    subscripts and sort keys.
    """
    if mention.vocabulary == ATTRIBUTES:
        is_computed_name = mention.use == "computed-attribute" and mention.name == _COMPUTED_NAME
        return is_computed_name or mention.use in ("private-attribute", "attribute", "key")
    return mention.vocabulary == COSTS or (mention.vocabulary, mention.use) == (NAMES, "private-name")


def _blank_examples(text: str) -> str:
    """Return documentation with blanks in place of the code that it shows; lines keep their numbers."""
    return _EXAMPLE.sub(lambda match: _NOT_A_LINE_BREAK.sub(" ", match[0]), text)


def _search_tags(window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the names in the tags before the first error of the text, read as YAML, and an absence at a bound.

    An error before the bound ends the search, unless the rest may mend it.
    """
    is_cut = window.size > _LONGEST_YAML
    data = b"".join(iterate_chunks(window, 0, min(window.size, _LONGEST_YAML)))
    text = _NOT_IN_YAML.sub("", decode_loosely(data))
    facts = YamlFacts()
    unread: Unread | None = None
    try:
        facts.scan((text,), limits)
    except YamlError as error:
        # A loader gets no further either.
        is_cut = is_cut and _END_OF_STREAM.search(str(error)) is not None
    except LimitReachedError as error:
        unread = Unread(UnreadReason.LIMIT, str(error))
    if is_cut and unread is None:
        detail = f"the text has more than {_LONGEST_YAML} bytes, and only these were searched for YAML tags"
        unread = Unread(UnreadReason.LIMIT, detail)
    yield from read_tags(tuple(facts.tags.items()), facts.arguments)
    if unread is not None:
        yield unread
