"""Parse the Hub's own statements on licence and lineage: the tags of a repository, and its card data.

The Hub derives both from the front matter of ``README.md``, and guesses the relation to a base model where the card
does not state it. Source: ``tags`` and ``cardData`` of ``/api/models/{id}``,
https://huggingface.co/docs/hub/model-cards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from modelaudit.model.evidence import Statement, Statements, Topic
from modelaudit.model.structure import Location
from modelaudit.sources.records import FORMAT
from modelaudit.wire.bounds import keep_first_distinct

FIELD = "Hub tag"
CARD_FIELD = "Hub card data"

_MAX_STATEMENTS = 2000
_MAX_CHARACTERS = 1000
_TAGS = {"license": Topic.LICENSE, "base_model": Topic.BASE_MODEL, "dataset": Topic.DATASET}
_FIELDS = {"license_name": Topic.LICENSE_NAME, "license_link": Topic.LICENSE_LINK}
_RELATIONS = frozenset({"adapter", "finetune", "merge", "quantized"})


def parse_hub_statements(tags: object, card: object) -> Statements:
    """Return the statements in tags and card data; values of an unexpected type are ignored.

    Beyond a bound, an unknown licence represents the other statements: they may name any terms. A value over the limit
    of characters is cut, and is then longer than any name or id.

    Args:
        tags: ``license:mit``, ``base_model:org/name``, ``base_model:quantized:org/name``, ``dataset:org/name``.
        card: the fields of the front matter.
    """
    # One at a time, because a server may state a million.
    tag_texts = (tag for tag in tags if isinstance(tag, str)) if isinstance(tags, Iterable) else ()
    from_tags = (statement for tag in tag_texts for statement in _parse_tag(tag))
    from_card = _parse_card_data(card) if isinstance(card, Mapping) else ()
    kept, beyond = keep_first_distinct(chain(from_tags, from_card), _MAX_STATEMENTS, "statements of the Hub")
    return Statements(FORMAT, (*kept, *(Statement(Topic.LICENSE, FIELD, absence.detail) for absence in beyond)))


def _parse_tag(tag: str) -> Iterator[Statement]:
    """Yield the statement of one tag, and for a tag with a relation a second one that states the relation."""
    kind, _, value = tag.partition(":")
    topic = _TAGS.get(kind)
    if topic is None or not value:
        return
    value = value[:_MAX_CHARACTERS]
    where = Location(key=tag[:_MAX_CHARACTERS])
    prefix, _, base_model = value.partition(":")
    if topic is Topic.BASE_MODEL and prefix in _RELATIONS and base_model:
        yield Statement(topic, FIELD, base_model, where)
        yield Statement(Topic.RELATION, FIELD, prefix, where)
    else:
        yield Statement(topic, FIELD, value, where)


def _parse_card_data(card: Mapping[object, object]) -> Iterator[Statement]:
    """Yield the statements of card data that no tag carries: name and link of a licence."""
    for name, topic in _FIELDS.items():
        value = card.get(name)
        if isinstance(value, str) and value.strip():
            yield Statement(topic, CARD_FIELD, value[:_MAX_CHARACTERS], Location(key=name))
