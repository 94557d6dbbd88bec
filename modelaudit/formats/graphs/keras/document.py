"""Interpret JSON and YAML documents that are Keras configurations, alone, in a ``.keras`` archive or a SavedModel."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from modelaudit.formats.graphs.keras.reader import read_configuration
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.wire.base import Reading

_ARCHIVE_MEMBER: Final = "!config.json"
_SAVED_MODEL_MEMBER: Final = re.compile(r"\.pb!layer-\d+\.json\Z")


def _interpret_document(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield the mentions and references of the document if it is a Keras configuration."""
    for item in read_configuration(settings, limits, is_known=path.lower().endswith(_ARCHIVE_MEMBER)):
        if isinstance(item, Outline) and _SAVED_MODEL_MEMBER.search(path):
            item = replace(item, mentions=tuple(map(_mark_revived_class, item.mentions)))
        yield item


def _mark_revived_class(mention: Mention) -> Mention:
    """Mark the class of a layer in a SavedModel: Keras revives an unknown class from the graph and calls no code of it.

    Source: ``tf_keras/src/saving/legacy/saved_model/load.py`` (``revive_custom_object``).
    """
    return replace(mention, use="revived-class") if mention.use in ("class", "custom-class") else mention


INTERPRETER = Interpreter(frozenset({"class_name"}), _interpret_document)
