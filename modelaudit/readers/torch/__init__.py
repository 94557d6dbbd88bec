"""What torch and its kin keep in archives beside pickles: sources, bytecode, graphs, old records."""

from __future__ import annotations

from modelaudit.readers.base import Reader
from modelaudit.readers.torch import bytecode, graph, script, tar_records, weight

READERS: tuple[Reader, ...] = (script.READER, bytecode.READER, graph.READER, weight.READER, tar_records.READER)

__all__ = ["READERS"]
