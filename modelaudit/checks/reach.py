"""Decide whether a loader imports a file whose code runs code of other repositories (``trust_remote_code``).

The same call in a script that only people run is their own decision, and is judged less severely.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from typing import Final

from modelaudit.model.address import is_member
from modelaudit.model.catalogue import Subject
from modelaudit.model.copies import replace

TRUST: Final = "trust"
"""The effect of code that has a loader run what another repository brings along."""

# Servers, Python and installers run these files without any reference to them, and ``load_custom_generate`` of
# transformers the generation loop in the folder ``custom_generate``.
# They are compared as endings of paths: a longer name, such as my_handler.py, counts as well.
_ALWAYS_IMPORTED: Final = (
    "handler.py",
    "custom_generate/generate.py",
    "__init__.py",
    "setup.py",
    "conftest.py",
    "sitecustomize.py",
)


def depends_on_importer(subject: Subject) -> bool:
    """Whether the severity of the subject depends on the program that imports the file."""
    return subject.kind == "mention" and subject.fields["effect"] == TRUST


def mark_calls_by_loader(subjects: Iterable[Subject], code_paths: Set[str], is_alone: bool) -> Iterator[Subject]:
    """Yield ``subjects``; those about a file that a loader imports get the use ``call-by-loader``.

    Args:
        subjects: subjects for which ``depends_on_importer`` holds.
        code_paths: the files that references name as code, as ``collect_referenced_paths`` returns them.
        is_alone: only one file was scanned; its importer is unknown, and a loader is assumed.
    """
    for subject in subjects:
        address = subject.artifact
        is_named = address in code_paths or address.endswith(_ALWAYS_IMPORTED)
        # Code inside an archive is there for the loader of the archive.
        if is_alone or is_named or is_member(address):
            yield replace(subject, fields={**subject.fields, "use": "call-by-loader"})
        else:
            yield subject
