"""Resolve ``license_link`` fields: to a file of the snapshot, or to a page elsewhere."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import StrEnum
from urllib.parse import unquote

from modelaudit.licenses.evidence.claims import LICENSE_LINK, LINK_TARGET
from modelaudit.licenses.evidence.scope import ClaimScope, determine_scope
from modelaudit.licenses.evidence.statements import LINK_FIELD, LicenseNames
from modelaudit.licenses.lineage.binding_licenses import find_known_model
from modelaudit.model.address import write_file_address
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.evidence import ProseKind
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import ClaimKind, LicenseClaim
from modelaudit.model.term_files import classify_text_file

_ADDRESS = defer_pattern(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
# "https://huggingface.co/acme/model/blob/main/LICENSE", on whatever host serves the Hub.
_HUB_FILE = defer_pattern(
    r"https?://[^/\s]+/(?P<repository>[^/\s]+/[^/\s]+)/(?:blob|resolve|raw)/[^/\s]+/(?P<path>[^?#\s]+)"
)

# The page of a file in any repository, on the Hub, GitHub, GitLab or ModelScope. Its licence file raises no doubt,
# unless the rule set knows another licence for that repository.
_FILE_PAGE = defer_pattern(
    r"https?://(?:www\.)?(?:huggingface\.co|hf\.co|github\.com|gitlab\.com|modelscope\.cn/models)/"
    r"(?P<repository>[^/\s]+/[^/\s]+)/(?:-/)?(?:blob|resolve|raw|file/view)/[^/\s]+/(?P<path>[^?#\s]+)"
    r"|https?://raw\.githubusercontent\.com/(?P<raw_repository>[^/\s]+/[^/\s]+)/[^\s?#]*?(?P<raw_name>[^/\s?#]+)",
    re.IGNORECASE,
)


class LinkDestination(StrEnum):
    """The destination of a link that leads to no file of the snapshot."""

    WEB = "web"
    MISSING = "missing-file"
    OUTSIDE = "outside-snapshot"


def claim_link_targets(
    claims: Sequence[LicenseClaim], files: Collection[str], repository: str | None
) -> tuple[LicenseClaim, ...]:
    """Make a FOUND claim for each ``license_link`` to a file of the snapshot; it quotes that file's path."""
    known = set(files)
    targets = []
    for claim in claims:
        path = resolve_link_target(claim, repository) if claim.field == LICENSE_LINK else None
        if path in known:
            targets.append(LicenseClaim(ClaimKind.FOUND, claim.artifact, LINK_TARGET, path, None, claim.location))
    return tuple(targets)


def resolve_link_target(claim: LicenseClaim, repository: str | None) -> str | None:
    """Resolve a link to the address of a file in the snapshot by its text alone; ``None`` if it leads elsewhere.

    A relative link starts at the folder of its card. An address counts if it is a file page of ``repository``.
    """
    link = claim.quotation.strip()
    page = _HUB_FILE.match(link)
    if page is not None:
        is_own_page = repository is not None and page["repository"].casefold() == repository.casefold()
        return posixpath.normpath(write_file_address(unquote(page["path"]))) if is_own_page else None
    if not link or _ADDRESS.match(link):
        return None
    without_anchor = unquote(link.split("#", 1)[0])
    folder = posixpath.dirname(claim.artifact)
    path = posixpath.normpath(posixpath.join(folder, write_file_address(without_anchor)))
    # A path that leaves the snapshot, or its folder itself, is not a file of it. A folder of a repository also sees
    # texts of the folders above.
    return None if path.startswith("/") or path in (".", "..") else path


def classify_link(claim: LicenseClaim) -> LinkDestination:
    """Classify the destination of a link that leads to no file of the snapshot."""
    if _ADDRESS.match(claim.quotation.strip()):
        return LinkDestination.WEB
    path = resolve_link_target(claim, None)
    return LinkDestination.OUTSIDE if path is None or path.startswith("../") else LinkDestination.MISSING


def describe_unread_links(
    claims: Iterable[LicenseClaim],
    files: Collection[str],
    repository: str | None,
    own: Collection[str],
    names: LicenseNames,
    rules: Catalogue,
) -> Iterator[str]:
    """Yield a sentence for each licence link of the model itself whose terms were not read.

    Args:
        claims: all claims of one repository.
        files: its paths.
        repository: its Hub id, if it has one.
        own: ids of the licences that were concluded for it.
        names: the licence names of the rule set.
        rules: the rule set.
    """
    known = frozenset(files)
    for claim in claims:
        is_link = claim.kind is ClaimKind.DECLARED and LINK_FIELD.search(claim.field) is not None
        if is_link and determine_scope(claim) is ClaimScope.MODEL:
            yield from _describe_unread_link(claim, repository, known, own, names, rules)


def _describe_unread_link(
    claim: LicenseClaim,
    repository: str | None,
    files: Collection[str],
    own: Collection[str],
    names: LicenseNames,
    rules: Catalogue,
) -> Iterator[str]:
    """Yield a sentence about one link; none if it leads to a known licence or to a file that was read."""
    if names.resolve_claim(claim) or resolve_link_target(claim, repository) in files:
        return
    link = " ".join(claim.quotation.split())
    if classify_link(claim) is not LinkDestination.WEB:
        yield f"{claim.field} leads to {link}, which is not among the files and was not read."
        return
    address = link.partition("?")[0].partition("#")[0]
    page = _FILE_PAGE.fullmatch(address)
    if page is None or classify_text_file(page["path"] or page["raw_name"] or "") is not ProseKind.LICENSE:
        yield f"{claim.field} leads to {link}, which was not opened: it may hold other terms."
        return
    known_model = find_known_model(page["repository"] or page["raw_repository"] or "", rules)
    if known_model is not None and known_model.license not in own:
        license_name = rules.licenses[known_model.license].name
        yield f"{claim.field} leads to {link}; for that repository, {license_name} is on record."
