"""Read serialised R objects: recognise them by their first bytes and list the names that their code calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.formats.weights.r_data.source import AsciiSource, BinarySource, ItemSource
from modelaudit.formats.weights.r_data.walker import ItemWalker
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.ledger import claim_parsed

_MAX_ENCODING_NAME: Final = 64
# ``save`` writes a line such as ``RDX3`` first. ``serialize`` writes a letter for the encoding, then the version:
# ``X`` and ``B`` are followed by four bytes, ``A`` by lines of text.
_BINARY: Final = defer_pattern(rb"(?:RD[XB][23]\n)?(?:X\n\x00\x00\x00[\x02\x03]|B\n[\x02\x03]\x00\x00\x00)")
_TEXT: Final = defer_pattern(rb"(?:RDA[23]\n)?A\r?\n[23]\r?\n\d+\r?\n\d+\r?\n")
# The line that ``save`` writes, if there is one, and the letter with its line end.
_PREFIX: Final = defer_pattern(rb"(?:RD[XAB][23]\n)?(?:[XB]\n|A\r?\n)")


def recognises(head: Head) -> bool:
    """Whether the bytes have an encoding letter and a known version, with or without the line that ``save`` writes."""
    return (_BINARY.match(head.data) or _TEXT.match(head.data)) is not None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline with the code in the objects.

    Raises:
        DamagedError: an item is truncated or invalid.
        LimitReachedError: items nest too deep, or code calls too many names.
        WindowError: the window could not return the requested bytes.
    """
    prefix = _PREFIX.match(window.read(0, 16))
    if prefix is None:
        raise DamagedError("the file does not begin like a serialised R object", 0)
    letter = prefix[0].strip()[-1:]
    source: ItemSource
    if letter == b"A":
        source = AsciiSource(window, prefix.end())
    else:
        source = BinarySource(window, prefix.end(), is_big_endian=letter == b"X")
    walker = ItemWalker(source)
    damage: DamagedError | None = None
    facts: list[tuple[str, str]] = []
    try:
        # The version of the format, the version of the R that wrote the file, and the lowest that can read it.
        version, writer = source.read_integer(), source.read_integer()
        source.read_integer()
        facts.append(("version", str(version)))
        # A version of R has a byte for each of its three parts.
        facts.append(("writer", f"R {writer >> 16 & 255}.{writer >> 8 & 255}.{writer & 255}"))
        if version == 3:
            # The name of the native encoding.
            name_length = source.read_integer()
            source.read_text(max(0, min(name_length, _MAX_ENCODING_NAME)))
        walker.run()
    except DamagedError as error:
        damage = error
    claim_parsed(window, 0, prefix.end())
    source.claim_items()
    yield Outline("rds", tuple(walker.mentions), tuple(facts))
    if damage is not None:
        raise damage
