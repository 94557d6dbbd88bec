"""Everybody who knows what keys of a configuration mean. Documents in JSON and YAML are handed to each of them."""

from __future__ import annotations

from modelaudit.readers.configurations import CONFIGURATIONS
from modelaudit.readers.settings import Interpreter

INTERPRETERS: tuple[Interpreter, ...] = (*CONFIGURATIONS,)
