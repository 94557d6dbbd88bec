"""Graphs of ONNX: what they compute with, what lies in other files, and whether their sizes agree."""

from __future__ import annotations

from modelaudit.formats.graphs.onnx.model import READER
from modelaudit.formats.graphs.onnx.ort import READER as ORT

READERS = (READER, ORT)
