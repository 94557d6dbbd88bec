"""Programs that a document has people run: which uses count there, and which are those of ordinary programs."""

from __future__ import annotations

import json
from pathlib import Path

from support.cases import check_each
from support.work import count_work

import modelaudit
from modelaudit.languages.documented_programs import find_documented_programs

_CARD = "---\nlicense: mit\n---\n# Acme\n\n```bash\npip install -r requirements.txt\n{}\n```\n"
_FILES = {"config.json": json.dumps({"model_type": "bert"}), "requirements.txt": "numpy\n"}
_ATTACK = "import os\nos.system('touch /tmp/mark')\n"


def list_high(folder: Path, files: dict[str, str]) -> set[tuple[str, str]]:
    """Write files into a new folder, scan it, and return rule and file of each finding that is high or critical."""
    folder = folder / str(len(list(folder.iterdir())))
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    report = modelaudit.scan(folder, second_opinion=False, checks=["security"])
    return {(each.rule, each.artifact) for each in report.findings if each.severity.value in ("high", "critical")}


@check_each(
    "command",
    [
        "python demo.py",
        "python3 -u ./demo.py --path x",
        "CUDA_VISIBLE_DEVICES=0 accelerate launch --num_processes 4 demo.py",
        "torchrun --nproc_per_node=2 demo.py",
        "streamlit run demo.py",
        "python -m demo",
        "uvicorn demo:app --port 80",
        "cd acme && python acme/demo.py",
        "python \\\n  demo.py",
    ],
)
def test_program_of_a_documented_command_counts(tmp_path: Path, command: str) -> None:
    files = {"demo.py": _ATTACK, "README.md": _CARD.format(command), **_FILES}
    assert list_high(tmp_path, files) == {("code/runs-command-at-import", "demo.py")}


def test_inline_command_script_and_import_lead_to_the_program(tmp_path: Path) -> None:
    inline = {"demo.py": _ATTACK, "README.md": "Call `gradio demo.py` to try it.\n", **_FILES}
    assert list_high(tmp_path, inline)
    by_script = {"demo.py": _ATTACK, "go.sh": "python demo.py\n", "README.md": _CARD.format("bash go.sh"), **_FILES}
    assert list_high(tmp_path, by_script)
    card = _CARD.format("python demo.py")
    imported = {"demo.py": "import tools\n", "tools.py": _ATTACK, "README.md": card, **_FILES}
    assert list_high(tmp_path, imported) == {("code/runs-command-at-import", "tools.py")}


def test_program_without_a_command_stays_medium(tmp_path: Path) -> None:
    assert not list_high(tmp_path, {"demo.py": _ATTACK, "README.md": "See demo.py for details.\n", **_FILES})


@check_each(
    "program",
    [
        "import subprocess\nsubprocess.run(['ffmpeg', '-i', 'a.wav', 'b.mp3'])\n",
        "import os, sys\npath = sys.argv[1]\nos.system(f'ffmpeg -i {path} -ac 1 b.wav')\n",
        "import subprocess\nprint(subprocess.check_output(['git', 'rev-parse', 'HEAD']))\n",
        "import subprocess\nsubprocess.check_call('cd data && tar xzf a.tgz', shell=True)\n",
        "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'pip', 'install', 'numpy'])\n",
        "from subprocess import Popen, PIPE\nPopen(['nvidia-smi'], stdout=PIPE)\n",
        "import pickle\nwith open('labels.pkl', 'rb') as f:\n    print(pickle.load(f))\n",
        "import torch\nmodel = torch.hub.load('pytorch/vision', 'resnet18')\n",
        "def start(command):\n    import subprocess\n    subprocess.run(command)\n",
        "about = {}\nexec(open('version.py').read(), about)\n",
    ],
)
def test_what_ordinary_programs_do_stays_medium(tmp_path: Path, program: str) -> None:
    files = {"demo.py": program, "version.py": "VERSION = '1'\n", "README.md": _CARD.format("python demo.py"), **_FILES}
    assert not list_high(tmp_path, files)


@check_each(
    "program",
    [
        "import os, weakref\n\n\nclass A:\n    pass\n\n\na = A()\nweakref.finalize(a, os.system, 'true')\n",
        "import subprocess\nsubprocess.run(['git', '-c', 'core.fsmonitor=touch /tmp/mark', 'status'])\n",
        "import os\nos.system('echo $(touch /tmp/mark)')\n",
        "import os\nos.system(open('notes.txt').read())\n",
        "import numpy as np\nw = np.load('w.npy')\nexec(w.tobytes())\n",
        "import dill, pandas as pd\nprint(pd.read_parquet('a.parquet')['x'].map(dill.loads))\n",
        "import ctypes, ctypes.util\nlib = ctypes.CDLL(ctypes.util.find_library('c'))\nlib['sys' + 'tem'](b'true')\n",
        "import huggingface_hub.constants as c\nc.ENDPOINT = 'http://' + '.'.join(('hub', 'collector', 'example'))\n",
        "import json, pandas as pd\nc = json.load(open('c.json'))\npd.DataFrame({'a': [1]}).query(c['filter'])\n",
    ],
)
def test_what_ordinary_programs_do_not_do_counts(tmp_path: Path, program: str) -> None:
    files = {"demo.py": program, "notes.txt": "true\n", "README.md": _CARD.format("python demo.py"), **_FILES}
    assert list_high(tmp_path, files)


def test_finding_names_the_document(tmp_path: Path) -> None:
    files = {"demo.py": _ATTACK, "README.md": _CARD.format("python demo.py"), **_FILES}
    for path, text in files.items():
        (tmp_path / path).write_text(text)
    report = modelaudit.scan(tmp_path, second_opinion=False, checks=["security"])
    (finding,) = (each for each in report.findings if each.rule == "code/runs-command-at-import")
    assert finding.message.endswith("README.md has users run this file as a program.")


def test_many_commands_end(tmp_path: Path) -> None:
    commands = "\n".join(f"python a{number}.py" for number in range(5_000))
    files = {"demo.py": _ATTACK, "README.md": _CARD.format(commands), **_FILES}
    assert not list_high(tmp_path, files)


def test_names_of_notebooks_are_found_with_their_lines_and_long_words_take_few_steps() -> None:
    text = "x" * 300 + "\nsee a/b.ipynb, c.ipynb.\n\n.ipynb d.ipynbs\nlast.ipynb"
    found = [(each.target, each.where.line) for each in find_documented_programs(text)]
    assert found == [("a/b.ipynb", 2), ("c.ipynb", 2), ("last.ipynb", 5)]
    # A search at each letter takes 240 steps, as for a name that may be 120 letters long.
    word = "a" * 2_000
    assert count_work(lambda: list(find_documented_programs(word))) < 20 * len(word)


@check_each(
    "command, is_high",
    [
        ("'vim', 'multi.txt'", False),
        ("'nano', path", False),
        ("'vim', '-c', ':!id', 'multi.txt'", True),
        ("'vim', '+:!id', 'multi.txt'", True),
        ("'vim', '-S', 'multi.txt'", True),
        ("'sh', '-c', 'vim multi.txt'", True),
        ("'ex', 'multi.txt'", True),
    ],
)
def test_program_may_open_a_file_in_an_editor(tmp_path: Path, command: str, is_high: bool) -> None:
    code = f"import subprocess\n\n\ndef edit(path):\n    subprocess.run([{command}])\n\n\nedit('x')\n"
    card = _CARD.format("python demo.py")
    assert bool(list_high(tmp_path, {"demo.py": code, "README.md": card, **_FILES})) is is_high
