"""Accounts, access to repositories, and the error answers of the Hub.

The status, ``X-Error-Code`` and ``X-Error-Message`` of each error are those that huggingface.co sent in 2026. An
anonymous caller gets the same 401 without a code for a missing and for a private repository. A gated or disabled
repository is listed for everybody; only its bytes and its history are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.exchange import Body, Request, Response, build_json_response
from hub.repository import Kind, Repository

BAD_TOKEN = "Invalid credentials in Authorization header"
ANONYMOUS = "Invalid username or password."
DISABLED = "Access to this resource is disabled."


@dataclass(frozen=True, slots=True)
class Overview:
    """What the Hub states about an owner of repositories at ``/api/users`` or ``/api/organizations``.

    Attributes:
        id: the identifier, 24 hexadecimal digits; ``None`` where the Hub states none.
        created: the date of creation; ``None`` where the Hub states none.
        is_user: whether the owner is a user, and no organisation.
    """

    id: str | None = "5e67bd5b1009063689407478"
    created: str | None = "2020-03-10T16:19:23.000Z"
    is_user: bool = False


@dataclass(slots=True)
class User:
    """An account.

    Attributes:
        name: the account name; it is also the owner of repositories ``name/...``.
        token: its access token.
        reads: the ids of private repositories of others that it may see.
        granted: the ids of gated repositories that it may download.
    """

    name: str
    token: str
    reads: set[str] = field(default_factory=set)
    granted: set[str] = field(default_factory=set)


class RefusedError(Exception):
    """The Hub refuses a request; ``build_response`` gives the error answer.

    Args:
        status: the HTTP status.
        message: the message for the body and for ``X-Error-Message``.
        code: the value of ``X-Error-Code``; empty for none.
        headers: further headers.
    """

    def __init__(self, status: int, message: str, code: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message = status, message
        # The message may repeat a name from the request, but a header holds one line of ASCII.
        line = " ".join(message.split()).encode("ascii", "replace").decode()
        self.headers = {"X-Error-Message": line, **({"X-Error-Code": code} if code else {}), **(headers or {})}

    def build_response(self, request: Request) -> Response:
        """Build the error answer: JSON on API routes, and plain text on those that serve files."""
        if request.path.startswith("/api/") and not request.path.startswith("/api/resolve-cache/"):
            return build_json_response({"error": self.message}, self.status, self.headers)
        plain = {"Content-Type": "text/plain; charset=utf-8"}
        return Response(self.status, plain | self.headers, Body.of_content(self.message.encode()))


def build_unauthorized_error(message: str) -> RefusedError:
    """Build the error 401 without a code, which asks the client to authenticate."""
    challenge = {"WWW-Authenticate": 'Bearer realm="Authentication required", charset="UTF-8"'}
    return RefusedError(401, message, headers=challenge)


class Access:
    """The repositories and the accounts of one Hub, and the checks of who may reach which repository.

    Attributes:
        repositories: every repository by its kind and its present id.
        moved: the present id of a renamed repository by its kind and its former id.
        users: every account by its token.
        overviews: what is stated about an owner, by name; another owner is an organisation with the defaults.
    """

    def __init__(self) -> None:
        self.repositories: dict[tuple[Kind, str], Repository] = {}
        self.moved: dict[tuple[Kind, str], str] = {}
        self.users: dict[str, User] = {}
        self.overviews: dict[str, Overview | None] = {}

    def find_overview(self, name: str) -> Overview:
        """Return what is stated about an owner of repositories. Raises ``RefusedError`` (404) if there is none."""
        owners = {repository.owner for repository in self.repositories.values()}
        overview = self.overviews.get(name, Overview() if name in owners else None)
        if overview is None:
            raise RefusedError(404, "This account does not exist")
        return overview

    def find_user(self, request: Request) -> User | None:
        """Return the account behind a request; None for an anonymous one.

        Raises:
            RefusedError: No account has the token.
        """
        if request.token is None:
            return None
        if request.token not in self.users:
            raise build_unauthorized_error(BAD_TOKEN)
        return self.users[request.token]

    def find_repository(self, request: Request, kind: Kind, id: str) -> Repository:
        """Return the repository with an id.

        Raises:
            RefusedError: There is none, the caller may not see it, or it was renamed; then the answer redirects.
        """
        user = self.find_user(request)
        if (kind, id) in self.moved:
            new = self.moved[kind, id]
            new_target = request.target.replace(f"/{id}", f"/{new}", 1)
            raise RefusedError(307, f"Moved to {new}", headers={"Location": new_target})
        repository = self.repositories.get((kind, id))
        if repository is None or (repository.private and not self._can_read(user, repository)):
            if user is None:
                raise build_unauthorized_error(ANONYMOUS)
            raise RefusedError(404, "Repository not found", "RepoNotFound")
        return repository

    def check_download_access(self, request: Request, repository: Repository) -> None:
        """Check that the caller may read the bytes and the history of a repository.

        Raises:
            RefusedError: The repository is disabled, or gated and the caller has no grant.
        """
        if repository.disabled:
            raise RefusedError(403, DISABLED)
        user = self.find_user(request)
        has_grant = user is not None and repository.id in user.granted
        if not repository.gated or has_grant or self._can_read(user, repository):
            return
        noun = f"Access to {repository.kind} {repository.id} is restricted"
        if user is None:
            message = f"{noun}. You must have access to it and be authenticated to access it. Please log in."
            raise RefusedError(401, message, "GatedRepo", build_unauthorized_error(message).headers)
        ask = f"Visit the page of {repository.id} to ask for access."
        raise RefusedError(403, f"{noun} and you are not in the authorized list. {ask}", "GatedRepo")

    @staticmethod
    def _can_read(user: User | None, repository: Repository) -> bool:
        """Whether an account owns a repository or may see it although it is private."""
        return user is not None and (repository.id in user.reads or repository.owner == user.name)
