"""Read and validate ``rules/``.

``load_catalogue`` returns the whole rule set as values; ``load_policy`` reads one policy file of a user. A mistake in
a file raises ``ConfigurationError`` with the file, the line and the correction.
"""

from __future__ import annotations

from modelaudit.catalogue.load import load_catalogue, load_policy

__all__ = ["load_catalogue", "load_policy"]
