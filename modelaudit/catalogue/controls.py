"""Read ``rules/controls.yaml``: controls of published catalogues, and the facts that are evidence for each."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping
from typing import Annotated, Final

from pydantic import Field
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.document import Document, Place
from modelaudit.catalogue.schema import CONFIG, IsoDate, Kebab, Shape, Text
from modelaudit.model.controls import Control, Controls, EvidenceLine, FactName, read_fact_name
from modelaudit.model.lazy_pattern import defer_pattern

_FORBIDDEN: Final = defer_pattern(r"\b(complian(?:t|ce)|fulfil\w*|satisf\w+|certified)\b", re.IGNORECASE)
"""Words that would state more than a report can show; a control asks for a process of an organisation."""


@dataclass(config=CONFIG)
class FrameworkFile:
    """A catalogue of controls, with what was read of it."""

    title: Text
    read: Text


@dataclass(config=CONFIG)
class LineFile:
    """A part of a sentence, and the facts without or with which it does not hold."""

    needs: Annotated[list[Text], Field(min_length=1)]
    says: Text
    lacks: list[Text] = Field(default_factory=list)


@dataclass(config=CONFIG)
class ControlFile:
    """One control."""

    framework: Kebab
    id: Text
    title: Text
    open: Annotated[list[Text], Field(min_length=1)]
    supports: dict[Kebab, Text] = Field(default_factory=dict)
    adds: dict[Kebab, Text] = Field(default_factory=dict)


@dataclass(config=CONFIG)
class ControlsFile:
    """``rules/controls.yaml``."""

    checked: IsoDate
    frameworks: dict[Kebab, FrameworkFile]
    evidence: dict[Kebab, Annotated[list[LineFile], Field(min_length=1)]]
    controls: list[ControlFile]


_SHAPE: Final = Shape(ControlsFile)


def read_controls(documents: Iterable[Document]) -> Controls:
    """Read the controls; a rule set may have none.

    Raises:
        ConfigurationError: a control or a kind of evidence is listed twice, a control cites a catalogue that the file
            lacks or an unknown kind of evidence, a line cites an unknown fact, or a text claims that a control is met.
    """
    merged = Controls()
    for document in documents:
        file = _SHAPE.read(document)
        evidence = {
            kind: tuple(_read_line(line, ("evidence", kind, index), document) for index, line in enumerate(lines))
            for kind, lines in file.evidence.items()
        }
        for kind in evidence:
            if kind in merged.evidence:
                raise document.error(f"evidence: {kind!r} is listed already; choose another name", ("evidence", kind))
        evidence = {**merged.evidence, **evidence}
        known = {(each.framework, each.id) for each in merged.controls}
        controls = []
        for index, each in enumerate(file.controls):
            place: Place = ("controls", index)
            if each.framework not in file.frameworks:
                raise document.error(f"controls.{index}.framework: no {each.framework!r} under 'frameworks'", place)
            title = file.frameworks[each.framework].title
            control = Control(title, each.id, each.title, dict(each.supports), tuple(each.open), dict(each.adds))
            _check_control(control, place, evidence, document)
            if (control.framework, control.id) in known:
                raise document.error(f"controls.{index}: {control.id} is listed already; remove one entry", place)
            known.add((control.framework, control.id))
            controls.append(control)
        merged = Controls((*merged.controls, *controls), evidence, merged.checked or file.checked)
    return merged


def _check_control(
    control: Control, place: Place, evidence: Mapping[str, tuple[EvidenceLine, ...]], document: Document
) -> None:
    """Raise ``ConfigurationError`` if a control cites unknown evidence or claims to be met."""
    for kind in (*control.supports, *control.adds):
        if kind not in evidence:
            raise document.error(f"{control.id}: no evidence {kind!r}; choose one of: {', '.join(evidence)}", place)
    for text in (control.title, *control.supports.values(), *control.adds.values(), *control.open):
        _refuse_claim(text, place, document)


def _read_line(line: LineFile, place: Place, document: Document) -> EvidenceLine:
    """Return a line whose placeholders are among its facts. Raises ``ConfigurationError``."""

    def read(words: Iterable[str], key: str) -> tuple[FactName, ...]:
        try:
            return tuple(map(read_fact_name, words))
        except ValueError as error:
            raise document.error(f"{key}: {error}: no such fact of a report", (*place, key)) from None

    needs = read(line.needs, "needs")
    try:
        cited = {name for _, name, _, _ in string.Formatter().parse(line.says) if name is not None}
    except ValueError as error:
        raise document.error(f"says: {error}; write a fact as {{name}}", (*place, "says")) from None
    unknown = cited - set(needs)
    if unknown:
        raise document.error(f"says: {sorted(unknown)[0]!r} is not among its needs; list it there", (*place, "says"))
    _refuse_claim(line.says, (*place, "says"), document)
    return EvidenceLine(needs, line.says, read(line.lacks, "lacks"))


def _refuse_claim(text: str, place: Place, document: Document) -> None:
    """Refuse a text that states that a control is met. Raises ``ConfigurationError``."""
    word = _FORBIDDEN.search(text)
    if word is not None:
        raise document.error(f"{word[0]!r} states that a control is met; no report shows that", place)
