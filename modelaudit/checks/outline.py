"""What files name for their loaders to act on, each name judged by the list of its vocabulary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.checks.callables import Judgement
from modelaudit.checks.paths import judge_path
from modelaudit.checks.redaction import redacted
from modelaudit.model.catalogue import Catalogue, Scalar, Standing, Subject
from modelaudit.model.outline import PYTHON_NAMES, Mention, Outline
from modelaudit.model.structure import Location

_UNLISTED: Final = Judgement(Standing.UNLISTED, why="nobody has vetted what it does")


def subjects_of_outline(address: str, outline: Outline, catalogue: Catalogue) -> Iterator[Subject]:
    """Every mention that its vocabulary does not trust, in the order of the file."""
    for mention in outline.mentions:
        judgement = _judged(mention, catalogue)
        if judgement.standing is not Standing.TRUSTED:
            yield _subject(address, outline.format, mention, judgement)


def _judged(mention: Mention, catalogue: Catalogue) -> Judgement:
    entry = catalogue.vocabularies.get(mention.vocabulary, {}).get(mention.name)
    if entry is None and mention.vocabulary == PYTHON_NAMES:
        return judge_path(mention.name, catalogue.callables)
    return Judgement(entry.standing, entry.effect, entry.why, entry) if entry else _UNLISTED


def _subject(address: str, format_: str, mention: Mention, judgement: Judgement) -> Subject:
    name, detail = redacted(mention.name), redacted(mention.detail)
    fields: dict[str, Scalar] = {
        "format": format_,
        "vocabulary": mention.vocabulary,
        "use": mention.use,
        "name": name,
        "standing": judgement.standing.value,
        "effect": judgement.effect,
        "why": judgement.why,
        "detail": detail,
    }
    key = f"{mention.vocabulary} {mention.use} {name}"
    evidence = f"{_place(mention.where)}{mention.use} {name}{f': {detail}' if detail else ''}"
    return Subject("mention", address, fields, key, mention.where, (evidence,))


def _place(where: Location) -> str:
    if where.line is not None:
        return f"line {where.line}: "
    if where.offset is not None:
        return f"byte {where.offset}: "
    return f"{where.key}: " if where.key else ""
