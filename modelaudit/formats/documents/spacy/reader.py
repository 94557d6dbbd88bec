"""Parse ``config.cfg`` of spaCy and thinc: find the functions and pipelines that it makes spaCy load.

The file has sections of ``key = value`` lines with JSON values. A key that begins with ``@`` names a function in a
registry, ``factory`` the function that makes a component, and ``source`` another pipeline to copy a component from. Any
installed package can add functions to a registry. Sources: ``confection/_parser.py`` and ``confection/_registry.py``;
``spacy/language.py`` (``from_config``); ``spacy/util.py`` (``load_model``).
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from typing import Final

from modelaudit.languages.configurations.targets import resolve_interpolations
from modelaudit.languages.configurations.text_names import read_text_names
from modelaudit.languages.document_settings import parse_json_settings
from modelaudit.languages.settings import Setting
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Document
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.documents import check_text
from modelaudit.wire.text import get_file_name, looks_like_text

FORMAT: Final = "spacy"
# A section that only spaCy has, such as ``[components.ner]``, or a key of a registry, such as ``@architectures =``.
# ``configparser`` accepts blanks before either.
_SPACY_SIGN: Final = defer_pattern(
    r"^[^\S\n]*+(?:\[(?:nlp|components|training|initialize|pretraining|corpora)(?:\.[^\]\n]*)?\]|@\w+[ \t]*[=:])",
    re.MULTILINE,
)
# The language of the pipeline. spaCy takes its class from a package that registers the name, or imports the module of
# this name below ``spacy.lang`` (``get_lang_class`` of ``spacy/util.py``).
_LANGUAGE_PATH: Final = ("nlp", "lang")
_LANGUAGES: Final = "spacy-languages"
_MOST_CHARACTERS: Final = MIB
_MOST_MENTIONS: Final = 10_000
_SHOWN_CHARACTERS: Final = 200
# configparser copies the default section into all others. No section has this name, so nothing is copied.
_NO_SECTION: Final = "\0"


def recognises(head: Head) -> bool:
    """Whether this is ``config.cfg``, or a ``.cfg`` file with a spaCy section or key; JSON files are excluded."""
    name = get_file_name(head.path)
    if not name.endswith(".cfg") or not looks_like_text(head) or head.data.lstrip()[:1] == b"{":
        return False
    return name == "config.cfg" or _SPACY_SIGN.search(head.data.decode("utf-8", "replace")) is not None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the document, and each function, component and pipeline that it names.

    Raises:
        DamagedError: the file is not text to its end, or looks like a spaCy configuration but is not valid.
        LimitReachedError: the file is too long, has too many names, or a value nests too deep.
        WindowError: the window could not return the requested bytes.
    """
    pieces = check_text(window, limits)
    yield Document("text", "text", lines=pieces.scan.lines, defects=pieces.defects)
    has_sign = False
    for piece, lines_before in pieces.iterate_searched():
        yield from read_text_names(piece, lines_before)
        has_sign = has_sign or _SPACY_SIGN.search(piece) is not None
    if not has_sign:
        return
    text = pieces.read_start(_MOST_CHARACTERS + 1)
    if len(text) > _MOST_CHARACTERS:
        raise LimitReachedError(f"a spaCy configuration of more than {_MOST_CHARACTERS} characters is not parsed")
    settings: list[Setting] = []
    damage: DamagedError | None = None
    try:
        # ``extend`` keeps the settings before the damage.
        settings.extend(_parse_settings(text, limits))
    except DamagedError as error:
        damage = error
    mentions = dict.fromkeys(_collect_mentions(settings))
    languages = tuple(("language", each.name) for each in mentions if each.vocabulary == _LANGUAGES)
    yield Outline(FORMAT, tuple(mentions)[:_MOST_MENTIONS], languages[:1])
    if damage is not None:
        raise damage
    if len(mentions) > _MOST_MENTIONS:
        raise LimitReachedError(f"only the first {_MOST_MENTIONS} names of the spaCy configuration are checked")


def _parse_settings(text: str, limits: Limits) -> Iterator[Setting]:
    """Yield the settings of all sections.

    Raises:
        DamagedError: the text has a syntax error; the settings before it were yielded.
    """
    parser = configparser.RawConfigParser(strict=False, default_section=_NO_SECTION)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    damage: configparser.Error | None = None
    try:
        parser.read_string(text)
    except configparser.Error as error:
        damage = error
    for section in parser.sections():
        steps = tuple(section.split("."))
        for key, value in parser.items(section):
            yield from _split_value((*steps, key), value, limits)
    if damage is not None:
        raise DamagedError(f"the spaCy configuration is invalid: {' '.join(str(damage).split())[:_SHOWN_CHARACTERS]}")


def _split_value(path: tuple[str, ...], value: str, limits: Limits) -> Iterator[Setting]:
    """Yield the settings below ``path``: the single values of a JSON value, or one that is not JSON as it is.

    A reference to another setting, such as ``${paths.train}``, is not JSON if it has no quotes.
    """
    try:
        inner = parse_json_settings(value, limits)
    except ValueError:
        inner = [Setting((), value)]
    for setting in inner:
        yield replace(setting, path=(*path, *setting.path))


def _collect_mentions(settings: list[Setting]) -> Iterator[Mention]:
    """Yield a mention for each registered function, language, factory and source pipeline that the settings name.

    References to other settings in a name are resolved.
    """
    values = {each.path: each.value for each in settings}
    for setting in settings:
        key = setting.path[-1]
        if not isinstance(setting.value, str):
            continue
        name = resolve_interpolations(setting.value, values)[:_SHOWN_CHARACTERS]
        if setting.path == _LANGUAGE_PATH:
            yield Mention(_LANGUAGES, "language", name, setting.where)
        elif key.startswith("@"):
            yield Mention("spacy-registry", key.removeprefix("@")[:_SHOWN_CHARACTERS], name, setting.where)
        # The path is ``components``, the name of the component, and the key.
        elif setting.path[0] == "components" and len(setting.path) == 3 and key in ("factory", "source"):
            yield Mention(f"spacy-{'factories' if key == 'factory' else 'sources'}", key, name, setting.where)
