"""Take the pictures of real reports that the documents show, with Playwright and the Chromium on ``PATH``.

``make screenshots`` runs it. Pictures differ between versions of Chromium and its fonts, so that they are not compared.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT / "tests") not in sys.path:
    sys.path.append(str(ROOT / "tests"))

from support.browser import launch_chromium, open_page  # noqa: E402 - the folder of the tests is on no path
from transcripts import WHEN  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser

IMAGES: Final = ROOT / "docs/images"
WIDTH, HEIGHT = 1000, 760
"""The window of a picture in pixels."""
MOST_BYTES: Final = 200_000


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of the page of one report.

    Attributes:
        name: of the document that shows it.
        command: the words of the scan, without its output.
        exit_code: of the scan.
        place: a CSS selector of the element at the top of the picture; empty for the top of the page.
    """

    name: str
    command: str
    exit_code: int
    place: str = ""


PICTURES: Final = (
    Picture("start", "scan fixtures/repositories/acme-tiny", 0),
    Picture("ci", "scan fixtures/repositories/auto-map-reverse-shell", 1),
    Picture("security-engineers", "scan fixtures/repositories/auto-map-reverse-shell", 1, "#findings"),
    Picture(
        "compliance-officers",
        "license fixtures/repositories/licenses/models/gemma-2b-gguf --policy eu-regulated",
        3,
    ),
)


def take_pictures(folder: Path) -> None:
    """Write every picture to a folder as PNG.

    Raises:
        RuntimeError: a scan ends with another exit code than expected, or a picture is too large.
    """
    with tempfile.TemporaryDirectory() as written, launch_chromium() as browser:
        for picture in PICTURES:
            page = Path(written) / f"{picture.name}.html"
            _write_page(picture, page)
            _take_picture(browser, picture, page, folder / f"{picture.name}.png")


def _write_page(picture: Picture, page: Path) -> None:
    """Write the page of the report that a picture shows."""
    words = [*picture.command.split(), "--offline", "-q", "-o", f"html={page}"]
    environment = os.environ | {"SOURCE_DATE_EPOCH": WHEN, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "modelaudit", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != picture.exit_code:
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}, not {picture.exit_code}: {done.stderr}")


def _take_picture(browser: Browser, picture: Picture, page: Path, file: Path) -> None:
    """Open a page in the light colours and take its picture from the chosen place on."""
    with open_page(browser, page) as opened:
        opened.show(width=WIDTH)
        opened.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        if picture.place:
            opened.page.evaluate("place => document.querySelector(place).scrollIntoView()", picture.place)
        opened.page.screenshot(path=file, animations="disabled")
    if file.stat().st_size > MOST_BYTES:
        raise RuntimeError(f"{file.name} has {file.stat().st_size:,} bytes, more than {MOST_BYTES:,}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=IMAGES, help="for the pictures (default: docs/images)")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    take_pictures(chosen.folder)
