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
from functools import partial
from typing import Final

from msgspec import Struct

from modelaudit.formats.documents.executables.reader import detect_program
from modelaudit.formats.pickles.pickle.search import find_pickles
from modelaudit.model.address import join_member, join_range
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.windows import CHUNK, SubWindow, get_budget, make_opener

_TENSORRT_MAGICS: Final = (b"ftrt", b"ptrt")
_MOST_METADATA_BYTES: Final = MIB
_PROGRAM_MAGICS: Final = defer_pattern(rb"\x7fELF[\x01\x02]|MZ|\xfe\xed\xfa[\xce\xcf]|[\xce\xcf]\xfa\xed\xfe")
_PROGRAM_HEAD_BYTES: Final = 4096
_MOST_PROGRAMS: Final = 20
# ELF machine numbers of CUDA, AMD and Intel graphics cards: the host cannot run their code.
_GRAPHICS_MACHINES: Final = frozenset({190, 224, 205})
_CNTK_KEYS: Final = (b"type", b"root", b"uid", b"name", b"inputs", b"primitive_functions", b"version", b"state",
                         b"source_version", b"model", b"outputs")  # fmt: skip


class SealedFormat(Struct, frozen=True):
    """A format that is recognised but not decoded.

    Attributes:
        find_start: takes the first bytes of a window and the window; returns the offset where the format begins, or
            ``None`` if the first bytes are another format.
        header_size: minimum size of its header in bytes.
        name: as reports and policies spell it.
        advice: detail of the absence: the unread part and the next step for the user.
    """

    find_start: Callable[[bytes, Window], int | None]
    header_size: int
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
            # The length of the metadata, in four bytes, and the metadata precede the format.
            metadata = SubWindow(window, 4, start - 4, budget)
            yield Artifact(join_member(artifact.path, "metadata.json"), metadata.size, make_opener(metadata))
        if window.size - start < self.header_size:
            raise DamagedError(f"the header of the {self.name} is truncated", window.size)
        yield Unread(UnreadReason.NO_READER, self.advice, format=self.name)
        yield from find_pickles(artifact, window, start, limits)
        for count, offset in enumerate(_find_programs(window, start)):
            if count >= _MOST_PROGRAMS:
                raise LimitReachedError(f"only the first {_MOST_PROGRAMS} programs in the file are reported", offset)
            program = SubWindow(window, offset, window.size - offset, budget)
            yield Artifact(join_range(artifact.path, offset, window.size), program.size, make_opener(program))


def _find_programs(window: Window, start: int) -> Iterator[int]:
    """Yield the offsets from ``start`` on of programs that the host could run.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    # Pieces overlap, so that magic bytes across their border are found. No magic number is longer than this.
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
    if data[:4] == b"\x7fELF":
        # The fields EI_DATA (byte order) and e_machine of the ELF header.
        machine = int.from_bytes(data[18:20], "little" if data[5:6] == b"\x01" else "big")
        if machine in _GRAPHICS_MACHINES:
            return False
    program = SubWindow(window, offset, window.size - offset, get_budget(window, Limits()))
    return detect_program(data, program) is not None


def _find_magic(magics: tuple[bytes, ...], data: bytes, window: Window) -> int | None:
    """Return the offset 0 if the data begin with one of the magic numbers, or else ``None``."""
    return 0 if data.startswith(magics) else None


def _find_tensorrt_start(data: bytes, window: Window) -> int | None:
    """Return the offset of a TensorRT engine, or ``None`` if there is none.

    The offset is 0, or the end of the metadata that Ultralytics prepends: their length in four bytes, and JSON.
    """
    if data.startswith(_TENSORRT_MAGICS):
        return 0
    length = int.from_bytes(data[:4], "little")
    has_metadata = data[4:5] == b"{" and 0 < length < _MOST_METADATA_BYTES
    if has_metadata and window.read(4 + length, 4) in _TENSORRT_MAGICS:
        return 4 + length
    return None


def _find_cntk_start(data: bytes, window: Window) -> int | None:
    """Return the offset 0 if the data begin a CNTK model, or else ``None``.

    A model of CNTK 1 begins with magic bytes. One of CNTK 2 is a ``Dictionary``, a protocol buffer without magic bytes:
    field 1 is its version, field 2 its first entry. Field 1 of the entry is a key that CNTK writes, field 2 the value.
    """
    if data.startswith(b"B\0C\0N\0"):
        return 0
    # The tags 08 and 12 begin field 1 (a number of one byte) and field 2 (a message).
    if data[:1] != b"\x08" or data[2:3] != b"\x12":
        return None
    # The length of the entry, a varint of up to ten bytes, and the tag 0a of the key.
    entry_start = re.match(rb"[\x80-\xff]{0,9}[\x00-\x7f]\x0a", data[3:14])
    if entry_start is None:
        return None
    key_start = 3 + entry_start.end() + 1  # one byte before the key states its length
    key_length = int.from_bytes(data[key_start - 1 : key_start], "big")
    key_end = key_start + key_length
    is_known_key = data[key_start:key_end] in _CNTK_KEYS
    value_tag = data[key_end : key_end + 1]
    return 0 if is_known_key and value_tag == b"\x12" else None


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
