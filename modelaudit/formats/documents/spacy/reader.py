"""``config.cfg`` of spaCy and thinc: sections of ``key = value``, whose values are JSON, and which name functions.

A key that begins with ``@`` names a function of a registry, ``factory`` the maker of a component, ``source`` a further
pipeline that a component is taken from. Whatever package is installed can put functions into a registry. Sources:
``confection/_parser.py`` and ``confection/_registry.py``; ``spacy/language.py`` (``from_config``); ``spacy/util.py``
(``load_model``).
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from modelaudit.languages.configurations.targets import resolve_interpolations
from modelaudit.languages.configurations.text_names import read_text_names
from modelaudit.languages.settings import Setting, parse_json_settings
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Document
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.documents import read_whole_text
from modelaudit.wire.text import get_file_name, looks_like_text

FORMAT: Final = "spacy"
_SIGN: Final = re.compile(
    r"^(?:\[(?:nlp|components|training|initialize|pretraining|corpora)(?:\.[^\]\n]*)?\]|@\w+[ \t]*[=:])", re.MULTILINE
)
_LONGEST: Final = MIB
_MOST: Final = 10_000
_SHOWN: Final = 200
# No section is called so: a default would be part of each of them.
_NO_SECTION: Final = "\0"


def recognises(head: Head) -> bool:
    """Text of that name, or of its ending and with a section or key of its own; some ``.cfg`` of spaCy are JSON."""
    name = get_file_name(head.path)
    if not name.endswith(".cfg") or not looks_like_text(head) or head.data.lstrip()[:1] == b"{":
        return False
    return name == "config.cfg" or _SIGN.search(head.data.decode("utf-8", "replace")) is not None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the text's extent, and every function, component and further pipeline that it names.

    Raises:
        DamagedError: it is not text throughout, or no configuration of spaCy though it begins as one.
        LimitReachedError: it is longer or names more than is followed, or a value nests too deep.
        WindowError: from the window.
    """
    text, scan, defects = read_whole_text(window, limits)
    yield Document("text", "text", lines=scan.lines, defects=defects)
    yield from read_text_names(text)
    if _SIGN.search(text) is None:
        return
    if len(text) > _LONGEST:
        raise LimitReachedError(f"a configuration of more than {_LONGEST} characters is not followed")
    settings: list[Setting] = []
    damage: DamagedError | None = None
    try:
        # A list keeps what came before the fault.
        settings.extend(_settings(text, limits))
    except DamagedError as error:
        damage = error
    mentions = dict.fromkeys(_mentions(settings))
    languages = tuple(("language", str(each.value)[:_SHOWN]) for each in settings if each.path == ("nlp", "lang"))
    yield Outline(FORMAT, tuple(mentions)[:_MOST], languages[:1])
    if damage is not None:
        raise damage
    if len(mentions) > _MOST:
        raise LimitReachedError(f"only the first {_MOST} names of a configuration are followed")


def _settings(text: str, limits: Limits) -> Iterator[Setting]:
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
            yield from _values((*steps, key), value, limits)
    if damage is not None:
        raise DamagedError(f"it is no configuration of spaCy: {' '.join(str(damage).split())[:_SHOWN]}")


def _values(path: tuple[str, ...], value: str, limits: Limits) -> Iterator[Setting]:
    """The single values of one that is JSON; what is not, such as a reference without quotes, stands for itself."""
    try:
        inner = parse_json_settings(value, limits)
    except ValueError:
        inner = [Setting((), value)]
    for setting in inner:
        yield replace(setting, path=(*path, *setting.path))


def _mentions(settings: list[Setting]) -> Iterator[Mention]:
    values = {each.path: each.value for each in settings}
    for setting in settings:
        key = setting.path[-1]
        if not isinstance(setting.value, str):
            continue
        name = resolve_interpolations(setting.value, values)[:_SHOWN]
        if key.startswith("@"):
            yield Mention("spacy-registry", key.removeprefix("@")[:_SHOWN], name, setting.where)
        elif setting.path[0] == "components" and len(setting.path) == 3 and key in ("factory", "source"):
            yield Mention(f"spacy-{'factories' if key == 'factory' else 'sources'}", key, name, setting.where)
