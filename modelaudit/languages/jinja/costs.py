"""Detect templates that exhaust time or memory when rendered: huge loops, powers, repetitions and paddings.

Only constants in the template count. Costs that depend on the messages are the caller's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from jinja2 import nodes

from modelaudit.languages.jinja.bindings import TemplateBindings
from modelaudit.languages.jinja.folding import ConstantFolder
from modelaudit.languages.jinja.growth import CopyCounter, find_exponential_recursions
from modelaudit.languages.jinja.syntax import get_variable_path
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Location

COSTS: Final = "jinja-costs"
_MAX_ROUNDS: Final = 5_000_000
"""Limit of rounds of nested loops over constants. Chat templates need far fewer."""
_MAX_TEXT_LENGTH: Final = 50_000_000
_UNKNOWN_ROUNDS: Final = 2
_MAX_DOUBLINGS: Final = 20
_MAX_EXPONENT: Final = 10_000
# A width of eight digits in a format string: ``%099999999d`` or ``{:>99999999}``.
_WIDTH: Final = defer_pattern(r"[%:.][^{}%]{0,4}?\d{8}")
_PADDING_FILTERS: Final = frozenset({"center", "ljust", "rjust", "zfill", "indent", "expandtabs"})


def collect_cost_mentions(
    tree: nodes.Template, bindings: TemplateBindings, folder: ConstantFolder
) -> Iterator[Mention]:
    """Yield a mention for each place where rendering exceeds a limit of time or memory.

    Raises:
        LimitReachedError: from the folder.
    """
    for node, detail in find_exponential_recursions(tree, bindings.macros):
        yield _make_mention("doubling", detail, node)
    doublings: Counter[str] = Counter()
    waiting: list[tuple[nodes.Node, int]] = [(tree, 1)]
    while waiting:
        node, rounds = waiting.pop()
        if isinstance(node, nodes.For):
            # Nested loops multiply. An unknown length counts as 2, so only constants can exceed the limit.
            inner_rounds = rounds * _estimate_rounds(node.iter, folder)
            # Only the outermost loop that exceeds the limit is reported.
            if inner_rounds > _MAX_ROUNDS >= rounds:
                is_endless = inner_rounds >= 1 << 64  # no machine counts so far
                detail = "loops without end" if is_endless else f"loops over {inner_rounds} rounds"
                yield _make_mention("rounds", detail, node)
            for expression in filter(None, (node.iter, node.test)):
                yield from _check_expressions(expression, folder)
            waiting += reversed([(child, inner_rounds) for child in (*node.body, *node.else_)])
            continue
        if isinstance(node, nodes.Assign | nodes.AssignBlock) and _is_doubling(node, bindings, folder):
            # Inside a loop, one doubling assignment suffices; outside, a chain of assignments is counted.
            variable = get_variable_path(node.target)
            count_before = doublings[variable]
            doublings[variable] += _MAX_DOUBLINGS if rounds > 1 else 1
            if count_before < _MAX_DOUBLINGS <= doublings[variable]:
                yield _make_mention("doubling", f"{variable} grows by itself again and again", node)
        yield from _check_expression(node, folder)
        waiting += reversed([(child, rounds) for child in node.iter_child_nodes()])


def _check_expressions(node: nodes.Node, folder: ConstantFolder) -> Iterator[Mention]:
    """Yield a mention for each costly expression in ``node``."""
    for each in (node, *node.find_all(nodes.Expr)):
        yield from _check_expression(each, folder)


def _check_expression(node: nodes.Node, folder: ConstantFolder) -> Iterator[Mention]:
    """Yield a mention if the node itself, without its parts, is a costly operation."""
    detail = ""
    match node:
        case nodes.Mul() | nodes.Pow():
            detail = _describe_costly_product(node, folder)
        case nodes.Call(node=nodes.Name(name="range" | "lipsum")):
            # The arguments of ``lipsum(n=99999999, html=False)`` are no bounds of a range, and can be given by keyword.
            is_range = get_variable_path(node.node) == "range"
            rounds = _estimate_rounds(node, folder) if is_range else _find_largest_argument(node, folder)
            if rounds > _MAX_ROUNDS:
                yield _make_mention("rounds", f"{get_variable_path(node.node)} of {rounds}", node)
        case nodes.Call(node=nodes.Getattr(attr=name)) | nodes.Filter(name=name) if name in _PADDING_FILTERS:
            if _find_largest_argument(node, folder) > _MAX_TEXT_LENGTH:
                detail = f"{name} pads a text to an enormous length"
        case nodes.Filter(name="batch" | "slice" | "tojson") if _find_largest_argument(node, folder) > _MAX_ROUNDS:
            detail = f"{node.name} is given {_find_largest_argument(node, folder)}"
        case nodes.Mod(left=template):
            detail = _describe_padding(template, folder, 0)
        case (
            nodes.Filter(name="format", node=nodes.Node() as template)
            | nodes.Call(node=nodes.Getattr(attr="format", node=template))
        ):
            detail = _describe_padding(template, folder, _find_largest_argument(node, folder))
        case _:
            return
    if detail:
        yield _make_mention("length", detail, node)


def _describe_costly_product(node: nodes.Mul | nodes.Pow, folder: ConstantFolder) -> str:
    """Return why a product or power is too large to evaluate; empty if it is not."""
    if isinstance(node, nodes.Pow):
        # Do not compute a power as an exponent: the number itself would exhaust memory.
        is_large = _find_largest_number(node.right, folder) > _MAX_EXPONENT or isinstance(node.right, nodes.Pow)
        return "computes a power with an enormous exponent" if is_large else ""
    # A product of several numbers and a text nests to the left: ``"a" * 9999 * 9999``.
    for factor, repeated in ((node.left, node.right), (node.right, node.left)):
        repetitions = _find_largest_number(factor, folder)
        while isinstance(repeated, nodes.Mul):
            repetitions, repeated = repetitions * max(_find_largest_number(repeated.right, folder), 1), repeated.left
        # An unknown value may be a text: the empty text stands for it.
        is_number = all(isinstance(value, int | float) for value in folder.fold(repeated).values or ("",))
        if repetitions > _MAX_TEXT_LENGTH and not is_number:
            return f"repeats a text or list {repetitions} times"
    return ""


def _find_largest_argument(node: nodes.Filter | nodes.Call, folder: ConstantFolder) -> int:
    """Return the largest number among the arguments, keyword arguments included; 0 if there is none."""
    return max(
        (_find_largest_number(each, folder) for each in (*node.args, *(pair.value for pair in node.kwargs))), default=0
    )


def _find_largest_number(node: nodes.Node, folder: ConstantFolder) -> int:
    """Return the largest integer that an expression can be; 0 if none is known."""
    return max((value for value in folder.fold(node).values if type(value) is int), default=0)


def _describe_padding(template: nodes.Node, folder: ConstantFolder, width: int) -> str:
    """Return why a format string is too wide to fill; empty if it is not.

    Args:
        template: the format string.
        folder: folds the constants of the template.
        width: the largest number among the values, which ``%*d`` and ``{:{}}`` take as a width.
    """
    texts = folder.fold(template).texts
    takes_width = width > _MAX_TEXT_LENGTH and any("%*" in text or ":{" in text for text in texts)
    is_wide = takes_width or any(_WIDTH.search(text) for text in texts)
    return "fills a field of an enormous width" if is_wide else ""


def _estimate_rounds(node: nodes.Node, folder: ConstantFolder) -> int:
    """Return how often a loop over ``node`` runs, by its constants; 2 if the length is unknown."""
    if isinstance(node, nodes.Filter) and node.node is not None:
        return _estimate_rounds(node.node, folder)
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in ("range", "lipsum"):
        bounds = [[number for number in folder.fold(each).values if type(number) is int] for each in node.args]
        if not bounds or any(not each for each in bounds) or len(bounds) > 3:
            return _UNKNOWN_ROUNDS
        starts, stops = ([0], bounds[0]) if len(bounds) == 1 else (bounds[0], bounds[1])
        # Of several possible bounds, take those that give the most rounds, upwards or downwards.
        upwards, downwards = abs(max(stops) - min(starts)), abs(min(stops) - max(starts))
        step = max(1, min(map(abs, bounds[2]))) if len(bounds) == 3 else 1
        return max(_UNKNOWN_ROUNDS, max(upwards, downwards) // step)
    lengths = (len(value) for value in folder.fold(node).values if isinstance(value, str | tuple))
    return max(lengths, default=_UNKNOWN_ROUNDS)


def _is_doubling(node: nodes.Assign | nodes.AssignBlock, bindings: TemplateBindings, folder: ConstantFolder) -> bool:
    """Whether an assignment at least doubles the length of its own variable, or of a part of it."""
    name = get_variable_path(node.target)
    if not name:
        return False
    counter = CopyCounter(name, bindings.macros, folder)
    if isinstance(node, nodes.AssignBlock):  # ``{% set a %}{{ a }}{{ a }}{% endset %}``
        return max(counter.count_in_block(node.body).values(), default=0) > 1
    copies = counter.count(node.node)
    if max(copies.values(), default=0) > 1:  # ``set a = a ~ a``
        return True
    # ``set a = a * 2`` doubles only a text: a number stays one number.
    if not isinstance(node.node, nodes.Mul) or not copies or not folder.fold_name(name).texts:
        return False
    return any(type(each.value) is int and each.value > 1 for each in node.node.find_all(nodes.Const))


def _make_mention(use: str, detail: str, node: nodes.Node) -> Mention:
    """Return a mention of a rendering cost at the line of ``node``."""
    return Mention(COSTS, use, detail[:200], Location(line=node.lineno))
