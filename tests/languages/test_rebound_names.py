"""Texts that code binds to a name of the module, or to an item of a list, in the place of others."""

from __future__ import annotations

from support.cases import check_each

from modelaudit.languages.python.analysis import analyze_source

_NAMES = "import functools, importlib, operator, sys\nNAME, ATTR = 'json', 'dumps'\nN = 'json'\nA = 'dumps'\n"
_CALL = "getattr(importlib.import_module(N), A)('x')\n"


def finds_command(source: str) -> bool:
    """Whether the mentions of a source show the command, or leave the called name open."""
    names = {each.name for each in analyze_source(_NAMES + source).mentions}
    return "os.system" in names or "(function reached by computed names)" in names


@check_each(
    "source",
    [
        "globals().update(N='os', A='system')\n" + _CALL,
        "globals().__setitem__('N', 'os')\nglobals()['A'] = 'system'\n" + _CALL,
        "g = globals()\ng |= {'N': 'os', 'A': 'system'}\n" + _CALL,
        "vars()['N'] = 'os'\nlocals()['A'] = 'system'\n" + _CALL,
        "m = sys.modules[__name__]\nsetattr(m, 'N', 'os')\nm.A = 'system'\n" + _CALL,
        "m = sys.modules[__name__]\nm.__dict__['N'] = 'os'\nvars(m).update(A='system')\n" + _CALL,
        "def f():\n    pass\nf.__globals__['N'] = 'os'\nf.__globals__['A'] = 'system'\n" + _CALL,
        "sys._getframe().f_globals.update(N='os', A='system')\n" + _CALL,
        "operator.setitem(globals(), 'N', 'os')\ndict.update(globals(), A='system')\n" + _CALL,
        "list(map(globals().__setitem__, ['N', 'A'], ['os', 'system']))\n" + _CALL,
        "def run():\n    "
        + _CALL
        + "def change():\n    global N, A\n    N = 'os'\n    A = 'system'\nchange()\nrun()\n",
        "def run():\n    " + _CALL + "def change(config):\n    globals().update(config.names)\n",
        "def run():\n    " + _CALL + "def change(config):\n    global N, A\n    N, A = config.names\n",
        "class K:\n    N = 'json'\n    A = 'dumps'\nK.N = 'os'\nsetattr(K, 'A', 'system')\n"
        + _CALL.replace("N)", "K.N)").replace("A)", "K.A)"),
        "names = ['json', 'dumps']\nnames[0] = 'os'\nnames[1] = 'system'\n"
        + _CALL.replace("N)", "names[0])").replace("A)", "names[1])"),
        "names = {'n': 'json', 'a': 'dumps'}\nnames['n'] = 'os'\nnames.update(a='system')\n"
        + _CALL.replace("N)", "names['n'])").replace("A)", "names['a'])"),
    ],
)
def test_text_that_replaces_another_one_is_the_name(source: str) -> None:
    assert finds_command(source)


@check_each(
    "source",
    [
        _CALL,
        "def change():\n    global count\n    count = input()\n" + _CALL,
        "other = {'n': 'json'}\nother['n'] = 'os'\n" + _CALL,
    ],
)
def test_text_that_nothing_replaces_stays_the_name(source: str) -> None:
    assert not finds_command(source)


@check_each("program, is_own", [("('./tools/gxx',)", True), ("(None, 'tools/gxx')", True), ("(None, 'g++')", False)])
def test_program_among_several_is_found(program: str, is_own: bool) -> None:
    source = f"import torch._inductor.config as config\nconfig.cpp.cxx = {program}\n"
    assert ("(setting that names a program)" in {each.name for each in analyze_source(source).mentions}) == is_own


@check_each(
    "source",
    [
        "N = f\"{'osx':.2}\"\nA = f\"{'systemx':.6}\"\n" + _CALL,
        "N = f\"{'os'!r}\"[1:3]\nA = f\"{'xsystem'!r}\"[2:8]\n" + _CALL,
        "N = f\"{'os':{'>'}2}\"\nA = f\"{'tem':>3}\"\nA = 'sys' + A\n" + _CALL,
        "N = A = ''\nfor c in 'osjunk':\n    if len(N) == 2:\n        break\n    N += c\n"
        "for c in 'sys-tem':\n    if c == '-':\n        continue\n    A += c\n" + _CALL,
        "N = A = ''\nfor c in 'osjunk':\n    if c == 'j':\n        break\n    else:\n        N += c\n"
        "for c in 'systemj':\n    if c != 'j':\n        A += c\n    elif True:\n        break\n" + _CALL,
        "N, A = 'osxxxx', 'systemxxxx'\nwhile len(N) > 2:\n    N = N[:-1]\nwhile len(A) > 6:\n    A = A[:-1]\n" + _CALL,
        "N, A = 'xxxxos', 'xxxxsystem'\nfor _ in sys.argv:\n    N = N[1:]\n    A = A[1:]\n" + _CALL,
        "for c in 'ab':\n    if c == 'z':\n        importlib.import_module('os').system('x')\n        break\n",
    ],
)
def test_text_is_what_the_rounds_and_fields_make_of_it(source: str) -> None:
    assert finds_command(source)


@check_each(
    "text, expected",
    [
        ("f\"{5:03}{'a':>3}\"", "005  a"),
        ("f\"{'a'!a}\"", "'a'"),
        ("f\"{'a':{width}}\"", ""),
        ("f\"{'a':99999}\"", ""),
        ("f\"{'a':d}\"", ""),
    ],
)
def test_field_of_a_text_is_written_as_python_does(text: str, expected: str) -> None:
    source = f"import pickle\npickle.load(open({text}, 'rb'))\nname = {text}\ngetattr(pickle, name)\n"
    names = {each.name for each in analyze_source(source).mentions}
    assert (f"pickle.{expected}" in names) == bool(expected)
