"""Read one Keras configuration: an outline of the names in it, and references to the files that Keras opens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from modelaudit.formats.graphs.keras.mentions import list_mentions, list_registered_names
from modelaudit.formats.graphs.keras.objects import find_objects, is_configuration
from modelaudit.formats.graphs.keras.references import MOST_REFERENCES, list_references
from modelaudit.languages.document_settings import parse_json_settings
from modelaudit.languages.settings import Setting
from modelaudit.model.copies import replace
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline, Reference, References
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import LimitReachedError, Reading

_MOST_NESTED: Final = 4
"""How many levels of configurations in texts of configurations are read."""
_MOST_MENTIONS: Final = 20_000
_MOST_NESTED_TEXTS: Final = 1000


def read_configuration_text(text: str, limits: Limits, place: str, is_known: bool = True) -> Iterator[Reading]:
    """Read a JSON text as a Keras configuration; yield nothing where it is none.

    Args:
        text: the JSON.
        limits: bounds on it.
        place: its place in the file, for findings, such as ``/@model_config``.
        is_known: whether Keras reads it as a configuration because of its place.
    """
    try:
        settings = parse_json_settings(text, limits)
    except LimitReachedError as error:
        yield Unread(UnreadReason.LIMIT, f"{place}: {error}", Location(key=place))
    except ValueError as error:
        if is_known:
            yield Unread(UnreadReason.DAMAGED, f"{place}: it is not JSON: {error}", Location(key=place))
    else:
        yield from read_configuration(settings, limits, place, is_known)


def read_configuration(
    settings: Sequence[Setting], limits: Limits, place: str = "", is_known: bool = False
) -> Iterator[Reading]:
    """Read settings as a Keras configuration; see ``read_configuration_text`` for the arguments."""
    collector = _ConfigurationCollector(limits, place)
    if not collector.read_settings(settings, is_known, _MOST_NESTED):
        return
    yield Outline("keras", tuple(collector.mentions))
    if collector.references:
        yield References("keras", tuple(collector.references))
    for detail in collector.reached_bounds:
        yield Unread(UnreadReason.LIMIT, detail)


class _ConfigurationCollector:
    """The names and files of a configuration and of the configurations nested in its texts.

    Attributes:
        mentions: the names, in order.
        references: the files and addresses, in order.
        reached_bounds: one sentence for each bound that left a part unread.
    """

    def __init__(self, limits: Limits, place: str) -> None:
        self.mentions: dict[Mention, None] = {}
        self.references: dict[Reference, None] = {}
        self.reached_bounds: dict[str, None] = {}
        self._limits = limits
        self._place = place
        self._nested_texts = 0

    def read_settings(self, settings: Sequence[Setting], is_known: bool, depth: int) -> bool:
        """Read settings as a configuration, and the configurations in its texts.

        Args:
            settings: the settings of a document.
            is_known: whether Keras reads the document as a configuration because of its place.
            depth: how many levels of texts within texts to read.

        Returns:
            Whether the settings are a configuration.
        """
        objects, reached_bound = find_objects(settings)
        if not is_known and not is_configuration(objects):
            return False
        # A known configuration, such as that of the training, can name functions without any object.
        registered_names = tuple(list_registered_names(settings))
        if not objects and not registered_names:
            return False
        if reached_bound:
            self.reached_bounds[reached_bound] = None
        for mention in chain(chain.from_iterable(map(list_mentions, objects)), registered_names):
            if len(self.mentions) >= _MOST_MENTIONS:
                self.reached_bounds[f"only the first {_MOST_MENTIONS} names of the configuration were read"] = None
                break
            self.mentions[replace(mention, where=self._prefix_location(mention.where))] = None
        for reference in list_references(settings):
            if len(self.references) >= MOST_REFERENCES:
                self.reached_bounds[f"only the first {MOST_REFERENCES} files of the configuration were read"] = None
                break
            self.references[replace(reference, where=self._prefix_location(reference.where))] = None
        for setting in settings:
            self._read_nested(setting, depth)
        return True

    def _read_nested(self, setting: Setting, depth: int) -> None:
        """Read the value of a setting as a configuration if it is a text in JSON that names a class."""
        value = setting.value
        if not isinstance(value, str) or "class_" not in value or value.lstrip()[:1] not in ("{", "["):
            return
        self._nested_texts += 1
        if self._nested_texts > _MOST_NESTED_TEXTS:
            detail = f"only the first {_MOST_NESTED_TEXTS} configurations in texts of the configuration were read"
            self.reached_bounds[detail] = None
            return
        if not depth:
            detail = f"a text of the configuration holds configurations more than {_MOST_NESTED} texts deep"
            self.reached_bounds[detail] = None
            return
        try:
            nested_settings = parse_json_settings(value, self._limits)
        except LimitReachedError as error:
            self.reached_bounds[f"a configuration in a text of the configuration was not read: {error}"] = None
            return
        except ValueError:
            return  # any text may resemble JSON, so this is not damage
        self.read_settings(nested_settings, is_known=False, depth=depth - 1)

    def _prefix_location(self, where: Location) -> Location:
        """Put the place of the configuration in the file before the key of a location."""
        if not self._place:
            return where
        return replace(where, key=f"{self._place}: {where.key}" if where.key else self._place)
