"""Cards as a reader gives them, and what the shipped rule set makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from modelaudit.catalogue import load_catalogue
from modelaudit.licenses import claims_of, conclude, subjects_of
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.license import LicenseConclusion
from modelaudit.model.structure import CardField, ModelCard

Fields = Mapping[str, str | Sequence[str]]


@pytest.fixture(scope="session")
def rules() -> Catalogue:
    return load_catalogue()


def card_of(fields: Fields) -> ModelCard:
    values = {key: (value,) if isinstance(value, str) else tuple(value) for key, value in fields.items()}
    return ModelCard(tuple(CardField(key, value, line) for line, (key, value) in enumerate(values.items(), 2)))


@pytest.fixture
def card() -> Callable[[Fields], ModelCard]:
    return card_of


@pytest.fixture
def weigh(rules: Catalogue) -> Callable[..., LicenseConclusion]:
    """Conclude on the cards given: the fields of README.md as keywords, or whole cards by path."""

    def weigh(
        *,
        cards: Mapping[str, Fields] | None = None,
        paths: Sequence[str] = (),
        repository: str | None = None,
        **fields: str,
    ) -> LicenseConclusion:
        given = cards if cards is not None else {"README.md": fields}
        claims = [
            claim
            for path, fields_of_card in given.items()
            for claim in claims_of(card_of(fields_of_card), path, rules.licenses, rules.vague_licenses)
        ]
        return conclude(claims, rules.licenses, rules.vague_licenses, [*given, *paths], repository=repository)

    return weigh


@pytest.fixture
def fired(rules: Catalogue) -> Callable[[LicenseConclusion], dict[str, str]]:
    """The license rules that match a conclusion, each with its message."""

    def fire(conclusion: LicenseConclusion) -> dict[str, str]:
        return {
            name: rule.message.format(**subject.fields)
            for subject in subjects_of(conclusion)
            for name, rule in rules.findings.items()
            for matcher in rule.match
            if matcher.on == subject.kind and all(subject.fields[field] in values for field, values in matcher.where)
        }

    return fire
