"""Read text with control characters, which no format allows and many loaders read over: once more, without them."""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.formats.embedded import DecodedWindow
from modelaudit.model.address import join_member, member_path
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.wire.base import Reading
from modelaudit.wire.text import blank_controls
from modelaudit.wire.windows import get_budget, make_opener, read_all_bytes


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the text with blanks in place of the control characters as an artifact of the same name, and an absence.

    Raises:
        WindowError: the file is larger than ``document_bytes``, or the window could not return the requested bytes.
    """
    yield Unread(UnreadReason.DAMAGED, "text with control characters; it was read with blanks in their place")
    data = blank_controls(read_all_bytes(window, limits.document_bytes))
    budget = get_budget(window, limits)
    budget.spend(len(data))
    content = DecodedWindow(data, budget)
    yield Artifact(join_member(artifact.path, member_path(artifact.path)), content.size, make_opener(content))
