"""Decode whole text documents of at most ``Limits.document_bytes``, and claim the bytes that are text."""

from __future__ import annotations

from modelaudit.model.artifact import Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Defect, UnreadReason
from modelaudit.wire.base import DamagedError
from modelaudit.wire.defects import TextDefect
from modelaudit.wire.ledger import claim_parsed
from modelaudit.wire.text import EIGHT_BIT, HIGH_BYTES, TextScan, decode_text
from modelaudit.wire.windows import iterate_chunks


def read_whole_text(window: Window, limits: Limits) -> tuple[str, TextScan, tuple[Defect, ...]]:
    """Return a document as text, the scan of its bytes, and a defect if it is in no Unicode encoding.

    The decoded bytes count as parsed, up to the first byte that is not text.

    Raises:
        DamagedError: some of it is not text.
        WindowError: it is larger than ``document_bytes``, or the window could not return the requested bytes.
    """
    scan = TextScan()
    data = bytearray()
    for chunk in iterate_chunks(window):
        if len(data) + len(chunk) > limits.document_bytes:
            detail = f"it is larger than the {limits.document_bytes} bytes that are read of a document"
            raise WindowError(detail, UnreadReason.LIMIT)
        feed_and_claim(scan, window, len(data), chunk)
        data += chunk
    scan.finish()
    return decode_text(data, scan), scan, list_encoding_defects(scan)


def feed_and_claim(scan: TextScan, window: Window, start: int, chunk: bytes) -> None:
    """Check ``chunk``, the bytes of ``window`` from ``start`` on, and claim those that are text.

    Raises:
        DamagedError: some of them are not text.
    """
    try:
        scan.feed(chunk)
    except DamagedError as error:
        # High bytes directly before the first byte that is not text are more likely the start of what follows.
        text = chunk[: max(0, (error.offset or 0) - start)].rstrip(HIGH_BYTES)
        claim_parsed(window, start, start + len(text))
        raise
    claim_parsed(window, start, start + len(chunk))


def list_encoding_defects(scan: TextScan) -> tuple[Defect, ...]:
    """Return a defect if the text is in no Unicode encoding."""
    if scan.encoding != EIGHT_BIT:
        return ()
    return (Defect(TextDefect.NOT_UTF_8, "it is in some 8-bit encoding, not in UTF-8"),)
