"""Interpret JSON and YAML documents that are Keras configurations, alone, in a ``.keras`` archive or a SavedModel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.formats.graphs.keras.reader import read_configuration
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.wire.base import Reading

# The configuration in a .keras archive, and that of a layer, which the reader of a SavedModel yields as a member.
_ARCHIVE_MEMBER: Final = "!config.json"
_SAVED_MODEL_MEMBER: Final = defer_pattern(r"\.pb!layer-\d+\.json\Z")


def _interpret_document(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield the mentions and references of the document if it is a Keras configuration."""
    for reading in read_configuration(settings, limits, is_known=path.lower().endswith(_ARCHIVE_MEMBER)):
        if isinstance(reading, Outline) and _SAVED_MODEL_MEMBER.search(path):
            yield replace(reading, mentions=tuple(map(_mark_revived_class, reading.mentions)))
        else:
            yield reading


def _mark_revived_class(mention: Mention) -> Mention:
    """Return the mention of a class in a SavedModel with the use ``revived-class``; other mentions unchanged.

    When Keras does not know the class of a layer in a SavedModel, it rebuilds the layer from the graph and calls no
    code of that class.

    Source: ``tf_keras/src/saving/legacy/saved_model/load.py`` (``revive_custom_object``).
    """
    return replace(mention, use="revived-class") if mention.use in ("class", "custom-class") else mention


INTERPRETER = Interpreter(frozenset({"class_name"}), _interpret_document)
