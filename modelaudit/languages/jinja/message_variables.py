"""Decide which expressions of a chat template hold the messages of a conversation, or their text."""

from __future__ import annotations

from typing import Final

from jinja2 import nodes

from modelaudit.languages.jinja.folding import ConstantFolder
from modelaudit.languages.jinja.syntax import get_variable_path

TEXT_KEYS: Final = frozenset({"content", "text", "query", "prompt", "input", "question"})
"""Keys whose values are the text of a message or of a part of one."""

_STRUCTURE_KEYS: Final = frozenset({"type", "role", "name", "id", "tool_call_id", "function", "recipient", "channel"})
_PRINTING_FILTERS: Final = frozenset({"string", "tojson", "join", "list", "lower", "upper", "urlize", "pprint"})
_PICKING_FILTERS: Final = frozenset({"first", "last", "list", "reverse", "selectattr", "rejectattr"})


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
