"""Lay facts out as subjects for rules to match."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never

from modelaudit.checks.defects import build_format_defects
from modelaudit.checks.mentions import build_outline_subjects
from modelaudit.checks.pickle import build_pickle_subjects
from modelaudit.checks.skops import build_skops_subjects
from modelaudit.checks.torch import build_torch_subjects
from modelaudit.checks.torch_storages import build_storage_subjects
from modelaudit.checks.traced_modules import VOCABULARY, TracedNames
from modelaudit.model.catalogue import Catalogue, Scalar, Subject
from modelaudit.model.digest import Claim, ClaimSource
from modelaudit.model.evidence import Prose, Statements
from modelaudit.model.lineage import ModelTraits
from modelaudit.model.outline import Outline, References
from modelaudit.model.pickle import PickleProgram
from modelaudit.model.reading import Structure
from modelaudit.model.report import ArtifactRecord
from modelaudit.model.skops import SkopsSchema
from modelaudit.model.stated import StatedValues, TensorTable
from modelaudit.model.structure import (
    ArchiveListing,
    Document,
    Location,
    ModelCard,
    TensorData,
    Unread,
)
from modelaudit.model.torch import TorchProgram
from modelaudit.model.wording import describe_claim


def build_subjects(
    structures: Sequence[tuple[str, Structure]], unread: Iterable[tuple[str, Unread]], catalogue: Catalogue
) -> Iterator[Subject]:
    """Yield the subjects of one artifact and its members: those of each structure, then those of several together.

    Args:
        structures: with the address of the member that holds each, in the order of the bytes.
        unread: absences with their addresses.
        catalogue: the lists that judge names.
    """
    for address, structure in structures:
        yield from _build_structure_subjects(address, structure, catalogue)
    yield from build_torch_subjects(structures, unread, catalogue)
    yield from build_storage_subjects(structures)


def _build_structure_subjects(address: str, structure: Structure, catalogue: Catalogue) -> Iterator[Subject]:
    """Yield the subjects that one structure makes by itself; some structures are judged elsewhere."""
    match structure:
        case PickleProgram():
            names = TracedNames(catalogue.vocabularies.get(VOCABULARY, {}), catalogue.operators)
            yield from build_pickle_subjects(address, structure, catalogue.callables, names)
            yield from build_format_defects(address, "pickle", structure.defects)
        case Outline():
            yield from build_format_defects(address, structure.format, structure.defects)
            yield from build_outline_subjects(address, structure, catalogue)
        case ArchiveListing():
            yield from build_format_defects(address, structure.format, structure.defects)
        case Document():
            yield from build_format_defects(address, structure.format, structure.defects)
            for tag, line in structure.tags:
                yield _build_tag_subject(address, structure.format, tag, line)
        case SkopsSchema():
            yield from build_format_defects(address, "skops", structure.defects)
            yield from build_skops_subjects(address, structure, catalogue)
        case ModelCard():
            yield from build_format_defects(address, "card", structure.defects)
        case TensorData() | TorchProgram() | References() | Prose() | Statements() | ModelTraits():
            return
        case StatedValues() | TensorTable():
            return
        case _:
            assert_never(structure)


def build_unread_subjects(artifact: str, unread: Iterable[Unread]) -> Iterator[Subject]:
    """Yield one subject for every part that was not read."""
    for absence in unread:
        fields = {"reason": absence.reason.value, "detail": absence.detail}
        key = f"{absence.reason} {absence.where.offset} {absence.where.key}"
        yield Subject("unread", artifact, fields, key, absence.where, (absence.detail,))


def build_digest_subjects(record: ArtifactRecord) -> Iterator[Subject]:
    """Yield the subject that compares an artifact's digests with those that its source claims."""
    contradicting = record.contradicting_claims
    computed = ", ".join(map(str, record.digests))
    fields = {
        "state": record.digest_state.value,
        "claimed": ", ".join(f"{each.digest} ({describe_claim(each)})" for each in contradicting),
        "computed": computed,
        "source": _find_decisive_source(contradicting),
    }
    agreeing = record.agreeing_claims
    evidence = (
        *(f"contradicted: {each.digest}, stated by {describe_claim(each)}" for each in contradicting),
        *(f"confirmed: {each.digest}, stated by {describe_claim(each)}" for each in agreeing),
        f"computed: {computed or 'nothing'}",
    )
    yield Subject("digest", record.path, fields, "digest", evidence=evidence)


def _find_decisive_source(contradicting: Sequence[Claim]) -> str:
    """Return the strongest source that contradicts the bytes; the lock only where no record of a download does too."""
    if not contradicting:
        return ""
    first = contradicting[0].source
    records = [each.source for each in contradicting if each.source in (ClaimSource.CACHE, ClaimSource.LOCAL_DIR)]
    return (records[0] if first is ClaimSource.LOCK and records else first).value


def _build_tag_subject(artifact: str, format_: str, tag: str, line: int) -> Subject:
    """Return the subject of a YAML tag; its ``family`` is the part before a colon, such as ``python/name``."""
    # YAML writes its own tags as tag:yaml.org,2002:NAME, or !!NAME for short; PyYAML puts the object after a colon.
    short_tag = tag.removeprefix("tag:yaml.org,2002:").removeprefix("!!")
    fields: dict[str, Scalar] = {"format": format_, "tag": tag, "family": short_tag.partition(":")[0], "line": line}
    return Subject("document-tag", artifact, fields, tag, Location(line=line), (f"line {line}: {tag}",))
