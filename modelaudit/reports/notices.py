"""Render the files for ``--notices OUT/``: what a recipient of the model must get, and a checklist.

``texts/`` holds the licence texts, notices and use policies of the model unchanged, and the standard text of a licence
that no file of the model holds and an installed package ships. The other files are made from the report.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from modelaudit.model.address import read_file_path
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import LicenseConclusion
from modelaudit.model.notices import FoundText, ModelTexts
from modelaudit.model.report import AuditReport
from modelaudit.model.terms import TEXT_DUTIES, Clause, Group, LicenseEntry
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
from modelaudit.reports.notice_texts import MANIFEST, Copy, list_copies, render_copyrights, render_manifest
from modelaudit.reports.text import escape_unprintable, validate_https_link
from modelaudit.reports.view import get_model_name
from modelaudit.reports.wording import end_sentence

_NOTICE_KINDS = ("keep-notices",)
_KEEPING_KINDS = ("keep-notices", *TEXT_DUTIES)
_NO_TEXTS = ModelTexts()
_NONE: Mapping[str, FoundText] = MappingProxyType({})
_ATTRIBUTION_GROUPS = (Group.SHOW, Group.NAME)
_MARKUP = defer_pattern(r"([\\`*_{}\[\]<>()#+!|~&])")
"""The characters that can be markup in Markdown."""
_FILES_TO_COPY = defer_pattern(
    r"(?:^|/)(?:third[-_ ]?party[-_ ]?)?(?:notices?|(?:acceptable[-_ ]?)?use[-_ ]?policy)(?:\.\w+)?$", re.IGNORECASE
)
"""The path of a notice or a use policy: ``NOTICE``, ``docs/third_party_notices.txt``, ``Acceptable-Use-Policy.md``."""
_MAX_TEXT_CHARACTERS = 4000
_MAX_LIST_DEPTH = 8
"""Levels of a nested list; deeper entries are listed at this level."""


def build_notices(
    report: AuditReport, texts: ModelTexts = _NO_TEXTS, standard: Mapping[str, FoundText] = _NONE
) -> Mapping[str, bytes]:
    """Build the files by name: ``CHECKLIST.md`` and ``MANIFEST.json`` always, the others only if they have content.

    Args:
        report: of a licence check.
        texts: collected from the files of the model.
        standard: the standard texts at hand, by the id of their licence.
    """
    copies = list_copies(report.license, texts, standard)
    rendered = {
        "NOTICE": _render_notice(report),
        "COPYRIGHT.txt": render_copyrights(texts),
        "ATTRIBUTIONS.md": _render_attributions(report, copies, texts),
        "USE-RESTRICTIONS.md": _render_restrictions(report),
        "CHECKLIST.md": _render_checklist(report, copies, texts),
    }
    files = {name: text.encode() for name, text in rendered.items() if text}
    files |= {each.name: each.content for each in copies}
    return {**files, MANIFEST: render_manifest(report, files, copies, texts)}


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


def _render_attributions(report: AuditReport, copies: Sequence[Copy], texts: ModelTexts) -> str:
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
    return _render_page("Attributions", report, _describe_attribution(license_, bool(tasks), copies, texts), lines)


def _describe_attribution(
    license_: LicenseConclusion, has_words: bool, copies: Sequence[Copy], texts: ModelTexts
) -> str:
    """Describe what to show: words that a licence fixes, and the copyright lines and notices that most ask to keep."""
    kept = [task for task in _list_tasks(license_, [Group.SHIP]) if task.kind in _KEEPING_KINDS]
    sentences = ["Show these words at the stated places, and name your own work as described."] if has_words else []
    if kept:
        licenses = ", ".join(dict.fromkeys(_escape_text(task.license) for task in kept))
        place = "`COPYRIGHT.txt`" if texts.copyrights else "the copyright lines, which no file of the model states"
        shipped = "`texts/`" if copies else "the texts that `CHECKLIST.md` names"
        sentences.append(f"{licenses} asks to keep the copyright and licence notices: ship {shipped} and {place}.")
    elif not has_words:
        sentences.append("No clause that this tool knows prescribes words to show. Read the licence texts below.")
    return " ".join(sentences)


def _describe_license(license_: LicenseConclusion) -> str:
    return license_.expression or "no single licence could be determined"


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


def _render_checklist(report: AuditReport, copies: Sequence[Copy], texts: ModelTexts) -> str:
    """Render the checklist: the answer for the use, open points, texts to copy, duties, conflicts, unread sources."""
    license_ = report.license
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
    lines += ["", "## Licence texts to copy", "", *_list_texts_to_copy(license_, copies)]
    lines += [*_list_files_to_copy(report, copies), *(f"- [ ] {_escape_text(each)}" for each in texts.left_out)]
    for group, tasks in group_tasks(license_):
        lines += ["", f"## {GROUPS[group]}", ""]
        for task in tasks:
            met = f" The repository holds it: {_escape_text(task.met)}." if task.met else ""
            lines.append(f"- [ ] {_escape_text(end_sentence(task.text))} ({_escape_text(task.source)}){met}")
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


def _list_files_to_copy(report: AuditReport, copies: Sequence[Copy]) -> list[str]:
    """List the notices and use policies among the files of the model, which must be copied unchanged."""
    copied = {each.source: each.name for each in copies}
    paths = dict.fromkeys(read_file_path(record.path) for record in report.coverage.artifacts)
    named = [path for path in paths if _FILES_TO_COPY.search(path)]
    lines = [
        f"- [ ] {_escape_text(name)}: copy this file of the model unchanged, in addition to other notices"
        for name in named
        if name not in copied
    ]
    return lines + [
        f"- [x] {_escape_text(path)}: copied unchanged as {_format_file(name)}" for path, name in copied.items() if path
    ]


def _format_file(name: str) -> str:
    return f"`{_escape_code(name)}`"


def _list_texts_to_copy(license_: LicenseConclusion, copies: Sequence[Copy]) -> list[str]:
    """List where each required licence text is, or the place to copy it from, as Markdown lines."""
    by_source = {each.source: each for each in copies if each.source}
    by_license = {each.license: each for each in copies if each.license}
    duties = _list_tasks(license_, [Group.SHIP])
    file_by_id = {task.license: task.met for task in duties if task.kind in TEXT_DUTIES}
    lines = []
    for entry in license_.entries:
        if entry.id not in file_by_id:
            continue
        file = read_file_path(file_by_id[entry.id])
        copy = by_source.get(file) if file else by_license.get(entry.id)
        place = (
            f"copy the file {_escape_text(file)} of the model"
            if file
            else f"no file holds it: copy it from {_format_address(entry.url)}"
        )
        if copy is not None:
            place = f"{_format_file(copy.name)}, {_escape_text(copy.describe())}"
        policy = f"; and its use policy from {_format_address(entry.policy_url)}" if entry.policy_url else ""
        box = "x" if copy is not None and not (policy or copy.lacks_copyright) else " "
        lines.append(f"- [{box}] {_escape_text(entry.name)}: {place}{policy}")
    return lines or ["- No known licence requires its text."]
