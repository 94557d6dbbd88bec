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
    auto_map = {"AutoModel": "modeling_tiny.Tiny"}
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
        ("cfg = config.head\nm, _, n = cfg['_target_'].rpartition('.')\nself.l = getattr(importlib.import_module(m), n)()",
         {"head": {"_target_": "torch.nn.Identity"}}, {}),
        ("from .util import instantiate\nself.l = instantiate(config.head)",
         {"head": {"target": "torch.nn.Linear", "params": {}}}, {"util.py": _INSTANTIATE}),
        ("from .util import instantiate\nself.l = instantiate(config.head)",
         {"head": {"target": "parts.Block", "params": {}}}, {"util.py": _INSTANTIATE, "parts.py": _BLOCK}),
        ("m = importlib.import_module('.' + config.mod, __package__)\nself.l = getattr(m, config.cls)()",
         {"mod": "parts", "cls": "Block"}, {"parts.py": _BLOCK}),
        (_READ.format("head_config.json"), {}, {"head_config.json": json.dumps(_LINEAR)}),
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
        (_CALL, _LINEAR, {"other_config.json": json.dumps(_SYSTEM)}),
        ("self.l = getattr(importlib.import_module(config.a['module']), config.b['name'])('x')",
         {"a": {"module": "os", "name": "path"}, "b": {"module": "torch", "name": "system"}}, {}),
        (_READ.format("params.json"), {}, {"params.json": json.dumps(_SYSTEM)}),
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
