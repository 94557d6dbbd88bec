"""Find the objects in a Keras configuration, at every depth, with the settings that select their class.

Sources: ``keras/src/saving/serialization_lib.py`` (Keras 3), ``tf_keras/src/saving/legacy/serialization.py`` (Keras 2).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct, field

from modelaudit.languages.settings import Setting

_MOST_VALUES: Final = 4
_MOST_OBJECTS: Final = 20_000
_MOST_CONFIG_VALUES: Final = 150_000
"""Values in the configurations of all objects; one counts for each object that it belongs to."""
# A setting more than eight steps below ``config`` belongs to an object inside, or has no effect.
_MOST_STEPS_BELOW: Final = 8
_CLASS_KEYS: Final = frozenset({"class_name", "module", "registered_name", "spec_name"})
_FUNCTION_KEYS: Final = frozenset({"function", "output_shape", "mask"})

KeyPath = tuple[str, ...]


class KerasObject(Struct):
    """One object that Keras would create.

    A key that occurs twice has several values here, because parsers differ in the one that they take.

    Attributes:
        path: the keys from the root to the object.
        first: the first setting with its ``class_name``.
        class_settings: the settings that select the class, by key.
        config: the single values directly below ``config``, by key; of a ``config`` that is a single value, under "".
        inside: the single values at any depth below ``config.function``, ``config.output_shape`` and ``config.mask``,
            by that key, each with the keys that lead from there to it.
        has_config: whether the object has a ``config``.
    """

    path: KeyPath
    first: Setting
    class_settings: dict[str, list[Setting]] = field(default_factory=dict)
    config: dict[str, list[Setting]] = field(default_factory=dict)
    inside: dict[str, list[tuple[KeyPath, Setting]]] = field(default_factory=dict)
    has_config: bool = False

    def get_texts(self, key: str) -> list[str]:
        """Return up to four different texts of a key that selects the class, such as ``class_name``."""
        return _list_texts(self.class_settings.get(key, ()))

    def get_config_texts(self, key: str) -> list[str]:
        """Return up to four different texts of a key directly below ``config``."""
        return _list_texts(self.config.get(key, ()))

    @property
    def short_class_name(self) -> str:
        """The last part of the name of the class."""
        return next(iter(self.get_texts("class_name")), "").rpartition(".")[2]


def _list_texts(settings: Iterable[Setting]) -> list[str]:
    """Return up to four different texts among the values of the settings."""
    texts = [each.value for each in settings if isinstance(each.value, str)]
    # Python takes the last of repeated keys and some parsers the first, so these two are always kept.
    first_and_last = [*texts[:1], *texts[-1:]]
    return list(dict.fromkeys([*first_and_last, *texts]))[:_MOST_VALUES]


def find_objects(settings: Sequence[Setting]) -> tuple[list[KerasObject], str]:
    """Find the objects that name a class, in the order of the text.

    Returns:
        The objects, and a sentence about the bound if one leaves an object or a part of it out; empty otherwise.
    """
    objects: dict[KeyPath, KerasObject] = {}
    reached_bound = ""
    for setting in settings:
        # Keras imports the module before it checks the class name, so a class_name that is a list or object counts
        # too. The key is then the last but one of a path.
        for index in range(max(0, len(setting.path) - 2), len(setting.path)):
            if setting.path[index] != "class_name" or setting.path[:index] in objects:
                continue
            if len(objects) < _MOST_OBJECTS:
                objects[setting.path[:index]] = KerasObject(setting.path[:index], setting)
            else:
                reached_bound = f"only the first {_MOST_OBJECTS} objects of the configuration were read"
    config_values = 0
    for setting in settings if objects else ():
        _assign_class_setting(setting, objects)
        if config_values <= _MOST_CONFIG_VALUES:
            config_values += _assign_config_value(setting, objects)
    if config_values > _MOST_CONFIG_VALUES:
        reached_bound = f"only the first {_MOST_CONFIG_VALUES} values of the objects of the configuration were read"
    return list(objects.values()), reached_bound


def _assign_class_setting(setting: Setting, objects: dict[KeyPath, KerasObject]) -> None:
    """Add a setting to the object whose class it selects, if it does."""
    path = setting.path
    if path and path[-1] in _CLASS_KEYS:
        owner = objects.get(path[:-1])
        if owner is not None:
            owner.class_settings.setdefault(path[-1], []).append(setting)


def _assign_config_value(setting: Setting, objects: dict[KeyPath, KerasObject]) -> int:
    """Add a setting to the objects that it belongs to by each ``config`` on its path, and return how often it was."""
    path = setting.path
    times = 0
    for index in _find_config_keys(path):
        owner = objects.get(path[:index])
        if owner is None:
            continue
        owner.has_config = True
        steps = path[index + 1 :]  # the keys below config; none when config itself is a single value
        if len(steps) <= 1:
            owner.config.setdefault(steps[0] if steps else "", []).append(setting)
            times += 1
        if steps and steps[0] in _FUNCTION_KEYS:
            owner.inside.setdefault(steps[0], []).append((steps[1:], setting))
            times += 1
    return times


def _find_config_keys(path: KeyPath) -> Iterator[int]:
    """Yield the index of each key ``config`` among the last eight keys of a path."""
    for index in range(max(0, len(path) - _MOST_STEPS_BELOW), len(path)):
        if path[index] == "config":
            yield index


def is_configuration(objects: Sequence[KerasObject]) -> bool:
    """Whether an object has a ``config`` or a registered name; other programs use the key ``class_name`` too."""
    return any(each.has_config or "registered_name" in each.class_settings for each in objects)
