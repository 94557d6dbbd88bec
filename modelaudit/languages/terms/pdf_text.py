"""Extract the text of a PDF in a process of its own, within bounds of bytes, pages, time and memory.

Source: ISO 32000-1, 9.10 (extraction of text content) and 14.3.3 (document information dictionary).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec import Struct

from modelaudit.model.limits import MIB
from modelaudit.wire.process import Run, run_script

LARGEST_PDF: Final = 8 * MIB
"""The largest document whose text is extracted, in bytes."""
MOST_PAGES: Final = 200
"""The pages whose text is extracted; a licence has fewer."""
_MEMORY: Final = 768 * MIB
_CPU_SECONDS: Final = 20.0
_WALL_SECONDS: Final = 60.0
_WORKER: Final = Path(__file__).with_name("pdf_worker.py")


class PdfText(Struct, frozen=True):
    """The text layer of a document.

    Attributes:
        text: of the pages in order, each followed by a line break, and of the document information; possibly empty.
        unread: why some or all of the text was not extracted, as a clause; empty if all of it was.
    """

    text: str
    unread: str = ""


def extract_pdf_text(data: bytes) -> PdfText:
    """Extract the text of a document of at most ``LARGEST_PDF`` bytes.

    A document without letters, such as scanned pages, has no text layer, and ``unread`` says so.
    """
    import base64  # of use for this rare format alone

    request = {
        "data": base64.b64encode(data).decode("ascii"),
        "pages": MOST_PAGES,
        "memory": _MEMORY,
        "seconds": _CPU_SECONDS,
    }
    try:
        run = run_script(_WORKER, request, _WALL_SECONDS)
    except OSError as error:
        return PdfText("", f"no process could be started to extract its text: {error.strerror}")
    texts = [line["text"] for line in run.lines if isinstance(line.get("text"), str)]
    text = "".join(f"{each}\n" for each in texts)
    counts = [line["pages"] for line in run.lines if isinstance(line.get("pages"), int)]
    page_count = counts[0] if counts else 0
    unread = _explain_missing_pages(run, len(texts), page_count if isinstance(page_count, int) else 0)
    if not unread and not any(map(str.isalpha, text)):
        unread = "it has no text layer, such as a document of scanned pages"
    information = "".join(f"\n{line['info']}\n" for line in run.lines if isinstance(line.get("info"), str))
    return PdfText(text + information, unread)


def _explain_missing_pages(run: Run, extracted: int, page_count: int) -> str:
    """Explain as a clause why the text of some pages is missing; empty if the process extracted every page."""
    broken = next((str(line["broke"]) for line in run.lines if "broke" in line), "")
    of_pages = f"the text of {extracted} of its {page_count} pages was extracted" if page_count else "it gave no text"
    if run.timed_out or run.exceeded_cpu_time or (run.status < 0 and not broken):
        return f"{of_pages} within {_CPU_SECONDS:g} seconds"
    if run.exceeded_output:
        return f"{of_pages} within the limit of its size"
    if broken:
        return f"{of_pages}: {broken}"
    if extracted < page_count:
        return f"{of_pages}, the limit"
    return "" if page_count else f"{of_pages}: it has no pages"
