"""Lay out what a source states about files as subjects: unlisted files, plain files of a cache, unsound records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from modelaudit.model.catalogue import Subject
from modelaudit.model.code_names import has_code_name
from modelaudit.model.source_fact import SourceFact, SourceFactKind
from modelaudit.model.structure import UnreadReason
from modelaudit.model.wording import CLAIM_SOURCES

# Python, shell, notebooks, native libraries and pickles: loaders and people run them, or code in them.
_CODE_FORMATS: Final = frozenset(
    {"executable", "java-object", "joblib", "notebook", "pickle", "python", "python-build", "shell", "torch-bytecode",
     "torch-tar-records", "torchscript"}
)  # fmt: skip
_ABSENCES: Final = {
    SourceFactKind.NAMED_ABSENT: UnreadReason.CONTENT_ABSENT,
    SourceFactKind.UNSOUND_RECORD: UnreadReason.UNVERIFIED_BYTES,
}
"""The absences of facts about records; that of an unlisted file belongs to its bytes."""


def build_source_subjects(facts: Iterable[SourceFact], formats: Mapping[str, Sequence[str]]) -> Iterator[Subject]:
    """Yield one subject for each fact.

    Args:
        facts: what the source of the model states.
        formats: the recognised formats of each file, by its address.
    """
    for fact in facts:
        recognised = formats.get(fact.path, ())
        is_code = has_code_name(fact.path) or not _CODE_FORMATS.isdisjoint(recognised)
        fields = {
            "kind": fact.kind.value,
            "source": fact.source.value,
            "content": "code" if is_code else "other",
            "by": CLAIM_SOURCES[fact.source],
            "detail": fact.detail,
        }
        evidence = (f"{CLAIM_SOURCES[fact.source]}: {fact.detail}",)
        key = f"{fact.kind} {fact.detail}"
        absence = _ABSENCES.get(fact.kind)
        yield Subject("source-fact", fact.path, fields, key, evidence=evidence, absence_always=absence)
