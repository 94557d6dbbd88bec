"""Chromium of the system opens what modelaudit writes: colours, widths, requests, accessibility and print."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT: Final = Path(__file__).resolve().parents[2]
_AXE: Final = ROOT / "build/npm/node_modules/axe-core/axe.min.js"
_CHROMIUM: Final = ("chromium", "chromium-browser", "google-chrome")
"""The names of the command, by distribution."""


@dataclass
class OpenPage:
    """A file that is open in the browser.

    Attributes:
        page: the page of Playwright.
        requests: the address of each request that the page made, its own first.
        dialogs: the text of each dialog that a script opened; each is dismissed.
        errors: the messages of the console and of scripts that failed.
    """

    page: Page
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def show(self, *, scheme: str = "light", width: int = 1280) -> None:
        """Show the page in a colour scheme, light or dark, and with a width in pixels."""
        self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        self.page.set_viewport_size({"width": width, "height": 900})

    def count_elements(self) -> int:
        """Count the elements of the page as it is now."""
        return int(self.page.evaluate("document.querySelectorAll('*').length"))

    def is_wider_than_the_window(self) -> bool:
        """Whether a reader has to scroll sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))

    def print_pdf(self, path: Path) -> list[str]:
        """Print the page to a PDF on A4 unless its style sheet names another size; return the text of each sheet."""
        self.page.pdf(path=path, format="A4", prefer_css_page_size=True)
        return read_pdf_pages(path)


@contextmanager
def launch_chromium() -> Iterator[Browser]:
    """Start Chromium, which is found on ``PATH``, without a window.

    Playwright keeps an event loop in its thread, so nothing else in this thread may run one until the browser ends.
    """
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if found is None:
        raise FileNotFoundError("Chromium is missing; requirements/install-system.sh installs it")
    with sync_playwright() as playwright:
        # Chromium has no sandbox for root, and containers often forbid the one for others.
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for the tests of one module; give them the marker and the group ``browser``, so that one starts."""
    with launch_chromium() as started:
        yield started


@contextmanager
def open_page(browser: Browser, file: Path) -> Iterator[OpenPage]:
    """Open a file as a reader would, and record what it requests."""
    with browser.new_context() as context:
        opened = OpenPage(context.new_page())
        context.on("request", lambda request: opened.requests.append(request.url))
        opened.page.on("dialog", lambda dialog: (opened.dialogs.append(dialog.message), dialog.dismiss()))
        opened.page.on("console", lambda message: opened.errors.append(message.text))
        opened.page.on("pageerror", lambda error: opened.errors.append(str(error)))
        opened.page.goto(file.resolve().as_uri())
        yield opened


def run_axe(page: Page) -> list[str]:
    """Run axe-core on a page as it is shown now; return a line for each violation, with its rule and its places."""
    # The tools of a developer may run a script that the page's own policy forbids.
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE.read_text(encoding="utf-8"))
    violations = page.evaluate("axe.run({resultTypes: ['violations']}).then(found => found.violations)")
    return [
        f"{each['id']} ({each['impact']}): {'; '.join(str(node['target']) for node in each['nodes'][:5])}"
        for each in violations
    ]


def read_pdf_pages(path: Path) -> list[str]:
    """Return the text of each page of a PDF, as poppler reads it."""
    done = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, check=True)
    return done.stdout.decode().split("\f")[:-1]  # each page ends with a form feed


def count_words(text: str) -> int:
    """Count the words of a text: what lies between white space and holds a letter or a digit."""
    return sum(bool(re.search(r"\w", each)) for each in text.split())
