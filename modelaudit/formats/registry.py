"""Collect the declarations of all formats, and provide their readers.

A room is a folder of related formats. The registry lists the folders of the five rooms and collects their
``DECLARATIONS``, so a new format needs only a new folder. Importing the registry imports no reader; the module of a
reader is imported when the reader is first called.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence, Set
from functools import cache
from operator import attrgetter
from typing import Any, Final

import modelaudit.formats
from modelaudit.formats.declaration import Declaration
from modelaudit.model.format_facts import FormatFacts
from modelaudit.wire.reader import Head, Reader

ROOMS: Final = ("archives", "pickles", "documents", "graphs", "weights")
"""The rooms from the lowest to the highest: a room imports only rooms before it."""

_READING_ORDER: Final = ("archives", "pickles", "weights", "graphs", "documents")
"""The order of readers: if several recognise the same bytes, each reads them, in this order."""


def _collect_declarations() -> Iterator[Declaration]:
    """Yield the declarations of all rooms; within a room, in the order of folder names."""
    for room in _READING_ORDER:
        package = importlib.import_module(f"{modelaudit.formats.__name__}.{room}")
        for folder in sorted(each.name for each in pkgutil.iter_modules(package.__path__) if each.ispkg):
            yield from importlib.import_module(f"{package.__name__}.{folder}").DECLARATIONS


DECLARATIONS: Final = tuple(_collect_declarations())


@cache
def import_object(name: str) -> Any:
    """Import the object that a declaration names as ``"module:attribute"``.

    Raises:
        ImportError: there is no such module.
        AttributeError: the module has no such attribute.
    """
    module, _, attribute = name.partition(":")
    return attrgetter(attribute)(importlib.import_module(module))


def _defer_function(name: str) -> Callable[..., Any]:
    """Return a function that imports the one named ``"module:attribute"`` when it is first called, and calls it."""
    imported: Callable[..., Any] | None = None

    def call(*arguments: Any) -> Any:
        nonlocal imported
        if imported is None:
            imported = import_object(name)
        return imported(*arguments)

    return call


def _make_reader(declaration: Declaration) -> Reader:
    """Return the reader of a declaration; its functions are imported when they are first called."""
    recognise = declaration.recognise
    return Reader(
        declaration.name,
        _defer_function(recognise) if isinstance(recognise, str) else recognise,
        _defer_function(declaration.read),
        declaration.fallback is not None,
    )


def _make_readers() -> Iterator[Reader]:
    """Yield the readers in the order of calls: fallbacks last, by their rank."""
    declared = [each for each in DECLARATIONS if each.read]
    yield from (_make_reader(each) for each in sorted(declared, key=lambda each: each.fallback or 0))


READERS: Final = tuple(_make_readers())


TEXT_FORMATS: Final = frozenset(each.name for each in DECLARATIONS if ".txt" in each.extensions) - {"python"}
"""The formats of text that may be a program in another language as well.

Python source is left out: its braces are literals, and its reader reports other text as damaged.
"""


def find_reader(name: str) -> Reader:
    """Return the only reader of a format.

    Raises:
        ValueError: the format has no reader, or several.
    """
    (reader,) = (each for each in READERS if each.format == name)
    return reader


PICKLE_SEARCH: Final = Reader(
    "unknown", lambda head: True, _defer_function("modelaudit.formats.pickles.pickle.search:SEARCH.read")
)
"""Searches files of no known format, and text, for pickles."""
LOGGING_SEARCH: Final = Reader(
    "text",
    _defer_function("modelaudit.formats.documents.structured.logging_settings:LOGGING.recognises"),
    _defer_function("modelaudit.formats.documents.structured.logging_settings:LOGGING.read"),
)
"""Searches every text for settings of ``logging``."""


# Readers of programs under any name, by the language of the command that runs them.
_PROGRAM_READERS: Final = {
    name: Reader(name, lambda head: True, _defer_function(f"modelaudit.formats.documents.{function}"))
    for name, function in (
        ("python", "python_source.reader:read_program"),
        ("shell", "scripts.reader:read_program"),
        ("makefile", "scripts.reader:read_makefile"),
        ("dockerfile", "scripts.reader:read_dockerfile"),
        ("requirements", "requirements.reader:read"),
    )
}


_is_run_by_name: Final = _defer_function("modelaudit.formats.documents.scripts.reader:is_run_by_name")


def list_readers_by_name(head: Head, readers: Sequence[Reader]) -> list[Reader]:
    """List the readers in addition to those of the bytes of a file: a tool may run the file because of its name."""
    is_left_out = bool(readers) and all(each.format != "shell" for each in readers)
    return [find_reader("shell")] if is_left_out and _is_run_by_name(head) else []


# Only who names the file as such a list or Dockerfile gives it this language.
_NAMED_LANGUAGES: Final = frozenset({"dockerfile", "requirements"})


def list_program_readers(languages: Set[str]) -> list[Reader]:
    """List the readers of programs in one of the languages; an unknown language, ``program``, may be any that runs."""
    unknown = {language for language in _PROGRAM_READERS if language not in _NAMED_LANGUAGES}
    wanted = languages | unknown if "program" in languages else languages
    return [reader for language, reader in _PROGRAM_READERS.items() if language in wanted]


def _collect_facts() -> FormatFacts:
    """Return the defect kinds of each format, and the formats of each extension.

    Each kind has the reason why it is harmless; the reason is empty if it is not.
    """
    defects: dict[str, dict[str, str]] = {}
    extensions: dict[str, set[str]] = {}
    for each in DECLARATIONS:
        kinds = defects.setdefault(each.name, {})
        kinds.update((kind.value, kind.harmless) for enum in each.defects for kind in enum)
        for extension in each.extensions:
            extensions.setdefault(extension, set()).add(each.name)
    return FormatFacts(
        {name: kinds for name, kinds in sorted(defects.items()) if kinds},
        {extension: frozenset(names) for extension, names in sorted(extensions.items())},
    )


FACTS: Final = _collect_facts()
"""The facts about formats that rules refer to: defect kinds, and the extensions that promise each format."""
