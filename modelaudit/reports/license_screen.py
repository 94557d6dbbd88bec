"""Render the screen of ``modelaudit license``: the answer, its reasons, the evidence, and the duties."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from modelaudit.model.license import (
    ClaimKind,
    ConclusionState,
    LicenseClaim,
    LicenseConclusion,
    OriginState,
)
from modelaudit.model.report import AuditReport
from modelaudit.model.terms import Answer
from modelaudit.model.terms import Group as DutyGroup
from modelaudit.reports import view
from modelaudit.reports.layout import build_rows, build_text, build_title, render_parts
from modelaudit.reports.license_view import (
    Reason,
    Task,
    build_lineage_tree,
    describe_base_model,
    describe_dataset,
    describe_lineage_path,
    describe_openness,
    group_tasks,
    list_license_claims,
    list_limits,
    list_reasons,
    list_unread,
)
from modelaudit.reports.license_words import (
    ANSWERS,
    MISSING,
    RELATIONS,
    SHORT_GROUPS,
    describe_claim,
    describe_intended_use,
    describe_kind,
)
from modelaudit.reports.shipping import assess_shipping
from modelaudit.reports.wording import (
    CATEGORIES,
    STATES,
    count_noun,
    cut_text,
    end_sentence,
    lower_first,
    shorten_to_clauses,
)

_MARKS = {
    Answer.ALLOW: ("✔", "bold white on green"),
    Answer.REVIEW: ("◐", "bold black on yellow"),
    Answer.DENY: ("✘", "bold white on red"),
}
_NO_USE_MARK = ("◐ NO USE STATED", "bold black on yellow")
_REASONS, _CLAIMS, _BRANCHES, _CONFLICTS, _DATASETS, _OPEN = 6, 5, 12, 4, 4, 6
_LABEL = 8
_DEEPEST = 8
_CLAUSE, _TERMS, _SENTENCE, _QUOTED = 240, 320, 240, 60
"""Characters of a duty, of a clause that answers, of a sentence about this model, and of a quotation."""
_TASKS, _USES = 8, 8
_IN_ONE_LINE = (DutyGroup.WATCH,)
"""Groups whose duties are listed by their kind alone: they are many, and nothing has to be prepared for them."""
_MISSING_WORDS = {"naming": "words to show"}
"""Plain words for missing items, where the kind of the conflict is not plain."""


def render_license(report: AuditReport, width: int = 100, color: bool = False) -> bytes:
    """Render the screen as UTF-8 text.

    Args:
        report: the report to show.
        width: columns of the terminal; between 40 and 100 are used.
        color: whether to write ANSI colors.
    """
    license_ = report.license
    parts = [
        _render_head(report),
        _render_reasons(license_),
        _render_conclusion(license_),
        _render_lineage(report),
        _render_tasks(license_),
        _render_conflicts(license_),
        _render_rest(license_),
    ]
    return render_parts([part for part in parts if part is not None], width=min(width, 100), color=color)


def _render_head(report: AuditReport) -> RenderableType:
    """Render the answer, the model and the policy."""
    license_, target = report.license, report.target
    ship = assess_shipping(license_, "listed below")
    answer = license_.permission
    mark = " ".join((_MARKS[answer][0], ANSWERS[answer])) if answer else _NO_USE_MARK[0]
    style = _MARKS[answer][1] if answer else _NO_USE_MARK[1]
    version = target.commit or "no commit: the files are not pinned to a version"
    rows = [("model", build_text((view.get_model_name(target), "bold"), f", {version}"))]
    if answer is not None and license_.intent is not None:
        rows.append(
            (
                "policy",
                build_text((report.policy.name, "bold"), ": ", "; ".join(describe_intended_use(license_.intent))),
            )
        )
    else:
        rows.append(
            (
                "policy",
                build_text(
                    (report.policy.name, "bold"),
                    ": it states no intended use, so no clause was checked; "
                    "state one with --use commercial or --policy commercial-saas, for instance",
                ),
            )
        )
    return Group(build_text((f" {mark} ", style), f" {ship.line}"), build_rows(rows, label=_LABEL))


def _render_block(heading: str, lines: list[Text | Padding]) -> RenderableType:
    return Group(build_title(heading), *lines)


def _render_more(number: int, shown: int, what: str) -> list[Text | Padding]:
    if number <= shown:
        return []
    return [
        Padding(Text(f"… and {count_noun(number - shown, what)}, in the HTML and JSON reports", "dim"), (0, 0, 0, 2))
    ]


def _render_reasons(license_: LicenseConclusion) -> RenderableType | None:
    """Render the reasons against the use, worst first."""
    found = list_reasons(license_)
    if not found:
        return None
    lines: list[Text | Padding] = [
        build_rows([(each.answer.answer, _render_reason(each, license_))], label=_LABEL) for each in found[:_REASONS]
    ]
    return _render_block("Why", lines + _render_more(len(found), _REASONS, "more reason"))


def _render_reason(reason: Reason, license_: LicenseConclusion) -> Text:
    answer = reason.answer
    where = ", ".join(part for part in (answer.license, answer.section or describe_kind(answer.kind)) if part)
    clause = (
        f" {where}: {end_sentence(cut_text(answer.text, _TERMS))}"
        if answer.text
        else f" {end_sentence(where)}"
        if answer.license
        else ""
    )
    read = f" Read {answer.read}" if answer.read else " Terms not verified" if answer.license else ""
    source = f"{read}: {answer.url}." if answer.url and read else end_sentence(read) if read else ""
    via = (
        f" Inherited: {'; '.join(describe_lineage_path(license_, each) for each in reason.vias)}."
        if reason.vias
        else ""
    )
    return build_text((shorten_to_clauses(answer.because, _SENTENCE), "bold"), clause, (source, "dim"), via)


def _render_conclusion(license_: LicenseConclusion) -> RenderableType:
    """Render the conclusion with its claims."""
    category = CATEGORIES[license_.category]
    concluded = license_.expression or f"nothing, because the licence is {STATES[license_.state]}"
    lines: list[Text | Padding] = []
    claims = list_license_claims(license_)
    rows = [(_format_place(claim), _format_claim(claim, license_)) for claim in claims[:_CLAIMS]]
    if rows:
        lines.append(build_rows(rows, label=min(max(len(place) for place, _ in rows), 26)))
    lines += _render_more(len(claims), _CLAIMS, "more statement")
    # The statements above and the tree below already explain a conclusion, unless an alternative was chosen.
    is_explained = license_.state is ConclusionState.CONCLUDED and rows and " OR " not in license_.expression
    sentences = () if is_explained else license_.reasoning
    lines += [Padding(build_text(f"- {each}"), (0, 0, 0, 2)) for each in sentences[:3]]
    lines += _render_more(len(sentences), 3, "more sentence")
    return _render_block(f"Concluded: {build_text(concluded)} ({category})", lines)


def _format_place(claim: LicenseClaim) -> str:
    line = f":{claim.location.line}" if claim.location.line else ""
    return str(build_text(f"{claim.artifact}{line}" if claim.artifact else "the Hub"))


def _format_claim(claim: LicenseClaim, license_: LicenseConclusion) -> Text:
    field = f"{claim.field}: " if claim.kind is ClaimKind.DECLARED else ""
    known, words = view.describe_claimed_license(claim, license_)
    outcome = f" = {words}" if known else f" ({words[:1].lower()}{words[1:]})"
    return build_text(f"{field}“{cut_text(claim.quotation, _QUOTED)}”", (outcome, "bold"), f", {describe_claim(claim)}")


def _render_lineage(report: AuditReport) -> RenderableType | None:
    """Render the tree of base models."""
    branches = build_lineage_tree(report.license)
    if not branches:
        return None
    lines: list[Text | Padding] = []
    for branch in branches[:_BRANCHES]:
        origin = branch.origin
        description = f": {describe_base_model(origin)}"
        parts = build_text(f"{RELATIONS[origin.relation]} ", (origin.name, "bold"), description)
        rails = branch.rails if branch.depth < _DEEPEST else f"… {branch.depth + 1} "
        lines.append(build_rows([(rails, parts)], label=len(rails)))
    return _render_block("Base models", lines + _render_more(len(branches), _BRANCHES, "more base model"))


def _render_tasks(license_: LicenseConclusion) -> RenderableType | None:
    """Render the duties by group, as a list to tick off."""
    groups = group_tasks(license_)
    if not groups:
        return None
    ids = list(dict.fromkeys(task.license for _, each in groups for task in each))
    several = len(ids) > 1
    denied = license_.permission is Answer.DENY
    rows: list[tuple[str, Text]] = []
    for group, each in groups:
        label = SHORT_GROUPS[group]
        if denied or group in _IN_ONE_LINE:
            rows.append((label, _format_kinds(each, several)))
            continue
        boxes = [_format_alike_tasks(alike, several) for alike in _group_alike_tasks(each)]
        rows += [(label if place == 0 else "", box) for place, box in enumerate(boxes[:_TASKS])]
        if len(boxes) > _TASKS:
            rows.append(("", build_text(f"… and {len(boxes) - _TASKS} more, in the HTML and JSON reports")))
    number = sum(len(each) for _, each in groups)
    met = sum(bool(task.met) for _, each in groups for task in each)
    there = f", {met} met by files of the model" if met else ""
    under = "" if several else f" under {build_text(ids[0])}"
    heading = "If the use were allowed" if denied else "To do"
    duties = count_noun(number, "duty", "duties")
    return _render_block(f"{heading}{under}: {duties}{there}", [build_rows(rows, label=_LABEL)])


def _group_alike_tasks(each: tuple[Task, ...]) -> list[list[Task]]:
    """Group open duties of one kind that several licences share; duties with exact words stay separate."""
    found: dict[tuple[str, ...], list[Task]] = {}
    for place, task in enumerate(each):
        apart = task.met or task.words or any(task.license == kin.license for kin in found.get((task.kind,), ()))
        found.setdefault((task.kind, str(place)) if apart else (task.kind,), []).append(task)
    return list(found.values())


def _format_alike_tasks(alike: list[Task], several: bool) -> Text:
    if len(alike) == 1:
        return _format_task(alike[0], several)
    texts = dict.fromkeys(task.text for task in alike)
    description = cut_text(alike[0].text, _CLAUSE) if len(texts) == 1 else f"{describe_kind(alike[0].kind)}, for each:"
    sources = "; ".join(f"{_shorten_id(task.license)}, {task.section or 'section not stated'}" for task in alike)
    return build_text(f"[ ] {description}", (f" ({sources})", "dim"))


def _format_task(task: Task, several: bool) -> Text:
    text = cut_text(task.text, _CLAUSE)
    box = f"[x] {text} Met by {task.met}." if task.met else f"[ ] {text}"
    exact = " / ".join(f"“{each}”" for each in task.words if each not in task.text)
    words = [f" Exact words: {exact}"] if exact else []
    section = task.section or "section not stated"
    source = f"{_shorten_id(task.license)}, {section}" if several else section
    return build_text(box, *words, (f" ({source})", "dim"))


def _shorten_id(license_id: str) -> str:
    """Shorten a licence id that is shown in full above."""
    return license_id.removeprefix("LicenseRef-")


def _format_kinds(each: tuple[Task, ...], several: bool) -> Text:
    parts: dict[str, list[str]] = {}
    for task in each:
        section = task.section.removeprefix("section ")
        place = f"{_shorten_id(task.license)} {section}" if several else section
        parts.setdefault(lower_first(describe_kind(task.kind)), []).append(place.strip())
    description = "; ".join(f"{kind} ({', '.join(dict.fromkeys(places))})" for kind, places in parts.items())
    return build_text(end_sentence(description[:1].upper() + description[1:]))


def _render_conflicts(license_: LicenseConclusion) -> RenderableType | None:
    """Render the conflicts that are not among the reasons already."""
    reported = {reason.answer.because for reason in list_reasons(license_)}
    found = [each for each in license_.conflicts if each.detail not in reported and not each.kind.startswith(MISSING)]
    lines: list[Text | Padding] = [
        Padding(build_text((f"{describe_kind(each.kind)}: ", "bold"), cut_text(each.detail, _SENTENCE)), (0, 0, 0, 2))
        for each in found[:_CONFLICTS]
    ]
    lines += _render_more(len(found), _CONFLICTS, "more conflict")
    return _render_block("Conflicts", lines) if lines else None


def _list_missing_items(license_: LicenseConclusion) -> list[str]:
    """List all items that a licence requires and the repository lacks, as one line."""
    missing: dict[str, list[str]] = {}
    for each in license_.conflicts:
        if each.kind.startswith(MISSING):
            missing.setdefault(each.kind.removeprefix(MISSING), []).extend(_shorten_id(id_) for id_ in each.entries)
    parts = [f"{_MISSING_WORDS.get(what, what)} of {', '.join(dict.fromkeys(ids))}" for what, ids in missing.items()]
    return [f"Not in the repository: {end_sentence('; '.join(parts))}"] if parts else []


def _render_rest(license_: LicenseConclusion) -> RenderableType | None:
    """Render limits, missing items, data sets, openness and unread sources."""
    within = () if license_.permission is Answer.DENY else list_limits(license_, _USES)
    rows = [("limits" if place == 0 else "", build_text(each)) for place, each in enumerate(within)]
    rows += [("missing", build_text(each)) for each in _list_missing_items(license_)]
    data = [f"{each.name}: {describe_dataset(each)}" for each in license_.datasets]
    if data:
        more = f"; and {len(data) - _DATASETS} more" if len(data) > _DATASETS else ""
        rows.append(
            ("data", build_text("; ".join(data[:_DATASETS]) + more + " (separate from the model's own licence)"))
        )
    if line := describe_openness(license_):
        rows.append(("open", build_text(line)))
    unread = [each.name for each in license_.origins if each.lookup is not OriginState.READ]
    unread += [each.name for each in license_.datasets if each.lookup is not OriginState.READ]
    lines = [f"{', '.join(dict.fromkeys(unread))}: the reason is stated above."] if unread else []
    lines += [each for each in list_unread(license_) if not any(each.startswith((f"{n}:", f"{n} (")) for n in unread)]
    rows += [("unread" if place == 0 else "", build_text(each)) for place, each in enumerate(lines[:_OPEN])]
    if len(lines) > _OPEN:
        rows.append(("", build_text(f"… and {len(lines) - _OPEN} more, in the HTML and JSON reports")))
    return build_rows(rows, indent=0, label=_LABEL) if rows else None
