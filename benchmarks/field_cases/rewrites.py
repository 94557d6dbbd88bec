"""Rewrite payloads in forms that keep their meaning, and benign calls in the same forms.

``list_rewrites(seed, each)`` yields up to ``each`` different rewrites of every payload of ``payloads.yaml``: calls in
code that a loader imports, calls in pickles, and values in configurations. The same seed gives the same bytes. Each
rewrite is a repository, like a case.
"""

from __future__ import annotations

import json
import random
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml
from case_files import HERE, MARK, substitute
from code_calls import rewrite_call
from code_pieces import Source
from pickles import write_pickle
from value_rewrites import rewrite_pickle, rewrite_tree

_CARD: Final = "---\nlicense: apache-2.0\n---\n# Acme tiny\n\nA small model of Acme.\n"
_AUTO_MAP: Final = {"AutoConfig": "configuration_acme.AcmeConfig", "AutoModel": "modeling_acme.AcmeModel"}
_CONFIGURATION: Final = (
    "from transformers import PretrainedConfig\n\n\nclass AcmeConfig(PretrainedConfig):\n    model_type = 'acme'\n"
)
_MODEL: Final = """
class Model:
    def predict(self, rows):
        return rows


def _load_pyfunc(path):
    return Model()
"""
_WEIGHTS: Final = {"build": "safetensors", "metadata": {"format": "pt"}}


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A rewritten payload.

    Attributes:
        id: payload and number.
        payload: the payload.
        expect: ``fail``, or ``pass`` for a benign call.
        steps: the names of the pieces that were chosen.
        loader: the entry of the loaders that runs it.
        settings: values for the loader.
        files: the content of each file.
    """

    id: str
    payload: str
    expect: str
    steps: tuple[str, ...]
    loader: str
    settings: Mapping[str, Any]
    files: Mapping[str, Any]


def _place_model(source: Source, inside: bool) -> dict[str, Any]:
    """Put the statements in a model that transformers imports: at the top, or where the model is made."""
    head, body = "\n".join(source.imports), "\n".join(source.lines)
    lines = [
        head.replace("@helper@", ".helper_acme"),
        "from torch import nn\nfrom transformers import PreTrainedModel\n",
        "from .configuration_acme import AcmeConfig\n",
        "" if inside else body,
        "\n\nclass AcmeModel(PreTrainedModel):\n    config_class = AcmeConfig\n",
        "    def __init__(self, config):\n        super().__init__(config)\n        self.layer = nn.Linear(2, 2)",
        textwrap.indent(body, "        ") if inside else "",
        "        self.post_init()\n\n    def forward(self, x):\n        return self.layer(x)\n",
    ]
    config = {"model_type": "acme", "auto_map": _AUTO_MAP, **source.config}
    return {
        "config.json": json.dumps(config, indent=2) + "\n",
        "configuration_acme.py": _CONFIGURATION,
        "modeling_acme.py": "\n".join(filter(None, lines)),
        "helper_acme.py": "\n".join(source.helper) + "\n" if source.helper else None,
        "model.safetensors": _WEIGHTS,
    }


def _join_lines(source: Source, helper: str) -> str:
    head = "\n".join(source.imports).replace("@helper@", helper)
    return "\n".join([head, "", *source.lines, "", ""])


def _place_mlflow(source: Source) -> dict[str, Any]:
    described = {
        "flavors": {"python_function": {"loader_module": "acme_loader", "code": "code", "data": "data"}},
        "mlflow_version": "2.20.0",
        "model_uuid": "0123456789abcdef0123456789abcdef",
    }
    return {
        "MLmodel": yaml.safe_dump(described),
        "code/acme_loader.py": _join_lines(source, "helper_acme") + _MODEL,
        "code/helper_acme.py": "\n".join(source.helper) + "\n" if source.helper else None,
        "data/notes.txt": "weights\n",
    }


def _place_task(source: Source) -> dict[str, Any]:
    task = "task: acme\ndataset_path: acme\noutput_type: generate_until\nprocess_docs: !function steps.clean\n"
    return {
        "task.yaml": task,
        "steps.py": _join_lines(source, "helper_acme") + "\ndef clean(docs):\n    return docs\n",
        "helper_acme.py": "\n".join(source.helper) + "\n" if source.helper else None,
    }


def _place_mlserver(source: Source) -> dict[str, Any]:
    return {
        "model-settings.json": json.dumps({"name": "acme", "implementation": "acme_runtime.Runtime"}),
        "acme_runtime.py": _join_lines(source, "helper_acme") + "\nclass Runtime:\n    pass\n",
        "helper_acme.py": "\n".join(source.helper) + "\n" if source.helper else None,
    }


HOSTS: Final[Mapping[str, tuple[Callable[[Source], dict[str, Any]], str, Mapping[str, Any]]]] = {
    "remote-module": (lambda source: _place_model(source, False), "remote-code", {"module": "modeling_acme.py"}),
    "remote-init": (lambda source: _place_model(source, True), "remote-code", {"module": "modeling_acme.py"}),
    "mlflow": (_place_mlflow, "mlflow", {"module": "code/acme_loader.py"}),
    "lm-eval": (_place_task, "lm-eval", {"file": "task.yaml", "module": "steps.py"}),
    "mlserver": (_place_mlserver, "mlserver", {"file": "model-settings.json", "module": "acme_runtime.py"}),
}


def read_payloads(mark: str = MARK) -> dict[str, Any]:
    """Return the payloads with the path of their mark."""
    listed = yaml.safe_load((HERE / "payloads.yaml").read_text(encoding="utf-8"))
    planted = write_pickle({"!call": "posix.system", "args": [f"touch {mark}"]}, 2)
    values: dict[str, Any] = substitute(listed, {"mark": mark, "bytes": planted})
    return values


def _write_code(host: str, call: Mapping[str, Any], dice: random.Random, hard: bool) -> Rewrite:
    """Write one rewrite of a call in a host of code."""
    source = Source(dice, has_config=host == "remote-init")
    rewrite_call(source, call["target"], list(call.get("args", [])), call.get("named", {}), hard)
    place, loader, settings = HOSTS[host]
    files = {"README.md": _CARD, **{name: each for name, each in place(source).items() if each is not None}}
    return Rewrite("", "", "fail" if hard else "pass", tuple(source.steps), loader, settings, files)


def _write_pickle(call: Mapping[str, Any], dice: random.Random) -> Rewrite:
    steps, loader, name, content = rewrite_pickle(call, dice)
    files = {"README.md": _CARD, name: content}
    return Rewrite("", "", "fail", steps, loader, {"file": name}, files)


def _write_tree(listed: Mapping[str, Any], dice: random.Random) -> Rewrite:
    steps, settings, files = rewrite_tree(listed["tree"], dice)
    settings = {**settings, "interpreter": listed["interpreter"]}
    return Rewrite("", "", "fail", steps, "tree", settings, {"README.md": _CARD, **files})


def _list_makers(mark: str) -> Iterator[tuple[str, bool, Callable[[random.Random], Rewrite]]]:
    """Yield each payload with the function that rewrites it, and whether it is a malicious one."""
    listed = read_payloads(mark)
    for host in listed["hosts"]:
        for name, call in listed["calls"].items():
            yield f"{host}-{name}", True, lambda dice, h=host, c=call: _write_code(h, c, dice, True)  # type: ignore[misc]
    for name, call in listed["pickles"].items():
        yield f"pickle-{name}", True, lambda dice, c=call: _write_pickle(c, dice)  # type: ignore[misc]
    for name, tree in listed["trees"].items():
        yield f"tree-{name}", True, lambda dice, t=tree: _write_tree(t, dice)  # type: ignore[misc]
    for host in listed["hosts"]:
        for name, call in listed["benign"].items():
            yield f"benign-{host}-{name}", False, lambda dice, h=host, c=call: _write_code(h, c, dice, False)  # type: ignore[misc]


def list_rewrites(seed: int, each: int, mark: str = MARK, only: str = "") -> Iterator[Rewrite]:
    """Yield up to ``each`` different rewrites of every payload whose id begins with one of ``only``."""
    for payload, _, make in _list_makers(mark):
        if not payload.startswith(tuple(only.split(","))):
            continue
        dice = random.Random(f"{seed}-{payload}")
        seen: set[str] = set()
        for _ in range(each * 4):
            made = make(dice)
            key = repr(made.files)
            if key in seen:
                continue
            seen.add(key)
            number = len(seen)
            yield Rewrite(
                f"{payload}-{number:03}", payload, made.expect, made.steps, made.loader, made.settings, made.files
            )
            if number == each:
                break
