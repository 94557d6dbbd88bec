"""The shipped rule set with the facts of all formats, loaded once for all test modules."""

from __future__ import annotations

from modelaudit.catalogue import load_catalogue
from modelaudit.formats.registry import FACTS
from modelaudit.model.catalogue import Catalogue


def load_shipped() -> Catalogue:
    """Return the shipped catalogue; loading it with other arguments would read all rule files again."""
    return load_catalogue(formats=FACTS)
