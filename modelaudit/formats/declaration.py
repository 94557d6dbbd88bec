"""Declare formats: statements about a format that the registry reads without importing its reader.

The ``__init__.py`` of each format folder assigns ``DECLARATIONS``, a tuple of ``Declaration``. A declaration names
functions as ``"module:attribute"``; the registry imports the module when the function is first called. Facts that
rules need, such as the kinds of defects, are part of the declaration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from modelaudit.model.defect_kind import DefectKind
    from modelaudit.wire.reader import Head

TEXT_EXTENSIONS: Final = (
    *(".json", ".jsonl", ".ndjson", ".ipynb", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".md", ".markdown"),
    *(".rst", ".txt", ".text", ".log", ".csv", ".tsv", ".xml", ".html", ".htm", ".svg", ".tex", ".bib", ".jinja"),
    *(".jinja2", ".py", ".sh", ".gitattributes", ".gitignore"),
)
"""Extensions that promise text. Every text format claims all of them, because their contents overlap: JSON is YAML."""


class Magic(Struct, frozen=True):
    """Bytes at a fixed offset that identify a format.

    Attributes:
        starts: alternative byte strings.
        offset: of the byte strings in the file, in bytes.
        in_containers: the magic bytes count even if a container states the format of the bytes.
    """

    starts: tuple[bytes, ...]
    offset: int = 0
    in_containers: bool = False

    def __call__(self, head: Head) -> bool:
        """Whether ``head`` has the magic bytes."""
        return (self.in_containers or head.content is None) and head.data.startswith(self.starts, self.offset)


FIRST_OF_MESSAGE: Final = bytes(byte for byte in range(8, 0x100) if byte & 7 in (0, 1, 2, 3, 5))
"""The first bytes of protocol buffers: the key of a field from 1 on, with a known wire type."""

FIRST_OF_PROTOBUF_TEXT: Final = b"\xef\t\n\v\f\r #_abcdefghijklmnopqrstuvwxyz"
"""The first bytes of protocol buffers in text form: a byte order mark, a blank, a comment, or the name of a field."""

ANY_CONTENT: Final = ()
"""The contents of a sign that counts whatever format a container states for the bytes."""


class Sign(Struct, frozen=True):
    """A condition that a file has to meet for a recogniser to accept it. All fields that are set have to hold.

    It is checked before the module of the recogniser is imported. It may hold for other files as well, and never fails
    for one that the recogniser accepts.

    Attributes:
        starts: alternative byte strings at ``offset``.
        among: the possible values of the byte at ``offset``.
        offset: in bytes, of ``starts``, ``among`` and ``unit``.
        unit: the 32-bit number at ``offset``, little-endian, counts units of this size in bytes, which the file has
            room for.
        holds: alternative byte strings anywhere in the first bytes, in lower case; the case of the bytes is ignored.
        path: alternative parts of the path in lower case, without ``!``, ``%`` and a backslash.
        is_text: whether the first bytes are text, as ``looks_like_text`` decides; ``None`` where either may be.
        contents: the formats that a container may state for the bytes; ``None`` among them is for no statement.
    """

    starts: tuple[bytes, ...] = ()
    among: bytes = b""
    offset: int = 0
    unit: int = 0
    holds: tuple[bytes, ...] = ()
    path: tuple[str, ...] = ()
    is_text: bool | None = None
    contents: tuple[str | None, ...] = (None,)

    def may_begin(self, first: int, content: str | None) -> bool:
        """Whether a file with the first byte ``first`` and the stated ``content`` can meet the condition."""
        if self.contents and content not in self.contents:
            return False
        if self.offset:
            return True
        has_start = not self.starts or any(start[0] == first for start in self.starts)
        return has_start and (not self.among or first in self.among)

    def holds_for(self, head: Head) -> bool:
        """Whether the file meets the condition."""
        data, offset = head.data, self.offset
        if self.contents and head.content not in self.contents:
            return False
        if self.starts and not data.startswith(self.starts, offset):
            return False
        if self.among and (len(data) <= offset or data[offset] not in self.among):
            return False
        if self.unit and not self._has_room(head):
            return False
        if self.path and not any(part in head.path.lower() for part in self.path):
            return False
        if self.is_text is not None and not self._has_kind(head):
            return False
        return not self.holds or any(part in data.lower() for part in self.holds)

    def _has_kind(self, head: Head) -> bool:
        """Whether the first bytes are text, or are none, as ``is_text`` wants."""
        from modelaudit.wire.text import looks_like_text  # declarations import only small modules

        return looks_like_text(head) is self.is_text

    def _has_room(self, head: Head) -> bool:
        """Whether the file has room for the units that the number at ``offset`` counts."""
        number = head.data[self.offset : self.offset + 4]
        return len(number) == 4 and int.from_bytes(number, "little") * self.unit <= head.window.size


class EmbeddedStart(Struct, frozen=True):
    """How a format begins inside other data, where only the bytes can identify it. One of the first three is set.

    Attributes:
        magic: alternative byte strings at the beginning.
        codec: the name of a codec of ``wire.codecs``. Its magic bytes are short and occur by chance, so a stream counts
            only if it expands to content of a known format.
        begins: ``"module:function"``, a function that takes the first bytes and decides.
        is_weak: the first bytes may belong to another format as well, so all other formats are tried first.
        trial: ``"module:function"``, a function of a window and ``Limits`` that decides by a trial, whatever the first
            bytes are.
    """

    magic: tuple[bytes, ...] = ()
    codec: str = ""
    begins: str = ""
    is_weak: bool = False
    trial: str = ""


class Declaration(Struct, frozen=True):
    """The static facts about one format.

    Several declarations may share a name, for instance a format in binary and in text form with one reader each. A
    declaration without a reader is for an interpreter of configurations, or for structures that other readers yield.

    Attributes:
        name: of the format, as in reports and rules.
        read: the reader as ``"module:attribute"``; empty where the format has none.
        recognise: magic bytes, or ``"module:attribute"`` of a function that takes a ``Head``.
        signs: conditions on the file; the function is imported and called only if one of them holds, or there are none.
        fallback: the rank of a reader that is asked only if no other reader recognises the bytes. The lowest rank that
            recognises them reads them alone. ``None`` for all other readers: each reads all bytes that it recognises.
        interpreter: an ``Interpreter`` of configurations as ``"module:attribute"``; empty where there is none.
        extensions: file extensions that promise this format, in lower case and with their dot.
        embedded: how the format begins inside other data; ``None`` if it is not searched for there.
        defects: the enums of defect kinds that structures of this format can have.
        fixtures: the name of its fixtures' folder, if that differs from the name of the format.
    """

    name: str
    read: str = ""
    recognise: Magic | str = ""
    signs: tuple[Sign, ...] = ()
    fallback: int | None = None
    interpreter: str = ""
    extensions: tuple[str, ...] = ()
    embedded: EmbeddedStart | None = None
    defects: tuple[type[DefectKind], ...] = ()
    fixtures: str = ""
