"""Evidence that does not go together, and evidence that is missing where a licence demands it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from modelaudit.licenses.conclusion.agreement import Own, unrecognised
from modelaudit.licenses.conclusion.missing_duties import fixed_words, missing
from modelaudit.licenses.evidence.alternatives import ids_of
from modelaudit.licenses.evidence.names import has_same_text, is_version_of
from modelaudit.licenses.evidence.record import Evidence
from modelaudit.licenses.evidence.restriction_sentences import NOT_COMPARED, loose_policies, unmet
from modelaudit.licenses.evidence.scope import RUNNING_TEXT, Part, is_mention, is_text, is_variant, part_of, path_of
from modelaudit.licenses.evidence.statements import Names
from modelaudit.licenses.lineage.binding_licenses import is_hub_id
from modelaudit.licenses.obligations.answers import Bound
from modelaudit.licenses.obligations.comparison import Loss, dropped, loss_of, named
from modelaudit.licenses.obligations.permission import flattened
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.evidence import ProseKind
from modelaudit.model.license import (
    ClaimKind,
    ConclusionState,
    Conflict,
    DatasetClaim,
    LicenseClaim,
    Origin,
    OriginState,
)
from modelaudit.model.structure import NOWHERE
from modelaudit.model.terms import LicenseCategory, LicenseEntry

_FREE = (LicenseCategory.PERMISSIVE, LicenseCategory.PUBLIC_DOMAIN)
_LATEST: list[tuple[Mapping[str, LicenseEntry], list[tuple[LicenseEntry, str, str]]]] = []


@dataclass(frozen=True, slots=True)
class Matter:
    """What is compared with what.

    Attributes:
        chosen: the alternative of the model's own licence that all answers stand upon.
        claims: all claims, those of file names and links included.
        origins: with the licence that each brings in, and how it reaches the model.
    """

    evidence: Evidence
    own: Own
    chosen: Sequence[str]
    claims: Sequence[LicenseClaim]
    origins: Sequence[tuple[Origin, Bound]]
    every_origin: Sequence[Origin]
    rules: Catalogue
    names: Names

    def entries(self, ids: Sequence[str]) -> list[LicenseEntry]:
        """Licences by their ids."""
        return [self.rules.licenses[each] for each in ids]


def conflicts_of(matter: Matter) -> tuple[Conflict, ...]:
    """Every conflict, in the order in which a reader asks: the model itself, its texts, its origins, its data."""
    found = (
        *_declared_found(matter),
        *_mentioned(matter),
        *_restricted(matter),
        *_limited(matter),
        *_worded(matter),
        *_variants(matter),
        *_not_recognised(matter),
        *_versions(matter),
        *_inherited(matter),
        *_unknown_origins(matter),
        *missing(matter.evidence, matter.own, matter.chosen, matter.claims, matter.origins, matter.rules),
        *_datasets(matter),
    )
    return tuple(dict.fromkeys(found))


def quotation(claim: LicenseClaim) -> str:
    """A claim as a line of evidence: place, field and words."""
    line = f":{claim.location.line}" if claim.location.line else ""
    return f"{claim.artifact or 'the Hub'}{line}: {claim.field}: {' '.join(claim.quotation.split())}"


def _declared(matter: Matter) -> list[LicenseClaim]:
    """The claims that name the licence of the model itself."""
    return [
        claim
        for claim in matter.claims
        if claim.kind is ClaimKind.DECLARED and claim.field not in RUNNING_TEXT and matter.names.choices(claim)
    ]


def _declared_found(matter: Matter) -> Iterator[Conflict]:
    """A text at the root that is not of a licence that is declared."""
    named_ids = ids_of(matter.own.declared)
    said = _declared(matter)
    if matter.own.state is not ConclusionState.CONTRADICTORY or not named_ids:
        return
    names = ", ".join(each.name for each in matter.entries(named_ids))
    for text in matter.own.texts:
        if any(is_version_of(text, name) or has_same_text(text, name) for name in named_ids):
            continue
        entry = matter.rules.licenses[text]
        bound = Bound(entry)
        lost = dropped(bound, matter.entries(named_ids), matter.rules.clauses)
        found = [claim for claim in matter.claims if is_text(claim) and claim.entry == text]
        what = f" What is declared lacks {named(lost, matter.rules.clauses)}." if lost else ""
        place = path_of(found[0]) if found else "a file"
        yield Conflict(
            "declared-found",
            f"{names} is declared, and {place} holds the text of {entry.name}.{what}",
            (*named_ids, text),
            said[0].artifact if said else place,
            said[0].location if said else NOWHERE,
            tuple(quotation(claim) for claim in (*said[:3], *found[:3])),
            str(loss_of(bound, matter.entries(named_ids), matter.rules.clauses)),
        )


def _mentioned(matter: Matter) -> Iterator[Conflict]:
    """A licence that only the running text of the root card names, and that is stricter than what is concluded."""
    own = matter.entries(matter.chosen)
    for claim in matter.claims:
        if not is_mention(claim) or part_of(claim) is not Part.MODEL:
            continue
        for name in ids_of(matter.names.choices(claim)):
            entry = matter.rules.licenses[name]
            reached = {origin.name for origin, bound in matter.origins if bound.entry.id == name}
            if reached or loss_of(Bound(entry), own, matter.rules.clauses) is not Loss.RESTRICTIONS:
                continue
            yield Conflict(
                "declared-prose",
                f"The text of {claim.artifact} names {entry.name}, which is stricter than what is declared.",
                (*matter.own.ids, name),
                claim.artifact,
                claim.location,
                (quotation(claim), *(quotation(each) for each in _declared(matter)[:2])),
            )


def _restricted(matter: Matter) -> Iterator[Conflict]:
    """A sentence that restricts what no licence that binds restricts."""
    for claim in unmet(matter.claims, _binding(matter), matter.rules.restrictions):
        words = " ".join(claim.quotation.split())
        sentence = f"{claim.artifact or 'the Hub'} says “{words}”, which no licence that binds here says."
        if claim.location.key == NOT_COMPARED:
            sentence = (
                f"{claim.artifact} was not looked at for terms: there is more text than is looked at of one model."
            )
        yield Conflict(
            "declared-prose",
            sentence,
            tuple(matter.own.ids),
            claim.artifact,
            claim.location,
            (quotation(claim), *(quotation(each) for each in _declared(matter)[:2])),
        )


def _limited(matter: Matter) -> Iterator[Conflict]:
    """A use policy beside licences that know of none: it limits, whoever it was written for."""
    for claim in loose_policies(matter.claims, _binding(matter)):
        yield Conflict(
            "declared-prose",
            f"{path_of(claim)} holds a use policy, and no licence that binds here speaks of one.",
            tuple(matter.own.ids),
            path_of(claim),
            claim.location,
            (quotation(claim),),
        )


def _worded(matter: Matter) -> Iterator[Conflict]:
    """The words that a licence fixes for a notice or a display, beside licences that fix other ones or none."""
    binding = {words for entry in _binding(matter) for words in fixed_words(entry)}
    texts = matter.evidence.words_of(ProseKind.CARD, ProseKind.NOTICE)
    for entry, words, plain in _words_by_license(matter.rules.licenses) if texts else ():
        if words in binding or not any(plain in text for text in texts.values()):
            continue
        pattern = re.compile(rf"(?<!\w){re.escape(plain)}(?!\w|[-.]\w)")
        place = next((path for path, text in texts.items() if pattern.search(text)), "")
        if place:
            shown = " ".join(words.split())
            yield Conflict(
                "declared-prose",
                f"{place} holds the words “{shown}”, which {entry.name} fixes, and that licence is not declared.",
                (*matter.own.ids, entry.id),
                place,
                NOWHERE,
                (f"{place}: {shown}",),
            )


def _words_by_license(licenses: Mapping[str, LicenseEntry]) -> list[tuple[LicenseEntry, str, str]]:
    """Each sentence that a licence with limits fixes, as it stands and flattened; the last rule set's are kept."""
    if not _LATEST or _LATEST[-1][0] is not licenses:
        fixed = [
            (entry, words, flattened(words))
            for entry in licenses.values()
            if entry.category not in _FREE
            for words in dict.fromkeys(fixed_words(entry))
        ]
        _LATEST[:] = [(licenses, fixed)]
    return _LATEST[-1][1]


def _binding(matter: Matter) -> list[LicenseEntry]:
    return [*matter.entries(matter.chosen), *(bound.entry for _, bound in matter.origins)]


def _variants(matter: Matter) -> Iterator[Conflict]:
    """Texts that resemble a licence. Under a permissive name, one may drop whatever was put into it."""
    declared = matter.entries(ids_of(matter.own.declared))
    permissive = bool(declared) and all(each.category in _FREE for each in declared)
    for claim in matter.claims:
        if not is_variant(claim):
            continue
        entry = matter.rules.licenses.get(claim.entry or "")
        name = entry.name if entry else "a known licence"
        words = "; ".join(f"“{' '.join(each.split())}”" for each in claim.differs[:3])
        differs = f" It differs by: {words}." if words else ""
        yield Conflict(
            "variant-text",
            f"{path_of(claim)} resembles the text of {name} and is not it.{differs}",
            (entry.id,) if entry else (),
            path_of(claim),
            claim.location,
            (quotation(claim), *claim.differs[:5]),
            str(Loss.RESTRICTIONS if permissive and part_of(claim) is Part.MODEL else Loss.NOTHING),
        )


def _not_recognised(matter: Matter) -> Iterator[Conflict]:
    for claim in {path_of(each): each for each in reversed(matter.claims) if each.kind is ClaimKind.FOUND}.values():
        path = path_of(claim)
        here = [each for each in matter.claims if each.kind is ClaimKind.FOUND and path_of(each) == path]
        for sentence in unrecognised(here):
            yield Conflict("text-not-recognised", sentence, (), path, NOWHERE, (path,))


def _versions(matter: Matter) -> Iterator[Conflict]:
    """An identifier that fits several versions of a licence, while no text says which."""
    for claim in _declared(matter):
        for name in ids_of(matter.names.choices(claim)):
            kin = [each for each in matter.rules.licenses if each != name and is_version_of(each, name)]
            if not kin or len(name) > min(map(len, kin)) or any(is_version_of(text, name) for text in matter.own.texts):
                continue
            entry = matter.rules.licenses[name]
            version = f", {entry.version}" if entry.version else ""
            yield Conflict(
                "version-dependent",
                f"“{' '.join(claim.quotation.split())}” fits {len(kin) + 1} versions of {entry.name}; the current one"
                f"{version} is assumed, and no text in the repository says otherwise.",
                (name, *sorted(kin)),
                claim.artifact,
                claim.location,
                (quotation(claim),),
            )


def _inherited(matter: Matter) -> Iterator[Conflict]:
    """An origin whose licence demands what the model's own one does not."""
    if matter.own.state is ConclusionState.UNDECLARED:
        return
    said = _declared(matter)
    mine = matter.entries(matter.chosen)
    for origin, bound in matter.origins:
        lost = dropped(bound, mine, matter.rules.clauses)
        worst = loss_of(bound, mine, matter.rules.clauses)
        if worst is Loss.NOTHING:
            continue
        own = ", ".join(each.name for each in mine) or "no known licence"
        what = named(lost, matter.rules.clauses) or "terms that nobody has read for this rule set"
        yield Conflict(
            "declared-inherited",
            f"{own} is declared, and {origin.name}, of which this was made, is under {bound.entry.name}: what is "
            f"declared leaves out {what}.",
            (*matter.chosen, bound.entry.id),
            said[0].artifact if said else "",
            said[0].location if said else NOWHERE,
            (
                *(quotation(claim) for claim in said[:2]),
                *([quotation(origin.claim)] if origin.claim else []),
                f"{origin.name}: {origin.detail}",
            ),
            str(worst),
        )


def _unknown_origins(matter: Matter) -> Iterator[Conflict]:
    for origin in matter.every_origin:
        if origin.state is ConclusionState.CONCLUDED or origin.look is OriginState.KNOWN:
            continue
        claim = origin.claim
        what = origin.detail.rstrip(".") or str(origin.look).replace("-", " ")
        yield Conflict(
            "origin-unknown" if is_hub_id(origin.name) else "origin-local",
            f"The licence of {origin.name} is not known: {what}.",
            (),
            claim.artifact if claim else "",
            claim.location if claim else NOWHERE,
            (quotation(claim),) if claim else (),
        )


def _datasets(matter: Matter) -> Iterator[Conflict]:
    """Data sets under terms that the model's licence does not have; claims about data, and apart from the model's."""
    own = matter.entries(matter.chosen)
    strict = (LicenseCategory.NON_COMMERCIAL, LicenseCategory.RESEARCH_ONLY, LicenseCategory.COPYLEFT)
    for data in matter.evidence.datasets:
        if data.look is not OriginState.READ or not data.entries:
            yield _dataset(
                data, "dataset-unknown", f"The licence of the data set {data.name} is not known: {data.detail}"
            )
            continue
        for entry in matter.entries([name for name in data.entries if name in matter.rules.licenses]):
            looser = all(
                list(LicenseCategory).index(each.category) < list(LicenseCategory).index(entry.category) for each in own
            )
            if entry.category in strict and looser and own:
                sentence = (
                    f"The data set {data.name} is under {entry.name}, which is stricter than the model's own licence."
                )
                yield _dataset(data, "dataset-stricter", sentence, entry.id)


def _dataset(data: DatasetClaim, kind: str, detail: str, entry: str = "") -> Conflict:
    where = f"README.md:{data.location.line}: datasets: {data.name}" if data.location.line else f"datasets: {data.name}"
    return Conflict(kind, detail.rstrip(".") + ".", (entry,) if entry else (), "README.md", data.location, (where,))
