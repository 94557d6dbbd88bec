"""Names that code takes from a document of the model."""

from __future__ import annotations

import json
from pathlib import Path

from support.cases import check_each

import modelaudit
from modelaudit.languages.python.analysis import analyze_source

_SPELLED = {
    "labels": {"0": "o", "1": "s", "2": "y", "3": "t", "4": "e", "5": "m"},
    "a": [0, 1],
    "b": [1, 2, 1, 3, 4, 5],
}
_FILES = {
    "config.json": json.dumps({"model_type": "bert", "module": "os", "name": "system", "steps": [["os", "popen"]]}),
    "spelled.json": json.dumps({"model_type": "bert", **_SPELLED}),
    "names.csv": "key,value\nmodule,os\nname,system\n",
    "names.toml": "[run]\nmodule = 'os'\nname = 'system'\n",
    "names.yaml": "run: {module: os, name: system}\n",
    "names.txt": "os system\n",
    "safe.json": json.dumps({"model_type": "bert", "module": "json", "name": "dumps", "activation": "gelu"}),
}


def list_hidden(code: str) -> set[str]:
    """Return the names that a source hides and its documents show."""
    mentions = analyze_source(code, read_file=lambda path: _FILES.get(path.removeprefix("…/"), "")).mentions
    return {each.name for each in mentions if each.use == "hidden"}


@check_each(
    "code",
    [
        "import json, os\nc = json.load(open('config.json'))\ngetattr(os, c['name'])('x')\n",
        "import json, importlib\nwith open('config.json') as f:\n    c = json.load(f)\n"
        "getattr(importlib.import_module(c['module']), c['name'])('x')\n",
        "import json\nfrom pathlib import Path\nfrom os import *\n"
        "c = json.loads((Path(__file__).parent / 'config.json').read_text())\nglobals()[c['name']]('x')\n",
        "import json, importlib\nc = json.load(open('spelled.json'))\n"
        "spell = lambda seq: ''.join(c['labels'][str(i)] for i in seq)\n"
        "vars(importlib.import_module(spell(c['a'])))[spell(c['b'])]('x')\n",
        "import csv\nfrom logging.config import BaseConfigurator\nfrom operator import methodcaller\n"
        "c = dict(list(csv.reader(open('names.csv')))[1:])\n"
        "methodcaller(c['name'], 'x')(BaseConfigurator({}).resolve(c['module']))\n",
        "import tomllib, pydoc\nc = tomllib.load(open('names.toml', 'rb'))['run']\n"
        "getattr(pydoc.locate(c['module']), c['name'])('x')\n",
        "import yaml, sys\nc = yaml.safe_load(open('names.yaml'))['run']\n"
        "getattr(sys.modules[c['module']], c['name'])('x')\n",
        "a, b = open('names.txt').read().split()\ngetattr(__import__(a), b)('x')\n",
    ],
)
def test_names_of_a_document_are_found(code: str) -> None:
    assert "os.system" in list_hidden(code)


@check_each(
    "code",
    [
        "import json, importlib\nc = json.load(open('safe.json'))\n"
        "getattr(importlib.import_module(c['module']), c['name'])({})\n",
        "import json, torch\nc = json.load(open('safe.json'))\ngetattr(torch.nn.functional, c['activation'])(1)\n",
        "import json, os\nc = json.load(open('config.json'))\nprint(os.path.join('a', c['name']))\n",
    ],
)
def test_ordinary_values_of_a_document_raise_no_alarm(code: str) -> None:
    assert not list_hidden(code) & {"os.system", "os.popen"}


def test_scan_joins_code_and_document(tmp_path: Path) -> None:
    code = "import json, os\nc = json.load(open('config.json'))\nd = c['module'] and getattr(os, c['name'])\nd('x')\n"
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "check.py").write_text(code)
    (tmp_path / "config.json").write_text(_FILES["config.json"])
    report = modelaudit.scan(tmp_path, second_opinion=False)
    assert "code/hidden-name" in {each.rule for each in report.findings}
    (tmp_path / "config.json").write_text(_FILES["config.json"].replace("system", "getcwd"))
    report = modelaudit.scan(tmp_path, second_opinion=False)
    assert "code/hidden-name" not in {each.rule for each in report.findings}


def test_large_and_damaged_documents_are_left_alone() -> None:
    code = "import json, os\nc = json.load(open('big.json'))\ngetattr(os, c['name'])('x')\n"
    for text in ("{" * 100_000, "[" * 90_000, json.dumps({"name": "system", "x": ["a"] * 200_000}), "{"):
        assert not {
            each for each in analyze_source(code, read_file=lambda _, t=text: t).mentions if each.use == "hidden"
        }
