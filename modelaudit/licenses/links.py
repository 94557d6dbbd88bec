"""Where ``license_link`` leads: to a file of the snapshot, or away from it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Sequence
from enum import StrEnum
from urllib.parse import unquote

from modelaudit.licenses.claims import LICENSE_LINK, LINK_TARGET
from modelaudit.model.license import ClaimKind, LicenseClaim

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
_HUB_FILE = re.compile(
    r"https?://[^/\s]+/(?P<repository>[^/\s]+/[^/\s]+)/(?:blob|resolve|raw)/[^/\s]+/(?P<path>[^?#\s]+)"
)


class LinkPlace(StrEnum):
    """Where a link leads that reaches no file of the snapshot."""

    WEB = "web"
    MISSING = "missing-file"
    OUTSIDE = "outside-snapshot"


def link_claims(
    claims: Sequence[LicenseClaim], files: Collection[str], repository: str | None
) -> tuple[LicenseClaim, ...]:
    """A FOUND claim for each ``license_link`` whose file is in the snapshot, quoting that file's path."""
    known = set(files)
    reached = ((claim, target_of(claim, repository)) for claim in claims if claim.field == LICENSE_LINK)
    return tuple(
        LicenseClaim(ClaimKind.FOUND, claim.artifact, LINK_TARGET, path, None, claim.location)
        for claim, path in reached
        if path in known
    )


def target_of(claim: LicenseClaim, repository: str | None) -> str | None:
    """The path in the snapshot that a link names, resolved as text alone; ``None`` where it names none.

    A relative link starts at the folder of its card. An address counts where it is a file page of ``repository``.
    """
    link = claim.quotation.strip()
    if page := _HUB_FILE.match(link):
        own = repository is not None and page["repository"].casefold() == repository.casefold()
        return posixpath.normpath(unquote(page["path"])) if own else None
    if _ADDRESS.match(link) or not link:
        return None
    bare = unquote(link.split("#", 1)[0])
    path = posixpath.normpath(posixpath.join(posixpath.dirname(claim.artifact), bare))
    return None if path.startswith(("/", "../")) or path in (".", "..") else path


def place_of(claim: LicenseClaim) -> LinkPlace:
    """What kind of place a link leads to that reaches no file of the snapshot."""
    if _ADDRESS.match(claim.quotation.strip()):
        return LinkPlace.WEB
    return LinkPlace.OUTSIDE if target_of(claim, None) is None else LinkPlace.MISSING
