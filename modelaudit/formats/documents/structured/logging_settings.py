"""Hand the Python in settings of ``logging.config.fileConfig`` to the reader of Python.

``fileConfig`` evaluates ``class``, ``args`` and ``kwargs`` of each handler, and the settings may have any file name.

Source: ``_install_handlers`` and ``_create_formatters`` in ``Lib/logging/config.py`` of Python.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.embedded import DecodedWindow
from modelaudit.model.address import join_member
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.wire.base import Head, Reader, Reading
from modelaudit.wire.text import decode_loosely, looks_like_text
from modelaudit.wire.windows import get_budget, make_opener, read_all_bytes

_SECTION: Final = defer_pattern(rb"^\s*\[(?:handler|formatter)s?[_\]]", re.MULTILINE)
_LONGEST_SETTINGS: Final = 2 * MIB
_MOST_SECTIONS: Final = 200
# The names of the module ``logging``, in which the texts are evaluated.
_NAMES: Final = "import logging, os, sys\nfrom logging import *\nfrom logging import handlers\n"


def _recognises(head: Head) -> bool:
    """Whether the first bytes are text with a section that ``fileConfig`` reads."""
    return looks_like_text(head) and _SECTION.search(head.data) is not None


def _read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield one Python program for each handler and formatter.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    if window.size > _LONGEST_SETTINGS:
        detail = f"settings of logging of more than {_LONGEST_SETTINGS} bytes were not read"
        yield Unread(UnreadReason.LIMIT, detail)
        return
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(decode_loosely(read_all_bytes(window, _LONGEST_SETTINGS)))
    except configparser.Error:
        return  # ``fileConfig`` refuses it too
    for number, section in enumerate(parser.sections()):
        if not section.startswith(("handler_", "formatter_")):
            continue
        if number >= _MOST_SECTIONS:
            yield Unread(UnreadReason.LIMIT, f"only the first {_MOST_SECTIONS} sections of the settings were read")
            return
        program = _write_program(parser[section]).encode("utf-8", "replace")
        inner = DecodedWindow(program, get_budget(window, limits))
        yield Artifact(join_member(artifact.path, f"section-{number + 1}.py"), inner.size, make_opener(inner))


def _write_program(settings: configparser.SectionProxy) -> str:
    """Return the Python that ``fileConfig`` evaluates for one section."""
    values = {key: " ".join((settings.get(key) or "").split()) for key in ("class", "args", "kwargs", "level")}
    called = values["class"] or "StreamHandler"
    arguments = values["args"] or "()"
    named = values["kwargs"] or "{}"
    return f"{_NAMES}({called})(*({arguments}), **({named}))\n"


LOGGING: Final = Reader("text", _recognises, _read)
"""Examines every text, in addition to the reader of its format; therefore it is not one of ``READERS``."""
