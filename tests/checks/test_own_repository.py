"""Code of a model that loads the model itself, and code that loads what its author or its configuration chooses."""

from __future__ import annotations

import json
from pathlib import Path

from support.cases import check_each

import modelaudit

_IMPORTS = "import os\nfrom pathlib import Path\nfrom transformers import AutoModel, AutoTokenizer\n"
_CONFIG = {"model_type": "x", "auto_map": {"AutoModel": "modeling_x.Net"}}
_MODEL = "import torch\n\n\nclass Net(torch.nn.Module):\n    pass\n"


def is_high(folder: Path, files: dict[str, str]) -> bool:
    """Write files into a new folder beside a model; return whether a load of other code is a high finding."""
    place = folder / str(len(list(folder.iterdir())))
    files = {"config.json": json.dumps(_CONFIG), "modeling_x.py": _MODEL, **files}
    for path, text in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)
    report = modelaudit.scan(place, second_opinion=False, checks=["security"])
    rules = {each.rule for each in report.findings}
    assert rules & {"code/trusts-remote-code", "code/suggests-remote-code"}
    return "code/trusts-remote-code" in rules


def load(first: str, further: str = "", before: str = "") -> str:
    """Return the method of a model that loads a repository."""
    return (
        f"{_IMPORTS}{_MODEL}\n    def __init__(self, config, p=None):\n        {before or 'pass'}\n"
        f"        self.t = AutoTokenizer.from_pretrained({first}, trust_remote_code=True{further})\n"
    )


def handle(body: str, parameters: str = "path=''", before: str = "", after: str = "") -> str:
    """Return an inference handler that loads a model."""
    return (
        f"{_IMPORTS}{before}\nclass EndpointHandler:\n    def __init__(self, {parameters}):\n        {body}\n{after}\n"
    )


_LOAD = "self.m = AutoModel.from_pretrained(path, device_map='auto', trust_remote_code=True)"


@check_each(
    "first, further, before",
    [
        ("'.'", "", ""),
        ("os.path.dirname(__file__)", "", ""),
        ("os.path.dirname(os.path.abspath(__file__))", ", use_fast=True", ""),
        ("Path(__file__).resolve().parent", "", ""),
        ("str(Path(__file__).parent)", "", ""),
    ],
)
def test_load_of_the_own_folder_is_low(tmp_path: Path, first: str, further: str, before: str) -> None:
    assert not is_high(tmp_path, {"modeling_x.py": load(first, further, before)})


@check_each(
    "first, further, before",
    [
        ("'other/base'", "", ""),
        ("config.p", "", ""),
        ("p", "", ""),
        ("p or '.'", "", ""),
        ("os.path.dirname('/tmp/x/y')", "", ""),
        ("os.path.dirname(os.path.dirname(__file__))", "", ""),
        ("os.path.join(os.path.dirname(__file__), config.p)", "", ""),
        # The arguments bring in other code.
        ("'.'", ", config=config.c", ""),
        ("'.'", ", code_revision='other'", ""),
        ("'.'", ", revision='other'", ""),
        ("'.'", ", auto_map={'AutoTokenizer': 'other/base--x.T'}", ""),
        ("'.'", ", **config.k", ""),
        # The folder, its files or the functions are others.
        ("'.'", "", "os.chdir(config.p)"),
        ("'.'", "", "open('config.json', 'w').write(config.p)"),
        ("'.'", "", "Path('config.json').write_text(config.p)"),
        ("'.'", "", "Path('config.json').open('w').writelines(config.p)"),
        ("'.'", "", "import json; o = open\n        json.dump(config.p, o(str('config.json'), 'w'))"),
        ("'.'", "", "from huggingface_hub import hf_hub_download as h\n        h(config.p, 'config.json')"),
        ("os.path.dirname(__file__)", "", "global __file__; __file__ = config.p"),
        ("os.path.dirname(__file__)", "", "globals()['__file__'] = config.p"),
        ("os.path.dirname(__file__)", "", "os.path.dirname = lambda _: config.p"),
        ("os.path.dirname(__file__)", "", "setattr(os.path, 'dirname', lambda _: config.p)"),
        ("str(Path(__file__).parent)", "", "str = lambda _: config.p"),
        ("'.'", "", "AutoTokenizer = config.c"),
    ],
)
def test_load_of_anything_else_is_high(tmp_path: Path, first: str, further: str, before: str) -> None:
    assert is_high(tmp_path, {"modeling_x.py": load(first, further, before)})


def test_load_of_the_own_folder_is_high_where_another_file_changes_it(tmp_path: Path) -> None:
    own = load("'.'") + "from .tools import run\n"
    assert is_high(tmp_path, {"modeling_x.py": own, "tools.py": "import os\n\n\ndef run(p):\n    os.chdir(p)\n"})
    write = "def run(p):\n    with open('config.json', 'w') as file:\n        file.write(p)\n"
    assert is_high(tmp_path, {"modeling_x.py": own, "tools.py": write})
    assert not is_high(tmp_path, {"modeling_x.py": own, "tools.py": "def run(p):\n    return p\n"})


@check_each(
    "path, code",
    [
        ("handler.py", handle(_LOAD)),
        ("handler.py", handle(_LOAD, "path")),
        ("handler.py", handle(_LOAD.replace("path", "model_dir"), "model_dir='.'")),
        (
            "code/inference.py",
            f"{_IMPORTS}\ndef model_fn(path, context=None):\n    return {_LOAD.removeprefix('self.m = ')}\n",
        ),
    ],
)
def test_server_passes_the_folder_of_the_model(tmp_path: Path, path: str, code: str) -> None:
    assert not is_high(tmp_path, {path: code})


@check_each(
    "path, code",
    [
        ("handler.py", handle(_LOAD, "path='other/base'")),
        ("handler.py", handle(f"path = 'other/base'; {_LOAD}")),
        ("handler.py", handle(f"path = path or 'other/base'; {_LOAD}")),
        ("handler.py", handle(f"[path := 'other/base']; {_LOAD}")),
        ("handler.py", handle(f"import os as path; {_LOAD}")),
        ("handler.py", handle(_LOAD, after="model = EndpointHandler('other/base')")),
        ("handler.py", handle(_LOAD, after="    def again(self):\n        self.__init__('other/base')")),
        ("handler.py", handle(_LOAD, after="    def again(self):\n        type(self)('other/base')")),
        ("handler.py", handle(_LOAD, after="for each in list(globals().values())[-1:]:\n    each('other/base')")),
        ("handler.py", handle(_LOAD, before="def swap(k):\n    return lambda p: k('other/base')\n@swap")),
        ("handler.py", handle(_LOAD.replace("path,", "'other/base',"))),
        ("handler.py", handle(_LOAD, "x, path=''")),
        ("other_handler.py", handle(_LOAD)),
        ("modeling_x.py", handle(_LOAD) + _MODEL),
        ("handler.py", handle(_LOAD).replace("EndpointHandler", "Other")),
        ("handler.py", handle(_LOAD).replace("__init__", "load")),
    ],
)
def test_handler_that_loads_another_repository_is_high(tmp_path: Path, path: str, code: str) -> None:
    assert is_high(tmp_path, {path: code})


def test_handler_that_another_file_calls_is_high(tmp_path: Path) -> None:
    model = _MODEL + "from .handler import EndpointHandler as E\nE('other/base')\n"
    assert is_high(tmp_path, {"handler.py": handle(_LOAD), "modeling_x.py": model})


def test_handler_of_an_adapter_loads_the_base_model(tmp_path: Path) -> None:
    adapter = json.dumps({"base_model_name_or_path": "other/base", "peft_type": "LORA"})
    assert is_high(tmp_path, {"handler.py": handle(_LOAD), "adapter_config.json": adapter})


@check_each(
    "switch, is_found",
    [
        ("trust_remote_code=config.t", True),
        ("trust_remote_code=not config.t", True),
        ("trust_remote_code=bool(config.t)", True),
        ("trust_remote_code=config.t.__bool__()", True),
        ("trust_remote_code=config.t == 1", True),
        ("trust_remote_code=getattr(config, 't', False)", True),
        ("trust_remote_code=config.to_dict()['t']", True),
        ("trust_remote_code=config.get('t')", True),
        ("trust_remote_code=t", True),
        ("trust_remote_code=self.t", True),
        ("trust_remote_code=kwargs.get('t', config.t)", True),
        ("**{config.a + '_code': True}", True),
        ("**dict(zip([config.a], [True]))", True),
        ("**dict([(config.a, True)])", True),
        ("**{each: True for each in config.a}", True),
        ("**{**kwargs, config.a: True}", True),
        ("**keys", True),
        ("trust_remote_code=kwargs.get('trust_remote_code', False)", False),
        ("trust_remote_code=kwargs.pop('trust_remote_code', None)", False),
        ("trust_remote_code=kwargs['trust_remote_code']", False),
        ("trust_remote_code=trust", False),
        ("trust_remote_code=self.trust", False),
        ("trust_remote_code=False", False),
        ("trust_remote_code=os.environ.get('TRUST') == '1'", False),
        ("**{k: v for k, v in kwargs.items() if k != 'a'}", False),
        ("**kwargs", False),
    ],
)
def test_switch_that_the_configuration_chooses_counts_as_on(tmp_path: Path, switch: str, is_found: bool) -> None:
    code = (
        f"{_IMPORTS}{_MODEL}\n    def __init__(self, config, trust=False, **kwargs):\n        t = config.t\n"
        "        keys = {config.a: True}\n        self.t = config.t\n        self.trust = trust\n"
        f"        self.n = AutoTokenizer.from_pretrained(config.p, {switch})\n"
    )
    place = tmp_path / str(len(list(tmp_path.iterdir())))
    place.mkdir()
    (place / "config.json").write_text(json.dumps(_CONFIG))
    (place / "modeling_x.py").write_text(code)
    report = modelaudit.scan(place, second_opinion=False, checks=["security"])
    assert ("code/trusts-remote-code" in {each.rule for each in report.findings}) is is_found
