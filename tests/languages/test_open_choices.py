"""Names that the source chooses between a known text and a value that it does not show: the value may be any text."""

from __future__ import annotations

from support.cases import check_each

from modelaudit.languages.python.analysis import analyze_source

OPEN = ("computed-name", "os.*")

_CHOICES = [
    "c.k or 'path'",
    "c.k and 'path'",
    "c.k if n else 'path'",
    "'path' if n else c.k",
    "getattr(c, 'k', None) or 'path'",
    "['path', c.k][n]",
    "{'a': 'path', 'b': c.k}[n]",
    "{'a': 'path', **c.k}['a']",
    "{'a': 'path'}.get(n, c.k)",
    "{'a': 'path'}.pop(n, c.k)",
    "next((each for each in [c.k] if each), 'path')",
    "next(iter(c.k), 'path')",
    "(c.k or 'path').strip()",
]

_BRANCHES = [
    "name = c.k\nif not name:\n    name = 'path'",
    "name = c.k\nif n:\n    name = 'path'\nif not n:\n    name = 'sep'",
    "name = 'path'\nif n:\n    name = c.k",
    "try:\n    name = c.k\nexcept AttributeError:\n    name = 'path'",
    "name = c.k\nfor each in c.names:\n    name = 'path'",
    "name = c.k\nwhile n > 2:\n    name = 'path'",
    "name = c.k\nmatch n:\n    case 2:\n        name = 'path'",
    "def choose(given):\n    if given is None:\n        return 'path'\n    return given\nname = choose(c.k)",
    "table = {'a': 'path'}\ntable.update(c.k)\nname = table['a']",
]

_KNOWN = [
    "name = 'path'",
    "name = {'a': 'path'}.get(n, 'name')",
    "def choose(given='path'):\n    return given\nname = choose()",
    "name = 'sep' if n else 'path'",
]


def list_uses(statements: str) -> set[tuple[str, str]]:
    """Return use and name of each mention of a function that takes a member of ``os`` by ``name``."""
    body = "\n".join(f"    {line}" for line in statements.splitlines())
    source = f"import os\ndef load(c, n):\n{body}\n    getattr(os, name)('a')\n"
    return {(each.use, each.name) for each in analyze_source(source).mentions}


@check_each("expression", _CHOICES)
def test_choice_between_a_text_and_an_unknown_value_leaves_the_name_open(expression: str) -> None:
    assert OPEN in list_uses(f"name = {expression}")


@check_each("statements", _BRANCHES)
def test_branch_that_sets_a_text_leaves_the_unknown_value_before_it(statements: str) -> None:
    assert OPEN in list_uses(statements)


@check_each("statements", _KNOWN)
def test_name_that_has_known_texts_alone_is_not_open(statements: str) -> None:
    assert OPEN not in list_uses(statements)
