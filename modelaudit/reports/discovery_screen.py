"""Render the screen of ``modelaudit discover``: the models that a code base loads, each with the lines that load it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from modelaudit.model.discovery import HUGGING_FACE, LOCAL, Discovery, ModelUse, UseKind
from modelaudit.reports.layout import build_text, indent_block, render_parts
from modelaudit.reports.wording import count_noun

_MOST_OTHER_KINDS = 4
_COMMIT_SHOWN = 12


def render_discovery(discovery: Discovery, *, width: int = 80, color: bool = False) -> bytes:
    """Render the screen.

    Args:
        discovery: the models that were found.
        width: columns of the terminal.
        color: whether to write ANSI colors.
    """
    groups: defaultdict[tuple[str, UseKind, str, str], list[ModelUse]] = defaultdict(list)
    for use in discovery.uses:
        if use.name is not None:
            groups[use.source, use.kind, use.name, use.revision or ""].append(use)
    parts: list[RenderableType] = [_describe_total(discovery, len(groups))]
    known = sorted(groups.items(), key=lambda item: (item[0][0] != HUGGING_FACE, item[0][0] == LOCAL, item[0]))
    if known:
        parts.append(Group(*(_build_group(_describe_model(uses[0]), uses) for _, uses in known)))
    if discovery.unknown_uses:
        title = build_text(("not known", "bold yellow"), "  the code alone does not show the name")
        parts.append(_build_group(title, discovery.unknown_uses))
    if discovery.absences:
        lines = [
            build_text(_locate(each.file, each.unread.where.line), "  ", each.unread.detail)
            for each in discovery.absences
        ]
        parts.append(Group(build_text(("not read", "bold yellow")), *(indent_block(line) for line in lines)))
    parts.append(_describe_rest(discovery))
    return render_parts(parts, width=width, color=color)


def _describe_total(discovery: Discovery, models: int) -> Text:
    """Return the first line: how many models, in how many places and files."""
    files = count_noun(discovery.files_read, "file")
    if not discovery.uses:
        return build_text((f"{discovery.root}: no line of {files} loads a model", "bold"))
    places = count_noun(len({(use.file, use.line) for use in discovery.uses if use.name is not None}), "line")
    pinned = len({(use.name, use.revision) for use in discovery.uses if use.is_pinned})
    return build_text(
        (f"{discovery.root}: {count_noun(models, 'model or dataset', 'models and datasets')} in {places}", "bold"),
        f", {pinned} pinned to a commit; {files} read",
    )


def _describe_model(use: ModelUse) -> Text:
    """Return the heading of one repository: its name, where it comes from, and whether it is pinned."""
    if use.source == LOCAL:
        state_of_path = "a path of the code base" if use.path else f"a path; {use.detail}"
        return build_text((use.name or "", "bold"), f"  {state_of_path}")
    origin = "" if use.source == HUGGING_FACE else f" from {use.source}"
    kind = "" if use.kind is UseKind.MODEL else f" ({use.kind})"
    if use.is_pinned:
        state = (f"  pinned to {(use.revision or '')[:_COMMIT_SHOWN]}", "green")
    else:
        state = (f"  not pinned{f' ({use.revision})' if use.revision else ''}", "yellow")
    return build_text((use.name or "", "bold"), f"{kind}{origin}", state)


def _build_group(title: Text, uses: Sequence[ModelUse]) -> Group:
    """Return a heading with the lines that load the repository."""
    return Group(title, *(indent_block(_describe_use(use)) for use in uses))


def _describe_use(use: ModelUse) -> Text:
    """Return the line of one use."""
    trust = {True: "runs code of the repository", None: "may run code of the repository", False: ""}
    detail = "" if use.source == LOCAL and use.name is not None and use.path is None else use.detail
    words = "; ".join(filter(None, (trust[use.trusts_remote_code], detail)))
    return build_text(_locate(use.file, use.line), (f"  {use.form}", "cyan"), f"  {words}" if words else "")


def _locate(file: str, line: int | None) -> str:
    """Return a place as editors read it."""
    return file if line is None else f"{file}:{line}"


def _describe_rest(discovery: Discovery) -> Text:
    """Return the last line: the skipped parts, and the meaning of the result."""
    others = sum(count for _, count in discovery.files_of_other_kinds)
    kinds = ", ".join(f"{name} {count}" for name, count in discovery.files_of_other_kinds[:_MOST_OTHER_KINDS])
    more = ", …" if len(discovery.files_of_other_kinds) > _MOST_OTHER_KINDS else ""
    parts = []
    if others:
        verb = "was" if others == 1 else "were"
        parts.append(f"{count_noun(others, 'file')} of other kinds {verb} not read ({kinds}{more}).")
    if discovery.skipped_folders:
        folders = ", ".join(f"{name} {count}" for name, count in discovery.skipped_folders)
        parts.append(f"Skipped folders: {folders}.")
    if discovery.is_complete:
        parts.append("Every name is known.")
    else:
        unknown, unread = len(discovery.unknown_uses), len(discovery.absences)
        reasons = [f"{count_noun(unknown, 'name')} not known"] if unknown else []
        reasons += [f"{count_noun(unread, 'part')} not read"] if unread else []
        parts.append(f"Incomplete: {', '.join(reasons)}.")
    return build_text(" ".join(parts))
