"""Which expressions of a chat template hold what the messages of a conversation say."""

from __future__ import annotations

from typing import Final

from jinja2 import nodes

from modelaudit.languages.jinja.costs import get_variable_path
from modelaudit.languages.jinja.folding import ConstantFolder

TEXT_KEYS: Final = frozenset({"content", "text", "query", "prompt", "input", "question"})
"""Keys under which a message, or a part of one, has its text."""

_STRUCTURE_KEYS: Final = frozenset({"type", "role", "name", "id", "tool_call_id", "function", "recipient", "channel"})
_PRINTING_FILTERS: Final = frozenset({"string", "tojson", "join", "list", "lower", "upper", "urlize", "pprint"})
_PICKING_FILTERS: Final = frozenset({"first", "last", "list", "reverse", "selectattr", "rejectattr"})


class MessageVariables:
    """What is known of the variables of one template.

    Attributes:
        message_names: variables that hold messages.
        text_names: variables that hold text of messages.
    """

    def __init__(self, folder: ConstantFolder) -> None:
        self._folder = folder
        self.message_names: set[str] = {"messages", "loop_messages", "conversation", "history"}
        self.text_names: set[str] = set()

    def holds_messages(self, node: nodes.Node) -> bool:
        """Whether it is the messages, one of them, or some of them."""
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
        """Whether an expression has the text of a message in it, and not only what kind of message or part it is."""
        waiting = [node]
        while waiting:
            each = waiting.pop()
            keys = self._list_accessed_keys(each)
            if keys & _STRUCTURE_KEYS:
                continue
            if keys & TEXT_KEYS or get_variable_path(each) in self.text_names or self._prints_messages(each):
                return True
            waiting += each.iter_child_nodes()
        return False

    def _list_accessed_keys(self, node: nodes.Node) -> frozenset[str]:
        """The keys by which an expression takes a part of something."""
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
        """Whether whole messages are taken as text."""
        match node:
            case nodes.Filter(name=name, node=nodes.Node() as inner) if name in _PRINTING_FILTERS:
                return self.holds_messages(inner)
            case nodes.Call(node=nodes.Getattr(attr="values" | "items", node=inner)):
                return self.holds_messages(inner)
            case _:
                return False
