"""Read ``rules/skops.yaml``: the use that each loader of skops makes of the name in its node."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.document import Document
from modelaudit.catalogue.schema import ExactName, Shape, Text
from modelaudit.model.skops import SkopsLoader, SkopsLoaders

_CONFIG = ConfigDict(extra="forbid", hide_input_in_errors=True, defer_build=True)


@dataclass(config=_CONFIG)
class LoaderFile:
    """One loader."""

    use: Literal["calls", "constructs", "refers"]
    expects: list[ExactName] = field(default_factory=list)


@dataclass(config=_CONFIG)
class SkopsFile:
    """``rules/skops.yaml``."""

    loaders: Annotated[dict[Text, LoaderFile], Field(min_length=1)]
    generators: list[Text] = field(default_factory=list)


_FILE = Shape(SkopsFile)


def read_skops(documents: Iterable[Document]) -> SkopsLoaders:
    """Read the loaders.

    Raises:
        ConfigurationError: a loader is listed twice.
    """
    loaders: dict[str, SkopsLoader] = {}
    generators: set[str] = set()
    for document in documents:
        file = _FILE.read(document)
        for name, loader in file.loaders.items():
            if name in loaders:
                raise document.error(f"loaders: {name!r} is listed already", ("loaders", name))
            loaders[name] = SkopsLoader(loader.use, frozenset(loader.expects))
        generators.update(file.generators)
    return SkopsLoaders(loaders, frozenset(generators))
