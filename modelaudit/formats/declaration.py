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
    fallback: int | None = None
    interpreter: str = ""
    extensions: tuple[str, ...] = ()
    embedded: EmbeddedStart | None = None
    defects: tuple[type[DefectKind], ...] = ()
    fixtures: str = ""
