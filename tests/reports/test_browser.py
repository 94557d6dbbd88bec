"""The page of every kind of report in Chromium: accessible in each colour scheme and width, alone, inert, printable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from reports.conftest import REPORTS
from support.browser import open_page, run_axe
from support.cases import check_each

from modelaudit.model.report import AuditReport
from modelaudit.reports import render

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.counterpart, pytest.mark.xdist_group("browser")]

SHOWN = (("light", 1280), ("dark", 1280), ("light", 380))
"""The colour schemes and the widths in pixels in which a page is examined."""
MOST_SHEETS = 40


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write the page of each example report, and return the files by the name of the example."""
    folder = tmp_path_factory.mktemp("pages")
    files = {name: folder / f"{name}.html" for name in REPORTS}
    for name, file in files.items():
        file.write_bytes(render(REPORTS[name](), "html"))
    return files


@check_each("name", list(REPORTS))
def test_page_violates_no_rule_of_axe_and_fits_the_window_in_each_scheme_and_width(
    name: str, browser: Browser, pages: dict[str, Path]
) -> None:
    with open_page(browser, pages[name]) as opened:
        for scheme, width in SHOWN:
            opened.show(scheme=scheme, width=width)
            assert run_axe(opened.page) == [], f"{scheme}, {width} px"
            assert not opened.is_wider_than_the_window(), f"{scheme}, {width} px"


@check_each("name", list(REPORTS))
def test_page_requests_nothing_and_shows_no_text_of_a_model_as_markup(
    name: str, browser: Browser, pages: dict[str, Path]
) -> None:
    with open_page(browser, pages[name]) as opened:
        assert opened.requests == [pages[name].as_uri()]
        assert (opened.dialogs, opened.errors) == ([], [])
        assert opened.page.evaluate("document.images.length + document.forms.length + document.embeds.length") == 0


def test_page_of_hostile_texts_stays_inert_when_everything_is_unfolded(
    browser: Browser, pages: dict[str, Path]
) -> None:
    with open_page(browser, pages["hostile"]) as opened:
        opened.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert "<script>alert(1)</script><img src=x onerror=alert(2)>" in opened.page.inner_text("body")
        assert opened.page.evaluate("document.querySelectorAll('[onerror], [onclick], [onload], iframe').length") == 0
        assert (opened.dialogs, len(opened.requests)) == ([], 1)


@check_each("name", [name for name in REPORTS if name not in {"hostile", "crowded"}])
def test_print_fits_into_the_limit_of_sheets_and_states_the_verdict_on_the_first(
    name: str, browser: Browser, pages: dict[str, Path], tmp_path: Path, examples: dict[str, Callable[[], AuditReport]]
) -> None:
    with open_page(browser, pages[name]) as opened:
        sheets = opened.print_pdf(tmp_path / f"{name}.pdf")
    assert 0 < len(sheets) <= MOST_SHEETS
    assert all(sheet.strip() for sheet in sheets), "an empty sheet"
    decision = examples[name]().decision
    for answer in (decision.load, decision.use):
        assert str(answer.verdict) in sheets[0].casefold()
