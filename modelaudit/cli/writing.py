"""Write documents to stdout and remarks to stderr. It imports nothing that takes long."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click

from modelaudit.model.errors import ModelAuditError


def print_document(document: bytes) -> None:
    """Write a document to stdout. Whether its reader takes all of it, as ``head`` does not, changes no exit code."""
    try:
        sys.stdout.buffer.write(document)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        discard_stdout()


def print_lines(document: bytes) -> None:
    """Write lines to stdout, and break them at the width of a terminal; no word is broken, so that paths stay whole."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        lines = (_wrap_line(line, width) for line in document.decode().splitlines())
        document = ("\n".join(lines) + "\n").encode()
    print_document(document)


def _wrap_line(line: str, width: int) -> str:
    """Break a line between words, and indent what follows."""
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def print_text(text: str) -> None:
    """Write a text and a line break to stdout, as ``print_document`` does."""
    print_document(f"{text}\n".encode())


def discard_stdout() -> None:
    """Discard the buffer of stdout and all later output, because its reader went away.

    The interpreter would otherwise report at exit that it cannot write the buffer.
    """
    with Path(os.devnull).open("wb") as null_device:
        os.dup2(null_device.fileno(), sys.stdout.fileno())


def show_notes(notes: Sequence[str]) -> None:
    """Print remarks to stderr, a line each, which breaks at the width of a terminal."""
    from modelaudit.reports.text import escape_unprintable  # verify imports no report

    is_terminal = sys.stderr.isatty()
    for note in notes:
        line = f"modelaudit: note: {escape_unprintable(note)}"
        with suppress(OSError):  # a reader of stderr that went away changes no exit code
            click.echo(_wrap_line(line, shutil.get_terminal_size().columns) if is_terminal else line, err=True)


def show_error(error: ModelAuditError) -> None:
    """Print the one line of an error to stderr."""
    from modelaudit.reports.text import escape_unprintable

    with suppress(OSError):  # a reader of stderr that went away changes no exit code
        click.echo(f"modelaudit: error: {escape_unprintable(str(error))}", err=True)
