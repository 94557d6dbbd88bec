"""The package URL (purl specification, type ``huggingface``) and the address of a model on a Hub."""

from __future__ import annotations

import re
from typing import Final

from packageurl import PackageURL

from modelaudit.model.artifact import RefKind
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.report import Target
from modelaudit.reports.text import validate_https_link

HUB: Final = "https://huggingface.co"
_DATASETS: Final = "datasets"
"""The first part of the namespace of a data set. The type defines models alone; writers of bills name data sets so, and
the server, the namespace and the name give the address of the repository, as they do for a model."""
REPOSITORY_ID: Final = defer_pattern(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)?")
"""The id of a repository on the Hub, such as ``org/model`` or ``gpt2``."""


def build_repository_purl(target: Target) -> PackageURL | None:
    """Build the package URL of a repository of the Hub, also of a snapshot in its cache; ``None`` without an id."""
    if not REPOSITORY_ID.fullmatch(target.name):
        return None
    # The type implies the public Hub; only another server, such as a mirror, has to be stated.
    is_other_server = target.origin.rstrip("/") not in ("", HUB)
    qualifiers = {"repository_url": target.origin} if is_other_server and validate_https_link(target.origin) else None
    return _build_purl(target.name, target.commit, is_dataset=target.kind is RefKind.DATASET, qualifiers=qualifiers)


def build_base_purl(name: str, commit: str | None) -> PackageURL | None:
    """Build the package URL of a base model by its id on the Hub; ``None`` for another name, such as a path."""
    if not REPOSITORY_ID.fullmatch(name):
        return None
    return _build_purl(name, commit.lower() if commit else None)


def build_dataset_purl(name: str, revision: str | None) -> PackageURL | None:
    """Build the package URL of a data set by its id on the Hub; ``None`` for another name, such as a path."""
    return _build_purl(name, revision, is_dataset=True) if REPOSITORY_ID.fullmatch(name) else None


def _build_purl(
    id_: str, version: str | None, *, is_dataset: bool = False, qualifiers: dict[str, str] | None = None
) -> PackageURL:
    """Build the package URL of the repository with an id of the Hub."""
    namespace, _, name = id_.rpartition("/")
    parts = (_DATASETS,) * is_dataset + (namespace,) * bool(namespace)
    return PackageURL("huggingface", "/".join(parts) or None, name, version, qualifiers)


def find_repository_address(target: Target) -> str | None:
    """Return the address of the repository on its Hub; ``None`` for a local model or an id that no Hub has."""
    server = find_server(target)
    if server is None or not REPOSITORY_ID.fullmatch(target.name):
        return None
    return f"{server}/datasets/{target.name}" if target.kind is RefKind.DATASET else f"{server}/{target.name}"


def find_server(target: Target) -> str | None:
    """Return the address of the Hub that has the model, without a slash at its end; ``None`` for a local model."""
    if target.kind not in (RefKind.MODEL, RefKind.DATASET, RefKind.CACHE):
        return None
    # A server of the user's own may speak http.
    is_link = validate_https_link(re.sub(r"\Ahttp://", "https://", target.origin)) is not None
    if not is_link and "://" in target.origin:
        return None
    # A snapshot of the cache names no server, and its ids are those of the Hub.
    return target.origin.rstrip("/") if is_link else HUB
