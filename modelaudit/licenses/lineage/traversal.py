"""From what a model says it was made from, breadth first, to the roots."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from modelaudit.licenses.evidence.fields import CLAIM_LIMIT
from modelaudit.licenses.lineage.base_models import Named, base_models, datasets, hub_id, why_no_id
from modelaudit.model.license import ConclusionState, DatasetClaim, LicenseClaim, Origin, OriginState
from modelaudit.model.limits import Limits


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a look at one repository.

    Attributes:
        look: ``READ``, or why it was not.
        detail: one line for a person.
        commit: where the Hub resolved it to.
        claims: what it says of itself, as far as anybody could see: of a gated one, what the Hub states.
        paths: its files.
    """

    look: OriginState
    detail: str = ""
    commit: str | None = None
    claims: tuple[LicenseClaim, ...] = ()
    paths: tuple[str, ...] = ()


LookUp = Callable[[str, bool], Found]
"""Looks at a Hub id; the second argument says that it is a data set. Never raises for what it cannot see."""

Weigh = Callable[[Sequence[LicenseClaim], Collection[str]], tuple[ConclusionState, tuple[str, ...]]]
"""What the claims and the files of one repository amount to by themselves, and the licences that they name."""


def follow(
    claims: Sequence[LicenseClaim],
    look_up: LookUp,
    weigh: Weigh,
    bounds: Limits,
    *,
    own: str = "",
    paths: Collection[str] = (),
) -> tuple[tuple[Origin, ...], tuple[DatasetClaim, ...]]:
    """Follow the origins of a model to the roots, and look once at each data set that the model itself names.

    Each repository is looked at once; an origin that two models name stands once for each of them. What was not looked
    at is an origin too, and says why: it descends from itself, lies too deep, or a bound on number or time is reached.

    Args:
        claims: of the model, its card's before those of other files.
        look_up: asked with the id as it is spelt first.
        weigh: asked about every repository that said anything.
        bounds: ``origin_depth``, ``origins`` and ``origin_seconds``.
        own: Hub id of the model, where it has one.
        paths: files of the model.
    """
    walk = _Walk(look_up, weigh, bounds)
    walk.go(base_models(claims, paths, own), own)
    return tuple(walk.origins), tuple(walk.dataset(claim) for claim in datasets(claims)[:CLAIM_LIMIT])


@dataclass(slots=True)
class _Walk:
    """Where the walk stands. ``made_of`` leads from each repository, by key, to those it was made from."""

    look_up: LookUp
    weigh: Weigh
    bounds: Limits
    origins: list[Origin] = field(default_factory=list)
    made_of: dict[str, set[str]] = field(default_factory=dict)
    looked: dict[str, Found] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    start: float = field(default_factory=time.monotonic)

    def go(self, named: Sequence[Named], own: str) -> None:
        """Breadth first, so that what a bound cuts off lies farthest away."""
        waiting: deque[tuple[str, int, Named]] = deque((own, 1, each) for each in named)
        while waiting:
            made, depth, each = waiting.popleft()
            spent = self._spent(depth)
            if spent:
                # One line for a level is enough: what nobody looked at has no further origins that are known.
                self._unseen(made, depth, each, OriginState.LIMIT, spent)
                if len(self.origins) > self.bounds.origins:
                    return
                continue
            waiting.extend((each.name, depth + 1, further) for further in self._step(made, depth, each))

    def _spent(self, depth: int) -> str:
        if depth > self.bounds.origin_depth:
            return f"it lies more than {self.bounds.origin_depth} steps away"
        if len(self.origins) >= self.bounds.origins:
            return f"more than {self.bounds.origins} origins are named, and the rest were not looked at"
        if time.monotonic() - self.start > self.bounds.origin_seconds:
            return f"looking at origins took more than {self.bounds.origin_seconds:g} seconds"
        return ""

    def _step(self, made: str, depth: int, each: Named) -> tuple[Named, ...]:
        """Take one origin, and return its own the first time that it is met."""
        if not each.is_id:
            self._unseen(made, depth, each, OriginState.UNREACHED, why_no_id(each.name))
            return ()
        parent = self._key(made)
        if self._descends(self._key(each.name), parent):
            self._ring(made, depth, each)
            return ()
        is_new = each.key not in self.looked
        if is_new:
            self.looked[each.key] = self.look_up(each.name, False)
            self._identify(each)
            if self._descends(self._key(each.name), parent):  # known under another name
                self._ring(made, depth, each)
                return ()
        found = self.looked[each.key]
        self.made_of.setdefault(parent, set()).add(self._key(each.name))
        state, entries = self._weighed(found)
        by = "" if depth == 1 else made
        look, commit, detail = found.look, found.commit, found.detail
        self.origins.append(
            Origin(each.name, by, each.relation, depth, look, state, entries, detail, commit, each.claim)
        )
        return base_models(found.claims, found.paths, each.name) if is_new else ()

    def _weighed(self, found: Found) -> tuple[ConclusionState, tuple[str, ...]]:
        if found.look is not OriginState.READ and not found.claims:
            return ConclusionState.NOT_CHECKED, ()
        return self.weigh(found.claims, found.paths)

    def _key(self, name: str) -> str:
        return self.keys.get(name.casefold(), name.casefold())

    def _identify(self, each: Named) -> None:
        """Two names with one commit are one repository, renamed."""
        commit = self.looked[each.key].commit
        if commit:
            self.keys[each.key] = self.keys.setdefault(commit, each.key)

    def _descends(self, model: str, origin: str) -> bool:
        """Whether ``model`` is ``origin``, or was made from it, as far as the walk has come."""
        seen: set[str] = set()
        waiting = [model]
        while waiting:
            key = waiting.pop()
            if key == origin:
                return True
            waiting += self.made_of.get(key, set()) - seen
            seen |= self.made_of.get(key, set())
        return False

    def _ring(self, made: str, depth: int, each: Named) -> None:
        same = self._key(made) == self._key(each.name)
        detail = "it names itself as its origin" if same else f"{made or 'the model'} is an origin of it in turn"
        self._unseen(made, depth, each, OriginState.RING, detail)

    def _unseen(self, made: str, depth: int, each: Named, look: OriginState, detail: str) -> None:
        state, by = ConclusionState.NOT_CHECKED, "" if depth == 1 else made
        self.origins.append(Origin(each.name, by, each.relation, depth, look, state, (), detail, None, each.claim))

    def dataset(self, claim: LicenseClaim) -> DatasetClaim:
        """What is known of the licence of one data set: one step, and never as a claim about the model."""
        name = hub_id(claim.quotation)
        if name is None:
            detail = why_no_id(claim.quotation)
            return DatasetClaim(claim.quotation, OriginState.UNREACHED, (), detail, claim.location)
        if time.monotonic() - self.start > self.bounds.origin_seconds:
            detail = f"looking at origins took more than {self.bounds.origin_seconds:g} seconds"
            return DatasetClaim(name, OriginState.LIMIT, (), detail, claim.location)
        found = self.look_up(name, True)
        _, entries = self._weighed(found)
        return DatasetClaim(name, found.look, entries, found.detail, claim.location)
