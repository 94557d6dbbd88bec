"""Detect text that a template adds only if a message contains a certain word, or from a certain date on.

An ordinary chat template decides by the roles of messages and by the marks of its own format. A template that searches
the user's text for ordinary words and then adds instructions for the model is the known form of a template backdoor.

The analysis is a fixed point over the variables: it propagates the variables that hold message text, and those that
hold the result of a search in it ("flags"). A *trigger* is a literal that a condition searches for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from jinja2 import nodes

from modelaudit.languages.jinja.bindings import TemplateBindings
from modelaudit.languages.jinja.constants import Mapping, iterate_elements
from modelaudit.languages.jinja.folding import ConstantFolder
from modelaudit.languages.jinja.message_variables import TEXT_KEYS, MessageVariables, find_made_message, find_rewriting
from modelaudit.languages.jinja.notable_text import (
    TEXTS,
    contains_encoded_text,
    contains_prose,
    find_harmful_text,
    shorten_text,
)
from modelaudit.languages.jinja.syntax import get_variable_path, walk_nodes
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Location
from modelaudit.wire.base import LimitReachedError

_DATE_NAMES: Final = frozenset({"strftime_now", "now", "date_string", "datetime", "current_date", "today"})
_SEARCH_METHODS: Final = frozenset({"startswith", "endswith", "find", "rfind", "index", "count"})
_FORM_METHODS: Final = frozenset({"isupper", "islower", "isdigit", "isnumeric", "isalpha", "istitle", "isascii"})
_SPLITTING_METHODS: Final = frozenset({"split", "partition", "replace", *_SEARCH_METHODS})
_STRUCTURAL_WORDS: Final = frozenset({
    "text", "image", "image_url", "video", "audio", "input_audio", "content", "tool", "tools", "user", "assistant",
    "system", "function", "type", "role", "name", "developer", "think", "thinking", "video_url", "audio_url", "json",
    "error", "true", "false", "none", "null", "object", "string", "array",
})  # fmt: skip
_WORD: Final = defer_pattern(r"[^\W\d_]{2}")
_FORMAT_MARK: Final = defer_pattern(r"[<>\[\]{}|/_#$]")
_MAX_ROUNDS: Final = 8
_MAX_TRIGGERS: Final = 400
_MAX_JOINED_LENGTH: Final = 200_000
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
            LimitReachedError: from the folder, or the texts of a condition are too long.
        """
        self._propagate_facts()
        # Any construct can choose a text: an ``if``, a filtered loop, a conditional expression, ``and`` in an output.
        for node in self._nodes:
            match node:
                case nodes.If():
                    triggers = self._find_triggers(node.test)
                    bodies = [*node.body, *node.elif_, *node.else_]
                case nodes.For():
                    triggers = self._find_triggers(node.iter) + (
                        self._find_triggers(node.test) if node.test is not None else ()
                    )
                    bodies = node.body
                case nodes.CondExpr():
                    triggers = self._find_triggers(node.test)
                    bodies = [each for each in (node.expr1, node.expr2) if each is not None]
                case nodes.Output() | nodes.Assign():
                    triggers, bodies = self._find_inner_triggers(node)
                case _:
                    continue
            if triggers:
                yield from self._judge_texts(node, triggers, bodies)
            elif isinstance(node, nodes.If | nodes.For | nodes.CondExpr):
                yield from self._judge_encoded_texts(node, bodies)
        yield from self._judge_tampering()

    def _find_inner_triggers(self, node: nodes.Output | nodes.Assign) -> tuple[Triggers, list[nodes.Node]]:
        """Find conditions inside an expression: ``and``, ``or``, a table indexed by a search result, a repetition."""
        triggers: list[str] = []
        expressions: list[nodes.Node] = []
        for child in node.iter_child_nodes():
            child_triggers = (
                () if isinstance(child, nodes.TemplateData | nodes.CondExpr) else self._find_triggers(child)
            )
            if child_triggers:
                triggers += child_triggers
                expressions.append(child)
        return tuple(triggers), expressions

    def _judge_texts(self, node: nodes.Node, triggers: Triggers, bodies: list[nodes.Node]) -> Iterator[Mention]:
        """Yield a mention if a condition on message text adds prose or harmful text.

        Args:
            node: the condition, for the line.
            triggers: the words that the condition searches for.
            bodies: the nodes that it selects.

        Raises:
            LimitReachedError: the texts are too long to be judged together.
        """
        texts = dict.fromkeys(_list_emitted_texts(bodies, self._folder, dict(self._macros)))
        if isinstance(node, nodes.Output | nodes.Assign):
            # Short literals of one expression are searched and replaced; joined they would look like a sentence.
            texts = dict.fromkeys(text for text in texts if contains_prose(text) or find_harmful_text(text))
        # Backdoors split their sentence over several outputs, so the texts of one branch are judged joined.
        joined_text = " ".join(texts)
        if len(joined_text) > _MAX_JOINED_LENGTH:
            raise LimitReachedError(f"the texts of one condition have more than {_MAX_JOINED_LENGTH} characters")
        harmful_text = find_harmful_text(joined_text)
        if not harmful_text and not contains_prose(joined_text):
            return
        ordinary_words = [trigger for trigger in triggers if _is_ordinary_word(trigger)]
        trigger = shorten_text((ordinary_words or list(triggers))[0])
        use = "hidden-instruction" if harmful_text or ordinary_words else "conditional-text"
        yield Mention(
            TEXTS,
            use,
            harmful_text or shorten_text(joined_text),
            Location(line=node.lineno),
            f"a condition on {trigger!r}",
        )

    def _judge_encoded_texts(self, node: nodes.Node, bodies: list[nodes.Node]) -> Iterator[Mention]:
        """Yield a mention of the encoded text that a branch adds. No format has such a text, whatever the condition."""
        for text in _list_emitted_texts(bodies, self._folder, {}):
            if contains_encoded_text(text):
                detail = f"text in Base64 under the condition in line {node.lineno}"
                yield Mention(TEXTS, "hidden-instruction", shorten_text(text), Location(line=node.lineno), detail)

    def _judge_tampering(self) -> Iterator[Mention]:
        """Yield a mention for each expression that rewrites a message, or adds one that works against the user."""
        for node in self._nodes:
            found = (find_rewriting(node, self._messages, self._folder), find_made_message(node, self._folder))
            for each in found:
                if each is not None and (not each.words or any(map(_is_ordinary_word, each.words))):
                    use = "conditional-text" if each.is_renaming else "hidden-instruction"
                    yield Mention(TEXTS, use, each.text, Location(line=node.lineno), each.detail)

    def _propagate_facts(self) -> None:
        """Propagate message text and flags over the variables until nothing changes, at most ``_MAX_ROUNDS`` times."""
        bindings = [
            (name, binding) for name in self._list_bound_names() for binding in self._bindings.get_bindings(name)
        ]
        for _ in range(_MAX_ROUNDS):
            count_before = self._count_facts()
            for name, binding in bindings:
                self._record_binding(name, binding.expression)
                triggers = self._find_triggers(binding.expression)
                if triggers:
                    self._flags.setdefault(name, triggers)
            for node in self._nodes:
                if isinstance(node, nodes.If):
                    self._record_flags(node)
                elif isinstance(node, nodes.Macro):
                    self._flags |= self._find_macro_triggers(node)
            if count_before == self._count_facts():
                return

    def _record_binding(self, name: str, expression: nodes.Node) -> None:
        """Record whether a bound expression makes the variable hold messages, message text or a date."""
        if self._messages.holds_messages(expression):
            self._messages.message_names.add(name)
        if self._messages.contains_message_text(expression):
            self._messages.text_names.add(name)
        if self._names_date(expression):
            self._dates.add(name)

    def _count_facts(self) -> tuple[int, ...]:
        """Count the known facts. They only grow, so equal counts mean that nothing changed."""
        return len(self._messages.text_names), len(self._messages.message_names), len(self._flags), len(self._dates)

    def _find_macro_triggers(self, macro: nodes.Macro) -> dict[str, Triggers]:
        """Return the words that a macro searches for, by its name: a call of the macro then counts as the condition."""
        tests = [node.test for node in walk_nodes(macro) if isinstance(node, nodes.If | nodes.CondExpr)]
        triggers = [trigger for test in tests for trigger in self._find_triggers(test)]
        words = tuple(trigger for trigger in triggers if _is_ordinary_word(trigger))
        return {macro.name: words} if words else {}

    def _list_bound_names(self) -> list[str]:
        """Return the variables and attributes of namespaces that the template binds, in the order of the tree."""
        names = [
            get_variable_path(node)
            for node in self._nodes
            if isinstance(node, nodes.Name | nodes.NSRef | nodes.Getattr)
        ]
        return list(dict.fromkeys(name for name in names if self._bindings.get_bindings(name)))

    def _record_flags(self, node: nodes.If) -> None:
        """Record that a variable set to a constant under a condition represents that condition."""
        triggers = self._find_triggers(node.test)
        if not triggers:
            return
        # ``{% set found = true %}`` in the branch stands for the search in its test.
        for body in (*node.body, *node.elif_, *node.else_):
            for inner in walk_nodes(body):
                if isinstance(inner, nodes.Assign) and isinstance(inner.node, nodes.Const):
                    name = get_variable_path(inner.target)
                    if name:
                        self._flags.setdefault(name, triggers)

    def _find_triggers(self, test: nodes.Node) -> Triggers:
        """Return the literals that an expression searches for in message text, and the dates that it compares."""
        triggers: list[str] = []
        for node in walk_nodes(test):
            match node:
                case nodes.Compare():
                    # Either side can be the message text, and either the literal.
                    sides = [node.expr, *(operand.expr for operand in node.ops)]
                    triggers += self._find_compared_values(sides, sides)
                case nodes.Call(node=nodes.Getattr(attr=name, node=searched)):
                    triggers += self._find_call_triggers(name, node, searched)
                case nodes.Test() if node.args:
                    sides = [node.node, *node.args]
                    triggers += self._find_compared_values(sides, sides)
                case nodes.Filter(name="select" | "reject" | "selectattr" | "rejectattr"):
                    triggers += self._find_selected_literals(node)
                case nodes.Filter(name="replace", node=nodes.Expr() as searched):
                    triggers += self._find_call_triggers("replace", node, searched)
                case nodes.Getitem():
                    triggers += self._find_table_keys(node)
                case nodes.Name() | nodes.Getattr():
                    triggers += self._flags.get(get_variable_path(node), ())
                case _:
                    continue
            if len(triggers) > _MAX_TRIGGERS:
                break  # one trigger decides; the others only serve the report
        return tuple(dict.fromkeys(triggers))

    def _find_call_triggers(self, name: str, node: nodes.Call | nodes.Filter, searched: nodes.Expr) -> Iterator[str]:
        """Yield the literals that a string method, or the filter of the same name, searches for in message text."""
        if name in _SEARCH_METHODS:
            yield from self._find_compared_values([searched], node.args)
        elif name == "get" and isinstance(node, nodes.Call):
            yield from self._find_table_keys(node)
        elif name == "replace" and self._messages.contains_message_text(searched):
            yield from (text for argument in node.args[:1] for text in self._folder.fold(argument).texts)
        elif name in _FORM_METHODS and self._messages.contains_message_text(searched):
            yield f"the form {name}"

    def _find_compared_values(self, searched: list[nodes.Expr], operands: list[nodes.Expr]) -> Iterator[str]:
        """Yield the literals among ``operands`` if ``searched`` holds message text, a date or a number of messages."""
        if any(self._messages.contains_message_text(expression) for expression in searched):
            for operand in operands:
                yield from self._list_literals(operand)
        elif any(map(self._names_date, searched)):
            yield from (f"the date {literal}" for operand in operands for literal in self._list_literals(operand))
            yield from (f"the date {number}" for operand in operands for number in self._list_numbers(operand))
        if any(self._is_message_count(expression) for expression in searched):
            yield from (f"the count {number}" for operand in operands for number in self._list_numbers(operand))

    def _names_date(self, node: nodes.Node) -> bool:
        """Whether an expression names a date, such as ``strftime_now``, or a variable that holds one."""
        return any(isinstance(part, nodes.Name) and part.name in self._dates for part in walk_nodes(node))

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
        for value in self._folder.fold(node).values:
            if type(value) is int and value > _LARGEST_ORDINARY_COUNT:  # ``True`` is an ``int`` too, and no count
                yield value

    def _find_selected_literals(self, node: nodes.Filter) -> Iterator[str]:
        """Yield the literals that ``select`` and its like search for in message text."""
        if node.node is None or not node.args:
            return
        # ``words | select("in", message.content)``: the words are searched for.
        if any(self._messages.contains_message_text(argument) for argument in node.args):
            yield from self._list_literals(node.node)
        # ``messages | selectattr("content", "equalto", word)`` and ``parts | select("equalto", word)``: the literals
        # follow the name of the test, which in ``selectattr`` follows that of the key.
        if node.name.endswith("attr"):
            searches_text = bool(TEXT_KEYS.intersection(self._folder.fold(node.args[0]).texts))
            literals = node.args[2:]
        else:
            searches_text = self._messages.contains_message_text(node.node)
            literals = node.args[1:]
        if searches_text:
            for argument in literals:
                yield from self._list_literals(argument)

    def _find_table_keys(self, node: nodes.Call | nodes.Getitem) -> Iterator[str]:
        """Yield the keys of a literal table that is indexed by message text: ``{"word": x}.get(content)``."""
        keys = node.args[:1] if isinstance(node, nodes.Call) else [node.arg]
        # Of ``table.get(key)``, the table is below the method.
        table = node.node
        if isinstance(node, nodes.Call) and isinstance(table, nodes.Getattr):
            table = table.node
        if any(self._messages.contains_message_text(each) for each in keys):
            for value in self._folder.fold(table).values:
                if isinstance(value, Mapping):
                    yield from (key for key, _ in value.pairs if isinstance(key, str))

    def _list_literals(self, node: nodes.Expr) -> Iterator[str]:
        """Yield the texts that an operand searches for: spelled, computed or in a list."""
        if self._messages.contains_message_text(node):
            # The operand is message text itself: only literals that its methods search for count.
            for inner in walk_nodes(node):
                match inner:
                    case nodes.Call(node=nodes.Getattr(attr=name)) if name in _SPLITTING_METHODS:
                        searched = inner.args[:1]
                    case nodes.Filter(name="replace"):
                        searched = inner.args[:1]
                    case _:
                        continue
                yield from (text for argument in searched for text in self._folder.fold(argument).texts)
            return
        folded = self._folder.fold(node)
        for value in folded.values:
            items = value if isinstance(value, tuple) else (value,)
            yield from (each for each in items if isinstance(each, str) and each)
        if folded.is_computed:
            yield "a word that is put together at run time"


def _is_ordinary_word(trigger: str) -> bool:
    """Whether the trigger is ordinary language and not a mark of the chat format."""
    word = trigger.strip().strip(":.").lower()
    return _WORD.search(word) is not None and _FORMAT_MARK.search(word) is None and word not in _STRUCTURAL_WORDS


def _list_emitted_texts(
    bodies: list[nodes.Node], folder: ConstantFolder, unvisited_macros: dict[str, nodes.Macro]
) -> Iterator[str]:
    """Yield the literal text that these nodes print or keep; not text that is compared, a key or an error message.

    Args:
        bodies: the nodes, in the order of the syntax tree.
        folder: folds the constants of the template.
        unvisited_macros: the macros by name that may still be followed. Each is taken out when it is followed, since
            macros that call one another have exponentially many paths.
    """
    waiting: list[nodes.Node] = list(reversed(bodies))
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
            case nodes.Call(node=nodes.Name(name=name)) if name in unvisited_macros:
                # Ordinary formats use macros as well, so only sentences in them count.
                inner_texts = _list_emitted_texts(unvisited_macros.pop(name).body, folder, unvisited_macros)
                yield from (each for each in inner_texts if contains_prose(each) or find_harmful_text(each))
            case nodes.If() | nodes.For() | nodes.CondExpr():
                children = [*node.iter_child_nodes(exclude=("test", "iter", "target"))]
                waiting += reversed(children)
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
