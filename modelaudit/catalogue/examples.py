"""Read ``rules/examples.yaml``: for each rule, one finding that it makes in a fixture.

``docs/generate.py`` derives the file by scanning the fixtures, so that an installation without fixtures can show an
example. It is not in the digest of the rule set, because no verdict depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.directory import find_rules_directory
from modelaudit.catalogue.document import read_document
from modelaudit.catalogue.schema import Shape, Text
from modelaudit.model.catalogue import RuleExample

FILE = "examples.yaml"
_CONFIG = ConfigDict(extra="forbid", hide_input_in_errors=True, defer_build=True)


@dataclass(config=_CONFIG)
class ExampleEntry:
    """One example: a fixture, and the lines that a scan reports for it."""

    fixture: Text
    lines: list[Text]


@dataclass(config=_CONFIG)
class ExampleFile:
    """``rules/examples.yaml``, by the id of the rule."""

    examples: dict[Text, ExampleEntry]


_SHAPE = Shape(ExampleFile)


def load_examples(extra: Sequence[Path] = ()) -> Mapping[str, RuleExample]:
    """Read the examples of the rule set and of further rule folders, by the id of the rule; the first one counts.

    Raises:
        ConfigurationError: a file has another shape.
    """
    examples: dict[str, RuleExample] = {}
    for folder in (find_rules_directory(), *extra):
        path = folder / FILE
        if not path.is_file():
            continue
        file = _SHAPE.read(read_document(path, f"{folder.name}/{FILE}"))
        for id_, entry in file.examples.items():
            examples.setdefault(id_, RuleExample(entry.fixture, tuple(entry.lines)))
    return examples
