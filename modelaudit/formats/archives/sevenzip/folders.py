"""Decompress the folders of a 7z archive: open each as a window on its plain stream.

A folder lists *coders*, the steps of its compression, and connects the output of one to the input of the next. This
module decodes folders whose coders form a simple chain.
Source of the method numbers: ``Methods.txt`` of the LZMA SDK, and its continuation by 7-Zip-zstd.
"""

from __future__ import annotations

import lzma
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from modelaudit.formats.archives.compressed.reader import STREAM_CONTINUATIONS
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
_LZMA2: Final = b"\x21"
_LZMA: Final = b"\x03\x01\x01"
_DELTA: Final = b"\x03"

_METHOD_NAMES: Final = {
    b"\x00": "stored",
    _LZMA2: "lzma2",
    _LZMA: "lzma",
    b"\x04\x01\x08": "deflate",
    b"\x04\x01\x09": "deflate64",
    b"\x04\x02\x02": "bzip2",
    b"\x03\x04\x01": "ppmd",
    b"\x04\xf7\x11\x01": "zstd",
    b"\x04\xf7\x11\x02": "brotli",
    b"\x04\xf7\x11\x04": "lz4",
    _DELTA: "delta",
    b"\x03\x03\x01\x1b": "bcj2",
    ENCRYPTION: "aes",
}
_CODECS: Final = {
    b"\x00": STORED,
    b"\x04\x01\x08": DEFLATE,
    b"\x04\x02\x02": BZIP2,
    b"\x04\xf7\x11\x01": ZSTD,
    b"\x04\xf7\x11\x04": LZ4,
}
# Filters that transform machine code before compression. Each has an older long method number and a newer short one.
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


def name_method(coder: Coder) -> str:
    """Return the name of the method of one coder, or ``method-`` and its number in hexadecimal."""
    if coder.method in _FILTERS:
        return _FILTERS[coder.method][0]
    return _METHOD_NAMES.get(coder.method, f"method-{coder.method.hex()}")


def name_compression(folder: Folder) -> str:
    """Return the names of all coders joined by ``+``, such as ``x86+lzma2``."""
    return "+".join(name_method(coder) for coder in folder.coders)


def find_obstacle(folder: Folder) -> tuple[UnreadReason, str] | None:
    """Return why the folder cannot be decompressed, or ``None`` if it can."""
    if is_encrypted(folder):
        return UnreadReason.ENCRYPTED, "it is encrypted"
    unknown = find_unknown_coder(folder)
    if unknown is not None:
        return UnreadReason.NO_READER, f"no reader for {name_method(unknown)} compression"
    if _order_coders(folder) is None:
        return UnreadReason.DAMAGED, "its coders do not form a chain from one packed stream to the content"
    return None


def is_encrypted(folder: Folder) -> bool:
    """Whether decompression needs a password."""
    return any(coder.method == ENCRYPTION for coder in folder.coders)


def find_unknown_coder(folder: Folder) -> Coder | None:
    """Return the first coder that no codec can decode, or ``None``."""
    return next((coder for coder in folder.coders if _find_codec(coder) is None), None)


def find_packed_start(folder: Folder, streams: Streams) -> int:
    """Return the offset of the first packed stream of the folder in the file, in bytes; 0 if it has none."""
    return streams.packed[folder.start][0] if folder.packed else 0


def find_stated_size(folder: Folder) -> int:
    """Return the stated size of the plain stream, in bytes; 0 if the coders form no chain."""
    chain = _order_coders(folder)
    return folder.sizes[chain[-1]] if chain else 0


def count_packed_bytes(folder: Folder, streams: Streams) -> int:
    """Return how many bytes the packed streams of the folder take in the file."""
    end = folder.start + len(folder.packed)
    return sum(size for _, size in streams.packed[folder.start : end])


@contextmanager
def open_folder(window: Window, streams: Streams, folder: Folder, limits: Limits, budget: Budget) -> Iterator[Window]:
    """Open a window on the plain stream of a folder: a chain of windows, each decoding the one before.

    The window is valid within the ``with`` block.

    Raises:
        WindowError: the folder has an obstacle, with the reason that ``find_obstacle`` gives.
    """
    obstacle, chain = find_obstacle(folder), _order_coders(folder)
    if obstacle is not None or chain is None:
        reason, detail = obstacle or (UnreadReason.DAMAGED, "its coders form no chain")
        raise WindowError(detail, reason)
    start, size = streams.packed[folder.start]
    stage = SubWindow(window, start, size, budget)
    with ExitStack() as stack:
        for number in chain:
            codec = _find_codec(folder.coders[number])
            if codec is None or codec is STORED:
                continue
            size = folder.sizes[number]
            content = DecompressedWindow(stage, codec, size, limits, STREAM_CONTINUATIONS.get(codec.name))
            stage = SubWindow(stack.enter_context(content), 0, size, budget)
        yield stage


def _order_coders(folder: Folder) -> tuple[int, ...] | None:
    """Return the numbers of the coders from the packed stream to the content; ``None`` if they form no chain.

    BCJ2 has four inputs and is the only common coder that does not fit.
    """
    if len(folder.packed) != 1 or any((coder.inputs, coder.outputs) != (1, 1) for coder in folder.coders):
        return None
    # The format numbers inputs and outputs over all coders. With one of each, both numbers are that of the coder.
    next_coder = {output_coder: input_coder for input_coder, output_coder in folder.bind_pairs}
    chain = [folder.packed[0]]
    # The bound ends the loop if the bind pairs form a cycle.
    while chain[-1] in next_coder and len(chain) <= len(folder.coders):
        chain.append(next_coder[chain[-1]])
    has_each_coder_once = sorted(chain) == list(range(len(folder.coders)))
    has_all_sizes = len(folder.sizes) == len(folder.coders)
    return tuple(chain) if has_each_coder_once and has_all_sizes else None


def _find_codec(coder: Coder) -> Codec | None:
    """Return the codec that decodes one coder, or ``None`` if there is none."""
    properties = coder.properties
    if coder.method in _CODECS:
        return _CODECS[coder.method]
    if coder.method == _LZMA2:
        return Codec("lzma2", _bind_properties(make_lzma2_decoder, properties))
    if coder.method == _LZMA:
        return Codec("lzma", _bind_properties(make_lzma1_decoder, properties), may_lack_end_mark=True)
    if coder.method == _DELTA:
        # The property byte is the distance minus one.
        distance = properties[0] + 1 if properties else 1
        return _make_filter("delta", {"id": lzma.FILTER_DELTA, "dist": distance})
    if coder.method in _FILTERS:
        name, number = _FILTERS[coder.method]
        return _make_filter(name, {"id": number})
    return None


def _bind_properties(
    make_decoder: Callable[[bytes, int], Decoder], properties: bytes
) -> Callable[[bytes, int], Decoder]:
    """Adapt a decoder that needs the properties of its coder to the interface of a codec."""
    return lambda header, size: make_decoder(properties, size)


def _make_filter(name: str, options: dict[str, int]) -> Codec:
    """Return a codec for a filter of liblzma."""
    return Codec(name, lambda header, size: make_filter_decoder(options, size))
