"""Check that the built site loads nothing from elsewhere and that every rule and licence has its page.

``mkdocs build --strict`` checks the links and headings before. Exits with 1 and one line for each fault.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from modelaudit.catalogue import load_catalogue

SITE = Path(__file__).resolve().parent.parent / "build/site"
OUTSIDE_REQUEST = re.compile(
    # <script src="https://...">, <img src="//...">
    r"<(?:script|img|iframe|source|audio|video)\b[^>]*\ssrc=[\"']?(?:https?:)?//[^\s>]+"
    # <link rel="stylesheet" href="https://...">, in either order of the attributes
    r"|<link\b(?=[^>]*\srel=[\"']?(?:stylesheet|preload|preconnect|icon|dns-prefetch))[^>]*\shref=[\"']?(?:https?:)?//[^\s>]+"
    # @import "https://..." and url(https://...) in CSS
    r"|@import\s+[\"'](?:https?:)?//[^\s;]+"
    r"|url\([\"']?(?:https?:)?//[^)]+\)",
    re.IGNORECASE,
)
"""Text that makes a browser request an address outside of the site; a link that a reader follows does not."""


def find_faults(site: Path) -> Iterator[str]:
    """Yield one line for each fault of a built site."""
    files = [file for file in sorted(site.rglob("*")) if file.suffix in {".html", ".css"}]
    if not files:
        yield f"{site}: no page; run `make docs`"
    for file in files:
        for request in OUTSIDE_REQUEST.finditer(file.read_text(encoding="utf-8")):
            yield f"{file.relative_to(site)}: requests {request[0][:120]}"
    catalogue = load_catalogue()
    pages = [f"rules/{id_}" for id_ in catalogue.findings]
    pages += [f"licenses/{id_}" for id_ in catalogue.licenses]
    for page in pages:
        if not (site / f"{page}.html").is_file():
            yield f"{page}.html: missing"


if __name__ == "__main__":
    faults = list(find_faults(SITE))
    sys.stderr.writelines(f"{fault}\n" for fault in faults)
    sys.exit(bool(faults))
