"""Write the file of ``--ledger``: the classes of all bytes of each file and member."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from modelaudit.cli.files import check_file, explain_failed_write, replace_file
from modelaudit.wire.ledger import ArtifactLedger


class LedgerFile:
    """The file of ``--ledger``: a line of JSON for each file and each member, with the classes of all of its bytes."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file

    def append(self, target: str, ledger: ArtifactLedger) -> None:
        """Append the line of one file or member of ``target``.

        Raises:
            ConfigurationError: the place is wrong.
            OutputError: the system fails to write there, as on a full disk.
        """
        head = {"target": target, "artifact": ledger.address, "formats": ledger.formats, "size": ledger.size}
        ranges = ", ".join(f'[{start}, {end}, "{class_}"]' for start, end, class_ in ledger)
        # The closing brace of the head is cut off, and follows the ranges.
        line = f'{json.dumps(head)[:-1]}, "ranges": [{ranges}]}}\n'
        try:
            self._file.write(line.encode("ascii"))
        except OSError as error:
            raise explain_failed_write(self._path, error) from error


@contextmanager
def open_ledger_file(path: Path | None) -> Iterator[LedgerFile | None]:
    """Yield the ledger file at ``path``, which appears at the end of the run; ``None`` without a path.

    Raises:
        ConfigurationError: the place is wrong.
        OutputError: the system fails to write there, as on a full disk.
    """
    if path is None:
        yield None
        return
    check_file(path)
    with replace_file(path) as file:
        yield LedgerFile(path, file)
