"""The values of the names inside of functions, as far as a source shows them."""

from __future__ import annotations

import ast

from support.cases import check_each

from modelaudit.languages.python.function_names import FunctionNames


def find_values(source: str) -> list[str]:
    """Return the values that the name ``wanted`` may get where ``use(wanted)`` stands, as Python writes them."""
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    calls = (each for each in nodes if isinstance(each, ast.Call) and ast.unparse(each.func) == "use")
    name = next(each.args[0] for each in calls)
    assert isinstance(name, ast.Name)
    return [ast.unparse(each) for each in FunctionNames(tree, nodes).find_values(name)]


@check_each(
    "source, values",
    [
        ("def f(wanted): use(wanted)\nf('a')\nf(wanted='b')", ["'a'", "'b'"]),
        ("def f(x, wanted='c'): use(wanted)\nf(1)\nf(1, 'd')", ["'c'", "'d'"]),
        ("def f(*, wanted='c'): use(wanted)\nf()", ["'c'"]),
        ("def f(path):\n    wanted, other = path.split('.')\n    use(wanted)", ["path.split('.')"]),
        ("def f():\n    wanted, other = 'a', 'b'\n    use(wanted)", ["'a'"]),
        ("def f():\n    for wanted in ('a', 'b'): use(wanted)", ["('a', 'b')"]),
        ("def f():\n    wanted: str = 'a'\n    def g(): use(wanted)", ["'a'"]),
        ("wanted = 'z'\ndef f(wanted): use(wanted)\nf('a')", ["'a'"]),
        ("class A:\n    def m(self, wanted): use(wanted)\nA().m('a')", ["'a'"]),
    ],
)
def test_values_are_those_of_the_assignment_or_of_the_calls(source: str, values: list[str]) -> None:
    assert find_values(source) == values


@check_each(
    "source",
    [
        "wanted = 'a'\nuse(wanted)",
        "def f(wanted): use(wanted)",
        "def f():\n    class A:\n        if x: wanted = 'b'\n        use(wanted)\n    wanted = 'a'",
        "def f(wanted): use(wanted)\nf('a')\nf(*x)",
        "def f(wanted): use(wanted)\nf('a')\nf(**x)",
        "def f(wanted): use(wanted)\nf('a')\ng = f",
        "def f(wanted): use(wanted)\nf('a')\nthread(target=f)",
        "def f(wanted): use(wanted)\nf('a')\ndef f(x): pass",
        "@d\ndef f(wanted): use(wanted)\nf('a')",
        "def f(*wanted): use(wanted)\nf('a')",
        "def f(wanted):\n    wanted = wanted or x\n    use(wanted)\nf('a')",
        "def f(wanted):\n    for wanted in x: use(wanted)\nf('a')",
        "def f(wanted):\n    use(wanted)\n    with x as wanted: pass\nf('a')",
        "def f(wanted):\n    use(wanted)\n    [wanted := x for y in z]\nf('a')",
        "def f(wanted):\n    use(wanted)\n    import wanted\nf('a')",
        "def f(wanted):\n    global wanted\n    use(wanted)\nf('a')",
        "def f(wanted): use(wanted)\nf('a')\nglobals()['f'](x)",
        "def f(wanted): use(wanted)\nf('a')\ngetattr(x, 'f')(y)",
        "def f(wanted): use(wanted)\nf('a')\nx.f(y)",
        "class A:\n    def m(self, wanted): use(wanted)\nA().m('a')\ngetattr(A(), x)(y)",
        "class A:\n    def m(self, wanted): use(wanted)\nA().m('a')\ng = A().m",
        "class A:\n    @staticmethod\n    def m(wanted): use(wanted)\nA.m('a')",
    ],
)
def test_value_that_anything_else_may_give_does_not_show(source: str) -> None:
    assert find_values(source) == []
