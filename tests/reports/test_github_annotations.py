"""Annotations of GitHub: at most ten, worst first, and no command from the text of a model."""

from __future__ import annotations

import re

from reports.conftest import HOSTILE
from support.cases import check_each

from modelaudit.model.artifact import RefKind
from modelaudit.model.copies import replace
from modelaudit.model.report import Anchor, AuditReport, Target
from modelaudit.model.structure import Location
from modelaudit.reports.github_annotations import render_annotations
from modelaudit.reports.results import list_results

COMMAND = re.compile(r"::(error|warning|notice) ((?:(?:file|line|title)=[^:,]*,?)+)::(.*)")


def render_lines(report: AuditReport) -> list[str]:
    """Return the lines of the annotations."""
    return render_annotations(report).decode().removesuffix("\n").split("\n")


def test_annotations_are_ten_at_most_worst_first_and_count_the_others(crowded: AuditReport) -> None:
    first, *commands, last, accepted, note = render_lines(crowded)
    assert first == "modelaudit: fail (load fail, use review): acme/tiny-llama"
    assert len(commands) == 10
    assert all(COMMAND.fullmatch(line) for line in commands)
    assert "critical%3A" in commands[0]
    number = len(list_results(crowded)) - 10 - 1
    assert last == f"modelaudit: and {number:,} more results, in the other reports"
    assert accepted == "modelaudit: 1 accepted result, not shown here"
    assert note == f"modelaudit: note: {crowded.target.notes[0]}"


def test_annotation_is_at_the_first_line_that_names_the_model(failing: AuditReport) -> None:
    anchors = (Anchor("src/lo,ad:1.py", 12), Anchor("b.py", 3))
    lines = render_lines(replace(failing, target=replace(failing.target, anchors=anchors)))
    assert lines[1].startswith("::error file=src/lo%2Cad%3A1.py,line=12,title=critical%3A ")
    assert "file=" not in render_lines(failing)[1], "a file of the model is not in the repository of the workflow"


def test_annotation_names_its_model_once(failing: AuditReport) -> None:
    finding = replace(failing.findings[0], artifact="data.pkl", location=Location(line=3))

    def read_message(target: Target) -> str:
        lines = render_lines(replace(failing, target=target, findings=(finding,)))
        return next(line.rpartition("::")[2] for line in lines if "data.pkl, line 3" in line)

    assert read_message(failing.target).startswith("acme/tiny-llama: data.pkl, line 3: ")
    file = replace(failing.target, kind=RefKind.FILE, name="data.pkl")
    assert read_message(file).startswith("data.pkl, line 3: ")


@check_each("text", [HOSTILE, "::set-output name=x::y", "a\n::set-output name=x::y", "a%0A::stop-commands::x", "##[x]"])
def test_text_of_a_model_is_no_command(text: str, failing: AuditReport) -> None:
    findings = tuple(replace(each, message=text, artifact=text, rule=text) for each in failing.findings)
    report = replace(failing, target=replace(failing.target, name=text), findings=findings)
    for line in render_lines(report):
        assert "##[" not in line
        assert line.startswith("modelaudit: ") or COMMAND.fullmatch(line)
        assert not re.search(r"%(?!25|0A|0D|3A|2C)", line)
        # The runner would turn an escape into a line break, after the command is parsed.
        assert "%0A" not in line


def test_annotations_of_long_texts_are_short(hostile: AuditReport) -> None:
    assert max(map(len, render_lines(hostile))) < 20_000
