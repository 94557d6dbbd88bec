"""Documents of JSON and YAML that are configurations of Keras, alone or inside a ``.keras`` archive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.model.limits import Limits
from modelaudit.readers.base import Reading
from modelaudit.readers.keras.reading import readings_of
from modelaudit.readers.settings import Interpreter, Setting

_MEMBER: Final = "!config.json"


def _read(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield what the document means to Keras, if it is for Keras."""
    yield from readings_of(settings, limits, is_known=path.lower().endswith(_MEMBER))


INTERPRETER = Interpreter(frozenset({"class_name"}), _read)
