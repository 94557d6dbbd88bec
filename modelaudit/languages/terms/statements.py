"""What keys of settings and of metadata state of licence and origins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.languages.terms import keys
from modelaudit.languages.terms.keys import Key
from modelaudit.model.evidence import Statement, Statements, Topic
from modelaudit.model.limits import Limits
from modelaudit.model.structure import NOWHERE, Location
from modelaudit.wire.base import Reading
from modelaudit.wire.text import file_name

_MOST: Final = 200
_LONGEST: Final = 1000
_KEY: Final = 200
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_DOCUMENTED: Final = re.compile(
    r"^[ \t#*/>-]{0,8}(?P<key>licen[cs]e|base[_ -]model)[ \t]{0,3}[:=][ \t]*(?P<value>[^\r\n]{1,300})",
    re.IGNORECASE | re.MULTILINE,
)


def _read(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield what a document of a name that is known states."""
    name = file_name(path)
    known = keys.DOCUMENTS.get(name, ())
    found = (statement for setting in settings for statement in _of_setting(setting, known))
    items = tuple(islice(dict.fromkeys(found), _MOST))
    if items:
        yield Statements(name, _chosen(items) if name in keys.CHOICES else items)


def _chosen(items: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """The statements with those of a list of licences as one expression, at the place of the first."""
    listed = [each for each in items if each.topic is Topic.LICENSE]
    if len(listed) < 2 or len({each.field for each in listed}) > 1:
        return items
    value = " OR ".join(f"({each.value})" if " " in each.value else each.value for each in listed)
    one = replace(listed[0], value=value[:_LONGEST])
    return (one, *(each for each in items if each.topic is not Topic.LICENSE))


def _of_setting(setting: Setting, known: tuple[Key, ...]) -> Iterator[Statement]:
    path = tuple(step for step in setting.path if not step.isdigit())
    for key in known:
        if not _leads(path, key.path):
            continue
        field = ".".join(path)[:_KEY]
        text = "" if setting.value is None else str(setting.value).strip()
        if key.topic is Topic.MODALITY and not key.says:
            yield from _modality(text, field, setting.where)
        elif key.says:
            if setting.value is not None and setting.value is not False:
                # What follows from a key is of the whole file, and not of what stands at its place.
                yield Statement(key.topic, field, key.says)
        elif text:
            # mergekit adds adapters to a model with a plus sign.
            parts = text.split("+") if key.topic is Topic.BASE_MODEL and " " not in text else [text]
            yield from (Statement(key.topic, field, part[:_LONGEST], setting.where) for part in parts[:10] if part)


def _leads(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(_leads(path[skipped:], pattern[1:]) for skipped in range(min(len(path), 12) + 1))
    return bool(path) and pattern[0] in ("*", path[0]) and _leads(path[1:], pattern[1:])


def _modality(architecture: str, field: str, where: Location) -> Iterator[Statement]:
    """By exact name where a model handles text alone: a guess would lift terms that bind."""
    words = {word.lower() for word in _WORDS.findall(architecture[:_KEY])}
    bare = architecture[:_KEY].lower()
    if any(part in words or (len(part) > 4 and part in bare) for part in keys.MULTIMODAL):
        yield Statement(Topic.MODALITY, field, "multimodal", where)
    elif architecture in keys.TEXT_ONLY:
        yield Statement(Topic.MODALITY, field, "text", where)


def stated_in(pairs: Iterable[tuple[str, str]]) -> Iterator[Statements]:
    """What the pairs of a model file's metadata state, keys and values as they stand there; nothing at most."""
    given = list(pairs)
    found = (statement for key, value in given for statement in _of_pair(key, value.strip()))
    items = tuple(islice(dict.fromkeys((*found, *_numbered(given))), _MOST))
    if items:
        yield Statements("metadata", items)


def stated_in_text(text: str, field: str) -> Iterator[tuple[str, str]]:
    """Pairs of the lines of a description that are of the form ``License: …``, for ``stated_in``."""
    for match in islice(_DOCUMENTED.finditer(text), 20):
        key = "base_model" if match["key"].lower().startswith("base") else "license"
        yield f"{field}: {key}", match["value"]


def _of_pair(key: str, value: str) -> Iterator[Statement]:
    folded = key.lower()
    bare = folded.rpartition(": ")[2]
    where = Location(key=key[:_KEY])
    if folded == keys.FILE_TYPE and value.isdigit() and value not in keys.WHOLE_TYPES:
        yield Statement(Topic.RELATION, key, "quantized")
    if folded in keys.RELATIONS and value:
        yield Statement(Topic.RELATION, key[:_KEY], keys.RELATIONS[folded])
    topic = keys.METADATA.get(folded) or keys.METADATA.get(bare)
    listed = next((each for prefix, each in keys.LISTED.items() if folded.startswith(prefix)), None)
    topic = topic or listed
    if topic is not None and value:
        # A relation is of all models that the metadata names.
        yield Statement(topic, key[:_KEY], value[:_LONGEST], NOWHERE if topic is Topic.RELATION else where)


def _numbered(pairs: Sequence[tuple[str, str]]) -> Iterator[Statement]:
    """Base models and data sets of GGUF: of what is said of each, the address before the name."""
    groups: dict[tuple[str, str], dict[str, tuple[str, str]]] = {}
    known = (*keys.OF_NUMBERED, keys.ORGANIZATION)
    for key, value in pairs:
        for prefix in keys.NUMBERED:
            number, _, what = key[len(prefix) :].partition(".")
            if key.lower().startswith(prefix) and number.isdigit() and what in known and value.strip():
                groups.setdefault((prefix, number), {}).setdefault(what, (key, value.strip()))
    for (prefix, _), said in groups.items():
        stated = next((said[what] for what in keys.OF_NUMBERED if what in said), None)
        if stated is None:
            continue
        key, value = stated
        if keys.ORGANIZATION in said and said.get("name") == stated:
            # Converters take both from the id of a repository, with spaces for its hyphens.
            value = "/".join("-".join(part.split()) for part in (said[keys.ORGANIZATION][1], value))
        yield Statement(keys.NUMBERED[prefix], key[:_KEY], value[:_LONGEST], Location(key=key[:_KEY]))


INTERPRETER: Final = Interpreter(frozenset(), _read, frozenset(keys.DOCUMENTS))
