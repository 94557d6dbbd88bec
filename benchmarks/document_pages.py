"""The page of a large model and that of the demonstration in Chromium: elements, filter, sheets of paper and words.

Two sections for ``benchmarks/documents.py``.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from costs import Figure, Section
from samples import ROOT

# isort: split
from support.browser import count_words, launch_chromium, open_page

from modelaudit.reports import render
from modelaudit.reports.json_report import parse_report

if TYPE_CHECKING:
    from playwright.sync_api import Page

_MB_MOST: Final = 5.0
_ELEMENTS_MOST: Final = 30_000
_MILLISECONDS_MOST: Final = 200
_SHEETS_MOST: Final = 40
_DEMO_SHEETS_MOST: Final = 3
_WORDS_MOST: Final = 250
_FILTER: Final = """text => new Promise(done => {
    const field = document.querySelector('input[type=search]');
    const begun = performance.now();
    field.value = text;
    field.dispatchEvent(new Event('input', {bubbles: true}));
    // A task after the next frame, so that the new rows are laid out and painted.
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun)));
})"""
_TYPED: Final = ("part-01999", "note-000", "p", ".pkl", "")
"""Texts that are typed into the filter: one file, some, nearly all, a kind, and none."""


def measure_large_page(report: Path) -> Section:
    """Measure the page of the large model."""
    file = report.parent / "large.html"
    file.write_bytes(render(parse_report(report.read_bytes()), "html"))
    with launch_chromium() as browser, open_page(browser, file) as opened:
        elements = opened.count_elements()
        slowest = _measure_filter(opened.page)
        sheets = len(opened.print_pdf(report.parent / "large.pdf"))
        requests = len(opened.requests) - 1
    size = file.stat().st_size / 1e6
    filtered = (
        Figure("filter of the inventory", "there is none", f"at most {_MILLISECONDS_MOST} ms", False)
        if slowest is None
        else Figure.compare("slowest answer of the filter, ms", round(slowest), _MILLISECONDS_MOST)
    )
    lines = ["## The page of the large model\n", f"{_name_browser()}, window of 1,280 x 900 pixels, print on A4.\n"]
    return lines, [
        Figure.compare("page of the large model, MB", size, _MB_MOST),
        Figure.compare("its elements when it opens", elements, _ELEMENTS_MOST),
        filtered,
        Figure.compare("its printed sheets", sheets, _SHEETS_MOST),
        Figure.compare("requests that it makes", requests, 0),
    ]


def _measure_filter(page: Page) -> float | None:
    """Return the milliseconds of the slowest answer of the filter, each the median of three; ``None`` without one."""
    if page.query_selector("input[type=search]") is None:
        return None
    return max(statistics.median(page.evaluate(_FILTER, text) for _ in range(3)) for text in _TYPED)


def measure_demo(folder: Path) -> Section:
    """Scan the model of the demonstration as ``make demo`` does, and print its page.

    Raises:
        SystemExit: the scan ends with another exit code than 0.
    """
    file = folder / "demo.html"
    command = ["-m", "modelaudit", "scan", "fixtures/repositories/acme-tiny", "--offline", "-q", "-o", f"html={file}"]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise SystemExit(f"the scan of the demonstration ends with {done.returncode}, expected 0")
    with launch_chromium() as browser, open_page(browser, file) as opened:
        sheets = opened.print_pdf(folder / "demo.pdf")
    return [], [
        Figure.compare("printed sheets of the demonstration", len(sheets), _DEMO_SHEETS_MOST),
        Figure.compare("words on its first sheet", count_words(sheets[0]), _WORDS_MOST),
    ]


def _name_browser() -> str:
    """Return name and version of the browser."""
    with launch_chromium() as browser:
        return f"Chromium {browser.version}"
