"""Views of a licence conclusion that several outputs share: tasks, reasons, lineage, unread sources."""

from __future__ import annotations

from msgspec import Struct

from modelaudit.model.license import (
    Basis,
    ClaimKind,
    ConclusionState,
    Conflict,
    DatasetClaim,
    Duty,
    LicenseClaim,
    LicenseConclusion,
    Origin,
    OriginState,
    UseAnswer,
)
from modelaudit.model.terms import TEXT_DUTIES, Answer, Group, Intent, LicenseEntry, Outcome, Relation, Use
from modelaudit.reports.absent_terms import list_absent_terms
from modelaudit.reports.conflict_places import name_conflict_place
from modelaudit.reports.license_fields import is_about_fields, list_field_limits
from modelaudit.reports.license_words import LOOKS, RELATIONS, describe_kind, describe_met_figure, describe_triggers
from modelaudit.reports.wording import (
    LIMIT_KINDS,
    describe_place,
    end_sentence,
    format_number,
    lower_first,
)

_MAX_RAILS_CHARACTERS = 90


class Task(Struct, frozen=True):
    """Equal duties merged into one, from the model's own licence and from base models under the same licence.

    Attributes:
        license: the id of the licence.
        group: the role of the clause.
        kind: the kind of the clause.
        text: the duty, in the words of the rule set.
        section: the section of the licence; empty if none is on record.
        words: the exact words that the licence requires.
        vias: the base models that bring it in; empty for the model's own licence alone.
        met: the file of the model that meets the duty; empty if none does.
        uses: any of them triggers the duty; empty for a duty of every use.
        with_uses: any of them must come on top of ``uses``; empty where one of those is enough.
    """

    license: str
    group: Group
    kind: str
    text: str
    section: str
    words: tuple[str, ...]
    vias: tuple[str, ...]
    met: str
    uses: tuple[Use, ...] = ()
    with_uses: tuple[Use, ...] = ()

    @property
    def when(self) -> str:
        """When the duty applies, as a clause: ``if you give copies to others``; empty for every use."""
        return describe_triggers(self.uses, self.with_uses)

    def depends_on(self, intent: Intent | None) -> tuple[Use, ...]:
        """The unstated acts that it depends on; empty if the planned use, or every use, triggers it."""
        return tuple(use for group in self._list_open(intent) for use in group)

    def describe_open(self, intent: Intent | None) -> str:
        """Describe the unstated acts that it depends on as a condition; empty without any."""
        return describe_triggers(*self._list_open(intent))

    def _list_open(self, intent: Intent | None) -> tuple[tuple[Use, ...], ...]:
        """List the unstated acts of each group without an act of the planned use."""
        stated = intent.uses if intent is not None else {}
        groups = (group for group in (self.uses, self.with_uses) if not any(stated.get(use) for use in group))
        return tuple(tuple(use for use in group if use not in stated) for group in groups)

    @property
    def source(self) -> str:
        """The licence and its section."""
        return f"{self.license}, {self.section or 'section not stated'}"


class Reason(Struct, frozen=True):
    """Equal answers merged into one.

    Attributes:
        answer: the first of them.
        vias: the base models that bring it in; empty for the model's own licence alone.
    """

    answer: UseAnswer
    vias: tuple[str, ...]

    @property
    def outcome(self) -> Outcome:
        """What it means for the verdict."""
        return self.answer.outcome or self.answer.judge()

    @property
    def fails(self) -> bool:
        """Whether it is a denial, or a fact for which a finding fails."""
        return self.outcome in (Outcome.DENIED, Outcome.FAILS)

    @property
    def is_open(self) -> bool:
        """Whether no decision settles it."""
        return self.answer.acceptance is None


class Branch(Struct, frozen=True):
    """A base model at its place in the tree.

    Attributes:
        origin: the base model.
        depth: 0 for a base model that the scanned model names itself.
        rails: the drawn lines of the tree in front of its name, such as ``│  └─``.
    """

    origin: Origin
    depth: int
    rails: str


def group_tasks(license_: LicenseConclusion) -> tuple[tuple[Group, tuple[Task, ...]], ...]:
    """Merge equal duties and sort them by group, in the order of ``Group``; empty groups are left out."""
    merged: dict[tuple[Group, str, str, str, str, tuple[str, ...]], list[Duty]] = {}
    for duty in license_.duties:
        key = (duty.group, duty.license, duty.kind, duty.text, duty.section, duty.words)
        merged.setdefault(key, []).append(duty)
    groups: dict[Group, list[Task]] = {group: [] for group in Group}
    for (group, license_id, kind, text, section, words), duties in merged.items():
        vias = tuple(dict.fromkeys(duty.via for duty in duties if duty.via))
        met = next((duty.met for duty in duties if duty.met), "")
        uses = tuple(dict.fromkeys(use for duty in duties for use in duty.uses))
        with_uses = tuple(dict.fromkeys(use for duty in duties for use in duty.with_uses))
        groups[group].append(Task(license_id, group, kind, text, section, words, vias, met, uses, with_uses))
    return tuple((group, tuple(tasks)) for group, tasks in groups.items() if tasks)


def describe_original(license_: LicenseConclusion, id_: str, kind: str, section: str) -> str:
    """Quote a clause in the words of the licence text in the repository, with the place; empty if none shows it."""
    found = license_.find_quotation(id_, kind, section)
    return f"{found.artifact}:{found.line}: “{found.text}”" if found else ""


def list_reasons(license_: LicenseConclusion) -> tuple[Reason, ...]:
    """List the answers against the use, worst first, each once; permissions are left out."""
    merged: dict[tuple[str, ...], list[UseAnswer]] = {}
    for answer in license_.answers:
        if answer.answer is Answer.ALLOW:
            continue
        key = (answer.answer, answer.license, answer.kind, answer.because, answer.text, answer.section)
        merged.setdefault(key, []).append(answer)
    reasons = []
    for equal_answers in merged.values():
        vias = dict.fromkeys(answer.via for answer in equal_answers if answer.via)
        reasons.append(Reason(equal_answers[0], tuple(vias)))
    return tuple(sorted(reasons, key=lambda reason: -reason.answer.answer.rank))


def list_unsaid_conflicts(license_: LicenseConclusion) -> tuple[Conflict, ...]:
    """List the conflicts that no answer to the planned use states already, in the same words or as its reason."""
    said = " ".join(each.because for each in license_.answers).casefold()

    def is_said(conflict: Conflict) -> bool:
        # In a repository of several models, the folder comes first.
        words = conflict.held_text or conflict.detail.rstrip(".")
        return any(each.casefold() in said for each in (words, words.partition(": ")[2] or words))

    return tuple(each for each in license_.conflicts if not is_said(each))


def find_untaken(license_: LicenseConclusion) -> frozenset[str]:
    """Find the licences of a choice that the answers and duties are not for: a user takes another of them."""
    named = license_.expression.replace("(", " ").replace(")", " ").split()
    if license_.state is not ConclusionState.CONCLUDED or "OR" not in named:
        return frozenset()
    # A licence that a base model brings in binds under each alternative.
    bound = {*license_.own, *(id_ for origin in license_.origins for id_ in origin.entries)}
    return frozenset(each.id for each in license_.entries if each.id in named and each.id not in bound)


def names_several_licenses(license_: LicenseConclusion, name: str) -> bool:
    """Whether the reasoning explains a name as one of several licences, and not as an unknown one."""
    return any(each.startswith(f"“{name}”: ") for each in license_.reasoning)


def find_place(license_: LicenseConclusion, answer: UseAnswer) -> str:
    """Find the place behind an answer that no clause gives, such as ``README.md:5``; empty without one."""
    for each in license_.conflicts:
        # In a repository of several models, the folder comes first.
        is_its_reason = each.detail.endswith(answer.because) or answer.because.endswith(each.detail)
        if each.artifact and (is_its_reason or (each.held_text and each.held_text in answer.because)):
            return name_conflict_place(license_, each)
    claims = (each.claim for each in license_.origins if each.claim is not None and each.name in answer.because)
    claim = next((each for each in claims if each.artifact), None)
    return f"{claim.artifact}:{claim.location.line}" if claim and claim.location.line else ""


def lacks_text(license_: LicenseConclusion, task: Task) -> bool:
    """Whether a conflict states that the repository lacks the text that a duty demands: it ends with the section."""
    is_of_text = task.kind in TEXT_DUTIES and bool(task.section)
    return is_of_text and any(
        each.kind == "missing-text" and task.license in each.entries and each.detail.endswith(f"({task.section}).")
        for each in license_.conflicts
    )


def is_due(license_: LicenseConclusion, missing: Conflict) -> bool:
    """Whether a duty that the stated use triggers for sure is one to ship or to show what a conflict calls missing."""
    stated = license_.intent.uses if license_.intent is not None else {}
    own = (each for each in license_.duties if each.license in missing.entries and not each.depends_on(stated))
    return any(each.section and f"({each.section})" in missing.detail for each in own)


def build_lineage_tree(license_: LicenseConclusion) -> tuple[Branch, ...]:
    """Build the tree of base models, depth first; every base model appears, even in a cycle."""
    # ``made`` is the model that was made from the base model; it is empty for the scanned model.
    indices_by_made: dict[str, list[int]] = {}
    for index, origin in enumerate(license_.origins):
        indices_by_made.setdefault(origin.made, []).append(index)
    branches: list[Branch] = []
    shown: set[int] = set()
    # First the base models of the scanned model, then those that it does not lead to, such as the members of a cycle.
    for roots in (indices_by_made.get("", []), range(len(license_.origins))):
        # A stack: in a saved report a chain may be longer than the recursion limit.
        waiting = [(index, 0, "", index == roots[-1]) for index in reversed(roots)]
        while waiting:
            index, depth, rails, is_last = waiting.pop()
            if index in shown:
                continue
            shown.add(index)
            origin = license_.origins[index]
            branches.append(Branch(origin, depth, rails + ("└─" if is_last else "├─")))
            inner = [each for each in indices_by_made.get(origin.name, ()) if each not in shown]
            # In a deep tree the innermost rails remain, which are nearest to the names.
            inner_rails = (rails + ("   " if is_last else "│  "))[-_MAX_RAILS_CHARACTERS:]
            waiting += [(each, depth + 1, inner_rails, each == inner[-1]) for each in reversed(inner)]
    return tuple(branches)


def describe_base_model(origin: Origin) -> str:
    """Describe a base model: its licences if known, and whether it was read."""
    licenses = " and ".join(origin.entries)
    look = LOOKS[origin.look]
    if origin.look is OriginState.READ:
        look = f"read at {origin.commit[:12]}" if origin.commit else look
        if origin.state is not ConclusionState.CONCLUDED or not licenses:
            claimed = f": {licenses}" if licenses else ""
            licenses = f"no licence determined ({origin.state}{claimed})"
    return f"{licenses or 'licence not known'}; {look}"


def list_limits(license_: LicenseConclusion, most: int = 100) -> tuple[str, ...]:
    """List the limits of an allowed use that no answer above mentions.

    Args:
        license_: the conclusion.
        most: how many forbidden uses of one licence are listed; the rest is counted.
    """
    answered = {(each.license, each.kind) for each in license_.answers}
    lines = list_permissions(license_) + list_field_limits(license_, most)
    other_limits: list[str] = []
    for entry in license_.entries:
        for clause in entry.clauses:
            if (entry.id, clause.kind) in answered or clause.kind not in LIMIT_KINDS:
                continue
            where = ", ".join(part for part in (entry.id.removeprefix("LicenseRef-"), clause.section) if part)
            if met := describe_met_figure(clause, license_.intent):
                lines.append(f"{met[:-1]} ({where}).")
            elif not is_about_fields(clause):
                number = f" above {format_number(clause.number)}" if clause.number is not None else ""
                other_limits.append(f"{lower_first(describe_kind(clause.kind))}{number} ({where})")
    if other_limits:
        heading = "Limits" if license_.permission is None else "Limits that do not affect the planned use"
        lines.append(f"{heading}: {'; '.join(dict.fromkeys(other_limits))}.")
    return tuple(dict.fromkeys(lines))


def list_permissions(license_: LicenseConclusion) -> list[str]:
    """List the answers that permit the planned use by a limit, one sentence each with its licence and section."""
    permissions = [each for each in license_.answers if each.answer is Answer.ALLOW]
    places = [", ".join(filter(None, (each.license.removeprefix("LicenseRef-"), each.section))) for each in permissions]
    lines = [f"{each.because[:-1]} ({place})." for each, place in zip(permissions, places, strict=True)]
    return list(dict.fromkeys(lines))


def describe_lineage_path(license_: LicenseConclusion, via: str) -> str:
    """Describe the steps from the model down to the base model ``via``: ``quantized from a/b, fine-tuned from c/d``."""
    steps: list[str] = []
    name = via
    # A lineage with a cycle has no end, so there are at most as many steps as base models.
    for _ in license_.origins:
        origin = next((each for each in license_.origins if each.name == name), None)
        if origin is None:
            break
        steps.insert(0, f"{RELATIONS[origin.relation]} {origin.name}")
        name = origin.made
        if not name:
            break
    return ", ".join(steps) or f"{RELATIONS[Relation.UNSTATED]} {via}"


def list_license_claims(license_: LicenseConclusion) -> tuple[LicenseClaim, ...]:
    """List the claims about the licence itself, each once, resolved claims first."""
    own = (claim for claim in license_.claims if claim.kind is not ClaimKind.INHERITED)
    return tuple(sorted(dict.fromkeys(own), key=lambda claim: claim.entry is None))


def list_own_entries(license_: LicenseConclusion) -> tuple[LicenseEntry, ...]:
    """List the licences of the model itself, apart from those of base models and components.

    A saved report of an older version does not separate them. Without base models, all of its licences are listed.
    """
    if not license_.own and not license_.origins:
        return license_.entries
    return tuple(entry for entry in license_.entries if entry.id in license_.own)


def list_declared_claims(license_: LicenseConclusion) -> tuple[LicenseClaim, ...]:
    """List the claims of fields that declare a licence; running text only mentions licences and restrictions."""
    return tuple(
        claim for claim in license_.claims if claim.kind is ClaimKind.DECLARED and not claim.is_in_running_text
    )


def is_uncompared_file(claim: LicenseClaim) -> bool:
    """Whether a claim rests only on the name of a file, whose text was not compared with any licence."""
    return claim.kind is ClaimKind.FOUND and claim.basis is Basis.FILE_NAME


def list_unfollowed_base_models(license_: LicenseConclusion) -> tuple[str, ...]:
    """List the base models that are named and were not looked up, each once."""
    looked_up = {origin.name for origin in license_.origins}
    # The claim may spell the id as an address.
    looked_up |= {origin.claim.quotation for origin in license_.origins if origin.claim is not None}
    inherited = [claim for claim in license_.claims if claim.kind is ClaimKind.INHERITED]
    named = (claim.quotation for claim in inherited if not claim.names_dataset)
    return tuple(dict.fromkeys(name for name in named if name not in looked_up))


def list_unread_base_models(license_: LicenseConclusion) -> tuple[Origin, ...]:
    """List the base models whose own licence could not be concluded from their files."""
    return tuple(
        origin
        for origin in license_.origins
        if origin.look is not OriginState.READ or origin.state is not ConclusionState.CONCLUDED
    )


def describe_dataset(dataset: DatasetClaim) -> str:
    """Describe the licence of a data set by its own card, or the reason why it is unknown."""
    licenses = " and ".join(dataset.entries)
    if dataset.look is OriginState.READ:
        return licenses or dataset.detail or "its card names no known licence"
    return f"{licenses}; {LOOKS[dataset.look]}" if licenses else LOOKS[dataset.look]


def list_unread(license_: LicenseConclusion) -> tuple[str, ...]:
    """List the sources that the conclusion does not cover, one sentence each, for the person who signs it."""
    looks = [(origin.name, origin.look, origin.detail) for origin in license_.origins]
    looks += [(f"{dataset.name} (data set)", dataset.look, dataset.detail) for dataset in license_.datasets]
    lines = [
        f"{name}: {end_sentence(_describe_look(name, look, detail))}"
        for name, look, detail in looks
        if look is not OriginState.READ
    ]
    lines += [f"{name}: named as a base model and not looked up." for name in list_unfollowed_base_models(license_)]
    for claim in license_.claims:
        place = ", ".join(part for part in (claim.artifact, describe_place(claim.location)) if part)
        if is_uncompared_file(claim):
            lines.append(f"{claim.artifact}: its text was not compared with any licence.")
        elif claim.field == "license_link" and claim.entry is None and "://" in claim.quotation:
            lines.append(f"{claim.quotation} ({place}): the address was not opened.")
    lines += [f"{each}: absent, so its terms were not read." for each in list_absent_terms(license_)]
    unverified = [entry for entry in license_.entries if not entry.read]
    lines += [f"{entry.id}: its terms are not verified for this rule set: {entry.url}" for entry in unverified]
    return tuple(dict.fromkeys(lines))


def _describe_look(name: str, look: OriginState, detail: str) -> str:
    """Describe why a source was not read, by the detail of the look-up if it has one; the line begins with the name."""
    if look not in (OriginState.KNOWN, OriginState.UNREACHED, OriginState.LIMIT) or not detail:
        return LOOKS[look]
    return f"not read: {detail.replace(repr(name), 'it', 1)}"
