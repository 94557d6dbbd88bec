"""Declarations: light statements of a format that the registry reads without importing a reader.

The ``__init__.py`` of each format folder assigns ``DECLARATIONS``, a tuple of ``Declaration``. A declaration names
functions as ``"module:attribute"``; the registry imports the module when the function is first called. Facts that
rules need, such as the kinds of defects, are part of the declaration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from modelaudit.model.structure import DefectKind
    from modelaudit.wire.reader import Head

TEXT_EXTENSIONS: Final = (
    *(".json", ".jsonl", ".ndjson", ".ipynb", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".md", ".markdown"),
    *(".rst", ".txt", ".text", ".log", ".csv", ".tsv", ".xml", ".html", ".htm", ".svg", ".tex", ".bib", ".jinja"),
    *(".jinja2", ".py", ".sh", ".gitattributes", ".gitignore"),
)
"""Extensions that promise text. A format of text claims all of them, for their contents overlap: JSON is YAML."""


@dataclass(frozen=True, slots=True)
class Magic:
    """Bytes at a fixed offset that identify a format.

    Attributes:
        starts: any of these byte strings counts.
        offset: where they lie, in bytes.
        in_containers: whether they count too where a container states what the bytes are.
    """

    starts: tuple[bytes, ...]
    offset: int = 0
    in_containers: bool = False

    def __call__(self, head: Head) -> bool:
        """Whether ``head`` has the magic bytes."""
        return (self.in_containers or head.content is None) and head.data.startswith(self.starts, self.offset)


@dataclass(frozen=True, slots=True)
class EmbeddedStart:
    """How a format begins inside other data, where only the bytes can identify it. One of the three is set.

    Attributes:
        magic: the bytes that it begins with.
        codec: a codec of ``wire.codecs`` by name. Its magic bytes are short and occur by chance, so a stream
            counts only if it expands to something that counts itself.
        begins: ``"module:function"``, which takes the first bytes and decides.
        is_weak: the first bytes may belong to another format as well, so all others are asked first.
    """

    magic: tuple[bytes, ...] = ()
    codec: str = ""
    begins: str = ""
    is_weak: bool = False


@dataclass(frozen=True, slots=True)
class Declaration:
    """One format, as far as it can be stated without reading anything.

    Several declarations may share a name: a format in binary and in text form, with a reader each. A declaration
    without a reader belongs to an interpreter of configurations, or to structures that other formats yield.

    Attributes:
        name: of the format, as reports and rules spell it.
        read: the reader as ``"module:attribute"``; empty where the format has none.
        recognise: magic bytes, or ``"module:attribute"`` of a function that takes a ``Head``.
        fallback: the rank of a reader that is asked only where no other recognises the bytes. The lowest rank that
            recognises them reads them alone. ``None`` for all other readers, each of which reads what it recognises.
        interpreter: an ``Interpreter`` of configurations as ``"module:attribute"``; empty where there is none.
        extensions: file extensions that promise this format, in lower case and with their dot.
        embedded: how the format begins inside other data; ``None`` where it is not searched for there.
        defects: the enums of the kinds of defects that structures of this format state.
        fixtures: the folder of its fixtures, where that is not called as the format is.
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
