"""Write a text as a document of another form: PDF, HTML, RTF and Word."""

from __future__ import annotations

import html
import io
import re
import zipfile
from collections.abc import Callable, Mapping


def _write_pdf(text: str) -> bytes:
    """Write a text as a PDF of one font, 60 lines a page."""
    lines = [each.encode("latin-1", "replace") for each in text.splitlines()]
    pages = [lines[at : at + 60] for at in range(0, len(lines), 60)]
    objects: list[bytes] = [b"<</Type/Catalog/Pages 2 0 R>>", b"", b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    kids = []
    for page in pages:
        escaped = (line.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)") for line in page)
        shown = b"BT /F1 9 Tf 11 TL 40 780 Td " + b" ".join(b"(%s) Tj T*" % line for line in escaped) + b" ET"
        kids.append(len(objects) + 1)
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F1 3 0 R>>>>/Contents %d 0 R>>"
            % (len(objects) + 2)
        )
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(shown), shown))
    objects[1] = b"<</Type/Pages/Kids[%s]/Count %d>>" % (b" ".join(b"%d 0 R" % kid for kid in kids), len(kids))
    content, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return content + b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1, table, len(objects) + 1, len(content),
    )  # fmt: skip


def _write_html(text: str) -> bytes:
    """Write a text as HTML, a paragraph for each blank line."""
    paragraphs = "".join(f"<p>{html.escape(each)}</p>\n" for each in text.split("\n\n"))
    return f"<!DOCTYPE html>\n<html><body>\n{paragraphs}</body></html>\n".encode()


def _write_rtf(text: str) -> bytes:
    """Write a text as RTF."""
    escaped = re.sub(r"([\\{}])", r"\\\1", text).replace("\n", "\\par\n")
    return f"{{\\rtf1\\ansi {escaped}}}".encode("ascii", "replace")


def _write_docx(text: str) -> bytes:
    """Write a text as a document of Word."""
    paragraphs = "".join(f"<w:p><w:r><w:t>{html.escape(each)}</w:t></w:r></w:p>" for each in text.split("\n\n"))
    namespace = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(
            "word/document.xml", f'<w:document xmlns:w="{namespace}"><w:body>{paragraphs}</w:body></w:document>'
        )
    return content.getvalue()


FORMS: Mapping[str, Callable[[str], bytes]] = {
    "": str.encode, "pdf": _write_pdf, "html": _write_html, "rtf": _write_rtf, "docx": _write_docx,
}  # fmt: skip
