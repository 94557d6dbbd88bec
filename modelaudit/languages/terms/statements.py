"""Extract statements about licence and base models from keys of settings and of metadata."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby
from typing import Final

from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.languages.terms import keys
from modelaudit.languages.terms.keys import Key
from modelaudit.model.copies import replace
from modelaudit.model.evidence import Statement, Statements, Topic
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.structure import NOWHERE, Location
from modelaudit.wire.base import Reading
from modelaudit.wire.bounds import keep_first_distinct
from modelaudit.wire.text import get_file_name

_MAX_STATEMENTS: Final = 2000
_STATEMENTS: Final = "statements on licence and base models"  # the plural for an absence
_MAX_VALUE: Final = 1000
_MAX_KEY: Final = 200
_LONGEST_SHORT_WORD: Final = 4  # ``clip`` or ``omni`` are also parts of other words
# A Hub id, or its address, without a revision.
_HUB_ID: Final = defer_pattern(r"(?:hf://|https?://[\w.]+/)?\w[\w.-]*(?:/[\w.-]+)?")
# The words of ``LlavaQwen2ForCausalLM``, an abbreviation such as ``VL`` among them.
_ARCHITECTURE_WORD: Final = defer_pattern(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
# ``License: MIT`` or ``# base model = org/name`` on a line of its own.
_DESCRIPTION_LINE: Final = defer_pattern(
    r"^[ \t#*/>-]{0,8}(?P<key>licen[cs]e|base[_ -]model)[ \t]{0,3}[:=][ \t]*(?P<value>[^\r\n]{1,300})",
    re.IGNORECASE | re.MULTILINE,
)


def _read_statements(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield the statements of a document with a known file name, and an absence if there are too many."""
    name = get_file_name(path)
    known_keys = keys.DOCUMENT_KEYS.get(name, ())
    revisions = _index_revisions(settings, keys.REVISION_KEYS.get(name, frozenset()))
    statements = _extract_known_settings(settings, known_keys, revisions)
    distinct, beyond = keep_first_distinct(statements, _MAX_STATEMENTS, _STATEMENTS)
    if distinct:
        yield Statements(name, _join_license_choices(distinct) if name in keys.LICENSE_CHOICE_FILES else distinct)
    yield from beyond


def _join_license_choices(statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """Join a list of licences under one key into one ``OR`` expression, which becomes the first statement."""
    licenses = [statement for statement in statements if statement.topic is Topic.LICENSE]
    if len(licenses) < 2 or len({statement.field for statement in licenses}) > 1:
        return statements
    value = " OR ".join(f"({statement.value})" if " " in statement.value else statement.value for statement in licenses)
    choice = replace(licenses[0], value=value[:_MAX_VALUE])
    return (choice, *(statement for statement in statements if statement.topic is not Topic.LICENSE))


def _index_revisions(settings: Iterable[Setting], revision_keys: Collection[str]) -> dict[tuple[str, ...], str]:
    """Index the revisions of base models by the path of the mapping that states both."""
    if not revision_keys:
        return {}
    return {
        setting.path[:-1]: str(setting.value).strip()
        for setting in settings
        if setting.value and setting.path and setting.path[-1] in revision_keys
    }


def _join_revision(name: str, revision: str | None) -> str:
    """Join the Hub id of a base model with its revision, as in ``org/name@v2``; a path has no revision."""
    is_id_alone = _HUB_ID.fullmatch(name) is not None
    return f"{name}@{revision}" if revision and is_id_alone else name


def _extract_known_settings(
    settings: Iterable[Setting], known_keys: tuple[Key, ...], revisions: Mapping[tuple[str, ...], str]
) -> Iterator[Statement]:
    """Yield the statements that the settings make by the known keys.

    Args:
        settings: of one document, in its order.
        known_keys: the keys that state something.
        revisions: of base models, by the path of their mapping.
    """
    # The items of a list follow each other and have one path, which is compared with the keys only once.
    for path, neighbours in groupby(settings, _drop_indices):
        matching_keys = [key for key in known_keys if _matches_path(path, key.path)]
        for setting in neighbours if matching_keys else ():
            revision = revisions.get(setting.path[:-1])
            yield from _extract_setting_statements(setting, path, matching_keys, revision)


def _drop_indices(setting: Setting) -> tuple[str, ...]:
    """Return the path of a setting without the indices of lists."""
    return tuple(step for step in setting.path if not step.isdigit())


def _extract_setting_statements(
    setting: Setting, path: tuple[str, ...], matching_keys: list[Key], revision: str | None
) -> Iterator[Statement]:
    """Yield the statements that one setting makes by the keys that match its path.

    Args:
        setting: of the document.
        path: its path without the indices of lists.
        matching_keys: the keys that match this path.
        revision: of a base model that the setting names.
    """
    for key in matching_keys:
        field = ".".join(path)[:_MAX_KEY]
        text = "" if setting.value is None else str(setting.value).strip()
        if key.topic is Topic.MODALITY and not key.implied_value:
            yield from _extract_modality(text, field, setting.where)
        elif key.implied_value:
            if setting.value is not None and setting.value is not False:
                # A statement implied by a key is about the whole file, so it has no place of its own.
                yield Statement(key.topic, field, key.implied_value)
        elif text:
            # mergekit appends adapters to a model name with a plus sign.
            parts = text.split("+") if key.topic is Topic.BASE_MODEL and " " not in text else [text]
            if key.topic is Topic.BASE_MODEL:
                parts = [_join_revision(part, revision) for part in parts]
            yield from (Statement(key.topic, field, part[:_MAX_VALUE], setting.where) for part in parts if part)


def _matches_path(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Whether a setting's path matches a key's; ``*`` matches one step and ``**``, at most once, any number."""
    if "**" not in pattern:
        return len(path) == len(pattern) and all(
            expected in ("*", step) for step, expected in zip(path, pattern, strict=True)
        )
    front_length = pattern.index("**")
    back_length = len(pattern) - front_length - 1
    return (
        len(path) >= front_length + back_length
        and _matches_path(path[:front_length], pattern[:front_length])
        and _matches_path(path[len(path) - back_length :], pattern[front_length + 1 :])
    )


def _extract_modality(architecture: str, field: str, where: Location) -> Iterator[Statement]:
    """Yield the modality that an architecture implies.

    Text-only architectures need an exact match, because a wrong guess would lift terms that bind.
    """
    words = {word.lower() for word in _ARCHITECTURE_WORD.findall(architecture[:_MAX_KEY])}
    lower_case = architecture[:_MAX_KEY].lower()
    if any(word in words or (len(word) > _LONGEST_SHORT_WORD and word in lower_case) for word in keys.MULTIMODAL_WORDS):
        yield Statement(Topic.MODALITY, field, "multimodal", where)
    elif architecture in keys.TEXT_ONLY_ARCHITECTURES:
        yield Statement(Topic.MODALITY, field, "text", where)


def extract_statements(pairs: Iterable[tuple[str, str]]) -> Iterator[Reading]:
    """Yield the statements of metadata pairs from a model file, if there are any, and an absence if too many."""
    metadata = list(pairs)
    statements = (statement for key, value in metadata for statement in _extract_pair_statements(key, value.strip()))
    all_statements = chain(statements, _extract_numbered_statements(metadata))
    distinct, beyond = keep_first_distinct(all_statements, _MAX_STATEMENTS, _STATEMENTS)
    if distinct:
        yield Statements("metadata", distinct)
    yield from beyond


def iter_description_pairs(text: str, field: str) -> Iterator[tuple[str, str]]:
    """Yield pairs from description lines of the form ``License: …``, as input for ``extract_statements``."""
    for match in _DESCRIPTION_LINE.finditer(text):
        key = "base_model" if match["key"].lower().startswith("base") else "license"
        yield f"{field}: {key}", match["value"]


def _extract_pair_statements(key: str, value: str) -> Iterator[Statement]:
    """Yield the statements that one metadata pair makes by its key."""
    lower_key = key.lower()
    last_part = lower_key.rpartition(": ")[2]  # ``license`` of ``doc_string: license``, see ``iter_description_pairs``
    where = Location(key=key[:_MAX_KEY])
    if lower_key == keys.FILE_TYPE_KEY and value.isdigit() and value not in keys.UNQUANTIZED_FILE_TYPES:
        yield Statement(Topic.RELATION, key, "quantized")
    if lower_key in keys.IMPLIED_RELATIONS and value:
        yield Statement(Topic.RELATION, key[:_MAX_KEY], keys.IMPLIED_RELATIONS[lower_key])
    topic = keys.METADATA_TOPICS.get(lower_key) or keys.METADATA_TOPICS.get(last_part)
    list_topic = next((each for prefix, each in keys.NUMBERED_LISTS.items() if lower_key.startswith(prefix)), None)
    topic = topic or list_topic
    if topic is not None and value:
        # A relation applies to all base models of the metadata.
        yield Statement(topic, key[:_MAX_KEY], value[:_MAX_VALUE], NOWHERE if topic is Topic.RELATION else where)


def _extract_numbered_statements(pairs: Sequence[tuple[str, str]]) -> Iterator[Statement]:
    """Yield the base models and data sets of GGUF; an address is preferred to a name.

    Their keys are numbered and have several properties: ``general.base_model.0.repo_url`` and ``….0.name``.
    """
    known_properties = (*keys.NUMBERED_PROPERTIES, keys.ORGANIZATION_PROPERTY)
    # For each prefix and number: the key and the value of each property.
    groups: dict[tuple[str, str], dict[str, tuple[str, str]]] = {}
    for key, value in pairs:
        for prefix in keys.NUMBERED_GROUPS:
            number, _, property_name = key[len(prefix) :].partition(".")
            is_numbered = key.lower().startswith(prefix) and number.isdigit()
            if is_numbered and property_name in known_properties and value.strip():
                groups.setdefault((prefix, number), {}).setdefault(property_name, (key, value.strip()))
    for (prefix, _), properties in groups.items():
        stated = [name for name in keys.NUMBERED_PROPERTIES if name in properties]
        if not stated:
            continue
        key, value = properties[stated[0]]
        if stated[0] == "name" and keys.ORGANIZATION_PROPERTY in properties:
            # Converters split a repository id into organization and name, and replace hyphens by spaces.
            organization = properties[keys.ORGANIZATION_PROPERTY][1]
            value = "/".join("-".join(part.split()) for part in (organization, value))
        yield Statement(keys.NUMBERED_GROUPS[prefix], key[:_MAX_KEY], value[:_MAX_VALUE], Location(key=key[:_MAX_KEY]))


INTERPRETER: Final = Interpreter(frozenset(), _read_statements, frozenset(keys.DOCUMENT_KEYS))
