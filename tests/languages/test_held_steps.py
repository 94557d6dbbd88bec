"""Walks by computed names whose steps are left in names around a function, in lists and in other objects."""

from __future__ import annotations

from support.cases import check_each

from modelaudit.languages.python.analysis import analyze_source

_HEAD = (
    "import collections, contextvars, functools, inspect, itertools, operator, queue, string, threading, types\n"
    "import torch\nfrom torch import nn\n"
)


def is_found(code: str) -> bool:
    """Whether the analysis finds that a source calls a function which computed names reach."""
    mentions = analyze_source(_HEAD + code).mentions
    return any(each.use.startswith("call") and each.name == "(function reached by computed names)" for each in mentions)


@check_each(
    "body",
    [
        "def step(k):\n    nonlocal o\n    o = getattr(o, k, None) or o[k]\nfor k in c.names: step(k)\no(c.line)",
        "def step(k):\n    nonlocal o\n    o = getattr(o, k, None) or o[k]\nlist(map(step, c.names))\no(c.line)",
        "def step(k):\n    nonlocal o\n    o = getattr(o, k, None) or o[k]\n[step(k) for k in c.names]\no(c.line)",
        "ks = list(c.names)\ndef step():\n    nonlocal o\n    k = ks.pop(0)\n    o = getattr(o, k, None) or o[k]\nwhile ks: step()\no(c.line)",
        "def step(k):\n    nonlocal o\n    o = getattr(o, k, None) or o[k]\nstep(c.a)\nstep(c.b)\nstep(c.d)\no(c.line)",
        "def step(k):\n    nonlocal o\n    o = getattr(o, k, None) or o[k]\ndef end(): o(c.line)\nfor k in c.names: step(k)\nend()",
        "b = [c]\ndef step(k): b.append(getattr(b[-1], k, None) or b[-1][k])\nfor k in c.names: step(k)\nb[-1](c.line)",
        "b = [c]\ndef step(k): b.append(getattr(b[-1], k, None) or b[-1][k])\nlist(map(step, c.names))\nb[-1](c.line)",
        "b = [c]\nlist(map(lambda k: b.append(getattr(b[-1], k, None) or b[-1][k]), c.names))\nb[-1](c.line)",
        "b = [c]\nstep = lambda k: b.append(getattr(b[-1], k, None) or b[-1][k])\nfor k in c.names: step(k)\nb.pop()(c.line)",
        "b = {'o': c}\nlist(map(lambda k: b.update(o=getattr(b[chr(111)], k, None) or b[chr(111)][k]), c.names))\nb['o'](c.line)",
        "b = [c]\nfor k in c.names: b.__setitem__(0, getattr(b[0], k, None) or b[0][k])\nb[0](c.line)",
        "b = [c]\nfor k in c.names: operator.setitem(b, 0, getattr(b[0], k, None) or b[0][k])\nb[0](c.line)",
        "b = [c]\ndef step(k): b[0] = getattr(b[0], k, None) or b[0][k]\nfor k in c.names: step(k)\nb[0](c.line)",
        "def step(k, b=[c]):\n    b[0] = getattr(b[0], k, None) or b[0][k]\n    return b[0]\nfor k in c.names: o = step(k)\no(c.line)",
        "b = [c]\ndef step(k, b=b):\n    b[0] = getattr(b[0], k, None) or b[0][k]\nfor k in c.names: step(k)\nb[0](c.line)",
        "b = [c]\ndef step(k, b):\n    b[0] = getattr(b[0], k, None) or b[0][k]\nfor k in c.names: step(k, b)\nb[0](c.line)",
        "b = [c]\ndef step(k, q):\n    q.append(getattr(q[-1], k, None) or q[-1][k])\nfor k in c.names: step(k, b)\nb[-1](c.line)",
        "def gen(o):\n    while True:\n        k = yield o\n        o = getattr(o, k, None) or o[k]\ng = gen(c)\nnext(g)\nfor k in c.names: o = g.send(k)\no(c.line)",
        "b = [c]\nfor k in c.names: b[:] = [getattr(b[0], k, None) or b[0][k]]\nb[0](c.line)",
        "b = [c]\nfor k in c.names: b[0:1] = (getattr(b[0], k, None) or b[0][k],)\nb[0](c.line)",
        "b = [c]\nfor k in c.names: b.extend([getattr(b[-1], k, None) or b[-1][k]])\nb[-1](c.line)",
        "b = [c]\nfor k in c.names: b.insert(0, getattr(b[0], k, None) or b[0][k])\nb[0](c.line)",
        "b = collections.deque([c])\nfor k in c.names: b.append(getattr(b[-1], k, None) or b[-1][k])\nb[-1](c.line)",
        "b = collections.deque([c], maxlen=1)\nfor k in c.names:\n    o = b.popleft()\n    b.append(getattr(o, k, None) or o[k])\nb.pop()(c.line)",
        "b = collections.deque()\nb.append(c)\nfor k in c.names:\n    o = b.pop()\n    b.appendleft(getattr(o, k, None) or o[k])\nb[0](c.line)",
        "b = types.SimpleNamespace(o=c)\nfor k in c.names: b.o = getattr(b.o, k, None) or b.o[k]\nb.o(c.line)",
        "b = types.SimpleNamespace()\nb.o = c\nfor k in c.names: setattr(b, 'o', getattr(b.o, k, None) or b.o[k])\nb.o(c.line)",
        "b = types.SimpleNamespace(o=c)\nfor k in c.names: b.__dict__['o'] = getattr(b.o, k, None) or b.o[k]\nb.o(c.line)",
        "b = types.SimpleNamespace(o=c)\nfor k in c.names: b.__dict__.update(o=getattr(b.o, k, None) or b.o[k])\nb.o(c.line)",
        "b = types.SimpleNamespace(o=c)\nfor k in c.names: vars(b)['o'] = getattr(b.o, k, None) or b.o[k]\nb.o(c.line)",
        "b = types.SimpleNamespace(o=c)\ndef step(k): b.o = getattr(b.o, k, None) or b.o[k]\nfor k in c.names: step(k)\nb.o(c.line)",
        "b = queue.Queue()\nb.put(c)\nfor k in c.names:\n    o = b.get()\n    b.put(getattr(o, k, None) or o[k])\nb.get()(c.line)",
        "b = queue.SimpleQueue()\nb.put_nowait(c)\nfor k in c.names:\n    o = b.get_nowait()\n    b.put_nowait(getattr(o, k, None) or o[k])\nb.get_nowait()(c.line)",
        "b = contextvars.ContextVar('b')\nb.set(c)\nfor k in c.names:\n    o = b.get()\n    b.set(getattr(o, k, None) or o[k])\nb.get()(c.line)",
        "b = contextvars.ContextVar('b', default=c)\nfor k in c.names: b.set(getattr(b.get(), k, None) or b.get()[k])\nb.get()(c.line)",
        "getattr(c.to_dict, c.g)[c.q].system(c.line)",
        "getattr(c.to_dict, c.g)[c.q].popen(c.line).read()",
        "getattr(c.to_dict, c.g)[c.q].run(c.line, shell=True)",
        "m = getattr(c.to_dict, c.g)\nm = m[c.q]\nm.system(c.line)",
        "getattr(c.to_dict, c.g).get(c.q).system(c.line)",
        "f = getattr(c.to_dict, c.g)[c.q].system\nf(c.line)",
        "operator.attrgetter('system')(getattr(c.to_dict, c.g)[c.q])(c.line)",
        "operator.methodcaller('system', c.line)(getattr(c.to_dict, c.g)[c.q])",
        "getattr(getattr(c.to_dict, c.g)[c.q], 'system')(c.line)",
        "def walk(ks):\n    if not ks: return c\n    o = walk(ks[:-1])\n    return getattr(o, ks[-1], None) or o[ks[-1]]\nwalk(c.names)(c.line)",
        "operator.attrgetter(c.path)(c)[c.q].system(c.line)",
        "operator.attrgetter('to_dict.' + c.g)(c)[c.q].system(c.line)",
        "import string\nstring.Formatter().get_field(c.path, (c,), {})[0](c.line)",
        "r = {k: (o := getattr(o, k, None) or o[k]) for k in c.names}\nlist(r.values())[-1](c.line)",
        "b = [c]\nfor o, k in zip(b, c.names): b.append(getattr(o, k, None) or o[k])\nb[-1](c.line)",
        "b = [(c, c.names)]\nwhile b:\n    o, ks = b.pop()\n    if ks: b.append((getattr(o, ks[0], None) or o[ks[0]], ks[1:]))\no(c.line)",
        "b = collections.defaultdict(lambda: c)\nfor k in c.names: b[0] = getattr(b[0], k, None) or b[0][k]\nb[0](c.line)",
        "b = collections.OrderedDict(o=c)\nfor k in c.names: b['o'] = getattr(b['o'], k, None) or b['o'][k]\nb['o'](c.line)",
        "P = collections.namedtuple('P', 'o')\nb = P(c)\nfor k in c.names: b = b._replace(o=getattr(b.o, k, None) or b.o[k])\nb.o(c.line)",
        "import threading\nb = threading.local()\nb.o = c\nfor k in c.names: b.o = getattr(b.o, k, None) or b.o[k]\nb.o(c.line)",
        "b = nn.Module()\nb.o = c\nfor k in c.names: b.o = getattr(b.o, k, None) or b.o[k]\nb.o(c.line)",
        "for k in c.names: locals()['o'] = getattr(o, k, None) or o[k]\nlocals()['o'](c.line)",
        "globals()['o'] = c\nfor k in c.names: globals()['o'] = getattr(globals()['o'], k, None) or globals()['o'][k]\nglobals()['o'](c.line)",
    ],
)
def test_steps_that_a_function_or_an_object_holds_are_followed(body: str) -> None:
    assert is_found("def run(c):\n    o = c\n    " + body.replace("\n", "\n    "))


@check_each(
    "code",
    [
        "O = None\ndef step(k):\n    global O\n    O = getattr(O, k, None) or O[k]\ndef run(c):\n    global O\n    O = c\n    for k in c.names: step(k)\n    O(c.line)",
        "O = None\ndef step(k):\n    global O\n    O = getattr(O, k, None) or O[k]\nclass M(nn.Module):\n    def __init__(self, c):\n        global O\n        O = c\n        list(map(step, c.names))\n        O(c.line)",
        "B = []\ndef step(k): B.append(getattr(B[-1], k, None) or B[-1][k])\ndef run(c):\n    B.append(c)\n    for k in c.names: step(k)\n    B[-1](c.line)",
        "B = [None]\ndef step(k): B[0] = getattr(B[0], k, None) or B[0][k]\ndef run(c):\n    B[0] = c\n    for k in c.names: step(k)\n    B[0](c.line)",
        "B = {}\ndef step(k): B['o'] = getattr(B['o'], k, None) or B['o'][k]\ndef run(c):\n    B['o'] = c\n    for k in c.names: step(k)\n    B['o'](c.line)",
        "class M:\n    def __init__(self, c):\n        self.c = c\n        self.p = c\n        for k in c.names: self.k = k; self.p = self.o\n        self.p(c.line)\n    @property\n    def o(self): return getattr(self.p, self.k, None) or self.p[self.k]",
        "class M:\n    def __init__(self, c):\n        self.o = c\n        for k in c.names: self.__dict__['o'] = getattr(self.o, k, None) or self.o[k]\n        self.o(c.line)",
        "class M:\n    def __init__(self, c):\n        self.o = c\n        for k in c.names: self.__setattr__('o', getattr(self.o, k, None) or self.o[k])\n        self.o(c.line)",
        "class M:\n    def __init__(self, c):\n        self.b = [c]\n        for k in c.names: self.step(k)\n        self.b[-1](c.line)\n    def step(self, k): self.b.append(getattr(self.b[-1], k, None) or self.b[-1][k])",
        "class M:\n    b = []\n    def run(self, c):\n        self.b.append(c)\n        for k in c.names: self.b.append(getattr(self.b[-1], k, None) or self.b[-1][k])\n        self.b[-1](c.line)",
        "class W:\n    def __init__(self, o, ks): self.o = o; self.ks = list(ks)\n    def __iter__(self): return self\n    def __next__(self):\n        if not self.ks: raise StopIteration\n        k = self.ks.pop(0)\n        self.o = getattr(self.o, k, None) or self.o[k]\n        return self.o\ndef run(c):\n    for f in W(c, c.names): pass\n    f(c.line)",
        "class M:\n    def __init__(self, c):\n        self.b = collections.deque([c])\n        for k in c.names: self.b.append(getattr(self.b[-1], k, None) or self.b[-1][k])\n        self.b[-1](c.line)",
        "import dataclasses\n@dataclasses.dataclass\nclass B:\n    o: object\ndef run(c):\n    b = B(c)\n    for k in c.names: b = dataclasses.replace(b, o=getattr(b.o, k, None) or b.o[k])\n    b.o(c.line)",
    ],
)
def test_steps_held_by_the_module_a_class_or_an_iterator_are_followed(code: str) -> None:
    assert is_found(code)


@check_each(
    "code",
    [
        "def f(self, path, x):\n    stack = [self]\n    def step(n): stack.append(getattr(stack[-1], n))\n"
        "    for n in path.split('.'): step(n)\n    return stack[-1](x)",
        "def f(self, path, x):\n    m = self\n    def step(n):\n        nonlocal m\n        m = getattr(m, n)\n"
        "    for n in path.split('.'): step(n)\n    return m(x)",
        "def f(self, x):\n    todo = collections.deque([self])\n    while todo:\n        m = todo.popleft()\n"
        "        for n in m.names: todo.append(getattr(m, n))\n        x = m(x)\n    return x",
        "def f(self, x):\n    todo = [self]\n    while todo:\n        m = todo.pop()\n"
        "        todo.extend(getattr(m, n) for n in m.names)\n        x = m(x)\n    return x",
        "def f(self, c, x):\n    b = types.SimpleNamespace(act=getattr(self, c.act))\n    b.norm = getattr(nn, c.norm)(2)\n"
        "    return b.act(b.norm(x))",
        "def f(self, c, x):\n    layers = {}\n    for n in c.names: layers[n] = getattr(self, n)\n"
        "    for n in c.names: x = layers[n](x)\n    return x",
        "class M:\n    @property\n    def act(self): return getattr(self, self.config.act)\n"
        "    def forward(self, x): return self.act(x)",
        "def f(self, c, x): return getattr(self, c.part)[c.index].run(x)",
        "def f(self, c):\n    for k, v in c.items(): setattr(self, k, v)\n    self.act(c.size)",
        "def fuse(m, names, x):\n    done = []\n    list(map(lambda n: done.append(getattr(m, n)), names))\n"
        "    for each in done: x = each(x)\n    return x",
    ],
)
def test_layers_held_in_lists_and_objects_raise_no_alarm(code: str) -> None:
    assert not is_found(code)
