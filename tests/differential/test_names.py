"""Compare the names that the evaluator finds with those that Python finds in the same random programs."""

from __future__ import annotations

import ast
import codecs

import pytest
from differential.text_programs import HEAD, ExpressionWriter, ProgramWriter

from modelaudit.languages.python.analysis import analyze_source
from modelaudit.languages.python.budget import limit_steps
from modelaudit.languages.python.evaluator import Evaluator
from modelaudit.languages.python.values import Constant

LOOK_UP = "getattr(os, name)('x')\n"
OPEN = {("computed-name", "os.*"), ("reference", "(member under a computed name)")}


def run_program(body: str) -> str:
    """Run a program, which does nothing but to bind names; return the text in ``name``, empty for anything else."""
    namespace: dict[str, object] = {"__name__": "program"}
    try:
        exec(compile(HEAD + body, "program", "exec"), namespace)
    except (SyntaxError, ValueError, TypeError, LookupError, NameError, AttributeError, ArithmeticError, StopIteration):
        return ""
    return str(namespace["name"]) if isinstance(namespace["name"], str) else ""


def find_names(body: str) -> set[tuple[str, str]]:
    """Return the use and name of each mention of a program that looks up a member by the text in ``name``."""
    return {(each.use, each.name) for each in analyze_source(HEAD + body + LOOK_UP).mentions}


@pytest.mark.parametrize("seed", range(24))
def test_text_under_a_name_is_among_those_that_the_evaluator_keeps(seed: int) -> None:
    writer = ProgramWriter(seed)
    compared = 0
    for _ in range(40):
        body = writer.write_program()
        text = run_program(body)
        if not text:
            continue
        compared += 1
        names = find_names(body)
        assert OPEN & names or any(name == f"os.{text}" for _, name in names), f"os.{text} in\n{body}"
    assert compared > 20


@pytest.mark.parametrize("seed", range(8))
def test_folded_text_is_the_one_that_python_makes(seed: int) -> None:
    writer = ExpressionWriter(seed)
    folded = 0
    for _ in range(400):
        expression = writer.write_text(3)
        try:
            expected = eval(expression, {"codecs": codecs})
        except (SyntaxError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, StopIteration):
            continue
        evaluator = Evaluator(limit_steps(""))
        evaluator.evaluate_statements([*ast.parse("import codecs").body])
        value = evaluator.evaluate(ast.parse(expression, mode="eval").body)
        if isinstance(value, Constant) and isinstance(value.value, str | bytes) and not value.is_open:
            folded += 1
            assert value.value == expected, expression
    assert folded > 40
