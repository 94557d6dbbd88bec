"""Detect text that a template adds only if a message contains a certain word, or from a certain date on.

An ordinary chat template decides by the roles of messages and by the marks of its own format. A template that searches
the user's text for ordinary words and then adds instructions for the model is the known form of a template backdoor.

The analysis is a fixed point over the variables: it propagates the variables that hold message text, and those that
hold the result of a search in it ("flags"). A *trigger* is a literal that a condition searches for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from jinja2 import nodes

from modelaudit.languages.jinja.bindings import TemplateBindings
from modelaudit.languages.jinja.constants import Mapping, iterate_elements
from modelaudit.languages.jinja.costs import get_variable_path
from modelaudit.languages.jinja.folding import ConstantFolder
from modelaudit.languages.jinja.message_variables import TEXT_KEYS, MessageVariables
from modelaudit.languages.jinja.notable_text import TEXTS, contains_prose, find_harmful_text, shorten_text
from modelaudit.languages.jinja.syntax import walk_nodes
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Location

_DATE_NAMES: Final = frozenset({"strftime_now", "now", "date_string", "datetime", "current_date", "today"})
_SEARCH_METHODS: Final = frozenset({"startswith", "endswith", "find", "rfind", "index", "count"})
_FORM_METHODS: Final = frozenset({"isupper", "islower", "isdigit", "isnumeric", "isalpha", "istitle", "isascii"})
_SPLITTING_METHODS: Final = frozenset({"split", "partition", "replace", *_SEARCH_METHODS})
_STRUCTURAL_WORDS: Final = frozenset({
    "text", "image", "image_url", "video", "audio", "input_audio", "content", "tool", "tools", "user", "assistant",
    "system", "function", "type", "role", "name", "developer", "think", "thinking", "video_url", "audio_url", "json",
    "error", "true", "false", "none", "null", "object", "string", "array",
})  # fmt: skip
_WORD: Final = re.compile(r"[^\W\d_]{2}")
_FORMAT_MARK: Final = re.compile(r"[<>\[\]{}|/_#$]")
_MAX_ROUNDS: Final = 8
_MAX_TRIGGERS: Final = 400
_LARGEST_ORDINARY_COUNT: Final = 2
"""Templates compare counts up to this number to see whether there was an earlier message. Larger ones are triggers."""

Triggers = tuple[str, ...]


class ConditionAnalyzer:
    """Finds conditions on message text in one template, and the text that depends on them."""

    def __init__(self, tree: nodes.Template, bindings: TemplateBindings, folder: ConstantFolder) -> None:
        self._tree = tree
        self._bindings = bindings
        self._folder = folder
        self._messages = MessageVariables(folder)
        self._flags: dict[str, Triggers] = {}
        self._dates: set[str] = set(_DATE_NAMES)
        self._nodes = list(walk_nodes(tree))
        self._macros = {node.name: node for node in self._nodes if isinstance(node, nodes.Macro)}

    def collect_mentions(self) -> Iterator[Mention]:
        """Yield a mention for each text that depends on such a condition.

        Raises:
            LimitReachedError: from the folder.
        """
        self._propagate_facts()
        # Any construct can choose a text: an ``if``, a filtered loop, a conditional expression, ``and`` in an output.
        for node in self._nodes:
            match node:
                case nodes.If():
                    found = self._find_triggers(node.test)
                    bodies = [*node.body, *node.elif_, *node.else_]
                case nodes.For():
                    found = self._find_triggers(node.iter) + (
                        self._find_triggers(node.test) if node.test is not None else ()
                    )
                    bodies = node.body
                case nodes.CondExpr():
                    found = self._find_triggers(node.test)
                    bodies = [each for each in (node.expr1, node.expr2) if each is not None]
                case nodes.Output() | nodes.Assign():
                    found, bodies = self._find_inner_triggers(node)
                case _:
                    continue
            if found:
                yield from self._judge_texts(node, found, bodies)

    def _find_inner_triggers(self, node: nodes.Output | nodes.Assign) -> tuple[Triggers, list[nodes.Node]]:
        """Find conditions inside an expression: ``and``, ``or``, a table indexed by a search result, a repetition."""
        found: list[str] = []
        expressions: list[nodes.Node] = []
        for each in node.iter_child_nodes():
            within = () if isinstance(each, nodes.TemplateData | nodes.CondExpr) else self._find_triggers(each)
            if within:
                found += within
                expressions.append(each)
        return tuple(found), expressions

    def _judge_texts(self, node: nodes.Node, found: Triggers, bodies: list[nodes.Node]) -> Iterator[Mention]:
        texts = dict.fromkeys(_list_emitted_texts(bodies, self._folder, self._macros))
        if isinstance(node, nodes.Output | nodes.Assign):
            # Short literals of one expression are searched and replaced; joined they would look like a sentence.
            texts = dict.fromkeys(text for text in texts if contains_prose(text) or find_harmful_text(text))
        # Backdoors split their sentence over several outputs, so the texts of one branch are judged joined.
        text = " ".join(texts)[:20_000]
        strong = find_harmful_text(text)
        if not strong and not contains_prose(text):
            return
        words = [trigger for trigger in found if _is_ordinary_word(trigger)]
        trigger = shorten_text((words or list(found))[0])
        use = "hidden-instruction" if strong or words else "conditional-text"
        yield Mention(
            TEXTS, use, strong or shorten_text(text), Location(line=node.lineno), f"where a message has {trigger!r}"
        )

    def _propagate_facts(self) -> None:
        """Propagate message text and flags over the variables until nothing changes, at most ``_MAX_ROUNDS`` times."""
        bound = [(name, each) for name in self._list_bound_names() for each in self._bindings.get_bindings(name)]
        for _ in range(_MAX_ROUNDS):
            before = self._count_facts()
            for name, each in bound:
                self._record_binding(name, each.expression)
                triggers = self._find_triggers(each.expression)
                if triggers:
                    self._flags.setdefault(name, triggers)
            for node in self._nodes:
                if isinstance(node, nodes.If):
                    self._record_flags(node)
                elif isinstance(node, nodes.Macro):
                    self._flags |= self._find_macro_triggers(node)
            if before == self._count_facts():
                return

    def _record_binding(self, name: str, bound: nodes.Node) -> None:
        """Record whether a bound expression makes the variable hold messages, message text or a date."""
        if self._messages.holds_messages(bound):
            self._messages.message_names.add(name)
        if self._messages.contains_message_text(bound):
            self._messages.text_names.add(name)
        if any(isinstance(inner, nodes.Name) and inner.name in self._dates for inner in walk_nodes(bound)):
            self._dates.add(name)

    def _count_facts(self) -> tuple[int, ...]:
        """Count the known facts. They only grow, so equal counts mean that nothing changed."""
        return len(self._messages.text_names), len(self._messages.message_names), len(self._flags), len(self._dates)

    def _find_macro_triggers(self, macro: nodes.Macro) -> dict[str, Triggers]:
        """Return the words that a macro searches for: a call of the macro then counts as the condition."""
        tests = [node.test for node in walk_nodes(macro) if isinstance(node, nodes.If | nodes.CondExpr)]
        words = tuple(trigger for test in tests for trigger in self._find_triggers(test) if _is_ordinary_word(trigger))
        return {macro.name: words} if words else {}

    def _list_bound_names(self) -> list[str]:
        targets = [
            get_variable_path(node)
            for node in self._nodes
            if isinstance(node, nodes.Name | nodes.NSRef | nodes.Getattr)
        ]
        return list(dict.fromkeys(name for name in targets if self._bindings.get_bindings(name)))

    def _record_flags(self, node: nodes.If) -> None:
        """Record that a variable set to a constant under a condition represents that condition."""
        found = self._find_triggers(node.test)
        if not found:
            return
        for body in (*node.body, *node.elif_, *node.else_):
            for inner in walk_nodes(body):
                if isinstance(inner, nodes.Assign) and isinstance(inner.node, nodes.Const):
                    name = get_variable_path(inner.target)
                    if name:
                        self._flags.setdefault(name, found)

    def _find_triggers(self, test: nodes.Node) -> Triggers:
        """Return the literals that an expression searches for in message text, and the dates that it compares."""
        found: list[str] = []
        for node in walk_nodes(test):
            match node:
                case nodes.Compare():
                    sides = [node.expr, *(operand.expr for operand in node.ops)]
                    found += self._find_compared_values(sides, sides)
                case nodes.Call(node=nodes.Getattr(attr=name, node=place)):
                    found += self._find_call_triggers(name, node, place)
                case nodes.Test() if node.args:
                    found += self._find_compared_values([node.node, *node.args], [node.node, *node.args])
                case nodes.Filter(name="select" | "reject" | "selectattr" | "rejectattr"):
                    found += self._find_selected_literals(node)
                case nodes.Filter(name="replace", node=nodes.Expr() as place):
                    found += self._find_call_triggers("replace", node, place)
                case nodes.Getitem():
                    found += self._find_table_keys(node)
                case nodes.Name() | nodes.Getattr():
                    found += self._flags.get(get_variable_path(node), ())
                case _:
                    continue
            if len(found) > _MAX_TRIGGERS:
                break  # one trigger decides; the others only serve the report
        return tuple(dict.fromkeys(found))

    def _find_call_triggers(self, name: str, node: nodes.Call | nodes.Filter, place: nodes.Expr) -> Iterator[str]:
        """Yield the literals that a string method, or the filter of the same name, searches for in message text."""
        if name in _SEARCH_METHODS:
            yield from self._find_compared_values([place], node.args)
        elif name == "get" and isinstance(node, nodes.Call):
            yield from self._find_table_keys(node)
        elif name == "replace" and self._messages.contains_message_text(place):
            yield from (text for argument in node.args[:1] for text in self._folder.fold(argument).texts)
        elif name in _FORM_METHODS and self._messages.contains_message_text(place):
            yield f"the form {name}"

    def _find_compared_values(self, places: list[nodes.Expr], operands: list[nodes.Expr]) -> Iterator[str]:
        if any(self._messages.contains_message_text(place) for place in places):
            for operand in operands:
                yield from self._list_literals(operand)
        elif any(isinstance(n, nodes.Name) and n.name in self._dates for place in places for n in walk_nodes(place)):
            yield from (f"the date {literal}" for operand in operands for literal in self._list_literals(operand))
            yield from (f"the date {number}" for operand in operands for number in self._list_numbers(operand))
        if any(self._is_message_count(place) for place in places):
            yield from (f"the count {number}" for operand in operands for number in self._list_numbers(operand))

    def _is_message_count(self, node: nodes.Expr) -> bool:
        """Whether the expression is the number of messages, the length of one, or the index of a loop."""
        for each in walk_nodes(node):
            match each:
                case nodes.Filter(name="length" | "count", node=nodes.Node() as inner):
                    if self._messages.holds_messages(inner) or self._messages.contains_message_text(inner):
                        return True
                case nodes.Getattr(node=nodes.Name(name="loop"), attr="index" | "index0" | "revindex" | "revindex0"):
                    return True
                case _:
                    continue
        return False

    def _list_numbers(self, node: nodes.Expr) -> Iterator[int]:
        """Yield the numbers of an operand. Small ones are ordinary: formats treat the first messages differently."""
        yield from (
            value for value in self._folder.fold(node).values if type(value) is int and value > _LARGEST_ORDINARY_COUNT
        )

    def _find_selected_literals(self, node: nodes.Filter) -> Iterator[str]:
        """Yield the literals that ``select`` and its like search for in message text."""
        if node.node is None or not node.args:
            return
        if any(self._messages.contains_message_text(argument) for argument in node.args):
            yield from self._list_literals(node.node)
        first = set(self._folder.fold(node.args[0]).texts)
        if first & TEXT_KEYS if node.name.endswith("attr") else self._messages.contains_message_text(node.node):
            for argument in node.args[2 if node.name.endswith("attr") else 1 :]:
                yield from self._list_literals(argument)

    def _find_table_keys(self, node: nodes.Call | nodes.Getitem) -> Iterator[str]:
        """Yield the keys of a literal table that is indexed by message text."""
        asked = node.args[:1] if isinstance(node, nodes.Call) else [node.arg]
        base = node.node.node if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr) else node.node
        if any(self._messages.contains_message_text(each) for each in asked):
            for value in self._folder.fold(base).values:
                if isinstance(value, Mapping):
                    yield from (key for key, _ in value.pairs if isinstance(key, str))

    def _list_literals(self, node: nodes.Expr) -> Iterator[str]:
        """Yield the texts that an operand searches for: spelled, computed or in a list."""
        if self._messages.contains_message_text(node):
            for inner in walk_nodes(node):
                if (
                    isinstance(inner, nodes.Call)
                    and isinstance(inner.node, nodes.Getattr)
                    and inner.node.attr in _SPLITTING_METHODS
                ) or (isinstance(inner, nodes.Filter) and inner.name == "replace"):
                    yield from (text for argument in inner.args[:1] for text in self._folder.fold(argument).texts)
            return
        folded = self._folder.fold(node)
        for value in folded.values:
            yield from (
                each for each in (value if isinstance(value, tuple) else (value,)) if isinstance(each, str) and each
            )
        if folded.is_computed:
            yield "a word that is put together at run time"


def _is_ordinary_word(trigger: str) -> bool:
    """Whether the trigger is ordinary language and not a mark of the chat format."""
    plain = trigger.strip().strip(":.").lower()
    return _WORD.search(plain) is not None and _FORMAT_MARK.search(plain) is None and plain not in _STRUCTURAL_WORDS


def _list_emitted_texts(
    bodies: list[nodes.Node], folder: ConstantFolder, macros: dict[str, nodes.Macro]
) -> Iterator[str]:
    """Yield the literal text that these nodes print or keep; not text that is compared, a key or an error message."""
    waiting: list[nodes.Node] = list(reversed(bodies))
    left = dict(macros)
    while waiting:
        node = waiting.pop()
        match node:
            case nodes.TemplateData():
                yield node.data
            case nodes.Const(value=str(text)):
                yield text
            case nodes.Concat() | nodes.Add() if folder.fold(node).texts and not folder.fold(node).is_computed:
                yield from folder.fold(node).texts
            case nodes.Call(node=nodes.Name(name="raise_exception" | "strftime_now")) | nodes.Compare() | nodes.Test():
                continue
            case nodes.Call(node=nodes.Name(name=name)) if name in left:
                # Ordinary formats use macros as well, so only sentences in them count.
                inner_texts = _list_emitted_texts(left.pop(name).body, folder, left)
                yield from (each for each in inner_texts if contains_prose(each) or find_harmful_text(each))
            case nodes.If() | nodes.For() | nodes.CondExpr():
                inner = [*node.iter_child_nodes(exclude=("test", "iter", "target"))]
                waiting += reversed(inner)
            case nodes.Getitem():
                waiting.append(node.node)
            case nodes.Name():
                yield from _list_sentences(folder, node.name)
            case _:
                waiting += reversed(list(node.iter_child_nodes()))


def _list_sentences(folder: ConstantFolder, name: str) -> Iterator[str]:
    """Yield the sentences that a variable can hold; single words in lists are usually search terms."""
    for value in folder.fold_name(name).values:
        for each in (value, *iterate_elements(value)):
            if isinstance(each, str) and (contains_prose(each) or find_harmful_text(each)):
                yield each
