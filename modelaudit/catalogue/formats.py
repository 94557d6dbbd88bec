"""Read ``rules/formats.yaml``: the formats that file extensions promise, and the formats whose loaders run code."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.document import Document
from modelaudit.catalogue.schema import CONFIG, Extension, FileName, Kebab, Shape, Text
from modelaudit.model.format_facts import FormatFacts
from modelaudit.model.format_promises import Formats, Promise, RunName


@dataclass(config=CONFIG)
class PromiseFile:
    """Extensions that promise the same, in words; ``formats`` are promised beside those that declare the extension."""

    why: Text
    extensions: Annotated[list[Extension], Field(min_length=1)]
    formats: list[Kebab] = Field(default_factory=list)


@dataclass(config=CONFIG)
class RunNameFile:
    """Extensions and names of files that a program runs; the formats in ``read_by`` judge what it would run."""

    why: Text
    extensions: Annotated[list[Extension], Field(min_length=1)]
    read_by: Annotated[list[Kebab], Field(min_length=1)]
    names: list[FileName] = Field(default_factory=list)


@dataclass(config=CONFIG)
class FormatsFile:
    """``rules/formats.yaml``."""

    runs_code: dict[Kebab, Text] = Field(default_factory=dict)
    inert: dict[Kebab, Text] = Field(default_factory=dict)
    judged: list[Kebab] = Field(default_factory=list)
    by_hand: list[Kebab] = Field(default_factory=list)
    promises: list[PromiseFile] = Field(default_factory=list)
    run_by_name: list[RunNameFile] = Field(default_factory=list)


_FILE = Shape(FormatsFile)


def read_formats(documents: Iterable[Document], facts: FormatFacts) -> Formats:
    """Read the promises of extensions, those of further rule sets after the first.

    An extension promises the formats that declare it. An extension without a declaring format promises anything that
    runs no code. A declared extension that no file describes promises its formats by their names.

    Raises:
        ConfigurationError: an extension of a promise or in ``run-by-name``, or a format in ``runs-code``, ``inert`` or
            ``judged``, is listed twice.
    """
    promises: dict[str, Promise] = {}
    reasons: dict[str, dict[str, str]] = {"runs-code": {}, "inert": {}, "judged": {}}
    by_hand: set[str] = set()
    run_names: dict[str, RunName] = {}
    for document in documents:
        file = _FILE.read(document)
        by_hand.update(file.by_hand)
        _add_run_names(file.run_by_name, document, run_names)
        # Rules judge the content of these formats, so their entries state no reason. They are read only to refuse a
        # format that is in two parts.
        judged = [(format_, "") for format_ in file.judged]
        parts = (("runs-code", file.runs_code.items()), ("inert", file.inert.items()), ("judged", judged))
        for part, listed in parts:
            for index, (format_, why) in enumerate(listed):
                if any(format_ in formats for formats in reasons.values()):
                    # ``judged`` is a list in the file, the other two are mappings.
                    step = index if part == "judged" else format_
                    raise document.error(f"{part}: {format_!r} is listed already", (part, step))
                reasons[part][format_] = why
        for index, entry in enumerate(file.promises):
            for number, extension in enumerate(entry.extensions):
                if extension in promises:
                    place = ("promises", index, "extensions", number)
                    raise document.error(f"{extension} is listed already; it promises {promises[extension].why}", place)
                declared = facts.extensions.get(extension, frozenset())
                promises[extension] = Promise(entry.why, declared | set(entry.formats))
    for extension, names in facts.extensions.items():
        promises.setdefault(extension, Promise(" or ".join(sorted(names)), names))
    return Formats(
        promises, reasons["runs-code"], reasons["inert"], facts.defects, run_names=run_names, by_hand=frozenset(by_hand)
    )


def _add_run_names(entries: Iterable[RunNameFile], document: Document, run_names: dict[str, RunName]) -> None:
    """Add the extensions and names of files that a program runs; none may be listed twice, with further readers."""
    for index, entry in enumerate(entries):
        for part, listed in (("extensions", entry.extensions), ("names", entry.names)):
            for number, name in enumerate(listed):
                if name in run_names:
                    place = ("run-by-name", index, part, number)
                    raise document.error(f"{name} is listed already; {run_names[name].why}", place)
                run_names[name] = RunName(entry.why, frozenset(entry.read_by))
