"""The visitor of the Python evaluator: node kinds, second pass, budget and nesting."""

from __future__ import annotations

import ast

import pytest

from modelaudit.languages.python.analysis import analyze_source
from modelaudit.languages.python.budget import MAX_STEPS, StepBudget, TooDeepError, limit_steps
from modelaudit.languages.python.evaluator import Evaluator


def test_each_visit_method_names_a_node_kind() -> None:
    kinds = {name.removeprefix("visit_") for name in vars(Evaluator) if name.startswith("visit_")}
    assert kinds <= set(dir(ast))
    # Kinds without a method are visited through their parts.
    statements = {each.__name__ for each in ast.stmt.__subclasses__()}
    assert statements - kinds <= {"Raise", "Assert", "Pass", "Break", "Continue", "TypeAlias"}
    expressions = {each.__name__ for each in ast.expr.__subclasses__()}
    assert expressions - kinds <= {"Slice", "TemplateStr", "Interpolation"}


@pytest.mark.parametrize("source", ["raise os.system('x')", "assert a, os.system('x')", "a[os.system('x'):1]"])
def test_node_kind_without_method_is_visited_through_its_parts(source: str) -> None:
    uses = {(each.use, each.name) for each in analyze_source(f"import os\n{source}\n").mentions}
    assert ("call-at-import", "os.system") in uses


@pytest.mark.parametrize(
    "statement",
    [
        'f"{1:{os.system(command)}}"',
        'f"{name:>{os.system(command)}}"',
        "items[os.system(command)] += 1",
        "os.system(command).count += 1",
        "items[os.system(command)]: int",
        "os.system(command).count: int",
    ],
)
def test_call_in_format_specification_or_target_is_recorded(statement: str) -> None:
    uses = {(each.use, each.name) for each in analyze_source(f"import os\n{statement}\n").mentions}
    assert ("call-at-import", "os.system") in uses


@pytest.mark.parametrize(
    "use_of_items",
    [
        "for item in items: os.system(item)",
        "[os.system(item) for item in items]",
        "list(map(os.system, items))",
        "functools.reduce(os.system, items, 0)",
    ],
)
def test_call_over_list_that_is_filled_under_another_name_is_recorded(use_of_items: str) -> None:
    # The evaluator knows ``items`` as an empty list: it does not follow that ``alias`` is the same object.
    source = f"import functools, os\nitems = alias = []\nalias.append('id')\n{use_of_items}\n"
    assert ("call-at-import", "os.system") in {(each.use, each.name) for each in analyze_source(source).mentions}


def test_second_pass_resolves_attribute_that_is_set_further_down() -> None:
    source = "def use(thing):\n    thing.run('x')\n\nimport os\ndef prepare(thing):\n    thing.run = os.system\n"
    body = ast.parse(source).body
    first = Evaluator(MAX_STEPS)
    first.evaluate_module(body)
    assert ("call", "os.system") not in {(each.use, each.name) for each in first.log.build_mentions()}
    second = first.create_next_pass()
    second.evaluate_module(body)
    assert ("call", "os.system") in {(each.use, each.name) for each in second.log.build_mentions()}


def test_scope_is_restored_after_statement_that_is_too_deep() -> None:
    # The comprehension has a scope of its own when its element turns out to nest too deep.
    deep = "[" * 95 + "1" + "]" * 95
    tree = ast.parse(f"def f():\n    return [{deep} for x in y]\nf()\nz = 1\n")
    evaluator = Evaluator(MAX_STEPS)
    module_scope = evaluator.scope
    evaluator.evaluate_module(tree.body)
    assert evaluator.scope is module_scope
    assert set(evaluator.skipped) == {(2, 2)}
    assert "z" in module_scope.names


def test_budget_is_exceeded_after_its_last_step() -> None:
    budget = StepBudget(max_steps=2)
    budget.spend(2)
    assert not budget.is_exceeded
    with pytest.raises(TooDeepError):
        budget.spend()
    assert budget.is_exceeded
    assert limit_steps("") < limit_steps("x" * 1000) < limit_steps("x" * 10**7) == MAX_STEPS


def test_source_beyond_its_budget_is_reported() -> None:
    source = "def f(a): return [a for b in range(99)]\n" + "f(f(f(f(print))))\n" * 2000
    bounds = analyze_source(source).bounds
    assert bounds
    assert any("steps" in reason for _, reason in bounds)


@pytest.mark.parametrize("block", ["if a:", "for a in b:", "with a:", "while a:", "class A:", "def f():"])
@pytest.mark.parametrize("opening", ["f(", "a.f(", "[", "a[", "(a or ", "f(*f("])
def test_deepest_blocks_around_deepest_expression_do_not_exhaust_the_stack(block: str, opening: str) -> None:
    closing = {"(": ")", "[": "]"}
    levels = 88 // sum(opening.count(each) for each in "([")
    expression = opening * levels + "x" + "".join(closing[each] for each in reversed(opening * levels) if each in "([")
    lines = [" " * depth + block for depth in range(95)] + [" " * 95 + expression]
    assert analyze_source("\n".join(lines)).damage == []
