"""Render what a code base loads as canonical JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import cast

from modelaudit.model.discovery import SCHEMA, Discovery, UseKind
from modelaudit.model.structure import UnreadReason
from modelaudit.reports.canonical_json import Json, encode_canonical
from modelaudit.reports.text import escape_unprintable


@dataclass(frozen=True, slots=True)
class UseEntry:
    """A line that loads a model or a dataset.

    Attributes:
        file: the path, beginning with the searched folder as it was typed.
        line: from 1; of a notebook, in the file itself.
        form: the call, command or key that loads it.
        name: of the repository; of a local model, its path below the root of the code base, or as the code writes it
            if the code base does not hold it; null if the code alone does not show it.
        kind: of the repository.
        source: where the repository comes from: huggingface, github, ollama and so on; local for a path.
        revision: the branch, tag or commit; null for the default, or if it is unknown (``detail`` states this).
        is_pinned: whether the revision is a full commit of 40 hexadecimal digits.
        trusts_remote_code: whether code of the repository may run; null if the code does not show it.
        detail: one clause, such as the reason why the name is not known; empty if there is nothing to add.
        path: of a local model in the code base, beginning with the searched folder as it was typed; null for any other
            use, and where the code base does not hold the path.
    """

    file: str
    line: int
    form: str
    name: str | None
    kind: UseKind
    source: str
    revision: str | None
    is_pinned: bool
    trusts_remote_code: bool | None
    detail: str
    path: str | None


@dataclass(frozen=True, slots=True)
class AbsenceEntry:
    """A file, or a part of it, that was not read.

    Attributes:
        file: the path, as in a use.
        line: where the part begins; null for the whole file.
        reason: the class of the reason.
        detail: one line.
    """

    file: str
    line: int | None
    reason: UnreadReason
    detail: str


@dataclass(frozen=True, slots=True)
class CountEntry:
    """A number of files or folders that were passed over, by ending or name."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class DiscoveryDocument:
    """The models that a code base loads.

    Attributes:
        schema: the name and version of this form.
        root: the folder or file that was searched, as it was typed.
        is_complete: whether every file was read and every name is known.
        uses: sorted by file, line, form and name.
        absences: sorted by file and line.
        files_read: the number of files that were searched.
        files_of_other_kinds: files in no language that is searched, by the ending of their names; the most frequent 20.
        skipped_folders: folders that hold no code of the project, by name.
    """

    schema: str
    root: str
    is_complete: bool
    uses: tuple[UseEntry, ...]
    absences: tuple[AbsenceEntry, ...]
    files_read: int
    files_of_other_kinds: tuple[CountEntry, ...]
    skipped_folders: tuple[CountEntry, ...]


def render_discovery_json(discovery: Discovery) -> bytes:
    """Render the document in the canonical form of reports; characters that are not printable are escaped."""
    document = DiscoveryDocument(
        schema=SCHEMA,
        root=escape_unprintable(discovery.root),
        is_complete=discovery.is_complete,
        uses=tuple(
            UseEntry(
                file=escape_unprintable(use.file),
                line=use.line,
                form=escape_unprintable(use.form),
                name=None if use.name is None else escape_unprintable(use.name),
                kind=use.kind,
                source=use.source,
                revision=None if use.revision is None else escape_unprintable(use.revision),
                is_pinned=use.is_pinned,
                trusts_remote_code=use.trusts_remote_code,
                detail=escape_unprintable(use.detail),
                path=None if use.path is None else escape_unprintable(use.path),
            )
            for use in discovery.uses
        ),
        absences=tuple(
            AbsenceEntry(
                escape_unprintable(each.file), each.unread.where.line, each.unread.reason,
                escape_unprintable(each.unread.detail),
            )
            for each in discovery.absences
        ),
        files_read=discovery.files_read,
        files_of_other_kinds=tuple(
            CountEntry(escape_unprintable(name), count) for name, count in discovery.files_of_other_kinds
        ),
        skipped_folders=tuple(CountEntry(escape_unprintable(name), count) for name, count in discovery.skipped_folders),
    )  # fmt: skip
    return encode_canonical(cast("Json", asdict(document)))
