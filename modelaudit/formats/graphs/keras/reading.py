"""One configuration of Keras as structures: an outline of what it names, and the files that it wants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from modelaudit.formats.graphs.keras.naming import mentions_of
from modelaudit.formats.graphs.keras.objects import is_configuration, objects_of
from modelaudit.formats.graphs.keras.paths import references_of
from modelaudit.languages.settings import Setting, parse_json_settings
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline, Reference, References
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import LimitReachedError, Reading

_NESTED: Final = 4
_MOST_MENTIONS: Final = 20_000
_MOST_STRINGS: Final = 1000


def readings_of_text(text: str, limits: Limits, place: str, is_known: bool = True) -> Iterator[Reading]:
    """What a text of JSON means to Keras; nothing where it is no configuration.

    Args:
        text: the JSON.
        limits: bounds on it.
        place: where it stands, for findings: ``/@model_config``.
        is_known: Keras takes it for a configuration because of where it stands.
    """
    try:
        settings = parse_json_settings(text, limits)
    except LimitReachedError as error:
        yield Unread(UnreadReason.LIMIT, f"{place}: {error}", Location(key=place))
    except ValueError as error:
        if is_known:
            yield Unread(UnreadReason.DAMAGED, f"{place}: it is not JSON: {error}", Location(key=place))
    else:
        yield from readings_of(settings, limits, place, is_known)


def readings_of(
    settings: Sequence[Setting], limits: Limits, place: str = "", is_known: bool = False
) -> Iterator[Reading]:
    """The same of settings."""
    gathered = _Gathered(limits, place)
    if not gathered.take(settings, is_known, _NESTED):
        return
    yield Outline("keras", tuple(gathered.mentions))
    if gathered.references:
        yield References("keras", tuple(gathered.references))
    if gathered.overflow:
        yield Unread(UnreadReason.LIMIT, f"only the first {_MOST_MENTIONS} names of a configuration were judged")


class _Gathered:
    def __init__(self, limits: Limits, place: str) -> None:
        self.mentions: dict[Mention, None] = {}
        self.references: dict[Reference, None] = {}
        self.overflow = False
        self._limits = limits
        self._place = place
        self._strings = 0

    def take(self, settings: Sequence[Setting], is_known: bool, depth: int) -> bool:
        """Take in a configuration with those that its strings hold; whether it is one."""
        objects = objects_of(settings)
        if not objects or not (is_known or is_configuration(objects)):
            return False
        for each in objects:
            for mention in mentions_of(each):
                if len(self.mentions) >= _MOST_MENTIONS:
                    self.overflow = True
                    break
                self.mentions[replace(mention, where=self._where(mention.where))] = None
        for reference in references_of(settings):
            self.references[replace(reference, where=self._where(reference.where))] = None
        if depth:
            for setting in settings:
                self._nested(setting, depth)
        return True

    def _nested(self, setting: Setting, depth: int) -> None:
        value = setting.value
        if not isinstance(value, str) or "class_" not in value or value.lstrip()[:1] not in ("{", "["):
            return
        self._strings += 1
        if self._strings > _MOST_STRINGS:
            self.overflow = True
            return
        try:
            inner = parse_json_settings(value, self._limits)
        except (ValueError, LimitReachedError):
            return
        self.take(inner, False, depth - 1)

    def _where(self, where: Location) -> Location:
        if not self._place:
            return where
        return replace(where, key=f"{self._place}: {where.key}" if where.key else self._place)
