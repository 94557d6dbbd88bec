"""Write a file whole or not at all, and check before a scan that a place can be written."""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from modelaudit.model.errors import ConfigurationError, ModelAuditError, OutputError

_NAME_BYTES_KEPT: Final = 100
"""Of the name of a report, at the start of the name of its temporary file."""
_MOST_LINKS: Final = 40
"""As many as Linux follows."""
_DESCRIPTOR: Final = r"(?:/dev|/proc/{}(?:/task/[0-9]+)?)/fd/([0-9]+)"
_WRONG_PLACE_ERRORS: Final = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR),
        *(errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.ETXTBSY),
    }
)
"""The errors of ``open`` and ``rename`` that follow from the name of the file; every other one is the system's."""


def is_folder(path: Path) -> bool:
    """Whether the path is an existing folder. Raises ``ConfigurationError`` for a name that the system refuses."""
    try:
        return path.is_dir()
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}; name another file") from error


def check_file(path: Path) -> None:
    """Refuse a path at which no file can be written, before a scan that may take long.

    Raises:
        ConfigurationError: it is a folder, its folder does not exist, or the place is wrong in another way.
        OutputError: the place is right, and the system fails to write there.
    """
    if is_folder(path):
        raise ConfigurationError(f"{path}: is a folder; name a file")
    if not path.absolute().parent.is_dir():
        raise ConfigurationError(f"{path}: the folder does not exist; create it first")
    check_place(path)


def check_folder(path: Path) -> None:
    """Refuse a folder that cannot be created or written to, before a scan that may take long.

    Raises:
        ConfigurationError: the place is wrong.
        OutputError: the place is right, and the system fails to write there.
    """
    place = next(each for each in (path.absolute(), *path.absolute().parents) if os.path.lexists(each))
    if not is_folder(place):
        raise ConfigurationError(f"{path}: cannot be written: {place} is not a folder; name another folder")
    check_place(place)


def check_place(path: Path) -> None:
    """Refuse a place where no report can be written, before a scan that may take long.

    A file is created there and removed again: permissions alone do not show whether a disk can be written.

    Raises:
        ConfigurationError: the place is wrong.
        OutputError: the place is right, and the system fails to write there.
    """
    try:
        if not _is_replaceable(path):
            return
        folder = path if path.is_dir() else path.resolve().parent
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=".modelaudit.")
        os.close(descriptor)
        Path(name).unlink()
    except OSError as error:
        raise explain_failed_write(path, error) from error


def find_descriptor(path: Path) -> int | None:
    """Find the open file of this process that a path names, as ``/dev/stdout`` does; ``None`` if it names none.

    It is written as it is: the file behind it may be one that a shell redirects the output into.
    """
    steps = 0
    place = Path(os.path.abspath(path))  # noqa: PTH100 - it leaves links in place
    while steps < _MOST_LINKS:
        folder = os.path.realpath(place.parent)
        if (
            re.fullmatch(rf"/proc/(self|thread-self|{os.getpid()})(/task/\d+)?/fd|/dev/fd", folder)
            and place.name.isdigit()
        ):
            return int(place.name)
        if not place.is_symlink():
            return None
        place = Path(os.path.abspath(place.parent / place.readlink()))  # noqa: PTH100
        steps += 1
    return None


def _is_replaceable(path: Path) -> bool:
    """Whether a report at the path is a file of its own; a terminal, ``/dev/null`` or a pipe is written into.

    Raises:
        ConfigurationError: it is neither, such as a socket.
        OSError: the system gives no answer.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    if find_descriptor(path) is not None:
        return False
    _refuse_leading_link(path)
    if stat.S_ISCHR(mode) or stat.S_ISFIFO(mode):
        return False
    # A folder passes here. It takes reports of its own, or fails at a rename with the message of the system.
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise ConfigurationError(f"{path}: cannot be written: it is not a regular file; name a regular file")
    return True


def _refuse_leading_link(path: Path) -> None:
    """Refuse a link of the working directory that leads out of it or into git, because it may come with the code.

    Raises:
        ConfigurationError: it is such a link.
    """
    here = Path.cwd()
    if not path.is_symlink() or not path.parent.resolve().is_relative_to(here):
        return
    real = Path(os.path.realpath(path))
    if not real.is_relative_to(here) or ".git" in real.relative_to(here).parts:
        raise ConfigurationError(f"{path}: is a link to {real}; remove the link, or name that file")


def check_own_file(path: Path) -> None:
    """Refuse a name that a report gets in a folder, if anything but a regular file has it: a link, a pipe.

    Raises:
        ConfigurationError: something else has the name.
    """
    if os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode):
        raise ConfigurationError(f"{path}: is not a regular file; remove it, or name another folder for the reports")


def remove_file(path: Path) -> None:
    """Remove a file, or the target of a link, but none that takes writes in place, such as ``/dev/stdout``.

    Raises:
        ConfigurationError: the place is wrong.
        OutputError: the system fails to remove it.
    """
    try:
        if _is_replaceable(path):
            path.resolve().unlink(missing_ok=True)
    except OSError as error:
        raise explain_failed_write(path, error) from error


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, as ``replace_file`` does, with the same errors."""
    with replace_file(path) as file:
        file.write(content)


@contextmanager
def replace_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a temporary file in the same folder, and rename it to ``path`` at the end; after an error it is removed.

    If ``path`` is a link, the file that it leads to is replaced. A terminal, ``/dev/null`` or a pipe is written into,
    because a rename would replace the device itself.

    Raises:
        ConfigurationError: the place is wrong: no permission, no such folder, not a file.
        OutputError: the place is right, and the system fails to write there, as on a full disk.
    """
    temporary: Path | None = None
    try:
        if not _is_replaceable(path):
            descriptor = find_descriptor(path)
            with path.open("wb") if descriptor is None else os.fdopen(os.dup(descriptor), "wb") as file:
                yield file
            return
        if path.is_symlink():
            path = path.resolve()
        # The name is cut, because mkstemp makes it longer, and file systems limit its length in bytes.
        start_of_name = os.fsdecode(os.fsencode(path.name)[:_NAME_BYTES_KEPT])
        descriptor, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{start_of_name}.")
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            yield file
        # mkstemp makes the file private; it gets the permissions that an ordinary new file would have.
        temporary.chmod(0o666 & ~_read_umask())
        temporary.replace(path)
    except OSError as error:
        raise explain_failed_write(path, error) from error
    finally:
        if temporary is not None:
            # After the rename, this file is missing.
            temporary.unlink(missing_ok=True)


def explain_failed_write(path: Path, error: OSError) -> ModelAuditError:
    """Return the error for a file that cannot be written: exit 2 where another place helps, else exit 4."""
    if error.errno in _WRONG_PLACE_ERRORS:
        step = "make its folder, or name another file" if error.errno == errno.ENOENT else "name another file"
        return ConfigurationError(f"{path}: cannot be written: {error.strerror}; {step}")
    return OutputError(
        f"{path}: cannot be written: {error.strerror}; free space on the disk, or name a file on another disk"
    )


def _read_umask() -> int:
    """Read the mask of file permissions; the system returns it only in answer to setting another."""
    current = os.umask(0)
    os.umask(current)
    return current
