"""Switches of loaders that the configuration turns on through the flow of the code, or through functions as values."""

from __future__ import annotations

from pathlib import Path

from support.cases import check_each

from tests.checks.test_chosen_places import build, scan_rules

_GO = "def go(p, t=False):\n    return AutoConfig.from_pretrained(p, trust_remote_code=t)\n"
_LAYER = (
    "class M(torch.nn.Module):\n    def forward(s, p, t):\n"
    "        return AutoConfig.from_pretrained(p, trust_remote_code=t)\n"
)


@check_each(
    "body, before",
    [
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=config == config)", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=config is not None)", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=bool(config))", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=not not config)", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=config or False)", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=config)", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=self)", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=len(config.l) > 0)", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=isinstance(config, object))", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=config != 1)", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=hasattr(config, 'x'))", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=config.to_dict() != {})", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=str(config) != '')", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=len(str(config)))", ""),
        ("t = 0\nfor _ in config.l: t += 1\nAutoConfig.from_pretrained(config.sub, trust_remote_code=t)", ""),
        ("t = 0\nwhile config.l: t = t + 1\nAutoConfig.from_pretrained(config.sub, trust_remote_code=t)", ""),
        ("t = ''\nfor _ in config.l: t += 'x'\nAutoConfig.from_pretrained(config.sub, trust_remote_code=t)", ""),
        ("t = []\nfor _ in config.l: t.append(1)\nAutoConfig.from_pretrained(config.sub, trust_remote_code=t)", ""),
        (
            "t = []\nfor _ in config.l: t += [1]\nAutoConfig.from_pretrained(config.sub, trust_remote_code=len(t) > 0)",
            "",
        ),
        (
            "t = False\nwhile len(config.l) > t: t = True\nAutoConfig.from_pretrained(config.sub, trust_remote_code=t)",
            "",
        ),
        ("t = False\nfor t in config.l: pass\nAutoConfig.from_pretrained(config.sub, trust_remote_code=t)", ""),
        ("t = 0\nfor _ in config.l: t |= True\nAutoConfig.from_pretrained(config.sub, trust_remote_code=t)", ""),
        ("t = 0\nfor _ in config.l: t -= 1\nAutoConfig.from_pretrained(config.sub, trust_remote_code=t)", ""),
        (
            "t = False\ntry:\n    config.l[0]\n    t = True\nexcept Exception: pass\nAutoConfig.from_pretrained(config.sub, trust_remote_code=t)",
            "",
        ),
        ("t = set()\n[t.add(1) for _ in config.l]\nAutoConfig.from_pretrained(config.sub, trust_remote_code=t)", ""),
        ("d = {}\nfor k in config.l: d[k] = 1\nAutoConfig.from_pretrained(config.sub, trust_remote_code=d)", ""),
        (
            "self.n = 0\nfor _ in config.l: self.n += 1\nAutoConfig.from_pretrained(config.sub, trust_remote_code=self.n)",
            "",
        ),
        ("t = 0\nfor _ in config.l: t = ~t\nAutoConfig.from_pretrained(config.sub, trust_remote_code=t)", ""),
        ("t = (False, True)[len(config.l)]\nAutoConfig.from_pretrained(config.sub, trust_remote_code=t)", ""),
        (
            "os.environ['A'] = str(config.t)\nAutoConfig.from_pretrained(config.sub, trust_remote_code=os.environ['A'] == 'True')",
            "",
        ),
        (
            "os.environ['A'] = str(config.t)\nAutoConfig.from_pretrained(config.sub, trust_remote_code=os.getenv('A') == 'True')",
            "",
        ),
        (
            "e = os.environ\ne['A'] = config.t\nAutoConfig.from_pretrained(config.sub, trust_remote_code=os.environ.get('A'))",
            "",
        ),
        (
            "os.environ.update({'A': config.t})\nAutoConfig.from_pretrained(config.sub, trust_remote_code=os.environ.get('A'))",
            "",
        ),
        (
            "os.environ.update(A=config.t)\nAutoConfig.from_pretrained(config.sub, trust_remote_code=os.environ['A'])",
            "",
        ),
        (
            "os.environ.setdefault('A', config.t)\nAutoConfig.from_pretrained(config.sub, trust_remote_code=os.environ['A'])",
            "",
        ),
        (
            "os.environ |= {'A': config.t}\nAutoConfig.from_pretrained(config.sub, trust_remote_code=os.environ['A'])",
            "",
        ),
        (
            "operator.setitem(os.environ, 'A', config.t)\nAutoConfig.from_pretrained(config.sub, trust_remote_code=os.environ['A'])",
            "",
        ),
        ("os.environ['A'] = '1'\nAutoConfig.from_pretrained(config.sub, trust_remote_code=os.environ['A'] == '1')", ""),
        (
            "os.environ[config.k] = config.t\nAutoConfig.from_pretrained(config.sub, trust_remote_code=os.environ['A'])",
            "",
        ),
        (
            "k = 'A'\nos.environ[k] = config.t\nAutoConfig.from_pretrained(config.sub, trust_remote_code=os.environ['A'])",
            "",
        ),
        (
            "os.environ.update([('A', config.t)])\nAutoConfig.from_pretrained(config.sub, trust_remote_code=os.environ['A'])",
            "",
        ),
        (
            "import os as o\no.environ['A'] = config.t\nAutoConfig.from_pretrained(config.sub, trust_remote_code=o.environ['A'])",
            "",
        ),
        (
            "x = {'f': lambda p, t: AutoConfig.from_pretrained(p, trust_remote_code=t)}\nx['f'](config.sub, config.t)",
            "",
        ),
        ("self.f = lambda p, t: AutoConfig.from_pretrained(p, trust_remote_code=t)\nself.f(config.sub, config.t)", ""),
        (
            "def g():\n    t = yield\n    AutoConfig.from_pretrained('a/b', trust_remote_code=t)\nh = g()\nnext(h)\nh.send(config.t)",
            "",
        ),
        (
            "import queue\nq = queue.Queue()\nq.put(config.t)\nAutoConfig.from_pretrained(config.sub, trust_remote_code=q.get_nowait())",
            "",
        ),
    ],
)
def test_switch_that_code_turns_on_is_found(tmp_path: Path, body: str, before: str) -> None:
    assert scan_rules(tmp_path, {"modeling_x.py": build(body, before)}) >= {"code/trusts-remote-code"}


@check_each(
    "body, before",
    [
        ("torch.nn.Identity()(go)(config.sub, config.t)", _GO),
        ("x = {'f': go}\nx['f'](config.sub, config.t)", _GO),
        ("x = [go]\nx[0](config.sub, config.t)", _GO),
        ("f = go\nf(config.sub, config.t)", _GO),
        ("f = go if config.x else None\nf(config.sub, t=config.t)", _GO),
        ("for f in (go,): f(config.sub, config.t)", _GO),
        ("[f(config.sub, config.t) for f in [go]]", _GO),
        ("(lambda f: f(config.sub, config.t))(go)", _GO),
        ("self.f = go\nself.f(config.sub, config.t)", _GO),
        ("setattr(self, 'f', go)\nself.f(config.sub, config.t)", _GO),
        ("functools.partial(go, config.sub)(config.t)", _GO),
        ("f = functools.partial(go, config.sub)\nf(config.t)", _GO),
        ("import threading\nthreading.Thread(target=go, args=(config.sub, config.t)).start()", _GO),
        ("import threading\nthreading.Thread(target=go, kwargs={'p': config.sub, 't': config.t}).start()", _GO),
        ("globals()['go'](config.sub, config.t)", _GO),
        ("getattr(sys.modules[__name__], 'go')(config.sub, config.t)", _GO),
        ("(g := go)(config.sub, config.t)", _GO),
        ("x = {'f': go}\nx['f'](*[config.sub, config.t])", _GO),
        ("a = (config.sub, config.t)\nx = {'f': go}\nx['f'](*a)", _GO),
        ("x = {'f': go}\nd = {'t': config.t}\nx['f'](config.sub, **d)", _GO),
        ("x = {'f': go}\nx['f'](config.sub, **{'t': config.t})", _GO),
        ("def call(f, *a): return f(*a)\ncall(go, config.sub, config.t)", _GO),
        ("match {'f': go}:\n    case {'f': f}: f(config.sub, config.t)", _GO),
        ("import types\ntypes.MethodType(go, config.sub)(config.t)", _GO),
        ("list(map(go, [config.sub], [config.t]))", _GO),
        ("import itertools\nlist(itertools.starmap(go, [(config.sub, config.t)]))", _GO),
        ("go.__call__(config.sub, config.t)", _GO),
        ("go.__get__(config.sub)(config.t)", _GO),
        ("type('X', (), {'f': go})().f(config.t)", _GO),
        ("X = type('X', (), {'f': staticmethod(go)})\nX.f(config.sub, config.t)", _GO),
        ("vars()['go'] if 0 else globals()[config.n](config.sub, config.t)", _GO),
        ("M()(config.sub, config.t)", _LAYER),
        ("m = M()\nm(config.sub, config.t)", _LAYER),
        ("for x in torch.nn.ModuleList([M()]): x(config.sub, config.t)", _LAYER),
        ("self.m = M()\nself.m(config.sub, config.t)", _LAYER),
        ("self.m = torch.nn.ModuleDict({'a': M()})\nself.m['a'](config.sub, t=config.t)", _LAYER),
        ("M().forward(config.sub, config.t)", _LAYER),
        ("M.forward(None, config.sub, config.t)", _LAYER),
        ("getattr(M(), 'forward')(config.sub, config.t)", _LAYER),
        ("operator.methodcaller('forward', config.sub, config.t)(M())", _LAYER),
        (
            "M()[config.t]",
            "class M:\n    def __getitem__(s, t):\n        return AutoConfig.from_pretrained('a/b', trust_remote_code=t)\n",
        ),
        (
            "M().t = config.t",
            "class M:\n    @property\n    def t(s): return 1\n    @t.setter\n    def t(s, t):\n        AutoConfig.from_pretrained('a/b', trust_remote_code=t)\n",
        ),
        (
            "M() @ config.t",
            "class M:\n    def __matmul__(s, t):\n        return AutoConfig.from_pretrained('a/b', trust_remote_code=t)\n",
        ),
        (
            "R['g'](config.sub, config.t)",
            "R = {}\ndef reg(f):\n    R['g'] = f\n    return f\n@reg\ndef go(p, t=False):\n    return AutoConfig.from_pretrained(p, trust_remote_code=t)\n",
        ),
    ],
)
def test_parameter_of_a_function_that_is_a_value_is_followed(tmp_path: Path, body: str, before: str) -> None:
    assert scan_rules(tmp_path, {"modeling_x.py": build(body, before)}) >= {"code/trusts-remote-code"}


@check_each(
    "body, before",
    [
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=trust)", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=False)", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=kwargs.get('trust_remote_code', False))", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=trust is True)", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=trust == True)", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=trust or False)", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=os.environ.get('T') == '1')", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=os.getenv('T', '0') in ('1', 'true'))", ""),
        (
            "AutoConfig.from_pretrained(config.sub, trust_remote_code=str(os.environ.get('T', '')).lower() == 'true')",
            "",
        ),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code='nomic' in folder)", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=folder.startswith('nomic-ai/'))", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=not folder)", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=int(os.environ.get('T', '0')))", ""),
        ("AutoConfig.from_pretrained(config.sub, trust_remote_code=trust if trust is not None else False)", ""),
        (
            "os.environ['TOKENIZERS_PARALLELISM'] = 'false'\nAutoConfig.from_pretrained(config.sub, trust_remote_code=os.environ.get('T') == '1')",
            "",
        ),
        (
            "os.environ['CUDA'] = str(config.d)\nAutoConfig.from_pretrained(config.sub, trust_remote_code=os.environ.get('T') == '1')",
            "",
        ),
        (
            "os.environ.setdefault('T', '0')\nAutoConfig.from_pretrained(config.sub, trust_remote_code=os.environ['T'] == '1')",
            "",
        ),
        (
            "self.n = 0\nfor _ in config.l: self.n += 1\nAutoConfig.from_pretrained(config.sub, trust_remote_code=trust)",
            "",
        ),
        ("go(config.sub)", _GO),
        ("go(config.sub, trust)", _GO),
        ("x = {'f': go}\nx['f'](config.sub)", _GO),
        ("x = {'f': go}\nx['f'](config.sub, trust)", _GO),
        ("x = {'f': go}\nx['f'](config.sub, t=kwargs.get('trust_remote_code', False))", _GO),
        ("functools.partial(go, config.sub)()", _GO),
        ("self.l = [torch.nn.Linear(1, 1)]\nself.l[0](config.x, config.y)", _GO),
        ("x = {'f': go}\nself.act = torch.nn.ReLU()\nself.act(config.x)", _GO),
        ("getattr(torch.nn.functional, config.act)(config.x)", _GO),
        (
            "go(config.sub)",
            "__all__ = ['go']\ndef go(p, t=False):\n    return AutoConfig.from_pretrained(p, trust_remote_code=t)\n    # x\n",
        ),
        ("import threading\nthreading.Thread(target=go, args=(config.sub, False)).start()", _GO),
        ("M()(config.sub, False)", _LAYER),
        ("M()(config.sub, trust)", _LAYER),
        (
            "M('a/b').load()",
            "class M:\n    def __init__(self, p, trust_remote_code=False):\n        self.trust_remote_code = trust_remote_code\n        self.p = p\n    def load(self):\n        return AutoModel.from_pretrained(self.p, trust_remote_code=self.trust_remote_code)\n",
        ),
    ],
)
def test_switch_of_the_caller_is_not_found(tmp_path: Path, body: str, before: str) -> None:
    assert scan_rules(tmp_path, {"modeling_x.py": build(body, before)}) == set()


@check_each(
    "helper, body",
    [
        (
            "class G:\n    def go(s, p, t=False):\n        return load(p, trust_remote_code=t)\n",
            "G().go(config.sub, config.t)",
        ),
        ("G = lambda p, t: load(p, trust_remote_code=t)\n", "G(config.sub, config.t)"),
        ("G = {'f': lambda p, t: load(p, trust_remote_code=t)}\n", "G['f'](config.sub, config.t)"),
    ],
)
def test_parameter_of_a_function_of_another_file_is_followed(tmp_path: Path, helper: str, body: str) -> None:
    head = "from transformers import AutoConfig\nload = AutoConfig.from_pretrained\n"
    files = {"h.py": head + helper, "modeling_x.py": build(f"from .h import G\n{body}")}
    assert scan_rules(tmp_path, files) >= {"code/trusts-remote-code"}
    files["modeling_x.py"] = build(f"from .h import G\n{body.replace('config.t', 'trust')}")
    assert not scan_rules(tmp_path, files)


_WALKED = "getattr(getattr(config.to_dict, config.g)[config.q], config.r)"


@check_each(
    "body, is_found",
    [
        (f"torch.utils._pytree.tree_map({_WALKED}, config.line)", True),
        (f"import torch.utils._pytree as p\np.tree_map_only(str, {_WALKED}, config.line)", True),
        (f"f = {_WALKED}\ntorch.utils._pytree.tree_map_(f, [config.line])", True),
        (f"m = torch.nn.Identity()\nm.register_forward_hook(lambda a, b, o: o(config.line))\nm({_WALKED})", True),
        (f"m = torch.nn.Identity()\nm.register_forward_pre_hook(lambda a, o: o[0](config.line))\nm({_WALKED})", True),
        ("torch.utils._pytree.tree_map(getattr(torch, config.act), config.x)", False),
        ("torch.utils._pytree.tree_map(lambda x: x.to(getattr(torch, config.dtype)), config.x)", False),
        ("torch.utils.checkpoint.checkpoint(getattr(self, config.layer), config.x)", False),
        ("m = torch.nn.Identity()\nm.register_forward_hook(lambda a, b, o: o + 1)\nm(getattr(self, config.x))", False),
    ],
)
def test_function_that_a_library_calls_is_found(tmp_path: Path, body: str, is_found: bool) -> None:
    assert bool(scan_rules(tmp_path, {"modeling_x.py": build(body)})) == is_found
