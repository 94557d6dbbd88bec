"""Load and count the cases of licences, and the texts of others, which no file of this project holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from figures import render_table

CASES = Path(__file__).resolve().parent / "license_cases"


@dataclass(frozen=True, slots=True)
class Failure:
    """A case whose answer is not the expected one, with the answer and its first reason."""

    id: str
    expected: str
    answer: str
    reason: str


@dataclass
class Tally:
    """The counts of one section, and its failures."""

    counts: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Count one more of a name."""
        self.counts[name] = self.counts.get(name, 0) + 1


@dataclass(frozen=True)
class Held:
    """The folder of texts that no file of this project holds; ``folder`` is ``None`` if there is none."""

    folder: Path | None

    @cached_property
    def texts(self) -> dict[str, str]:
        """The text of each licence of ``answer-texts/``, by its id in lower case."""
        folder = self.folder / "answer-texts" if self.folder else None
        paths = sorted(folder.glob("*.txt")) if folder else []
        return {fold_id(path.stem): path.read_text(encoding="utf-8", errors="replace") for path in paths}

    def list_harmless(self) -> list[dict[str, Any]]:
        """List the harmless sentences with their words; those whose words the folder lacks are left out."""
        rows = []
        for case in load_cases("harmless") if self.folder else ():
            path = self.folder / "harmless" / f"{case['id']}.md" if self.folder else Path()
            content = path.read_bytes() if path.is_file() else b""
            if hashlib.sha256(content).hexdigest() == case["sha256"]:
                rows.append(case | {"text": content.decode("utf-8")})
        return rows


def fold_id(name: str) -> str:
    """Fold the id of a licence for comparison."""
    return name.strip().removesuffix(".yaml").removeprefix("LicenseRef-").casefold()


def load_cases(name: str) -> Any:
    """Load a file of ``license_cases/``."""
    return yaml.safe_load((CASES / f"{name}.yaml").read_text(encoding="utf-8"))


def render_counts(sections: Iterable[tuple[str, Mapping[str, int]]]) -> Iterator[str]:
    """Render a row for the counts of each section."""
    rows = []
    for title, counts in sections:
        answers = "; ".join(f"{number} {name}" for name, number in sorted(counts.items()))
        rows.append((title, str(sum(counts.values())), answers))
    yield from render_table(("section", "cases", "answers"), rows)
