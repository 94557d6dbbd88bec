"""Texts that code puts into annotations, which run when something resolves the types of a function or class."""

from __future__ import annotations

from support.cases import check_each

from modelaudit.languages.python.analysis import analyze_source

STORE = "*.__annotations__[=]"


def list_called_names(source: str) -> set[str]:
    """Return the names that a source calls."""
    return {each.name for each in analyze_source(source).mentions if each.use.startswith("call")}


@check_each(
    "statement",
    [
        "f.__annotations__['x'] = text",
        "f.__annotations__['x'] = '__import__(%r)' % 'os'",
        "f.__annotations__ = {'x': text}",
        "f.__annotations__ = text",
        "f.__annotations__.update(x=text)",
        "f.__annotations__.update({'x': text})",
        "f.__annotations__.setdefault('x', text)",
        "held = f.__annotations__\nheld['x'] = text",
        "setattr(f, '__annotations__', {'x': text})",
        "f.__annotations__ |= {'x': text}",
        "import operator\noperator.setitem(f.__annotations__, 'x', text)",
        "dict.update(f.__annotations__, x=text)",
        "import torch\ntorch.nn.Module.__annotations__['x'] = text",
        "def g(owner): owner.__annotations__['x'] = text",
    ],
)
def test_text_of_unknown_content_in_annotations_counts_as_evaluated_text(statement: str) -> None:
    assert STORE in list_called_names(f"def f(x): pass\ndef h(text):\n  {statement.replace(chr(10), chr(10) + '  ')}")


@check_each(
    "statement",
    [
        "f.__annotations__['x'] = 'int'",
        "f.__annotations__['x'] = int",
        "f.__annotations__ = {'x': 'torch.Tensor', 'return': None}",
        "f.__annotations__ = g.__annotations__",
        "f.__annotations__.update(g.__annotations__)",
        "names = list(f.__annotations__.keys())",
        "x = f.__annotations__.get(text)",
    ],
)
def test_names_of_types_in_annotations_count_as_no_evaluated_text(statement: str) -> None:
    assert STORE not in list_called_names(f"def f(x): pass\ndef g(x): pass\ndef h(text):\n  {statement}")


@check_each(
    "call, name",
    [
        ("inspect.signature(f, eval_str=True)", "inspect.signature(eval_str)"),
        ("inspect.get_annotations(f, eval_str=text)", "inspect.get_annotations(eval_str)"),
        ("inspect.Signature.from_callable(f, eval_str=True)", "inspect.Signature.from_callable(eval_str)"),
        ("inspect.signature(f)", "inspect.signature"),
        ("inspect.signature(f, eval_str=False)", "inspect.signature"),
    ],
)
def test_reading_annotations_has_a_name_of_its_own_where_it_evaluates_them(call: str, name: str) -> None:
    assert name in list_called_names(f"import inspect\ndef h(f, text): {call}")


@check_each(
    "call, is_code",
    [("sympy.sqrt('f(1)')", True), ("sympy.Add(x, '_'.join(['f', '(1)']))", True), ("sympy.sqrt(x)", True),
     ("sympy.Symbol('x').subs('x', x[::-1])", True), ("sympy.Integer(1).__add__(x)", True), ("sympy.Matrix([x])", True),
     ("sympy.Symbol('x')", False), ("sympy.symbols(x)", False), ("sympy.sqrt(2)", False), ("sympy.isprime(x)", False),
     ("sympy.simplify(sympy.sqrt(2))", False)],
)  # fmt: skip
def test_text_with_a_call_is_an_evaluated_text_for_every_function_of_sympy(call: str, is_code: bool) -> None:
    assert ("sympy.sympify" in list_called_names(f"import sympy\ndef f(x): {call}")) is is_code


@check_each(
    "call, is_code",
    [("create_model('A', a=(text, 1))", True), ("create_model('A', a=text)", True),
     ("create_model('A', a=(int, 1))", False), ("create_model(text, __base__=text, a=(str, ...))", False)],
)  # fmt: skip
def test_model_with_a_type_in_an_unknown_text_evaluates_it(call: str, is_code: bool) -> None:
    names = list_called_names(f"from pydantic import create_model\ndef f(text): {call}")
    assert ("pydantic.create_model(text)" in names) is is_code
