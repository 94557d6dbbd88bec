"""Render published lists of minimum elements: present ones with their source, absent ones, not automatable ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from msgspec import Struct
from rich.console import Group, RenderableType
from rich.text import Text

from modelaudit.model.description import Confidence, Contradiction
from modelaudit.model.elements import RUN, Element, ElementList, ElementState
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.report import AuditReport
from modelaudit.reports.canonical_json import Json, encode_canonical
from modelaudit.reports.layout import build_rows, build_text, build_title, indent_block, render_parts
from modelaudit.reports.text import escape_unprintable
from modelaudit.reports.view import get_model_name
from modelaudit.reports.wording import join_phrases

SCHEMA: Final = "modelaudit/elements/v1"
NO_LISTS: Final = (
    "This report holds no lists of elements. A scan judges them if the policy checks the integrity of files."
)
_WIDTH: Final = 80
_LABEL: Final = 31
STATES: Final = {
    ElementState.PRESENT: "present",
    ElementState.PARTLY: "partly present",
    ElementState.ABSENT: "absent",
    ElementState.NOT_AUTOMATABLE: "for a person to state",
}
_STYLES: Final = {
    ElementState.PRESENT: "green",
    ElementState.PARTLY: "yellow",
    ElementState.ABSENT: "yellow",
    ElementState.NOT_AUTOMATABLE: "dim",
}


class Shares(Struct, frozen=True):
    """The numbers of elements of one list, those that are present by their strongest source.

    Attributes:
        examined: verified, or found in a file that a program depends on.
        declared: stated by the publisher alone.
        run: facts of this scan itself.
    """

    total: int
    examined: int
    declared: int
    run: int
    partly: int
    absent: int
    not_automatable: int

    @property
    def present(self) -> int:
        """The number of present elements."""
        return self.examined + self.declared + self.run


def count_shares(each: ElementList) -> Shares:
    """Count the elements of a list by the confidence of their strongest source."""
    present = (element for element in each.elements if element.state is ElementState.PRESENT)
    counts = Counter(element.sources[0].confidence for element in present)
    return Shares(
        len(each.elements),
        counts[Confidence.VERIFIED] + counts[Confidence.FOUND],
        counts[Confidence.DECLARED],
        counts[RUN],
        each.count(ElementState.PARTLY),
        each.count(ElementState.ABSENT),
        each.count(ElementState.NOT_AUTOMATABLE),
    )


def summarize_list(each: ElementList) -> str:
    """Summarise a list in one line: its states, the sources of the present elements, and its score."""
    shares = count_shares(each)
    counts = (("verified or found", shares.examined), ("declared", shares.declared), ("by this run", shares.run))
    # Of zero counts only that of examined elements is of interest.
    named = [
        f"{words} {_describe_share(count, shares.total)}"
        for words, count in counts
        if count or words == "verified or found"
    ]
    sources = ", ".join(named)
    partly = f"{shares.partly} partly present, " if shares.partly else ""
    score = ""
    if each.score is not None:
        profile = f", profile {each.profile}" if each.profile else ", below the lowest profile"
        score = f"Score {each.score:.1f} of 100, weighted by the list{profile}. "
    return (
        f"{score}{shares.present} of {shares.total} present: {sources}. "
        f"{partly}{shares.absent} absent, {shares.not_automatable} for a person to state."
    )


def _describe_share(count: int, total: int) -> str:
    """Describe a number with its share of all elements: ``12 (24 %)``."""
    return f"{count} ({100 * count / total:.0f} %)" if total else str(count)


def group_elements(each: ElementList) -> Iterator[tuple[str, list[Element]]]:
    """Yield the title of each group with its elements, in the order of the list."""
    for group, elements in groupby(each.elements, key=lambda element: element.group):
        words = group.replace("_", " ")
        yield f"{words[:1].upper()}{words[1:]}", list(elements)


def list_source_lines(element: Element) -> list[str]:
    """List the sources of a present element: value, confidence and place; a fact of the run has its place alone."""
    return [
        f"{source.value} ({source.place if source.confidence == RUN else f'{source.confidence}, {source.place}'})"
        for source in element.sources
    ]


def describe_edition(each: ElementList) -> str:
    """Describe the date of a list, and the day of the comparison of its entries with their source."""
    dated = f"of {each.date}, " if each.date else ""
    return f"{dated}compared with its source on {each.checked}"


def list_contradictions(report: AuditReport) -> tuple[Contradiction, ...]:
    """List the declared facts that the files contradict."""
    return report.description.contradictions


def _select_lists(report: AuditReport, id_: str) -> tuple[ElementList, ...]:
    """Return the list with this id, or all of them for an empty id.

    Raises:
        ConfigurationError: the report has lists, and none with this id.
    """
    found = tuple(each for each in report.elements if id_ in ("", each.id))
    if report.elements and not found:
        known = ", ".join(each.id for each in report.elements)
        raise ConfigurationError(f"elements:{id_}: the report has no such list; choose one of: {known}")
    return found


def render_elements(report: AuditReport, id_: str = "") -> bytes:
    """Render the lists, or the one with this id, as text for 80 columns. Raises ``ConfigurationError``."""
    lists = _select_lists(report, id_)
    parts: list[RenderableType] = [build_text("Minimum elements of ", (get_model_name(report.target), "bold"))]
    contradictions = list_contradictions(report)
    if contradictions:
        lines = [build_text(f"- {each.sentence}") for each in contradictions]
        parts.append(Group(build_title("Card and files contradict each other"), *map(indent_block, lines)))
    if not lists:
        parts.append(build_text(NO_LISTS))
    parts += [_render_list(each) for each in lists]
    return render_parts(parts, width=_WIDTH, color=False)


def _render_list(each: ElementList) -> Group:
    """Render one list: its title, summary and notes, then its elements by group."""
    blocks: list[RenderableType] = [
        build_text((each.title, "bold")),
        indent_block(build_text(f"{describe_edition(each)}.")),
        indent_block(build_text(summarize_list(each))),
    ]
    for title, elements in group_elements(each):
        blocks += [Text(), indent_block(build_title(title))]
        blocks.append(build_rows([_build_row(element) for element in elements], indent=4, label=_LABEL))
    if each.notes:
        blocks += [Text(), *(indent_block(build_text(f"- {note}")) for note in each.notes)]
    return Group(*blocks)


def describe_element(element: Element) -> str:
    """Describe the sources of an element, the parts that are missing, and where a publisher would state these."""
    if element.state is ElementState.NOT_AUTOMATABLE:
        return element.why
    where = f"Expected source: {element.why}" if element.why else ""
    if element.state is ElementState.ABSENT:
        return where
    stated = "; ".join(list_source_lines(element))
    return f"{stated}. Missing: {join_phrases(element.missing_parts)}. {where}" if element.missing_parts else stated


def _build_row(element: Element) -> tuple[str, Text]:
    """Build the row of an element: its name, and its state with sources or the reason."""
    state = STATES[element.state], _STYLES[element.state]
    is_present = element.state is ElementState.PRESENT and bool(element.sources)
    words = list_source_lines(element)[0] if is_present else describe_element(element)
    name = element.name if element.id == element.name else f"{element.id} {element.name}"
    return escape_unprintable(name), build_text(state, ". " if element.state is ElementState.ABSENT else ": ", words)


def render_elements_json(report: AuditReport, id_: str = "") -> bytes:
    """Render the lists, or the one with this id, as JSON in the form of the report. Raises ``ConfigurationError``."""
    document: dict[str, Json] = {
        "schema": SCHEMA,
        "model": escape_unprintable(get_model_name(report.target)),
        "commit": escape_unprintable(report.target.commit or ""),
        "created": report.created,
        "contradictions": [escape_unprintable(each.sentence) for each in list_contradictions(report)],
        "lists": [_convert_list(each) for each in _select_lists(report, id_)],
    }
    return encode_canonical(document)


def _convert_list(each: ElementList) -> dict[str, Json]:
    """Convert one list to JSON, with the numbers of its elements by source."""
    shares = count_shares(each)
    return {
        "id": each.id,
        "title": each.title,
        "date": each.date,
        "checked": each.checked,
        "score": each.score,
        "profile": each.profile,
        "notes": list(each.notes),
        "counts": {
            "total": shares.total,
            "present": shares.present,
            "partly-present": shares.partly,
            "verified-or-found": shares.examined,
            "declared": shares.declared,
            "run": shares.run,
            "absent": shares.absent,
            "not-automatable": shares.not_automatable,
        },
        "elements": [_convert_element(element) for element in each.elements],
    }


def _convert_element(element: Element) -> dict[str, Json]:
    """Convert one element to JSON."""
    return {
        "id": element.id,
        "group": element.group,
        "name": element.name,
        "state": element.state.value,
        "why": escape_unprintable(element.why),
        "missing": [escape_unprintable(part) for part in element.missing_parts],
        "sources": [
            {
                "value": escape_unprintable(source.value),
                "confidence": source.confidence,
                "place": escape_unprintable(source.place),
            }
            for source in element.sources
        ],
    }
