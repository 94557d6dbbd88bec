"""Read ``rules/card_layout.yaml``: the words by which headings, labels and tables of a card limit the use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields

from pydantic.dataclasses import dataclass

from modelaudit.catalogue.clause_subjects import write_patterns
from modelaudit.catalogue.cues import compile_pattern
from modelaudit.catalogue.document import Document
from modelaudit.catalogue.schema import CONFIG, Kebab, Shape, Text
from modelaudit.model.card_layout import CardLabels, CardLayout, HeadedLimits


@dataclass(config=CONFIG)
class HeadedLimitsFile:
    """Patterns of limits that a heading, a question or a table gives their meaning, as in ``HeadedLimits``."""

    limited: Text
    purposes: Text
    qualified: Text
    notice: Text
    forbidding: Text
    admitting: Text
    admitted: Text
    denied: Text
    rights: Text
    grants: Text
    marked: Text
    struck: Text
    refused_line: Text
    asks_for_use: Text
    asks_for_duty: Text
    refuses: Text
    consents: Text


@dataclass(config=CONFIG)
class CardLabelsFile:
    """Patterns of the licence that a label, a heading or a table states, as in ``CardLabels``."""

    label: Text
    heading: Text
    license_cell: Text
    part_cell: Text
    about_data: Text
    says_nothing: Text
    pointer: Text
    free: Text
    refusal: Text
    terms_of_part: Text
    non_commercial_code: Text
    goes_on: Text


@dataclass(config=CONFIG)
class CardLayoutFile:
    """``rules/card_layout.yaml``. The patterns name lists of words in braces."""

    words: dict[Kebab, list[Text]]
    limits: HeadedLimitsFile
    labels: CardLabelsFile


_FILE = Shape(CardLayoutFile)


def read_card_layout(documents: Iterable[Document]) -> CardLayout | None:
    """Read the words; a further rule folder adds to the lists, and its patterns replace those of the first.

    Returns:
        ``None`` if no folder has the file.

    Raises:
        ConfigurationError: a pattern names an unknown list, lacks a group that is read, or is invalid.
    """
    words: dict[str, list[str]] = {}
    layout = None
    for document in documents:
        file = _FILE.read(document)
        for name, alternatives in file.words.items():
            words.setdefault(name, []).extend(alternatives)
        lists = {name: f"(?:{'|'.join(alternatives)})" for name, alternatives in words.items()}
        limits = HeadedLimits(**_compile(file.limits, lists, document, "limits"))
        labels = CardLabels(**_compile(file.labels, lists, document, "labels"))
        if not document.is_installed:
            _require_groups(document, labels.label, "label", ("license", "part", "value"))
            _require_groups(document, labels.heading, "heading", ("block",))
        layout = CardLayout(limits, labels)
    return layout


def _compile(
    file: HeadedLimitsFile | CardLabelsFile, lists: Mapping[str, str], document: Document, key: str
) -> dict[str, re.Pattern[str]]:
    """Compile each pattern of a part of the file, with the words of the lists that it names."""
    names = [field.name for field in fields(file)]
    written = write_patterns([getattr(file, name) for name in names], lists, document, key)
    return {
        name: compile_pattern(pattern, document, (key, name.replace("_", "-")))
        for name, pattern in zip(names, written, strict=True)
    }


def _require_groups(document: Document, pattern: re.Pattern[str], name: str, groups: Iterable[str]) -> None:
    """Raise ``ConfigurationError`` if a pattern lacks a group."""
    for group in groups:
        if group not in pattern.groupindex:
            raise document.error(f"labels.{name}: has no group {group!r}", ("labels", name))
