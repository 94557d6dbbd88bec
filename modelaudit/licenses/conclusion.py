"""Claims -> what they amount to. Doubt never becomes permission: only agreement concludes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from modelaudit.licenses.claims import (
    BASE_MODEL,
    DATASETS,
    FRONT_MATTER,
    LICENSE,
    LICENSE_LINK,
    LICENSE_NAME,
    file_claims,
)
from modelaudit.licenses.links import link_claims
from modelaudit.licenses.names import belongs_to
from modelaudit.model.license import NAME_LIMIT, ClaimKind, ConclusionState, LicenseClaim, LicenseConclusion, folded
from modelaudit.model.terms import LicenseCategory, LicenseEntry

ROOT_CARD = "README.md"

# Two words of the Hub that name no family, so that any name given beside them completes them.
_EMPTY_FAMILIES = frozenset({"other", "unknown"})

# From the state that carries least to the one that carries most: of several cards the weakest statement counts.
_WEAKEST_FIRST = (
    ConclusionState.CONTRADICTORY,
    ConclusionState.UNRECOGNISED,
    ConclusionState.VAGUE,
    ConclusionState.CONCLUDED,
)


@dataclass(frozen=True, slots=True)
class _Statement:
    """What one card amounts to. ``ids`` are the licences it names, concluded or not."""

    state: ConclusionState
    ids: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = field(default=())


def conclude(
    claims: Sequence[LicenseClaim],
    licenses: Mapping[str, LicenseEntry],
    vague: Mapping[str, str],
    paths: Collection[str],
    *,
    repository: str | None = None,
) -> LicenseConclusion:
    """Weigh what the cards of a snapshot declare, and look beside them for the licence files they speak of.

    The card at the root speaks for the model. Cards in subfolders only add to it: a further licence makes the
    category stricter, a further doubt makes the whole doubtful, a further permission changes nothing.

    Args:
        claims: what ``claims_of`` returned for each card, in any order.
        licenses: the licences of the rule set by id.
        vague: Hub identifiers that name a family and not a licence, each with the reason.
        paths: the files of the snapshot, POSIX paths; members of containers may be among them and are ignored.
        repository: Hub id of the model, so that a link into its own files is known as such.
    """
    declared: dict[str, list[LicenseClaim]] = {}
    for claim in claims:
        if claim.kind is ClaimKind.DECLARED:
            declared.setdefault(claim.artifact, []).append(claim)
    files = [path for path in paths if "!" not in path]
    found = (*file_claims(files), *link_claims(claims, files, repository))
    if ROOT_CARD in declared or ROOT_CARD in files:
        model = _weigh(declared.pop(ROOT_CARD, []), licenses, vague)
    else:
        model = _Statement(ConclusionState.UNDECLARED, (), ("There is no model card that could state a licence.",))
    others = [(path, _weigh(declared[path], licenses, vague)) for path in sorted(declared)]
    others = [(path, other) for path, other in others if other.state is not ConclusionState.UNDECLARED]
    state = model.state
    if state is not ConclusionState.UNDECLARED:
        state = min((state, *(other.state for _, other in others)), key=_WEAKEST_FIRST.index)
    ids = dict.fromkeys((*model.ids, *(name for _, other in others for name in other.ids)))
    entries = tuple(licenses[name] for name in ids)
    category = _strictest(entries) if state is ConclusionState.CONCLUDED else LicenseCategory.UNKNOWN
    reasoning = (
        *model.reasoning,
        *(f"{path}: {sentence}" for path, other in others for sentence in other.reasoning),
        _files_sentence(found),
        *_lineage_sentences(claims),
    )
    return LicenseConclusion(state, category, (*claims, *found), entries, reasoning)


def _weigh(
    claims: Sequence[LicenseClaim], licenses: Mapping[str, LicenseEntry], vague: Mapping[str, str]
) -> _Statement:
    """The statement of one card.

    A ``license_link`` that resolves to nothing decides nothing, because it is an address and not a name; a
    ``license_name`` that does so prevents a conclusion, because it may well name other terms than the identifier.
    """
    stated = _distinct(claims, LICENSE)
    names = _distinct(claims, LICENSE_NAME)
    links = [claim for claim in _distinct(claims, LICENSE_LINK) if claim.entry]
    ids = tuple(dict.fromkeys(claim.entry for claim in (*stated, *names, *links) if claim.entry))
    if not stated and not names and not links:
        return _Statement(ConclusionState.UNDECLARED, (), ("The model card states no licence that could be read.",))
    if len(stated) > 1:
        listed = ", ".join(_shown(claim) for claim in stated)
        return _Statement(
            ConclusionState.CONTRADICTORY,
            ids,
            (f"The card lists {len(stated)} licences ({listed}) and does not say which of them applies to what.",),
        )
    if len(ids) > 1:
        listed = "; ".join(f"{claim.field} says {_shown(claim)}" for claim in (*stated, *names, *links) if claim.entry)
        return _Statement(ConclusionState.CONTRADICTORY, ids, (f"The card names different licences: {listed}.",))
    if unread := [claim for claim in claims if claim.field == FRONT_MATTER]:
        text = f"Part of the front matter could not be read and may speak of the licence: {_shown(unread[0])}."
        return _Statement(ConclusionState.UNRECOGNISED, ids, (text,))
    families = {folded(name): why for name, why in vague.items()}
    for claim in (*names, *stated):
        if claim.entry is None and folded(claim.quotation) not in families:
            text = f"{claim.field} says {_shown(claim)}, which is no licence that the rule set knows.{_strange(claim)}"
            return _Statement(ConclusionState.UNRECOGNISED, ids, (text,))
    family = next((folded(claim.quotation) for claim in (*stated, *names) if claim.entry is None), "")
    if not ids:
        return _Statement(ConclusionState.VAGUE, (), (f"{_shown((*stated, *names)[0])}: {families[family]}",))
    entry = licenses[ids[0]]
    if family and family not in _EMPTY_FAMILIES and not belongs_to(entry, family):
        said = _shown((*stated, *names)[0])
        text = f"The card says {said} and names {entry.name}, which is no such licence."
        return _Statement(ConclusionState.CONTRADICTORY, ids, (text,))
    fields = " and ".join(dict.fromkeys(claim.field for claim in (*stated, *names, *links) if claim.entry))
    return _Statement(ConclusionState.CONCLUDED, ids, (f"The model card names {entry.name} ({entry.id}) in {fields}.",))


def _distinct(claims: Sequence[LicenseClaim], field_name: str) -> list[LicenseClaim]:
    """The claims of one field, without those that only repeat an earlier one in another spelling."""
    unique: dict[str, LicenseClaim] = {}
    for claim in claims:
        if claim.field == field_name:
            unique.setdefault(claim.entry or folded(claim.quotation) or claim.quotation, claim)
    return list(unique.values())


def _shown(claim: LicenseClaim) -> str:
    """The quotation on one line, short enough for a sentence."""
    text = " ".join(claim.quotation.split())
    return f"“{text}”" if len(text) <= 80 else f"“{text[:80]}…”"


def _strange(claim: LicenseClaim) -> str:
    """A hint at letters that may only look like those of a known name."""
    letters = dict.fromkeys(letter for letter in claim.quotation[:NAME_LIMIT] if not letter.isascii())
    if not letters:
        return ""
    return f" It holds letters beyond ASCII: {', '.join(f'U+{ord(letter):04X}' for letter in list(letters)[:5])}."


def _strictest(entries: Sequence[LicenseEntry]) -> LicenseCategory:
    return max((entry.category for entry in entries), key=list(LicenseCategory).index)


def _lineage_sentences(claims: Sequence[LicenseClaim]) -> list[str]:
    """What the model was made from; nobody looked at the licence of any of it."""
    words = {BASE_MODEL: "the model", DATASETS: "the data of"}
    sentences = []
    for key, noun in words.items():
        origins = [claim for claim in claims if claim.kind is ClaimKind.INHERITED and claim.field == key]
        if origins:
            listed = ", ".join(_shown(claim) for claim in origins[:5])
            listed += f" and {len(origins) - 5} more" if len(origins) > 5 else ""
            sentences.append(f"Made from {noun} {listed}; the licence there may bind you too, and was not checked.")
    return sentences


def _files_sentence(found: Sequence[LicenseClaim]) -> str:
    names = list(dict.fromkeys(claim.quotation for claim in found))
    if not names:
        return "No licence file is in the snapshot."
    listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"Licence files in the snapshot: {listed}; their text was not compared with the licence that the card names."
