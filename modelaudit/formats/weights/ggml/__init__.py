"""GGML, the weights of llama.cpp, whisper.cpp and their kin before GGUF."""

from __future__ import annotations

from modelaudit.formats.weights.ggml.reader import READER

__all__ = ["READER"]
