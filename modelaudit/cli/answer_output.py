"""The option ``-o`` for the answer on an attested verdict, for ``modelaudit verify`` and the verifier in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from modelaudit.integrity.places import lies_in
from modelaudit.model.errors import ConfigurationError

FORMATS: Final = ("text", "json")


def parse_output(output: str) -> tuple[str, Path | None]:
    """Return the format and the file of ``FORMAT[=FILE]``; ``None`` for stdout. Raises ``ConfigurationError``."""
    format_, equals, file = output.partition("=")
    if format_ not in FORMATS:
        raise ConfigurationError(f"-o {output}: {format_!r} is not a format; use one of: {', '.join(FORMATS)}")
    if equals and not file:
        raise ConfigurationError(f"-o {output}: names no file; write -o {format_}=FILE, or leave the = out")
    return format_, Path(file) if file else None


def prepare_file(file: Path, folder: str) -> None:
    """Check that a file can be written, and remove an older answer, so that an error leaves none behind.

    Raises:
        ConfigurationError: the place is wrong, or lies in the folder that is verified.
        OutputError: the system fails to write there.
    """
    from modelaudit.cli.files import check_place, remove_file

    if lies_in(file, folder):
        raise ConfigurationError(f"-o {file}: lies in {folder}, which it would change; name a file outside")
    check_place(file)
    if file.is_file():
        remove_file(file)


def write_answer(file: Path, document: bytes) -> None:
    """Write the answer whole or not at all. Raises as ``prepare_file``."""
    from modelaudit.cli.files import write_file

    write_file(file, document)
