"""Code that has the loader or Python run what the configuration of the model names, or what it writes."""

from __future__ import annotations

import json
from pathlib import Path

from support.cases import check_each

import modelaudit

_IMPORTS = "import os\nfrom pathlib import Path\nfrom transformers import AutoModel, AutoTokenizer\n"

_CONFIG = {"model_type": "x", "auto_map": {"AutoModel": "modeling_x.Net"}}
_MODEL = "import torch\n\n\nclass Net(torch.nn.Module):\n    pass\n"


def scan_rules(folder: Path, files: dict[str, str]) -> set[str]:
    """Write files into a new folder beside a configuration; return the rules that find something high in them."""
    place = folder / str(len(list(folder.iterdir())))
    place.mkdir()
    for path, text in {"config.json": json.dumps(_CONFIG), **files}.items():
        (place / path).write_text(text)
    report = modelaudit.scan(place, second_opinion=False, checks=["security"])
    return {each.rule for each in report.findings if each.severity in ("high", "critical")}


_HEAD = (
    "import json, sys, os, operator, site, functools, importlib, logging, tempfile, shutil\nfrom pathlib import Path\n"
    "from transformers import AutoConfig, AutoModel, PretrainedConfig, pipeline\n"
)


def build(body: str, before: str = "", methods: str = "") -> str:
    """Return a model whose constructor has a body of several lines."""
    lines = "".join(f"        {each}\n" for each in body.split("\n"))
    return f"{_HEAD}{before}\n{_MODEL}\n    def __init__(self, config, trust=False, folder='', **kwargs):\n{lines}{methods}"


_GIVE = "def give(t):\n    return AutoConfig.from_pretrained('a/b', trust_remote_code=t)\n"
_LOAD_ALL = "AutoModel.from_pretrained('a/b', **d)"


@check_each(
    "body, before, is_found",
    [
        # Through a parameter.
        ("give(config.t)", _GIVE, True),
        ("give(t=config.t)", _GIVE, True),
        ("give(*config.ts)", _GIVE, True),
        ("give(**{'t': config.t})", _GIVE, True),
        ("list(map(give, config.ts))", _GIVE, True),
        ("functools.partial(give, config.t)()", _GIVE, True),
        ("(lambda t: AutoConfig.from_pretrained('a/b', trust_remote_code=t))(config.t)", "", True),
        ("f = lambda t: AutoConfig.from_pretrained('a/b', trust_remote_code=t)\nf(config.t)", "", True),
        ("self.give(config.t)", "", True),
        ("give(read(config))", f"{_GIVE}def read(c):\n    return c.t\n", True),
        ("for t in config.ts: give(t)", _GIVE, True),
        ("[give(t) for t in config.ts]", _GIVE, True),
        ("if t := config.t: give(t)", _GIVE, True),
        ("match config.t:\n    case t: give(t)", _GIVE, True),
        ("give(trust)", _GIVE, False),
        ("give(False)", _GIVE, False),
        ("give(kwargs.get('trust_remote_code', False))", _GIVE, False),
        # The default of a variable of the environment.
        ("AutoModel.from_pretrained('a/b', trust_remote_code=os.environ.get('X', config.t))", "", True),
        ("AutoModel.from_pretrained('a/b', trust_remote_code=os.getenv('X', config.t))", "", True),
        ("AutoModel.from_pretrained('a/b', trust_remote_code=os.environ.get('X', False))", "", False),
        # An item of a mapping.
        (f"d = {{}}\nd[config.a + '_code'] = True\n{_LOAD_ALL}", "", True),
        (f"d = dict()\nd['trust_remote_code'] = config.t\n{_LOAD_ALL}", "", True),
        (f"d = dict()\nd.update({{config.a: True}})\n{_LOAD_ALL}", "", True),
        (f"d = dict()\nd.setdefault(config.a, True)\n{_LOAD_ALL}", "", True),
        (f"d = dict()\nd |= {{config.a: True}}\n{_LOAD_ALL}", "", True),
        (f"d = dict()\nd.update(config.keys)\n{_LOAD_ALL}", "", True),
        (f"d = dict()\ndict.__setitem__(d, config.a, True)\n{_LOAD_ALL}", "", True),
        (f"d = dict()\noperator.setitem(d, config.a, True)\n{_LOAD_ALL}", "", True),
        (f"d = {{'trust_remote_code': config.t}}\n{_LOAD_ALL}", "", True),
        (f"d = dict(trust_remote_code=config.t)\n{_LOAD_ALL}", "", True),
        ("self.d = {}\nself.d[config.a] = True\nAutoModel.from_pretrained('a/b', **self.d)", "", True),
        ("load = AutoModel.from_pretrained\nload('a/b', **{config.a: True})", "", True),
        ("getattr(AutoModel, 'from_pretrained')('a/b', **{config.a: True})", "", True),
        ("functools.partial(AutoModel.from_pretrained, 'a/b', **{config.a: True})()", "", True),
        (f"d = dict()\nd['dtype'] = config.dtype\n{_LOAD_ALL}", "", False),
        (f"d = {{'dtype': config.dtype, 'cache_dir': folder}}\n{_LOAD_ALL}", "", False),
        (f"d = {{k[len('text_'):]: v for k, v in kwargs.items() if k.startswith('text_')}}\n{_LOAD_ALL}", "", False),
        # A mapping of unknown items.
        (f"d = json.loads(config.keys[::-1])\n{_LOAD_ALL}", "", True),
        ("AutoModel.from_pretrained('a/b', **json.loads(config.keys))", "", True),
        ("AutoModel.from_pretrained('a/b', **config.keys)", "", True),
        ("AutoModel.from_pretrained('a/b', **vars(config.keys))", "", True),
        ("AutoModel.from_config(config, **dict(config.keys))", "", True),
        ("pipeline('text-generation', 'a/b', **config.keys)", "", True),
        ("AutoModel.from_pretrained('a/b', **make(config))", "def make(c):\n    return json.loads(c.k)\n", True),
        ("AutoModel.from_pretrained('a/b', **{**kwargs, **config.keys})", "", True),
        ("AutoModel.from_pretrained('a/b', **(kwargs or config.keys))", "", True),
        (f"d = json.loads(Path(__file__).with_name('a.json').read_text())\n{_LOAD_ALL}", "", True),
        ("AutoModel.from_pretrained('a/b', **kwargs)", "", False),
        ("AutoModel.from_pretrained('a/b', **kwargs)", "def f(c, **kwargs):\n    kwargs.update(c.k)\n", False),
        ("kwargs.update(config.keys)\nAutoModel.from_pretrained('a/b', **kwargs)", "", True),
        ("AutoModel.from_pretrained('a/b', **kwargs.pop('model', {}))", "", False),
        (f"d = kwargs or {{}}\nd = d or {{}}\n{_LOAD_ALL}", "", False),
        ("self.net = torch.nn.Linear(2, 2, **config.keys)", "", False),
    ],
)
def test_switch_that_the_configuration_passes_on_counts_as_on(
    tmp_path: Path, body: str, before: str, is_found: bool
) -> None:
    method = "\n    def give(self, t):\n        AutoConfig.from_pretrained('a/b', trust_remote_code=t)\n"
    rules = scan_rules(tmp_path, {"modeling_x.py": build(body, before, method if "self.give" in body else "")})
    assert ("code/trusts-remote-code" in rules) is is_found


def test_switch_of_a_function_of_another_file_counts_as_on(tmp_path: Path) -> None:
    helper = f"from transformers import AutoConfig\n{_GIVE}"
    model = build("give(config.t)", "from .tools import give\n")
    assert "code/trusts-remote-code" in scan_rules(tmp_path, {"modeling_x.py": model, "tools.py": helper})
    honest = build("give(trust)", "from .tools import give\n")
    assert "code/trusts-remote-code" not in scan_rules(tmp_path, {"modeling_x.py": honest, "tools.py": helper})


_ADD = "def add(p):\n    sys.path.append(p)\n"
_OWN = "d = os.path.dirname(__file__)\n"
_PUT = "open(os.path.join(d, config.name), 'w').write(config.text)\n"
_NEW = "d = tempfile.mkdtemp()\n"


@check_each(
    "body, before, is_found",
    [
        # A place that the configuration names.
        ("sys.path.insert(0, config.folder)", "", True),
        ("sys.path[:0] = [config.folder]", "", True),
        ("sys.path += [config.folder]", "", True),
        ("sys.path = [config.folder] + sys.path", "", True),
        ("sys.path = [config.folder, *sys.path]", "", True),
        ("sys.path.extend(config.folders)", "", True),
        ("for each in config.folders: sys.path.append(each)", "", True),
        ("[sys.path.append(each) for each in config.folders]", "", True),
        ("list(map(sys.path.append, config.folders))", "", True),
        ("functools.partial(sys.path.append, config.folder)()", "", True),
        ("f = sys.path.append\nf(config.folder)", "", True),
        ("add(config.folder)", _ADD, True),
        ("(lambda p: sys.path.append(p))(config.folder)", "", True),
        ("sys.path.append(getattr(config, 'folder'))", "", True),
        ("sys.path.append(config.to_dict()['folder'])", "", True),
        ("sys.path.append(os.path.join(os.path.dirname(__file__), config.folder))", "", True),
        ("sys.path.append(str(Path(config.folder)))", "", True),
        ("sys.path.append(str(Path(config.folder).parent))", "", True),
        ("self.p = config.folder\nsys.path.append(self.p)", "", True),
        ("site.addsitedir(config.folder)", "", True),
        ("sys.path.append(json.load(open('a.json'))['folder'])", "", True),
        ("from huggingface_hub import snapshot_download\nsys.path.append(snapshot_download('a/b'))", "", True),
        ("sys.path.append(os.path.dirname(__file__))", "", False),
        ("sys.path.append(os.path.dirname(os.path.abspath(__file__)))", "", False),
        ("sys.path.insert(0, str(Path(__file__).parent / 'src'))", "", False),
        ("sys.path.insert(0, str(Path(__file__).resolve().parents[1]))", "", False),
        ("add(os.path.dirname(__file__))", _ADD, False),
        ("sys.path.append(folder)", "", False),
        ("sys.path.append(os.getcwd())", "", False),
        ("sys.path.append('lib')", "", False),
        ("list.append(sys.path, config.folder)", "", True),
        ("operator.iadd(sys.path, [config.folder])", "", True),
        ("sys.path.__class__.insert(sys.path, 0, config.folder)", "", True),
        ("sys.path.append(json.loads(Path(__file__).with_name('a.json').read_text())['folder'])", "", True),
        ("list.append(sys.path, os.path.dirname(__file__))", "", False),
        # A file that is written and then imported.
        ("(Path(__file__).parent / config.name).write_text('import a.b')", "", True),
        (f"{_OWN}open(os.path.join(d, config.name.replace('a', 'b.c')), 'w')", "", True),
        (f"{_OWN}open(os.path.join(d, config.name + '.py'), 'w')", "", True),
        ("(Path(__file__).parent / config.name).with_suffix('.json').write_text('{}')", "", False),
        ("p = __spec__.origin.replace('modeling_x', 'zz')\nopen(p, 'w').write(config.text)", "", True),
        ("p = __loader__.path.replace('modeling_x', 'zz')\nopen(p, 'w').write(config.text)", "", True),
        (
            "import inspect\np = inspect.getfile(type(self)).replace('_x', 'z')\nopen(p, 'w').write(config.text)",
            "",
            True,
        ),
        (
            "import inspect\np = inspect.stack()[0].filename.replace('_x', 'z')\nopen(p, 'w').write(config.text)",
            "",
            True,
        ),
        (
            "from traceback import extract_stack as e\np = e()[-1].filename[:-4]\nopen(p, 'w').write(config.text)",
            "",
            True,
        ),
        (f"{_OWN}{_PUT}sys.path.insert(0, d)", "", True),
        (f"{_OWN}{_PUT}importlib.import_module('.zz', __package__)", "", True),
        (f"{_OWN}f = open(os.path.join(d, config.name), 'w')\nprint(config.text, file=f)", "", True),
        (
            f"{_OWN}f = os.path.join(d, config.name)\nlogging.basicConfig(filename=f)\nlogging.error(config.text)",
            "",
            True,
        ),
        (f"{_OWN}logging.FileHandler(os.path.join(d, config.name))", "", True),
        ("Path(__file__).with_name(config.name).write_text(config.text)", "", True),
        ("(Path(__file__).parent / config.name).write_text(config.text)", "", True),
        ("p = Path(__file__).parent / config.name\nwith p.open('w') as f: f.write(config.text)", "", True),
        (f"{_OWN}shutil.copy('a.txt', os.path.join(d, config.name))", "", True),
        (f"{_OWN}os.rename('a.txt', f'{{d}}/{{config.name}}')", "", True),
        (
            "with open(config.path, 'w') as f: f.write(config.text)\nsys.path.append(os.path.dirname(__file__))",
            "",
            True,
        ),
        (f"{_NEW}{_PUT}sys.path[0:0] = [d]", "", True),
        (f"{_NEW}{_PUT}import torch.distributed as t\nt.__path__ = [d]", "", True),
        (f"{_NEW}{_PUT}from . import modeling_x as me\nme.__path__ = [d]", "", True),
        (f"{_NEW}{_PUT}from . import modeling_x as me\nsetattr(me, '__path__', [d])", "", True),
        (f"{_NEW}{_PUT}from . import modeling_x as me\nvars(me)['__path__'] = [d]", "", True),
        (f"{_NEW}{_PUT}from . import modeling_x as me\nme.__dict__.update(__path__=[d])", "", True),
        (f"{_NEW}{_PUT}globals()['__path__'] = [d]", "", True),
        (f"{_NEW}{_PUT}sys.modules[__name__].__path__ = [d]", "", True),
        (f"{_NEW}{_PUT}from . import modeling_x as me\nme.__spec__.submodule_search_locations = [d]", "", True),
        (f"{_NEW}{_PUT}from . import modeling_x as me\nme.__path__.append(d)", "", True),
        (f"{_OWN}open(os.path.join(d, f'{{config.name}}.json'), 'w').write(config.text)", "", False),
        (f"{_OWN}open(os.path.join(d, config.name)).read()", "", False),
        (f"{_OWN}shutil.copy(os.path.join(d, 'meta.json'), os.path.join(d, config.name))", "", False),
        ("open(folder, 'w').write('a')\nsys.path.append(os.path.dirname(__file__))", "", False),
        ("open(config.path, 'w').write('a')", "", False),
        ("__path__ = __import__('pkgutil').extend_path([], __name__)", "", False),
    ],
)
def test_import_of_what_the_configuration_names_or_writes_is_found(
    tmp_path: Path, body: str, before: str, is_found: bool
) -> None:
    rules = scan_rules(tmp_path, {"modeling_x.py": build(body, before)})
    assert ("code/writes-code" in rules) is is_found


def test_import_from_a_place_that_a_function_of_another_file_adds_is_found(tmp_path: Path) -> None:
    model = build("add(config.folder)", "from .tools import add\n")
    files = {"modeling_x.py": model, "tools.py": f"import sys\n{_ADD}"}
    assert "code/writes-code" in scan_rules(tmp_path, files)


@check_each(
    "path",
    ["main.py", "train.py"],
)
def test_script_may_import_from_where_its_user_says(tmp_path: Path, path: str) -> None:
    script = "import argparse, sys\nargs = argparse.ArgumentParser().parse_args()\nsys.path.append(args.folder)\n"
    files = {"modeling_x.py": build("pass"), path: script}
    assert "code/writes-code" not in scan_rules(tmp_path, files)


_OWN_LOAD = "AutoConfig.from_pretrained(os.path.dirname(__file__), trust_remote_code=True)"


@check_each(
    "body, helper, is_found",
    [
        (f"from . import modeling_x as me\nPretrainedConfig.update(me, config.table)\n{_OWN_LOAD}", "", True),
        (f"from . import modeling_x as me\nconfig.__class__.update(me, config.table)\n{_OWN_LOAD}", "", True),
        (f"from . import modeling_x as me\ntorch.nn.Module.__setattr__(me, config.a, config.b)\n{_OWN_LOAD}", "", True),
        (f"from . import modeling_x as me\n[f(me, config.table) for f in (PretrainedConfig.update,)]\n{_OWN_LOAD}", "", True),
        (f"go(config)\n{_OWN_LOAD}", "from . import modeling_x as me\n    c.__class__.update(me, c.table)", True),
        (f"go(config)\n{_OWN_LOAD}", "from . import modeling_x as me\n    setattr(me, c.a, c.b)", True),
        (f"go(config)\n{_OWN_LOAD}", "import importlib\n    c.__class__.update(importlib.import_module('.modeling_x', __package__), c.t)", True),
        (f"go(config)\n{_OWN_LOAD}", "import sys\n    c.__class__.update(sys.modules[c.name], c.t)", True),
        (f"go(config)\n{_OWN_LOAD}", "from . import modeling_x as me\n    return me.Net", False),
        (f"go(config)\n{_OWN_LOAD}", "c.size = 1", False),
        (_OWN_LOAD, "", False),
    ],
)  # fmt: skip
def test_own_file_that_a_library_may_rename_is_not_the_own_folder(
    tmp_path: Path, body: str, helper: str, is_found: bool
) -> None:
    before = "from .tools import go\n" if helper else ""
    model = build(body, before).replace(", shutil", "")
    files = {"modeling_x.py": model, "tools.py": f"def go(c):\n    {helper or 'pass'}\n"}
    assert ("code/trusts-remote-code" in scan_rules(tmp_path, files)) is is_found


def test_names_of_a_helper_that_a_library_binds_again_are_open(tmp_path: Path) -> None:
    helper = (
        "import importlib\nmodule = 'torch.nn'\nname = 'Linear'\n\n\ndef find():\n"
        "    return getattr(importlib.import_module(module), name)\n"
    )
    body = "from . import tools\nPretrainedConfig.update(tools, config.table)\nfind()(config.line)"
    model = build(body, "from .tools import find\n")
    assert "code/calls-computed" in scan_rules(tmp_path, {"modeling_x.py": model, "tools.py": helper})
    honest = build("find()(2, 2)", "from .tools import find\n")
    assert not scan_rules(tmp_path, {"modeling_x.py": honest, "tools.py": helper})
