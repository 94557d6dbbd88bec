"""Read the licence fields of the metadata of a Python package, and of the labels of a container.

The files are ``*.dist-info/METADATA``, ``PKG-INFO``, ``setup.py`` and ``Dockerfile``.

Source: Core metadata specifications of PyPA: ``License``, ``License-Expression``, ``Classifier``; the keywords of
``setuptools.setup``; https://specs.opencontainers.org/image-spec/annotations/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.evidence import Statement, Statements, Topic
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import KIB, Limits
from modelaudit.model.structure import Location
from modelaudit.model.term_files import is_package_metadata
from modelaudit.wire.base import Head, Reader, Reading
from modelaudit.wire.text import get_file_name, looks_like_text

_LONGEST_HEADER: Final = 256 * KIB
_MOST_STATEMENTS: Final = 50
_LONGEST_VALUE: Final = 1000  # characters
_FIELD: Final = defer_pattern(r"(License|License-Expression|Classifier)[ \t]*:[ \t]*(\S.*)", re.IGNORECASE)
_SETUP_NAME: Final = "setup.py"
# An argument of setup() that is a text, as an installation would find it without running code.
_SETUP_FIELD: Final = defer_pattern(
    r"""^(?!\s*\#).*?\b(?P<field>license(?:_expression)?)\s*=\s*(?P<quote>["'])(?P<value>[^"'\n]{1,200})(?P=quote)"""
    r"""|["'](?P<classifier>License :: [^"'\n]{1,200})["']""",
    re.MULTILINE,
)
_CONTAINER_NAME: Final = defer_pattern(r"(?:.*\.)?(?:dockerfile|containerfile)(?:\..*)?")
_LABEL: Final = defer_pattern(
    r"""^[ \t]*(?:LABEL[ \t]+)?(?:[^\n#]{0,300}?[ \t])?["']?(?P<field>(?:[\w.-]{1,80}\.)?licen[cs]es?)["']?[ \t]*="""
    r"""[ \t]*["']?(?P<value>[\w .()+-]{1,200})""",
    re.MULTILINE | re.IGNORECASE,
)
_CLASSIFIER: Final = defer_pattern(r"License :: (?:OSI Approved :: )?(?!OSI Approved$)(.+)")


def _recognises(head: Head) -> bool:
    """Whether this is the text of a file with the name of package metadata."""
    name = get_file_name(head.path)
    is_named = name == _SETUP_NAME or _CONTAINER_NAME.fullmatch(name) is not None
    return (is_named or is_package_metadata(head.path)) and looks_like_text(head)


def _read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield a statement for each licence field before the first empty line, behind which a description begins.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    text = window.read(0, min(_LONGEST_HEADER, limits.document_bytes, limits.read_bytes)).decode("utf-8-sig", "replace")
    name = get_file_name(artifact.path)
    if name == _SETUP_NAME or _CONTAINER_NAME.fullmatch(name):
        found = _iter_setup_statements(text) if name == _SETUP_NAME else _iter_labels(text)
    else:
        found = _iter_field_statements(text)
    if statements := tuple(islice(found, _MOST_STATEMENTS)):
        yield Statements("package-metadata", statements)


def _iter_field_statements(text: str) -> Iterator[Statement]:
    """Yield the licences that the fields of core metadata state."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            break
        match = _FIELD.match(line.rstrip())
        if match is None:
            continue
        field, value = match[1], match[2]
        if field.lower() == "classifier":
            classifier = _CLASSIFIER.fullmatch(value)
            if classifier is None:
                continue
            value = classifier[1]
        # Old versions of setuptools write this word where the author gave no licence.
        if value == "UNKNOWN":
            continue
        yield Statement(Topic.LICENSE, field, value[:_LONGEST_VALUE], Location(line=number))


def _iter_labels(text: str) -> Iterator[Statement]:
    """Yield the licences in the labels of a container file."""
    for match in _LABEL.finditer(text):
        place = Location(line=text.count("\n", 0, match.start("field")) + 1)
        yield Statement(Topic.LICENSE, match["field"], match["value"].strip(), place)


def _iter_setup_statements(text: str) -> Iterator[Statement]:
    """Yield the licences that the arguments of ``setup()`` state as texts."""
    for match in _SETUP_FIELD.finditer(text):
        field, value = match["field"] or "classifier", match["value"]
        if match["classifier"]:
            classifier = _CLASSIFIER.fullmatch(match["classifier"])
            if classifier is None:
                continue
            value = classifier[1]
        yield Statement(Topic.LICENSE, field, value.strip(), Location(line=text.count("\n", 0, match.start()) + 1))


PACKAGE_METADATA: Final = Reader("text", _recognises, _read)
"""Searches every text, in addition to the reader of its format; therefore it is not one of ``READERS``."""
