"""Walks by computed names from an object of unknown class to a function of another module."""

from __future__ import annotations

from support.cases import check_each

from modelaudit.languages.python.analysis import analyze_source

_HEAD = "import collections, functools, importlib, inspect, itertools, operator, types\nimport torch\nfrom torch import nn\n"
_STEP = "getattr(o, k, None) or o[k]"


def is_found(code: str) -> bool:
    """Whether the analysis finds that a source calls a function which computed names reach."""
    mentions = analyze_source(_HEAD + code).mentions
    return any(each.use.startswith("call") and each.name == "(function reached by computed names)" for each in mentions)


@check_each(
    "step",
    [
        "getattr(o, k) if hasattr(o, k) else o[k]",
        "getattr(o, k, None) or o.get(k)",
        "getattr(o, k, None) or o.pop(k)",
        "getattr(o, k, None) or dict(o)[k]",
        "getattr(o, k, None) or dict(o).get(k)",
        "getattr(o, k, None) or {**o}[k]",
        "getattr(o, k, None) or dict.__getitem__(o, k)",
        "getattr(o, k, None) or operator.getitem(o, k)",
        "getattr(o, k, None) or operator.itemgetter(k)(o)",
        "getattr(o, k, None) or operator.methodcaller('get', k)(o)",
        "getattr(o, k, None) or collections.ChainMap(o)[k]",
        "getattr(o, k, None) or next(v for n, v in o.items() if n == k)",
        "getattr(o, k) if hasattr(o, k) else list(o.values())[int(k)]",
        "getattr(o, k, None) or getattr(types.SimpleNamespace(**o), k)",
        "o.__getattribute__(k) if hasattr(o, k) else o.__getitem__(k)",
        "type(o).__getattribute__(o, k) if hasattr(o, k) else o[k]",
        "object.__getattribute__(o, k) if hasattr(o, k) else o[k]",
        "inspect.getattr_static(o, k, None) or o[k]",
        "(operator.itemgetter if k in o else operator.attrgetter)(k)(o)",
        "[getattr(o, k, None)][0] or o[k]",
    ],
)
def test_loop_that_steps_by_attributes_and_keys_is_followed(step: str) -> None:
    assert is_found(f"def run(c):\n    o = c\n    for k in c.names:\n        o = {step}\n    o(c.line)")


@check_each(
    "body",
    [
        f"names = list(c.names)\nwhile names:\n    k = names.pop(0)\n    o = {_STEP}\no(c.line)",
        f"for k in c.names: o, n = ({_STEP}), 1\no(c.line)",
        f"for k in [c.a, c.b, c.d, c.e]: o = {_STEP}\no(c.line)",
        f"for i in range(len(c.names)):\n    k = c.names[i]\n    o = {_STEP}\no(c.line)",
        "for k in c.names:\n    p = getattr(o, k, None)\n    if p is None: p = o[k]\n    o = p\no(c.line)",
        "for k in c.names:\n    try: o = getattr(o, k)\n    except AttributeError: o = o[k]\no(c.line)",
        "for k in c.names:\n    if isinstance(o, dict): o = o[k]\n    else: o = getattr(o, k)\no(c.line)",
        "for k in c.names:\n    match o:\n        case dict(): o = o[k]\n        case _: o = getattr(o, k)\no(c.line)",
        f"[o := {_STEP} for k in c.names][-1](c.line)",
        f"functools.reduce(lambda o, k: {_STEP}, c.names, c)(c.line)",
        f"[*itertools.accumulate(c.names, lambda o, k: {_STEP}, initial=c)][-1](c.line)",
        f"def step(o, k): return {_STEP}\nstep(step(step(c.to_dict, c.a), c.b), c.d)(c.line)",
        f"def step(o, k): return {_STEP}\nfor k in c.names: o = step(o, k)\no(c.line)",
        f"def step(k, o): return {_STEP}\nfor f in [functools.partial(step, k) for k in c.names]: o = f(o)\no(c.line)",
        f"def walk(o, ks):\n    k, *ks = ks\n    o = {_STEP}\n    return walk(o, ks) if ks else o\nwalk(c, c.names)(c.line)",
        f"def walk(o, ks):\n    for k in ks:\n        o = {_STEP}\n        yield o\nlist(walk(c, c.names))[-1](c.line)",
        "b = [c]\nfor k in c.names: b[0] = getattr(b[0], k, None) or b[0][k]\nb[0](c.line)",
        "b = [c]\nfor k in c.names: b.append(getattr(b[-1], k, None) or b[-1][k])\nb[-1](c.line)",
        "b = [c]\n[b.append(getattr(b[-1], k, None) or b[-1][k]) for k in c.names]\nb[-1](c.line)",
        "b = {'o': c}\nfor k in c.names: b['o'] = getattr(b['o'], k, None) or b['o'][k]\nb['o'](c.line)",
        "c.d = {'o': c}\nfor k in c.names: c.d['o'] = getattr(c.d['o'], k, None) or c.d['o'][k]\nc.d['o'](c.line)",
        "for k in c.a: o = getattr(o, k)\no = o[c.q]\nfor k in c.b: o = getattr(o, k)\no(c.line)",
        "for f in (operator.attrgetter(c.a), operator.itemgetter(c.q), operator.attrgetter(c.r)): o = f(o)\no(c.line)",
        "getattr(dict(inspect.getmembers(c.to_dict))[c.g][c.q], c.r)(c.line)",
        "vars(getattr(c.to_dict, c.g)[c.q])[c.r](c.line)",
        "getattr(getattr(nn.Linear(1, 1).forward, c.g)[c.q], c.r)(c.line)",
        "getattr(c.held.os, c.r)(c.line)",
        "getattr(c.held['subprocess'], c.r)([c.line])",
        "def own(): pass\ngetattr(getattr(own, c.g)[c.q], c.r)(c.line)",
    ],
)
def test_walk_is_followed_through_other_forms(body: str) -> None:
    assert is_found("def run(c):\n    o = c\n    " + body.replace("\n", "\n    "))


@check_each(
    "call",
    [
        "o.__call__(c.line)",
        "operator.call(o, c.line)",
        "functools.partial(o, c.line)()",
        "list(map(o, [c.line]))",
        "nn.Identity()(o)(c.line)",
        "start(target=o, args=(c.line,))",
        "(lambda f: f(c.line))(o)",
        "self.o = o\n    self.o(c.line)",
    ],
)
def test_call_of_what_a_walk_reaches_is_found(call: str) -> None:
    assert is_found(f"def run(self, c):\n    o = c\n    for k in c.names: o = {_STEP}\n    {call}")


@check_each(
    "code",
    [
        "class M:\n    def __init__(self, c):\n        self.o = c\n        for k in c.names: self.step(k)\n"
        "    def step(self, k): self.o = getattr(self.o, k, None) or self.o[k]\n    def forward(self, c): self.o(c.line)",
        "class M:\n    def __init__(self, c):\n        self.o = getattr(c.to_dict, c.g)\n        self.o = self.o[c.q]\n"
        "    def forward(self, c): getattr(self.o, c.r)(c.line)",
        "class A:\n    def __init__(self, o): self.o = o\ndef run(c):\n    a = A(c.to_dict)\n    a.o = getattr(a.o, c.g)\n"
        "    a.o = a.o[c.q]\n    a.o = getattr(a.o, c.r)\n    a.o(c.line)",
        f"class M:\n    def walk(self, o, ks):\n        for k in ks: o = {_STEP}\n        return o\n"
        "    def run(self, c): self.walk(c, c.names)(c.line)",
    ],
)
def test_walk_is_followed_through_attributes_and_methods(code: str) -> None:
    assert is_found(code)


@check_each(
    "code",
    [
        "def f(self, path, x):\n    m = self\n    for n in path.split('.'): m = getattr(m, n)\n    return m(x)",
        "def f(self, path, x):\n    m = self\n    for n in path.split('.'):\n"
        "        if n.isdigit(): m = m[int(n)]\n        else: m = getattr(m, n)\n    return m(x)",
        "def f(self, c, x): return functools.reduce(getattr, c.path.split('.'), self)(x)",
        "def rgetattr(obj, path, *args):\n    def inner(obj, name): return getattr(obj, name, *args)\n"
        "    return functools.reduce(inner, [obj] + path.split('.'))\ndef f(self, c, x): return rgetattr(self, c.path)(x)",
        "def rgetattr(o, path):\n    head, _, rest = path.partition('.')\n    o = getattr(o, head)\n"
        "    return rgetattr(o, rest) if rest else o\ndef f(self, c, x): return rgetattr(self, c.path)(x)",
        "def f(self, state):\n    for name, p in state.items():\n        m = self\n"
        "        for n in name.split('.'): m = getattr(m, n)\n        m.data.copy_(p)",
        "def f(self, x):\n    for i in range(3):\n        layer, norm = getattr(self, f'layer{i}'), getattr(self, f'norm{i}')\n"
        "        x = self.blocks[i](norm(layer(x)))\n    return x",
        "def take(c, path):\n    for k in path: c = c[k] if isinstance(c, dict) else getattr(c, k)\n    return c\n"
        "class M:\n    def __init__(self, c): self.w = nn.Linear(take(c, ['a', 'b']), 2)\n"
        "    def forward(self, x): return self.w(x)",
        "class M:\n    def __init__(self, c): self.w = nn.Linear(getattr(getattr(c, c.part), c.size), 2)\n"
        "    def forward(self, x): return self.w(x)",
        "class M:\n    def __init__(self, c):\n        self.act = getattr(self, c.act)\n        self.enc = getattr(self, c.enc)\n"
        "    def forward(self, x): return self.act(self.enc(x))",
        "def f(self, c, x): return getattr(self, c.name)[c.index](x)",
        "def f(self, c, x):\n    name = getattr(c, c.os)\n    return self.os(getattr(c, 'os')), c['os'], self.builtins[name]",
        "def f(self, c): self.__dict__[c.name](c)\n",
        "def f(self, c):\n    for k, v in c.items(): setattr(self, k, v)",
    ],
)
def test_loop_over_the_layers_of_a_model_raises_no_alarm(code: str) -> None:
    assert not is_found(code)


_STEPPING = "    def step(self, o, k): return o.get(k) if isinstance(o, dict) else getattr(o, k)\n"
_GOING = "    def go(self, o):\n        for k in o.names: o = self.step(o, k)\n        return o\n"
_END = "def run(c): {}(c.line)\n"


@check_each(
    "code",
    [
        f"class A:\n{_GOING}class B(A):\n{_STEPPING}{_END.format('B().go(c)')}",
        f"class A:\n{_STEPPING}class B(A):\n{_GOING}{_END.format('B().go(c)')}",
        f"class A:\n{_STEPPING}class B(A): pass\nclass C(B):\n{_GOING}{_END.format('C().go(c)')}",
        f"class A:\n{_STEPPING}class B:\n{_GOING}class C(A, B): pass\n{_END.format('C().go(c)')}",
        f"class A:\n    def __init__(self, c): self.o = c\n{_STEPPING}{_GOING}class B(A): pass\n"
        + _END.format("B(c).go(c)"),
    ],
)
def test_methods_of_base_classes_of_the_source_are_followed(code: str) -> None:
    assert is_found(code)
