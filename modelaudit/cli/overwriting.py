"""Refuse an output that is an input of the same command, before anything is removed or written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from modelaudit.model.errors import ConfigurationError


class NamedFile(NamedTuple):
    """A file and the option or the argument that names it, such as ``--key``."""

    option: str
    path: Path


def refuse_inputs(outputs: Sequence[NamedFile], inputs: Iterable[NamedFile]) -> None:
    """Refuse an output that is a file which the same command reads, or another output of it.

    Two paths are one file if they lead to one place, also through links, or to one inode, as hard links do.

    Raises:
        ConfigurationError: the first such output, with the option that reads it.
    """
    others = [*inputs, *outputs]
    for output in outputs:
        for other in others:
            if other is not output and other.option != output.option and _is_same_file(output.path, other.path):
                raise ConfigurationError(
                    f"{output.option} {output.path}: is the same file as {other.option}; name another one"
                )


def _is_same_file(first: Path, second: Path) -> bool:
    """Whether two paths are one regular file, or one place where a file would be created."""
    try:
        if first.exists() and second.exists():
            # A terminal or a pipe may well be read and written.
            return first.is_file() and first.samefile(second)
        return os.path.realpath(first) == os.path.realpath(second)
    except (OSError, ValueError):
        return False  # a name that the system refuses; opening it names the fault
