"""The page of a model with 10,000 files and 2,000 findings in Chromium, and the page that `make demo` writes."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from reports.conftest import HIGH_GATES, UNLISTED, build_fail_report
from support.browser import count_words, open_page, run_axe
from support.decisions import build_decision

import modelaudit
from modelaudit.model.copies import replace
from modelaudit.model.digest import Claim, ClaimSource, Digest, DigestAlgorithm
from modelaudit.model.finding import CheckFamily, Finding, Severity
from modelaudit.model.report import Absence, ArtifactRecord, AuditReport, Coverage, DigestState, Extent
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.model.verdict import Verdict
from modelaudit.reports import render
from modelaudit.reports.html import render_html
from modelaudit.reports.json_report import compute_report_digest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.counterpart, pytest.mark.xdist_group("browser")]

ROOT: Final = Path(__file__).resolve().parents[2]
FILES, FINDINGS, RULES, ABSENCES = 10_000, 2_000, 60, 1_000
MOST_BYTES, MOST_ELEMENTS, MOST_SHEETS = 5_000_000, 30_000, 40
EVIL: Final = "</pre></script><script>alert(1)</script><img src=x onerror=alert(2)>.bin"


def build_large_report() -> AuditReport:
    """Build a failing report whose findings differ in everything, so that none of them folds with another."""
    plain = build_fail_report()
    rules = [
        replace(UNLISTED, id=f"pickle/rule-{number}", severity=list(Severity)[number % len(Severity)])
        for number in range(RULES)
    ]
    records = [_build_record(number) for number in range(FILES)]
    findings = tuple(
        Finding(
            rules[number % RULES].id,
            rules[number % RULES].severity,
            CheckFamily.SECURITY,
            records[number].path,
            f"Loading it calls acme.restore_{number}, which is on no list.",
            Location(offset=number),
            (f"byte {number}: REDUCE acme.restore_{number}", "| 11 MARK", "> 12 REDUCE", "| 13 STOP"),
            str(number),
        )
        for number in range(FINDINGS)
    )
    decision = build_decision(Verdict.FAIL, ("2,000 findings.",), Coverage(tuple(records)), plain.license)
    policy = replace(plain.policy, gates=HIGH_GATES)
    return replace(plain, findings=findings, rules=tuple(rules), decision=decision, policy=policy)


def _build_record(number: int) -> ArtifactRecord:
    """Build the record of one file; a thousand of them have a part that was not read, each for its own reason."""
    name = EVIL if number == FILES - 1 else f"part-{number:05}.bin"
    path = f"shards/{number % 97:02}/deep/{name}"
    digest = Digest(DigestAlgorithm.SHA256, hashlib.sha256(path.encode()).hexdigest())
    unread = Unread(UnreadReason.DAMAGED, f"the stream breaks off at opcode {number}", Location(offset=number))
    is_damaged = number < ABSENCES
    return ArtifactRecord(
        path,
        1_000 + number,
        Extent.PARTLY if is_damaged else Extent.EXAMINED,
        ("zip", "pickle"),
        digests=(digest,),
        claims=(Claim(digest, ClaimSource.HUB, "https://huggingface.co"),),
        digest_state=DigestState.MATCH,
        absences=((f"{path}!data.pkl", Absence(unread)),) if is_damaged else (),
    )


@pytest.fixture(scope="module")
def large() -> AuditReport:
    return build_large_report()


@pytest.fixture(scope="module")
def large_page(large: AuditReport, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page of the large report."""
    file = tmp_path_factory.mktemp("large") / "large.html"
    file.write_bytes(render_html(large))
    return file


@pytest.fixture(scope="module")
def demo_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Write the page of the model that ``make demo`` scans."""
    file = tmp_path_factory.mktemp("demo") / "report.html"
    file.write_bytes(render(modelaudit.scan(ROOT / "fixtures/repositories/acme-tiny", offline=True), "html"))
    return file


def test_large_page_is_bounded_and_accessible_and_requests_nothing(browser: Browser, large_page: Path) -> None:
    assert large_page.stat().st_size <= MOST_BYTES
    with open_page(browser, large_page) as opened:
        assert opened.count_elements() <= MOST_ELEMENTS
        assert run_axe(opened.page) == []
        for width in (1280, 380):
            opened.show(width=width)
            assert not opened.is_wider_than_the_window()
        assert (opened.requests, opened.dialogs, opened.errors) == ([large_page.as_uri()], [], [])


def test_print_of_the_large_page_is_bounded_and_names_the_table_that_has_the_rest(
    browser: Browser, large_page: Path, large: AuditReport, tmp_path: Path
) -> None:
    with open_page(browser, large_page) as opened:
        sheets = opened.print_pdf(tmp_path / "large.pdf")
    assert len(sheets) <= MOST_SHEETS
    text = " ".join(" ".join(sheets).split())
    table = render(large, "csv")
    rows = [row for row in csv.DictReader(io.StringIO(table.decode(), newline="")) if row["path"]]
    assert len(rows) == FILES
    assert f"one for each file; SHA-256 {hashlib.sha256(table).hexdigest()}" in text
    assert f"{FILES:,} rows of single files are folded and not printed" in text
    # The decision fills the first two sheets, and the block to sign is whole.
    assert "May it be loaded?" in sheets[0] and "Not examined" in sheets[0]
    assert [index for index, sheet in enumerate(sheets) if "Second signature" in sheet] == [1]
    assert "Sign-off" in sheets[
        1
    ] and "identified by the SHA-256 of its data (the JSON output) at the foot of each sheet" in " ".join(
        sheets[1].split()
    )
    assert all(f"SHA-256 {compute_report_digest(large)}" in sheet for sheet in sheets)


def test_filter_of_the_large_page_finds_files_and_shows_hostile_names_as_text(
    browser: Browser, large_page: Path
) -> None:
    with open_page(browser, large_page) as opened:
        page = opened.page
        page.fill("#file-filter", "PART-00123")
        assert page.inner_text("#file-count") == f"1 of {FILES:,} files"
        row = page.inner_text("#file-result tbody")
        assert "shards/26/deep/part-00123.bin" in row and "1,123" in row and "partly examined, verified" in row
        page.fill("#file-filter", "partly examined")
        assert page.inner_text("#file-count") == f"{ABSENCES:,} of {FILES:,} files, the first 200 below"
        assert page.locator("#file-result tbody tr").count() == 200
        page.fill("#file-filter", "onerror")
        assert EVIL in page.inner_text("#file-result tbody")
        page.fill("#file-filter", "")
        assert page.locator("#file-result").is_hidden()
        page.select_option("#file-sort", "size")
        assert page.inner_text("#file-result tbody tr:first-child").split()[0].endswith("onerror=alert(2)>.bin") or (
            EVIL in page.inner_text("#file-result tbody tr:first-child")
        )
        assert page.evaluate("document.images.length") == 0
        assert (opened.dialogs, opened.errors, len(opened.requests)) == ([], [], 1)


def test_large_page_is_complete_without_its_script(browser: Browser, large_page: Path, large: AuditReport) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(large_page.as_uri())
        assert page.locator(".filter").is_hidden()
        lines = "\n".join(page.locator(".listing").all_text_contents())
        text = page.locator("body").text_content() or ""
    for record in large.coverage.artifacts:
        assert f"{record.digests[0].value}  " in lines and record.path in lines
    for finding in large.findings:
        assert finding.fingerprint in text and finding.message in text


def test_browser_runs_no_other_script_than_that_of_the_page(browser: Browser, large_page: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed.html"
    changed.write_text(large_page.read_text().replace("const most = 200;", "const most = 100; window.ran = true;"))
    with open_page(browser, changed) as opened:
        assert opened.page.evaluate("'ran' in window") is False
        assert opened.page.locator(".filter").is_hidden()
        assert any("Content Security Policy" in each for each in opened.errors)


def test_page_of_the_demo_prints_on_three_sheets_and_the_first_has_at_most_250_words(
    browser: Browser, demo_page: Path, tmp_path: Path
) -> None:
    with open_page(browser, demo_page) as opened:
        assert run_axe(opened.page) == []
        sheets = opened.print_pdf(tmp_path / "demo.pdf")
        assert opened.page.evaluate("document.scripts.length") == 0
    assert len(sheets) <= 3
    assert count_words(sheets[0]) <= 250
    assert [index for index, sheet in enumerate(sheets) if "Sign-off" in sheet and "Second signature" in sheet] == [1]
