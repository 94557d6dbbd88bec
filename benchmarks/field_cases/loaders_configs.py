"""Drive loaders of configurations: YAML with tags, tables of data, models and services that a file names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

Settings = Mapping[str, Any]


def load_hyperpyyaml(settings: Settings) -> None:
    """Load ``hyperparams.yaml`` as SpeechBrain does."""
    from hyperpyyaml import load_hyperpyyaml as load

    with Path(settings["file"]).open(encoding="utf-8") as file:
        load(file)


def load_kaldi(settings: Settings) -> None:
    """Read the arrays of a Kaldi script file."""
    import kaldiio

    for _, _ in kaldiio.load_scp(settings["file"]).items():
        pass


def load_ultralytics(settings: Settings) -> None:
    """Build a detection model from its YAML."""
    from ultralytics.nn.tasks import DetectionModel

    DetectionModel(settings["file"], verbose=False)


def load_ultralytics_data(settings: Settings) -> None:
    """Look for the data set that a YAML describes, and obtain it."""
    from ultralytics.data.utils import check_det_dataset

    check_det_dataset(settings["file"])


def load_lm_eval(settings: Settings) -> None:
    """Load a task of lm-evaluation-harness with the functions that it names."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        from lm_eval.utils import load_yaml_config

        load_yaml_config(settings["file"], mode="full")
    except ImportError:
        from lm_eval.tasks._yaml_loader import load_yaml

        load_yaml(settings["file"], resolve_func=True)


def load_mlserver(settings: Settings) -> None:
    """Read ``model-settings.json``, whose implementation is imported."""
    from mlserver.settings import ModelSettings

    sys.path.insert(0, str(Path.cwd()))
    parsed = ModelSettings.parse_file(settings["file"])
    _ = parsed.implementation


def load_gin(settings: Settings) -> None:
    """Parse a file of gin."""
    import gin

    sys.path.insert(0, str(Path.cwd()))
    gin.parse_config_file(settings["file"])


def load_mmengine_config(settings: Settings) -> None:
    """Load a configuration of MMEngine."""
    from mmengine.config import Config

    sys.path.insert(0, str(Path.cwd()))
    Config.fromfile(settings["file"])


def load_haystack(settings: Settings) -> None:
    """Load a pipeline of Haystack."""
    from haystack import Pipeline

    sys.path.insert(0, str(Path.cwd()))
    with Path(settings["file"]).open(encoding="utf-8") as file:
        Pipeline.load(file)


def load_autogen(settings: Settings) -> None:
    """Load a component of AutoGen."""
    import json

    from autogen_core import ComponentLoader

    sys.path.insert(0, str(Path.cwd()))
    ComponentLoader.load_component(json.loads(Path(settings["file"]).read_text(encoding="utf-8")))


def load_mlflow(settings: Settings) -> None:
    """Load a model of MLflow by the loader module that ``MLmodel`` names."""
    import mlflow.pyfunc

    mlflow.pyfunc.load_model(str(Path.cwd()))


def load_yaml_unsafe(settings: Settings) -> None:
    """Load a YAML file with every tag."""
    import yaml

    yaml.load(Path(settings["file"]).read_text(encoding="utf-8"), Loader=yaml.UnsafeLoader)


def load_yaml_full_package(settings: Settings) -> None:
    """Read a YAML file with ruamel's unsafe loader."""
    from ruamel.yaml import YAML

    YAML(typ="unsafe", pure=True).load(Path(settings["file"]).read_text(encoding="utf-8"))


def load_omegaconf(settings: Settings) -> None:
    """Resolve a configuration with the resolver of expressions that many projects register."""
    from omegaconf import OmegaConf

    OmegaConf.register_new_resolver("eval", eval, replace=True)
    OmegaConf.resolve(OmegaConf.load(settings["file"]))


def load_spacy(settings: Settings) -> None:
    """Resolve a configuration of spaCy with its registry."""
    import spacy

    sys.path.insert(0, str(Path.cwd()))
    config = spacy.util.load_config(settings["file"])
    if "initialize" in config:
        spacy.util.registry.resolve(config["initialize"])
    spacy.util.load_model_from_config(config, auto_fill=True)


def load_logging(settings: Settings) -> None:
    """Configure logging by a file of the repository."""
    import logging.config

    import yaml

    path = Path(settings["file"])
    if path.suffix in (".ini", ".conf"):
        logging.config.fileConfig(path)
    else:
        logging.config.dictConfig(yaml.safe_load(path.read_text(encoding="utf-8")))


LOADERS: Final[Mapping[str, Callable[[Settings], None]]] = {
    "autogen": load_autogen,
    "gin": load_gin,
    "haystack": load_haystack,
    "hyperpyyaml": load_hyperpyyaml,
    "kaldi": load_kaldi,
    "lm-eval": load_lm_eval,
    "logging": load_logging,
    "mlflow": load_mlflow,
    "mlserver": load_mlserver,
    "mmengine-config": load_mmengine_config,
    "omegaconf-eval": load_omegaconf,
    "ruamel-unsafe": load_yaml_full_package,
    "spacy": load_spacy,
    "ultralytics": load_ultralytics,
    "ultralytics-data": load_ultralytics_data,
    "yaml-unsafe": load_yaml_unsafe,
}
CONFIG_PACKAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "autogen": ("autogen-core",),
    "gin": ("gin-config",),
    "haystack": ("haystack-ai",),
    "hyperpyyaml": ("hyperpyyaml",),
    "kaldi": ("kaldiio",),
    "lm-eval": ("lm-eval",),
    "mlflow": ("mlflow-skinny",),
    "mlserver": ("mlserver",),
    "mmengine-config": ("mmengine",),
    "omegaconf-eval": ("omegaconf",),
    "ruamel-unsafe": ("ruamel.yaml",),
    "spacy": ("spacy",),
    "ultralytics": ("ultralytics-opencv-headless",),
    "ultralytics-data": ("ultralytics-opencv-headless",),
    "yaml-unsafe": ("pyyaml",),
}
