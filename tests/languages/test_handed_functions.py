"""Walks by computed names whose steps are taken in functions of the source that a library calls."""

from __future__ import annotations

from support.cases import check_each

from modelaudit.languages.python.analysis import analyze_source

_HEAD = (
    "import collections, functools, inspect, queue, string, threading, types\n"
    "import torch\nimport torch.utils._pytree as p\nfrom torch import nn\n"
)
_BLOCK = (
    "class B(nn.Module):\n    def __init__(s, k):\n        super().__init__()\n        s.k = k\n"
    "    def forward(s, o): return o.get(s.k) if isinstance(o, dict) else getattr(o, s.k)\n"
)


def list_called(code: str) -> list[str]:
    """Return the names of the calls of functions that computed names, or the fields of a format, reach."""
    names = ("(function reached by computed names)", "string.Formatter.format(text)", "string.Formatter.vformat(text)")
    mentions = analyze_source(_HEAD + code).mentions
    return [each.name for each in mentions if each.use.startswith("call") and each.name in names]


@check_each(
    "body",
    [
        "p.tree_map(getattr(getattr(c.to_dict,c.g)[c.q],c.r), c.line)",
        "p.tree_map(lambda f: f(c.line), [getattr(getattr(c.to_dict,c.g)[c.q],c.r)])",
        "def run(f): f(c.line)\np.tree_map(run, [getattr(getattr(c.to_dict,c.g)[c.q],c.r)])",
        "p.tree_map(functools.partial(lambda l, f: f(l), c.line), [getattr(getattr(c.to_dict,c.g)[c.q],c.r)])",
        "st=[c]\np.tree_map(lambda k: st.append(getattr(st[-1],k,None) or st[-1][k]), c.ks)\nst[-1](c.line)",
        "st=[c]\ndef step(k): st.append(getattr(st[-1],k,None) or st[-1][k])\nnn.Identity().apply(step)\nst[-1](c.line)",
        "def step(k):\n    nonlocal o\n    o = getattr(o,k,None) or o[k]\np.tree_map(step, c.ks)\no(c.line)",
        "m=nn.Identity()\nm.forward=lambda o: getattr(o,c.g)\nk=nn.Identity()\nk.forward=lambda o: getattr(o,c.r)\nk(m(c.to_dict)[c.q])(c.line)",
        "m=nn.Identity()\nsetattr(m,'forward',lambda o: getattr(o,c.g))\ng=m(c.to_dict)[c.q]\ngetattr(g,c.r)(c.line)",
        "m=nn.Identity()\nm.__dict__['forward']=lambda o: getattr(o,c.g)\ng=m(c.to_dict)[c.q]\ngetattr(g,c.r)(c.line)",
        "m=nn.Identity()\nm.register_forward_pre_hook(lambda mod,a: (getattr(a[0],c.g),))\ng=m(c.to_dict)[c.q]\ngetattr(g,c.r)(c.line)",
        "m=nn.Identity()\nm.register_forward_hook(lambda mod,a,o: o(c.line))\nm(getattr(getattr(c.to_dict,c.g)[c.q],c.r))",
        "nn.modules.module.register_module_forward_hook(lambda mod,a,o: o(c.line))\nnn.Identity()(getattr(getattr(c.to_dict,c.g)[c.q],c.r))",
        "class M(nn.Module):\n    def __init__(s,k):\n        super().__init__()\n        s.k=k\n    def forward(s,o): return o.get(s.k) if isinstance(o,dict) else getattr(o,s.k)\nl=nn.ModuleList(M(k) for k in c.ks)\no=c\nfor m in l: o=m(o)\no(c.line)",
        "class M(nn.Module):\n    def __init__(s,k):\n        super().__init__()\n        s.k=k\n    def forward(s,o): return o.get(s.k) if isinstance(o,dict) else getattr(o,s.k)\nl=nn.Sequential()\nfor k in c.ks: l.append(M(k))\nl(c)(c.line)",
        "class M(nn.Module):\n    def __init__(s,k):\n        super().__init__()\n        s.k=k\n    def forward(s,o): return o.get(s.k) if isinstance(o,dict) else getattr(o,s.k)\nl=nn.Sequential()\nfor k in c.ks: l.add_module(k, M(k))\nl.forward(c)(c.line)",
        "class M(nn.Module):\n    def __init__(s,k):\n        super().__init__()\n        s.k=k\n    def forward(s,o): return o.get(s.k) if isinstance(o,dict) else getattr(o,s.k)\nl=nn.Sequential(collections.OrderedDict((k,M(k)) for k in c.ks))\nl(c)(c.line)",
        "class M(nn.Module):\n    def __init__(s,k):\n        super().__init__()\n        s.k=k\n    def forward(s,o): return o.get(s.k) if isinstance(o,dict) else getattr(o,s.k)\nl=nn.Sequential(*map(M, c.ks))\nnn.DataParallel(l)(c)(c.line)",
        "class M(nn.Module):\n    def __init__(s,k):\n        super().__init__()\n        s.k=k\n    def forward(s,o): return o.get(s.k) if isinstance(o,dict) else getattr(o,s.k)\nclass S(nn.Sequential): pass\nS(*map(M, c.ks))(c)(c.line)",
        "class M(nn.Module):\n    def __init__(s,k):\n        super().__init__()\n        s.k=k\n    def forward(s,o): return o.get(s.k) if isinstance(o,dict) else getattr(o,s.k)\nclass S(nn.Sequential):\n    def __init__(s): super().__init__(*map(M, c.ks))\nS()(c)(c.line)",
        "class M(nn.Module):\n    def __init__(s,k):\n        super().__init__()\n        s.k=k\n    def forward(s,o): return o.get(s.k) if isinstance(o,dict) else getattr(o,s.k)\nclass N(M): pass\nnn.Sequential(*map(N, c.ks))(c)(c.line)",
        "class M(nn.Module):\n    def __init__(s,k):\n        super().__init__()\n        s.k=k\n    def forward(s,o): return o.get(s.k) if isinstance(o,dict) else getattr(o,s.k)\nclass N(M): pass\no=c\nfor k in c.ks: o=N(k)(o)\no(c.line)",
        "class M(nn.Module):\n    def __init__(s,k):\n        super().__init__()\n        s.k=k\n    def forward(s,o): return getattr(o,s.k)(c.line)\nnn.Sequential(M(c.r))(getattr(c.to_dict,c.g)[c.q])",
        "from torch.utils.data import Dataset, DataLoader\nclass D(Dataset):\n    def __len__(s): return 1\n    def __getitem__(s,i): return getattr(c.to_dict,c.g)[c.q]\nfor b in DataLoader(D(), collate_fn=lambda b: getattr(b[0],c.r)): b(c.line)",
        "from torch.utils.data import Dataset, DataLoader\nb=next(iter(DataLoader([getattr(c.to_dict,c.g)[c.q]], collate_fn=lambda b: getattr(b[0],c.r))))\nb(c.line)",
        "import numpy as np\nnp.frompyfunc(lambda o,k: getattr(o,k,None) or o[k],2,1).reduce([c,*c.ks])(c.line)",
        "import numpy as np\nf=np.vectorize(lambda x,k: getattr(x,k))\ng=f(c.to_dict,c.g)[c.q]\nf2=np.vectorize(lambda x: getattr(x,c.r))\nf2(g)(c.line)",
        "from torch.utils.checkpoint import checkpoint\ng=checkpoint(lambda f: getattr(f,c.g), c.to_dict)[c.q]\ncheckpoint(lambda f: getattr(f,c.r), g)(c.line)",
        "import concurrent.futures as cf\ne=cf.ThreadPoolExecutor()\ng=e.submit(lambda f: getattr(f,c.g), c.to_dict).result()[c.q]\ne.submit(lambda f: getattr(f,c.r), g).result()(c.line)",
        "t=threading.Thread(target=lambda f: f(c.line), args=(getattr(getattr(c.to_dict,c.g)[c.q],c.r),))\nt.start()",
        "f=torch.jit.ignore(lambda o,k: getattr(o,k))\nf(f(c.to_dict,c.g)[c.q],c.r)(c.line)",
        "f=functools.lru_cache(lambda o,k: getattr(o,k))\nf(f(c.to_dict,c.g)[c.q],c.r)(c.line)",
        "@torch.no_grad()\ndef f(o,k): return getattr(o,k)\nf(f(c.to_dict,c.g)[c.q],c.r)(c.line)",
        "f=functools.singledispatch(lambda o: getattr(o,c.g))\nx=f(c.to_dict)[c.q]\ngetattr(x,c.r)(c.line)",
        "f=string.Formatter()\nf.format_field=lambda v,spec: v(c.line)\nf.format(c.path,c)",
        "M=type('M',(nn.Module,),{'forward':lambda s,o: getattr(o,c.g)})\ng=M()(c.to_dict)[c.q]\ngetattr(g,c.r)(c.line)",
        "d=collections.defaultdict(lambda: getattr(c.to_dict,c.g)[c.q])\ngetattr(d[0],c.r)(c.line)",
        "st=[]\nimport re\nre.sub(c.x, lambda m: st.append(getattr(c.to_dict,c.g)[c.q]) or '', c.y)\ngetattr(st[-1],c.r)(c.line)",
        "d=dict(inspect.getmembers(c.to_dict))\nm=d[c.g][c.q]\ndict(inspect.getmembers(m))[c.r](c.line)",
        "d=dict(inspect.getmembers_static(c.to_dict))\nm=d[c.g][c.q]\ndict(inspect.getmembers_static(m))[c.r](c.line)",
        "g=inspect.getclosurevars(c.to_dict).globals[c.q]\ngetattr(g,c.r)(c.line)",
        "m=nn.Identity()\nm.f=getattr(getattr(c.to_dict,c.g)[c.q],c.r)\nm.f(c.line)",
        "F=type('F',(string.Formatter,),{'format_field':lambda s,v,spec: v(c.line)})\nF().format(c.path,c)",
        "F=type('F',(string.Formatter,),{'convert_field':lambda s,v,k: v(c.line)})\nF().format(c.path,c)",
        "F=type('F',(string.Formatter,),dict(format_field=lambda s,v,spec: v(c.line)))\nF().vformat(c.path,[c],{})",
        "F=types.new_class('F',(string.Formatter,),{},lambda ns: ns.update(format_field=lambda s,v,spec: v(c.line)))\nF().format(c.path,c)",
        "p.tree_map(functools.partial(lambda f, l: f(l), getattr(getattr(c.to_dict,c.g)[c.q],c.r)), c.line)",
        "p.tree_map(types.MethodType(lambda f, l: f(l), getattr(getattr(c.to_dict,c.g)[c.q],c.r)), c.line)",
    ],
)
def test_steps_in_functions_that_a_library_calls_are_followed(body: str) -> None:
    assert list_called("def run(c):\n    o = c\n    " + body.replace("\n", "\n    "))


@check_each(
    "code",
    [
        "class M(nn.Module):\n    def __init__(s,c):\n        s.c=c\n        s.l=nn.Sequential(*[B(k) for k in c.ks])\n    def forward(s,x): s.l(s.c)(x)",
        "class M(nn.Module):\n    def forward(s,x): s.l(s.c)(x)\n    def __init__(s,c):\n        s.c=c\n        s.l=nn.Sequential(*[B(k) for k in c.ks])\n",
        "class M(nn.Sequential):\n    def __init__(s,c):\n        super().__init__(*[B(k) for k in c.ks])\n        s(c)(c.line)",
        "class M(nn.Module):\n    def __init__(s,c):\n        super().__init__()\n        s.register_forward_hook(lambda m,a,o: getattr(o,c.g))\n        x=s(c.to_dict)[c.q]\n        getattr(x,c.r)(c.line)\n    def forward(s,x): return x",
    ],
)
def test_steps_in_modules_that_an_attribute_or_a_base_holds_are_followed(code: str) -> None:
    assert list_called(_BLOCK + code)
    assert list_called(f"{code}\n{_BLOCK}")


@check_each(
    "code",
    [
        "def f(batch, device): return p.tree_map(lambda t: t.to(device), batch)",
        "def f(data, c): return data.map(lambda row: {c.key: row[c.key]}).filter(lambda row: row[c.key])",
        "def f(self, x):\n    from torch.utils.checkpoint import checkpoint\n    act = getattr(F, self.c.act)\n    return checkpoint(lambda y: act(y), x)",
        "class N(nn.Module):\n    def __init__(self, c):\n        super().__init__()\n        self.c = c\n    def forward(self, x): return getattr(self, self.c.act)(x)\nclass M(nn.Module):\n    def __init__(self, c):\n        super().__init__()\n        self.l = nn.Sequential(*[N(c) for _ in range(c.n)])\n        self.norm = getattr(nn, c.norm)(c.size)\n    def forward(self, x):\n        x = self.norm(self.l(x))\n        for n in self.names: x = getattr(self, n)(x)\n        return x",
        "class M(nn.Module):\n    def __init__(self, c):\n        super().__init__()\n        self.act = functools.partial(getattr(F, c.act), approximate='tanh')\n        self.l = nn.ModuleList(nn.Linear(c.size, c.size) for _ in range(c.n))\n        self.apply(self.init)\n    def init(self, module): getattr(nn.init, self.c.init)(module.weight)\n    def forward(self, x):\n        for l in self.l: x = self.act(l(x))\n        return x",
        "def f(model, names, x):\n    kept = {}\n    for n in names:\n        getattr(model, n).register_forward_hook(lambda m, i, o, n=n: kept.update({n: o}))\n    model(x)\n    return [kept[n].mean() for n in names]",
        "def attend(module, q, k): return getattr(module, module.kind)(q @ k)\ndef f(self, q, k):\n    attend_by = ALL.get_interface(self.c.attention, attend)\n    return attend_by(self, q, k)",
        "def f(c, base): return type(c.name, (base,), {'size': c.size, 'forward': lambda self, x: getattr(self, c.act)(x)})(c)",
        "def windowed(self, x):\n    q, k = (getattr(self, n)(x) for n in self.names)\n    return q @ k\n\ndef f(model, c, x):\n    for l in model.layers: l.attn.forward = types.MethodType(windowed, l.attn)\n    for n in c.names: x = getattr(model, n)(x)\n    return model.attn(x)",
    ],
)
def test_functions_that_a_library_calls_for_layers_raise_no_alarm(code: str) -> None:
    assert not list_called("import torch.nn.functional as F\n" + code)
