"""Render the files for ``--notices OUT/``: notices with their exact words, attributions, limits of use, a checklist.

Licence texts are not written here. The checklist states where to copy each one from: a file of the model, or the
address of its publisher.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from modelaudit.model.address import read_file_path
from modelaudit.model.license import LicenseConclusion
from modelaudit.model.report import AuditReport
from modelaudit.model.terms import Clause, Group, LicenseEntry
from modelaudit.reports.decision_words import describe_settled_answer
from modelaudit.reports.license_view import (
    Task,
    build_lineage_tree,
    describe_base_model,
    group_tasks,
    list_reasons,
    list_unread,
)
from modelaudit.reports.license_words import GROUPS, RELATIONS, describe_kind
from modelaudit.reports.text import escape_unprintable, validate_https_link
from modelaudit.reports.view import get_model_name
from modelaudit.reports.wording import end_sentence

_NOTICE_KINDS = ("keep-notices",)
_ATTRIBUTION_GROUPS = (Group.SHOW, Group.NAME)
_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|~&])")
"""The characters that can be markup in Markdown."""
_FILES_TO_COPY = re.compile(
    r"(?:^|/)(?:third[-_ ]?party[-_ ]?)?(?:notices?|(?:acceptable[-_ ]?)?use[-_ ]?policy)(?:\.\w+)?$", re.IGNORECASE
)
"""The path of a notice or a use policy: ``NOTICE``, ``docs/third_party_notices.txt``, ``Acceptable-Use-Policy.md``."""
_MAX_TEXT_CHARACTERS = 4000
_MAX_LIST_DEPTH = 8
"""Levels of a nested list; deeper entries are listed at this level."""


def build_notices(report: AuditReport) -> Mapping[str, bytes]:
    """Build the files by name: ``CHECKLIST.md`` always, the others only if they have content."""
    license_ = report.license
    texts = {
        "NOTICE": _render_notice(report),
        "ATTRIBUTIONS.md": _render_attributions(report),
        "USE-RESTRICTIONS.md": _render_restrictions(report),
        "CHECKLIST.md": _render_checklist(report, license_),
    }
    return {name: text.encode() for name, text in texts.items() if text}


def _list_tasks(license_: LicenseConclusion, groups: Collection[Group]) -> list[Task]:
    """List the duties of the given groups."""
    return [task for group, tasks in group_tasks(license_) if group in groups for task in tasks]


def _escape_text(text: str) -> str:
    """Escape a text of a model or a rule for one line of Markdown: no markup, no control characters."""
    return _MARKUP.sub(r"\\\1", escape_unprintable(text, _MAX_TEXT_CHARACTERS))


def _format_address(url: str) -> str:
    """Format a web address as a link; anything else as text."""
    return f"<{url}>" if validate_https_link(url) else _escape_text(url)


def _format_title(report: AuditReport) -> str:
    """Format the name of the model and its commit."""
    commit = f", commit {report.target.commit}" if report.target.commit else ""
    return escape_unprintable(f"{get_model_name(report.target)}{commit}")


def _render_notice(report: AuditReport) -> str:
    """Render the exact words that licences require in a notice file, each once, and nothing else."""
    duties = [task for task in _list_tasks(report.license, [Group.SHIP]) if task.kind in _NOTICE_KINDS]
    texts = dict.fromkeys(escape_unprintable(words, _MAX_TEXT_CHARACTERS) for task in duties for words in task.words)
    return "\n\n".join(texts) + "\n" if texts else ""


def _render_page(heading: str, report: AuditReport, lead: str, lines: list[str]) -> str:
    """Render a Markdown page: heading, model, first paragraph, further lines. ``lead`` and ``lines`` are markup."""
    return "\n".join([f"# {heading}", "", _escape_text(_format_title(report)), "", lead, "", *lines, ""])


def _render_attributions(report: AuditReport) -> str:
    """Render the duties to show and to name, the model with its base models, and the licences."""
    license_ = report.license
    tasks = _list_tasks(license_, _ATTRIBUTION_GROUPS)
    if not tasks and not license_.entries:
        return ""
    lines: list[str] = []
    for task in tasks:
        lines.append(f"- {_escape_text(end_sentence(task.text))} ({_escape_text(task.source)})")
        lines += [f"  - Exact words: {_format_quotation(words)}" for words in task.words]
    lines += [
        "",
        "## Model and base models",
        "",
        f"- {_escape_text(get_model_name(report.target))}: {_escape_text(_describe_license(license_))}",
    ]
    for branch in build_lineage_tree(license_):
        origin = branch.origin
        description = f"{RELATIONS[origin.relation]} {origin.name}: {describe_base_model(origin)}"
        indent = "  " * min(branch.depth + 1, _MAX_LIST_DEPTH)
        lines.append(f"{indent}- {_escape_text(description)}")
    lines += [
        "",
        "## Licences",
        "",
        *(
            f"- {_escape_text(entry.name)} (`{_escape_code(entry.id)}`): {_format_address(entry.url)}"
            for entry in license_.entries
        ),
    ]
    lead = (
        "Show these words at the stated places, and name your own work as described."
        if tasks
        else "No attribution is required."
    )
    return _render_page("Attributions", report, lead, lines)


def _describe_license(license_: LicenseConclusion) -> str:
    return license_.expression or "no single licence could be concluded"


def _format_quotation(words: str) -> str:
    return f"`{_escape_code(words)}`"


def _escape_code(text: str) -> str:
    """Escape a text for a code span: a backtick in it would end the span."""
    return escape_unprintable(text, _MAX_TEXT_CHARACTERS).replace("`", "\\x60")


def _render_restrictions(report: AuditReport) -> str:
    """Render the limits of use that the recipients of the model must accept."""
    license_ = report.license
    tasks = _list_tasks(license_, [Group.PASS_ON])
    policies = [
        (entry, clause) for entry in license_.entries for clause in entry.clauses if clause.kind == "use-policy"
    ]
    if not tasks and not policies:
        return ""
    lines = [f"- {_escape_text(end_sentence(task.text))} ({_escape_text(task.source)})" for task in tasks]
    for entry, clause in policies:
        lines += ["", f"## {_escape_text(entry.name)}", "", _describe_use_policy(entry, clause)]
        lines += [f"- {_escape_text(field.replace('-', ' '))}" for field in clause.fields]
        if not clause.fields:
            lines.append("This tool has no list of the forbidden uses: read it at the address.")
    lead = (
        "A summary of the limits that apply to the model; only the licence texts are binding. Include the limits in "
        "the agreement under which you pass the model on."
    )
    return _render_page("Limits of use", report, lead, lines)


def _describe_use_policy(entry: LicenseEntry, clause: Clause) -> str:
    """Describe the clause on forbidden uses and the address of its text, as the paragraph before the list of uses."""
    url = clause.url or entry.policy_url or entry.url
    section = f" ({_escape_text(clause.section)})" if clause.section else ""
    reading = "not verified"
    if entry.read:
        reading = f"read on {_escape_text(entry.read)}; read it again, it may have changed"
    text = _escape_text(end_sentence(clause.text))
    return f"{text}{section} The text: {_format_address(url)}, {reading}. Forbidden, among others:\n"


def _render_checklist(report: AuditReport, license_: LicenseConclusion) -> str:
    """Render the checklist: the answer for the use, open points, texts to copy, duties, conflicts, unread sources."""
    use = report.decision.use
    lines = [f"**Use: {use.verdict}**. {_escape_text(use.reason)}"]
    points = [reason.answer for reason in list_reasons(license_)]
    open_points = [each for each in points if each.acceptance is None]
    settled = [(each, describe_settled_answer(each)) for each in points if each.acceptance is not None]
    if open_points:
        lines += ["", "## To resolve first", ""]
        lines += [
            f"- [ ] {_escape_text(each.because)}{_format_source(each.license, each.section)}" for each in open_points
        ]
    if settled:
        lines += ["", "## Decided", ""]
        lines += [
            f"- {_escape_text(each.because)}{_format_source(each.license, each.section)} {_escape_text(words)}"
            for each, words in settled
        ]
    lines += ["", "## Licence texts to copy", "", *_list_texts_to_copy(license_), *_list_files_to_copy(report)]
    for group, tasks in group_tasks(license_):
        lines += ["", f"## {GROUPS[group]}", ""]
        for task in tasks:
            met = f" Met by {_escape_text(task.met)}." if task.met else ""
            box = "x" if task.met else " "
            lines.append(f"- [{box}] {_escape_text(end_sentence(task.text))} ({_escape_text(task.source)}){met}")
            lines += [f"  - Exact words: {_format_quotation(words)}" for words in task.words]
    if license_.conflicts:
        lines += ["", "## Conflicts", ""]
        lines += [
            f"- [ ] {_escape_text(describe_kind(conflict.kind))}: {_escape_text(conflict.detail)}"
            for conflict in license_.conflicts
        ]
    unread = [f"- [ ] {_escape_text(each)}" for each in list_unread(license_)] or ["- No unread source is known."]
    lines += ["", "## Not read", "", *unread]
    lead = f"For the policy {_escape_text(report.policy.name)}. A summary; only the licence texts are binding."
    return _render_page("Checklist", report, lead, lines)


def _format_source(license_id: str, section: str) -> str:
    """Format `` (LICENCE, SECTION)`` to append to a line; empty without a licence."""
    if not license_id:
        return ""
    return f" ({_escape_text(f'{license_id}, {section}' if section else license_id)})"


def _list_files_to_copy(report: AuditReport) -> list[str]:
    """List the notices and use policies among the files of the model, which must be copied unchanged."""
    paths = (read_file_path(record.path) for record in report.coverage.artifacts)
    names = filter(_FILES_TO_COPY.search, paths)
    return [
        f"- [ ] {_escape_text(name)}: copy this file of the model unchanged, in addition to other notices"
        for name in names
    ]


def _list_texts_to_copy(license_: LicenseConclusion) -> list[str]:
    """List the place to copy each required licence text from, as Markdown lines."""
    duties = _list_tasks(license_, [Group.SHIP])
    file_by_id = {task.license: task.met for task in duties if task.kind == "include-license-text"}
    lines = []
    for entry in license_.entries:
        if entry.id not in file_by_id:
            continue
        file = file_by_id[entry.id]
        place = (
            f"copy the file {_escape_text(read_file_path(file))} of the model"
            if file
            else f"no file holds it: copy it from {_format_address(entry.url)}"
        )
        policy = f"; and its use policy from {_format_address(entry.policy_url)}" if entry.policy_url else ""
        lines.append(f"- [ ] {_escape_text(entry.name)}: {place}{policy}")
    return lines or ["- No known licence requires its text."]
