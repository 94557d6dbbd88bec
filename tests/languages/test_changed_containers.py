"""Lists and mappings that a source changes unseen between the place where it writes them and where it looks them up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.cases import check_each
from support.work import count_lines, find_growth_fault

from modelaudit.languages.python.analysis import analyze_source
from modelaudit.languages.python.exported_values import list_exported_values

_IMPORTS = "import functools, gc, heapq, importlib, operator, random, subprocess, sys\n"
_LISTS = 'm = ["torch.nn", "os"]\nn = ["Linear", "system"]\n'
_LOOK_UP = 'getattr(importlib.import_module(m[0]), n[0])("id")\n'
_ALARMS = frozenset({"importlib.*", "(function reached by computed names)", "os.system", "*.system"})
_MEMBER = "(member under a computed name)"

# Each changes the lists ``m`` and ``n``.
_CHANGES = [
    "del m[0], n[0]",
    "del m[:1], n[:1]",
    "a = m; b = n\ndel a[0], b[0]",
    "a = m; b = n\na.reverse(); b.reverse()",
    "a, b = m, n\na.reverse(); b.reverse()",
    "(a := m).reverse(); (b := n).reverse()",
    "a = c = m; b = d = n\na.reverse(); b.reverse()",
    "operator.delitem(m, 0); operator.delitem(n, 0)",
    "operator.setitem(m, 0, 'os'); operator.setitem(n, 0, 'system')",
    "operator.methodcaller('reverse')(m); operator.methodcaller('reverse')(n)",
    "heapq.heapify(m); n.sort(reverse=True)",
    "random.shuffle(m); random.shuffle(n)",
    "list.reverse(m); list.reverse(n)",
    "list(map(list.reverse, [m, n]))",
    "[x.reverse() for x in (m, n)]",
    "for x in (m, n): x.reverse()",
    "for at, x in enumerate([m, n]): x.reverse()",
    "for x, in zip([m, n]): x.reverse()",
    "for m[0], n[0] in [('os', 'system')]: pass",
    "m[0] = n[0] = ''\nm[0] += 'os'; n[0] += 'system'",
    "m[:1] = []; n[:1] = []",
    "m.__init__(['os']); n.__init__(['system'])",
    "m.__setitem__(0, 'os'); n.__setitem__(0, 'system')",
    "m *= 0; n *= 0\nm += ['os']; n += ['system']",
    "functools.partial(m.reverse)(); functools.partial(n.reverse)()",
    "r = m.reverse; s = n.reverse\nr(); s()",
    "getattr(m, 'reverse')(); getattr(n, 'reverse')()",
    "t = (m, n)\nt[0].reverse(); t[1].reverse()",
    "t = {'a': m, 'b': n}\nfor x in t.values(): x.reverse()",
    "t = []\nt.append(m); t.append(n)\nfor x in t: x.reverse()",
    "t = [[m], [n]]\nt[0][0].reverse(); t[1][0].reverse()",
    "t = dict(a=m, b=n)\nt['a'].reverse(); t['b'].reverse()",
    "t = {}\nt.setdefault('a', m).reverse(); t.get('b', n).reverse()",
    "max(m, m).reverse(); sum([], n).reverse()",
    "(m or n).reverse(); (n if n else m).reverse()",
    "(lambda x: x.reverse())(m); (lambda x: x.reverse())(n)",
    "(lambda *x: [each.reverse() for each in x])(m, n)",
    "def f(x): x.reverse()\nf(m); f(n)",
    "f = lambda x: x.reverse()\nf(m); f(n)",
    "def f(x): return 1\ndef g(x): x.reverse()\nf = g\nf(m); f(n)",
    "def len(x): x.reverse()\nlen(m); len(n)",
    "def f(x=m, y=n): x.reverse(); y.reverse()\nf()",
    "def f(): return m, n\nf()[0].reverse(); f()[1].reverse()",
    "class A:\n    x = m\n    y = n\nA.x.reverse(); A.y.reverse()",
    "class A:\n    def __radd__(self, x): x.reverse()\nm + A(); n + A()",
    "class A:\n    def __eq__(self, x): x.reverse()\nm == A(); n == A()",
    "match m:\n    case x: x.reverse()\nmatch n:\n    case y: y.reverse()",
    "if not m: m[0] = 'numpy'; n[0] = 'array'\ndel m[0], n[0]",
    "sys.setprofile(m); sys.setprofile(n)",
    "exec('m.reverse(); n.reverse()')",
]

# These reach the lists by the names that the module gives them.
_MODULE_CHANGES = [
    "def f():\n    m[0] = 'os'; n[0] = 'system'\nf()",
    "globals()['m'].reverse(); globals()['n'].reverse()",
    "k = 'm'; globals()[k].reverse()\nk = 'n'; globals()[k].reverse()",
    "for x in list(globals().values()):\n    if type(x) is list: x.reverse()",
    "sys.modules[__name__].m.reverse(); sys.modules[__name__].n.reverse()",
    "for x in gc.get_objects():\n    if x == m or x == n: x.reverse()",
    "class A:\n    m += ['a']; n += ['b']",
    "(m, n) = t = ['torch.nn', 'os'], ['Linear', 'system']\nfor x in t: x.reverse()",
    "m = (a := ['torch.nn', 'os']); n = (b := ['Linear', 'system'])\na.reverse(); b.reverse()",
]

_MAPPING_CHANGES = [
    "del d['a'], e['a']",
    "d.pop('a'); e.pop('a')",
    "d.popitem(); e.popitem()",
    "d.clear(); e.clear()",
    "dict.clear(d); dict.clear(e)",
    "for x in (d, e): x.clear()",
    "a = d; b = e\na['a'] = 'os'; b['a'] = 'system'",
    "d |= {'a': 'os'}; e |= {'a': 'system'}",
    "def f(x): x.clear()\nf(d); f(e)",
    "if not d: d['a'] = 'numpy'; e['a'] = 'array'\nd.clear(); e.clear()",
]

_NESTED_CHANGES = [
    "m.reverse(); n.reverse()",
    "m[0][0] = 'os'; n[0][0] = 'system'",
    "a = m[0]; b = n[0]\na[0] = 'os'; b[0] = 'system'",
    "for x in m: x[0] = 'os'\nfor x in n: x[0] = 'system'",
    "(a, _), (b, _) = m, n\na[0] = 'os'; b[0] = 'system'",
    "[x.__setitem__(0, 'os') for x in m]; [x.__setitem__(0, 'system') for x in n]",
    "random.shuffle(*m[:1]); random.shuffle(*n[:1])",
    "a = list(m); b = [*n]\na[0].reverse(); b[0].reverse()",
    "del m[0], n[0]",
]

_READS = [
    "print(m, len(n), 'torch' in m, m == n)",
    "a = m; b = n\nprint(a[0], b[0])",
    "for x, y in zip(m, n): print(x, y)",
    "k = list(m) + sorted(n)\nk.reverse()",
    "k = m.copy()\nk.clear()",
    "k = [*m, *n]\nk.pop()",
    "k = []\nk.extend(m)\nk.append(n[1])",
    "def f(x): return x[0]\nf(m); f(n)",
    "f = lambda x: x[0]\nf(m); f(n)",
    "assert m and n[0]",
    "print(' '.join(m), ', '.join(x for x in n), f'{m}')",
    "t = (m, n)\nfor x in t: print(x[0])",
    "m[1] = 'numpy'; n[1] = 'array'",
]


# Other holders of the lists, and other ways to look up a name by them.
_OTHER_WAYS = [
    "import importlib, operator, sys\nclass A:\n    def __init__(self):\n"
    '        self.m = ["torch.nn", "os"]; self.n = ["Linear", "system"]\n    def change(self):\n'
    "        self.m.reverse(); self.n.reverse()\n    def run(self):\n"
    '        getattr(importlib.import_module(self.m[0]), self.n[0])("id")\na = A(); a.change(); a.run()\n',
    'import importlib, operator, sys\nclass A:\n    m = ["torch.nn", "os"]; n = ["Linear", "system"]\n'
    "    def change(self):\n        for x in (self.m, self.n): x.reverse()\n    def run(self):\n"
    '        getattr(importlib.import_module(self.m[0]), self.n[0])("id")\na = A(); a.change(); a.run()\n',
    'import importlib, operator, sys\nclass A:\n    m = ["torch.nn", "os"]; n = ["Linear", "system"]\n'
    'A.m = ["os"]; A.n = ["system"]\ngetattr(importlib.import_module(A.m[0]), A.n[0])("id")\n',
    'import importlib, operator, sys\nclass A:\n    m = ["torch.nn", "os"]; n = ["Linear", "system"]\n'
    'setattr(A, "m", ["os"]); setattr(A, "n", ["system"])\n'
    'getattr(importlib.import_module(A.m[0]), A.n[0])("id")\n',
    'import importlib, operator, sys\ndef f():\n    m = ["torch.nn", "os"]; n = ["Linear", "system"]\n'
    "    def g():\n        m.reverse(); n.reverse()\n    g()\n"
    '    getattr(importlib.import_module(m[0]), n[0])("id")\nf()\n',
    'import importlib, operator, sys\ndef f():\n    m = ["torch.nn", "os"]; n = ["Linear", "system"]\n'
    "    def g():\n        nonlocal m, n\n        pass\n        pass\n        pass\n        pass\n        pass\n"
    "        pass\n        pass\n        pass\n        pass\n        pass\n        pass\n        pass\n"
    '        pass\n        pass\n        m = ["os"]; n = ["system"]\n    g()\n'
    '    getattr(importlib.import_module(m[0]), n[0])("id")\nf()\n',
    'import importlib, operator, sys\ndef f(m=["torch.nn", "os"], n=["Linear", "system"]):\n'
    '    getattr(importlib.import_module(m[0]), n[0])("id")\n    m.reverse(); n.reverse()\nf(); f()\n',
    'import importlib, operator, sys\ndef f(m=["torch.nn", "os"], n=["Linear", "system"]):\n'
    '    getattr(importlib.import_module(m[0]), n[0])("id")\n'
    "f.__defaults__[0].reverse(); f.__defaults__[1].reverse()\nf()\n",
    'import importlib, operator, sys\ndef f(m=["torch.nn", "os"], n=["Linear", "system"]):\n'
    '    getattr(importlib.import_module(m[0]), n[0])("id")\n[x.reverse() for x in getattr(f, "__defaults__")]\n'
    "f()\n",
    'import importlib, operator, sys\nimport functools\n@functools.cache\ndef p(): return ["torch.nn", "os"]\n'
    '@functools.cache\ndef q(): return ["Linear", "system"]\np().reverse(); q().reverse()\n'
    'getattr(importlib.import_module(p()[0]), q()[0])("id")\n',
    'import importlib, operator, sys\nm = ["torch.nn", "os"]; n = ["Linear", "system"]\ntry:\n'
    "    raise ValueError(m, n)\nexcept ValueError as e:\n    for x in e.args: x.reverse()\n"
    'getattr(importlib.import_module(m[0]), n[0])("id")\n',
    'import importlib, operator, sys\nm = ["torch.nn", "os"]; n = ["Linear", "system"]\ndef g():\n    yield m\n'
    '    yield n\nfor x in g(): x.reverse()\ngetattr(importlib.import_module(m[0]), n[0])("id")\n',
    'import importlib, operator, sys\nimport asyncio\nm = ["torch.nn", "os"]; n = ["Linear", "system"]\n'
    "async def f(x): x.reverse()\nasyncio.run(f(m)); asyncio.run(f(n))\n"
    'getattr(importlib.import_module(m[0]), n[0])("id")\n',
    'import importlib, operator, sys\nm = ["torch.nn", "os"]; n = ["Linear", "system"]\ndef d(f):\n'
    "    m.reverse(); n.reverse()\n    return f\n@d\ndef h(): pass\n"
    'getattr(importlib.import_module(m[0]), n[0])("id")\n',
    'import importlib, operator, sys\nm = ["torch.nn", "os"]; n = ["Linear", "system"]\n'
    "iter(m).__reduce__()[1][0].reverse(); iter(n).__reduce__()[1][0].reverse()\n"
    'getattr(importlib.import_module(m[0]), n[0])("id")\n',
    'import importlib, operator, sys\nd = {"m": ["torch.nn", "os"], "n": ["Linear", "system"]}\n'
    'for k, v in d.items(): v.reverse()\ngetattr(importlib.import_module(d["m"][0]), d["n"][0])("id")\n',
    'import importlib, operator, sys\nd = {"m": ["torch.nn", "os"], "n": ["Linear", "system"]}\n'
    'd["m"].reverse(); d["n"].reverse()\ngetattr(importlib.import_module(d["m"][0]), d["n"][0])("id")\n',
    'import importlib, operator, sys\nimport functools\nm = ["torch.nn", "os"]; n = ["Linear", "system"]\n'
    'm.reverse(); n.reverse()\nfunctools.reduce(getattr, ["nn"], importlib.import_module(m[0]))\n'
    'f = functools.reduce(getattr, n[:1], importlib.import_module(m[0]))\nf("id")\n',
    'import functools, os\nn = ["getcwd", "system"]\na = n\na.reverse()\nfunctools.reduce(getattr, n[:1], os)("id")\n',
    'import os\nn = ["getcwd", "system"]\na = n\na.reverse()\nlist(map(lambda k: getattr(os, k), n))[0]("id")\n',
    'import os, operator\nn = ["getcwd", "system"]\na = n\na.reverse()\noperator.attrgetter(n[0])(os)("id")\n',
    'import os, operator\nn = ["getcwd", "system"]\na = n\na.reverse()\noperator.methodcaller(n[0], "id")(os)\n',
    'import os\nn = ["getcwd", "system"]\na = n\na.reverse()\nvars(os)[n[0]]("id")\n',
    'import os\nn = ["getcwd", "system"]\na = n\na.reverse()\nos.__dict__[n[0]]("id")\n',
    'import os, operator\nn = ["getcwd", "system"]\na = n\na.reverse()\noperator.getitem(os.__dict__, n[0])("id")\n',
    'import os\nn = ["getcwd", "system"]\na = n\na.reverse()\nos.__dict__.get(n[0])("id")\n',
    'import sys\nm = ["math", "os"]; n = ["sin", "system"]\na = n; b = m\na.reverse(); b.reverse()\n'
    'getattr(sys.modules[m[0]], n[0])("id")\n',
    'import os\nn = ["getcwd", "system"]\na = n\na.reverse()\nos.__getattribute__(n[0])("id")\n',
    'import os\ni = [0, 1]\na = i\na.reverse()\ngetattr(os, ["getcwd", "system"][i[0]])("id")\n',
    'import os\ni = [103, 101, 116, 99, 119, 100]\na = i\na[:] = list(b"system")\n'
    'getattr(os, "".join(map(chr, i)))("id")\n',
    'import os\ni = [103, 101, 116, 99, 119, 100]\na = i\na[:] = list(b"system")\n'
    'getattr(os, "".join(chr(x) for x in i))("id")\n',
    'import os\ni = [103, 101, 116, 99, 119, 100]\na = i\na[:] = list(b"system")\ns = ""\n'
    'for x in i: s += chr(x)\ngetattr(os, s)("id")\n',
    'import os\ni = [103, 101, 116, 99, 119, 100]\na = i\na[:] = list(b"system")\n'
    'getattr(os, bytes(i).decode())("id")\n',
    'import os\ni = []\na = i\na.append("system")\ngetattr(os, "".join(i))("id")\n',
    'import os\ni = []\na = i\na.append("system")\nfor x in i: getattr(os, x)("id")\n',
    'import os\ni = ["get", "cwd"]\na = i\na[:] = ["sys", "tem"]\ngetattr(os, "%s%s" % tuple(i))("id")\n',
    'import os\ni = ["get", "cwd"]\na = i\na[:] = ["sys", "tem"]\ngetattr(os, "{}{}".format(*i))("id")\n',
    'import os\ni = "getcwd system".split()\na = i\na.reverse()\ngetattr(os, i[0])("id")\n',
    'import os\ni = {"getcwd"}\na = i\na.clear(); a.add("system")\ngetattr(os, *i)("id")\n',
    'import os\ni = {"getcwd"}\na = i\na.clear(); a.add("system")\ngetattr(os, next(iter(i)))("id")\n',
    'import os\ni = {"getcwd"}\na = i\na.clear(); a.add("system")\ngetattr(os, min(i))("id")\n',
    'import os\ni = {"getcwd"}\na = i\na.clear(); a.add("system")\ngetattr(os, sorted(i)[0])("id")\n',
    'import os\ni = {"getcwd"}\na = i\na.clear(); a.add("system")\n(x,) = i\ngetattr(os, x)("id")\n',
    'import os, collections\ni = collections.deque(["getcwd", "system"])\na = i\na.rotate()\ngetattr(os, i[0])("id")\n',
    'import os\ni = ["getcwd", os.getcwd]\na = i\na[0] = "system"\ngetattr(os, i[0])("id")\n',
    'import os\nd = {"getcwd": 1}\na = d\na.clear(); a["system"] = 1\nfor k in d: getattr(os, k)("id")\n',
    'import os\nd = {"getcwd": 1}\na = d\na.clear(); a["system"] = 1\ngetattr(os, list(d)[0])("id")\n',
    'import os\nd = {"getcwd": 1}\na = d\na.clear(); a["system"] = 1\nfor k, v in d.items(): getattr(os, k)("id")\n',
    'import os\nd = {k: k for k in ["getcwd"]}\na = d\na["getcwd"] = "system"\ngetattr(os, d["getcwd"])("id")\n',
    'import os\nd = dict.fromkeys(["a"], "getcwd")\na = d\na["a"] = "system"\ngetattr(os, d["a"])("id")\n',
    'import os\nd = {"name": "getcwd"}\na = d\na["name"] = "system"\ndef f(name): getattr(os, name)("id")\nf(**d)\n',
    'import os\nd = ["getcwd"]\na = d\na[0] = "system"\ndef f(name): return getattr(os, name)\nf(d[0])("id")\n',
    'import os\nd = ["getcwd"]\na = d\na[0] = "system"\ndef f(name): return getattr(os, name[0])\nf(d)("id")\n',
    'import os\nd = ["getcwd"]\na = d\na[0] = "system"\nx = d[0]\ngetattr(os, x)("id")\n',
    'import os\nd = ["getcwd"]\nd = d + ["x"]\na = d\na[0] = "system"\nx, *y = d\ngetattr(os, x)("id")\n',
    'import os\nd = ["getcwd"]\na = d\na[0] = "system"\nmatch d:\n    case [x]: getattr(os, x)("id")\n',
]


def list_alarms(source: str) -> set[str]:
    """Return the names of a source that a rule of high severity matches."""
    return {each.name for each in analyze_source(source).mentions} & _ALARMS


def _place_changes() -> Iterator[str]:
    """Yield a source for each change of two lists, in a module, a function and a class."""
    for change in (*_CHANGES, *_MODULE_CHANGES):
        yield f"{_IMPORTS}{_LISTS}{change}\n{_LOOK_UP}"
    for change in _CHANGES:
        body = "".join(f"    {line}\n" for line in f"{_LISTS}{change}\n{_LOOK_UP}".splitlines())
        yield f"{_IMPORTS}def run():\n{body}run()\n"


@check_each("source", list(_place_changes()))
def test_name_from_a_list_that_is_changed_unseen_is_an_alarm(source: str) -> None:
    assert list_alarms(source)


@check_each("source", _OTHER_WAYS)
def test_name_by_each_way_from_each_holder_of_a_changed_list_is_an_alarm(source: str) -> None:
    uses = {(each.use, each.name) for each in analyze_source(source).mentions}
    assert list_alarms(source) or any(use == "computed-name" for use, _ in uses) or ("reference", _MEMBER) in uses


@check_each("change", _CHANGES)
def test_name_from_a_list_of_a_class_that_is_changed_unseen_is_an_alarm(change: str) -> None:
    names = "class A:\n    m = ['torch.nn', 'os']\n    n = ['Linear', 'system']\nm, n = A.m, A.n\n"
    look_up = _LOOK_UP.replace("m[0]", "A.m[0]").replace("n[0]", "A.n[0]")
    assert list_alarms(f"{_IMPORTS}{names}{change}\n{look_up}")


@check_each("change", _MAPPING_CHANGES)
def test_name_from_a_mapping_that_is_changed_unseen_is_an_alarm(change: str) -> None:
    mappings = "d = {'a': 'torch.nn'}; e = {'a': 'Linear'}\n"
    look_up = "getattr(importlib.import_module(d.get('a', 'os')), e.get('a', 'system'))('id')\n"
    assert list_alarms(f"{_IMPORTS}{mappings}{change}\n{look_up}")


@check_each("change", _NESTED_CHANGES)
def test_name_from_a_list_in_a_list_that_is_changed_unseen_is_an_alarm(change: str) -> None:
    lists = "m = [['torch.nn', 'os'], ['os']]; n = [['Linear', 'system'], ['system']]\n"
    look_up = "getattr(importlib.import_module(m[0][0]), n[0][0])('id')\n"
    assert list_alarms(f"{_IMPORTS}{lists}{change}\n{look_up}")


@pytest.mark.parametrize("change", ["b.reverse()", "a = b\na[:] = b'os'", "del b[0]"])
def test_name_from_a_byte_array_that_is_changed_unseen_is_an_alarm(change: str) -> None:
    assert list_alarms(
        f"{_IMPORTS}b = bytearray(b'numpy')\n{change}\ngetattr(importlib.import_module(b.decode()), 'system')('a')\n"
    )


@check_each("read", _READS)
def test_name_from_a_list_that_is_only_read_is_no_alarm(read: str) -> None:
    assert not list_alarms(f"{_IMPORTS}{_LISTS}{read}\n{_LOOK_UP}")


@check_each(
    "source",
    [
        "m = ['numpy']\nm.append('scipy')\nfor x in m: print(x)\n",
        "__all__ = ['a', 'b']\n__all__ += ['c']\n__all__.extend(['d'])\n",
        "import torch\nm = {'half': 'float16'}\nm.update(a='b')\ngetattr(torch, m['half'])\n",
        "import importlib\nm = ('numpy', 'scipy')\nprint_all(m)\nfor x in m: importlib.import_module(x)\n",
        "import torch.nn as nn\nt = {'relu': nn.ReLU}\nregister(t)\nt['gelu'] = nn.GELU\nt[config.act]()\n",
        "import importlib\nm = []\nm.append('a')\nregister(m)\nimportlib.import_module('numpy')\n",
    ],
)
def test_ordinary_use_of_a_list_or_mapping_is_no_alarm(source: str) -> None:
    assert not list_alarms(source)


@check_each(
    "source",
    [
        "m = ['os', 'a']\nn = ['sys', 'tem']\nprint_all(m, n)\ngetattr(importlib.import_module(m[0]), ''.join(n))('id')\n",
        "m = ['a', 'os']\nm = m[::-1]\nregister(m)\nimportlib.import_module(m[0]).system('id')\n",
        "n = [115, 121, 115, 116, 101, 109]\nf(n)\nimport os\ngetattr(os, ''.join(map(chr, n)))('id')\n",
        "d = {'a': 'sys', 'b': 'tem'}\nf(d)\nimport os\ngetattr(os, d['a'] + d['b'])('id')\n",
        "d = {'a': ['sys', 'tem']}\nf(d)\nimport os\ngetattr(os, '%s%s' % tuple(d['a']))('id')\n",
        "n = ['metsys']\nf(n)\nimport os\nfor x in n: getattr(os, x[::-1])('id')\n",
        "n = ['sys', 'tem']\nf(n)\nimport os\ngetattr(os, f'{n[0]}{n[1]}')('id')\n",
        "n = ['import os; os.system(1)']\nf(n)\nexec(n[0])\n",
    ],
)
def test_name_from_a_list_that_may_have_changed_is_still_folded(source: str) -> None:
    assert "os.system" in list_alarms(f"{_IMPORTS}{source}")


def runs_program(statements: str) -> bool:
    """Whether a source that runs the words ``c`` behind some statements starts more than a harmless program."""
    source = f"import subprocess\nc = ['git', 'describe']\n{statements}\nsubprocess.run(c)\n"
    return any(each.name == "subprocess.run" for each in analyze_source(source).mentions)


def test_words_of_a_command_that_may_have_changed_are_not_known() -> None:
    assert not runs_program("print(c)")
    assert runs_program("a = c\na[:] = ['sh', 'x']")


def test_switch_of_a_loader_that_may_have_changed_is_not_known() -> None:
    source = "import torch\ns = [True]\n{}\ntorch.load(path, weights_only=s[0])\n"
    known, changed = (
        {each.name for each in analyze_source(source.format(change)).mentions if "call" in each.use}
        for change in ("print(s)", "a = s\na[0] = False")
    )
    assert not any(name.startswith("torch.load") for name in known)
    assert "torch.load(weights_only)" in changed


@pytest.mark.parametrize("change", ["a = m\na.reverse()", "del m[0]", "def f(): m.reverse()\n"])
def test_list_that_another_file_changes_before_it_is_imported_is_open(change: str) -> None:
    exported = list_exported_values(f"m = ['torch.nn', 'os']\n{change}\n")
    shared = {("lists", name): value for (_, name), value in exported.items()}
    source = "import importlib\nfrom lists import m\ngetattr(importlib.import_module(m[0]), 'system')('a')\n"
    assert "*.system" in {each.name for each in analyze_source(source, shared=shared).mentions}


def test_text_that_only_the_second_pass_knows_is_judged_too() -> None:
    source = f"def run(): {_LOOK_UP}{_LISTS}a = m; b = n\na.reverse(); b.reverse()\nrun()\n"
    assert list_alarms(f"{_IMPORTS}{source}")


def test_names_in_a_part_that_does_not_parse_count_as_changed() -> None:
    assert list_alarms(f"{_IMPORTS}{_LISTS}m.reverse() n.reverse()\n{_LOOK_UP}")


@pytest.mark.parametrize(
    "lines",
    [
        "m{0} = ['a']\nm{0}[0]\n",
        "a{0} = m\nm = a{0}\n",
        "m{1} = m{0}\nm{0}[0]\n",
        "setattr(m, 'a{0}', 1)\nm[0]\n",
        "exec('m[{0}]')\nm[0]\n",
    ],
)
def test_search_for_changed_lists_takes_linear_work(lines: str) -> None:
    def count(size: int) -> int:
        source = _LISTS + _LOOK_UP + "".join(lines.format(number, number + 1) for number in range(size))
        return count_lines(lambda: analyze_source(_IMPORTS + source))

    assert find_growth_fault(count, 480) == ""
