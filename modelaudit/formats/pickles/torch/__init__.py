"""What torch and its kin keep in archives beside pickles: sources, bytecode, graphs, old records."""

from __future__ import annotations

from modelaudit.formats.pickles.torch import bytecode, graph, script, tar_records, weight
from modelaudit.wire.base import Reader

READERS: tuple[Reader, ...] = (script.READER, bytecode.READER, graph.READER, weight.READER, tar_records.READER)

__all__ = ["READERS"]
