"""Text that a template only adds where a message holds a certain word, or from a certain day on.

A chat template decides by the roles of messages and by the marks of its own format. One that looks for ordinary words
in what the user wrote, and then tells the model something, is the known form of a backdoor in a template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from jinja2 import nodes

from modelaudit.languages.jinja.bindings import Bindings
from modelaudit.languages.jinja.constants import Mapping, elements
from modelaudit.languages.jinja.costs import path_of
from modelaudit.languages.jinja.folding import Folder
from modelaudit.languages.jinja.messages import CONTENT, Messages
from modelaudit.languages.jinja.syntax import every
from modelaudit.languages.jinja.wording import TEXTS, is_prose, is_strong, shown
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Location

_DATES: Final = frozenset({"strftime_now", "now", "date_string", "datetime", "current_date", "today"})
_SEARCHES: Final = frozenset({"startswith", "endswith", "find", "rfind", "index", "count"})
_FORMS: Final = frozenset({"isupper", "islower", "isdigit", "isnumeric", "isalpha", "istitle", "isascii"})
_PARTERS: Final = frozenset({"split", "partition", "replace", *_SEARCHES})
_STRUCTURAL_WORDS: Final = frozenset({
    "text", "image", "image_url", "video", "audio", "input_audio", "content", "tool", "tools", "user", "assistant",
    "system", "function", "type", "role", "name", "developer", "think", "thinking", "video_url", "audio_url", "json",
    "error", "true", "false", "none", "null", "object", "string", "array",
})  # fmt: skip
_WORD: Final = re.compile(r"[^\W\d_]{2}")
_MARK: Final = re.compile(r"[<>\[\]{}|/_#$]")
_MOST_ROUNDS: Final = 8
_FULL: Final = 400
_FIRST: Final = 2
"""Up to this number, a count is of the form of a conversation: whether there was a message before."""

Triggers = tuple[str, ...]


class Conditions:
    """Follows which variables hold what messages say, and which hold that something was found in it."""

    def __init__(self, tree: nodes.Template, bindings: Bindings, folder: Folder) -> None:
        self._tree = tree
        self._bindings = bindings
        self._folder = folder
        self._messages = Messages(folder)
        self._flags: dict[str, Triggers] = {}
        self._dates: set[str] = set(_DATES)
        self._every = list(every(tree))
        self._macros = {node.name: node for node in self._every if isinstance(node, nodes.Macro)}

    def mentions(self) -> Iterator[Mention]:
        """Each text that depends on such a condition.

        Raises:
            LimitReachedError: from the folder.
        """
        self._follow()
        for node in self._every:
            match node:
                case nodes.If():
                    found = self._triggers(node.test)
                    bodies = [*node.body, *node.elif_, *node.else_]
                case nodes.For():
                    found = self._triggers(node.iter) + (self._triggers(node.test) if node.test is not None else ())
                    bodies = node.body
                case nodes.CondExpr():
                    found = self._triggers(node.test)
                    bodies = [each for each in (node.expr1, node.expr2) if each is not None]
                case nodes.Output() | nodes.Assign():
                    found, bodies = self._within(node)
                case _:
                    continue
            if found:
                yield from self._judged(node, found, bodies)

    def _within(self, node: nodes.Output | nodes.Assign) -> tuple[Triggers, list[nodes.Node]]:
        """Conditions inside an expression: ``and``, ``or``, a table that is asked by what was found, a repetition."""
        found: list[str] = []
        expressions: list[nodes.Node] = []
        for each in node.iter_child_nodes():
            within = () if isinstance(each, nodes.TemplateData | nodes.CondExpr) else self._triggers(each)
            if within:
                found += within
                expressions.append(each)
        return tuple(found), expressions

    def _judged(self, node: nodes.Node, found: Triggers, bodies: list[nodes.Node]) -> Iterator[Mention]:
        texts = dict.fromkeys(_emitted(bodies, self._folder, self._macros))
        if isinstance(node, nodes.Output | nodes.Assign):
            # Within one expression, short literals are what is looked for and replaced; they make no sentence together.
            texts = dict.fromkeys(text for text in texts if is_prose(text) or is_strong(text))
        text = " ".join(texts)[:20_000]
        strong = is_strong(text)
        if not strong and not is_prose(text):
            return
        words = [trigger for trigger in found if _is_word(trigger)]
        trigger = shown((words or list(found))[0])
        use = "hidden-instruction" if strong or words else "conditional-text"
        yield Mention(TEXTS, use, strong or shown(text), Location(line=node.lineno), f"where a message has {trigger!r}")

    def _follow(self) -> None:
        """Spread what is known over the variables until nothing changes, in as many rounds as names may depend."""
        bound = [(name, each) for name in self._names() for each in self._bindings.of(name)]
        for _ in range(_MOST_ROUNDS):
            before = self._known()
            for name, each in bound:
                self._take(name, each.expression)
                triggers = self._triggers(each.expression)
                if triggers:
                    self._flags.setdefault(name, triggers)
            for node in self._every:
                if isinstance(node, nodes.If):
                    self._flag(node)
                elif isinstance(node, nodes.Macro):
                    self._flags |= self._tested(node)
            if before == self._known():
                return

    def _take(self, name: str, bound: nodes.Node) -> None:
        """Note what a variable holds because of one expression that is bound to it."""
        if self._messages.is_whole(bound):
            self._messages.whole.add(name)
        if self._messages.content_in(bound):
            self._messages.content.add(name)
        if any(isinstance(inner, nodes.Name) and inner.name in self._dates for inner in every(bound)):
            self._dates.add(name)

    def _known(self) -> tuple[int, ...]:
        """How much is known, which only grows."""
        return len(self._messages.content), len(self._messages.whole), len(self._flags), len(self._dates)

    def _tested(self, macro: nodes.Macro) -> dict[str, Triggers]:
        """The words that a macro looks for, so that its answer stands for the condition."""
        tests = [node.test for node in every(macro) if isinstance(node, nodes.If | nodes.CondExpr)]
        words = tuple(trigger for test in tests for trigger in self._triggers(test) if _is_word(trigger))
        return {macro.name: words} if words else {}

    def _names(self) -> list[str]:
        targets = [path_of(node) for node in self._every if isinstance(node, nodes.Name | nodes.NSRef | nodes.Getattr)]
        return list(dict.fromkeys(name for name in targets if self._bindings.of(name)))

    def _flag(self, node: nodes.If) -> None:
        """Variables set to a constant under a condition stand for the condition."""
        found = self._triggers(node.test)
        if not found:
            return
        for body in (*node.body, *node.elif_, *node.else_):
            for inner in every(body):
                if isinstance(inner, nodes.Assign) and isinstance(inner.node, nodes.Const):
                    name = path_of(inner.target)
                    if name:
                        self._flags.setdefault(name, found)

    def _triggers(self, test: nodes.Node) -> Triggers:
        """The literals that an expression looks for in what messages say, or the days that it compares with today."""
        found: list[str] = []
        for node in every(test):
            match node:
                case nodes.Compare():
                    sides = [node.expr, *(operand.expr for operand in node.ops)]
                    found += self._looked_for(sides, sides)
                case nodes.Call(node=nodes.Getattr(attr=name, node=place)):
                    found += self._called(name, node, place)
                case nodes.Test() if node.args:
                    found += self._looked_for([node.node, *node.args], [node.node, *node.args])
                case nodes.Filter(name="select" | "reject" | "selectattr" | "rejectattr"):
                    found += self._selected(node)
                case nodes.Filter(name="replace", node=nodes.Expr() as place):
                    found += self._called("replace", node, place)
                case nodes.Getitem():
                    found += self._table(node)
                case nodes.Name() | nodes.Getattr():
                    found += self._flags.get(path_of(node), ())
                case _:
                    continue
            if len(found) > _FULL:
                break
        return tuple(dict.fromkeys(found))

    def _called(self, name: str, node: nodes.Call | nodes.Filter, place: nodes.Expr) -> Iterator[str]:
        """What a method of a text, or the filter of its name, looks for in it."""
        if name in _SEARCHES:
            yield from self._looked_for([place], node.args)
        elif name == "get" and isinstance(node, nodes.Call):
            yield from self._table(node)
        elif name == "replace" and self._messages.content_in(place):
            yield from (text for argument in node.args[:1] for text in self._folder.fold(argument).texts)
        elif name in _FORMS and self._messages.content_in(place):
            yield f"the form {name}"

    def _looked_for(self, places: list[nodes.Expr], operands: list[nodes.Expr]) -> Iterator[str]:
        if any(self._messages.content_in(place) for place in places):
            for operand in operands:
                yield from self._literals(operand)
        elif any(isinstance(n, nodes.Name) and n.name in self._dates for place in places for n in every(place)):
            yield from (f"the date {literal}" for operand in operands for literal in self._literals(operand))
            yield from (f"the date {number}" for operand in operands for number in self._numbers(operand))
        if any(self._counts(place) for place in places):
            yield from (f"the count {number}" for operand in operands for number in self._numbers(operand))

    def _counts(self, node: nodes.Expr) -> bool:
        """Whether it is how many messages there are, how long one is, or the number of a round of a loop."""
        for each in every(node):
            match each:
                case nodes.Filter(name="length" | "count", node=nodes.Node() as inner):
                    if self._messages.is_whole(inner) or self._messages.content_in(inner):
                        return True
                case nodes.Getattr(node=nodes.Name(name="loop"), attr="index" | "index0" | "revindex" | "revindex0"):
                    return True
                case _:
                    continue
        return False

    def _numbers(self, node: nodes.Expr) -> Iterator[int]:
        """The numbers that an operand gives to compare with; formats ask for the first, the second and the last."""
        yield from (value for value in self._folder.fold(node).values if type(value) is int and value > _FIRST)

    def _selected(self, node: nodes.Filter) -> Iterator[str]:
        """What ``select`` and its like look for among texts, or what they look for each of a list of words in."""
        if node.node is None or not node.args:
            return
        if any(self._messages.content_in(argument) for argument in node.args):
            yield from self._literals(node.node)
        first = set(self._folder.fold(node.args[0]).texts)
        if first & CONTENT if node.name.endswith("attr") else self._messages.content_in(node.node):
            for argument in node.args[2 if node.name.endswith("attr") else 1 :]:
                yield from self._literals(argument)

    def _table(self, node: nodes.Call | nodes.Getitem) -> Iterator[str]:
        """A table of texts that is asked by what a message says."""
        asked = node.args[:1] if isinstance(node, nodes.Call) else [node.arg]
        base = node.node.node if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr) else node.node
        if any(self._messages.content_in(each) for each in asked):
            for value in self._folder.fold(base).values:
                if isinstance(value, Mapping):
                    yield from (key for key, _ in value.pairs if isinstance(key, str))

    def _literals(self, node: nodes.Expr) -> Iterator[str]:
        """The texts that an operand gives to look for, be they spelled, computed or in a list."""
        if self._messages.content_in(node):
            for inner in every(node):
                if (
                    isinstance(inner, nodes.Call)
                    and isinstance(inner.node, nodes.Getattr)
                    and inner.node.attr in _PARTERS
                ) or (isinstance(inner, nodes.Filter) and inner.name == "replace"):
                    yield from (text for argument in inner.args[:1] for text in self._folder.fold(argument).texts)
            return
        folded = self._folder.fold(node)
        for value in folded.values:
            yield from (
                each for each in (value if isinstance(value, tuple) else (value,)) if isinstance(each, str) and each
            )
        if folded.is_built:
            yield "a word that is put together"


def _is_word(trigger: str) -> bool:
    """Whether it is ordinary language, and not a mark of the format of the chat."""
    plain = trigger.strip().strip(":.").lower()
    return _WORD.search(plain) is not None and _MARK.search(plain) is None and plain not in _STRUCTURAL_WORDS


def _emitted(bodies: list[nodes.Node], folder: Folder, macros: dict[str, nodes.Macro]) -> Iterator[str]:
    """The literal text that is printed or kept below these nodes; none that is compared, a key or an error."""
    waiting: list[nodes.Node] = list(reversed(bodies))
    left = dict(macros)
    while waiting:
        node = waiting.pop()
        match node:
            case nodes.TemplateData():
                yield node.data
            case nodes.Const(value=str(text)):
                yield text
            case nodes.Concat() | nodes.Add() if folder.fold(node).texts and not folder.fold(node).is_built:
                yield from folder.fold(node).texts
            case nodes.Call(node=nodes.Name(name="raise_exception" | "strftime_now")) | nodes.Compare() | nodes.Test():
                continue
            case nodes.Call(node=nodes.Name(name=name)) if name in left:
                # A macro is also how a format is written; what counts is a sentence in it.
                inner_texts = _emitted(left.pop(name).body, folder, left)
                yield from (each for each in inner_texts if is_prose(each) or is_strong(each))
            case nodes.If() | nodes.For() | nodes.CondExpr():
                inner = [*node.iter_child_nodes(exclude=("test", "iter", "target"))]
                waiting += reversed(inner)
            case nodes.Getitem():
                waiting.append(node.node)
            case nodes.Name():
                yield from _held(folder, node.name)
            case _:
                waiting += reversed(list(node.iter_child_nodes()))


def _held(folder: Folder, name: str) -> Iterator[str]:
    """The sentences that a variable or a list of texts can be. Single words in lists are looked for, as a rule."""
    for value in folder.name(name).values:
        for each in (value, *elements(value)):
            if isinstance(each, str) and (is_prose(each) or is_strong(each)):
                yield each
