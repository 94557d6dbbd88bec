"""The reader of serialised R objects: told by their first bytes, walked item by item, nothing built from them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.weights.r_data.source import AsciiSource, BinarySource, ItemSource
from modelaudit.formats.weights.r_data.walker import ItemWalker
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.leftover import make_leftover_artifacts

# ``RDX3`` and its like begin a file of ``save``, the letter and line break what ``serialize`` writes.
_BINARY: Final = re.compile(rb"(?:RD[XB][23]\n)?(?:X\n\x00\x00\x00[\x02\x03]|B\n[\x02\x03]\x00\x00\x00)")
_TEXT: Final = re.compile(rb"(?:RDA[23]\n)?A\r?\n[23]\r?\n\d+\r?\n\d+\r?\n")
_PREFIX: Final = re.compile(rb"(?:RD[XAB][23]\n)?(?:[XB]\n|A\r?\n)")


def recognises(head: Head) -> bool:
    """A format letter with a version that R has had, with or without the line that ``save`` puts before it."""
    return (_BINARY.match(head.data) or _TEXT.match(head.data)) is not None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield what code the objects hold, then what follows them, as an artifact.

    Raises:
        DamagedError: the items break off or are none.
        LimitReachedError: they nest too deep.
        WindowError: from the window.
    """
    start = window.read(0, 16)
    prefix = _PREFIX.match(start)
    if prefix is None:
        raise DamagedError("it does not begin as R writes it", 0)
    letter = prefix[0].strip()[-1:]
    source: ItemSource
    source = AsciiSource(window, prefix.end()) if letter == b"A" else BinarySource(window, prefix.end(), letter == b"X")
    walk = ItemWalker(source)
    damage: DamagedError | None = None
    facts: list[tuple[str, str]] = []
    try:
        version, writer = source.read_integer(), source.read_integer()
        source.read_integer()
        facts.append(("version", str(version)))
        facts.append(("writer", f"R {writer >> 16 & 255}.{writer >> 8 & 255}.{writer & 255}"))
        if version == 3:
            source.read_text(max(0, min(source.read_integer(), 64)))
        walk.run()
    except DamagedError as error:
        damage = error
    yield Outline("rds", tuple(walk.mentions), tuple(facts))
    if damage is not None:
        raise damage
    yield from make_leftover_artifacts(artifact, window, source.offset, limits)
