"""The option ``-o`` for the answer on an attested verdict, for ``modelaudit verify`` and the verifier in one file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from modelaudit.cli.overwriting import NamedFile, refuse_inputs
from modelaudit.integrity.answers import SCHEMA
from modelaudit.integrity.places import lies_in
from modelaudit.model.errors import ConfigurationError

FORMATS: Final = ("text", "json")
_SCHEMAS: Final = (SCHEMA, "modelaudit/verification/v1")
"""Of the answer on a verdict, and of that on signatures and locks."""
_BEFORE_FORMAT: Final = ("", "-o", "--output=")
_MOST_ANSWER_BYTES: Final = 8 * 1024 * 1024
"""More than an answer with a thousand refusals has; its schema follows them."""


def parse_output(output: str) -> tuple[str, Path | None]:
    """Return the format and the file of ``FORMAT[=FILE]``; ``None`` for stdout. Raises ``ConfigurationError``."""
    format_, equals, file = output.partition("=")
    if format_ not in FORMATS:
        raise ConfigurationError(f"-o {output}: {format_!r} is not a format; use one of: {', '.join(FORMATS)}")
    if equals and not file:
        raise ConfigurationError(f"-o {output}: names no file; write -o {format_}=FILE, or leave the = out")
    return format_, Path(file) if file else None


def prepare_file(file: Path, folder: str, inputs: Iterable[NamedFile] = ()) -> None:
    """Check that a file can be written, and remove an older answer, so that an error leaves none behind.

    Args:
        file: of ``-o``.
        folder: that is verified.
        inputs: the files that the verification reads.

    Raises:
        ConfigurationError: the place is wrong, or lies in the folder that is verified or in a sealed one, or the file
            is one of ``inputs``.
        OutputError: the system fails to write there.
    """
    from modelaudit.cli.files import check_place, find_descriptor, remove_file
    from modelaudit.integrity.seal import is_sealed

    refuse_inputs([NamedFile("-o", file)], inputs)
    if find_descriptor(file) is None:
        sealed = [f"{each}" for each in Path(os.path.realpath(file)).parents if is_sealed(f"{each}", by_name=False)]
        for each in (folder, *sealed):
            if lies_in(file, each):
                raise ConfigurationError(f"-o {file}: lies in {each}, which it would change; name a file outside")
    check_place(file)
    if file.is_file():
        remove_file(file)


def discard_answer(arguments: Sequence[str]) -> None:
    """Remove the older answer in the file of ``-o`` after a command line that cannot be read.

    A file that does not hold an answer is left in place, because the word may belong to another option.

    Args:
        arguments: the words of the command line.
    """
    from modelaudit.cli.files import find_descriptor

    for word in arguments:
        # ``-o json=FILE``, ``-ojson=FILE``, ``--output=json=FILE``
        format_, equals, name = word.partition("json=")
        path = Path(name)
        with suppress(OSError, ValueError):
            if not equals or format_ not in _BEFORE_FORMAT or not path.is_file() or find_descriptor(path) is not None:
                continue
            with path.open("rb") as file:
                data = file.read(_MOST_ANSWER_BYTES)
            if any(f'"schema": "{each}"'.encode() in data for each in _SCHEMAS):
                path.resolve().unlink()


def write_answer(file: Path, document: bytes) -> None:
    """Write the answer whole or not at all. Raises as ``prepare_file``."""
    from modelaudit.cli.files import write_file

    write_file(file, document)
