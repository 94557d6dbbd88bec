"""The attributes of git by which it writes other bytes into the folder than a blob has.

Source: https://git-scm.com/docs/gitattributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct

from modelaudit.model.lazy_pattern import defer_pattern

_CHANGING: Final = defer_pattern(r"filter=\S+|ident|working-tree-encoding=\S+|eol=crlf")
_UNDONE: Final = defer_pattern(r"filter=lfs|ident|eol=crlf")


class ChangingPattern(Struct, frozen=True):
    """A pattern of attributes by which git changes the bytes of files at checkout.

    Attributes:
        folder: of the file with the attributes, below the checkout.
        pattern: without a slash, it fits names in any folder.
        can_be_undone: whether ``restate_blob`` undoes the change.
    """

    folder: str
    pattern: str
    can_be_undone: bool

    def fits(self, path: str) -> bool:
        """Whether the pattern fits a path below the checkout."""
        if self.folder and not path.startswith(f"{self.folder}/"):
            return False
        below = path[len(self.folder) + 1 :] if self.folder else path
        subject = below if "/" in self.pattern.rstrip("/") else below.rpartition("/")[2]
        return any(
            fnmatchcase(subject, each) for each in (self.pattern.removeprefix("/"), self.pattern.replace("**/", ""))
        )


def find_changes(path: str, patterns: Iterable[ChangingPattern]) -> bool | None:
    """Return whether all changes of a file at checkout can be undone; ``None`` if git changes nothing."""
    found = [each.can_be_undone for each in patterns if each.fits(path)]
    return all(found) if found else None


def parse_attributes(data: bytes, folder: str, most: int) -> Iterator[ChangingPattern]:
    """Yield the patterns in a file of attributes of files whose bytes git changes at checkout.

    Args:
        data: of the file.
        folder: of the file, below the checkout.
        most: patterns that are yielded.
    """
    for line in data.decode("utf-8", "surrogateescape").splitlines():
        words = line.split()
        changes = [word for word in words[1:] if _CHANGING.fullmatch(word)]
        if changes and not line.startswith("#") and most > 0:
            most -= 1
            yield ChangingPattern(folder, words[0], all(_UNDONE.fullmatch(word) for word in changes))
