"""ZIP archives, read leniently enough to see what every loader would see in them.

Python's ``zipfile`` and the C reader inside torch disagree about damaged and forged archives: where the directory is,
which of two members of one name counts, whether a checksum or a flag matters. What either would read is read here, and
every disagreement is stated. Source of the format: PKWARE APPNOTE.TXT 6.3.10.
"""

from __future__ import annotations

from modelaudit.formats.archives.zip.reader import READER

__all__ = ["READER"]
