"""Quote the lines of source code that findings name, behind the lines of evidence that name them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

from modelaudit.checks.redaction import redact_secrets
from modelaudit.model.artifact import Artifact
from modelaudit.model.copies import replace
from modelaudit.model.errors import WindowError
from modelaudit.model.finding import CONTEXT_MARK, QUOTATION_MARK, Finding
from modelaudit.model.lazy_pattern import defer_pattern

_QUOTABLE_FORMATS: Final = frozenset({"python", "shell", "jinja"})
"""The formats whose line numbers count the lines of the file itself."""
_LONGEST_QUOTATION: Final = 160  # characters
_NAMED_LINE: Final = defer_pattern(r"line (\d{1,9}): ")
_LINE_BREAK: Final = defer_pattern(r"\r\n|\r|\n")


def quote_files(
    findings: list[Finding], artifacts: Iterable[Artifact], formats: Mapping[str, Sequence[str]], most_bytes: int
) -> None:
    """Quote in place the lines of code that findings name; a file that cannot be read again is not quoted.

    Args:
        findings: of all files.
        artifacts: the files.
        formats: of each file, outermost first.
        most_bytes: how much of a file is read.
    """
    naming: defaultdict[str, list[int]] = defaultdict(list)
    for index, finding in enumerate(findings):
        outermost = next(iter(formats.get(finding.artifact, ())), "")
        if outermost in _QUOTABLE_FORMATS and _names_lines(finding):
            naming[finding.artifact].append(index)
    for artifact in artifacts:
        if artifact.path not in naming or artifact.open is None:
            continue
        with suppress(WindowError), artifact.open() as window:
            text = window.read(0, min(window.size, most_bytes))
            indices = naming[artifact.path]
            quoted = quote_lines([findings[index] for index in indices], text.decode("utf-8", "replace"))
            for index, finding in zip(indices, quoted, strict=True):
                findings[index] = finding


def _names_lines(finding: Finding) -> bool:
    """Whether the evidence of a finding names a line of its file that may be quoted; one with a secret may not."""
    is_secret = finding.rule.startswith("secret")
    return not is_secret and any(_NAMED_LINE.match(line) for line in finding.evidence)


def quote_lines(findings: Collection[Finding], text: str) -> Iterator[Finding]:
    """Yield the findings on one file with the named lines quoted; ``text`` is the file, perhaps only its beginning.

    The line of the finding has the line before and the line after it around it, if they hold code.
    """
    lines = _LINE_BREAK.split(text)
    for finding in findings:
        evidence: list[str] = []
        quoted: set[int] = set()
        for each in finding.evidence:
            evidence.append(each)
            match = _NAMED_LINE.match(each)
            number = int(match[1]) if match else 0
            if 0 < number <= len(lines) and number not in quoted and lines[number - 1].strip():
                is_main = number == (finding.location.line or number) and not quoted
                evidence += _quote_line(lines, number, around=is_main)
                quoted.add(number)
        yield replace(finding, evidence=tuple(evidence))


def _quote_line(lines: Sequence[str], number: int, *, around: bool) -> list[str]:
    """Quote a line, counted from 1, perhaps between its neighbours; the indentation that they share is left out."""
    first, end = (max(number - 2, 0), number + 1) if around else (number - 1, number)
    shown = {index: lines[index] for index in range(first, min(end, len(lines))) if lines[index].strip()}
    margin = min(len(line) - len(line.lstrip()) for line in shown.values())
    return [
        (QUOTATION_MARK if index == number - 1 else CONTEXT_MARK) + _format_quotation(line[margin:])
        for index, line in shown.items()
    ]


def _format_quotation(line: str) -> str:
    """Format a line without blanks at its end and without secrets, cut where it is too long."""
    words = redact_secrets(line.rstrip())
    return words if len(words) <= _LONGEST_QUOTATION else f"{words[: _LONGEST_QUOTATION - 1]}…"
