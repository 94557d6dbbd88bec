"""State the steps on files that were not examined: fetch damaged ones again, and decide on the others."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Final

from modelaudit.model.address import file_of
from modelaudit.model.report import COVERAGE_RULES, Absence, AuditReport
from modelaudit.model.structure import UnreadReason
from modelaudit.reports import view
from modelaudit.reports.addressees import name_author
from modelaudit.reports.finding_groups import MOST_ROWS
from modelaudit.reports.inventory import has_claimed_digests
from modelaudit.reports.use_steps import DECIDE, Step, join_names
from modelaudit.reports.wording import format_sentence

PRONOUNS: Final = ("it", "them")
"""The pronoun for one file, and for several."""
_LEFTOVERS: Final = (".incomplete", ".part", ".partial", ".crdownload", ".aria2", ".download")
"""How the names of files end that an interrupted download leaves behind."""
DAMAGED: Final = frozenset(
    {
        UnreadReason.DAMAGED,
        UnreadReason.EMPTY,
        UnreadReason.UNREADABLE,
        UnreadReason.CHANGED,
        UnreadReason.CONTENT_ABSENT,
        UnreadReason.LINK_DANGLING,
    }
)
"""The reasons for which a second download may deliver the part whole."""
_APART: Final = frozenset({UnreadReason.UNCLAIMED, UnreadReason.UNVERIFIED, UnreadReason.UNVERIFIED_BYTES})
"""The reasons that have a step of their own."""


def fetch_or_decide(report: AuditReport) -> Iterator[Step]:
    """Yield to download damaged files again, and to decide on the other parts that were not examined."""
    fixes = {each.id: each.fix for each in report.rules}
    again = "compare their digests, and scan again." if has_claimed_digests(report) else "scan again."
    damaged, fetched = [], list[Step]()
    for address, absence in report.coverage.open_absences:
        if absence.unread.reason not in DAMAGED:
            continue
        # The fix of a rule of the format names the files: an index is whole where its data are cut.
        rules = [each.rule for each in report.findings if absence.is_stated_by(each, address)]
        fix = next((fixes[each] for each in rules if each in fixes and not each.startswith(f"{COVERAGE_RULES}/")), "")
        sentence = fix.partition(". ")[0]
        if sentence.startswith("Download "):
            fetched.append(Step(format_sentence(sentence), again))
        else:
            damaged.append(absence.name_part(address))
    fetched += _fetch_again(damaged, again)
    yield from _end_fetching(report, fetched)
    rest = [each for each in report.coverage.open_absences if each[1].unread.reason not in DAMAGED | _APART]
    if rest or not report.coverage.open_absences:
        yield _ask_for_need(report, rest)


def _fetch_again(damaged: list[str], again: str) -> Iterator[Step]:
    """Yield to remove what an interrupted download left behind, and to download the other damaged files again."""
    leftovers = sorted(each for each in damaged if file_of(each).endswith(_LEFTOVERS))
    if leftovers:
        them = PRONOUNS[len(set(leftovers)) > 1]
        words = f"Remove {join_names(leftovers)}, because an interrupted download left {them} behind"
        yield Step(f"{words}, and fetch the whole model.", again)
    if others := sorted(set(damaged).difference(leftovers)):
        yield Step(f"Download the files again: {join_names(others)}.", again)


def _end_fetching(report: AuditReport, fetched: list[Step]) -> Iterator[Step]:
    """Yield the steps to download files again, the last with what to do if the new copies are damaged too."""
    *others, last = dict.fromkeys(fetched) or [None]
    yield from filter(None, others)
    if last is not None:
        noun = view.name_subject(report)
        end = f"If a new copy is damaged too, do not load the {noun} unless a person accepts it."
        yield Step(f"{last.person} {end}", last.engineer)


def _ask_for_need(report: AuditReport, parts: list[tuple[str, Absence]]) -> Step:
    """State to ask whether parts that cannot be examined are needed; without a record of them, all that were not."""
    names = [absence.name_part(address) for address, absence in parts]
    noun = view.name_subject(report)
    named = join_names(names) if names else "the parts that were not examined"
    them = "it" if len(set(names)) == 1 else "them"
    record = decide_first([absence.name_at(address) for address, absence in parts])
    return Step(
        f"Ask {name_author(report)} whether the {noun} works without {named}, or decide to accept {them}.",
        f"remove {them}, or {record}" if record else "remove or fetch the part again; see modelaudit decide.",
    )


def decide_first(names: list[str]) -> str:
    """Write the command for the first of several subjects; empty without any."""
    if not names:
        return ""
    others = f", and so for each of the {len(names):,} in the annex on findings" if len(names) > 1 else ""
    if len(names) >= MOST_ROWS:
        places = "its print shows the first; its folded rows and the JSON output list all, the CSV output their files"
        others += f" ({places})"
    return f"record the decision with {DECIDE.format(shlex.quote(names[0]))}{others}."
