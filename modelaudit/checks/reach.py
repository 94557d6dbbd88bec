"""Decide whether a loader imports a file with code that trusts code of other repositories.

The same call in a script that only people run is their own decision, and is judged less severely.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from modelaudit.model.address import is_member
from modelaudit.model.catalogue import Subject
from modelaudit.model.outline import ReferenceKind

TRUST: Final = "trust"
"""The effect of code that has a loader run what another repository brings along."""

# Servers, the generation loop of transformers, Python and installers run these files without any reference to them.
_ALWAYS_IMPORTED: Final = ("handler.py", "generate.py", "__init__.py", "setup.py", "conftest.py", "sitecustomize.py")


def depends_on_importer(subject: Subject) -> bool:
    """Whether the severity of the subject depends on the program that imports the file."""
    return subject.kind == "mention" and subject.fields["effect"] == TRUST


def mark_calls_by_loader(held: Iterable[Subject], references: Sequence[Subject], is_alone: bool) -> list[Subject]:
    """Return the subjects that were held back, with the use ``call-by-loader`` where a loader imports the file.

    Args:
        held: subjects for which ``depends_on_importer`` holds.
        references: references compared with the snapshot, as ``build_reference_subjects`` returns them.
        is_alone: only one file was scanned; its importer is unknown, and a loader is assumed.
    """
    imported = {each.fields["path"] for each in references if each.fields["kind"] == ReferenceKind.CODE}
    return [
        replace(subject, fields={**subject.fields, "use": "call-by-loader"})
        if is_alone
        or subject.artifact in imported
        or is_member(subject.artifact)
        or subject.artifact.endswith(_ALWAYS_IMPORTED)
        else subject
        for subject in held
    ]
