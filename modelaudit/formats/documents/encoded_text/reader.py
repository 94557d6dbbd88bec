"""Decode text that encodes bytes, such as Base64, and yield the content as an artifact."""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.formats.embedded import decode_content, detect_coding
from modelaudit.model.address import join_embedded
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.codings import Coding
from modelaudit.wire.ledger import claim_data
from modelaudit.wire.windows import SubWindow, get_budget, make_opener


def recognises(head: Head) -> bool:
    """Whether the text begins with an encoding of a known format."""
    more_bytes_follow = head.window.size > len(head.data)
    # RAW is content without a text encoding: the readers of its format recognise that.
    return head.content is None and detect_coding(head.data, more_bytes_follow) not in (None, Coding.RAW)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the decoded content as an artifact.

    Raises:
        DamagedError: the text is not encoded to its end.
        WindowError: the text is over ``document_bytes``, or the window could not return the requested bytes.
    """
    content = decode_content(SubWindow(window, 0, window.size, get_budget(window, limits)), limits)
    if content is None or not content.layers:
        raise DamagedError("the beginning of the text is encoded, but the rest is not in that encoding")
    claim_data(window)
    yield Artifact(join_embedded(artifact.path, content.format, 0), content.window.size, make_opener(content.window))
