"""Recognise tar archives by the header of their first member."""

from __future__ import annotations

from modelaudit.model.artifact import TENSOR_STORAGE
from modelaudit.wire.base import Head
from modelaudit.wire.sniff import is_tar
from modelaudit.wire.tar_headers import USTAR


def recognises(head: Head) -> bool:
    """Whether the first block is the header of a member, or a damaged one that still has the magic ``ustar``.

    The magic alone does not count in the storage of a tensor, where any bytes may occur.
    """
    has_magic = head.data[USTAR] == b"ustar" and head.content != TENSOR_STORAGE
    return is_tar(head.data) or has_magic
