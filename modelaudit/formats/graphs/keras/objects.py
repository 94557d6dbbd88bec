"""The objects of a configuration of Keras: what each says of its class, at every depth.

Sources: ``keras/src/saving/serialization_lib.py`` (Keras 3), ``tf_keras/src/saving/legacy/serialization.py`` (Keras 2).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from modelaudit.languages.settings import Setting

_SPELLINGS: Final = 4
# What lies deeper in a configuration belongs to an object in it, or is of no concern.
_NEAR: Final = 8
_OF_AN_OBJECT: Final = frozenset({"class_name", "module", "registered_name", "spec_name"})
_OF_A_CODE: Final = frozenset({"function", "output_shape", "mask"})

Path = tuple[str, ...]


@dataclass(slots=True)
class KerasObject:
    """One object that Keras would make. A key that occurs twice has several values, and each parser takes its own.

    Attributes:
        config: the single values directly below ``config``, by key; those of a config that is one under ``""``.
        inside: the single values below ``config.function`` and its like, with the steps from there.
    """

    path: Path
    first: Setting
    said: dict[str, list[Setting]] = field(default_factory=dict)
    config: dict[str, list[Setting]] = field(default_factory=dict)
    inside: dict[str, list[tuple[Path, Setting]]] = field(default_factory=dict)
    configured: bool = False

    def texts(self, key: str) -> list[str]:
        """What it says under a key of its own, as text, without what is said twice; bounded."""
        return _texts(self.said.get(key, ()))

    def configured_texts(self, key: str) -> list[str]:
        """The same of a key of its configuration."""
        return _texts(self.config.get(key, ()))

    @property
    def last(self) -> str:
        """The last part of its class's name."""
        return next(iter(self.texts("class_name")), "").rpartition(".")[2]


def _texts(settings: Iterable[Setting]) -> list[str]:
    found = [each.value for each in settings if isinstance(each.value, str)]
    # The last is the one that Python takes, the first the one that others do.
    return list(dict.fromkeys([*found[:1], *found[-1:], *found]))[:_SPELLINGS]


def objects_of(settings: Sequence[Setting]) -> list[KerasObject]:
    """Every object that names a class, in the order of the text."""
    found: dict[Path, KerasObject] = {}
    for setting in settings:
        # Keras imports the module before it looks whether the class has a name at all.
        for index in range(max(0, len(setting.path) - 2), len(setting.path)):
            if setting.path[index] == "class_name":
                found.setdefault(setting.path[:index], KerasObject(setting.path[:index], setting))
    if not found:
        return []
    for setting in settings:
        _assign(setting, found)
    return list(found.values())


def _assign(setting: Setting, found: dict[Path, KerasObject]) -> None:
    path = setting.path
    if path and path[-1] in _OF_AN_OBJECT:
        owner = found.get(path[:-1])
        if owner is not None:
            owner.said.setdefault(path[-1], []).append(setting)
    for index in _configs(path):
        owner = found.get(path[:index])
        if owner is None:
            continue
        owner.configured = True
        rest = path[index + 1 :]
        if len(rest) <= 1:
            owner.config.setdefault("".join(rest), []).append(setting)
        if rest and rest[0] in _OF_A_CODE:
            owner.inside.setdefault(rest[0], []).append((rest[1:], setting))


def _configs(path: Path) -> Iterator[int]:
    for index in range(max(0, len(path) - _NEAR), len(path)):
        if path[index] == "config":
            yield index


def is_configuration(objects: Sequence[KerasObject]) -> bool:
    """Whether some object is one as Keras writes it; a class that is only named may be a word of anything."""
    return any(each.configured or "registered_name" in each.said for each in objects)
