"""The package URL of a model (purl specification, type ``huggingface``)."""

from __future__ import annotations

import re
from typing import Final

from packageurl import PackageURL

from modelaudit.model.artifact import RefKind
from modelaudit.model.report import Target
from modelaudit.reports.text import validate_https_link

HUB: Final = "https://huggingface.co"
REPOSITORY_ID: Final = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)?")
"""The id of a repository on the Hub, such as ``org/model`` or ``gpt2``."""


def build_purl(target: Target) -> PackageURL | None:
    """Build the package URL of a model that a scan named by its id on the Hub; ``None`` for others."""
    return build_repository_purl(target) if target.kind is RefKind.MODEL else None


def build_repository_purl(target: Target) -> PackageURL | None:
    """Build the package URL of a model of the Hub, also of a snapshot in its cache; ``None`` without an id."""
    if not REPOSITORY_ID.fullmatch(target.name):
        return None
    namespace, _, name = target.name.rpartition("/")
    # The type implies the public Hub; only another server, such as a mirror, has to be stated.
    is_other_server = target.origin.rstrip("/") not in ("", HUB)
    qualifiers = {"repository_url": target.origin} if is_other_server and validate_https_link(target.origin) else None
    return PackageURL("huggingface", namespace or None, name, target.commit, qualifiers)
