"""Collect the declarations of all formats, and provide their readers.

A room is a folder of related formats. The registry lists the folders of the five rooms and collects their
``DECLARATIONS``, so a new format needs only a new folder. Importing the registry imports no reader; the module of a
reader is imported when the reader is first called, and that of a recogniser when a file meets one of its signs.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence, Set
from functools import cache
from itertools import islice
from operator import attrgetter
from typing import Any, Final

import modelaudit.formats
from modelaudit.formats.declaration import Declaration, Magic, Sign
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


def _defer_recognition(name: str, signs: Sequence[Sign]) -> Callable[[Head], bool]:
    """Return the recogniser named ``"module:attribute"``; it is imported for a file that meets one of the signs."""
    recognise = _defer_function(name)
    if not signs:
        return recognise

    def recognises(head: Head) -> bool:
        for sign in signs:
            if sign.holds_for(head):
                return bool(recognise(head))
        return False

    return recognises


def _make_reader(declaration: Declaration) -> Reader:
    """Return the reader of a declaration; its functions are imported when they are first called."""
    recognise = declaration.recognise
    return Reader(
        declaration.name,
        _defer_recognition(recognise, declaration.signs) if isinstance(recognise, str) else recognise,
        _defer_function(declaration.read),
        declaration.fallback is not None,
    )


_DECLARED_READERS: Final = tuple(
    sorted((each for each in DECLARATIONS if each.read), key=lambda each: each.fallback or 0)
)
"""The declarations in the order in which their readers are asked: fallbacks last, by their rank."""

READERS: Final = tuple(_make_reader(each) for each in _DECLARED_READERS)


def _list_signs(declaration: Declaration) -> Sequence[Sign]:
    """List the signs of a format: those declared, or its magic bytes."""
    magic = declaration.recognise
    if isinstance(magic, Magic):
        return (Sign(magic.starts, offset=magic.offset, contents=() if magic.in_containers else (None,)),)
    return declaration.signs


@cache
def _list_candidates(first: int, content: str | None) -> tuple[Reader, ...]:
    """List the readers that may recognise files with this first byte and this content, in the order of calls."""
    signs = ((reader, _list_signs(each)) for reader, each in zip(READERS, _DECLARED_READERS, strict=True))
    return tuple(reader for reader, own in signs if not own or any(sign.may_begin(first, content) for sign in own))


def list_candidates(head: Head) -> tuple[Reader, ...]:
    """List the readers that may recognise a file, in the order of calls: no other one does."""
    return _list_candidates(head.data[0], head.content) if head.data else READERS


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


_is_run_by_name: Final = _defer_function("modelaudit.formats.documents.scripts.recognition:is_run_by_name")


def choose_readers(head: Head, recognises: Callable[[Reader], bool]) -> list[Reader]:
    """Choose the readers of a file.

    Each reader that recognises the bytes reads them. If there is none, the first fallback that recognises them does.
    A tool may run the file because of its name, so that the reader of shell scripts reads it as well.

    Args:
        head: of the file.
        recognises: asks a reader whether it recognises the bytes.
    """
    candidates = list_candidates(head)
    readers = [each for each in candidates if not each.fallback and recognises(each)]
    if not readers:
        readers = list(islice((each for each in candidates if each.fallback and recognises(each)), 1))
    is_left_out = bool(readers) and all(each.format != "shell" for each in readers)
    return [*readers, find_reader("shell")] if is_left_out and _is_run_by_name(head) else readers


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
