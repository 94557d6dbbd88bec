"""XML, and the models that are written in it: PMML and the graphs of OpenVINO."""

from modelaudit.formats.documents.markup.reader import READER

__all__ = ["READER"]
