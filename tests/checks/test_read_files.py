"""Code that unpickles a file of the same model: the severity depends on what the scan found in that file."""

from __future__ import annotations

import base64
import json
import pickle
from pathlib import Path

from support.cases import check_each

import modelaudit

_FINE = pickle.dumps({"labels": ["a", "b"]}, 4)
_HOSTILE = b"cposix\nsystem\n(S'true'\ntR."
_UNLISTED = b"cacme_runtime\nThing\n)R."
_OPENS = "import os, pickle\nclass H:\n    def __init__(self, path=''):\n        self.m = pickle.load(open({}, 'rb'))\n"
_CODED = base64.b64encode(b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.").decode()
_IN_JSON = json.dumps({"model_type": "bert", "blob": _CODED}).encode()
_JOINED = _OPENS.format("os.path.join(path, 'm.pkl')")


def find_rules(folder: Path, code: str, files: dict[str, bytes]) -> set[str]:
    """Write the code and files into a new folder, scan it, and return the rules of the findings on the code."""
    folder = folder / str(len(list(folder.iterdir())))
    for path, content in {"handler.py": code.encode(), **files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    report = modelaudit.scan(folder, second_opinion=False)
    return {each.rule for each in report.findings if each.artifact == "handler.py"}


@check_each(
    "code, files",
    [
        (_JOINED, {"m.pkl": _FINE}),
        (_JOINED, {"weights/m.pkl": _FINE}),
        (_OPENS.format("'m.pkl'"), {"m.pkl": _FINE}),
        (_OPENS.format("f'{path}/weights/m.pkl'"), {"weights/m.pkl": _FINE}),
        ("import joblib, pathlib\nm = joblib.load(pathlib.Path(__file__).parent / 'm.pkl')\n", {"m.pkl": _FINE}),
        ("import pickle\nwith open('m.pkl', 'rb') as f:\n    m = pickle.load(f)\n", {"m.pkl": _FINE}),
    ],
)
def test_call_that_unpickles_a_file_without_a_finding_is_medium(
    tmp_path: Path, code: str, files: dict[str, bytes]
) -> None:
    assert find_rules(tmp_path, code, files) == {"code/deserialises-read-file"}


@check_each(
    "code, files",
    [
        (_JOINED, {}),
        (_JOINED, {"m.pkl": _HOSTILE}),
        (_JOINED, {"m.pkl": _UNLISTED}),
        (_JOINED, {"m.pkl": _FINE[:-3]}),
        (_JOINED, {"m.pkl": _FINE, "weights/m.pkl": _HOSTILE}),
        (_JOINED, {"other.pkl": _FINE}),
        # A file of another format is no pickle that was read.
        (_JOINED, {"m.pkl": b"only a text\n"}),
        (_OPENS.format("'/tmp/m.pkl'"), {"m.pkl": _FINE}),
        (_OPENS.format("'../m.pkl'"), {"m.pkl": _FINE}),
        (_OPENS.format("path"), {"m.pkl": _FINE}),
        # The code may put another file in its place.
        (f"import urllib.request\nurllib.request.urlretrieve(u, 'm.pkl')\n{_JOINED}", {"m.pkl": _FINE}),
        (f"from huggingface_hub import hf_hub_download\nhf_hub_download('a/b', 'm.pkl')\n{_JOINED}", {"m.pkl": _FINE}),
        (f"{_JOINED}        self.n = pickle.load(open(path, 'rb'))\n", {"m.pkl": _FINE}),
        (f"import os\nos.replace('notes.txt', 'm.pkl')\n{_JOINED}", {"m.pkl": _FINE}),
        (f"import shutil\nshutil.move('notes.txt', 'm.pkl')\n{_JOINED}", {"m.pkl": _FINE}),
        (f"import os\nos.chdir('/tmp/other')\n{_JOINED}", {"m.pkl": _FINE}),
        (f"from pooch import retrieve\nretrieve(u, None, fname='m.pkl')\n{_JOINED}", {"m.pkl": _FINE}),
        (
            _OPENS.format("os.path.join(tempfile.gettempdir(), 'm.pkl')").replace("os,", "os, tempfile,"),
            {"m.pkl": _FINE},
        ),
        (f"open('m.pkl', 'wb').write(bytes(x ^ 7 for x in STEPS))\n{_JOINED}", {"m.pkl": _FINE}),
        # A part of a file, or another form of it, is another program.
        ("import pickle\nm = pickle.loads(open('m.pkl', 'rb').read()[22:77][::-1])\n", {"m.pkl": _FINE}),
        ("import pickle\nm = pickle.loads(open('m.pkl', 'rb').read().translate(TABLE))\n", {"m.pkl": _FINE}),
    ],
)
def test_call_that_unpickles_anything_else_stays_high(tmp_path: Path, code: str, files: dict[str, bytes]) -> None:
    assert "code/deserialises" in find_rules(tmp_path, code, files)


def test_finding_names_the_file_that_was_read(tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text(_JOINED)
    (tmp_path / "m.pkl").write_bytes(_FINE)
    report = modelaudit.scan(tmp_path, second_opinion=False)
    (finding,) = (each for each in report.findings if each.rule == "code/deserialises-read-file")
    assert finding.message.endswith("It loads m.pkl, which this scan read without a finding.")


@check_each(
    "files, severity",
    [
        ({"config.json": _IN_JSON}, "medium"),
        ({"data.csv": f"a,b\n1,{_CODED}\n".encode()}, "medium"),
        ({"config.json": _IN_JSON, "handler.py": b"import torch\n"}, "medium"),
        # Something unpickles: code of the model, or the library that writes this key.
        ({"config.json": _IN_JSON, "handler.py": b"import pickle\ndef f(x):\n    return pickle.loads(x)\n"}, "critical"),
        ({"data.json": json.dumps({"policy": {":type:": "x", ":serialized:": _CODED}}).encode()}, "critical"),
    ],
)  # fmt: skip
def test_pickle_in_a_string_that_nothing_unpickles_is_medium(
    tmp_path: Path, files: dict[str, bytes], severity: str
) -> None:
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    folder.mkdir()
    for path, content in files.items():
        (folder / path).write_bytes(content)
    found = [each for each in modelaudit.scan(folder, second_opinion=False).findings if each.rule.startswith("pickle/")]
    assert [each.severity.value for each in found] == [severity]
    if severity == "medium":
        path = found[0].artifact.partition("!")[0]
        assert found[0].message.startswith("Unpickling this string calls posix.system")
        assert f" of {path}, which nothing in this model unpickles." in found[0].message
