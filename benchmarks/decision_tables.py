"""Render the tables of ``decisions.py``: decisions by set, by cause, by rule, and by repository."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from decision_counts import Outcome
from figures import describe_machine, render_table

_SHOWN: Final = 4


def render_report(
    outcomes: Mapping[str, Mapping[str, Outcome]], packages: int, options: str, before: str
) -> Iterator[str]:
    """Render the tables of all versions."""
    now = outcomes["now"]
    yield "# Human decisions for honest repositories\n"
    yield (
        f"{describe_machine('bench-decisions')}{packages} packages that ship models, unpacked whole, and "
        f"{len(now) - packages} repositories that current libraries wrote, with a card; each scanned with "
        f"`{options}`. A decision is one subject that keeps the gate from a pass: a finding that breaks "
        "it, an absence by reason and file, or a licence that leaves the use open or denies it. "
        f"`before` is {before}; `now` is the commit of this file.\n"
    )
    sets = {"packages": list(now)[:packages], "written": list(now)[packages:], "all": list(now)}
    yield "## Decisions per 100 repositories\n"
    columns = [f"{what}, {version}" for what in ("decisions", "need one or more") for version in outcomes]
    rows = []
    for title, names in sets.items():
        totals = [sum(len(row[name].subjects) for name in names) for row in outcomes.values()]
        needing = [sum(bool(row[name].subjects) for name in names) for row in outcomes.values()]
        cells = [f"{100 * count / len(names):.0f} ({count})" for count in (*totals, *needing)]
        rows.append([f"{title} ({len(names)})", *cells])
    yield from render_table(["repositories", *columns], rows)
    yield from _render_exit_codes(outcomes)
    yield "## By cause, per 100 repositories\n"
    yield from _render_counts(outcomes, "cause", "cause")
    yield "## By rule, reason or licence, per 100 repositories\n"
    yield from _render_counts(outcomes, "group", "rule, reason or licence")
    yield from _render_repositories(outcomes)


def _render_exit_codes(outcomes: Mapping[str, Mapping[str, Outcome]]) -> Iterator[str]:
    """Render how many repositories ended with each exit code."""
    counts = {version: Counter(each.exit_code for each in row.values()) for version, row in outcomes.items()}
    codes = sorted(set().union(*counts.values()))
    rows = [[version, *(str(count[code]) for code in codes)] for version, count in counts.items()]
    yield from render_table(["version", *(f"exit {code}" for code in codes)], rows)


def _render_counts(outcomes: Mapping[str, Mapping[str, Outcome]], attribute: str, title: str) -> Iterator[str]:
    """Render the decisions and the repositories that need them, by an attribute of their subjects."""
    decisions: dict[str, Counter[str]] = {}
    repositories: dict[str, Counter[str]] = {}
    for version, row in outcomes.items():
        each_repository = [[getattr(subject, attribute) for subject in each.subjects] for each in row.values()]
        decisions[version] = Counter(name for names in each_repository for name in names)
        repositories[version] = Counter(name for names in each_repository for name in set(names))
    size = len(outcomes["now"])
    names = sorted(set().union(*decisions.values()), key=lambda name: (-decisions["now"][name], name))
    head = [f"{what}, {version}" for what in ("decisions", "repositories") for version in outcomes]
    rows = []
    for name in names:
        counts = [part[version][name] for part in (decisions, repositories) for version in outcomes]
        rows.append([f"`{name}`", *(f"{100 * count / size:.1f}" for count in counts)])
    yield from render_table([title, *head], rows)


def _render_repositories(outcomes: Mapping[str, Mapping[str, Outcome]]) -> Iterator[str]:
    """Render a row for each repository that needs a decision, with some of its subjects."""
    yield "## By repository\n"
    rows = []
    for name, outcome in outcomes["now"].items():
        states = [f"{len(row[name].subjects)} (exit {row[name].exit_code})" for row in outcomes.values()]
        if any(row[name].subjects for row in outcomes.values()):
            shown = [f"`{subject.name.partition(' ')[0]}`" for subject in outcome.subjects[:_SHOWN]]
            further = len(outcome.subjects) - len(shown)
            rows.append([name, *states, ", ".join(shown) + (f" and {further} more" if further else "")])
    yield from render_table(["repository", *outcomes, "subjects now"], rows)
    passed = [name for name, each in outcomes["now"].items() if not each.subjects]
    yield f"No decision is needed for: {', '.join(passed) or 'none'}.\n"
