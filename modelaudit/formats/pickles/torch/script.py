"""Read TorchScript sources: ``code/**.py`` in an archive that ``torch.jit.save`` writes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelaudit.formats.pickles.torch.source import NameCollector
from modelaudit.model.artifact import TORCHSCRIPT, Artifact, Window
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.model.torch import TorchProgram
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.ledger import claim_parsed
from modelaudit.wire.text import EIGHT_BIT, TextScan, decode_text, looks_like_text
from modelaudit.wire.windows import read_all_bytes

_LARGEST_SOURCE = 16 * MIB
# The path of a source in an archive, model.pt!model/code/__torch__/net.py; "#2" follows if several have the name.
_SOURCE_PATH = defer_pattern(r"![^!]*?code/([^!]*)\.py(?:#\d+)?\Z", re.IGNORECASE)


def recognises(head: Head) -> bool:
    """Whether this is a source of a TorchScript archive."""
    is_source = head.content == TORCHSCRIPT and _SOURCE_PATH.search(head.path) is not None
    # ``looks_like_text`` refuses every head whose content the container has declared.
    return is_source and looks_like_text(replace(head, content=None))


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the names in the source. The rest after an error is an absence; torch does not compile it either.

    Raises:
        DamagedError: it is not text throughout.
        WindowError: it is larger than is read at once, or the window could not return the requested bytes.
    """
    data = read_all_bytes(window, min(_LARGEST_SOURCE, limits.document_bytes))
    scan = TextScan()
    scan.feed(data)
    scan.finish()
    # torch reads bytes, and names are ASCII. Latin-1 maps each byte to a character, which only changes strings.
    text = data.decode("latin-1") if scan.encoding in ("utf-8", EIGHT_BIT) else decode_text(data, scan)
    names = NameCollector()
    unread: Unread | None = None
    try:
        names.collect_names(text)
        claim_parsed(window)
    except LimitReachedError as error:
        unread = Unread(UnreadReason.LIMIT, str(error))
    except DamagedError as error:
        unread = Unread(UnreadReason.DAMAGED, str(error), Location(offset=error.offset))
    yield _make_program(artifact.path, names)
    if unread is not None:
        yield unread


def _make_program(path: str, names: NameCollector) -> TorchProgram:
    """Return the names of a source, with the qualifier that its path gives them: ``__torch__.net``."""
    match = _SOURCE_PATH.search(path)
    qualifier = match.group(1).replace("/", ".") if match else ""
    return TorchProgram(
        "torchscript",
        names.mentions,
        qualifier,
        tuple(sorted(names.defines)),
        tuple(sorted(f"{qualifier}.{name}" for name in names.types)),
        tuple(sorted(names.fields)),
    )
