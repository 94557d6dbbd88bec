"""Everybody who knows what keys of a configuration mean. Documents in JSON and YAML are handed to each of them."""

from __future__ import annotations

from modelaudit.readers import auto_map, keras, mxnet, paddle, zarr
from modelaudit.readers.configurations import CONFIGURATIONS
from modelaudit.readers.jinja import documents as jinja
from modelaudit.readers.settings import Interpreter
from modelaudit.readers.terms import statements as terms

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
