"""Trace the base models of a model breadth first, back to the roots."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence

from msgspec import Struct, field

from modelaudit.licenses.evidence.fields import CLAIM_LIMIT
from modelaudit.licenses.evidence.hub_ids import explain_invalid_hub_id, fold_hub_id, parse_hub_id
from modelaudit.licenses.lineage.base_models import NamedBaseModel, list_base_models, list_dataset_claims
from modelaudit.model.license import ConclusionState, DatasetClaim, LicenseClaim, Origin, OriginState
from modelaudit.model.limits import Limits


class LookupResult(Struct, frozen=True):
    """The result of looking up one repository on the Hub.

    Attributes:
        lookup: ``READ``, or the reason why it was not read.
        detail: one line for a person.
        commit: the commit that the Hub resolved the id to.
        claims: the repository's claims; for a gated one, those that the Hub shows to everyone.
        paths: its files.
    """

    lookup: OriginState
    detail: str = ""
    commit: str | None = None
    claims: tuple[LicenseClaim, ...] = ()
    paths: tuple[str, ...] = ()


LookUp = Callable[[str, bool], LookupResult]
"""Looks up a Hub id; the second argument is true for a data set. Never raises for a repository that cannot be read."""

AssessClaims = Callable[[Sequence[LicenseClaim], Collection[str]], tuple[ConclusionState, tuple[str, ...]]]
"""Assesses the claims and files of one repository alone: the state of its licence, and the licence ids."""


def trace_base_models(
    claims: Sequence[LicenseClaim],
    look_up: LookUp,
    assess: AssessClaims,
    bounds: Limits,
    *,
    own: str = "",
    paths: Collection[str] = (),
) -> tuple[tuple[Origin, ...], tuple[DatasetClaim, ...]]:
    """Trace the base models to the roots, and look up each data set that the model itself names.

    Each repository is looked up once. A base model that two models name appears once for each of them. A base model
    that was not looked up appears too, with the reason: it descends from itself, it lies too deep, or a bound was
    reached.

    Args:
        claims: of the model; claims of its card come before those of other files.
        look_up: called with the id in its first spelling.
        assess: called for every repository that makes any claim.
        bounds: ``origin_depth``, ``origins`` and ``origin_seconds`` apply.
        own: Hub id of the model, if it has one.
        paths: files of the model.
    """
    walker = _LineageWalker(look_up, assess, bounds)
    walker.walk(list_base_models(claims, paths, own), own)
    return tuple(walker.origins), tuple(walker.look_up_datasets(list_dataset_claims(claims)))


class _LineageWalker(Struct):
    """The state of the breadth-first walk.

    Attributes:
        origins: the result, in the order of the walk.
        parents: repository key -> keys of the repositories that it was made from.
        results: lookups by case-folded name.
        keys: case-folded name, or commit -> key of the repository, the case-folded name under which it was first met.
            Two names of one repository share a key: it was renamed.
        start: monotonic time at which the walk began, in seconds.
    """

    look_up: LookUp
    assess: AssessClaims
    bounds: Limits
    origins: list[Origin] = field(default_factory=list)
    parents: dict[str, set[str]] = field(default_factory=dict)
    results: dict[str, LookupResult] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    start: float = field(default_factory=time.monotonic)

    def walk(self, named: Sequence[NamedBaseModel], own: str) -> None:
        """Walk from the model breadth first, so that a bound cuts off the most distant base models.

        Args:
            named: the base models that the model names.
            own: Hub id of the model, empty if it has none.
        """
        # (name of the derived model, steps from the model, base model)
        waiting: deque[tuple[str, int, NamedBaseModel]] = deque((own, 1, base_model) for base_model in named)
        while waiting:
            derived_model, depth, base_model = waiting.popleft()
            bound = self._describe_reached_bound(depth)
            if bound:
                # The base models of a model that was not looked up are unknown, so the walk ends here for this branch.
                self._record_unread(derived_model, depth, base_model, OriginState.LIMIT, bound)
                # One record beyond the limit shows that there are more.
                if len(self.origins) > self.bounds.origins:
                    return
                continue
            further = self._visit_base_model(derived_model, depth, base_model)
            waiting.extend((base_model.name, depth + 1, each) for each in further)

    def _describe_reached_bound(self, depth: int) -> str:
        """Describe the bound that was reached; empty if the walk may go on."""
        if depth > self.bounds.origin_depth:
            return f"it lies more than {self.bounds.origin_depth} steps away"
        if len(self.origins) >= self.bounds.origins:
            return f"more than {self.bounds.origins} base models are named, and the rest were not looked up"
        if time.monotonic() - self.start > self.bounds.origin_seconds:
            return self._describe_time_bound()
        return ""

    def _describe_time_bound(self) -> str:
        """Describe the bound on the time of all lookups."""
        return f"looking up base models took more than {self.bounds.origin_seconds:g} seconds"

    def _visit_base_model(
        self, derived_model: str, depth: int, base_model: NamedBaseModel
    ) -> tuple[NamedBaseModel, ...]:
        """Record one base model. Return its own base models at the first visit, otherwise nothing."""
        if not base_model.is_id:
            reason = explain_invalid_hub_id(base_model.name)
            self._record_unread(derived_model, depth, base_model, OriginState.UNREACHED, reason)
            return ()
        # The cycle is checked twice: by name before the lookup, and after it, because the commit may reveal a known
        # repository under a new name.
        if self._closes_cycle(derived_model, base_model):
            self._record_cycle(derived_model, depth, base_model)
            return ()
        is_new = base_model.key not in self.results
        if is_new:
            self.results[base_model.key] = self.look_up(base_model.name, False)
            self._merge_renamed(base_model)
            if self._closes_cycle(derived_model, base_model):
                self._record_cycle(derived_model, depth, base_model)
                return ()
        result = self.results[base_model.key]
        self.parents.setdefault(self._get_key(derived_model), set()).add(self._get_key(base_model.name))
        state, entries = self._assess_result(result)
        self.origins.append(
            Origin(
                base_model.name,
                "" if depth == 1 else derived_model,
                base_model.relation,
                depth,
                result.lookup,
                state,
                entries,
                result.detail,
                result.commit,
                base_model.claim,
            )
        )
        return list_base_models(result.claims, result.paths, base_model.name) if is_new else ()

    def _assess_result(self, result: LookupResult) -> tuple[ConclusionState, tuple[str, ...]]:
        """Assess the licence of a repository that was looked up; a gated one by the claims that the Hub shows."""
        if result.lookup is not OriginState.READ and not result.claims:
            return ConclusionState.NOT_CHECKED, ()
        return self.assess(result.claims, result.paths)

    def _get_key(self, name: str) -> str:
        """Return the key of the repository with this name."""
        return self.keys.get(fold_hub_id(name), fold_hub_id(name))

    def _merge_renamed(self, base_model: NamedBaseModel) -> None:
        """Give two names one key if they have one commit: the repository was renamed."""
        commit = self.results[base_model.key].commit
        if commit:
            # The commit itself is entered too, so that the next name with this commit finds the first one.
            self.keys[base_model.key] = self.keys.setdefault(commit, base_model.key)

    def _closes_cycle(self, derived_model: str, base_model: NamedBaseModel) -> bool:
        """Whether the base model is the derived model itself or was made from it, by the steps walked so far."""
        derived_key = self._get_key(derived_model)
        seen: set[str] = set()
        waiting = [self._get_key(base_model.name)]
        while waiting:
            key = waiting.pop()
            if key == derived_key:
                return True
            unseen = self.parents.get(key, set()) - seen
            waiting += unseen
            seen |= unseen
        return False

    def _record_cycle(self, derived_model: str, depth: int, base_model: NamedBaseModel) -> None:
        """Record a base model that descends from the model made from it."""
        is_itself = self._get_key(derived_model) == self._get_key(base_model.name)
        circle = f"it is made from {derived_model or 'the model'}, which is made from it"
        detail = "it names itself as its base model" if is_itself else circle
        self._record_unread(derived_model, depth, base_model, OriginState.CYCLE, detail)

    def _record_unread(
        self, derived_model: str, depth: int, base_model: NamedBaseModel, look: OriginState, detail: str
    ) -> None:
        """Record a base model that was not looked up, with the reason."""
        self.origins.append(
            Origin(
                base_model.name,
                "" if depth == 1 else derived_model,
                base_model.relation,
                depth,
                look,
                ConclusionState.NOT_CHECKED,
                (),
                detail,
                None,
                base_model.claim,
            )
        )

    def look_up_datasets(self, claims: Sequence[LicenseClaim]) -> Iterator[DatasetClaim]:
        """Yield the result for each data set, and one record for all over the limit."""
        for claim in claims[:CLAIM_LIMIT]:
            yield self._look_up_dataset(claim)
        for claim in claims[CLAIM_LIMIT : CLAIM_LIMIT + 1]:
            detail = f"more than {CLAIM_LIMIT} data sets are named, and the rest were not looked up"
            yield DatasetClaim(claim.quotation, OriginState.LIMIT, (), detail, claim.location)

    def _look_up_dataset(self, claim: LicenseClaim) -> DatasetClaim:
        """Look up the licence of one data set; it never becomes a claim about the model."""
        name = parse_hub_id(claim.quotation)
        if name is None:
            detail = explain_invalid_hub_id(claim.quotation)
            return DatasetClaim(claim.quotation, OriginState.UNREACHED, (), detail, claim.location)
        if time.monotonic() - self.start > self.bounds.origin_seconds:
            return DatasetClaim(name, OriginState.LIMIT, (), self._describe_time_bound(), claim.location)
        found = self.look_up(name, True)
        _, entries = self._assess_result(found)
        return DatasetClaim(name, found.lookup, entries, found.detail, claim.location)
