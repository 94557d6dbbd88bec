"""Worker script that extracts the text layer of one PDF with pypdf, and writes it page by page as lines of JSON.

``modelaudit.languages.terms.pdf_text`` starts it in a process of its own, because pypdf (7) follows what a hostile
document says and bounds neither time nor memory. It imports nothing of this package. stdin holds one line, a JSON
object: ``data`` (the document in base64), ``pages`` (how many to extract), ``memory`` (bytes) and ``seconds`` (of CPU
time). stdout receives ``{"pages": N}``, then ``{"text": …}`` for each page, ``{"info": …}`` for each
text of the document information (14.3.3), and ``{"broke": …}`` if pypdf fails.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import logging
import math
import os
import sys
import warnings
from pathlib import Path
from typing import IO


def main() -> None:
    """Extract the pages of the document on stdin."""
    out = _take_stdout()
    request = json.loads(sys.stdin.readline())
    _limit_resources(request["memory"], request["seconds"])
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    sys.excepthook = lambda kind, error, _trace: _write_line(
        out, {"broke": f"{kind.__name__}: {error}"[:300].rstrip(": ")}
    )
    from pypdf import PdfReader  # within the limits

    reader = PdfReader(io.BytesIO(base64.b64decode(request["data"])), strict=False)
    # Documents that anyone may open are often encrypted with an empty password.
    if reader.is_encrypted and not reader.decrypt(""):
        _write_line(out, {"broke": "it is encrypted"})
        return
    page_count = len(reader.pages)
    _write_line(out, {"pages": page_count})
    for number in range(min(page_count, request["pages"])):
        _write_line(out, {"text": reader.pages[number].extract_text() or ""})
    # Title, subject and keywords, which a reader shows as the properties of the document.
    for value in (reader.metadata or {}).values():
        if isinstance(value, str):
            _write_line(out, {"info": value})


def _limit_resources(memory: int, seconds: float) -> None:
    """Limit the memory, CPU time and file size of this process, where the system supports limits."""
    if sys.platform == "win32":
        return
    import resource  # Windows has none

    bounds = {"RLIMIT_AS": memory, "RLIMIT_CPU": math.ceil(seconds), "RLIMIT_CORE": 0, "RLIMIT_FSIZE": 0}
    for name, bound in bounds.items():
        _, hard = resource.getrlimit(getattr(resource, name))
        allowed = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        with contextlib.suppress(OSError, ValueError):  # macOS knows RLIMIT_AS and refuses it
            resource.setrlimit(getattr(resource, name), (allowed, allowed))


def _take_stdout() -> IO[str]:
    """Duplicate stdout for the answers and redirect the original, so that no output of pypdf can forge answers."""
    stdout_copy = os.dup(1)
    with Path(os.devnull).open("w") as null_device:
        os.dup2(null_device.fileno(), 1)
    return os.fdopen(stdout_copy, "w", encoding="ascii")


def _write_line(out: IO[str], line: dict[str, object]) -> None:
    """Write one line of JSON at once, so that it is not lost in a crash."""
    out.write(json.dumps(line) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
