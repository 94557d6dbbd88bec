"""Request the description of a repository at one revision: its commit, its files, and the statements of the Hub.

The client's own classes for it are not used: they check each tag of a card against all tags before it, so a card with
many tags takes minutes, and they refuse a card with a field that is also a parameter of theirs.
Source: ``/api/models/{id}/revision/{revision}``, https://huggingface.co/docs/hub/api.
"""

from __future__ import annotations

from urllib.parse import quote

from huggingface_hub.utils._headers import build_hf_headers
from huggingface_hub.utils._http import get_session, hf_raise_for_status
from msgspec import Struct

from modelaudit import __version__
from modelaudit.model.artifact import ModelRef, RefKind
from modelaudit.model.evidence import Statements
from modelaudit.model.limits import Limits
from modelaudit.sources.budget import BoundReachedError, RefusedAnswerError
from modelaudit.sources.claims import ListedFile, Listing, bound_name_size, select_claims, shorten_listed_name
from modelaudit.sources.dates import read_date
from modelaudit.sources.scan_answers import ScanSummary, parse_summary
from modelaudit.sources.session import LIBRARY
from modelaudit.sources.settings import HubSettings
from modelaudit.sources.stated import parse_hub_statements

_ID_CHARACTERS = 200
"""Characters of the id of a repository; the Hub allows 96 for the owner and 96 for the name."""


class Description(Struct, frozen=True):
    """The Hub's description of a repository at one revision.

    Attributes:
        name: the id under which the Hub answers; it differs from the requested one after a renaming.
        commit: the commit of the revision, not yet validated.
        listing: the files that the description names.
        statements: the Hub's own statements on licence and lineage.
        created: when the repository was created, as the Hub writes it; ``None`` if it states none.
        modified: when the revision was last changed, as the Hub writes it; ``None`` if it states none.
        scans: what the Hub states about the scans of the revision as a whole; ``None`` if it states nothing.
    """

    name: str
    commit: object
    listing: Listing
    statements: Statements
    created: str | None = None
    modified: str | None = None
    scans: ScanSummary | None = None


def request_description(ref: ModelRef, settings: HubSettings, limits: Limits) -> Description:
    """Request the description of the repository at its revision. Raises one of ``CLIENT_ERRORS``."""
    kind = "datasets" if ref.kind is RefKind.DATASET else "models"
    revision = quote(ref.revision or "main", safe="")
    headers = build_hf_headers(token=settings.token, library_name=LIBRARY, library_version=__version__)
    response = get_session().get(
        f"{settings.request_endpoint}/api/{kind}/{ref.name}/revision/{revision}",
        headers=headers,
        params={"blobs": True, "securityStatus": True},
    )
    hf_raise_for_status(response)
    return _parse_description(response.json(), limits)


def _parse_description(answer: object, limits: Limits) -> Description:
    """Parse an answer. Raises one of ``CLIENT_ERRORS`` if no Hub sends it."""
    if not isinstance(answer, dict):
        raise TypeError("it is not a JSON object")
    name = answer["id"]
    if not isinstance(name, str):
        raise TypeError("its id is not a text")
    if len(name) > _ID_CHARACTERS:
        raise RefusedAnswerError(f"its id has more than {_ID_CHARACTERS} characters")
    return Description(
        name=name,
        commit=answer.get("sha"),
        listing=_list_files(answer.get("siblings"), limits),
        statements=parse_hub_statements(answer.get("tags"), answer.get("cardData")),
        created=read_date(answer.get("createdAt")),
        modified=read_date(answer.get("lastModified")),
        scans=parse_summary(answer.get("securityRepoStatus"), limits.server.listed_files),
    )


def _list_files(siblings: object, limits: Limits) -> dict[str, ListedFile]:
    """Return the sizes and digests that the Hub states for the files of a commit.

    Raises:
        BoundReachedError: there are too many files.
        RefusedAnswerError: an entry describes no file.
    """
    if siblings is None:
        return {}
    if not isinstance(siblings, list):
        raise RefusedAnswerError("its files are not a list")
    listing: dict[str, ListedFile] = {}
    bytes_of_names = 0
    for file in siblings:
        if len(listing) >= limits.server.listed_files:
            raise BoundReachedError(f"it lists more than {limits.server.listed_files} files")
        name = file.get("rfilename") if isinstance(file, dict) else None
        if not isinstance(name, str):
            raise RefusedAnswerError("it lists a file without a name")
        name = shorten_listed_name(name)
        bytes_of_names += bound_name_size(name)
        if bytes_of_names > limits.server.name_bytes:
            raise BoundReachedError(f"it lists names of more than {limits.server.name_bytes} bytes in all")
        pointer = file.get("lfs") or None
        sha256 = pointer.get("sha256") if isinstance(pointer, dict) else None
        size = file.get("size")
        checked_size = size if isinstance(size, int) and size >= 0 else None
        listing[name] = ListedFile(checked_size, select_claims(file.get("blobId"), sha256, pointer is not None))
    return listing
