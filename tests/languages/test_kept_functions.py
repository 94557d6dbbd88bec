"""Decorators of the source that keep a function, and those that call it while the file is imported."""

from __future__ import annotations

from support.cases import check_each

from modelaudit.languages.python.analysis import analyze_source


def runs_at_import(source: str) -> bool:
    """Whether the import of a source calls ``os.system``."""
    uses = {(each.use, each.name) for each in analyze_source(source).mentions}
    return ("call-at-import", "os.system") in uses


def decorate(decorator: str, name: str = "@d", after: str = "") -> str:
    """Return a source whose decorator gets a function that starts a program."""
    return f"import os, functools, atexit\n{decorator}\n{name}\ndef pay(*a):\n    os.system('x')\n{after}\n"


_WRAPPER = "def d(f):\n    def outer(*a):\n        return f(*a)\n    return outer"
_FACTORY = (
    "def d(label=None):\n    def deco(f):\n        def outer(*a):\n            return f(*a)\n        return outer\n"
)
_TABLE = "TABLE = {}\ndef d(f):\n    TABLE[f.__name__] = f\n    return f"
_REGISTRY = (
    "class R:\n    def __init__(self):\n        self._table = {}\n    def d(self, name):\n        def deco(f):\n"
    "            if name in self._table:\n                raise KeyError(name)\n            self._table[name] = f\n"
    "            return f\n        return deco\n    def find(self, name):\n        return self._table[name]\nr = R()"
)


@check_each(
    "source",
    [
        decorate("def d(f):\n    return f"),
        decorate(_WRAPPER),
        decorate(_WRAPPER.replace("    def", "    @functools.wraps(f)\n    def", 1)),
        decorate(_FACTORY + "    return deco", "@d('x')"),
        decorate(_FACTORY + "    return deco if label is None else deco(label)"),
        decorate(_TABLE),
        decorate(_TABLE, after="def find(name):\n    return TABLE[name]"),
        decorate(_TABLE, after="if __name__ == '__main__':\n    pay()"),
        decorate("TABLE = []\ndef d(f):\n    TABLE.append(f)\n    return f"),
        decorate(_REGISTRY, "@r.d('x')"),
        decorate("@functools.singledispatch\ndef d(f):\n    return 0", "@d.register"),
    ],
)
def test_decorator_that_keeps_a_function_calls_nothing(source: str) -> None:
    assert not runs_at_import(source)


@check_each(
    "source",
    [
        decorate("def d(f):\n    f()\n    return f"),
        decorate("def run(g):\n    g()\ndef d(f):\n    run(f)\n    return f"),
        decorate("class D:\n    def __init__(self, f):\n        f()", "@D"),
        decorate("def d(label):\n    def deco(f):\n        f()\n        return f\n    return deco", "@d('x')"),
        decorate("def d(label):\n    def deco(f):\n        label(f)\n        return f\n    return deco", "@d(apply)"),
        decorate("", "@atexit.register"),
        decorate(_WRAPPER.replace("return outer", "outer()\n    return outer")),
        decorate(_WRAPPER.replace("return outer", "g = outer\n    g()\n    return outer")),
        decorate("def d(f):\n    [g() for g in [f]]\n    return f"),
        decorate("def d(f):\n    return f()"),
        decorate("def d(f):\n    return [f][0]()"),
        # The decorated name, or what a decorator keeps, is called afterwards.
        decorate(_WRAPPER, after="pay()"),
        decorate(_WRAPPER, after="x = pay\nx()"),
        decorate(_FACTORY + "    return deco", "@d('x')", "pay()"),
        decorate(_TABLE, after="TABLE['pay']()"),
        decorate(_TABLE, after="for each in TABLE.values():\n    each()"),
        decorate(_TABLE, after="def main():\n    for each in TABLE.values():\n        each()\nmain()"),
        decorate(_TABLE, after="globals()['TA' + 'BLE']['pay']()"),
        decorate(_TABLE.replace("TABLE = {}", "TABLE = OTHER = {}"), after="OTHER.popitem()[1]()"),
        decorate(
            _TABLE.replace("TABLE = {}", "class T(dict):\n    def __setitem__(s, k, v):\n        v()\nTABLE = T()")
        ),
        decorate(_TABLE, after="import sys\nvars(sys.modules[__name__])['TA' 'BLE']['pay']()"),
        decorate(_TABLE.replace("def d", "def e"), "@e", "d = TABLE\nd.popitem()[1]()"),
        decorate(_REGISTRY, "@r.d('x')", "r.find('x')()"),
        decorate(_REGISTRY, "@r.d('x')", "r._table['x']()"),
        # A decorator that is called as a function as well.
        decorate("def d(f):\n    return f", after="d(pay)()"),
        decorate("def d(f):\n    return f", after="e = d\n@e\ndef g():\n    pass\ne(pay)()"),
        decorate("def d(f):\n    return f\ndef run(f):\n    f()\n    return f", "@run\n@d"),
        decorate("def d(f):\n    return f\ndef run(f):\n    f()\n    return f", "@d\n@run"),
    ],
)
def test_decorator_that_calls_a_function_does_so_at_import(source: str) -> None:
    assert runs_at_import(source)
