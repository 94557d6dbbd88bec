"""Documents of JSON and YAML that are configurations of Keras, alone or inside a ``.keras`` archive."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from modelaudit.formats.graphs.keras.reading import readings_of
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.wire.base import Reading

_MEMBER: Final = "!config.json"
_IN_SAVED_MODEL: Final = re.compile(r"\.pb!layer-\d+\.json\Z")


def _read(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield what the document means to Keras, if it is for Keras."""
    for item in readings_of(settings, limits, is_known=path.lower().endswith(_MEMBER)):
        if isinstance(item, Outline) and _IN_SAVED_MODEL.search(path):
            item = replace(item, mentions=tuple(map(_revived, item.mentions)))
        yield item


def _revived(mention: Mention) -> Mention:
    """A class that Keras does not know is put together from the functions of the graph, and nobody's code is called.

    Source: ``tf_keras/src/saving/legacy/saved_model/load.py`` (``revive_custom_object``).
    """
    return replace(mention, use="revived-class") if mention.use in ("class", "custom-class") else mention


INTERPRETER = Interpreter(frozenset({"class_name"}), _read)
