"""Structures, defects and absences: the facts that readers yield, and that checks judge."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from msgspec import Struct
from msgspec.structs import force_setattr

from modelaudit.model.defect_kind import DefectKind
from modelaudit.model.wording import bound_message


class UnreadReason(StrEnum):
    """The reason of an absence. Policies accept absences by these words, so they are permanent."""

    NO_READER = "no-reader"
    PROGRAM = "program-not-judged"
    UNVERIFIED = "unverified-type"
    UNJUDGED = "unjudged-defect"
    UNCLAIMED = "unclaimed-bytes"
    DAMAGED = "damaged"
    LIMIT = "limit-reached"
    ENCRYPTED = "encrypted"
    UNREADABLE = "unreadable"
    NOT_REGULAR = "not-a-regular-file"
    LINK_OUTSIDE = "link-outside-root"
    LINK_DANGLING = "dangling-link"
    CONTENT_ABSENT = "content-absent"
    CHANGED = "changed-while-read"
    UNVERIFIED_BYTES = "unverified-bytes"
    EMPTY = "empty"
    READER_FAILED = "reader-failed"


READ_REASONS: Final = frozenset({UnreadReason.UNVERIFIED, UnreadReason.UNVERIFIED_BYTES})
"""The reasons of absences in parts that were read completely: nothing confirms a name in them, or their bytes."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place inside one artifact. ``offset`` counts bytes from 0, ``line`` from 1, ``key`` names an entry."""

    offset: int | None = None
    line: int | None = None
    key: str | None = None


NOWHERE = Location()


@lru_cache(maxsize=4096)
def locate_line(line: int) -> Location:
    """Return the location of a line, from 1; equal ones share an object, because a scan keeps very many of them."""
    return Location(line=line)


@dataclass(frozen=True, slots=True)
class Unread:
    """An absence: a part of an artifact that was not read, not verified or not understood.

    Attributes:
        detail: one line of explanation.
        format: the recognised format, where it has no reader: ``PNG image``; of unclaimed bytes, the format around
            them; empty otherwise.
        unclaimed_bytes: the number of bytes without a claim; 0 for every other reason.
        further_files: the number of other files of the same folder that have this absence too and are not listed.
        missing_file: the path of the absent file, where the artifact was read and names it; empty otherwise.
    """

    reason: UnreadReason
    detail: str
    where: Location = NOWHERE
    format: str = ""
    unclaimed_bytes: int = 0
    further_files: int = 0
    missing_file: str = ""

    @property
    def is_beside_read_bytes(self) -> bool:
        """Whether the artifact itself was read completely."""
        return self.reason in READ_REASONS or bool(self.missing_file)

    def __post_init__(self) -> None:
        # Details quote names and errors, and a hostile file controls both.
        object.__setattr__(self, "detail", bound_message(self.detail))


MARRED_TEXT: Final = Unread(
    UnreadReason.DAMAGED, "text with control characters; it was read with blanks in their place"
)
"""The absence of control characters in a text: each of its words was read."""


class Defect(Struct, frozen=True):
    """Bytes that contradict their own format.

    Attributes:
        kind: one of the kinds that the format declares; rules match on its value.
        detail: one bounded line that states the contradiction with its figures.
    """

    kind: DefectKind
    detail: str
    where: Location = NOWHERE

    def __post_init__(self) -> None:
        force_setattr(self, "detail", bound_message(self.detail))


class ArchiveMember(Struct, frozen=True):
    """One entry of an archive, as stored. Sizes are bytes. ``link_target`` is set for links."""

    name: str
    offset: int
    stored_size: int
    size: int
    compression: str
    encrypted: bool = False
    link_target: str | None = None


class ArchiveListing(Struct, frozen=True):
    """The members of an archive. ``layout`` names a known use, such as ``torch-zip``, else ``plain``."""

    format: str
    layout: str
    members: tuple[ArchiveMember, ...]
    defects: tuple[Defect, ...] = ()


class TensorData(Struct, frozen=True):
    """Bytes that a loader only reads as numbers."""

    size: int


class CodeOutline(Struct, frozen=True):
    """Names and constants of a Python code object, read from its tables without running it; bounded.

    Attributes:
        offset: of the opcode that creates or loads the code object, in bytes of the artifact.
        name: of the function, or ``<module>``.
        versions: the Python versions of the bytecode; empty where unknown.
        imports: the modules that it imports, where the bytecode can be followed.
        names: the other globals and attributes that it names.
        constants: the reprs of its texts.
        instructions: the relevant instructions in order, such as ``IMPORT_NAME os``.
    """

    offset: int
    name: str
    versions: str = ""
    imports: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()


class Document(Struct, frozen=True):
    """A text document. ``format`` is ``json``, ``yaml``, ``markdown`` or ``text``.

    Attributes:
        root: the type of the top value: ``mapping``, ``sequence``, ``scalar`` or ``empty``; ``text`` for prose.
        keys: the keys of the top mapping, in order.
        tags: explicit YAML tags with their lines, such as ``!!python/object/apply:os.system``.
        lines: number of lines.
    """

    format: str
    root: str
    keys: tuple[str, ...] = ()
    tags: tuple[tuple[str, int], ...] = ()
    lines: int = 0
    defects: tuple[Defect, ...] = ()


class CardField(Struct, frozen=True):
    """One field of a model card's front matter: its values as text, and the line of its key."""

    key: str
    values: tuple[str, ...]
    line: int


class ModelCard(Struct, frozen=True):
    """The fields on licence and lineage in the YAML front matter of a README. An absent field is not listed."""

    fields: tuple[CardField, ...]
    defects: tuple[Defect, ...] = ()

    def values(self, key: str) -> tuple[str, ...]:
        """The values of the first field named ``key``; empty where there is none."""
        return next((field.values for field in self.fields if field.key == key), ())
