"""Recognise formats that are not decoded: TensorRT and RKNN engines, CNTK models and RAR archives.

Their layouts are not published, or decoding them is not worth the risk. The reader searches them for machine programs
and pickles, and reports the rest as an absence with advice. Kernels for a graphics card are ELF programs too, and every
TensorRT engine contains some, so programs for such machines are skipped. Sources: the headers of engines written by
``trtexec``, Ultralytics and ``rknn-toolkit2``; ``CNTK.proto`` of CNTK 2 (``Dictionary``);
https://www.rarlab.com/technote.htm.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from modelaudit.formats.documents.executables.reader import detect_program
from modelaudit.formats.pickles.pickle.search import find_pickles
from modelaudit.model.address import join_member, join_range
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.windows import CHUNK, SubWindow, get_budget, make_opener

_TENSORRT_MAGICS: Final = (b"ftrt", b"ptrt")
_MOST_METADATA_BYTES: Final = MIB
_PROGRAM_MAGICS: Final = re.compile(rb"\x7fELF[\x01\x02]|MZ|\xfe\xed\xfa[\xce\xcf]|[\xce\xcf]\xfa\xed\xfe")
_PROGRAM_HEAD_BYTES: Final = 4096
_MOST_PROGRAMS: Final = 20
# ELF machine numbers of CUDA, AMD and Intel graphics cards: the host cannot run their code.
_GRAPHICS_MACHINES: Final = frozenset({190, 224, 205})
_CNTK_KEYS: Final = (b"type", b"root", b"uid", b"name", b"inputs", b"primitive_functions", b"version", b"state",
                         b"source_version", b"model", b"outputs")  # fmt: skip


@dataclass(frozen=True, slots=True)
class SealedFormat:
    """A format that is recognised but not decoded.

    Attributes:
        find_start: returns the offset where the format begins, or ``None`` if the first bytes are another format.
        shortest: minimum size of its header in bytes.
        name: as reports and policies spell it.
        advice: detail of the absence: the unread part and the next step for the user.
    """

    find_start: Callable[[bytes, Window], int | None]
    shortest: int
    name: str
    advice: str

    def recognises(self, head: Head) -> bool:
        """Whether the bytes begin this format."""
        return head.content is None and self.find_start(head.data, head.window) is not None

    def read(self, artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
        """Yield the absence, the metadata before the format, and the pickles and programs inside it.

        Raises:
            DamagedError: the header is truncated.
            LimitReachedError: the file contains more programs than are reported.
            WindowError: the window could not return the requested bytes.
        """
        start = self.find_start(window.read(0, _PROGRAM_HEAD_BYTES), window) or 0
        budget = get_budget(window, limits)
        if start:
            metadata = SubWindow(window, 4, start - 4, budget)
            yield Artifact(join_member(artifact.path, "metadata.json"), metadata.size, make_opener(metadata))
        if window.size - start < self.shortest:
            raise DamagedError(f"the header of the {self.name} is truncated", window.size)
        yield Unread(UnreadReason.NO_READER, self.advice, format=self.name)
        yield from find_pickles(artifact, window, start, limits)
        for count, offset in enumerate(_find_programs(window, start)):
            if count >= _MOST_PROGRAMS:
                raise LimitReachedError(f"only the first {_MOST_PROGRAMS} programs in the file are reported", offset)
            stretch = SubWindow(window, offset, window.size - offset, budget)
            yield Artifact(join_range(artifact.path, offset, window.size), stretch.size, make_opener(stretch))


def _find_programs(window: Window, start: int) -> Iterator[int]:
    """Yield the offsets of programs that the host could run.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    # Pieces overlap, so that magic bytes across their border are found.
    overlap = 8
    position = start
    while position < window.size:
        piece = window.read(position, CHUNK + overlap)
        for match in _PROGRAM_MAGICS.finditer(piece):
            if match.start() < CHUNK and _is_program(window, position + match.start()):
                yield position + match.start()
        position += CHUNK


def _is_program(window: Window, offset: int) -> bool:
    """Whether a program that the host could run begins at ``offset``."""
    data = window.read(offset, _PROGRAM_HEAD_BYTES)
    rest = SubWindow(window, offset, window.size - offset, get_budget(window, Limits()))
    if data[:4] == b"\x7fELF":
        machine = int.from_bytes(data[18:20], "little" if data[5:6] == b"\x01" else "big")
        return machine not in _GRAPHICS_MACHINES and detect_program(data, rest) is not None
    return detect_program(data, rest) is not None


def _find_magic(magics: tuple[bytes, ...], data: bytes, window: Window) -> int | None:
    """Return 0 if the data begin with one of the magic numbers."""
    return 0 if data.startswith(magics) else None


def _find_tensorrt_start(data: bytes, window: Window) -> int | None:
    """Return the offset of a TensorRT engine: 0, or after the length and JSON metadata that Ultralytics prepends."""
    if data.startswith(_TENSORRT_MAGICS):
        return 0
    length = int.from_bytes(data[:4], "little")
    if data[4:5] == b"{" and 0 < length < _MOST_METADATA_BYTES and window.read(4 + length, 4) in _TENSORRT_MAGICS:
        return 4 + length
    return None


def _find_cntk_start(data: bytes, window: Window) -> int | None:
    """Return 0 for the magic bytes of CNTK 1, or for a CNTK 2 dictionary: a protocol buffer with a known first key."""
    if data.startswith(b"B\0C\0N\0"):
        return 0
    if data[:1] != b"\x08" or data[2:3] != b"\x12":
        return None
    entry = re.match(rb"[\x80-\xff]{0,9}[\x00-\x7f]\x0a", data[3:14])
    key = data[3 + entry.end() :] if entry is not None else b""
    word = key[1 : 1 + key[0]] if key else b""
    return 0 if word in _CNTK_KEYS and key[1 + key[0] : 2 + key[0]] == b"\x12" else None


TENSORRT: Final = SealedFormat(
    _find_tensorrt_start,
    24,
    "TensorRT engine",
    "the layers of a TensorRT engine are not read: scan the model that it was built from, build it anew, and do not "
    "load foreign engines with engine_host_code_allowed",
)
RKNN: Final = SealedFormat(
    partial(_find_magic, (b"RKNN",)),
    24,
    "RKNN engine",
    "the layers of an RKNN engine are not read: scan the model that it was made from, and convert it anew",
)
CNTK: Final = SealedFormat(
    _find_cntk_start,
    16,
    "CNTK model",
    "the functions of a CNTK model are not read: in a sandbox, let CNTK save it as ONNX, and scan that file",
)
RAR: Final = SealedFormat(
    partial(_find_magic, (b"Rar!\x1a\x07",)),
    14,
    "RAR",
    "the members of a RAR archive are not read: in a sandbox, unpack it, and scan the folder",
)
