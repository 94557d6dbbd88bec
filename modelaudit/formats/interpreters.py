"""Everybody who knows what keys of a configuration mean. Documents in JSON and YAML are handed to each of them."""

from __future__ import annotations

from modelaudit.formats.graphs import keras
from modelaudit.formats.graphs.paddle import reader as paddle
from modelaudit.formats.weights import zarr
from modelaudit.formats.weights.mxnet import reader as mxnet
from modelaudit.languages import auto_map
from modelaudit.languages.configurations import CONFIGURATIONS
from modelaudit.languages.jinja import documents as jinja
from modelaudit.languages.settings import Interpreter
from modelaudit.languages.terms import statements as terms

INTERPRETERS: tuple[Interpreter, ...] = (
    auto_map.INTERPRETER,
    *CONFIGURATIONS,
    jinja.INTERPRETER,
    keras.INTERPRETER,
    mxnet.SYMBOL,
    paddle.INTERPRETER,
    terms.INTERPRETER,
    zarr.INTERPRETER,
)
