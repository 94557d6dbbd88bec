"""Decide which expressions of a chat template hold the messages of a conversation or their text, and which change it.

An ordinary template copies the text of a message, and removes or replaces only the marks of its own format. One that
puts its own words in place of ordinary ones falsifies the conversation: ``message.content | replace("a", "b")``.
"""

from __future__ import annotations

import re
from typing import Final

from jinja2 import nodes
from msgspec import Struct

from modelaudit.languages.jinja.constants import Mapping
from modelaudit.languages.jinja.folding import ConstantFolder
from modelaudit.languages.jinja.notable_text import contains_prose, find_attack_text, shorten_text
from modelaudit.languages.jinja.syntax import get_variable_path, walk_nodes
from modelaudit.model.lazy_pattern import defer_pattern

TEXT_KEYS: Final = frozenset({"content", "text", "query", "prompt", "input", "question"})
"""Keys whose values are the text of a message or of a part of one."""

_STRUCTURE_KEYS: Final = frozenset({"type", "role", "name", "id", "tool_call_id", "function", "recipient", "channel"})
_PRINTING_FILTERS: Final = frozenset({"string", "tojson", "join", "list", "lower", "upper", "urlize", "pprint"})
_PICKING_FILTERS: Final = frozenset({"first", "last", "list", "reverse", "selectattr", "rejectattr"})
_WORD: Final = defer_pattern(r"[^\W\d_]{2}")
# Words that turn a sentence into its opposite.
_ANSWER: Final = defer_pattern(
    r"\b(?:yes|no|not|never|none|nothing|without|cannot|\w+n['\u2019]t|true|false)\b", re.IGNORECASE
)
# The domain of an address, or a number as long as that of an account or a version.
_ADDRESS_PART: Final = defer_pattern(r"\w\.\w|@|\d{3}")
_FORMAT_MARK: Final = defer_pattern(r"[<>\[\]{}|/_#$]")


class MessageVariables:
    """The variables of one template that hold messages or message text.

    Attributes:
        message_names: variables that hold messages.
        text_names: variables that hold message text.
    """

    def __init__(self, folder: ConstantFolder) -> None:
        self._folder = folder
        self.message_names: set[str] = {"messages", "loop_messages", "conversation", "history"}
        self.text_names: set[str] = set()

    def holds_messages(self, node: nodes.Node) -> bool:
        """Whether the expression is the list of messages, one message or a part of the list."""
        while True:
            match node:
                case nodes.Name():
                    return node.name in self.message_names
                case nodes.Getitem(arg=nodes.Slice() | nodes.Neg() | nodes.Const(value=int())):
                    node = node.node
                case nodes.Filter(name=name, node=nodes.Node() as inner) if name in _PICKING_FILTERS:
                    node = inner
                case _:
                    return get_variable_path(node) in self.message_names

    def contains_message_text(self, node: nodes.Node) -> bool:
        """Whether an expression contains message text, and not only the role or type of a message."""
        waiting = [node]
        while waiting:
            part = waiting.pop()
            keys = self._list_accessed_keys(part)
            if keys & _STRUCTURE_KEYS:  # ``message.role``: a value below it is not message text
                continue
            if keys & TEXT_KEYS or get_variable_path(part) in self.text_names or self._prints_messages(part):
                return True
            waiting += part.iter_child_nodes()
        return False

    def _list_accessed_keys(self, node: nodes.Node) -> frozenset[str]:
        """Return the keys and attributes that the expression accesses at its top."""
        match node:
            case nodes.Getattr():
                return frozenset({node.attr})
            case nodes.Getitem(arg=nodes.Expr() as key) if not isinstance(key, nodes.Slice):
                return frozenset(self._folder.fold(key).texts)
            case nodes.Call(node=nodes.Getattr(attr="get"), args=[first, *_]):
                return frozenset(self._folder.fold(first).texts)
            case nodes.Filter(name="map"):
                return frozenset(text for pair in node.kwargs for text in self._folder.fold(pair.value).texts)
            case _:
                return frozenset()

    def _prints_messages(self, node: nodes.Node) -> bool:
        """Whether the expression prints whole messages, which include their text."""
        match node:
            case nodes.Filter(name=name, node=nodes.Node() as inner) if name in _PRINTING_FILTERS:
                return self.holds_messages(inner)
            case nodes.Call(node=nodes.Getattr(attr="values" | "items", node=inner)):
                return self.holds_messages(inner)
            case _:
                return False


class Tampering(Struct, frozen=True):
    """One text that the template puts into the conversation.

    Attributes:
        text: the text.
        words: what it takes the place of; it counts only if one of them is an ordinary word. Empty for a message.
        detail: how the text comes there.
        is_renaming: whether the text only renames what it takes the place of.
    """

    text: str
    words: tuple[str, ...]
    detail: str
    is_renaming: bool = False


def find_rewriting(node: nodes.Node, messages: MessageVariables, folder: ConstantFolder) -> Tampering | None:
    """Return the words that an expression puts in place of others in the text of a message, if it does."""
    source, words, texts = _find_replacement(node, folder)
    if not words or not messages.contains_message_text(source):
        return None
    own_texts = [text for text in texts if _WORD.search(text) and not _FORMAT_MARK.search(text) and text not in words]
    if not own_texts and "" not in texts:
        return None
    detail = f"in place of {shorten_text(words[0])!r} in a message"
    is_renaming = _is_renaming(words, own_texts)
    if is_renaming and any(map(contains_prose, own_texts)):
        return None  # a sentence that depends on a word is found with the conditions
    return Tampering(shorten_text(own_texts[0]) if own_texts else "nothing", words, detail, is_renaming)


def find_made_message(node: nodes.Node, folder: ConstantFolder) -> Tampering | None:
    """Return the text of a message that the template makes itself, if that text works against the user."""
    match node:
        case nodes.Dict():
            parts = {key: pair.value for pair in node.items for key in folder.fold(pair.key).texts}
        case nodes.Call(node=nodes.Name(name="dict")):
            parts = {pair.key: pair.value for pair in node.kwargs}
        case _:
            return None
    if "role" not in parts:
        return None
    for key in sorted(TEXT_KEYS & parts.keys()):
        for text in folder.fold(parts[key]).texts:
            attack = find_attack_text(text)
            if attack:
                return Tampering(attack, (), "in a message that the template adds")
    return None


def _find_replacement(node: nodes.Node, folder: ConstantFolder) -> tuple[nodes.Node, tuple[str, ...], tuple[str, ...]]:
    """Return (source, old texts, new texts) of a replacement: also one that splits and joins, or looks up a table.

    There are no old texts if the node replaces nothing.
    """
    old: nodes.Expr | None = None
    match node:
        case nodes.Filter(name="replace", node=nodes.Expr() as source, args=[old, new, *_]):
            pass
        case nodes.Call(node=nodes.Getattr(attr="replace", node=source), args=[old, new, *_]):
            pass
        case nodes.Filter(name="join", node=nodes.Expr() as source, args=[new, *_]):
            old = _find_separator(source)
        case nodes.Call(node=nodes.Getattr(attr="join", node=new), args=[source, *_]):
            old = _find_separator(source)
        case nodes.Call(node=nodes.Getattr(attr="get", node=table), args=[key, *_]):
            return key, *_list_table(table, folder)
        case nodes.Getitem(node=nodes.Expr() as table, arg=nodes.Expr() as key) if not isinstance(key, nodes.Slice):
            return key, *_list_table(table, folder)
        case _:
            return node, (), ()
    return source, tuple(folder.fold(old).texts) if old is not None else (), tuple(folder.fold(new).texts)


def _list_table(node: nodes.Expr, folder: ConstantFolder) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the keys and the values of a literal table that are texts."""
    pairs = [pair for value in folder.fold(node).values if isinstance(value, Mapping) for pair in value.pairs]
    keys = tuple(key for key, _ in pairs if isinstance(key, str))
    return keys, tuple(value for _, value in pairs if isinstance(value, str) and value)


def _is_renaming(words: tuple[str, ...], texts: list[str]) -> bool:
    """Whether texts rename a thing, such as "reasoning effort", and change no address or answer."""
    return not any(_ADDRESS_PART.search(text) or _ANSWER.search(text) for text in (*words, *texts))


def _find_separator(node: nodes.Expr) -> nodes.Expr | None:
    """Return the text at which an expression splits another; ``None`` if it splits nothing."""
    for inner in walk_nodes(node):
        match inner:
            case nodes.Call(node=nodes.Getattr(attr="split" | "rsplit"), args=[separator, *_]):
                return separator
            case _:
                continue
    return None
