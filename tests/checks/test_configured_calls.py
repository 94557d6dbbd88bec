"""Calls of objects that computed names reach, judged by the names in the model's own configurations."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from support.cases import check_each

import modelaudit

_COMPUTED = "code/calls-computed"
_CALL = "self.l = getattr(importlib.import_module(config.module), config.name)(*config.args)"
_LINEAR = {"module": "torch.nn", "name": "Linear", "args": [2, 2]}
_SYSTEM = {"module": "os", "name": "system", "args": ["true"]}
_INSTANTIATE = """import importlib

def get_obj_from_str(string, reload=False):
    module, cls = string.rsplit(".", 1)
    if reload:
        importlib.reload(importlib.import_module(module))
    return getattr(importlib.import_module(module, package=None), cls)

def instantiate(config):
    if "target" not in config:
        raise KeyError("Expected the key `target`.")
    return get_obj_from_str(config["target"])(**config.get("params", dict()))
"""
_BLOCK = "from torch import nn\nclass Block(nn.Module):\n    pass\n"
_READ = "p = json.load(open('{}'))\nself.l = getattr(importlib.import_module(p['module']), p['name'])('x')"


def scan_model(folder: Path, body: str, config: dict[str, object], files: dict[str, str]) -> tuple[int, set[str]]:
    """Scan a model whose constructor has the statements ``body``; return the exit code and the rules about code."""
    lines = ["import importlib, json, os, pydoc", "import torch", "from torch import nn",
             "class TinyConfig(PretrainedConfig):", files.pop("class", "    pass"), "class Tiny(PreTrainedModel):",
             "    def __init__(self, config):", *(f"        {line}" for line in body.split("\n"))]  # fmt: skip
    source = "from transformers import PretrainedConfig, PreTrainedModel\n" + "\n".join(lines) + "\n"
    auto_map = {"AutoConfig": "modeling_tiny.TinyConfig", "AutoModel": "modeling_tiny.Tiny"}
    shutil.rmtree(folder, ignore_errors=True)  # the cases of a test share it
    folder.mkdir()
    written = {"config.json": json.dumps({"model_type": "tiny", "auto_map": auto_map} | config), **files}
    for name, text in {**written, "modeling_tiny.py": source}.items():
        (folder / name).write_text(text)
    report = modelaudit.scan(folder, second_opinion=False)
    return report.exit_code, {each.rule for each in report.findings if each.severity in ("critical", "high")}


@check_each(
    "body, config, files",
    [
        (_CALL, _LINEAR, {}),
        ("self.l = pydoc.locate(config.norm)(4)", {"norm": "torch.nn.LayerNorm"}, {}),
        ("m, n = config.norm.rsplit('.', 1)\nself.l = getattr(importlib.import_module(m), n)(4)",
         {"norm": "torch.nn.LayerNorm"}, {}),
        ("m = importlib.import_module('.' + config.mod, __package__)\nself.l = getattr(m, config.cls)()",
         {"mod": "parts", "cls": "Block"}, {"parts.py": _BLOCK}),
        (_CALL, _LINEAR, {"class": "    def __init__(self, module='torch.nn', name='Linear', **k):\n"
                                   "        self.module = module\n        self.name = name"}),
    ],
)  # fmt: skip
def test_call_that_a_configuration_resolves_to_a_reviewed_or_own_name_is_no_alarm(
    tmp_path: Path, body: str, config: dict[str, object], files: dict[str, str]
) -> None:
    assert scan_model(tmp_path / "model", body, config, dict(files)) == (0, set())


@check_each(
    "body, config, files",
    [
        (_CALL, _SYSTEM, {}),
        ("self.l = getattr(importlib.import_module(config.module[::-1]), config.name[::-1])('x')",
         {"module": "so", "name": "metsys"}, {}),
    ],
)  # fmt: skip
def test_call_that_a_configuration_resolves_to_a_command_is_judged_as_that_command(
    tmp_path: Path, body: str, config: dict[str, object], files: dict[str, str]
) -> None:
    code, rules = scan_model(tmp_path / "model", body, config, dict(files))
    assert code == 1
    assert rules & {"code/runs-command", "code/hidden-name"}
    assert _COMPUTED not in rules


@check_each(
    "body, config, code",
    [
        ("run = pydoc.locate(getattr(config, 'tool')).run\nsetattr(self, 'step', run)\nself.step('x')",
         {"tool": "torch.utils.collect_env"}, 1),
        ("run = importlib.import_module(config.tool).system\nrun('x')", {"tool": "posix"}, 1),
        ("run = importlib.import_module(''.join(config.tool)).system\nrun('x')", {"tool": ["po", "s", "ix"]}, 1),
        ("import subprocess\nrun = globals()[config.tool].getoutput\nrun('x')", {"tool": "subprocess"}, 1),
        ("import subprocess\nrun = globals().get(config.tool).getoutput\nrun('x')", {}, 1),
        ("import sys\nrun = sys.modules[config.tool].system\nrun('x')", {"tool": "posix"}, 1),
        ("run = importlib.import_module(config.tool).getcwd\nsetattr(self, 'home', run())", {"tool": "os"}, 0),
        ("import sys\nmake = sys.modules[config.tool].Linear\nself.layer = make(2, 2)", {"tool": "torch.nn"}, 0),
        ("import torch.utils.collect_env as e\ndef step(run=getattr(e, config.tool)):\n    run('x')\nstep()", {"tool": "run"}, 1),
        ("import torch.utils.collect_env as e\ne.__dict__[''.join(config.tool)]('x')", {"tool": ["r", "un"]}, 1),
        ("import torch.utils.collect_env as e\nprint(getattr(e, config.tool))", {"tool": "namedtuple"}, 0),
        ("import os\nmake = globals()[config.tool].Linear\nself.layer = make(2, 2)", {"tool": "nn"}, 0),
        ("make = importlib.import_module(config.tool).Linear\nsetattr(self, 'layer', make(2, 2))", {"tool": "torch.nn"}, 0),
        ("make = importlib.import_module(config.tool).Linear\nsetattr(self, 'layer', make(2, 2))", {"other": "posix"}, 0),
    ],
)  # fmt: skip
def test_member_of_a_module_that_a_configuration_names_is_judged_by_the_name(
    tmp_path: Path, body: str, config: dict[str, object], code: int
) -> None:
    assert scan_model(tmp_path / "model", body, config, {})[0] == code


@check_each(
    "body, files",
    [
        ("self.l = getattr(importlib.import_module(config.absent), config.name)('x')", {}),
        ("config.module = ''.join(('o', 's'))\n" + _CALL, {}),
        ("config['mod' + 'ule'] = config.q\n" + _CALL, {}),
        ("for config.module in config.q:\n    pass\n" + _CALL, {}),
        ("setattr(config, 'module', config.q)\n" + _CALL, {}),
        ("config.module, config.name = config.q, config.r\n" + _CALL, {}),
        ("p = dict([('module', config.q), ('name', config.r)])\n"
         "self.l = getattr(importlib.import_module(p['module']), p['name'])('x')", {}),
        ("config = TinyConfig(config.q)\n" + _CALL,
         {"class": "    def __init__(self, module='torch.nn', **k):\n        self.module = module + ''"}),
        (_CALL, {"class": "    @property\n    def module(self):\n        return self.q"}),
        ("json.load(open('config.json'))\n" + _READ.format("weights.bin"), {"weights.bin": "module os"}),
        ("json.load(open('config.json'))\n" + _READ.format("we' + 'ights.bin"), {"weights.bin": "module os"}),
        ("self.l = getattr(importlib.import_module(os.environ['module']), os.environ['name'])('x')", {}),
        ("self.l = getattr(importlib.import_module(config.id2label[0]), config.id2label[1])(config.name)", {}),
    ],
)  # fmt: skip
def test_call_whose_names_may_come_from_elsewhere_stays_an_alarm(
    tmp_path: Path, body: str, files: dict[str, str]
) -> None:
    code, rules = scan_model(tmp_path / "model", body, _LINEAR | {"q": "x", "r": "y"}, dict(files))
    assert (code, _COMPUTED in rules) == (1, True)


_PIECES = {"module": "torch.nn", "parts": ["Lin", "e", "ar"]}
_MEMBERS = [
    "getattr(importlib.import_module(config.module), ''.join(config.parts))",
    "getattr(importlib.import_module(config.to_dict()['module']), ''.join(config.parts), None)",
    "operator.attrgetter(''.join(config.parts))(pkgutil.resolve_name(config.module))",
    "vars(__import__(config.module, fromlist=['x']))[''.join(config.parts)]",
    "importlib.import_module(config.module).__dict__.get(''.join(config.parts))",
    "functools.reduce(getattr, [''.join(config.parts)], sys.modules[config.module])",
    "inspect.getattr_static(importlib.import_module(config.module), ''.join(config.parts))",
    "object.__getattribute__(importlib.import_module(config.module), ''.join(config.parts))",
    "operator.itemgetter(''.join(config.parts))(vars(importlib.import_module(config.module)))",
    "[getattr(importlib.import_module(config.module), each) for each in dir(importlib.import_module(config.module))"
    " if each == ''.join(config.parts)][0]",
]
_HEADS = "import functools, inspect, operator, pkgutil, sys, types\n"
_CALLS = [
    "self.l = {}(2, 2)",
    "self.l = functools.partial({}, *[2])(2)",
    "def make(each={}):\n    return each(2, 2)\nself.l = make()",
    "(lambda each, more: each(*more))({}, [2, 2])",
    "box = types.SimpleNamespace()\nsetattr(box, 'step', {})\nself.l = box.step(*[2, 2], **{{}})",
]


@check_each("member", _MEMBERS)
def test_member_that_a_configuration_names_in_pieces_is_judged_by_its_name_however_code_takes_it(
    tmp_path: Path, member: str
) -> None:
    for call in _CALLS:
        body = _HEADS + call.format(member)
        assert scan_model(tmp_path / "model", body, _PIECES, {}) == (0, set()), call
        harmful = {"module": "os", "parts": ["sys", "t", "em"]}
        assert scan_model(tmp_path / "model", body, harmful, {})[0] == 1, call


@check_each(
    "name",
    [
        "bytes.fromhex('4c696e656172').decode()",
        "codecs.decode('Yvarne', 'rot13')",
        "'%s%s' % ('Lin', 'ear')",
        "''.join(map(chr, [76, 105, 110, 101, 97, 114]))",
        "''.join(letters[each] for each in [0, 1, 2, 3, 4, 5])",
        "Spelt.value",
        "spell()",
        "{'a': 'Linear', 'b': ''}['a']",
        "NAME",
    ],
)
def test_name_that_code_spells_in_pieces_beside_a_configured_module_is_resolved(tmp_path: Path, name: str) -> None:
    lines = ["import codecs", "from .names import NAME", "letters = 'Linear'", "class Spelt:", "    value = 'Linear'",
             "def spell(value='Linear'):", "    return value",
             f"self.l = getattr(importlib.import_module(config.module), {name})(2, 2)"]  # fmt: skip
    body = "\n".join(lines)
    files = {"names.py": "NAME = 'Linear'\n"}
    assert scan_model(tmp_path / "model", body, {"module": "torch.nn"}, dict(files)) == (0, set())


@check_each(
    "body, config",
    [
        ("config = SimpleNamespace(**dict(zip(config.k, config.v)))\n", {"k": ["module", "name"], "v": ["os", "system"]}),
        ("config = SimpleNamespace(**{v: k for k, v in config.m.items()})\n", {"m": {"os": "module", "system": "name"}}),
        ("config = namedtuple('T', config.k)(*config.v)\n", {"k": ["module", "name"], "v": ["os", "system"]}),
        ("config = SimpleNamespace(**dict(map(tuple, config.k)))\n", {"k": [["module", "os"], ["name", "system"]]}),
        ("config = SimpleNamespace(**{config.a[1:]: config.v, config.b[1:]: config.w})\n",
         {"a": "xmodule", "b": "xname", "v": "os", "w": "system"}),
        ("k = config.a.split('-')\nconfig = SimpleNamespace(**dict([k, config.b.split('-')]))\n",
         {"a": "module-os", "b": "name-system"}),
        ("config.update_from_string(config.s)\n", {"s": "module=os,name=system"}),
        ("config = AutoConfig.from_pretrained(config.other)\n", {"other": "org/stranger"}),
        ("config = type(config)(**config.o)\n", {"o": {"MODULE": "os"}}),
        ("for config in make_all(config.o):\n    pass\n", {"o": "x"}),
        ("with hold(config.o) as config:\n    pass\n", {"o": "x"}),
        ("if (config := hold(config.o)):\n    pass\n", {"o": "x"}),
        ("config, other = hold(config.o)\n", {"o": "x"}),
        ("super().__init__(hold(config.o))\nconfig = self.config\n", {"o": "x"}),
        ("PreTrainedModel.__init__(self, hold(config.o))\nconfig = self.config\n", {"o": "x"}),
        ("try:\n    pass\nexcept E as config:\n    pass\n", {"o": "x"}),
    ],
)  # fmt: skip
def test_key_of_an_object_that_may_be_no_configuration_is_not_resolved(
    tmp_path: Path, body: str, config: dict[str, object]
) -> None:
    code, rules = scan_model(tmp_path / "model", body + _CALL, _LINEAR | config, {})
    assert (code, _COMPUTED in rules) == (1, True)


@check_each(
    "before",
    [
        "config.parts.reverse()\n",
        "config.parts.append('x')\n",
        "config.parts[0] = config.o\n",
        "parts = config.parts\n",
        "for each in vars(config).values():\n    each.reverse()\n",
        "for each in dir(config):\n    getattr(config, each)\n",
        "getattr(config, config.o).reverse()\n",
        "match config:\n    case TinyConfig(parts=found):\n        found.reverse()\n",
        "config.__getstate__()\n",
        "hold(config, 'parts')\n",
    ],
)
def test_list_of_pieces_that_code_may_change_before_it_joins_them_is_not_resolved(tmp_path: Path, before: str) -> None:
    body = before + "self.l = getattr(importlib.import_module(config.module), ''.join(config.parts))(2, 2)"
    code, rules = scan_model(tmp_path / "model", body, _PIECES | {"o": "parts"}, {})
    assert (code, _COMPUTED in rules) == (1, True)


@check_each(
    "call, definition",
    [
        ("make(hold(config))", "def make(config):\n    self.l = {}\n"),
        ("make(*hold(config))", "def make(config):\n    self.l = {}\n"),
        ("make(**hold(config))", "def make(config):\n    self.l = {}\n"),
        ("make(config=hold(config))", "def make(config):\n    self.l = {}\n"),
        ("hold(make)", "def make(config):\n    self.l = {}\n"),
        ("make()", "def make(config=hold(1)):\n    self.l = {}\n"),
        ("make(config)", "@hold\ndef make(config):\n    self.l = {}\n"),
        ("getattr(self, 'make')(hold(config))", "def make(config):\n    self.l = {}\n"),
        ("getattr(self, config.o)(hold(config))", "def make(config):\n    self.l = {}\n"),
        ("Maker()(hold(config))", "class Maker(nn.Module):\n    def forward(self, config):\n        self.l = {}\n"),
        ("Maker().x = hold(1)", "class Maker:\n    @x.setter\n    def x(self, config):\n        self.l = {}\n"),
        ("Maker() + hold(1)", "class Maker:\n    def __add__(self, config):\n        self.l = {}\n"),
        ("self._from_config(hold(1))", "{}\n"),
        ("AutoModel.from_config(hold(1))", "{}\n"),
    ],
)
def test_parameter_that_may_get_another_object_is_not_resolved(tmp_path: Path, call: str, definition: str) -> None:
    body = definition.format(_CALL.removeprefix("self.l = ")) + call
    code, rules = scan_model(tmp_path / "model", body, _LINEAR | {"o": "make"}, {})
    assert (code, _COMPUTED in rules) == (1, True)


_OTHER = {"q": "os", "r": "system", "k": "eludom", "n": "eman", "sub": {"module": "torch.nn", "name": "Linear"}}
_PAIRS = "dict([(config.k[::-1], config.q), (config.n[::-1], config.r)])"
_OF_SUB = "self.l = getattr(importlib.import_module(config.sub['module']), config.sub['name'])('x')"


@check_each(
    "change",
    [
        "import operator\noperator.setitem(config.sub, config.k[::-1], config.q)",
        f"d = config.sub\nd |= {_PAIRS}",
        f"config.sub.__ior__({_PAIRS})",
        f"fill = config.sub.update\nfill({_PAIRS})",
        f"list(map(config.sub.update, [{_PAIRS}]))",
        "fill = config.sub.setdefault\nfill(config.k[::-1], config.q)",
        f"again = config.__init__\nagain(**{_PAIRS})",
        "change = config.update_from_string\nchange(config.q)",
        "import unittest.mock\nunittest.mock.patch.object(config, config.k[::-1], config.q).start()",
        "for each in config.sub:\n    config.sub[each] = config.q",
        "hold(config.sub)",
        "kept = [config]",
        "def give():\n    return config",
        "config.get = hold",
        "def relabel(c, module, name):\n    c.module = module\n    c.name = name\nrelabel(config, config.q, config.r)",
    ],
)
def test_configuration_that_code_may_change_is_not_resolved(tmp_path: Path, change: str) -> None:
    for call in (_CALL, _OF_SUB):
        code, rules = scan_model(tmp_path / "model", f"{change}\n{call}", _LINEAR | _OTHER, {})
        assert (code, _COMPUTED in rules) == (1, True), call


@check_each(
    "definition, use",
    [
        ("class Part:\n    def __call__(self, config):\n        {}", "Part()(hold())"),
        ("class Part:\n    def __rshift__(self, config):\n        {}", "Part() >> hold()"),
        ("class Part:\n    def __init_subclass__(cls, config):\n        {}", "class Other(Part, config=hold()):\n    pass"),
        ("class Part:\n    def __class_getitem__(cls, config):\n        {}", "Part[hold()]"),
        ("class Part(json.JSONEncoder):\n    def default(self, config):\n        {}", "json.dumps(hold(), cls=Part)"),
        ("class Part(type):\n    def __call__(cls, config):\n        {}", "Part('x', (), hold())"),
        ("@functools.partial(re.sub, config.q, string=config.r)\ndef step(config):\n    {}", ""),
        ("from .parts import make as other\ndef make(config):\n    {}", "make(config)\nother(hold())"),
        ("class Part(PreTrainedModel):\n    def build(self):\n        config = self.config\n        {}", "Part(hold()).build()"),
        ("class Part:\n    def __init__(self, config):\n        {}", "type('Y', (Part,), {{}})(hold())"),
        ("class Part:\n    def __init__(self, config):\n        {}", "Part(config)\nself.__class__(hold())"),
        ("def make(config):\n    {}", "make(config)\nglobals()['make'](hold())"),
        ("def make(config):\n    {}", "make(config)\nwith hold(make):\n    pass"),
    ],
)  # fmt: skip
def test_function_of_the_model_that_may_be_called_out_of_sight_is_not_resolved(
    tmp_path: Path, definition: str, use: str
) -> None:
    body = f"{definition.replace('{}', _CALL.removeprefix('self.l = '))}\n{use}"
    code, rules = scan_model(tmp_path / "model", body, _LINEAR | _OTHER, {})
    assert (code, _COMPUTED in rules) == (1, True)


@check_each(
    "members",
    [
        "    attribute_map = {'module': 'q', 'name': 'r'}",
        "    get = hold",
        "    def from_dict(cls, found):\n        return super().from_dict(hold(found))",
        "    def __init__(self, **rest):\n        super().__init__(**hold(rest))",
        "    def __init__(self, **rest):\n        rest = hold(rest)\n        super().__init__(**rest)",
        "    from .parts import hook as module",
        "    def __init__(self, module=hold(), **rest):\n        self.module = module\n        super().__init__(**rest)",
        "    @property\n    def sub(self):\n        return hold()",
        "    def __getattribute__(self, name):\n        return hold(name)",
    ],
)
def test_configuration_class_that_may_answer_otherwise_is_not_resolved(tmp_path: Path, members: str) -> None:
    code, rules = scan_model(tmp_path / "model", _CALL, _LINEAR | _OTHER, {"class": members})
    assert (code, _COMPUTED in rules) == (1, True)


@check_each(
    "config, files",
    [
        (_LINEAR | {"attribute_map": {"module": "q", "name": "r"}}, {}),
        (_SYSTEM | {"padding": "x" * 1_200_000}, {"other.json": json.dumps(_LINEAR)}),
        (_LINEAR, {"other.json": '{"module": "os", '}),
    ],
)
def test_configuration_that_files_may_hold_otherwise_is_not_resolved(
    tmp_path: Path, config: dict[str, object], files: dict[str, str]
) -> None:
    code, rules = scan_model(tmp_path / "model", _CALL, _OTHER | config, dict(files))
    assert (code, _COMPUTED in rules) == (1, True)


@check_each(
    "read",
    [
        "json.loads(config.q or 'config.json')",
        "json.load(io.StringIO(config.q or 'config.json'))",
        "json.load(open('config.json'), object_hook=hold)",
        "yaml.safe_load(open('config.json').read()[2:])",
        "json.load(open(config.q or 'config.json'))",
        "json.load(open(config.q + '/' + 'config.json'))",
        "json.load(hold('config.json'))",
    ],
)
def test_file_that_code_may_choose_is_no_configuration(tmp_path: Path, read: str) -> None:
    call = "self.l = getattr(importlib.import_module(p['module']), p['name'])('x')"
    body = f"json.load(open('config.json'))\np = {read}\n{call}"
    code, rules = scan_model(tmp_path / "model", body, _LINEAR | _OTHER, {})
    assert (code, _COMPUTED in rules) == (1, True)


@check_each(
    "body",
    [
        "super().__init__(config)\n" + _CALL,
        "if config.q == 'gelu' or config.sub['name'] == 'x':\n    " + _CALL,
        "self.act = {'relu': nn.ReLU}[config.q]()\n" + _CALL,
        "class Part(nn.Module):\n    def __init__(self, size):\n        self.size = size\n" + _CALL,
        "self.l = getattr(importlib.import_module(config.sub['module']), config.sub.get('name'))(2, 2)",
        "self.l = getattr(importlib.import_module(config.to_dict()['module']), getattr(config, 'name'))(2, 2)",
    ],
)
def test_configuration_of_a_plain_model_is_resolved(tmp_path: Path, body: str) -> None:
    config = _LINEAR | {"q": "relu", "sub": {"module": "torch.nn", "name": "Linear"}}
    assert scan_model(tmp_path / "model", body, config, {}) == (0, set())


@check_each(
    "body, config, files",
    [
        ("cfg = config.head\nm, _, n = cfg['_target_'].rpartition('.')\nself.l = getattr(importlib.import_module(m), n)()",
         {"head": {"_target_": "torch.nn.Identity"}}, {}),
        ("from .util import instantiate\nself.l = instantiate(config.head)",
         {"head": {"target": "torch.nn.Linear", "params": {}}}, {"util.py": _INSTANTIATE}),
        ("from .util import instantiate\nself.l = instantiate(config.head)",
         {"head": {"target": "parts.Block", "params": {}}}, {"util.py": _INSTANTIATE, "parts.py": _BLOCK}),
        (_READ.format("head_config.json"), {}, {"head_config.json": json.dumps(_LINEAR)}),
        (_CALL, _LINEAR, {"other_config.json": json.dumps(_SYSTEM)}),
        ("self.l = getattr(importlib.import_module(config.a['module']), config.b['name'])('x')",
         {"a": {"module": "os", "name": "path"}, "b": {"module": "torch", "name": "system"}}, {}),
        (_READ.format("params.json"), {}, {"params.json": json.dumps(_SYSTEM)}),
        ("super().__init__(config)\nself.l = getattr(importlib.import_module(self.config.module), self.config.name)(2, 2)",
         _LINEAR, {}),
        ("part = config.sub\nself.l = getattr(importlib.import_module(part['module']), part['name'])(2, 2)",
         {"sub": _LINEAR}, {}),
        ("m = config.a['t'].partition('.')[0]\nn = config.b['t'].rpartition('.')[2]\n"
         "self.l = getattr(importlib.import_module(m), n)('x')", {"a": {"t": "os.path"}, "b": {"t": "torch.system"}}, {}),
        ("importlib.import_module = hold\n" + _CALL, _LINEAR, {}),
        ("torch.nn = hold\n" + _CALL, _LINEAR, {}),
        ("x = self.base_model.config.sub\nx |= hold\n" + _CALL, _LINEAR | _OTHER, {}),
        ("def super():\n    return hold\n" + _CALL, _LINEAR, {}),
        ("k = __class__\n" + _CALL, _LINEAR, {}),
        ("class Part(SimpleNamespace):\n    pass\n" + _CALL, _LINEAR, {}),
        ("class Part(Tiny):\n    pass\n" + _CALL, _LINEAR, {}),
        ("getattr(config, 'etadpu'[::-1])(hold)\n" + _CALL, _LINEAR, {}),
        ("sys.modules['torch.bad'] = hold\n" + _CALL, _LINEAR | {"module": "torch.bad"}, {}),
        ("i = importlib\ni.import_module = hold\n" + _CALL, _LINEAR, {}),
        ("c = getattr(self, 'config')\nc.sub = hold\n" + _CALL, _LINEAR | _OTHER, {}),
        ("match self:\n    case object(config=c):\n        c.module = hold\n" + _CALL, _LINEAR, {}),
        ("self.l = getattr(importlib.import_module({'None': config.a, 'x': config.module}[str(config.q)]), config.name)(2)",
         _LINEAR | {"a": "os", "q": None, "other": {"q": "x"}}, {}),
        ("self.l = getattr(importlib.import_module(config.module), config.name)(2)",
         {"name": "Linear", "other": {"module": "torch.nn"}}, {}),
        ("self.l = getattr(importlib.import_module(config.dtype), config.name)(2)", _LINEAR | {"dtype": "torch.nn"}, {}),
        ("self.l = getattr(importlib.import_module(config.module), config.name)(config.sub)",
         _LINEAR | {"module": "operator", "name": "neg"} | {"sub": {"a": "b"}}, {}),
        (_CALL, _LINEAR | {"configuration_files": ["config.1.0.json"]}, {}),
        (_CALL, _LINEAR | {"auto_map": {"AutoModel": "modeling_tiny.Tiny"}}, {}),
        (_CALL, _LINEAR | {"auto_map": {"AutoConfig": "modeling_tiny.ExaoneConfig", "AutoModel": "modeling_tiny.Tiny"}}, {}),
        ("self.l = getattr(importlib.import_module(config.module), config.name)(2)", {"module": "torch", "name": "system"}, {}),
        ("with open('config.json', 'w') as file:\n    hold(file)\n" + _CALL, _LINEAR, {}),
    ],
)  # fmt: skip
def test_call_in_code_that_is_not_plain_stays_an_alarm(
    tmp_path: Path, body: str, config: dict[str, object], files: dict[str, str]
) -> None:
    assert scan_model(tmp_path / "model", body, config, dict(files))[0] == 1


_STORED = "    def __init__(self, module=None, name='x', *, sub=None, **kwargs):\n        {}\n        super().__init__(**kwargs)"
_STORE = "self.module = module\n        self.name = name\n        self.sub = sub"


@check_each(
    "members",
    [
        "    model_type = 'tiny'",
        "    is_composition = True\n    keys_to_ignore_at_inference = ['past_key_values']",
        _STORED.format(_STORE),
        _STORED.format(_STORE + "\n        self.other = 'relu'"),
        "    def __init__(self, **kwargs):\n        super().__init__(**kwargs)",
    ],
)
def test_key_that_the_configuration_only_stores_is_resolved(tmp_path: Path, members: str) -> None:
    for call in (_CALL, _OF_SUB):
        assert scan_model(tmp_path / "model", call, _LINEAR | _OTHER, {"class": members}) == (0, set()), call


@check_each(
    "members",
    [
        "    module, name, sub = 'a', 'b', {}",
        "    module = 'huggingface_hub.utils'\n    sub = {'module': 'huggingface_hub.utils'}",
        "    name = 'run_subprocess'\n    sub = {'name': 'run_subprocess'}",
        _STORED.format("pass"),
        _STORED.format(_STORE + "\n        self.module = 'huggingface_hub.utils'\n        self.sub = None"),
        _STORED.format(_STORE.replace("= module", "= 'huggingface_hub.utils'").replace("= sub", "= None")),
        _STORED.format("super().__init__(**sub)"),
        _STORED.format(_STORE).replace("self, module", "this, self"),
        _STORED.format("self.name = name").replace("sub=None", "rest=None"),
        "    def __init__(self, sub, *module, **name):\n        super().__init__(**name)",
        "    def __init__(self, **kwargs):\n        super().__init__(**kwargs)\n        self.name = self.sub = 'run_subprocess'",
    ],
)
def test_key_that_the_configuration_gives_another_value_is_not_resolved(tmp_path: Path, members: str) -> None:
    for call in (_CALL, _OF_SUB):
        code, rules = scan_model(tmp_path / "model", call, _LINEAR | _OTHER, {"class": members})
        assert (code, _COMPUTED in rules) == (1, True), call


@check_each(
    "key", ["temperature", "num_beam_groups", "rope_theta", "experts_implementation", "mtp_layer_types", "update"]
)
def test_key_that_the_library_drops_or_converts_is_not_resolved(tmp_path: Path, key: str) -> None:
    body = _CALL.replace("config.name", f"config.{key}")
    code, rules = scan_model(tmp_path / "model", body, _LINEAR | {key: "Linear"}, {})
    assert (code, _COMPUTED in rules) == (1, True)


@check_each(
    "change",
    [
        "config.__init__(module='huggingface_hub.utils')",
        "self.config.__init__(module='huggingface_hub.utils')",
        "self.__init__(hold())",
        "nn.Module.__init__(self)",
        "again = config.__init__\nagain(module='huggingface_hub.utils')",
        "(lambda each: each(module='huggingface_hub.utils'))(config.__init__)",
        "getattr(self, ''.join(('con', 'fig'))).__init__(module='huggingface_hub.utils')",
        "getattr(self, config.shown).q = 1",
        "getattr(self, ''.join(config.spelt)).q = 1",
        "getattr(config, '__in' + 'it__')(module='huggingface_hub.utils')",
        "getattr(config, ''.join(('up', 'date')))(hold())",
        "getattr(config, 'update')(hold())",
        "change = config.update\nchange(hold())",
        "config.q()",
        "getattr(config, 'q')()",
        "config.sub.setdefault",
    ],
)
def test_configuration_that_code_may_make_again_or_call_is_not_resolved(tmp_path: Path, change: str) -> None:
    config = _LINEAR | _OTHER | {"shown": "config", "spelt": ["con", "fig"]}
    code, rules = scan_model(tmp_path / "model", f"super().__init__(config)\n{change}\n{_CALL}", config, {})
    assert (code, _COMPUTED in rules) == (1, True)


@check_each(
    "config, members",
    [
        ({"model_type": "other", "part": {"model_type": "tiny"} | _SYSTEM}, "    model_type = 'tiny'"),
        ({"model_type": "other"}, "    model_type = 'tiny'"),
        ({"part": {"model_type": ""} | _SYSTEM}, "    pass"),
        ({"part": {"model_type": {}} | _SYSTEM}, "    model_type = {}"),
        ({"base": _SYSTEM}, "    base_config_key = 'base'"),
        ({"per_layer_config": {"0": _SYSTEM}}, "    model_type = 'tiny'"),
    ],
)
def test_configuration_that_may_be_made_of_a_part_of_the_file_is_not_resolved(
    tmp_path: Path, config: dict[str, object], members: str
) -> None:
    code, rules = scan_model(tmp_path / "model", _CALL, _LINEAR | config, {"class": members})
    assert (code, _COMPUTED in rules) == (1, True)


def list_parts(key: str) -> dict[str, object]:
    """Return settings with more texts under a key than the combinations that are analysed."""
    return {f"part{number}": {key: f"text{number}"} for number in range(70)}


_RUN = "run = importlib.import_module({}).system\nrun('x')"
_NAMING = "import importlib\ndef find(name):\n    return importlib.import_module(name)\n"
_MAKE = "make = importlib.import_module(config.tool).Linear\nsetattr(self, 'layer', make(2, 2))"


@check_each(
    "body, config, files, code",
    [
        (_RUN.format("config.tool"), {"tool": "posix"} | list_parts("tool"), {}, 1),
        ("a = config.other\n" + _RUN.format("config.tool"), {"tool": "posix"} | list_parts("other"), {}, 1),
        (_RUN.format("config.tool[::-1]"), {"tool": "xisop"} | list_parts("tool"), {}, 1),
        (_RUN.format("{'a': config.a, 'b': config.b}[config.q]"), {"a": "json", "b": "posix"} | list_parts("q"), {}, 1),
        (_RUN.format("config.tool"), {"tool": "posix", "padding": "x" * 1_200_000}, {}, 1),
        (_RUN.format("config.tool") + f"\nx = '{'x' * 250_000}'", {"tool": "posix"}, {}, 1),
        (_RUN.format("config.tool") + f"\nx = '{'x' * 1_200_000}'", {"tool": "posix"}, {}, 1),
        (_RUN.format("config.tool"), {"tool": "posix"}, {f"a{number}.json": "{}" for number in range(210)}, 1),
        (_RUN.format("config.tool"), {"tool": "posix"}, {f"a{number}.py": _NAMING for number in range(210)}, 1),
        (_MAKE.replace("config.tool", "'torch.nn'"), {"tool": "x"}, {f"a{number}.py": _NAMING for number in range(210)}, 0),
        ("a = config.other\n" + _MAKE, {"tool": "torch.nn"} | list_parts("other"), {}, 0),
        ("a = {'x': 1}.get(config.other)\n" + _MAKE, {"tool": "torch.nn"} | list_parts("other"), {}, 0),
        ("importlib.import_module('.parts', __package__)", {"padding": "x" * 1_200_000}, {"parts.py": _BLOCK}, 0),
    ],
)  # fmt: skip
def test_what_a_source_does_beyond_the_bounds_of_the_search_stays_an_alarm(
    tmp_path: Path, body: str, config: dict[str, object], files: dict[str, str], code: int
) -> None:
    assert scan_model(tmp_path / "model", body, config, dict(files))[0] == code


@check_each(
    "body, config, code",
    [
        ("torch.load(config.start, weights_only=False)", {"start": "/srv/start.pt"}, 1),
        ("torch.load(config.start, weights_only=False)", {"start": "../start.pt"}, 1),
        ("import numpy as np\nnp.load(config.start, allow_pickle=True)", {"start": "/srv/start.npy"}, 1),
        ("torch.load(config.start, weights_only=True)", {"start": "/srv/start.pt"}, 0),
        ("torch.load(config.start, weights_only=False)", {"start": "start.pt"}, 0),
        ("torch.load(os.path.join(config._name_or_path, 'a.pt'), weights_only=False)", {"_name_or_path": "/srv/a"}, 0),
    ],
)  # fmt: skip
def test_path_out_of_the_model_that_a_configuration_names_is_not_unpickled_silently(
    tmp_path: Path, body: str, config: dict[str, object], code: int
) -> None:
    exit_code, rules = scan_model(tmp_path / "model", body, config, {})
    assert (exit_code == 1, "code/deserialises" in rules) == (code == 1, code == 1)
