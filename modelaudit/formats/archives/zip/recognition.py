"""Recognise ZIP archives by their first bytes, and by the end record that all loaders search for."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.archives.zip.directory import find_places
from modelaudit.model.artifact import TENSOR_STORAGE
from modelaudit.model.errors import WindowError
from modelaudit.wire.base import Head
from modelaudit.wire.sniff import is_tar

_STARTS: Final = (
    b"PK\x03\x04",  # a local header
    b"PK\x05\x06",  # the end record of an empty archive
    b"PK\x07\x08PK\x03\x04",  # the marker of a split archive (APPNOTE.TXT section 8.5.3), then a local header
    b"PK00PK\x03\x04",  # the marker of an archive that was to be split and takes one file only (section 8.5.4)
)


def recognises(head: Head) -> bool:
    """Whether the file begins with a local header, or ends with an end record that leads to a directory.

    In the storage of a tensor only the beginning counts, because a look at the end of each storage would cost a read.
    An archive that is one member of a tar archive is left to the tar reader.
    """
    if head.data.startswith(_STARTS):
        return True
    if head.content == TENSOR_STORAGE:
        return False
    try:
        places = find_places(head.window)
        if not places or not is_tar(head.data):
            return bool(places)
        from modelaudit.formats.archives.zip.in_tar import is_inside_one_tar_member  # few files are both

        return not is_inside_one_tar_member(head.window, places)
    except WindowError:
        # The end of the file cannot be read, so it shows no archive; other formats decide by the beginning.
        return False
