"""The vocabularies of templates, and the marks by which one is recognised."""

from __future__ import annotations

from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern

ATTRIBUTES: Final = "jinja-attributes"
METHODS: Final = "jinja-methods"
FILTERS: Final = "jinja-filters"
TESTS: Final = "jinja-tests"
NAMES: Final = "jinja-names"
TEMPLATES: Final = "jinja-templates"
_MARK: Final = defer_pattern(r"\{[%{#]")


def has_template_marks(text: str) -> bool:
    """Whether the text contains the start of a Jinja statement, expression or comment."""
    return _MARK.search(text) is not None
