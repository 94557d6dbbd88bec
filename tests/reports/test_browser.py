"""The page of every kind of report in Chromium: accessible in each colour scheme and width, alone, inert, printable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import pytest
from reports.conftest import REPORTS, build_pass_report
from support.browser import count_words, open_page, run_axe
from support.cases import check_each

import modelaudit
from modelaudit.model.copies import replace
from modelaudit.model.report import AuditReport, Coverage
from modelaudit.model.verdict import Question
from modelaudit.reports import render
from modelaudit.reports.answers import name_answer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.counterpart, pytest.mark.xdist_group("browser")]

SHOWN = (("light", 1280), ("dark", 1280), ("light", 380))
"""The colour schemes and the widths in pixels in which a page is examined."""
MOST_SHEETS = 40
FILES = 3_000
"""Of the report on many files."""
DEMO = Path(__file__).parents[2] / "fixtures/repositories/acme-tiny"


def build_report_on_many_files() -> AuditReport:
    """Build the passing report with many files in folders of a hundred."""
    report = build_pass_report()
    record = report.coverage.artifacts[0]
    records = tuple(replace(record, path=f"part-{number // 100:02}/{number:04}.bin") for number in range(FILES))
    return replace(report, decision=replace(report.decision, coverage=Coverage(records)))


LEAST_LINES: Final = 20
_FIND_NARROW: Final = """
    () => [...document.querySelectorAll("thead th:not(.number)")]
      .filter(each => each.getBoundingClientRect().width > 0 && each.closest("thead:not(.hidden)"))
      .filter(each => each.getBoundingClientRect().width < 0.14 * each.closest("table").getBoundingClientRect().width)
      .map(each => each.textContent)
"""
"""Columns of text that have less than a seventh of the width of their table."""
KINDS: dict[str, Callable[[], AuditReport]] = {**REPORTS, "many files": build_report_on_many_files}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write the page of each example report, and return the files by the name of the example."""
    folder = tmp_path_factory.mktemp("pages")
    files = {name: folder / f"{name}.html" for name in KINDS}
    for name, file in files.items():
        file.write_bytes(render(KINDS[name](), "html"))
    return files


@check_each("name", list(KINDS))
def test_page_violates_no_rule_of_axe_and_fits_the_window_in_each_scheme_and_width(
    name: str, browser: Browser, pages: dict[str, Path]
) -> None:
    with open_page(browser, pages[name]) as opened:
        for scheme, width in SHOWN:
            opened.show(scheme=scheme, width=width)
            assert run_axe(opened.page) == [], f"{scheme}, {width} px"
            assert not opened.is_wider_than_the_window(), f"{scheme}, {width} px"


@check_each("name", list(KINDS))
def test_page_requests_nothing_and_shows_no_text_of_a_model_as_markup(
    name: str, browser: Browser, pages: dict[str, Path]
) -> None:
    with open_page(browser, pages[name]) as opened:
        assert opened.requests == [pages[name].as_uri()]
        assert (opened.dialogs, opened.errors) == ([], [])
        assert opened.page.locator("img, embed, object, iframe, form:not(.filter), [action], base").count() == 0


def test_page_of_hostile_texts_stays_inert_when_everything_is_unfolded(
    browser: Browser, pages: dict[str, Path]
) -> None:
    with open_page(browser, pages["hostile"]) as opened:
        opened.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert "<script>alert(1)</script><img src=x onerror=alert(2)>" in opened.page.inner_text("body")
        assert opened.page.locator("[onerror], [onclick], [onload], iframe, img").count() == 0
        assert (opened.dialogs, len(opened.requests)) == ([], 1)


@check_each("name", list(KINDS))
@pytest.mark.parametrize(("width", "media"), [(1280, "screen"), (800, "screen"), (700, "print")])
def test_no_column_of_a_table_is_a_narrow_strip(
    name: str, width: int, media: Literal["screen", "print"], browser: Browser, pages: dict[str, Path]
) -> None:
    with open_page(browser, pages[name]) as opened:
        opened.page.set_viewport_size({"width": width, "height": 1000})
        opened.page.emulate_media(media=media)
        opened.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        narrow = opened.page.evaluate(_FIND_NARROW)
    assert narrow == []


@check_each("name", [name for name in KINDS if name != "hostile"])
def test_print_fits_into_the_limit_of_sheets_and_states_the_verdict_on_the_first(
    name: str, browser: Browser, pages: dict[str, Path], tmp_path: Path
) -> None:
    with open_page(browser, pages[name]) as opened:
        sheets = opened.print_pdf(tmp_path / f"{name}.pdf")
    assert 0 < len(sheets) <= MOST_SHEETS
    assert all(sheet.strip() for sheet in sheets), "an empty sheet"
    # A sheet has 60 to 70 lines; the head and the foot take two.
    assert sum(bool(line.strip()) for line in sheets[-1].splitlines()) >= LEAST_LINES, "a nearly empty last sheet"
    report = KINDS[name]()
    assert all(f"{name_answer(report, each)}." in sheets[0] for each in Question)
    # A head of a table whose rows begin on the next sheet says nothing.
    heads = ("File and digest", "Fact ", "In our words", "Folder ", "Words  ")
    for sheet in sheets:
        *_, last, _ = [line for line in sheet.splitlines() if line.strip()]
        assert not last.startswith(heads), last


def test_page_of_the_demonstration_prints_on_three_sheets_with_at_most_250_words_on_the_first(
    browser: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "demo.html"
    file.write_bytes(render(modelaudit.scan(DEMO, offline=True), "html"))
    with open_page(browser, file) as opened:
        sheets = opened.print_pdf(tmp_path / "demo.pdf")
    assert len(sheets) <= 3
    assert count_words(sheets[0]) <= 250


def test_filter_shows_the_files_that_contain_a_text_and_counts_them(browser: Browser, pages: dict[str, Path]) -> None:
    with open_page(browser, pages["many files"]) as opened:
        search = opened.page.locator("input[type=search]")
        rows = opened.page.locator("#file-result tbody tr:visible")
        search.fill("part-07/")
        assert rows.count() == 100
        search.fill("PART-07/0711")
        assert rows.all_inner_texts()[0].startswith("part-07/0711.bin")
        assert opened.page.locator("#file-count").inner_text() == f"1 of {FILES:,} files"
        assert run_axe(opened.page) == []
        search.fill("no such file")
        assert rows.count() == 0
        search.fill("")
        assert rows.count() == 0 and not opened.errors


def test_page_lists_every_file_without_its_script(browser: Browser, pages: dict[str, Path]) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(pages["many files"].as_uri())
        text = page.locator("body").text_content() or ""
        assert [number for number in range(FILES) if f"part-{number // 100:02}/{number:04}.bin" not in text] == []
        assert not page.locator("input[type=search]").is_visible()


@check_each("width", [600, 700, 1280])
def test_number_in_the_heading_of_a_group_keeps_to_one_line(
    width: int, browser: Browser, pages: dict[str, Path]
) -> None:
    count_lines = """() => [...document.querySelectorAll(".need .count")].map(each => {
      each.textContent = "12,300";
      const range = document.createRange();
      range.selectNodeContents(each);
      return new Set([...range.getClientRects()].map(box => box.top)).size;
    })"""
    with open_page(browser, pages["fail"]) as opened:
        opened.page.set_viewport_size({"width": width, "height": 900})
        opened.page.emulate_media(media="print")
        lines = opened.page.evaluate(count_lines)
    assert set(lines) == {1}
