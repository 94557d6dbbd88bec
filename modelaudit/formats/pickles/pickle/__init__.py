"""The pickle reader: a symbolic machine that follows every opcode and runs none of what it meets."""

from __future__ import annotations

from modelaudit.formats.pickles.pickle.reader import READER

__all__ = ["READER"]
