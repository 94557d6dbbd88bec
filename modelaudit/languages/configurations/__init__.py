"""What keys of configurations have loaders import, call, fetch or allow, whatever the file is called."""

from __future__ import annotations

from modelaudit.languages.configurations import (
    expressions,
    indexes,
    langchain,
    mlflow,
    named,
    packages,
    sentences,
    serving,
    shards,
    sizes,
    switches,
    targets,
)
from modelaudit.languages.settings import Interpreter

CONFIGURATIONS: tuple[Interpreter, ...] = (
    targets.TARGETS,
    named.NAMED,
    expressions.EXPRESSIONS,
    mlflow.MODELS,
    mlflow.ENVIRONMENTS,
    sentences.MODULES,
    switches.SWITCHES,
    serving.SERVING,
    sizes.SIZES,
    langchain.SERIALIZED,
    packages.SCRIPTS,
    shards.SHARDS,
    indexes.INDEXES,
)

__all__ = ["CONFIGURATIONS"]
