"""Configurations of Keras: which classes, functions, code and files they name, in JSON of any place."""

from modelaudit.formats.graphs.keras.document import INTERPRETER
from modelaudit.formats.graphs.keras.reading import readings_of_text

__all__ = ["INTERPRETER", "readings_of_text"]
