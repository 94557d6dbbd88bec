"""MessagePack, as Flax and Orbax keep weights in it."""

from __future__ import annotations

from modelaudit.formats.weights.msgpack.reader import READER

__all__ = ["READER"]
