"""Functions of installed libraries that run what they are given, against the lists of names for Python code."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from support.cases import check_each
from support.catalogue import load_shipped

import modelaudit
from modelaudit.languages.python.name_resolution import normalize_name
from modelaudit.model.catalogue import Standing

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "rules/vocabularies/python-code"
NAMES = load_shipped().vocabularies["python-code"]
# Packages beside most models that are read within seconds.
PACKAGES = ("pip", "jinja2", "filelock", "matplotlib")


def load_script(name: str) -> ModuleType:
    """Load a script that lies beside the lists; others find it by its name."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    sys.modules[name] = script
    spec.loader.exec_module(script)
    return script


@pytest.fixture(scope="module")
def survey() -> ModuleType:
    return load_script("survey")


def write_package(folder: Path, **sources: str) -> Path:
    """Write the modules of a package."""
    folder.mkdir()
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)
    return folder


@check_each(
    "source, dangers",
    [
        ("import subprocess\ndef f(a): subprocess.run(a)", {"a": "command"}),
        ("import subprocess\ndef f(a): subprocess.run(['git', a])", {}),
        ("import subprocess\ndef f(a): subprocess.run(f'git {a}', shell=True)", {"a": "shell"}),
        ("import subprocess as s\ndef f(a):\n  b = [*a]\n  with s.Popen(args=b) as p: pass", {"a": "command"}),
        ("import os\ndef f(a): g(a)\ndef g(b): os.system(b)", {"a": "shell"}),
        ("def f(a, b): exec(a, b)", {"a": "code"}),
        ("def f(a):\n  def g(b): exec(b)\n  return g", {"(result)": "code"}),
        ("def f(a):\n  def g(b): exec(b)", {}),
        ("def f(a):\n  if len(a) > 2: exec('1')", {}),
        ("from importlib import import_module\ndef f(a): return getattr(import_module(a), 'x')", {"a": "import"}),
        ("from importlib import import_module\ndef f(a): return import_module('x.' + a)", {}),
        ("from importlib import import_module\ndef f(a): import_module(a)", {}),
        ("import pickle\ndef f(a):\n  with open(a) as b: return pickle.load(b)", {"a": "deserialise"}),
        ("import ctypes\ndef f(a): return ctypes.CDLL(a)", {"a": "native"}),
        ("def f(a, b): return getattr(a, b)", {"b": "lookup"}),
        ("def f(a, b):\n  for c in b.split('.'): a = getattr(a, c)\n  return a, b", {"b": "lookup"}),
        ("import functools\ndef f(a, b): return functools.reduce(getattr, b.split('.'), a)", {"b": "lookup"}),
        ("def f(a, b, *c): return getattr(a, b)(*c)", {"b": "lookup"}),
        ("def f(a, b): return vars(a)[b]", {"b": "lookup"}),
        ("def f(a, b): return g(b, a)\ndef g(c, d): return getattr(d, c)", {"b": "lookup"}),
        ("def f(a, b): return getattr(a, 'get_' + b)", {}),
        ("def f(a, b): return len(getattr(a, b))", {}),
        ("def f(self, b): return getattr(self, b)", {}),
        ("import subprocess\ndef f(*a): g(*a)\ndef g(*a, check=True): subprocess.run(a)", {"a": "command"}),
        ("import torch\ndef f(a): return torch.load(a, weights_only=False)", {"a": "deserialise"}),
        ("import torch\ndef f(a): return torch.load(a, weights_only=True)", {}),
    ],
)
def test_parameter_that_reaches_a_dangerous_function_is_found(
    survey: ModuleType, tmp_path: Path, source: str, dangers: dict[str, str]
) -> None:
    survey.forget_packages()
    survey.read_package("part", write_package(tmp_path / f"part{hash(source)}", module=source))
    survey.find_all_dangers()
    assert survey.FUNCTIONS["part.module.f"].dangers == dangers


def test_methods_and_second_names_of_a_dangerous_function_are_found(survey: ModuleType, tmp_path: Path) -> None:
    classes = "class A:\n  def __init__(self, a): self.a = a\n  def run(self): exec(self.a)\nclass B(A): pass\n"
    init = "from .module import *\nfrom .module import A as C\n"
    survey.forget_packages()
    survey.read_package("part", write_package(tmp_path / "part", __init__=init, module=f"{classes}def f(a): exec(a)\n"))
    survey.find_all_dangers()
    names = dict(survey.list_dangerous())
    assert names == {"part.module.A.run": {"(self)": "code"}, "part.module.f": {"a": "code"}}
    assert survey.list_other_names(names) == {
        "part.module.A.run": {"part.A.run", "part.B.run", "part.C.run", "part.module.B.run"},
        "part.module.f": {"part.f"},
    }


@check_each(
    "source, name, dangers",
    [
        ("class A:\n  def __init__(self, a): self.a = a\n  def __getitem__(self, b): return getattr(self.b, self.a)",
         "A", {"a": "lookup"}),
        ("from importlib import import_module\nclass A:\n  a: str\n  def load(self): return import_module(self.a)",
         "A.load", {"(self)": "import"}),
        ("import pickle\nclass A:\n  @classmethod\n  def load(cls, a): b = cls.__new__(cls); return b.read(a)\n"
         "  def read(self, a): return pickle.load(a)", "A.load", {"a": "deserialise"}),
        ("from importlib import import_module\nclass A:\n  def __init__(self, a): self.a = a\n"
         "  def find(self): return import_module(self.a)\n", "A", {"(self)": "import"}),
        ("from importlib import import_module\nclass A:\n  def __init__(self, a): self.a = a\n"
         "  def find(self): return import_module(self.a)\ndef f(a): return [A(b) for b in a]", "f", {"a": "import"}),
        ("import pickle\nclass A(pickle.Unpickler): pass", "A", {"(self)": "deserialise"}),
        ("import pickle\nB = pickle._Unpickler\nclass C(B): pass\nclass A(C): pass", "A", {"(self)": "deserialise"}),
        ("from pickle import Unpickler as B\nclass A(B): pass\ndef f(a, b): return A(a, b).load()", "f",
         {"a": "deserialise", "b": "deserialise"}),
        ("def f(a, b): return a.import_module(b)", "f", {"b": "import"}),
    ],
)  # fmt: skip
def test_danger_of_a_class_is_found_where_a_source_shows_its_name(
    survey: ModuleType, tmp_path: Path, source: str, name: str, dangers: dict[str, str]
) -> None:
    survey.forget_packages()
    survey.read_package("part", write_package(tmp_path / f"part{hash(source)}", module=source))
    survey.find_all_dangers()
    assert dict(survey.list_dangerous())[f"part.module.{name}"] == dangers


def test_methods_of_an_object_that_a_module_makes_are_found_under_its_name(survey: ModuleType, tmp_path: Path) -> None:
    module = (
        "from importlib import import_module\nclass A:\n  def find(self, a): return import_module(a)\n"
        "  def __call__(self, a): return import_module(a)\nclass B(A): pass\nheld: A = B()\nfind = held.find\n"
    )
    init = "from .module import held, find\nfrom .module import held as other\n"
    survey.forget_packages()
    survey.read_package("part", write_package(tmp_path / "part", __init__=init, module=module))
    survey.find_all_dangers()
    names = dict(survey.list_dangerous())
    others = {"held.find", "other.find", "find", "module.held.find", "module.find", "module.B.find"}
    assert survey.list_other_names(names)["part.module.A.find"] == {f"part.{each}" for each in others}


def test_module_that_is_a_single_file_is_read(survey: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "alone.py").write_text("def f(a): exec(a)\n")
    (tmp_path / "_left.py").write_text("def f(a): exec(a)\n")
    derive = load_script("derive")
    survey.forget_packages()
    for name, folder in derive.list_files(tmp_path):
        survey.read_package(name, folder)
    survey.find_all_dangers()
    assert dict(survey.list_dangerous()) == {"alone.f": {"a": "code"}}


def test_every_function_of_installed_packages_that_runs_what_it_is_given_is_listed(survey: ModuleType) -> None:
    derive = load_script("derive")
    survey.forget_packages()
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin:
            survey.read_package(package, Path(spec.origin).parent)
    assert derive.find_names().keys() - NAMES.keys() == set()


@check_each(
    "name",
    ["pip._internal.utils.subprocess.call_subprocess", "pip._internal.utils.subprocess.runner_with_spinner_message",
     "pip._vendor.pyproject_hooks.default_subprocess_runner", "pip._vendor.pyproject_hooks.quiet_subprocess_runner",
     "matplotlib.cbook._check_and_log_subprocess", "torch.jit.unsupported_tensor_ops.execWrapper", "sympy.lambdify",
     "transformers.models.auto.auto_factory.getattribute_from_module", "importlib.metadata.EntryPoint.load",
     "torch.fx.Interpreter.fetch_attr", "xmlrpc.server.resolve_dotted_attribute", "string.Formatter.get_field",
     "pickle._getattribute", "torch.ao.quantization.utils.getattr_from_fqn", "rdflib.plugin.Plugin.getClass",
     "transformers.models.auto.configuration_auto._LazyConfigMapping", "virtualenv.util.subprocess.run_cmd",
     "pre_commit.util.cmd_output", "torch._export.serde.serialize.deserialize_torch_artifact", "lark.Lark.load",
     "torch.distributed.checkpoint.format_utils.torch_save_to_dcp", "torch.distributed.checkpoint.load",
     "multiprocessing.SimpleQueue._writer.send_bytes", "pydantic.ImportString", "webbrowser.get", "webbrowser.open",
     "importlib.metadata.EntryPoint", "importlib.metadata.EntryPoints._from_text", "joblib.numpy_pickle.NumpyUnpickler",
     "torch.package.sys_importer.import_module", "torch.package.importer.OrderedImporter.import_module",
     "torch.package.package_importer.PackageUnpickler", "torch.fx._graph_pickler._GraphUnpickler", "six.MovedModule",
     "six.MovedAttribute", "six._import_module", "torch.utils.data.datapipes.utils.decoder.basichandlers"],
)  # fmt: skip
def test_scan_fails_code_that_calls_a_derived_function(name: str, tmp_path: Path) -> None:
    assert NAMES[normalize_name(name).name].standing is Standing.DANGEROUS
    folder = tmp_path / name
    folder.mkdir()
    module, _, function = name.rpartition(".")
    (folder / "modeling.py").write_text(f"from {module} import {function} as run\ndef forward(config): run(config.x)\n")
    assert modelaudit.scan(folder, second_opinion=False).exit_code == 1


def test_no_name_is_both_derived_and_ordinary(survey: ModuleType) -> None:
    derive = load_script("derive")
    derived = [line.strip("- \n") for line in derive.TARGET.read_text().splitlines() if line.startswith("          - ")]
    assert len(derived) > 100
    assert [name for name in derived if survey.is_ordinary(name)] == []
