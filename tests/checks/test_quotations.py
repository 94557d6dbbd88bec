"""Quotations of the lines of code that findings name, with the lines around them."""

from __future__ import annotations

from support.cases import check_each

from modelaudit.checks.quotations import quote_lines
from modelaudit.model.finding import CheckFamily, Finding, Severity, drop_context
from modelaudit.model.structure import Location

CODE = "import os\n\ndef load(path):\n    run = os.system\n    return run(path)\n\n\nload('x')\n"


def quote(*evidence: str, line: int | None = None, code: str = CODE) -> list[str]:
    """Return the evidence of a finding with the lines that it names quoted."""
    finding = Finding("code/x", Severity.HIGH, CheckFamily.SECURITY, "a.py", "It runs.", Location(line=line), evidence)
    (quoted,) = quote_lines([finding], code)
    return list(quoted.evidence)


@check_each(
    "evidence, line, expected",
    [
        (("line 4: call",), 4, ["line 4: call", "| def load(path):", ">     run = os.system", "|     return run(path)"]),
        # A blank neighbour is left out, and so is the indentation that all lines share.
        (("line 5: call",), 5, ["line 5: call", "| run = os.system", "> return run(path)"]),
        (("line 1: import",), 1, ["line 1: import", "> import os"]),
        (("line 8: call",), None, ["line 8: call", "> load('x')"]),
        # Only the line of the finding has neighbours, and no line is quoted twice.
        (
            ("line 4: call", "line 8: call", "line 4: name"),
            4,
            [
                *("line 4: call", "| def load(path):", ">     run = os.system", "|     return run(path)"),
                *("line 8: call", "> load('x')", "line 4: name"),
            ],
        ),
        (("line 2: blank", "line 99: past the end", "byte 4: no line"), 2, ["line 2: blank", "line 99: past the end", "byte 4: no line"]),
    ],
)  # fmt: skip
def test_line_of_a_finding_is_quoted_between_its_neighbours(
    evidence: tuple[str, ...], line: int | None, expected: list[str]
) -> None:
    assert quote(*evidence, line=line) == expected


def test_neighbours_of_a_quoted_line_are_cut_and_hold_no_secret() -> None:
    code = f"password = 'hunter2hunter2'\nrun()\nx = '{'y' * 300}'\n"
    _, before, quoted, after = quote("line 2: call", line=2, code=code)
    assert "hunter2" not in before and quoted == "> run()" and after.endswith("…") and len(after) == 162


def test_evidence_without_context_is_what_an_earlier_version_quoted() -> None:
    assert drop_context(quote("line 4: call", line=4)) == ["line 4: call", "> run = os.system"]
    # A line that begins like context and stands beside no quoted line is evidence.
    assert drop_context(["| a table |", "line 4: call", "> x"]) == ["| a table |", "line 4: call", "> x"]
