"""Analyse one template: return the outline of its mentions, and an absence if the analysis is incomplete."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from jinja2 import nodes

from modelaudit.languages.jinja.accesses import AccessCollector
from modelaudit.languages.jinja.bindings import TemplateBindings
from modelaudit.languages.jinja.conditions import ConditionAnalyzer
from modelaudit.languages.jinja.costs import collect_cost_mentions
from modelaudit.languages.jinja.folding import ConstantFolder
from modelaudit.languages.jinja.notable_text import PRIVATE_DATA, TEXTS, contains_prose, find_notable_texts
from modelaudit.languages.jinja.syntax import MAX_CHARACTERS, parse_template, walk_nodes
from modelaudit.languages.jinja.vocabularies import ATTRIBUTES
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.deadline import Deadline

FORMAT: Final = "jinja"
_MAX_MENTIONS: Final = 4000
_MAX_CPU_SECONDS: Final = 10.0
_MAX_SPELLED_NAMES: Final = 200
_MAX_LITERALS: Final = 20_000
_PRIVATE_DATA_DETAIL: Final = "which tells the model to pass on private data"
# Dunder names give access to Python internals. A template that cannot be parsed is searched for them as text, also with
# underscores that are escaped as ``\x5f``, ``\u005f`` or ``\137``.
_DUNDER: Final = defer_pattern(
    r"(?:__|\\x5f\\x5f|\\u005f\\u005f|\\137\\137)([a-z]{2,30})(?:__|\\x5f\\x5f|\\u005f\\u005f|\\137\\137)"
)


def read_template(
    text: str, key: str | None = None, searched: Iterable[tuple[str, int]] | None = None
) -> tuple[Outline, Unread | None]:
    """Return the mentions of a template, each name once for each use.

    Args:
        text: the whole template.
        key: the key path of the template if it is a value of a document. The line within the template is then part of
            the detail.
        searched: a template that is too long to be parsed, in pieces, each with the number of lines before it; ``text``
            is then its start.

    Returns:
        The outline of the analysed part, and the absence of the rest or ``None``.
    """
    mentions: dict[tuple[str, str, str], Mention] = {}
    unread = None
    location = Location(key=key)
    try:
        for mention in _collect_until_deadline(text):
            mentions.setdefault((mention.vocabulary, mention.use, mention.name), _move_to_key(mention, key))
            if len(mentions) >= _MAX_MENTIONS:
                raise LimitReachedError(f"only the first {_MAX_MENTIONS} names of the template were analysed")
    except LimitReachedError as error:
        unread = Unread(UnreadReason.LIMIT, str(error), location)
    except RecursionError:
        unread = Unread(UnreadReason.LIMIT, "the template nests too deep; the rest was not analysed", location)
    except DamagedError as error:
        unread = Unread(UnreadReason.DAMAGED, f"the template cannot be parsed: {error}", location)
    if unread is not None:
        # A runtime may still render a template that this parser rejects, so its raw text is searched as well.
        for mention in _scan_unparsed_text(text, searched or ((text, 0),)):
            mentions.setdefault((mention.vocabulary, mention.use, mention.name), _move_to_key(mention, key))
    return Outline(FORMAT, tuple(mentions.values())), unread


def _collect_until_deadline(text: str) -> Iterator[Mention]:
    """Yield the mentions of a template.

    Raises:
        DamagedError: the template is not valid Jinja.
        LimitReachedError: the analysis exceeds a limit, or takes more CPU time than ``_MAX_CPU_SECONDS``.
    """
    deadline = Deadline(_MAX_CPU_SECONDS)
    for count, mention in enumerate(_collect_mentions(text)):
        if not count % 64 and deadline.has_passed():
            detail = f"the analysis of the template took more than {_MAX_CPU_SECONDS:.0f} seconds of CPU time"
            raise LimitReachedError(detail)
        yield mention


def _collect_mentions(text: str) -> Iterator[Mention]:
    """Yield the mentions that each analysis of the parsed template finds: accesses, costs, texts and conditions."""
    tree = parse_template(text)
    bindings = TemplateBindings(tree)
    folder = ConstantFolder(bindings)
    yield from AccessCollector(bindings, folder).collect_mentions(tree)
    yield from collect_cost_mentions(tree, bindings, folder)
    yield from _collect_text_mentions(tree, folder)
    yield from ConditionAnalyzer(tree, bindings, folder).collect_mentions()


def _collect_text_mentions(tree: nodes.Template, folder: ConstantFolder) -> Iterator[Mention]:
    """Yield the notable literal texts of a template, and the notable texts that it joins from constants.

    Raises:
        LimitReachedError: there are more than ``_MAX_LITERALS`` texts.
    """
    count = 0
    inner_sums: set[int] = set()  # nodes within a chain of sums that was judged as a whole
    for node in walk_nodes(tree):
        texts: tuple[str, ...] = ()
        match node:
            case nodes.TemplateData():
                texts = (node.data,)
            case nodes.Const(value=str(value)):
                texts = (value,)
            case nodes.Add() if id(node) in inner_sums:
                inner_sums.add(id(node.left))
                continue
            case nodes.Concat() | nodes.Add():
                if isinstance(node, nodes.Add):
                    inner_sums.add(id(node.left))  # a chain of sums nests to the left
                # Joined texts count only if they are sentences: templates join many short texts, which count alone.
                texts = tuple(text for text in folder.fold(node).texts if contains_prose(text))
            case _:
                continue
        count += 1
        if count > _MAX_LITERALS:
            raise LimitReachedError(f"only the first {_MAX_LITERALS} texts of the template were analysed")
        for text in texts:
            for notable in find_notable_texts(text):
                detail = _PRIVATE_DATA_DETAIL if notable.use == PRIVATE_DATA else ""
                yield Mention(TEXTS, notable.use, notable.text, Location(line=node.lineno), detail)


def _scan_unparsed_text(text: str, searched: Iterable[tuple[str, int]]) -> Iterator[Mention]:
    """Yield the dunder names and notable texts of a template that was not parsed.

    What is beyond a bound here is beside the absence of the template as a whole.
    """
    matches = (
        (match, piece.count("\n", 0, match.start()) + lines_before + 1)
        for piece, lines_before in searched
        for match in _DUNDER.finditer(piece)
    )
    for match, line in islice(matches, _MAX_SPELLED_NAMES):
        yield Mention(ATTRIBUTES, "private-attribute", f"__{match[1]}__", Location(line=line))
    for notable in islice(find_notable_texts(text[:MAX_CHARACTERS]), _MAX_MENTIONS):
        detail = _PRIVATE_DATA_DETAIL if notable.use == PRIVATE_DATA else ""
        yield Mention(TEXTS, notable.use, notable.text, detail=detail)


def _move_to_key(mention: Mention, key: str | None) -> Mention:
    """Return the mention moved to the key path ``key`` of a document, its line kept in the detail.

    For ``None``, the template is a file of its own, and the mention keeps its line.
    """
    if key is None:
        return mention
    line = f"line {mention.where.line} of the template" if mention.where.line else ""
    detail = ", ".join(part for part in (mention.detail, line) if part)
    return replace(mention, where=Location(key=key), detail=detail)
