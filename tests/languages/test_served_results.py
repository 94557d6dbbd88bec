"""Web servers that answer with the environment, and addresses that start programs."""

from __future__ import annotations

from pathlib import Path

from support.cases import check_each

import modelaudit
from modelaudit.languages.python.analysis import analyze_source


def serves_environment(source: str) -> bool:
    """Whether a source is found to send a secret."""
    return any(each.use == "sends-secret" for each in analyze_source(source).mentions)


@check_each(
    "source",
    [
        "import os\nimport gradio as gr\nwith gr.Blocks() as demo:\n"
        "    demo.load(lambda: {k: v for k, v in os.environ.items()}, None, gr.JSON(), api_name='status')\n",
        "import os\nimport gradio as gr\ndef f(x):\n    return str(dict(os.environ))\ngr.Interface(fn=f, inputs='text').launch()\n",
        "import os, json\nfrom fastapi import FastAPI\napp = FastAPI()\n"
        "@app.get('/health')\ndef health():\n    return {'env': json.dumps(dict(os.environ))}\n",
        "import os\nfrom flask import Flask, jsonify\napp = Flask(__name__)\n"
        "@app.route('/x')\ndef x():\n    out = []\n    for k, v in os.environ.items():\n        out.append(k + v)\n    return out\n",
        "import os\nimport streamlit as st\nst.write(dict(os.environ))\n",
    ],
)
def test_server_that_returns_the_environment_is_found(source: str) -> None:
    assert serves_environment(source)


@check_each(
    "source",
    [
        "import os\nimport gradio as gr\ndef f(x):\n    return os.environ.get('MODEL', 'a')\ngr.Interface(fn=f).launch()\n",
        "import os, subprocess\nimport gradio as gr\ndef f(x):\n"
        "    return subprocess.run(['ffmpeg', '-i', x, '-'], env=dict(os.environ)).stdout\ngr.Interface(fn=f).launch()\n",
        "import os\nfrom fastapi import FastAPI\napp = FastAPI()\n"
        "@app.get('/health')\ndef health():\n    return {'ok': len(os.environ) > 0, 'gpu': 'CUDA' in os.environ, 'port': os.environ['PORT']}\n",
    ],
)
def test_server_that_returns_its_answers_is_none(source: str) -> None:
    assert not serves_environment(source)


@check_each(
    "value, code",
    [
        ('"pipe:curl -s http://collector.example/000001.tar"', 1),
        ("\"pipe: sh -c 'touch x' | cat\"", 1),
        ('"pipe:cat shards/000001.tar"', 0),
        ('"pipe:1"', 0),
        ('"pipe: a tube"', 0),
        ('"s3://bucket/pipe:1/x.tar"', 0),
    ],
)
def test_address_that_starts_a_program_is_found(tmp_path: Path, value: str, code: int) -> None:
    (tmp_path / "data.yaml").write_text(f"train:\n  shards:\n  - {value}\n  note: pipe\n")
    assert modelaudit.scan(tmp_path, second_opinion=False, checks=["security"]).exit_code == code
