"""The folders of a 7z archive as windows: the steps of compression undone one after the other.

Source of the method numbers: ``Methods.txt`` of the LZMA SDK, and its continuation by 7-Zip-zstd.
"""

from __future__ import annotations

import lzma
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from modelaudit.formats.archives.compressed.reader import FOLLOWS
from modelaudit.formats.archives.sevenzip.header import Coder, Folder, Streams
from modelaudit.model.artifact import Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.codecs import (
    BZIP2,
    DEFLATE,
    LZ4,
    STORED,
    ZSTD,
    Codec,
    Decoder,
    make_filter_decoder,
    make_lzma1_decoder,
    make_lzma2_decoder,
)
from modelaudit.wire.windows import Budget, DecompressedWindow, SubWindow

ENCRYPTION: Final = b"\x06\xf1\x07\x01"

_NAMES: Final = {
    b"\x00": "stored",
    b"\x21": "lzma2",
    b"\x03\x01\x01": "lzma",
    b"\x04\x01\x08": "deflate",
    b"\x04\x01\x09": "deflate64",
    b"\x04\x02\x02": "bzip2",
    b"\x03\x04\x01": "ppmd",
    b"\x04\xf7\x11\x01": "zstd",
    b"\x04\xf7\x11\x02": "brotli",
    b"\x04\xf7\x11\x04": "lz4",
    b"\x03": "delta",
    b"\x03\x03\x01\x1b": "bcj2",
    ENCRYPTION: "aes",
}
_PLAIN: Final = {b"\x00": STORED, b"\x04\x01\x08": DEFLATE, b"\x04\x02\x02": BZIP2, b"\x04\xf7\x11\x01": ZSTD} | {
    b"\x04\xf7\x11\x04": LZ4
}
# Filters for the code of a processor, by their old and their new number.
_FILTERS: Final = {
    b"\x03\x03\x01\x03": ("x86", lzma.FILTER_X86),
    b"\x03\x03\x02\x05": ("powerpc", lzma.FILTER_POWERPC),
    b"\x03\x03\x04\x01": ("ia64", lzma.FILTER_IA64),
    b"\x03\x03\x05\x01": ("arm", lzma.FILTER_ARM),
    b"\x03\x03\x07\x01": ("armthumb", lzma.FILTER_ARMTHUMB),
    b"\x03\x03\x08\x05": ("sparc", lzma.FILTER_SPARC),
    b"\x04": ("x86", lzma.FILTER_X86),
    b"\x05": ("powerpc", lzma.FILTER_POWERPC),
    b"\x06": ("ia64", lzma.FILTER_IA64),
    b"\x07": ("arm", lzma.FILTER_ARM),
    b"\x08": ("armthumb", lzma.FILTER_ARMTHUMB),
    b"\x09": ("sparc", lzma.FILTER_SPARC),
}


def method_name(coder: Coder) -> str:
    """The method of one step in words."""
    if coder.method in _FILTERS:
        return _FILTERS[coder.method][0]
    return _NAMES.get(coder.method, f"method-{coder.method.hex()}")


def compression_of(folder: Folder) -> str:
    """All steps in words, in the order in which the writer took them: ``x86+lzma2``."""
    return "+".join(method_name(coder) for coder in folder.coders)


def obstacle_of(folder: Folder) -> tuple[UnreadReason, str] | None:
    """Why the folder cannot be expanded, if it cannot."""
    if is_encrypted(folder):
        return UnreadReason.ENCRYPTED, "it is encrypted"
    unknown = unknown_coder(folder)
    if unknown is not None:
        return UnreadReason.NO_READER, f"no reader for {method_name(unknown)} compression"
    if _chain(folder) is None:
        return UnreadReason.DAMAGED, "its steps of compression do not lead from one packed stream to its content"
    return None


def is_encrypted(folder: Folder) -> bool:
    """Whether a password is needed."""
    return any(coder.method == ENCRYPTION for coder in folder.coders)


def unknown_coder(folder: Folder) -> Coder | None:
    """The first step that nothing here undoes."""
    return next((coder for coder in folder.coders if _codec(coder) is None), None)


def packed_start(folder: Folder, streams: Streams) -> int:
    """Where the folder begins in the file."""
    return streams.packed[folder.start][0] if folder.packed else 0


def size_of(folder: Folder) -> int:
    """Bytes of the content, as stated."""
    chain = _chain(folder)
    return folder.sizes[chain[-1]] if chain else 0


def packed_size(folder: Folder, streams: Streams) -> int:
    """Bytes that the folder takes in the file."""
    return sum(size for _, size in streams.packed[folder.start : folder.start + len(folder.packed)])


@contextmanager
def opened(window: Window, streams: Streams, folder: Folder, limits: Limits, budget: Budget) -> Iterator[Window]:
    """A window onto the content of a folder without an obstacle.

    Raises:
        WindowError: with the reason, where it has one.
    """
    obstacle, chain = obstacle_of(folder), _chain(folder)
    if obstacle is not None or chain is None:
        reason, detail = obstacle or (UnreadReason.DAMAGED, "its steps of compression lead nowhere")
        raise WindowError(detail, reason)
    start, size = streams.packed[folder.start]
    stage = SubWindow(window, start, size, budget)
    with ExitStack() as stack:
        for number in chain:
            codec = _codec(folder.coders[number])
            if codec is None or codec is STORED:
                continue
            size = folder.sizes[number]
            content = DecompressedWindow(stage, codec, size, limits, FOLLOWS.get(codec.name))
            stage = SubWindow(stack.enter_context(content), 0, size, budget)
        yield stage


def _chain(folder: Folder) -> tuple[int, ...] | None:
    """The coders from the packed stream to the content; ``None`` where they are no simple chain."""
    if len(folder.packed) != 1 or any((coder.inputs, coder.outputs) != (1, 1) for coder in folder.coders):
        return None
    # With one input and one output each, the numbers of both are those of the coder.
    following = {output: into for into, output in folder.bonds}
    chain = [folder.packed[0]]
    while chain[-1] in following and len(chain) <= len(folder.coders):
        chain.append(following[chain[-1]])
    is_whole = sorted(chain) == list(range(len(folder.coders))) and len(folder.sizes) == len(folder.coders)
    return tuple(chain) if is_whole else None


def _codec(coder: Coder) -> Codec | None:
    """What undoes one step; ``None`` where nothing here does."""
    properties = coder.properties
    if coder.method in _PLAIN:
        return _PLAIN[coder.method]
    if coder.method == b"\x21":
        return Codec("lzma2", _with(make_lzma2_decoder, properties))
    if coder.method == b"\x03\x01\x01":
        return Codec("lzma", _with(make_lzma1_decoder, properties), unmarked=True)
    if coder.method == b"\x03":
        distance = properties[0] + 1 if properties else 1
        return _filter("delta", {"id": lzma.FILTER_DELTA, "dist": distance})
    if coder.method in _FILTERS:
        name, number = _FILTERS[coder.method]
        return _filter(name, {"id": number})
    return None


def _with(start: Callable[[bytes, int], Decoder], properties: bytes) -> Callable[[bytes, int], Decoder]:
    return lambda header, size: start(properties, size)


def _filter(name: str, options: dict[str, int]) -> Codec:
    return Codec(name, lambda header, size: make_filter_decoder(options, size))
