"""The visitor of the Python evaluator: node kinds, second pass, budget and nesting."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.languages.python.analysis import analyze_source
from modelaudit.languages.python.budget import MAX_STEPS, StepBudget, TooDeepError, limit_steps
from modelaudit.languages.python.evaluator import Evaluator
from modelaudit.languages.python.source import MAX_TREE_TOKENS, find_parser_obstacle, split_source
from modelaudit.languages.python.values import Constant, Provenance


def test_evaluator_has_visit_methods_only_for_existing_python_node_kinds() -> None:
    kinds = {name.removeprefix("visit_") for name in vars(Evaluator) if name.startswith("visit_")}
    assert kinds <= set(dir(ast))
    # Kinds without a method are visited through their parts.
    statements = {each.__name__ for each in ast.stmt.__subclasses__()}
    assert statements - kinds <= {"Raise", "Assert", "Pass", "Break", "Continue", "TypeAlias"}
    expressions = {each.__name__ for each in ast.expr.__subclasses__()}
    assert expressions - kinds <= {"Slice", "TemplateStr", "Interpolation"}


@pytest.mark.parametrize("source", ["raise os.system('x')", "assert a, os.system('x')", "a[os.system('x'):1]"])
def test_call_inside_a_node_kind_without_a_visit_method_is_recorded(source: str) -> None:
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
def test_call_in_a_format_specification_or_assignment_target_is_recorded(statement: str) -> None:
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
def test_call_for_each_item_of_a_list_filled_through_an_alias_is_recorded(use_of_items: str) -> None:
    # The evaluator knows ``items`` as an empty list: it does not follow that ``alias`` is the same object.
    source = f"import functools, os\nitems = alias = []\nalias.append('id')\n{use_of_items}\n"
    assert ("call-at-import", "os.system") in {(each.use, each.name) for each in analyze_source(source).mentions}


@pytest.mark.parametrize(
    "head",
    [
        "class Part(typing.NamedTuple):",
        "@dataclasses.dataclass\nclass Part:",
        "class Part(pydantic.BaseModel):",
    ],
)
def test_default_of_a_field_is_no_constant_where_a_generated_constructor_may_set_it(
    head: str,
) -> None:
    source = (
        f"import dataclasses, importlib, typing\n{head}\n    module: str = 'torch.nn'\n    name: str = 'Linear'\n"
        "    def build(self, line):\n        getattr(importlib.import_module(self.module), self.name)(line)\n"
        "Part(*found).build('x')\n"
    )
    names = {each.name for each in analyze_source(source).mentions}
    assert "torch.nn.Linear" in names  # what is written stays evidence
    assert "(function reached by computed names)" in names


def test_second_pass_resolves_an_attribute_that_is_set_after_its_use() -> None:
    source = "def use(thing):\n    thing.run('x')\n\nimport os\ndef prepare(thing):\n    thing.run = os.system\n"
    body = ast.parse(source).body
    first = Evaluator(MAX_STEPS)
    first.evaluate_module(body)
    assert ("call", "os.system") not in {(each.use, each.name) for each in first.log.build_mentions()}
    second = first.create_next_pass()
    second.evaluate_module(body)
    assert ("call", "os.system") in {(each.use, each.name) for each in second.log.build_mentions()}


def test_evaluator_returns_to_the_outer_scope_after_a_too_deeply_nested_statement() -> None:
    # The comprehension has a scope of its own when its element turns out to nest too deep.
    deep = "[" * 95 + "1" + "]" * 95
    tree = ast.parse(f"def f():\n    return [{deep} for x in y]\nf()\nz = 1\n")
    evaluator = Evaluator(MAX_STEPS)
    module_scope = evaluator.scope
    evaluator.evaluate_module(tree.body)
    assert evaluator.scope is module_scope
    assert set(evaluator.skipped) == {(2, 2)}  # the first and the last line of the statement
    assert "z" in module_scope.names


def test_step_budget_allows_its_maximum_and_refuses_the_next_step() -> None:
    budget = StepBudget(max_steps=2)
    budget.spend(2)
    assert not budget.is_exceeded
    with pytest.raises(TooDeepError):
        budget.spend()
    assert budget.is_exceeded
    assert limit_steps("") < limit_steps("x" * 1000) < limit_steps("x" * 10**7) == MAX_STEPS


def test_source_that_needs_more_steps_than_its_budget_is_reported_with_the_step_bound() -> None:
    source = "def f(a): return [a for b in range(99)]\n" + "f(f(f(f(print))))\n" * 2000
    bounds = analyze_source(source).bounds
    assert bounds
    assert any("steps" in reason for _, reason in bounds)


@pytest.mark.parametrize("block", ["if a:", "for a in b:", "with a:", "while a:", "class A:", "def f():"])
@pytest.mark.parametrize("opening", ["f(", "a.f(", "[", "a[", "(a or ", "f(*f("])
def test_deepest_allowed_expression_in_deepest_allowed_blocks_is_analysed_without_damage(
    block: str, opening: str
) -> None:
    closing = {"(": ")", "[": "]"}
    # As deep as ``find_parser_obstacle`` allows, which is 90 brackets.
    levels = 88 // sum(opening.count(each) for each in "([")
    expression = opening * levels + "x" + "".join(closing[each] for each in reversed(opening * levels) if each in "([")
    lines = [" " * depth + block for depth in range(95)] + [" " * 95 + expression]
    assert analyze_source("\n".join(lines)).damage == []


PAYLOAD = "import os\ngetattr(os, 'po' + 'pen')('id')\n"
NESTED_IFS = "".join(" " * (depth + 1) + "if x:\n" for depth in range(95)) + " " * 97
CUBIC_LOOP = "[[[0 for b in 'ab' * 1000] for c in 'ab' * 1000] for a in 'ab' * 1000]\n"


@pytest.mark.parametrize(
    "source",
    [
        "def walk(x):\n" + NESTED_IFS + "return walk(x)\nwalk(1)\n",
        "import functools\nrun = print\n" + "run = functools.partial(run, 1)\n" * 1500 + "run()\n",
        "import operator\noperator.call(" + "operator.call, " * 300 + "print)\n",
        # The default is evaluated with the body, when the budget is spent.
        CUBIC_LOOP * 13 + "def walk(x=len('a')):\n    return [walk(y) for y in x]\n",
        "".join(f"def walk{n}(x):\n    return [walk{n}(y) for y in 'ab' * 2000]\n" for n in range(13)),
        CUBIC_LOOP * 13,
    ],
)
def test_call_by_computed_name_after_code_that_exceeds_a_bound_is_still_found(source: str) -> None:
    analysis = analyze_source(source + PAYLOAD)
    assert ("hidden", "os.popen") in {(each.use, each.name) for each in analysis.mentions}


def test_call_of_a_decorated_function_is_recorded_as_a_call_of_the_decorator_result() -> None:
    source = "import os\ndef decorate(function):\n    return os.system\n@decorate\ndef run(x): pass\nrun('id')\n"
    uses = {each.use for each in analyze_source(source).mentions if each.name == "os.system"}
    assert "call-at-import" in uses


def test_parameter_default_that_exceeds_the_step_budget_is_listed_as_skipped() -> None:
    evaluator = Evaluator(200)
    evaluator.evaluate_module(ast.parse("def walk(x=[y for y in 'ab' * 2000]):\n    pass\n").body)
    assert evaluator.skipped


EXPRESSION_FORMS = (
    "f({0})",
    "x({0}, {1})",
    "[f(y) for y in {0}]",
    "{{y: x(y) for y in {0} if {1}}}",
    "(lambda x=({0}): f({1}))",
    "functools.partial({0}, {1})",
    "({0} + {1})",
    "({0}).run[{1}]",
)
STATEMENT_FORMS = (
    "x = {0}",
    "x += {0}",
    "def f(x, y=({0})): return {1}",
    "class x(({0})): f = {1}",
    "for x in {0}: x = f({1})",
    "while {0}: x = f({1})",
)


def fill_forms(forms: tuple[str, ...], inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Build a strategy of texts: one of the forms with two inner texts."""
    return st.tuples(st.sampled_from(forms), inner, inner).map(lambda drawn: drawn[0].format(*drawn[1:]))


EXPRESSIONS = st.recursive(
    st.sampled_from(["x", "f", "os", "'ab'", "1", "f('ab')", "[f, x]", "f'{f}{x:{f}}'"]),
    lambda inner: fill_forms(EXPRESSION_FORMS, inner),
    max_leaves=20,
)
STATEMENTS = fill_forms(STATEMENT_FORMS, EXPRESSIONS)


@settings(max_examples=30, deadline=None)
@given(st.lists(STATEMENTS, max_size=13))
def test_call_after_generated_nested_code_is_always_mentioned(statements: list[str]) -> None:
    source = "import functools\n" + "".join(f"{each}\n" for each in statements) + "import os\nos.popen('id')\n"
    ast.parse(source)
    mentions = analyze_source(source).mentions
    assert {each.use for each in mentions if each.name == "os.popen"} & {"call", "call-at-import"}


def test_f_string_of_many_fields_is_evaluated_in_linear_steps() -> None:
    evaluator = Evaluator(MAX_STEPS)
    evaluator.evaluate_module(ast.parse("x = f'" + '{"ab"}' * 20_000 + "'\n").body)
    # A step for each field and for 64 characters of the text; joins of all prefixes would take a million.
    assert evaluator.budget.steps < 50_000
    assert evaluator.scope.names["x"] == Constant("ab" * 20_000, Provenance.COMPUTED)


def test_names_in_an_f_string_with_too_many_fields_to_parse_are_mentioned() -> None:
    source = "import os\nexec(f'" + '{"a"}' * 40_000 + "{os.popen(1)}')\n"
    assert find_parser_obstacle(source)
    analysis = analyze_source(source)
    assert {"builtins.exec", "os.popen"} <= {each.name for each in analysis.mentions}
    assert analysis.bounds


def test_call_after_a_statement_with_too_many_tokens_for_one_tree_is_found_and_a_bound_reported() -> None:
    source = "x = [\n" + "1,\n" * MAX_TREE_TOKENS + "]\n" + PAYLOAD
    analysis = analyze_source(source)
    assert analysis.bounds
    assert ("hidden", "os.popen") in {(each.use, each.name) for each in analysis.mentions}


def test_code_text_nested_over_the_depth_limit_is_searched_for_names_and_reported() -> None:
    code = "os.popen('id')"
    for _ in range(7):  # one more than are evaluated
        code = f"exec({code!r})"
    analysis = analyze_source(f"import os\n{code}\n")
    assert {each.where.line for each in analysis.mentions if each.name == "os.popen"} == {2}
    assert [line for line, _ in analysis.bounds] == [2]


def test_code_text_that_nests_too_deep_for_the_parser_is_searched_for_names_and_reported_at_a_bound() -> None:
    analysis = analyze_source(f"import os\nexec({'(' * 95 + 'os.popen(1)' + ')' * 95!r})\n")
    assert "os.popen" in {each.name for each in analysis.mentions}
    assert [line for line, _ in analysis.bounds] == [2]


def test_source_of_many_definitions_keeps_a_bounded_number_of_syntax_trees() -> None:
    source = "".join(f"def f{n}():\n return f{n + 1}\n" for n in range(30_000)) + "import os\nos.popen('id')\n"
    pieces = list(split_source(source))
    tokens_of_definition = 9  # at least
    assert sum(len(piece.body) for piece in pieces) * tokens_of_definition < MAX_TREE_TOKENS + 100
    assert "os.popen" in {each.name for each in analyze_source(source).mentions}
