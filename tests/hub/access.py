"""Who may see what, and how the Hub says no.

The status, ``X-Error-Code`` and ``X-Error-Message`` of each refusal are those that huggingface.co was seen to send in
2026. Two of them deserve a note: an anonymous caller gets the same bare 401 for a missing and for a private
repository, and a gated or disabled repository is still *listed* for everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.exchange import Body, Request, Response, as_json
from hub.repository import Kind, Repository

BAD_TOKEN = "Invalid credentials in Authorization header"
ANONYMOUS = "Invalid username or password."
DISABLED = "Access to this resource is disabled."


@dataclass(slots=True)
class User:
    """An account: ``reads`` holds the ids of private repositories it sees, ``granted`` the gates it has passed."""

    name: str
    token: str
    reads: set[str] = field(default_factory=set)
    granted: set[str] = field(default_factory=set)


class RefusedError(Exception):
    """Ends the handling of a request with an error answer."""

    def __init__(self, status: int, message: str, code: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message = status, message
        # a header holds one line of ASCII, whatever name the caller made us repeat
        line = " ".join(message.split()).encode("ascii", "replace").decode()
        self.headers = {"X-Error-Message": line, **({"X-Error-Code": code} if code else {}), **(headers or {})}

    def answer(self, request: Request) -> Response:
        """The error as JSON on API routes and as plain text elsewhere."""
        if request.path.startswith("/api/") and not request.path.startswith("/api/resolve-cache/"):
            return as_json({"error": self.message}, self.status, self.headers)
        plain = {"Content-Type": "text/plain; charset=utf-8"}
        return Response(self.status, plain | self.headers, Body.whole(self.message.encode()))


def unauthorized(message: str) -> RefusedError:
    """A 401 that names no code."""
    challenge = {"WWW-Authenticate": 'Bearer realm="Authentication required", charset="UTF-8"'}
    return RefusedError(401, message, headers=challenge)


class Access:
    """The repositories, their former names and the accounts of one Hub."""

    def __init__(self) -> None:
        self.repositories: dict[tuple[Kind, str], Repository] = {}
        self.moved: dict[tuple[Kind, str], str] = {}
        self.users: dict[str, User] = {}

    def user(self, request: Request) -> User | None:
        """The account behind a request; None for an anonymous one.

        Raises:
            RefusedError: The token is not one that the Hub has issued.
        """
        if request.token is None:
            return None
        if request.token not in self.users:
            raise unauthorized(BAD_TOKEN)
        return self.users[request.token]

    def repository(self, request: Request, kind: Kind, id: str) -> Repository:
        """The repository that a request names, under its present or a former name.

        Raises:
            RefusedError: Missing, or not visible to the caller; or moved, with the new address.
        """
        user = self.user(request)
        if (kind, id) in self.moved:
            new = self.moved[kind, id]
            target = request.target.replace(f"/{id}", f"/{new}", 1)
            raise RefusedError(307, f"Moved to {new}", headers={"Location": target})
        found = self.repositories.get((kind, id))
        if found is None or (found.private and (user is None or not self._owns(user, found))):
            raise unauthorized(ANONYMOUS) if user is None else RefusedError(404, "Repository not found", "RepoNotFound")
        return found

    def downloadable(self, request: Request, repository: Repository) -> None:
        """Let a request reach the bytes and the history of a repository.

        Raises:
            RefusedError: The repository is disabled, or gated and the caller has no grant.
        """
        if repository.disabled:
            raise RefusedError(403, DISABLED)
        user = self.user(request)
        if not repository.gated or (user and (repository.id in user.granted or self._owns(user, repository))):
            return
        noun = f"Access to {repository.kind} {repository.id} is restricted"
        if user is None:
            message = f"{noun}. You must have access to it and be authenticated to access it. Please log in."
            raise RefusedError(401, message, "GatedRepo", unauthorized(message).headers)
        ask = f"Visit the page of {repository.id} to ask for access."
        raise RefusedError(403, f"{noun} and you are not in the authorized list. {ask}", "GatedRepo")

    @staticmethod
    def _owns(user: User, repository: Repository) -> bool:
        return repository.id in user.reads or repository.owner == user.name
