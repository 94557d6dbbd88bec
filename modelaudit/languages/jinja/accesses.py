"""Collect the accesses of a template: attributes, methods, filters, tests, variables and other templates.

The sandbox of Jinja and its known escapes (such as CVE-2019-10906 and CVE-2024-56326) turn on these names. A name that
is computed at run time is reported as computed, because its value cannot be verified.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from typing import Final

from jinja2 import nodes

from modelaudit.languages.jinja.bindings import TemplateBindings
from modelaudit.languages.jinja.constants import Unknown
from modelaudit.languages.jinja.folding import ConstantFolder, FoldedValues
from modelaudit.languages.jinja.syntax import walk_nodes
from modelaudit.languages.jinja.vocabularies import ATTRIBUTES, FILTERS, METHODS, NAMES, TEMPLATES, TESTS
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Location

MAX_NAME_LENGTH: Final = 120

# Filters that read an attribute of each item: the position of its name among the arguments, and its keyword.
_ATTRIBUTE_FILTERS: Final[dict[str, tuple[int | None, str]]] = {
    "attr": (0, "name"), "selectattr": (0, ""), "rejectattr": (0, ""), "groupby": (0, "attribute"),
    "map": (None, "attribute"), "sort": (2, "attribute"), "unique": (1, "attribute"), "min": (1, "attribute"),
    "max": (1, "attribute"), "sum": (0, "attribute"), "join": (1, "attribute"),
}  # fmt: skip
# Filters that apply another filter or test: the position of its name, and its vocabulary.
_APPLIERS: Final = {
    "map": (0, FILTERS), "select": (0, TESTS), "reject": (0, TESTS), "selectattr": (1, TESTS), "rejectattr": (1, TESTS),
}  # fmt: skip
# ``.name`` or ``[key]`` in a field of a format string, such as ``{0.name[key]}``.
_FIELD_STEP: Final = defer_pattern(r"[.\[]\s*([^.\[\]]+)")
_FORMAT_METHODS: Final = frozenset({"format", "format_map", "vformat"})
# A template name that leaves the folder of templates: absolute, ``~``, a drive, ``..`` as a part, or an address.
_OUTSIDE_PATH: Final = defer_pattern(r"[/\\~]|[A-Za-z]:|.*(?:^|[/\\])\.\.(?:[/\\]|$)|.*://", re.DOTALL)


class AccessCollector:
    """Visits the nodes of one template and yields a mention for each access."""

    def __init__(self, bindings: TemplateBindings, folder: ConstantFolder) -> None:
        self._bindings = bindings
        self._folder = folder
        self._callees: set[int] = set()
        self._applied_filters: set[tuple[object, ...]] = set()

    def collect_mentions(self, tree: nodes.Template) -> Iterator[Mention]:
        """Yield the mentions in the order of the syntax tree.

        Raises:
            LimitReachedError: from the folder.
        """
        for node in walk_nodes(tree):
            match node:
                case nodes.Getattr():
                    yield from self._visit_attribute(node, node.attr, "attribute")
                case nodes.Getitem():
                    yield from self._visit_subscript(node)
                case nodes.Filter():
                    yield from self._visit_filter(node)
                case nodes.Test():
                    yield _make_mention(TESTS, "test", node.name, node)
                case nodes.Call():
                    yield from self._visit_call(node)
                case nodes.Name():
                    yield from self._visit_name(node)
                case nodes.Include() | nodes.Import() | nodes.FromImport() | nodes.Extends():
                    yield from self._visit_template_name(node)
                case _:
                    continue

    def _visit_attribute(
        self, node: nodes.Getattr | nodes.Getitem | nodes.Filter, name: str, use: str
    ) -> Iterator[Mention]:
        """Yield a mention of an attribute of ``node.node``; a subscript can be a mapping key as well (use ``key``)."""
        # A mapping key with one underscore in front is ordinary; two underscores are not.
        if name.startswith("__") or (name.startswith("_") and use != "key"):
            yield _make_mention(ATTRIBUTES, "private-attribute", name, node)
        else:
            yield _make_mention(ATTRIBUTES, use, name, node)
        if name in _FORMAT_METHODS and node.node is not None:
            yield from _check_format_string(self._folder.fold(node.node), node)

    def _visit_subscript(self, node: nodes.Getitem) -> Iterator[Mention]:
        """Yield a mention of each text that a subscript can be; Jinja also looks it up as an attribute."""
        if isinstance(node.arg, nodes.Slice):
            return
        keys = self._folder.fold(node.arg)
        for name in keys.texts:
            yield from self._visit_attribute(node, name, "key")
        if keys.is_computed:
            yield _make_mention(ATTRIBUTES, "computed-attribute", "a subscript", node)

    def _visit_filter(self, node: nodes.Filter) -> Iterator[Mention]:
        """Yield mentions of a filter, and of the attributes, filters and tests that its arguments name."""
        yield _make_mention(FILTERS, "filter", node.name, node)
        if node.name in _ATTRIBUTE_FILTERS:
            position, keyword = _ATTRIBUTE_FILTERS[node.name]
            yield from self._visit_attribute_paths(node, _get_argument(node, position, keyword))
        if node.name in _APPLIERS:
            name_position, vocabulary = _APPLIERS[node.name]
            yield from self._visit_named_filter(node, _get_argument(node, name_position, ""), vocabulary)
        # ``*args`` and ``**kwargs`` can name any attribute.
        if (node.dyn_args or node.dyn_kwargs) and node.name in _ATTRIBUTE_FILTERS:
            yield _make_mention(ATTRIBUTES, "computed-attribute", f"the filter {node.name}", node)

    def _visit_attribute_paths(self, node: nodes.Filter, argument: nodes.Expr | None) -> Iterator[Mention]:
        """Yield a mention of each attribute that the argument of a filter names.

        ``a.b`` and ``a,b`` name two; ``attr`` takes its name whole.
        """
        if argument is None:
            return
        names = self._folder.fold(argument)
        for text in names.texts:
            for name in [text] if node.name == "attr" else re.split("[.,]", text):
                yield from self._visit_attribute(node, name, "attribute")
        if names.is_computed or not names.values:
            yield _make_mention(ATTRIBUTES, "computed-attribute", f"the filter {node.name}", node)

    def _visit_named_filter(
        self, node: nodes.Filter, argument: nodes.Expr | None, vocabulary: str
    ) -> Iterator[Mention]:
        """Yield a mention of each filter or test that a filter such as ``map`` or ``select`` applies by name."""
        if argument is None:
            return
        names = self._folder.fold(argument)
        for name in names.texts:
            if vocabulary is TESTS:
                yield _make_mention(TESTS, "test", name, node)
            else:
                yield from self._visit_applied_filter(node, name)
        if names.is_computed or not names.values:
            yield _make_mention(ATTRIBUTES, "computed-attribute", f"the filter {node.name}", node)

    def _visit_applied_filter(self, node: nodes.Filter, name: str) -> Iterator[Mention]:
        """Yield mentions of a filter that ``map`` applies: ``map("attr", "name")`` reads an attribute of each item."""
        # ``map("map", "map", …)`` applies filters in turn: the same filter with the same arguments is visited once.
        arguments = node.args[1:]
        application = (name, *map(id, arguments))
        if application in self._applied_filters:
            return
        self._applied_filters.add(application)
        applied = nodes.Filter(
            node.node, name, arguments, node.kwargs, node.dyn_args, node.dyn_kwargs, lineno=node.lineno
        )
        yield from self._visit_filter(applied)

    def _visit_call(self, node: nodes.Call) -> Iterator[Mention]:
        """Yield mentions of what a call calls; ``_visit_name`` leaves its name out, since that is mentioned here."""
        self._callees.add(id(node.node))
        yield from self._visit_callee(node.node, node)

    def _visit_callee(self, callee: nodes.Node, node: nodes.Node, follow: bool = True) -> Iterator[Mention]:
        """Yield mentions of the method or function that a call reaches.

        Args:
            callee: the expression that is called.
            node: the call, for the line.
            follow: whether a variable is resolved to the expressions that it is bound to.
        """
        match callee:
            case nodes.Getattr():
                yield from self._visit_method(callee.node, callee.attr, node)
            case nodes.Getitem():
                names = self._folder.fold(callee.arg)
                for name in names.texts:
                    yield from self._visit_method(callee.node, name, node)
                # ``macros[0]()`` is ordinary if the list holds macros of the template alone.
                is_known = bool(names.texts) or self._holds_only_macros(callee.node)
                if names.is_computed or not is_known:
                    yield _make_mention(METHODS, "computed-call", "a subscript", node)
            case nodes.Filter(name="attr") if callee.node is not None:
                for name in self._folder.fold(_get_argument(callee, 0, "name")).texts:
                    yield from self._visit_method(callee.node, name, node)
            case nodes.Name():
                yield from self._visit_called_name(callee, node, follow)
            case _:
                yield _make_mention(METHODS, "computed-call", "the result of an expression", node)

    def _visit_called_name(self, callee: nodes.Name, node: nodes.Node, follow: bool) -> Iterator[Mention]:
        """Yield mentions for a call of a variable; see ``_visit_callee`` for the arguments."""
        name = callee.name
        # Macros of the template are analysed in place; ``loop()`` and ``caller()`` run parts of the template itself.
        if name in self._bindings.macros or name in ("loop", "caller"):
            return
        if name not in self._bindings.names:
            yield _make_mention(NAMES, "call", name, node)
            return
        bindings = self._bindings.get_bindings(name)
        # One step of indirection (``set f = x.popen``) is resolved. Longer chains are reported as computed.
        if not bindings or not follow:
            yield _make_mention(METHODS, "computed-call", name, node)
        for binding in bindings if follow else ():
            yield from self._visit_callee(binding.expression, node, follow=False)

    def _visit_method(self, base: nodes.Node, name: str, node: nodes.Node) -> Iterator[Mention]:
        """Yield mentions of a method that is called on ``base``."""
        if name.startswith("_"):  # mentioned as a private attribute
            return
        yield _make_mention(METHODS, "method", name, node)
        # A format string that is not known may have fields such as ``{0.__class__}``.
        template = self._folder.fold(base)
        if name in _FORMAT_METHODS and (template.is_computed or not template.texts):
            yield _make_mention(ATTRIBUTES, "computed-format", "format", node)

    def _holds_only_macros(self, node: nodes.Node) -> bool:
        """Whether a variable is a list of macros of the template itself and of nothing else."""
        if not isinstance(node, nodes.Name) or node.name in self._bindings.mutated:
            return False
        parts = [part for bound in self._bindings.get_bindings(node.name) for part in walk_nodes(bound.expression)]
        # A list that is built step by step, ``set a = a + [macro]``, contains its own name.
        names = {part.name for part in parts if isinstance(part, nodes.Name)} - {node.name}
        has_only_names = all(isinstance(part, nodes.Name | nodes.List | nodes.Add) for part in parts)
        return has_only_names and bool(names) and names <= self._bindings.macros.keys()

    def _visit_name(self, node: nodes.Name) -> Iterator[Mention]:
        """Yield a mention of a variable that the template reads and does not bind."""
        if node.name.startswith("__"):
            yield _make_mention(NAMES, "private-name", node.name, node)
        elif node.ctx == "load" and node.name not in self._bindings.names and id(node) not in self._callees:
            yield _make_mention(NAMES, "name", node.name, node)

    def _visit_template_name(
        self, node: nodes.Include | nodes.Import | nodes.FromImport | nodes.Extends
    ) -> Iterator[Mention]:
        """Yield a mention of each template that ``include``, ``import``, ``from`` or ``extends`` loads."""
        tag = {nodes.Include: "include", nodes.Extends: "extends"}.get(type(node), "import")
        targets = self._folder.fold(node.template)
        # ``include ["a", "b"]`` tries several templates in turn.
        names = [text for value in targets.values for text in (value if isinstance(value, tuple) else (value,))]
        for name in names:
            if not isinstance(name, Unknown):
                use = "outside" if isinstance(name, str) and _OUTSIDE_PATH.match(name) else "inside"
                yield _make_mention(TEMPLATES, use, str(name), node, tag)
        if targets.is_computed or not names or any(isinstance(name, Unknown) for name in names):
            yield _make_mention(TEMPLATES, "computed", "a name that only running tells", node, tag)


def _check_format_string(template: FoldedValues, node: nodes.Node) -> Iterator[Mention]:
    """Yield the attributes that the fields of a format string access: ``{0.__class__}``, ``{x[key]}``."""
    for text in template.texts:
        for step in _list_format_steps(text):
            use = "private-attribute" if step.startswith("_") else "attribute"
            yield _make_mention(ATTRIBUTES, use, step, node, "in a format string")


def _list_format_steps(text: str) -> Iterator[str]:
    """Yield the names that the fields of a format string access, including fields nested in a format specification."""
    # The texts are bounded, and the specification of a field is shorter than the text around it.
    waiting = [text]
    while waiting:
        try:
            fields = list(string.Formatter().parse(waiting.pop()))
        except ValueError:
            continue
        for _literal, field, specification, _conversion in fields:
            yield from (step.strip() for step in _FIELD_STEP.findall(field or ""))
            if specification and "{" in specification:
                waiting.append(specification)


def _get_argument(node: nodes.Filter, position: int | None, keyword: str) -> nodes.Expr | None:
    """Return the argument of a filter by keyword or by position.

    An empty keyword, or ``None`` as position, matches nothing.
    """
    for pair in node.kwargs:
        if keyword and pair.key == keyword:
            return pair.value
    return node.args[position] if position is not None and position < len(node.args) else None


def _make_mention(vocabulary: str, use: str, name: str, node: nodes.Node, detail: str = "") -> Mention:
    """Return a mention of a name at the line of ``node``."""
    return Mention(vocabulary, use, name[:MAX_NAME_LENGTH], Location(line=node.lineno), detail)
