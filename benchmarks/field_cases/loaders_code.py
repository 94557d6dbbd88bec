"""Drive loaders that run a program: remote code of transformers and diffusers, pickles, scripts and shells."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

Settings = Mapping[str, Any]


def load_remote_code(settings: Settings) -> None:
    """Load the repository with ``trust_remote_code=True``, and call the model once if that is when it acts."""
    import torch
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.from_pretrained(".", trust_remote_code=True, local_files_only=True)
    model = AutoModel.from_config(config, trust_remote_code=True)
    if settings.get("forward"):
        model(torch.zeros(1, 2))


def load_program(settings: Settings) -> None:
    """Import the program of a repository as the loader of its kind does, without the rest of what that does."""
    import importlib
    import json
    import types

    path = Path(settings["module"])
    if path.stem != "modeling_acme":
        sys.path.insert(0, str(path.resolve().parent))
        importlib.import_module(path.stem)
        return
    package = types.ModuleType("acme_package")
    package.__path__ = [str(Path.cwd())]
    sys.modules["acme_package"] = package
    program = importlib.import_module("acme_package.modeling_acme")
    values = json.loads(Path("config.json").read_text(encoding="utf-8"))
    program.AcmeModel(program.AcmeConfig(**values))


def load_pickle(settings: Settings) -> None:
    """Unpickle a file."""
    import pickle

    pickle.loads(Path(settings["file"]).read_bytes())


def load_torch(settings: Settings) -> None:
    """Load a checkpoint without restriction, as code before torch 2.6 does."""
    import torch

    torch.load(settings["file"], weights_only=False)


def load_joblib(settings: Settings) -> None:
    """Load a file of joblib."""
    import joblib

    joblib.load(settings["file"])


def load_npy(settings: Settings) -> None:
    """Load an array of objects."""
    import numpy as np

    np.load(settings["file"], allow_pickle=True)


def load_script(settings: Settings) -> None:
    """Run a Python file of the repository."""
    sys.path.insert(0, str(Path.cwd()))
    sys.argv = [settings["file"], *settings.get("arguments", ())]
    runpy.run_path(settings["file"], run_name="__main__")


def load_module(settings: Settings) -> None:
    """Import a Python file of the repository, and call a function of it if one is named."""
    sys.path.insert(0, str(Path.cwd()))
    names = runpy.run_path(settings["file"], run_name="acme")
    if settings.get("call"):
        names[settings["call"]](*settings.get("arguments", ()))


def load_shell(settings: Settings) -> None:
    """Run a command line of the repository in a shell."""
    subprocess.run(["sh", "-c", settings["command"]], check=False, timeout=20)


def load_json_command(settings: Settings) -> None:
    """Run each command that stands below a key of a JSON file, as the program that reads the file does."""
    import json

    tree = json.loads(Path(settings["file"]).read_text(encoding="utf-8"))
    for part in settings["key"].split("/"):
        tree = tree[int(part)] if isinstance(tree, list) else tree[part]
    words = tree if isinstance(tree, list) else [tree]
    if settings.get("arguments"):
        words = [tree["command"], *tree["args"]]
        subprocess.run(words, check=False, timeout=20)
    else:
        subprocess.run(["sh", "-c", " ".join(words)], check=False, timeout=20)


def load_npm(settings: Settings) -> None:
    """Run the scripts of a package as npm does on installation."""
    environment = {**os.environ, "npm_config_offline": "true", "npm_config_cache": str(Path.cwd() / ".npm")}
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund"], check=False, timeout=60, env=environment, capture_output=True
    )


def load_make(settings: Settings) -> None:
    """Run make."""
    subprocess.run(["make"], check=False, timeout=20, capture_output=True)


LOADERS: Final[Mapping[str, Callable[[Settings], None]]] = {
    "joblib": load_joblib,
    "json-command": load_json_command,
    "make": load_make,
    "module": load_module,
    "npm": load_npm,
    "npy": load_npy,
    "program": load_program,
    "remote-code": load_remote_code,
    "script": load_script,
    "shell": load_shell,
    "torch": load_torch,
    "unpickle": load_pickle,
}
CODE_PACKAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "joblib": ("joblib",),
    "npy": ("numpy",),
    "remote-code": ("transformers", "torch"),
    "torch": ("torch",),
}
