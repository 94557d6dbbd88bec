"""Views of a licence conclusion that several outputs share: tasks, reasons, lineage, unread sources."""

from __future__ import annotations

from dataclasses import dataclass

from modelaudit.model.license import (
    Basis,
    ClaimKind,
    ConclusionState,
    DatasetClaim,
    Duty,
    LicenseClaim,
    LicenseConclusion,
    Origin,
    OriginState,
    UseAnswer,
)
from modelaudit.model.terms import Answer, Clause, Group, LicenseEntry, Relation
from modelaudit.reports.license_words import LOOKS, RELATIONS, describe_kind
from modelaudit.reports.wording import (
    LIMIT_KINDS,
    count_noun,
    describe_place,
    end_sentence,
    format_number,
    format_sentence,
    lower_first,
)

_LONGEST_RAILS = 90


@dataclass(frozen=True, slots=True)
class Task:
    """Equal duties merged into one, from the model's own licence and from base models under the same licence.

    Attributes:
        vias: the base models that bring it in; empty for the model's own licence alone.
    """

    license: str
    kind: str
    text: str
    section: str
    words: tuple[str, ...]
    vias: tuple[str, ...]
    met: str

    @property
    def source(self) -> str:
        """The licence and its section."""
        return f"{self.license}, {self.section or 'section not stated'}"


@dataclass(frozen=True, slots=True)
class Reason:
    """Equal answers merged into one.

    Attributes:
        answer: the first of them.
        vias: the base models that bring it in; empty for the model's own licence alone.
    """

    answer: UseAnswer
    vias: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """A base model at its place in the tree.

    Attributes:
        origin: the base model.
        depth: 0 for a base model that the scanned model names itself.
        rails: the lines of the tree that lead to it.
    """

    origin: Origin
    depth: int
    rails: str


def group_tasks(license_: LicenseConclusion) -> tuple[tuple[Group, tuple[Task, ...]], ...]:
    """Group the duties, in the order of the vocabulary's groups; empty groups are left out."""
    merged: dict[tuple[Group, str, str, str, str, tuple[str, ...]], list[Duty]] = {}
    for duty in license_.duties:
        key = (duty.group, duty.license, duty.kind, duty.text, duty.section, duty.words)
        merged.setdefault(key, []).append(duty)
    groups: dict[Group, list[Task]] = {group: [] for group in Group}
    for (group, license_id, kind, text, section, words), duties in merged.items():
        vias = tuple(dict.fromkeys(duty.via for duty in duties if duty.via))
        met = next((duty.met for duty in duties if duty.met), "")
        groups[group].append(Task(license_id, kind, text, section, words, vias, met))
    return tuple((group, tuple(each)) for group, each in groups.items() if each)


def list_reasons(license_: LicenseConclusion) -> tuple[Reason, ...]:
    """List the answers against the use, worst first, each once; permissions are left out."""
    merged: dict[tuple[str, ...], list[UseAnswer]] = {}
    for each in license_.answers:
        key = (each.answer, each.license, each.kind, each.because, each.text, each.section)
        merged.setdefault(key, []).append(each)
    found = [Reason(same[0], tuple(dict.fromkeys(each.via for each in same if each.via))) for same in merged.values()]
    against = (reason for reason in found if reason.answer.answer is not Answer.ALLOW)
    return tuple(sorted(against, key=lambda reason: -reason.answer.answer.rank))


def build_lineage_tree(license_: LicenseConclusion) -> tuple[Branch, ...]:
    """Build the tree of base models, depth first; every base model appears, even in a cycle."""
    below: dict[str, list[int]] = {}
    for place, origin in enumerate(license_.origins):
        below.setdefault(origin.derived_model, []).append(place)
    branches: list[Branch] = []
    shown: set[int] = set()
    # A saved report may hold a chain of any length, which would exceed the recursion limit.
    for first in (below.get("", []), range(len(license_.origins))):
        waiting = [(place, 0, "", place == first[-1]) for place in reversed(first)]
        while waiting:
            place, depth, rails, last = waiting.pop()
            if place in shown:
                continue
            shown.add(place)
            origin = license_.origins[place]
            branches.append(Branch(origin, depth, rails + ("└─" if last else "├─")))
            inner = [each for each in below.get(origin.name, ()) if each not in shown]
            deeper = (rails + ("   " if last else "│  "))[-_LONGEST_RAILS:]
            waiting += [(each, depth + 1, deeper, each == inner[-1]) for each in reversed(inner)]
    return tuple(branches)


def describe_base_model(origin: Origin) -> str:
    """Describe a base model: its licences if known, and whether it was read."""
    named = " and ".join(origin.entries)
    look = LOOKS[origin.lookup]
    if origin.lookup is OriginState.READ:
        look = f"read at {origin.commit[:12]}" if origin.commit else look
        named = named if origin.state is ConclusionState.CONCLUDED and named else _describe_doubt(origin.state, named)
    return "; ".join(part for part in (named or "licence not known", look) if part)


def list_limits(license_: LicenseConclusion, most: int = 100) -> tuple[str, ...]:
    """List the limits of an allowed use that no answer above mentions.

    Args:
        license_: the conclusion.
        most: how many forbidden uses of one licence are listed; the rest is counted.
    """
    answered = {(each.license, each.kind) for each in license_.answers if each.answer is not Answer.ALLOW}
    found: list[str] = []
    untouched: list[str] = []
    for entry in license_.entries:
        for clause in entry.clauses:
            if (entry.id, clause.kind) in answered or clause.kind not in LIMIT_KINDS:
                continue
            where = ", ".join(part for part in (entry.id.removeprefix("LicenseRef-"), clause.section) if part)
            if clause.kind == "use-policy":
                url = clause.url or entry.policy_url or entry.url
                found.append(f"Forbidden uses: {_format_fields(clause, most)} ({where}; {url}).")
            elif clause.kind == "use-condition" and clause.fields:
                found.append(f"Uses under conditions: {_format_fields(clause, most)} ({where}).")
            else:
                number = f" above {format_number(clause.number)}" if clause.number is not None else ""
                untouched.append(f"{lower_first(describe_kind(clause.kind))}{number} ({where})")
    if untouched:
        heading = "Limits" if license_.permission is None else "Limits that do not affect the planned use"
        found.append(f"{heading}: {'; '.join(dict.fromkeys(untouched))}.")
    return tuple(dict.fromkeys(found))


def _format_fields(clause: Clause, most: int) -> str:
    if not clause.fields:
        return "this tool has no list; read it at the address"
    named = ", ".join(each.replace("-", " ") for each in clause.fields[:most])
    more = len(clause.fields) - most
    return f"{named} and {more} more" if more > 0 else named


def _describe_doubt(state: ConclusionState, named: str) -> str:
    return f"no licence concluded ({state}{': ' + named if named else ''})"


def describe_lineage_path(license_: LicenseConclusion, via: str) -> str:
    """Describe the steps from a base model to the model: ``quantized from a/b, fine-tuned from c/d``."""
    steps: list[str] = []
    name = via
    for _ in license_.origins:
        origin = next((each for each in license_.origins if each.name == name), None)
        if origin is None:
            break
        steps.insert(0, f"{RELATIONS[origin.relation]} {origin.name}")
        name = origin.derived_model
        if not name:
            break
    return ", ".join(steps) or f"{RELATIONS[Relation.UNSTATED]} {via}"


def list_license_claims(license_: LicenseConclusion) -> tuple[LicenseClaim, ...]:
    """List the claims about the licence itself, each once, resolved claims first."""
    own = (claim for claim in license_.claims if claim.kind is not ClaimKind.INHERITED)
    return tuple(sorted(dict.fromkeys(own), key=lambda claim: claim.entry is None))


def list_own_entries(license_: LicenseConclusion) -> tuple[LicenseEntry, ...]:
    """List the licences of the model itself; all known ones if the conclusion does not separate them."""
    if not license_.own and not license_.origins:
        return license_.entries
    return tuple(entry for entry in license_.entries if entry.id in license_.own)


def find_text_file(license_: LicenseConclusion, id_: str) -> str:
    """Find the file that holds the text of a licence word for word; empty if none does."""
    exact = (c for c in license_.claims if c.kind is ClaimKind.FOUND and c.basis is Basis.TEXT and c.entry == id_)
    return next((claim.artifact for claim in exact), "")


def is_uncompared_file(claim: LicenseClaim) -> bool:
    """Whether only the name of the file promises terms: its text was not compared."""
    return claim.kind is ClaimKind.FOUND and (claim.basis is Basis.FILE_NAME or claim.field == "file-name")


def list_unfollowed_base_models(license_: LicenseConclusion) -> tuple[str, ...]:
    """List the base models that are named and were not looked up, each once."""
    looked = {origin.name for origin in license_.origins}
    named = (c.quotation for c in license_.claims if c.kind is ClaimKind.INHERITED and c.field != "datasets")
    return tuple(dict.fromkeys(name for name in named if name not in looked))


def list_unread_base_models(license_: LicenseConclusion) -> tuple[Origin, ...]:
    """List the base models whose own licence could not be concluded from their files."""
    return tuple(
        origin
        for origin in license_.origins
        if origin.lookup is not OriginState.READ or origin.state is not ConclusionState.CONCLUDED
    )


def describe_dataset(dataset: DatasetClaim) -> str:
    """Describe the licence of a data set by its own card, or the reason why it is unknown."""
    named = " and ".join(dataset.entries)
    if dataset.lookup is OriginState.READ:
        return named or (dataset.detail or "its card names no known licence")
    return f"{named}; {LOOKS[dataset.lookup]}" if named else LOOKS[dataset.lookup]


def list_unread(license_: LicenseConclusion) -> tuple[str, ...]:
    """List the sources that the conclusion does not cover, one sentence each, for the person who signs it."""
    looks = [(origin.name, origin.lookup) for origin in license_.origins]
    looks += [(f"{dataset.name} (data set)", dataset.lookup) for dataset in license_.datasets]
    found = [f"{name}: {end_sentence(LOOKS[look])}" for name, look in looks if look is not OriginState.READ]
    found += [f"{name}: named as a base model and not looked up." for name in list_unfollowed_base_models(license_)]
    for claim in license_.claims:
        place = ", ".join(part for part in (claim.artifact, describe_place(claim.location)) if part)
        if is_uncompared_file(claim):
            found.append(f"{claim.artifact}: its text was not compared with any licence.")
        elif claim.field == "license_link" and claim.entry is None and "://" in claim.quotation:
            found.append(f"{claim.quotation} ({place}): the address was not opened.")
    unread = [entry for entry in license_.entries if not entry.read]
    found += [f"{entry.id}: its terms are not verified for this rule set: {entry.url}" for entry in unread]
    return tuple(dict.fromkeys(found))


def describe_openness(license_: LicenseConclusion) -> str:
    """Describe the openness in one line, apart from any permission; empty if it was not rated."""
    openness = license_.openness
    if openness is None:
        return ""
    parts = openness.components
    opened = sum(part.present and part.open is True for part in parts)
    there = sum(part.present for part in parts)
    counts = f"{there} of {count_noun(len(parts), 'part')} present, {opened} of them open" if parts else ""
    return end_sentence("; ".join(part for part in (format_sentence(openness.title).rstrip("."), counts) if part))
