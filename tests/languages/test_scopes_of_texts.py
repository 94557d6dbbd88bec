"""A text decides a lookup only if no other scope, class or file of the model may give its name another one."""

from __future__ import annotations

import bz2
from pathlib import Path

import pytest

import modelaudit
from modelaudit.languages.python.analysis import analyze_source

HEAD = "import importlib, os\n"
OPEN = {"(function reached by computed names)", "(member under a computed name)", "importlib.*", "os.*"}
PART = "class A:\n    m, n = 'torch.nn', 'Linear'\n"
LOOK_UP = "getattr(importlib.import_module(m), n)('x')\n"
LOOK_UP_PART = "getattr(importlib.import_module(A.m), A.n)('x')\n"
LOOK_UP_OBJECT = "a = A()\ngetattr(importlib.import_module(a.m), a.n)('x')\n"
MODULE_TEXTS = "m, n = 'os', 'system'\n"


def is_seen(source: str) -> bool:
    """Whether the analysis finds ``os.system``, or that a name stays open."""
    names = {each.name for each in analyze_source(HEAD + source).mentions}
    return "os.system" in names or not OPEN.isdisjoint(names)


@pytest.mark.parametrize(
    "source",
    [
        f"{MODULE_TEXTS}class A:\n    m, n = 'torch.nn', 'Linear'\n    x = [{LOOK_UP.strip()} for _ in 'a']\n",
        f"{MODULE_TEXTS}class A:\n    m, n = 'torch.nn', 'Linear'\n    x = (lambda: {LOOK_UP.strip()})()\n",
        f"{MODULE_TEXTS}class A:\n    m, n = 'torch.nn', 'Linear'\n    def f(self):\n        {LOOK_UP}A().f()\n",
        f"{MODULE_TEXTS}class A:\n    m, n = 'torch.nn', 'Linear'\n    del m, n\n    {LOOK_UP}",
        f"{MODULE_TEXTS}def f():\n    m, n = 'torch.nn', 'Linear'\n    class A:\n        global m, n\n        {LOOK_UP}f()\n",
        f"{MODULE_TEXTS}class A:\n    m = 'torch.nn'\n    try:\n        1 / 0\n    except Exception as m:\n        pass\n    {LOOK_UP}",
    ],
)
def test_class_is_no_scope_for_its_functions_and_a_deleted_name_means_that_of_the_module(source: str) -> None:
    assert is_seen(source)


@pytest.mark.parametrize(
    "source",
    [
        "__m = 'torch.nn'\n_Model__m = 'os'\nclass Model:\n    getattr(importlib.import_module(__m), 'system')('x')\n",
        "import torch as __t\nimport os as _Model__t\nclass Model:\n    def f(self):\n        __t.system('x')\n",
        "import torch as __t\nimport os as _Model__t\nclass __Model:\n    class Inner:\n        pass\n    def f(self):\n"
        "        __t.system('x')\n",
    ],
)
def test_private_name_in_a_class_is_the_one_with_the_name_of_the_class(source: str) -> None:
    assert is_seen(source)


def test_name_with_two_underscores_outside_of_classes_is_itself() -> None:
    names = {each.name for each in analyze_source("import torch as __t\n__t.load('x')\n").mentions}
    assert "torch.load" in names


@pytest.mark.parametrize(
    "source",
    [
        f"def f():\n    m, n = 'torch.nn', 'Linear'\n    def g():\n        nonlocal m, n\n        {MODULE_TEXTS.strip()}\n"
        f"    run(g)\n    {LOOK_UP}",
        f"def f():\n    {MODULE_TEXTS.strip()}\n    run(lambda: {LOOK_UP.strip()})\n    m, n = 'torch.nn', 'Linear'\n",
        f"m, n = 'torch.nn', 'Linear'\ndef g():\n    global m, n\n    {MODULE_TEXTS}    return\n    m = 'torch.nn'\nrun(g)\n{LOOK_UP}",
        "x = 'torch.nn', 'Linear'\ndef g():\n    global x\n    x = 'os', 'system'\n    return\n    x = 'torch.nn', 'Linear'\n"
        "run(g)\nm, n = x\n" + LOOK_UP,
        "m, n = 'torch.nn', 'Linear'\nfrom library import *\n" + LOOK_UP,
    ],
)
def test_name_that_code_binds_at_an_unknown_time_is_open(source: str) -> None:
    assert is_seen(source)


def test_star_import_may_bring_the_module_that_a_name_means() -> None:
    source = "import torch as subprocess\nfrom torch.utils.collect_env import *\nsubprocess.run(['x'])\n"
    assert "subprocess.run" in {each.name for each in analyze_source(source).mentions}


@pytest.mark.parametrize(
    "source",
    [
        f"{PART}    def __getattribute__(self, k):\n        return k\n{LOOK_UP_OBJECT}",
        f"{PART}A.m *= 0\nA.m += 'os'\n{LOOK_UP_PART}",
        f"class B:\n    m, n = 'os', 'system'\nclass A(B):\n    m, n = 'torch.nn', 'Linear'\ndel A.m\n{LOOK_UP_PART}",
        f"class D:\n    def __set_name__(self, o, k):\n        o.m, o.n = 'os', 'system'\n{PART}    d = D()\n{LOOK_UP_PART}",
        "class Q(type):\n    def __new__(c, k, b, d):\n        return type.__new__(c, k, b, {'m': 'os', 'n': 'system'})\n"
        f"class A(metaclass=Q):\n    m, n = 'torch.nn', 'Linear'\n{LOOK_UP_PART}",
        "class P(dict):\n    def __setitem__(self, k, v):\n        pass\nclass Q(type):\n    def __prepare__(*a):\n        return P()\n"
        f"class A(metaclass=Q):\n    m, n = 'torch.nn', 'Linear'\n    {LOOK_UP}",
        f"{PART}    def __new__(cls):\n        return make()\n{LOOK_UP_OBJECT}",
        f"{PART}a = A()\na.__dict__.update(m='os', n='system')\n{LOOK_UP_OBJECT.partition(chr(10))[2]}",
        f"{PART}a = A()\nvars(a)['m'] = 'os'\n{LOOK_UP_OBJECT.partition(chr(10))[2]}",
        f"{PART}change(A)\n{LOOK_UP_PART}",
        f"{PART}a = A()\nchange(a)\n{LOOK_UP_OBJECT.partition(chr(10))[2]}",
        f"@change\n{PART}{LOOK_UP_PART}",
    ],
)
def test_text_of_a_class_is_open_where_something_may_answer_for_its_attribute(source: str) -> None:
    assert is_seen(source)


def test_text_of_a_plain_class_decides_a_lookup() -> None:
    part = "class A:\n    m = 'torch.nn'\n    n = 'Linear'\n"
    names = {each.name for each in analyze_source(f"{HEAD}{part}{LOOK_UP_PART}").mentions}
    assert "torch.nn.Linear" in names
    assert not {"(function reached by computed names)", "importlib.*"} & names


def test_name_that_a_comprehension_over_dir_compares_with_a_text_decides_a_lookup() -> None:
    source = "import os\n[getattr(os, each) for each in dir(os) if each == 'getenv'][0]('HOME')\n"
    mentions = {(each.use, each.name) for each in analyze_source(source).mentions}
    assert "os.getenv" in {name for _, name in mentions}
    assert ("reference", "(member under a computed name)") not in mentions


@pytest.mark.parametrize(
    "source",
    [
        "m = '{0001}'.format('torch.nn', 'os')\nn = 'system'\n",
        "m = ('%r' % 'xosx')[2:-2]\nn = 'system'\n",
        "m = 'torch.nn'.translate(str.maketrans('', '', 'torch.n')) or 'os'\nn = 'system'\n",
        "m, n = ['torch.nn', 'x', 'os', 'system'][-2:][::1]\n",
        "*_, m, n = ['torch.nn', 'Linear', 'os', 'system']\n",
        "m, n = (*('_', 'os'), 'torch.nn')[1], 'system'\n",
        f"m = {['torch.nn'] * 299 + ['os']!r}[-1]\nn = 'system'\n",
        f"for m in {['torch.nn'] * 19 + ['os']!r}: pass\nn = 'system'\n",
        "for m in {'os': 'torch.nn'}: pass\nn = 'system'\n",
        "for m, _ in {'os': ('torch.nn', 1)}.items(): pass\nn = 'system'\n",
        "def f(a, /, **k): return a\nm, n = f('os', a='torch.nn'), f('system', a='Linear')\n",
        "class A:\n    @classmethod\n    def f(cls, m='torch.nn'): return m\nm, n = A.f('os'), A.f('system')\n",
        "m = sorted(['os', 'torch.nn'], key=len)[0]\nn = 'system'\n",
        "m = ''.join({'o', 's'})\nn = 'system'\n",
        f"import bz2\nm = bz2.decompress({bz2.compress(b'o') + bz2.compress(b's')!r}).decode()\nn = 'system'\n",
        "it = iter(['torch.nn', 'os'])\nnext(it)\nm, n = list(it)[0], 'system'\n",
        "m = 'torch.nn' if [1] == (1,) else 'os'\nn = 'system'\n",
        "m, n = 'os', 'system'\nwhile True:\n    break\n    m, n = 'torch.nn', 'Linear'\n",
        "m, n = 'os', 'system'\nf = lambda m=m, n=n: (m, n)\nm, n = 'torch.nn', 'Linear'\nm, n = f()\n",
    ],
)
def test_text_that_python_makes_otherwise_is_seen(source: str) -> None:
    assert is_seen(source + LOOK_UP)


# The names of these are what Python makes of them only in a way that the evaluator does not follow.
OTHERWISE = [
    "d = {'m': 'torch.nn'}\nd = found.table\nm, n = d['m'], 'Linear'\n",
    "f = lambda: 'torch.nn'\nf = found.lower\nm, n = f(), 'Linear'\n",
    "a, b, m = 'torch.nn', 'torch.nn', 'torch.nn'\nwhile goes_on():\n    m = a\n    a = b\n    b = 'os'\nn = 'system'\n",
    "m = sorted(['torch.nn', 'os'], reverse=found)[0]\nn = 'system'\n",
    "r = reversed('nn.hcrot')\nlist(r)\nm, n = ''.join(r) or 'os', 'system'\n",
    "m = 'torch.nn' if [1] == {1} else 'os'\nn = 'system'\n",
    "m = [*{'torch.nn': 'os'}.values()][0]\nn = 'system'\n",
    "m = {'m': 'torch.nn'}.fromkeys('m', 'os')['m']\nn = 'system'\n",
    "m = dict({'m': 'torch.nn'}, m='os')['m']\nn = 'system'\n",
    "def f(m='torch.nn'): return m\nm, n = f(**{found: 'os'}), 'system'\n",
    "def f(m='torch.nn'): return m\nf.__defaults__ = ('os',)\nm, n = f(), 'system'\n",
    "class A:\n    def f(self): return 'torch.nn'\na = A()\na.__class__ = found\nm, n = a.f(), 'Linear'\n",
    "class A:\n    m = 'torch.nn'\n    def __init__(self): setattr(self, found, 'os')\nm, n = A().m, 'system'\n",
    "class A:\n    class __B:\n        def f(self): return __m\n__m, _B__m, _A__B__m = 'torch.nn', 'os', 'torch.nn'\n"
    "m, n = A().f(), 'system'\n",
    "from contextlib import suppress\nm, n = 'os', 'system'\nwith suppress(Exception), found() as m:\n    m = 'torch.nn'\n",
    "m, n = 'torch.nn', 'Linear'\ntry:\n    m = found()\nfinally:\n    pass\n",
    "import operator\ng = globals()\nm, n = 'torch.nn', 'Linear'\nfill(g)\n",
    "import json\nm, n = 'torch.nn', 'Linear'\njson.loads(found, object_hook=globals().update)\n",
    f"m = {'x' * 5000 + 'os'!r}[-2:]\nn = 'system'\n",
]


@pytest.mark.parametrize("source", OTHERWISE)
def test_text_that_is_not_made_in_a_listed_way_decides_no_lookup(source: str) -> None:
    source = source.replace("'os'", "'system'").replace("torch.nn", "getcwd")
    mentions = {(each.use, each.name) for each in analyze_source(f"import os\n{source}getattr(os, m)('x')\n").mentions}
    assert ("computed-name", "os.*") in mentions or "os.system" in {name for _, name in mentions}


@pytest.mark.parametrize(
    "look_up",
    [
        "vars(torch).copy()[found]",
        "dict(vars(torch))[found]",
        "collections.OrderedDict(vars(torch))[found]",
        "(vars(torch) | {})[found]",
        "dict.get(vars(torch), found)",
        "operator.__getitem__(vars(torch), found)",
        "sys.modules.setdefault(found)",
        "operator.call(getattr, torch, found)",
    ],
)
def test_member_of_a_copied_namespace_is_reached_by_a_computed_name(look_up: str) -> None:
    source = f"import collections, operator, sys, torch\ngetattr({look_up}, found.name)('x')\n"
    names = {each.name for each in analyze_source(source).mentions}
    assert not names.isdisjoint(OPEN | {"torch.*"})


@pytest.mark.parametrize(
    "text",
    [
        "'getenv'",
        "'get' + 'env'",
        "''.join(['get', 'env'])",
        "'vneteg'[::-1]",
        "''.join(chr(each) for each in [103, 101, 116, 101, 110, 118])",
        "bytes(each ^ 7 for each in b'`bsbiq').decode()",
        "base64.b64decode('Z2V0ZW52').decode()",
        "{'a': 'getenv'}['a']",
        "PART.name",
        "NAME",
        "make()",
        "('getenv')",
    ],
)
def test_text_that_is_made_in_a_listed_way_decides_a_lookup(text: str) -> None:
    head = (
        "import base64, os\nNAME = 'get' + 'env'\nclass PART:\n    name = 'getenv'\ndef make():\n    return 'getenv'\n"
    )
    mentions = {(each.use, each.name) for each in analyze_source(f"{head}getattr(os, {text})('HOME')\n").mentions}
    assert "os.getenv" in {name for _, name in mentions}
    assert ("computed-name", "os.*") not in mentions


@pytest.mark.parametrize(
    "helper",
    [
        "def go():\n    from . import modeling as t\n    t.m, t.n = 'os', 'system'\n",
        "def go():\n    from . import modeling as t\n    setattr(t, 'm', 'os')\n    setattr(t, 'n', 'system')\n",
        "def go():\n    from . import modeling as t\n    vars(t).update(m='os', n='system')\n",
        "def go():\n    from .modeling import A\n    A.m, A.n = 'os', 'system'\n",
    ],
)
def test_text_that_another_file_binds_again_is_open(tmp_path: Path, helper: str) -> None:
    part = "A.m), A.n" if "import A" in helper else "m), n"
    model = f"import importlib\nfrom .helper import go\nm, n = 'torch.nn', 'Linear'\n{PART}"
    model += f"def run(line):\n    go()\n    getattr(importlib.import_module({part})(line)\n"
    (tmp_path / "config.json").write_text('{"model_type": "tiny", "auto_map": {"AutoModel": "modeling.A"}}')
    (tmp_path / "modeling.py").write_text(model)
    (tmp_path / "helper.py").write_text(helper)
    report = modelaudit.scan(tmp_path, checks=["security"], offline=True, second_opinion=False)
    assert report.exit_code == 1


_SIBLING = "importlib.import_module('.modeling', __package__)"


@pytest.mark.parametrize(
    ("body", "is_found"),
    [
        (f"t = {_SIBLING}\nC.update(t, c.table)", True),
        (f"C.update({_SIBLING}, c.table)", True),
        (f"[C.update(t, c.table) for t in [{_SIBLING}]]", True),
        ("import sys\n[C.update(v, c.table) for k, v in list(sys.modules.items()) if k == __name__]", True),
        ("import sys\nC.update(dict(sys.modules)[__name__], c.table)", True),
        ("import inspect\ndict(inspect.getmembers(run))['__globals__'].update(c.table)", True),
        (f"t = {_SIBLING}\nreturn t.Net", False),
        (f"t = {_SIBLING}\nreturn getattr(t, 'Net')", False),
        (f"return {_SIBLING}.Net", False),
        ("import sys\nif 'torch' in sys.modules: c.size = 1", False),
    ],
)
def test_own_module_that_goes_to_a_library_opens_the_texts(body: str, is_found: bool) -> None:
    lines = "".join(f"    {each}\n" for each in body.split("\n"))
    source = f"from transformers import PretrainedConfig as C\nm, n = 'torch.nn', 'Linear'\ndef go(c):\n{lines}def run(c):\n    "
    names = {each.name for each in analyze_source(f"{HEAD}{source}{LOOK_UP}").mentions}
    assert (not OPEN.isdisjoint(names)) is is_found


@pytest.mark.parametrize(
    "line",
    [
        "builtins.len = lambda x: 1",
        "setattr(builtins, 'chr', run)",
        "base64.b64decode = run",
        "codecs.register(run)",
        "sys.modules['base64'] = run",
    ],
)
def test_code_that_replaces_a_function_of_python_is_an_alarm(tmp_path: Path, line: str) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "tiny", "auto_map": {"AutoModel": "modeling.A"}}')
    (tmp_path / "modeling.py").write_text(f"import base64, builtins, codecs, sys\n{line}\n")
    report = modelaudit.scan(tmp_path, checks=["security"], offline=True, second_opinion=False)
    assert "code/replaces-builtin" in {each.rule for each in report.findings}
