"""Configurations of Keras: which classes, functions, code and files they name, in JSON of any place."""

from modelaudit.readers.keras.document import INTERPRETER
from modelaudit.readers.keras.reading import readings_of_text

__all__ = ["INTERPRETER", "readings_of_text"]
