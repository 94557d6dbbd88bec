"""Reads and validates ``rules/``.

``load_catalogue`` gives the whole rule set as values; ``load_policy`` reads one policy file of a user.
"""

from __future__ import annotations

from modelaudit.catalogue.load import load_catalogue, load_policy

__all__ = ["load_catalogue", "load_policy"]
