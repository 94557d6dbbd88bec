"""Discovery over a table of small files: what each loads, at which line, and what it does not load."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.catalogue import load_shipped

from modelaudit.discovery import discover
from modelaudit.model.discovery import HUGGING_FACE, Discovery, ModelUse, UseKind
from modelaudit.model.limits import Limits

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TF = "from transformers import AutoModel, AutoTokenizer, pipeline\n"
ST = "from sentence_transformers import SentenceTransformer, CrossEncoder\n"
HF = "from huggingface_hub import hf_hub_download, snapshot_download\n"

# (name of the file, its text, what it loads). ``line name`` with ``@revision``, ``!`` for code of the repository that
# may run, ``!?`` where that is not known, ``datasets/`` before a dataset, ``source:`` before another source, and ``?``
# for a name that is not known.
PYTHON: list[tuple[str, str, list[str]]] = [
    ("literal", TF + 'AutoModel.from_pretrained("google/flan-t5-base")', ["2 google/flan-t5-base"]),
    ("name without owner", TF + 'AutoModel.from_pretrained("gpt2")', ["2 gpt2"]),
    ("pinned", TF + f'AutoModel.from_pretrained("a/b", revision="{COMMIT}")', [f"2 a/b@{COMMIT}"]),
    ("branch", TF + 'AutoModel.from_pretrained("a/b", revision="main")', ["2 a/b@main"]),
    ("trust", TF + 'AutoModel.from_pretrained("a/b", trust_remote_code=True)', ["2 a/b!"]),
    ("no trust", TF + 'AutoModel.from_pretrained("a/b", trust_remote_code=False)', ["2 a/b"]),
    ("trust not known", TF + 'def f(t): AutoModel.from_pretrained("a/b", trust_remote_code=t)', ["2 a/b!?"]),
    ("keyword", TF + 'AutoModel.from_pretrained(pretrained_model_name_or_path="a/b")', ["2 a/b"]),
    ("constant of the module", TF + 'NAME = "a/b"\nAutoModel.from_pretrained(NAME)', ["3 a/b"]),
    ("f-string of constants", TF + 'ORG = "a"\nAutoModel.from_pretrained(f"{ORG}/b")', ["3 a/b"]),
    ("sum of constants", TF + 'ORG = "a/"\nAutoModel.from_pretrained(ORG + "b")', ["3 a/b"]),
    ("format", TF + 'AutoModel.from_pretrained("{}/{}".format("a", "b"))', ["2 a/b"]),
    ("percent", TF + 'AutoModel.from_pretrained("%s/b" % "a")', ["2 a/b"]),
    ("default of a parameter", TF + 'def f(name="a/b"):\n    AutoModel.from_pretrained(name)', ["3 a/b"]),
    ("keyword-only default", TF + 'def f(*, name="a/b"):\n    AutoModel.from_pretrained(name)', ["3 a/b"]),
    ("parameter", TF + "def f(name):\n    AutoModel.from_pretrained(name)", ["3 ?"]),
    ("argument of a call", TF + 'def f(name):\n    AutoModel.from_pretrained(name)\nf("a/b")', ["3 a/b"]),
    ("two calls", TF + 'def f(n):\n    AutoModel.from_pretrained(n)\nf("a/b")\nf("c/d")', ["3 a/b", "3 c/d"]),
    (
        "a call that is not known beside one that is",
        TF + 'def f(n):\n    AutoModel.from_pretrained(n)\nf("a/b")\nf(compute())',
        ["3 a/b", "3 ?"],
    ),
    ("or", TF + 'def f(name=None):\n    AutoModel.from_pretrained(name or "a/b")', ["3 a/b"]),
    ("conditional", TF + 'AutoModel.from_pretrained("a/b" if x else "c/d")', ["2 a/b", "2 c/d"]),
    ("attribute of self", TF + 'class A:\n    def __init__(self):\n        self.n = "a/b"\n    def g(self):\n'
     "        AutoModel.from_pretrained(self.n)", ["6 a/b"]),
    ("attribute of the class", TF + 'class A:\n    n = "a/b"\n    def g(self):\n'
     "        AutoModel.from_pretrained(self.n)", ["5 a/b"]),
    ("argument of the class", TF + "class A:\n    def __init__(self, n):\n        self.n = n\n    def g(self):\n"
     '        AutoModel.from_pretrained(self.n)\nA("a/b").g()', ["6 a/b"]),
    ("attribute of another class", TF + 'class B:\n    n = "a/b"\nclass A:\n    def g(self):\n'
     "        AutoModel.from_pretrained(self.n)", ["6 ?"]),
    ("inherited attribute", TF + 'class B:\n    n = "a/b"\nclass A(B):\n    def g(self):\n'
     "        AutoModel.from_pretrained(self.n)", ["6 a/b"]),
    ("dataclass", TF + "@dataclass\nclass C:\n    n: str = 'a/b'\ndef f(c: C):\n    AutoModel.from_pretrained(c.n)",
     ["6 a/b"]),
    ("field of a dataclass", TF + "from dataclasses import dataclass, field\n@dataclass\nclass C:\n"
     "    n: str = field(default='a/b')\nAutoModel.from_pretrained(C().n)", ["6 a/b"]),
    ("field of pydantic", TF + "from pydantic import BaseModel, Field\nclass C(BaseModel):\n    n: str = Field('a/b')\n"
     "c = C()\nAutoModel.from_pretrained(c.n)", ["6 a/b"]),
    ("classmethod", TF + 'class A:\n    @classmethod\n    def load(cls, n):\n        return AutoModel.from_pretrained(n)\n'
     'A.load("a/b")', ["5 a/b"]),
    ("staticmethod", TF + 'class A:\n    @staticmethod\n    def load(n):\n        return AutoModel.from_pretrained(n)\n'
     'A().load("a/b")', ["5 a/b"]),
    ("argparse", TF + 'import argparse\np = argparse.ArgumentParser()\np.add_argument("--model-name", default="a/b")\n'
     "args = p.parse_args()\nAutoModel.from_pretrained(args.model_name)", ["6 a/b"]),
    ("argparse in a function", TF + 'import argparse\ndef main(args):\n    AutoModel.from_pretrained(args.m)\n'
     'p = argparse.ArgumentParser()\np.add_argument("-m", "--m", default="a/b")\nmain(p.parse_args())', ["4 a/b"]),
    ("argparse without default", TF + 'import argparse\np = argparse.ArgumentParser()\np.add_argument("--m")\n'
     "AutoModel.from_pretrained(p.parse_args().m)", ["5 ?"]),
    ("click", TF + 'import click\n@click.command()\n@click.option("--model", default="a/b")\ndef f(model):\n'
     "    AutoModel.from_pretrained(model)", ["6 a/b"]),
    ("typer", TF + 'import typer\ndef f(model: str = typer.Option("a/b", help="x")):\n'
     "    AutoModel.from_pretrained(model)", ["4 a/b"]),
    ("environment with default", TF + 'import os\nAutoModel.from_pretrained(os.environ.get("M", "a/b"))', ["3 a/b"]),
    ("getenv with default", TF + 'import os\nAutoModel.from_pretrained(os.getenv("M", "a/b"))', ["3 a/b"]),
    ("environment", TF + 'import os\nAutoModel.from_pretrained(os.environ["M"])', ["3 ?"]),
    ("keywords in a mapping", TF + 'kw = {"revision": "v1", "trust_remote_code": True}\n'
     'AutoModel.from_pretrained("a/b", **kw)', ["3 a/b@v1!"]),
    ("dict of keywords", TF + 'kw = dict(pretrained_model_name_or_path="a/b")\nAutoModel.from_pretrained(**kw)',
     ["3 a/b"]),
    ("partial", TF + 'from functools import partial\nload = partial(AutoModel.from_pretrained, revision="v1")\n'
     'load("a/b")', ["4 a/b@v1"]),
    ("table", TF + 'T = {"x": "a/b", "y": "c/d"}\ndef f(k):\n    AutoModel.from_pretrained(T[k])', ["4 a/b", "4 c/d"]),
    ("table with key", TF + 'T = {"x": "a/b", "y": "c/d"}\nAutoModel.from_pretrained(T["y"])', ["3 c/d"]),
    ("table of mappings", TF + 'T = {"x": {"id": "a/b"}, "y": {"id": "c/d"}}\ndef f(k):\n'
     '    AutoModel.from_pretrained(T[k]["id"])', ["4 a/b", "4 c/d"]),
    ("long table", TF + f"T = {dict((str(i), f'o/m{i}') for i in range(30))}\ndef f(k):\n"
     "    AutoModel.from_pretrained(T.get(k))", [f"4 o/m{i}" for i in range(30)]),
    ("loop", TF + 'for n in ["a/b", "c/d"]:\n    AutoModel.from_pretrained(n)', ["3 a/b", "3 c/d"]),
    ("loop over a table", TF + 'T = {"x": "a/b", "y": "c/d"}\nfor k, n in T.items():\n    AutoModel.from_pretrained(n)',
     ["4 a/b", "4 c/d"]),
    ("comprehension", TF + 'm = [AutoModel.from_pretrained(n) for n in ("a/b", "c/d")]', ["2 a/b", "2 c/d"]),
    ("one text of a few in an f-string", TF + 'S = {"s": "small", "l": "large"}\ndef f(k):\n'
     '    AutoModel.from_pretrained(f"a/{S[k]}")', ["4 a/small", "4 a/large"]),
    ("alias of the module", 'import transformers as t\nt.AutoModel.from_pretrained("a/b")', ["2 a/b"]),
    ("import in a function", 'def f():\n    from transformers import AutoModel as M\n    M.from_pretrained("a/b")',
     ["3 a/b"]),
    ("unknown class", 'from .nets import Net\nNet.from_pretrained("a/b")', ["2 a/b"]),
    ("multi-line call", TF + 'm = AutoModel.from_pretrained(\n    "a/b",\n)', ["2 a/b"]),
    ("continued name", TF + 'AutoModel.from_pretrained("a/"\n  "b")', ["2 a/b"]),
    ("import that may fail", 'try:\n    from transformers import AutoModel\nexcept ImportError:\n    AutoModel = None\n'
     'AutoModel.from_pretrained("a/b")', ["5 a/b"]),
    ("getattr", TF + 'import transformers\ngetattr(transformers, "AutoModel").from_pretrained("a/b")', ["3 a/b"]),
    ("await and thread", TF + 'import asyncio\nasync def f():\n'
     '    await asyncio.gather(g(AutoModel.from_pretrained("a/b")))', ["4 a/b"]),
    ("walrus", TF + 'if m := AutoModel.from_pretrained("a/b"): pass', ["2 a/b"]),
    ("lambda", TF + 'load = lambda: AutoModel.from_pretrained("a/b")', ["2 a/b"]),
    ("diffusers", 'from diffusers import DiffusionPipeline\nDiffusionPipeline.from_pretrained("a/b", revision="fp16")',
     ["2 a/b@fp16"]),
    ("single file", 'from diffusers import StableDiffusionPipeline as S\n'
     'S.from_single_file("https://huggingface.co/a/b/resolve/main/m.safetensors")', ["2 a/b"]),
    ("peft", "from peft import PeftModel\n" + TF + 'm = AutoModel.from_pretrained("a/b")\n'
     'PeftModel.from_pretrained(m, "c/d")', ["3 a/b", "4 c/d"]),
    ("attribute of an object", "from peft import PeftConfig\n" + TF + 'c = PeftConfig.from_pretrained("a/b")\n'
     "AutoModel.from_pretrained(c.base_model_name_or_path)", ["3 a/b", "4 ?"]),
    ("lora", 'pipe.load_lora_weights("a/b")', ["1 a/b"]),
    ("unknown lora", "def f(pipe, p):\n    pipe.load_lora_weights(p)", []),
    ("pipeline", TF + 'pipeline("text-generation", model="a/b")', ["2 a/b"]),
    ("pipeline by position", TF + 'pipeline("text-generation", "a/b")', ["2 a/b"]),
    ("pipeline with tokenizer", TF + 'pipeline(model="a/b", tokenizer="c/d")', ["2 a/b", "2 c/d"]),
    ("default of a task", TF + 'pipeline("sentiment-analysis")', ["2 ?"]),
    ("pipeline of an object", TF + 'm = AutoModel.from_pretrained("a/b")\npipeline("text-generation", model=m)', ["2 a/b"]),
    ("keywords in model_kwargs", TF + 'pipeline(model="a/b", model_kwargs={"trust_remote_code": True})', ["2 a/b!"]),
    ("result of a pipeline", TF + 'p = pipeline(model="a/b")\np("text to classify")\np(["x"])', ["2 a/b"]),
    ("hf_hub_download", HF + 'hf_hub_download("a/b", "config.json")', ["2 a/b"]),
    ("file of a dataset", HF + 'hf_hub_download("a/b", "x.csv", repo_type="dataset")', ["2 datasets/a/b"]),
    ("snapshot", HF + f'snapshot_download(repo_id="a/b", revision="{COMMIT}")', [f"2 a/b@{COMMIT}"]),
    ("method of the API", 'from huggingface_hub import HfApi\nHfApi().hf_hub_download("a/b", "f")', ["2 a/b"]),
    ("downloaded folder", HF + TF + 'd = snapshot_download("a/b")\nAutoModel.from_pretrained(d)', ["3 a/b"]),
    ("short name of sentence-transformers", ST + 'SentenceTransformer("all-MiniLM-L6-v2")',
     ["2 sentence-transformers/all-MiniLM-L6-v2"]),
    ("name without owner of sentence-transformers", ST + 'SentenceTransformer("bert-base-uncased")',
     ["2 bert-base-uncased"]),
    ("cross-encoder", ST + 'CrossEncoder("cross-encoder/ms-marco-MiniLM-L6-v2")',
     ["2 cross-encoder/ms-marco-MiniLM-L6-v2"]),
    ("result that is called", ST + 'm = SentenceTransformer("a/b")\nm.encode("c/d")\nm("e/f")', ["2 a/b"]),
    ("langchain", 'from langchain_huggingface import HuggingFaceEmbeddings\n'
     'HuggingFaceEmbeddings(model_name="BAAI/bge-small-en", model_kwargs={"trust_remote_code": True})',
     ["2 BAAI/bge-small-en!"]),
    ("torch.hub", 'import torch\ntorch.hub.load("pytorch/vision:v0.10.0", "resnet18")', ["2 github:pytorch/vision@v0.10.0!"]),
    ("local torch.hub", 'import torch\ntorch.hub.load("a/b", "m", source="local")', ["2 local:a/b!"]),
    ("timm on the Hub", 'import timm\ntimm.create_model("hf_hub:timm/resnet50.a1_in1k", pretrained=True)',
     ["2 timm/resnet50.a1_in1k"]),
    ("timm chooses", 'import timm\ntimm.create_model("resnet50", pretrained=True)', ["2 ?"]),
    ("timm without weights", 'import timm\ntimm.create_model("resnet50")', []),
    ("vllm", 'from vllm import LLM\nLLM(model="a/b", tokenizer="c/d", trust_remote_code=True, revision="v1")',
     ["2 a/b@v1!", "2 c/d@v1!"]),
    ("faster-whisper", 'from faster_whisper import WhisperModel\nWhisperModel("large-v3")',
     ["2 Systran/faster-whisper-large-v3"]),
    ("spaCy", 'import spacy\nspacy.load("en_core_web_sm")', ["2 spacy:en_core_web_sm"]),
    ("local spaCy", 'import spacy\nspacy.load("./out/model-best")', ["2 local:./out/model-best"]),
    ("ultralytics", 'from ultralytics import YOLO\nYOLO("yolov8n.pt")', ["2 ultralytics:yolov8n.pt"]),
    ("trained ultralytics", 'from ultralytics import YOLO\nYOLO("runs/train/weights/best.pt")',
     ["2 local:runs/train/weights/best.pt"]),
    ("dataset", 'from datasets import load_dataset\nload_dataset("squad", revision="v1")', ["2 datasets/squad@v1"]),
    ("local data", 'from datasets import load_dataset\nload_dataset("csv", data_files="x.csv")', []),
    ("dataset of another library", "def f(db):\n    db.load_dataset('a/b')", []),
    ("address", 'import requests\nrequests.get("https://huggingface.co/a/b/resolve/v1/m.bin")', ["2 a/b@v1"]),
    ("address of a dataset", 'U = "https://huggingface.co/datasets/a/b/resolve/main/x.csv"', ["1 datasets/a/b"]),
    ("address of a page", 'U = "https://huggingface.co/a/b"', []),
    ("address with a computed revision", 'def f(r):\n    return f"https://huggingface.co/a/b/blob/{r}/x"', []),
    ("setting", 'EMBEDDING_MODEL = "BAAI/bge-small-en"', ["1 BAAI/bge-small-en"]),
    ("setting by keyword", 'run(model_name_or_path="a/b")', ["1 a/b"]),
    ("setting in a mapping", 'CONFIG = {"model_id": "a/b"}', ["1 a/b"]),
    ("setting that is loaded", TF + 'MODEL_ID = "a/b"\nAutoModel.from_pretrained(MODEL_ID)', ["3 a/b"]),
    ("setting of another service", 'MODEL = "openai/gpt-4o"\nmodel = "groq/llama3"', []),
    ("setting with a path", 'model_path = "models/best"\nmodel = "./a/b"', []),
    ("setting with a type of media", 'model = "application/json"', []),
    ("key without meaning", 'title = "a/b"', []),
    ("own names are pushed", 'model.push_to_hub(repo_id="a/b")', []),
    ("local path", TF + 'AutoModel.from_pretrained("./model")', ["2 local:./model"]),
    ("absolute path", TF + 'AutoModel.from_pretrained("/srv/model")', ["2 local:/srv/model"]),
    ("path with folder", TF + 'AutoModel.from_pretrained("checkpoints/step-100")', ["2 local:checkpoints/step-100"]),
    ("path with three parts", TF + 'AutoModel.from_pretrained("a/b/c")', ["2 local:a/b/c"]),
    ("joined path", TF + 'import os\nAutoModel.from_pretrained(os.path.join("data", name))', []),
    ("path object", TF + 'from pathlib import Path\nAutoModel.from_pretrained(Path("x") / "y")', ["3 local:./x/y"]),
    ("temporary folder", TF + "import tempfile\nd = tempfile.mkdtemp()\nAutoModel.from_pretrained(d)", []),
    ("name of a file", TF + 'AutoModel.from_pretrained("model.safetensors")', ["2 local:model.safetensors"]),
    ("item that is added to the keywords", TF + 'kw = {"trust_remote_code": True}\nkw["revision"] = "v1"\n'
     'AutoModel.from_pretrained("a/b", **kw)', ["4 a/b@v1!"]),
    ("keywords that are updated", TF + 'kw = dict(revision="v1")\nkw.update(trust_remote_code=True)\n'
     'AutoModel.from_pretrained("a/b", **kw)', ["4 a/b@v1!"]),
    ("merged keywords", TF + 'kw = {"trust_remote_code": True}\n'
     'AutoModel.from_pretrained("a/b", **{**kw, "revision": "v1"})', ["3 a/b@v1!"]),
    ("joined keywords", TF + 'kw = {"trust_remote_code": True}\n'
     'AutoModel.from_pretrained("a/b", **(kw | {"revision": "v1"}))', ["3 a/b@v1!"]),
    ("keywords that may be added", TF + 'kw = {}\nif x:\n    kw["trust_remote_code"] = True\n'
     'AutoModel.from_pretrained("a/b", **kw)', ["5 a/b!"]),
    ("keywords that are not known", TF + 'def f(**kw): AutoModel.from_pretrained("a/b", **kw)', ["2 a/b!?"]),
    ("stated beside keywords that are not known", TF + 'def f(**kw):\n'
     '    AutoModel.from_pretrained("a/b", trust_remote_code=False, **kw)', ["3 a/b"]),
    ("adapter of vLLM", 'from vllm.lora.request import LoRARequest\nLoRARequest("x", 1, "a/b")', ["2 a/b"]),
    ("started program", 'import subprocess\nsubprocess.run(["vllm", "serve", "a/b", "--trust-remote-code"])', ["2 a/b!"]),
    ("started shell", 'import os\nos.system("hf download a/b --revision v1")', ["2 a/b@v1"]),
    ("started with words", 'import asyncio\nasyncio.create_subprocess_exec("vllm", "serve", "a/b")', ["2 a/b"]),
    ("started with a parameter", 'import subprocess\ndef f(m): subprocess.run(["vllm", "serve", m])', ["2 ?"]),
    ("started with a template", 'import os\ndef f(m): os.system(f"vllm serve {m} --port 1")', ["2 ?"]),
    ("started without a model", 'import subprocess\nsubprocess.run(["vllm", "--version"])', []),
    ("torch.load", 'import torch\ntorch.load("bad.pkl", map_location="cpu")', ["2 local:bad.pkl"]),
    ("joblib.load", 'import joblib\njoblib.load("x.joblib")', ["2 local:x.joblib"]),
    ("opened pickle", 'import pickle\npickle.load(open("m.pkl", "rb"))', ["2 local:./m.pkl"]),
    ("pickle opened by with", 'import pickle\nwith open("m.pkl", "rb") as f:\n    pickle.load(f)', ["3 local:./m.pkl"]),
    ("bytes of a pickle", 'import pickle\nfrom pathlib import Path\npickle.loads(Path("m.pkl").read_bytes())',
     ["3 local:./m.pkl"]),
    ("read pickle", 'import pickle\npickle.loads(open("m.pkl", "rb").read())', ["2 local:./m.pkl"]),
    ("onnxruntime", 'import onnxruntime\nonnxruntime.InferenceSession("m.onnx")', ["2 local:m.onnx"]),
    ("Keras", 'import tensorflow as tf\ntf.keras.models.load_model("x")', ["2 local:x"]),
    ("safetensors", 'from safetensors.torch import load_file\nload_file("x.safetensors")', ["2 local:x.safetensors"]),
    ("safetensors into an object", 'from safetensors.torch import load_model\nload_model(Net(), "x.safetensors")',
     ["2 local:x.safetensors"]),
    ("llama-cpp-python", 'from llama_cpp import Llama\nLlama(model_path="m.gguf")', ["2 local:m.gguf"]),
    ("path beside the file", TF + 'import os\nHERE = os.path.dirname(os.path.abspath(__file__))\n'
     'AutoModel.from_pretrained(os.path.join(HERE, "models"))', ["4 local:models"]),
    ("path object beside the file", TF + 'from pathlib import Path\nROOT = Path(__file__).resolve().parent\n'
     'AutoModel.from_pretrained(ROOT / "models" / "tiny")', ["4 local:models/tiny"]),
    ("numbered parent", 'import torch\nfrom pathlib import Path\ntorch.load(Path(__file__).parents[0] / "a.pt")',
     ["3 local:a.pt"]),
    ("changed ending", 'import torch\nfrom pathlib import Path\ntorch.load(Path("a.pt").with_suffix(".bin"))',
     ["3 local:./a.bin"]),
    ("path in the working folder", 'import os, torch\ntorch.load(os.path.join(os.getcwd(), "a.pt"))', ["2 local:./a.pt"]),
    ("separator of paths", 'import os, torch\ntorch.load("x" + os.sep + "a.pt")', ["2 local:x/a.pt"]),
    ("bytes of a file in memory", 'import io, pickle\npickle.load(io.BytesIO(open("a.pkl", "rb").read()))',
     ["2 local:./a.pkl"]),
    ("booster", 'import xgboost as xgb\nxgb.Booster(model_file="a.ubj.bin")', ["2 local:a.ubj.bin"]),
    ("setting that is a path of the file", 'import os\nMODEL_DIR = os.path.join(os.path.dirname(__file__), "x")', []),
    ("computed path", 'import os, torch\ndef f(d): torch.load(os.path.join(d, "a.pt"))', ["2 ?"]),
    ("path that is a parameter", "import torch\ndef f(p): torch.load(p)", ["2 ?"]),
    ("paths of a loop", 'import torch\nfor p in ["a.pt", "b.pt"]: torch.load(p)', ["2 local:a.pt", "2 local:b.pt"]),
    ("downloaded file", HF + 'import torch\ntorch.load(hf_hub_download("a/b", "x.pt"))', ["3 a/b"]),
    ("name on the Hub of an absent path", HF + 'snapshot_download("models/tiny")', []),
    ("pickle that is not known", "import pickle\ndef f(p): pickle.load(p)", []),
    ("pickle of bytes", 'import io, pickle\npickle.load(io.BytesIO(b"x"))', []),
    ("tensors in memory", 'import io, torch\ntorch.load(io.BytesIO(b"x"))', []),
    ("address of weights", 'import torch\ntorch.load("https://example.org/a.pt")', []),
    ("name of another library", 'client.load_model("gpt-4")', []),
    ("file that is opened", 'import json\njson.load(open("m.pkl"))', []),
    ("local data folder", 'from datasets import load_dataset\nload_dataset("./data")', []),
    ("placeholder", TF + 'AutoModel.from_pretrained("your-model")', []),
    ("kernel", 'import kernels\nkernels.get_kernel("acme/kernel")', ["2 acme/kernel!"]),
    ("code of a pipeline", TF + 'AutoModel.from_pretrained("a/b", custom_pipeline="acme/pipe")',
     ["2 a/b", "2 acme/pipe"]),
    ("static method", 'import torch, functools\nclass A:\n    load = staticmethod(torch.load)\nA.load("a.pt")\n'
     'load = functools.cache(torch.load)\nload("b.pt")', ["4 local:a.pt", "6 local:b.pt"]),
    ("full width", 'import torch\n\uff54orch.\uff4coad("a.pt")', ["2 local:a.pt"]),
    # Anybody can register the owner and the name.
    *(
        (f"name like {name}", TF + f'AutoModel.from_pretrained("{name}")', [f"2 {name}"])
        for name in ("evil/my-llama", "your-org/your-model", "username/m", "evil/m.zip", "evil/m.model", "evil/v1.5.txt")
    ),
    ("Windows path", TF + 'AutoModel.from_pretrained("C:\\\\models\\\\x")', ["2 local:C:/models/x"]),
    ("comment", TF + '# AutoModel.from_pretrained("a/b")', []),
    ("docstring", 'def f():\n    """AutoModel.from_pretrained("a/b")"""', []),
    ("docstring of the module", '"""from_pretrained("a/b") https://huggingface.co/a/b/resolve/main/x"""', []),
    ("text", TF + 'print("AutoModel.from_pretrained(\'a/b\')")', []),
    ("definition", "def from_pretrained(cls, name): ...", []),
    ("configuration", TF + "AutoModel.from_config(c)", []),
    ("another pipeline", 'from sklearn import pipeline\npipeline("a/b", model="c/d2")', ["2 c/d2"]),
    ("method named pipeline", 'app.pipeline("llm", "a/b")', []),
    ("result that is not known", TF + "AutoModel.from_pretrained(find())", ["2 ?"]),
    ("item that is not known", TF + "import json\nc = json.load(open('c'))\nAutoModel.from_pretrained(c['m'])", ["4 ?"]),
    ("broken line elsewhere", TF + 'AutoModel.from_pretrained("a/b")\nprint "x"\n', ["2 a/b"]),
]  # fmt: skip

VLLM_IMAGE = "vllm/vllm-openai:v0.6"
TGI_IMAGE = "ghcr.io/huggingface/text-generation-inference:2.4"
OTHERS: list[tuple[str, str, list[str]]] = [
    ("a.sh", "vllm serve a/b --revision v1 --trust-remote-code", ["1 a/b@v1!"]),
    ("b.sh", "python -m vllm.entrypoints.openai.api_server --port 1 --model a/b", ["1 a/b"]),
    ("c.sh", "MODEL=a/b\nvllm serve $MODEL", ["2 a/b"]),
    ("c1.sh", "MODEL=a/b\npython serve.py $MODEL", ["1 a/b"]),
    ("c2.sh", "RATE=N/A\ncurl -d range=10.0.0.0/8 $HOST", []),
    ("c3.sh", "lm_eval --model hf --model_args pretrained=a/b,dtype=float16", ["1 a/b"]),
    ("d.sh", 'vllm serve "$1"', ["1 ?"]),
    ("e.sh", "vllm serve ${MODEL:-a/b}", ["1 a/b"]),
    ("f.sh", "vllm serve ./local", ["1 local:./local"]),
    ("g.sh", "# vllm serve a/b", []),
    ("h.sh", "text-generation-launcher --model-id a/b", ["1 a/b"]),
    ("i.sh", f"docker run --gpus all -e HF_TOKEN=x {TGI_IMAGE} --model-id a/b --revision v1", ["1 a/b@v1"]),
    ("j.sh", f"docker run -e MODEL_ID=a/b {TGI_IMAGE}", ["1 a/b"]),
    ("k.sh", f"docker run {VLLM_IMAGE} --model a/b", ["1 a/b"]),
    ("l.sh", "ollama pull llama3:8b", ["1 ollama:llama3@8b"]),
    ("m.sh", "ollama run hf.co/a/b:Q4_K_M", ["1 a/b"]),
    ("n.sh", "llama-server -hf a/b:Q4_K_M --port 1", ["1 a/b"]),
    ("o.sh", "./llama-cli --hf-repo a/b --hf-file x.gguf", ["1 a/b"]),
    ("p.sh", "llama-server -m model.gguf", ["1 local:model.gguf"]),
    ("p1.sh", "python -m llama_cpp.server --model models/m.gguf", ["1 local:models/m.gguf"]),
    ("p2.sh", "tensorflow_model_server --model_base_path=/models/x", ["1 local:/models/x"]),
    ("p3.sh", "python train.py --model_path ./absent", []),
    ("q.sh", f"hf download a/b --revision {COMMIT}", [f"1 a/b@{COMMIT}"]),
    ("r.sh", "huggingface-cli download --repo-type dataset a/b", ["1 datasets/a/b"]),
    ("s.sh", "huggingface-cli upload a/b .", []),
    ("t.sh", "git clone https://huggingface.co/a/b", ["1 a/b"]),
    ("u.sh", "git lfs install && git clone git@hf.co:datasets/a/b", ["1 datasets/a/b"]),
    ("v.sh", "git clone https://github.com/a/b", []),
    ("w.sh", "wget -q https://huggingface.co/a/b/resolve/main/m.bin", ["1 a/b"]),
    ("x.sh", "curl -LO https://example.org/a/b/resolve/main/m.bin", []),
    ("y.sh", "accelerate launch train.py --model_name_or_path bert-base-cased --dataset_name a/b",
     ["1 bert-base-cased", "1 datasets/a/b"]),
    ("z.sh", "bash -c 'vllm serve a/b'", ["1 a/b"]),
    ("a1.sh", "sudo nohup vllm serve a/b &", ["1 a/b"]),
    ("a2.sh", "uv run vllm serve a/b", ["1 a/b"]),
    ("a2d.sh", "ssh host 'vllm serve a/b'", ["1 a/b"]),
    ("a2e.sh", "eval 'vllm serve a/b --revision v1'", ["1 a/b@v1"]),
    ("a2f.sh", "screen -dmS llm vllm serve a/b", ["1 a/b"]),
    ("a2g.sh", "kubectl exec pod -- ollama pull x", ["1 ollama:x"]),
    ("a2h.sh", "ssh host 'echo vllm serve a/b'", []),
    ("a2b.sh", "uvx --from vllm vllm serve a/b", ["1 a/b"]),
    ("a2c.sh", "function serve { vllm serve a/b; }", ["1 a/b"]),
    ("a3.sh", "for m in a; do\n  hf download a/b \\\n    --revision v1\ndone", ["2 a/b@v1"]),
    ("a4.sh", "python -m spacy download en_core_web_sm", ["1 spacy:en_core_web_sm"]),
    ("a5.sh", "echo vllm serve a/b", []),
    ("a6.sh", "docker compose exec ollama ollama pull llama3", ["1 ollama:llama3"]),
    ("Dockerfile", "FROM python:3.12\nENV MODEL_ID=a/b\nRUN huggingface-cli download c/d", ["2 a/b", "3 c/d"]),
    ("Dockerfile.vllm", f'FROM {VLLM_IMAGE}\nCMD ["--model", "a/b"]', ["2 a/b"]),
    ("Dockerfile.serve", 'FROM python\nCMD ["vllm", "serve", "a/b"]', ["2 a/b"]),
    ("Dockerfile.py", 'RUN = "vllm serve a/b"', []),
    ("Modelfile", "FROM llama3.2:1b\nADAPTER ./lora.gguf\nPARAMETER temperature 1",
     ["1 ollama:llama3.2@1b", "2 local:./lora.gguf"]),
    ("Modelfile.local", "FROM ./model.gguf", ["1 local:./model.gguf"]),
    ("Makefile", "MODEL ?= a/b\nserve:\n\tvllm serve $(MODEL)\n", ["3 a/b"]),
    ("compose.yaml", f"services:\n  llm:\n    image: {VLLM_IMAGE}\n    command: --model a/b --revision v1", ["4 a/b@v1"]),
    ("compose2.yaml", f"services:\n  t:\n    image: {TGI_IMAGE}\n    environment:\n      - MODEL_ID=a/b", ["5 a/b"]),
    ("compose3.yaml", f"services:\n  t:\n    image: {TGI_IMAGE}\n    environment:\n      MODEL_ID: a/b", ["5 a/b"]),
    ("compose4.yaml", f"services:\n  t:\n    image: {TGI_IMAGE}\n    command: [--model-id, a/b]", ["4 a/b"]),
    ("pod.yaml", f"kind: Pod\n---\nspec:\n  containers:\n    - image: {VLLM_IMAGE}\n      args:\n        - --model\n"
     "        - a/b\n        - --trust-remote-code\n", ["8 a/b!"]),
    ("deploy.yaml", "spec:\n  containers:\n    - command: [vllm, serve]\n      args: [a/b]", ["4 a/b"]),
    ("env.yaml", "env:\n  - name: MODEL_ID\n    value: a/b", ["3 a/b"]),
    ("values.yaml", "modelSpec:\n  modelId: a/b\n  revision: v1", ["2 a/b@v1"]),
    ("ci.yml", "jobs:\n  t:\n    steps:\n      - run: |\n          pip install x\n          hf download a/b\n", ["6 a/b"]),
    ("train.yaml", "model_name_or_path: gpt2\ntrust_remote_code: true", ["1 gpt2!"]),
    ("litellm.yaml", "model: openai/gpt-4o\nmodel_name: ollama/llama3", []),
    ("prose.yaml", "description: run vllm serve a/b", []),
    ("templates/d.yaml", "args:\n  {{- if .Values.x }}\n  - --model\n  - {{ .Values.model }}\n  {{- end }}\n"
     "env:\n  - name: MODEL_ID\n    value: a/b", ["8 a/b"]),
    ("templates/e.yaml", '{{- range .Values.models }}\n---\nname: "{{ .Release.Name }}-{{ .name }}-x"\n'
     'spec:\n  containers:\n    - command: ["vllm", "serve"]\n      args:\n        - {{ .url | quote }}\n{{- end }}', ["8 ?"]),
    ("axolotl.yml", "base_model: a/b\ndatasets:\n  - path: x.jsonl", ["1 a/b"]),
    ("config.json", '{\n "model_id": "a/b",\n "revision": "v1"\n}', ["2 a/b@v1"]),
    ("adapter_config.json", '{"base_model_name_or_path": "a/b"}', ["1 a/b"]),
    ("package.json", '{"scripts": {"serve": "vllm serve a/b"}, "model": "x"}', ["1 a/b"]),
    ("paths.json", '{"model_name_or_path": "./out/model", "model": "models/x"}', []),
    ("settings.toml", '[llm]\nmodel_id = "a/b"\nrevision = "v1"\n# model = "c/d"\n', ["2 a/b@v1"]),
    (".env", "MODEL_ID=a/b\nOTHER=c/d", ["1 a/b"]),
    (".env.example", "export EMBEDDING_MODEL='a/b'", ["1 a/b"]),
    ("app.ini", "[m]\nmodel = a/b", ["2 a/b"]),
    (".gitmodules", '[submodule "m"]\n\tpath = m\n\turl = https://huggingface.co/a/b', ["3 a/b"]),
    ("requirements.txt", "x @ https://huggingface.co/spacy/en_core_web_sm/resolve/main/en.whl",
     ["1 spacy/en_core_web_sm"]),
    ("modelaudit.yaml", f"models:\n  - a/b@{COMMIT}\n  - name: c/d\n    revision: v1\n", [f"2 a/b@{COMMIT}", "3 c/d@v1"]),
    ("llm.service", "[Service]\nExecStart=/usr/bin/vllm serve a/b", ["2 a/b"]),
    ("README.md", "`vllm serve a/b` and AutoModel.from_pretrained('a/b')", []),
    ("tool", "#!/usr/bin/env python3\n" + TF + 'AutoModel.from_pretrained("a/b")', ["3 a/b"]),
    ("run", "#!/bin/bash\nvllm serve a/b", ["2 a/b"]),
]  # fmt: skip


def describe(use: ModelUse) -> str:
    """Describe a use as the table above does."""
    if use.name is None:
        return f"{use.line} ?"
    kind = "datasets/" if use.kind is UseKind.DATASET else ""
    source = "" if use.source == HUGGING_FACE else f"{use.source}:"
    trust = {True: "!", False: "", None: "!?"}[use.trusts_remote_code]
    revision = f"@{use.revision}" if use.revision else ""
    return f"{use.line} {source}{kind}{use.name}{revision}{trust}"


def search(folder: Path, files: dict[str, str], limits: Limits | None = None) -> Discovery:
    """Write the files into a folder, and return what is found in it."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return discover(str(folder), limits or Limits(), load_shipped())


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in PYTHON], ids=[case[0] for case in PYTHON])
def test_python_source_loads_what_the_table_lists_and_nothing_else(
    tmp_path: Path, text: str, expected: list[str]
) -> None:
    assert sorted(map(describe, search(tmp_path, {"code.py": text}).uses)) == sorted(expected)


@pytest.mark.parametrize(("name", "text", "expected"), OTHERS, ids=[case[0] for case in OTHERS])
def test_other_file_loads_what_the_table_lists_and_nothing_else(
    tmp_path: Path, name: str, text: str, expected: list[str]
) -> None:
    found = search(tmp_path, {name: text})
    assert sorted(map(describe, found.uses)) == sorted(expected)
    assert not found.absences


def test_table_has_at_least_120_cases_of_which_a_third_are_tempting() -> None:
    cases = [*PYTHON, *OTHERS]
    assert len(cases) >= 120
    assert sum(not expected for _, _, expected in cases) >= 40


def test_notebook_lists_lines_of_its_file(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["AutoModel.from_pretrained('no/no')"]},
        {"cell_type": "code", "source": ["NAME = 'a/b'\n", "!hf download c/d\n"]},
        {"cell_type": "code", "source": [TF, "AutoModel.from_pretrained(NAME)"]},
    ]
    text = json.dumps({"cells": cells, "nbformat": 4}, indent=1)
    lines = text.split("\n")
    found = search(tmp_path, {"n.ipynb": text})
    assert [(use.name, lines[use.line - 1].strip()) for use in found.uses] == [
        ("c/d", '"!hf download c/d\\n"'),
        ("a/b", '"AutoModel.from_pretrained(NAME)"'),
    ]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("%%bash\nvllm serve a/b", ["1 a/b"]),
        ("%env MODEL_ID=a/b", ["1 a/b"]),
        ("%set_env MODEL_ID a/b", ["1 a/b"]),
        ("%run train.py --model_name_or_path a/b", ["1 a/b"]),
        ("out = !hf download a/b", ["1 a/b"]),
        ("!hf download {name}", ["1 ?"]),
        ("%%time\nM.from_pretrained('a/b')", ["1 a/b"]),
        ("print('%env MODEL_ID=a/b')", []),
    ],
)
def test_magics_of_a_notebook_are_read(tmp_path: Path, cell: str, expected: list[str]) -> None:
    found = search(tmp_path, {"n.ipynb": json.dumps({"cells": [{"cell_type": "code", "source": cell}], "nbformat": 4})})
    assert [describe(use) for use in found.uses] == expected
    assert not found.absences
