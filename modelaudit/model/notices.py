"""The texts of a model and of licences that are shipped with a model or with what is made from it."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class StandardText(Struct, frozen=True):
    """Where the standard text of a licence is found, as the rule set states it.

    Attributes:
        package: the name of a distribution.
        file: the end of a path among its files.
        start: the words with which the text begins; empty for the whole file.
        sha256: of the words of the text, each separated by one space, 64 hexadecimal digits.
    """

    package: str
    file: str
    sha256: str
    start: str = ""

    @property
    def lacks_copyright(self) -> bool:
        """Whether the copyright line, which is a part of the licence, comes from the model alone."""
        return bool(self.start)


class FoundText(Struct, frozen=True):
    """A standard text as a package ships it.

    Attributes:
        origin: the package with its version, and the file: ``click 8.5.1, licenses/LICENSE.txt``.
    """

    content: bytes
    origin: str
    lacks_copyright: bool


class TextKind(StrEnum):
    """The kind of a file of the model that is copied for its recipients."""

    LICENSE = "licence"
    NOTICE = "notice"
    POLICY = "use-policy"


class ModelText(Struct, frozen=True):
    """A file of the model that is copied unchanged; ``path`` is its path in the model."""

    path: str
    kind: TextKind
    content: bytes


class CopyrightLine(Struct, frozen=True):
    """A line with a copyright of the model or of a part of it; ``line`` from 1, ``text`` bounded."""

    path: str
    line: int
    text: str


class ModelTexts(Struct, frozen=True):
    """What was collected from the files of a model.

    Attributes:
        left_out: a sentence for each file that should have been copied or searched, and was not.
    """

    files: tuple[ModelText, ...] = ()
    copyrights: tuple[CopyrightLine, ...] = ()
    left_out: tuple[str, ...] = ()
