"""Pickles that lie inside a pickle as data: raw bytes, or text in base64 or hexadecimal."""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.structure import UnreadReason
from modelaudit.readers.windows import SubWindow, budget_of, read_whole

# The PROTO opcode with protocol 2 to 5, as it looks in each coding.
_STARTS: Final = re.compile(rb"(?P<raw>\x80[\x02-\x05])|(?P<base64>gA[I-X])|(?P<hex>800[2-5])")
STARTS: Final = _STARTS
_SHORTEST: Final = 4


class Coding(StrEnum):
    """How a nested pickle is written down."""

    RAW = "raw"
    BASE64 = "base64"
    HEX = "hex"


@dataclass(frozen=True, slots=True)
class Nested:
    """A constant that begins like a pickle: its place in the window, in bytes."""

    offset: int
    length: int
    coding: Coding


def coding_of(data: bytes) -> Coding | None:
    """How the pickle is coded that ``data`` begins with; ``None`` where it begins with none."""
    match = _STARTS.match(data) if len(data) >= _SHORTEST else None
    return Coding(match.lastgroup) if match and match.lastgroup else None


def children(
    artifact: Artifact, window: Window, found: Iterable[Nested], limits: Limits, is_pickle: Callable[[Window], bool]
) -> Iterator[Artifact]:
    """Each constant that is a pickle from its first byte to its last, as an artifact ``model.pkl!pickle@27``.

    Tensors and words begin like a pickle by chance; few end with STOP as well, and hardly any run through. Nothing is
    lost by passing over what does not: the loader of the outer pickle takes it for data, and only a call could
    unpickle it.
    """
    for nested in found:
        opener = _opener(window, nested, limits)
        try:
            with opener() as inner:
                whole = inner.size > 0 and inner.read(inner.size - 1, 1) == b"." and is_pickle(inner)
        except _NotCodedError:
            continue
        if whole:
            yield Artifact(f"{artifact.path}!pickle@{nested.offset}", nested.length, opener)


def _opener(window: Window, nested: Nested, limits: Limits) -> Callable[[], AbstractContextManager[Window]]:
    @contextmanager
    def opened() -> Iterator[Window]:
        stretch = SubWindow(window, nested.offset, nested.length, budget_of(window, limits))
        yield stretch if nested.coding is Coding.RAW else _Decoded(stretch, nested.coding, limits)

    return opened


class _NotCodedError(WindowError):
    """The text is not in the coding that it begins like."""


_DECODERS: Final[dict[Coding, Callable[[bytes], bytes]]] = {
    Coding.BASE64: functools.partial(base64.b64decode, validate=True),
    Coding.HEX: binascii.unhexlify,
}


class _Decoded:
    """The decoded bytes of a text constant."""

    def __init__(self, stretch: SubWindow, coding: Coding, limits: Limits) -> None:
        text = read_whole(stretch, limits.document_bytes)
        stretch.budget.spend(len(text))
        packed = text.translate(None, b" \t\r\n")
        try:
            self._data = _DECODERS[coding](packed)
        except ValueError as error:
            raise _NotCodedError(f"it is no {coding}: {error}", UnreadReason.DAMAGED) from error

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self._data)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes from ``offset``; fewer than ``length`` only at the end."""
        return self._data[offset : offset + length]
