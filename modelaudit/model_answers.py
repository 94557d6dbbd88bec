"""Conclude the licence of a repository: once, or for each of its models where they lie in folders of their own."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TypeVar

from msgspec import Struct, field

from modelaudit.catalogue.base_models import load_base_models
from modelaudit.claim_collector import ClaimCollector
from modelaudit.licenses import conclude
from modelaudit.licenses.conclusion.agreement import get_agreement_checker
from modelaudit.licenses.evidence.claims import is_license_file_name
from modelaudit.licenses.evidence.folders import (
    count_levels_above,
    find_model_folders,
    holds_model,
    keep_nearest_terms,
    lies_in_other,
    list_claims_on_folder,
    rebase_path,
    restore_path,
)
from modelaudit.licenses.evidence.hub_ids import fold_hub_id
from modelaudit.licenses.evidence.record import Evidence
from modelaudit.licenses.evidence.texts_on_demand import TextsOnDemand
from modelaudit.licenses.evidence.unsearched_texts import claim_unsearched_texts, is_over_limit
from modelaudit.licenses.lineage.traversal import LookUp, LookupResult, trace_base_models
from modelaudit.licensing import BaseModelLookup
from modelaudit.model.artifact import Snapshot
from modelaudit.model.copies import replace
from modelaudit.model.license import (
    THE_REST,
    ConclusionState,
    Conflict,
    LicenseConclusion,
    ModelAnswer,
    Openness,
    OriginState,
    UseAnswer,
)
from modelaudit.model.lineage import Kinship
from modelaudit.model.report import ArtifactRecord
from modelaudit.model.terms import Intent, LicenseCategory
from modelaudit.shared_files import add_doubts, collect_digests, find_shared_files
from modelaudit.sources import is_offline
from modelaudit.term_choice import list_unnamed_weights

_Item = TypeVar("_Item")
_WEAKEST_FIRST = (
    ConclusionState.UNDECLARED,
    ConclusionState.CONTRADICTORY,
    ConclusionState.UNRECOGNISED,
    ConclusionState.VAGUE,
    ConclusionState.CONCLUDED,
)


def conclude_license(
    collector: ClaimCollector,
    snapshot: Snapshot,
    base_models: BaseModelLookup,
    intent: Intent,
    look_up: LookUp | None = None,
    records: Sequence[ArtifactRecord] = (),
) -> tuple[LicenseConclusion, tuple[str, ...]]:
    """Trace the base models, conclude on the licence, and answer the intended use.

    Returns:
        The conclusion, and a sentence for each base model whose look-up failed although the conclusion depends on its
        licence: no connection, a failure of the Hub, a bound, or an unread file. Offline, only unread files of base
        models in the cache count, because no other look-up was asked for. The scan of a local model needs no
        connection, so lacking one does not count.

    Args:
        collector: the claims of the model's own files.
        snapshot: the model.
        base_models: looks up the base models.
        intent: the intended use, as far as it is stated.
        look_up: replaces ``base_models.look_up``, for instance to add an error boundary.
        records: of the files that were read, with their digests; of others, the digests that the source states count.
    """
    collector.finish(snapshot)
    digests = collect_digests(snapshot.artifacts, records)
    concluding = _Concluding(collector, snapshot, base_models, intent, look_up or base_models.look_up, digests)
    conclusion = concluding.conclude_models() or concluding.conclude_folder("", ())
    return conclusion, tuple(concluding.describe_failed_look_ups(conclusion))


class _Concluding(Struct):
    """Concludes on the licences of one repository, and remembers which base models could not be looked up.

    Attributes:
        digests: the SHA-256 of the files, as far as they are known, by path.
        failed_names: case-folded names of the base models whose look-up failed.
        limited_names: likewise of those that a bound kept from being looked up.
        results: of the look-ups, by the name as it is spelt; several models may have one base model.
        start: monotonic time at which the look-ups began, in seconds; those of all models share one bound.
    """

    collector: ClaimCollector
    snapshot: Snapshot
    base_models: BaseModelLookup
    intent: Intent
    look_up: LookUp
    digests: Mapping[str, str] = field(default_factory=dict)
    failed_names: set[str] = field(default_factory=set)
    limited_names: set[str] = field(default_factory=set)
    results: dict[tuple[str, bool], LookupResult] = field(default_factory=dict)
    start: float = field(default_factory=time.monotonic)

    @property
    def paths(self) -> list[str]:
        """The paths of the files."""
        return [artifact.path for artifact in self.snapshot.artifacts]

    def conclude_models(self) -> LicenseConclusion | None:
        """Conclude for each model of the repository; ``None`` where it holds one, or one conclusion holds for all."""
        folders = find_model_folders(self.paths, self.collector.claims)
        if not folders:
            return None
        if self._has_rest(folders):
            folders = ("", *folders)
        if len(folders) < 2:
            return None
        parts = {folder: self.conclude_folder(folder, folders) for folder in folders}
        if len({_list_terms(part) for part in parts.values()}) == 1:
            return None
        whole = self.conclude_folder("", ())
        doubts = find_shared_files(parts, self.digests)
        return _combine({folder: add_doubts(part, doubts.get(folder, [])) for folder, part in parts.items()}, whole)

    def _has_rest(self, folders: Collection[str]) -> bool:
        """Whether files outside of the folders are a model, or state terms."""
        names = {path.lower() for path in self.paths if "/" not in path} - {"readme.md"}
        claims = list_claims_on_folder(self.collector.claims, "", folders)
        # A licence file that could not be read makes no claim, and may bind the folders too.
        files = (path for path in self.paths if not lies_in_other(path, "", folders))
        return holds_model(names) or bool(claims) or any(map(is_license_file_name, files))

    def conclude_folder(self, folder: str, others: Collection[str]) -> LicenseConclusion:
        """Conclude for the model in one folder.

        Args:
            folder: empty for the repository without the ``others``.
            others: the folders of all models.
        """
        claims = list_claims_on_folder(self.collector.claims, folder, others)
        depth = _count_steps(self.snapshot.folder) + _count_steps(folder)
        claims, levels = keep_nearest_terms(claims, depth) if depth else (claims, 0)

        @cache
        def see(path: str) -> str | None:
            seen = None if lies_in_other(path, folder, others) else rebase_path(path, folder)
            return seen if seen is not None and count_levels_above(seen) <= levels else None

        if others:
            # One doubt stands for the texts behind the limit of the repository: each model has its own.
            behind = ([seen for path in texts if (seen := see(path))] for texts in self.collector.unsearched.values())
            claims = [each for each in claims if not is_over_limit(each)]
            claims += [claim_unsearched_texts(each) for each in behind if each]
        paths = [seen for path in self.paths if (seen := see(path)) is not None]
        repository = self.snapshot.ref.name if self.snapshot.commit else None
        origins, datasets = trace_base_models(
            claims,
            self._look_up_once,
            get_agreement_checker(self.collector.rules).assess,
            self.base_models.limits,
            own=repository or "",
            paths=paths,
        )
        self.limited_names |= {fold_hub_id(each.name) for each in origins if each.look is OriginState.LIMIT}
        read_paths = {see(path) for path in self.collector.read_paths}
        evidence = Evidence(
            claims=claims,
            paths=paths,
            repository=repository,
            origins=origins,
            datasets=datasets,
            texts=TextsOnDemand(
                {seen: text for path, text in self.collector.texts.items() if (seen := see(path)) is not None}
            ),
            kinds={seen: kind for path, kind in self.collector.kinds.items() if (seen := see(path)) is not None},
            modalities=self.base_models.modalities,
            multimodal=self.collector.multimodal,
            fields=() if folder else self.collector.fields,
            components={} if folder else self.collector.components,
            unread=[path for path in paths if is_license_file_name(path) and path not in read_paths],
            read=frozenset(each for each in read_paths if each is not None),
            license_texts={
                id_: [(seen, prose) for path, prose in texts if (seen := see(path)) is not None]
                for id_, texts in self.collector.license_texts.items()
            },
            traits=[(seen, each) for path, each in self.collector.traits if (seen := see(path)) is not None],
            base_models=load_base_models(self.collector.folders if self.collector.traits else None),
            weights_elsewhere=self.snapshot.weights_elsewhere,
            unnamed_weights=[seen for path in list_unnamed_weights(self.snapshot) if (seen := see(path)) is not None],
        )
        return conclude(evidence, self.collector.rules, self.intent if self.intent.is_stated else None)

    def _look_up_once(self, name: str, is_dataset: bool) -> LookupResult:
        """Look up a base model, unless another model of the repository has it too."""
        key = name, is_dataset
        seconds = self.base_models.limits.origin_seconds
        if key not in self.results and time.monotonic() - self.start > seconds:
            return LookupResult(OriginState.LIMIT, f"looking up base models took more than {seconds:g} seconds")
        if key not in self.results:
            self.results[key] = self.look_up(name, is_dataset)
            if self.results[key].lookup is OriginState.UNREACHED:
                self.failed_names.add(fold_hub_id(name))
        return self.results[key]

    def describe_failed_look_ups(self, conclusion: LicenseConclusion) -> Iterator[str]:
        """Yield a sentence for each base model whose look-up failed, if its licence may change the conclusion."""
        if is_offline(self.base_models.offline):
            yield from _describe_failed_look_ups(conclusion, self.base_models.incomplete_names)
            return
        failed_names = self.failed_names
        if not self.snapshot.ref.is_on_hub and self.base_models.unconnected_names:
            failed_names = failed_names - self.base_models.unconnected_names
        else:
            failed_names = failed_names | self.limited_names
        yield from _describe_failed_look_ups(conclusion, failed_names)


def _count_steps(folder: str) -> int:
    """Count the folders of a path to a folder."""
    return folder.count("/") + 1 if folder else 0


def _list_terms(conclusion: LicenseConclusion) -> tuple[object, ...]:
    """List what makes the conclusions on two models differ."""
    entries = frozenset(entry.id for entry in conclusion.entries)
    return conclusion.state, conclusion.expression, entries, conclusion.permission


def _combine(parts: dict[str, LicenseConclusion], whole: LicenseConclusion) -> LicenseConclusion:
    """Combine the conclusions on the models of a repository: the worst answer of any is that of all.

    Args:
        parts: by the folder.
        whole: as if the repository were one model; it states what concerns no single one.
    """
    conclusions = list(parts.values())
    states = [part.state for part in conclusions]
    categories = [part.category for part in conclusions]
    answers = _merge_answers(parts)
    permissions = [part.permission for part in conclusions if part.permission is not None]
    entries = {entry.id: entry for part in conclusions for entry in part.entries}
    expressions = list(dict.fromkeys(part.expression for part in conclusions))
    is_concluded = all(state is ConclusionState.CONCLUDED for state in states)
    return replace(
        whole,
        state=min(states, key=_WEAKEST_FIRST.index),
        category=max(categories, key=list(LicenseCategory).index) if is_concluded else LicenseCategory.UNKNOWN,
        entries=tuple(entries.values()),
        reasoning=tuple(f"{folder or THE_REST}: {line}" for folder, part in parts.items() for line in part.reasoning),
        expression=" AND ".join(_wrap_choice(each) for each in expressions) if is_concluded else "",
        own=tuple(dict.fromkeys(id_ for part in conclusions for id_ in part.own)),
        origins=_merge(part.origins for part in conclusions),
        datasets=_merge(part.datasets for part in conclusions),
        conflicts=_merge(
            [_restore_conflict(each, folder) for each in part.conflicts] for folder, part in parts.items()
        ),
        permission=max(permissions, key=lambda each: each.rank, default=None),
        answers=answers,
        duties=_merge(
            [replace(each, met=restore_path(each.met, folder)) for each in part.duties]
            for folder, part in parts.items()
        ),
        quotations=_merge(
            [replace(each, artifact=restore_path(each.artifact, folder)) for each in part.quotations]
            for folder, part in parts.items()
        ),
        kinships=_merge([_restore_kinship(each, folder) for each in part.kinships] for folder, part in parts.items()),
        openness=Openness(f"Not rated: the repository is judged in {len(parts)} parts"),
        models=tuple(
            ModelAnswer(folder, part.state, part.expression, tuple(entry.id for entry in part.entries))
            for folder, part in parts.items()
        ),
    )


def _restore_conflict(conflict: Conflict, folder: str) -> Conflict:
    """Return a conflict about the model in a folder as one of the repository."""
    if not folder:
        return conflict
    artifact = restore_path(conflict.artifact, folder)
    return replace(conflict, artifact=artifact, detail=f"{folder}: {conflict.detail}")


def _restore_kinship(kinship: Kinship, folder: str) -> Kinship:
    """Return a kinship of the model in a folder with its files as the repository has them."""
    if not folder:
        return kinship
    evidence = tuple(f"{folder}/{line}" for line in kinship.evidence)
    artifact = restore_path(kinship.artifact, folder)
    return replace(kinship, artifact=artifact, part=kinship.part or folder, evidence=evidence)


def _merge_answers(parts: dict[str, LicenseConclusion]) -> tuple[UseAnswer, ...]:
    """Merge equal answers of several models, worst first; each names the folders that it concerns."""
    folders: dict[UseAnswer, list[str]] = {}
    for folder, part in parts.items():
        for answer in part.answers:
            folders.setdefault(answer, []).append(folder)
    merged = [replace(answer, folders=tuple(each)) for answer, each in folders.items()]
    return tuple(sorted(merged, key=lambda each: -each.answer.rank))


def _merge(groups: Iterable[Sequence[_Item]]) -> tuple[_Item, ...]:
    """Merge sequences, each item once."""
    return tuple(dict.fromkeys(each for group in groups for each in group))


def _wrap_choice(expression: str) -> str:
    """Put an expression with alternatives into parentheses, to join it by AND."""
    return f"({expression})" if " OR " in expression else expression


def _describe_failed_look_ups(conclusion: LicenseConclusion, failed_names: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each base model whose look-up failed, if its licence may change the conclusion.

    Args:
        conclusion: the conclusion without that licence.
        failed_names: case-folded names of the base models whose look-up failed.
    """
    # Without a licence of its own, the model is permitted nothing, whatever its base models permit.
    if conclusion.state is ConclusionState.UNDECLARED and not conclusion.models:
        return
    for origin in conclusion.origins:
        # What is on record for its name cannot restrict the model further if the model itself has those licences.
        is_covered = origin.look is OriginState.KNOWN and set(origin.entries) <= set(conclusion.own)
        if fold_hub_id(origin.name) in failed_names and not (is_covered and not conclusion.models):
            yield f"the base model {origin.name}, whose licence may bind, could not be looked up: {origin.detail}"
