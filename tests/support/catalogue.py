"""The shipped rule set with the facts of all formats, loaded once for all test modules."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from modelaudit.catalogue import load_catalogue
from modelaudit.formats.registry import FACTS
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.errors import ConfigurationError

READ_BY_CHECKS: Final = frozenset({"documented-programs", "traced-modules"})
"""Vocabularies whose names no file mentions: a check asks for them."""


def load_shipped() -> Catalogue:
    """Return the shipped catalogue; loading it with other arguments would read all rule files again."""
    return load_catalogue(formats=FACTS)


def explain_invalid_rules(rules: Path | None = None) -> str:
    """Return in one line why a rule set, by default the shipped one, does not load; an empty string if it does."""
    try:
        load_shipped() if rules is None else load_catalogue(rules, formats=FACTS)
    except ConfigurationError as error:
        return str(error)
    return ""
