"""Whether a loader imports the file in which something stands; what only people run is theirs to judge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from modelaudit.model.address import is_member
from modelaudit.model.catalogue import Subject
from modelaudit.model.outline import ReferenceKind

TRUST: Final = "trust"
"""The effect of code that has a loader run what another repository brings along."""

# What is run without any file naming it: by servers, by the generation loop, by Python and by installers.
_UNASKED: Final = ("handler.py", "generate.py", "__init__.py", "setup.py", "conftest.py", "sitecustomize.py")


def is_held(subject: Subject) -> bool:
    """Whether it depends on who imports the file what the subject means."""
    return subject.kind == "mention" and subject.fields["effect"] == TRUST


def by_reach(held: Iterable[Subject], references: Sequence[Subject], is_alone: bool) -> list[Subject]:
    """The subjects that were held back, with the use ``call-by-loader`` where a loader comes to the file by itself.

    Args:
        held: subjects for which ``is_held`` holds.
        references: what files name of other files, as ``checks.references`` tells.
        is_alone: nothing but one file was scanned, so that nobody knows who imports it.
    """
    imported = {each.fields["path"] for each in references if each.fields["kind"] == ReferenceKind.CODE}
    return [
        replace(subject, fields={**subject.fields, "use": "call-by-loader"})
        if is_alone
        or subject.artifact in imported
        or is_member(subject.artifact)
        or subject.artifact.endswith(_UNASKED)
        else subject
        for subject in held
    ]
