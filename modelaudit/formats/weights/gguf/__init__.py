"""GGUF, the format of llama.cpp: header, metadata, the table of tensors, and the tensors themselves."""

from __future__ import annotations

from modelaudit.formats.weights.gguf.reader import READER

__all__ = ["READER"]
