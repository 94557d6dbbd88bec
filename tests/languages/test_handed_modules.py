"""Modules, and functions that look names up, which a source passes to code that the analysis does not follow."""

from __future__ import annotations

from support.cases import check_each

from modelaudit.languages.python import uses
from modelaudit.languages.python.analysis import analyze_source
from modelaudit.languages.python.shared_values import make_module

_HEAD = "import importlib, sys\nimport torch\nfrom torch import nn\n"


def list_handed(code: str, shared: str = "") -> set[str]:
    """Return the names that a source hands on; ``shared`` is what ``helper.take`` of another file is."""
    values = {("helper", "take"): make_module(shared)} if shared else {}
    return {each.name for each in analyze_source(_HEAD + code, shared=values).mentions if each.use == "hands-on"}


@check_each(
    "code, name",
    [
        ("from .helper import take\ntake(torch, x)(y)", "torch"),
        ("box = []\nbox.append(torch)\ngetattr(box.pop(), x)(y)", "torch"),
        ("from collections import deque\ndeque([torch])", "torch"),
        ("nn.Identity()(torch.os)", "os"),
        ("class Box:\n    def __init__(self, o):\n        self.o = o\nBox(torch)", "torch"),
        ("unknown()[torch, x]", "torch"),
        ("torch.no_grad()(getattr)", "builtins.getattr"),
        ("torch.vmap(importlib.import_module)", "importlib.import_module"),
        ("getattr(*parts)(y)", "builtins.getattr"),
        ("keep(importlib.import_module(x))", "(module of a computed name)"),
        ("held = {'a': torch}\nfor k in x:\n    held['a'] = getattr(held['a'], k)\nheld['a'](y)", "torch"),
        ("class Z: o = torch\nfor k in x: Z.o = getattr(Z.o, k)\nZ.o(y)", "torch"),
        ("def walk(o, ks):\n    return walk(getattr(o, ks[0]), ks[1:]) if ks else o\nwalk(torch, x)(y)", "torch"),
        ("def f(o=torch): pass\ngetattr(getattr(f.__defaults__[0], x), x)(y)", "torch"),
    ],
)
def test_module_that_goes_where_the_analysis_ends_is_recorded(code: str, name: str) -> None:
    assert name in list_handed(code)


@check_each(
    "code",
    [
        "dtype = getattr(torch, x)",
        "if torch is not None and hasattr(torch, 'compile'): print(torch, isinstance(torch, type))",
        "def pick(lib, name): return getattr(lib, name)\npick(nn, 'Linear')(2, 2)",
        "tools = {'torch': torch, 'nn': nn}\ntools['nn'].Linear(2, 2)",
        "importlib.reload(torch)",
        "t = torch\nt.ones(2)",
        "from functools import reduce\nreduce(getattr, 'nn.Linear'.split('.'), torch)(2, 2)",
        "import operator\noperator.attrgetter('nn.Linear')(torch)(2, 2)",
        "for k in ['a', 'b']: self.k = getattr(self, k)",
    ],
)
def test_module_whose_members_the_analysis_follows_is_not_recorded(code: str) -> None:
    assert list_handed(code) == set()


def test_function_that_looks_names_up_is_recorded_where_another_file_offers_it() -> None:
    assert list_handed("from helper import take\n", "importlib.import_module") == {"importlib.import_module"}
    assert list_handed("from helper import *\n", "builtins.getattr") == {"builtins.getattr"}
    assert list_handed("from helper import take\n", "json.dumps") == set()


@check_each(
    "code",
    [
        "class G:\n    __getitem__ = staticmethod(importlib.import_module)\ngetattr(G()[x], y)(z)",
        "class H(dict):\n    def __missing__(s, k): return getattr(importlib.import_module(x), k)\nH()[y](z)",
        "class I:\n    def __getattr__(s, k): return getattr(importlib.import_module(x), k)\ngetattr(I(), y)(z)",
        "class D:\n    def __lt__(s, k): return getattr(importlib.import_module(x), k)\n(D() < y)(z)",
        "def d(k):\n    return lambda f: getattr(importlib.import_module(k), f.__name__)\n@d(x)\ndef system(): pass\nsystem(z)",
    ],
)
def test_object_that_a_special_method_of_the_source_reaches_by_computed_names_is_found(code: str) -> None:
    names = {each.name for each in analyze_source(_HEAD + code).mentions if each.use.startswith("call")}
    assert "(function reached by computed names)" in names or list_handed(code)


_FINDER = "class B:\n    def find(self, m, n): return getattr(importlib.import_module(m), n)\n"


@check_each(
    "code, is_found",
    [
        (_FINDER + "    def run(self, x): self.find(x, x)(x)", True),
        (_FINDER + "class C(B):\n    def run(self, x): super().find(x, x)(x)", True),
        (_FINDER + "def run(config): config.find(config.a, config.b)(config.c)", True),
        (_FINDER + "    def run(self, x): self.find('torch.nn', 'Linear')(x)", False),
        (_FINDER + "    def run(self, x): self.other(x, x)(x)", False),
    ],
)
def test_what_a_method_of_the_source_looks_up_is_judged_where_an_unknown_object_is_asked(
    code: str, is_found: bool
) -> None:
    names = {each.name for each in analyze_source(_HEAD + code).mentions if each.use.startswith("call")}
    assert ("(function reached by computed names)" in names) is is_found


_FIND = "def find(m, n): return getattr(importlib.import_module(m), n)\n"


@check_each(
    "code",
    [
        "nn.Identity()(find)(x, y)(z)",
        "import functools\nfunctools.lru_cache(find)(x, y)(z)",
        "REG = {}\ndef reg(f):\n    REG[f.__name__] = f\n    return f\n@reg\ndef other(m, n): return find(m, n)\nREG['other'](x, y)(z)",
        "box = []\nbox.append(find)\nbox[0](x, y)(z)",
        "layer = nn.Identity()\nlayer.f = find\nlayer.f(x, y)(z)",
        "from .registry import register\n@register\ndef other(m, n): return find(m, n)",
        "class A: o = torch\nkeep(A)",
    ],
)
def test_function_that_looks_names_up_is_recorded_where_the_source_hands_it_on(code: str) -> None:
    assert "(part of the source that leads to modules)" in list_handed(_FIND + code)


@check_each(
    "code",
    [
        "find('torch.nn', 'Linear')(2, 2)",
        "import functools\n@functools.lru_cache\ndef other(m, n): return find(m, n)\nother('torch.nn', 'Linear')",
        "REG = {}\nREG['relu'] = nn.ReLU\nREG['own'] = lambda x: x",
        "list(map(find, ['torch.nn'], ['Linear']))",
    ],
)
def test_function_that_the_source_calls_itself_is_not_recorded_as_handed_on(code: str) -> None:
    assert list_handed(_FIND + code) == set()


@check_each(
    "code, is_found",
    [
        ("def run(c): getattr(getattr(c.to_dict, c.g)[c.q], c.r)(c.line)", True),
        ("def run(c):\n    g = getattr(c.to_dict, c.g)\n    getattr(g[c.q], c.r)(c.line)", True),
        ("def run(self, c): getattr(self, c.name)(c.line)", False),
        ("def run(self, c, x): return getattr(self, c.name)[c.index](x)", False),
        ("def run(self, c, x): return self.layers[c.index](x)", False),
    ],
)
def test_call_of_what_several_computed_names_reach_is_found(code: str, is_found: bool) -> None:
    names = {each.name for each in analyze_source(code).mentions if each.use.startswith("call")}
    assert ("(function reached by computed names)" in names) is is_found


@check_each(
    "code",
    [
        "c.update(dict(o=nn.Linear.forward.__globals__))",
        "c.update(o=[nn.Linear.forward.__globals__])",
        "nn.Identity()(nn.Linear.forward.__globals__)",
        "c.o = nn.Linear.forward.__globals__",
        "c.__dict__['o'] = nn.Linear.forward.__globals__",
    ],
)
def test_namespace_of_a_function_that_goes_into_an_object_is_recorded(code: str) -> None:
    assert "*.__globals__" in list_handed(f"def run(c): {code}")


@check_each(
    "code, name",
    [
        ("class A: find = importlib.import_module\ngetattr(copy.copy(A).find(x), y)(z)", "(function reached by computed names)"),
        ("class A: o = torch.os\ngetattr(copy.deepcopy(A()).o, x)(z)", "os.*"),
        ("class A: o = torch\ncopy.copy(A).o.os.system(x)", "os.system"),
        ("copy.copy(importlib.import_module)(x).run(y)", "importlib.import_module"),
    ],
)  # fmt: skip
def test_copy_of_a_class_or_function_has_what_it_is_a_copy_of(code: str, name: str) -> None:
    assert name in {each.name for each in analyze_source(f"{_HEAD}import copy\n{code}").mentions}


_FIND_CLOSED = (
    "import importlib\ndef find(m='torch.nn', n='Linear'): return getattr(importlib.import_module(m), n)\nfind()\n"
)


@check_each(
    "code",
    [
        "from . import modeling_a as me\ngetattr(me, 'fi' + 'nd')(x, y)(z)",
        "from . import modeling_a as me\nme.find(x, y)(z)",
        "from . import modeling_a as me\ngetattr(me, x)(x, y)(z)",
        "from . import modeling_a as me\nvars(me)[x](x, y)(z)",
        "from .modeling_a import find as f\nf(x, y)(z)",
        "import operator\nfrom . import modeling_a as me\noperator.attrgetter('find')(me)(x, y)(z)",
        "me = importlib.import_module('.modeling_a', __package__)\nme.find(x, y)(z)",
    ],
)
def test_function_of_the_source_is_found_through_the_module_of_the_source(code: str) -> None:
    mentions = analyze_source(f"{_FIND_CLOSED}def run(x, y, z):\n    " + code.replace("\n", "\n    ")).mentions
    assert any(each.name == "(function reached by computed names)" for each in mentions if each.use == "call")


@check_each(
    "code",
    [
        "from . import other\nother.Model(x)(y)",
        "from . import other\nlayer = getattr(other, x)(y)\nlayer.forward(z)",
        "find('torch.nn', 'Linear')(2, 2)",
    ],
)
def test_other_functions_beside_one_that_looks_names_up_raise_no_alarm(code: str) -> None:
    mentions = analyze_source(f"{_FIND_CLOSED}def run(x, y, z):\n    " + code.replace("\n", "\n    ")).mentions
    assert not any(each.name == "(function reached by computed names)" for each in mentions)


_FUNCTION = "getattr(getattr(c.to_dict, c.g)[c.q], c.r)"


@check_each(
    "code, is_found",
    [
        (f"torch.utils._pytree.tree_map({_FUNCTION}, c.line)", True),
        (f"torch.utils._pytree.tree_map_only(str, {_FUNCTION}, c.line)", True),
        (f"nn.Identity()({_FUNCTION})", True),
        (f"list(filter({_FUNCTION}, [c.line]))", True),
        (f"c.put(f={_FUNCTION})", True),
        (f"c.put([{_FUNCTION}])", True),
        (f"print({_FUNCTION})", False),
        ("nn.Linear(getattr(getattr(c, c.part), c.size), 2)", False),
        ("torch.stack([getattr(getattr(c, c.part), n) for n in c.names])", False),
        ("c.put(getattr(c.blocks[c.index], c.name))", False),
    ],
)
def test_object_that_computed_names_reach_is_recorded_where_it_goes_to_unknown_code(code: str, is_found: bool) -> None:
    source = f"import torch\nfrom torch import nn\ndef run(c): {code}\n"
    uses_found = {(each.use, each.name) for each in analyze_source(source).mentions}
    is_called = ("call", "(function reached by computed names)") in uses_found
    assert ((uses.HANDS_ON, "(object reached by computed names)") in uses_found or is_called) is is_found
