"""Formats that are told by their bytes and whose content is not read: engines of TensorRT and RKNN, CNTK, RAR.

Their layouts are not published, or decoding them is not worth its risk. What stands in them as a program of the machine
or as a pickle is found all the same; for the rest the absence says what to do next. Kernels for a graphics card are
programs too, in ELF, and every engine of TensorRT holds them: those are passed over by their machine. Sources: the
headers of engines that ``trtexec``, Ultralytics and ``rknn-toolkit2`` wrote; ``CNTK.proto`` of CNTK 2
(``Dictionary``); https://www.rarlab.com/technote.htm.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from modelaudit.formats.documents.executables.reader import program_of
from modelaudit.formats.pickles.pickle.search import find_pickles
from modelaudit.model.address import join_member, join_range
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.windows import CHUNK, SubWindow, get_budget, make_opener

_ENGINE: Final = (b"ftrt", b"ptrt")
_MOST_METADATA: Final = MIB
_STARTS: Final = re.compile(rb"\x7fELF[\x01\x02]|MZ|\xfe\xed\xfa[\xce\xcf]|[\xce\xcf]\xfa\xed\xfe")
_PROGRAM_HEAD: Final = 4096
_MOST_PROGRAMS: Final = 20
# CUDA, and the two of AMD and Intel: code for the card, which the machine itself cannot run.
_CARDS: Final = frozenset({190, 224, 205})
_OF_DICTIONARY: Final = (b"type", b"root", b"uid", b"name", b"inputs", b"primitive_functions", b"version", b"state",
                         b"source_version", b"model", b"outputs")  # fmt: skip


@dataclass(frozen=True, slots=True)
class SealedFormat:
    """A format whose content is not read.

    Attributes:
        begins: where in its first bytes it begins, or ``None`` where they are none of it.
        shortest: bytes that its header has at least, from there.
        name: as policies call it.
        advice: what is not read, and what to do next.
    """

    begins: Callable[[bytes, Window], int | None]
    shortest: int
    name: str
    advice: str

    def recognises(self, head: Head) -> bool:
        """Whether the bytes begin this format."""
        return head.content is None and self.begins(head.data, head.window) is not None

    def read(self, artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
        """Yield that it was not read, and what stands before it and in it that has a reader.

        Raises:
            DamagedError: its header breaks off.
            LimitReachedError: more programs stand in it than are told.
            WindowError: from the window.
        """
        start = self.begins(window.read(0, _PROGRAM_HEAD), window) or 0
        budget = get_budget(window, limits)
        if start:
            metadata = SubWindow(window, 4, start - 4, budget)
            yield Artifact(join_member(artifact.path, "metadata.json"), metadata.size, make_opener(metadata))
        if window.size - start < self.shortest:
            raise DamagedError(f"the header of the {self.name} breaks off", window.size)
        yield Unread(UnreadReason.NO_READER, self.advice, format=self.name)
        yield from find_pickles(artifact, window, start, limits)
        for count, offset in enumerate(_programs(window, start)):
            if count >= _MOST_PROGRAMS:
                raise LimitReachedError(f"only the first {_MOST_PROGRAMS} programs in it are told", offset)
            stretch = SubWindow(window, offset, window.size - offset, budget)
            yield Artifact(join_range(artifact.path, offset, window.size), stretch.size, make_opener(stretch))


def _programs(window: Window, start: int) -> Iterator[int]:
    """Where programs of the machine begin. Raises ``WindowError``."""
    overlap = 8
    position = start
    while position < window.size:
        piece = window.read(position, CHUNK + overlap)
        for match in _STARTS.finditer(piece):
            if match.start() < CHUNK and _is_program(window, position + match.start()):
                yield position + match.start()
        position += CHUNK


def _is_program(window: Window, offset: int) -> bool:
    data = window.read(offset, _PROGRAM_HEAD)
    rest = SubWindow(window, offset, window.size - offset, get_budget(window, Limits()))
    if data[:4] == b"\x7fELF":
        machine = int.from_bytes(data[18:20], "little" if data[5:6] == b"\x01" else "big")
        return machine not in _CARDS and program_of(data, rest) is not None
    return program_of(data, rest) is not None


def _after(magics: tuple[bytes, ...], data: bytes, window: Window) -> int | None:
    return 0 if data.startswith(magics) else None


def _engine(data: bytes, window: Window) -> int | None:
    """At its beginning, or behind the metadata that Ultralytics puts there with their length."""
    if data.startswith(_ENGINE):
        return 0
    length = int.from_bytes(data[:4], "little")
    if data[4:5] == b"{" and 0 < length < _MOST_METADATA and window.read(4 + length, 4) in _ENGINE:
        return 4 + length
    return None


def _cntk(data: bytes, window: Window) -> int | None:
    """The mark of version 1; of version 2 a dictionary in a protocol buffer whose first key is one of its own."""
    if data.startswith(b"B\0C\0N\0"):
        return 0
    if data[:1] != b"\x08" or data[2:3] != b"\x12":
        return None
    entry = re.match(rb"[\x80-\xff]{0,9}[\x00-\x7f]\x0a", data[3:14])
    key = data[3 + entry.end() :] if entry is not None else b""
    word = key[1 : 1 + key[0]] if key else b""
    return 0 if word in _OF_DICTIONARY and key[1 + key[0] : 2 + key[0]] == b"\x12" else None


TENSORRT: Final = SealedFormat(
    _engine,
    24,
    "TensorRT engine",
    "the layers of an engine of TensorRT are not read: build it anew from the model that it was made of, which "
    "can be scanned, and load no engine of others with engine_host_code_allowed",
)
RKNN: Final = SealedFormat(
    partial(_after, (b"RKNN",)),
    24,
    "RKNN engine",
    "the layers of an engine of RKNN are not read: convert it anew from the model that it was made of, which "
    "can be scanned",
)
CNTK: Final = SealedFormat(
    _cntk,
    16,
    "CNTK model",
    "the functions of a model of CNTK are not read: have CNTK save it as ONNX in a place apart, and scan that",
)
RAR: Final = SealedFormat(
    partial(_after, (b"Rar!\x1a\x07",)),
    14,
    "RAR",
    "the members of a RAR archive are not read: unpack it in a place apart, and scan the folder",
)
