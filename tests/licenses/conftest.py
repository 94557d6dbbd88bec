"""Cards, recognised texts and base models for licence tests, and conclusions by the shipped rule set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest
from support.catalogue import load_shipped

from modelaudit.licenses import build_subjects, conclude, extract_claims
from modelaudit.licenses.evidence.fields import POLICY, TEXT
from modelaudit.licenses.evidence.record import Evidence
from modelaudit.licenses.obligations.permission import flatten_text
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.evidence import ProseKind
from modelaudit.model.license import (
    Basis,
    ClaimKind,
    ConclusionState,
    LicenseClaim,
    LicenseConclusion,
    Origin,
    OriginState,
)
from modelaudit.model.structure import CardField, Location, ModelCard
from modelaudit.model.terms import Intent, Relation

Fields = Mapping[str, str | Sequence[str]]


@pytest.fixture(scope="session")
def rules() -> Catalogue:
    return load_shipped()


def build_model_card(fields: Fields) -> ModelCard:
    """Build a card with one field in each line, from line 2 on, as behind the first line of front matter."""
    values = {key: (value,) if isinstance(value, str) else tuple(value) for key, value in fields.items()}
    return ModelCard(tuple(CardField(key, value, line) for line, (key, value) in enumerate(values.items(), 2)))


@pytest.fixture
def card() -> Callable[[Fields], ModelCard]:
    """Return the function that builds a card of given fields."""
    return build_model_card


def text_claim(path: str, entry: str | None, *differs: str, policy: bool = False) -> LicenseClaim:
    """Build the claim for a file with the text of the licence ``entry``, or a variant of it that ``differs``."""
    return LicenseClaim(
        ClaimKind.FOUND,
        path,
        POLICY if policy else TEXT,
        "the first words",
        entry,
        Location(line=1),
        Basis.VARIANT if differs else Basis.TEXT,
        differs,
    )


def origin_of(
    name: str, *entries: str, look: OriginState = OriginState.READ, relation: Relation = Relation.FINETUNE
) -> Origin:
    """Build a base model with the given licences; without any, its licence is not known."""
    # The Hub shows the declared licence of a gated repository too.
    if entries and look in (OriginState.READ, OriginState.GATED):
        state = ConclusionState.CONCLUDED
    else:
        state = ConclusionState.UNDECLARED if look is OriginState.READ else ConclusionState.NOT_CHECKED
    return Origin(name, made="", relation=relation, depth=1, look=look, state=state, entries=entries)


@pytest.fixture(name="origin_of")
def _origin_of() -> Callable[..., Origin]:
    return origin_of


@pytest.fixture(name="text_claim")
def _text_claim() -> Callable[..., LicenseClaim]:
    return text_claim


@pytest.fixture
def conclude_cards(rules: Catalogue) -> Callable[..., LicenseConclusion]:
    """Return a function that concludes on cards: fields of README.md as keywords, or whole cards by path.

    ``texts`` maps paths to the licence whose text the file holds; ``prose`` maps paths to other text.
    """

    def conclude_cards(
        *,
        cards: Mapping[str, Fields] | None = None,
        paths: Sequence[str] = (),
        texts: Mapping[str, str] | None = None,
        claims: Sequence[LicenseClaim] = (),
        origins: Sequence[Origin] = (),
        prose: Mapping[str, str] | None = None,
        repository: str | None = None,
        intent: Intent | None = None,
        evidence: Mapping[str, object] | None = None,
        **fields: str,
    ) -> LicenseConclusion:
        fields_by_path = cards if cards is not None else {"README.md": fields}
        texts, prose = texts or {}, prose or {}
        all_claims: list[LicenseClaim] = []
        for path, card_fields in fields_by_path.items():
            card = build_model_card(card_fields)
            all_claims += extract_claims(card, path, rules.licenses, rules.vague_licenses)
        all_claims += (text_claim(path, license_id) for path, license_id in texts.items())
        all_claims += claims
        # A claim of the Hub itself has no file, hence the empty path.
        files = dict.fromkeys((*fields_by_path, *texts, *prose, *(claim.artifact for claim in claims), *paths))
        read = Evidence(
            claims=all_claims,
            paths=[path for path in files if path],
            repository=repository,
            origins=origins,
            texts={path: flatten_text(text) for path, text in prose.items()},
            kinds={path: ProseKind.NOTICE if "NOTICE" in path else ProseKind.CARD for path in prose},
            **(evidence or {}),  # type: ignore[arg-type]
        )
        return conclude(read, rules, intent)

    return conclude_cards


@pytest.fixture
def fired(rules: Catalogue) -> Callable[[LicenseConclusion], dict[str, str]]:
    """Return a function that maps each licence rule that matches a conclusion to its message."""

    def fire(conclusion: LicenseConclusion) -> dict[str, str]:
        return {
            name: rule.message.format(**subject.fields)
            for subject in build_subjects(conclusion)
            for name, rule in rules.findings.items()
            for matcher in rule.match
            if matcher.subject == subject.kind
            and all(subject.fields[field] in values for field, values in matcher.where)
        }

    return fire
