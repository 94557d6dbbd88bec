"""Hand a decoded tree to the function of a library that acts on such values."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, Final


def _run_hydra(tree: Any) -> None:
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    instantiate(OmegaConf.create(tree))


def _run_jsonargparse(tree: Any) -> None:
    """Instantiate an argument of any type, as LightningCLI does."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--part", type=Any)
    parser.instantiate_classes(parser.parse_object({"part": tree}))


def _run_latent_diffusion(tree: Any) -> None:
    """``instantiate_from_config`` of CompVis/latent-diffusion, ldm/util.py, which many projects copied."""
    module, name = tree["target"].rsplit(".", 1)
    getattr(importlib.import_module(module, package=None), name)(**tree.get("params", {}))


def _run_monai(tree: Any) -> None:
    from monai.bundle import ConfigParser

    parser = ConfigParser(tree)
    for key in tree:
        parser.get_parsed_content(key)


def _run_torchtune(tree: Any) -> None:
    from omegaconf import OmegaConf
    from torchtune.config import instantiate

    instantiate(OmegaConf.create(tree))


def _run_jsonpickle(tree: Any) -> None:
    import json

    import jsonpickle

    jsonpickle.decode(json.dumps(tree), safe=False)


def _run_yaml(tree: Any) -> None:
    import yaml

    yaml.load(tree, Loader=yaml.UnsafeLoader)


def _run_jinja(tree: Any) -> None:
    """Render outside of a sandbox, as engines of chat templates did before they had one."""
    import jinja2

    jinja2.Environment().from_string(tree).render(messages=[])


def _run_eval(tree: Any) -> Any:
    """``eval`` of a value, as fairseq and ultralytics do with activations and sizes."""
    return eval(tree)


def _run_eval_call(tree: Any) -> None:
    _run_eval(tree)(1)


def _run_unpickle(tree: Any) -> None:
    import pickle

    pickle.loads(tree)


def _run_mmengine(tree: Any) -> None:
    from mmengine.registry import Registry

    Registry("acme").build(tree)


INTERPRETERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "eval": _run_eval,
    "eval-call": _run_eval_call,
    "hydra": _run_hydra,
    "jinja": _run_jinja,
    "jsonargparse": _run_jsonargparse,
    "jsonpickle": _run_jsonpickle,
    "latent-diffusion": _run_latent_diffusion,
    "mmengine": _run_mmengine,
    "monai": _run_monai,
    "torchtune": _run_torchtune,
    "nothing": lambda tree: None,
    "unpickle": _run_unpickle,
    "yaml": _run_yaml,
}
INTERPRETER_PACKAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "hydra": ("hydra-core", "omegaconf"),
    "jinja": ("jinja2",),
    "jsonargparse": ("jsonargparse",),
    "jsonpickle": ("jsonpickle",),
    "mmengine": ("mmengine",),
    "monai": ("monai",),
    "torchtune": ("torchtune",),
    "yaml": ("pyyaml",),
}
