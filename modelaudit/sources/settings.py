"""Read the settings of the Hub from the environment, when a scan begins and not when a library is imported."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modelaudit.model.errors import ConfigurationError

DEFAULT_ENDPOINT = "https://huggingface.co"
_TRUE = {"1", "ON", "YES", "TRUE"}


@dataclass(frozen=True, slots=True)
class HubSettings:
    """The address of the Hub, the token, and the folder for downloads.

    The variables are those of huggingface_hub ("Environment variables" in its reference).

    Attributes:
        endpoint: URL without a slash at its end (``HF_ENDPOINT``), and without a user name and a password, because
            messages and reports show it.
        token: ``HF_TOKEN``; ``None`` leaves the choice to the client, which reads the stored login.
        cache: the Hub cache (``HF_HUB_CACHE``, else ``hub`` in ``HF_HOME``).
        offline: no request is made (``HF_HUB_OFFLINE`` or the option).
        credentials: the ``user:password`` of ``HF_ENDPOINT``, for requests only; empty without them.
    """

    endpoint: str
    token: str | None = field(repr=False)
    cache: Path
    offline: bool
    credentials: str = field(default="", repr=False)

    @property
    def request_endpoint(self) -> str:
        """The endpoint with the credentials. It belongs in requests, never in a message or a report."""
        scheme, separator, place = self.endpoint.partition("://")
        return f"{scheme}{separator}{self.credentials}@{place}" if self.credentials else self.endpoint

    def hide_credentials(self, text: str) -> str:
        """Return a text of a library, which may quote an address, without the credentials."""
        return text.replace(f"{self.credentials}@", "") if self.credentials else text

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ, *, offline: bool = False) -> HubSettings:
        """Read the settings.

        Raises:
            ConfigurationError: ``HF_ENDPOINT`` is not the address of a server.
        """
        variable = (environment.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")
        scheme, credentials, place = _split_credentials(variable)
        endpoint = f"{scheme}{place}"
        if not re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", endpoint):
            message = f"HF_ENDPOINT is {endpoint!r}; it must be the address of a Hub such as {DEFAULT_ENDPOINT}."
            raise ConfigurationError(message)
        if re.search(r"[/\s?#@]", credentials):
            raise ConfigurationError(
                f"HF_ENDPOINT for {endpoint!r} has a user name or password that is not percent-encoded; encode it."
            )
        token = environment.get("HF_TOKEN") or environment.get("HUGGING_FACE_HUB_TOKEN") or ""
        offline = is_offline(offline, environment)
        return cls(endpoint, token.strip() or None, _locate_cache(environment), offline, credentials)


def _split_credentials(address: str) -> tuple[str, str, str]:
    """Split an address into its scheme with ``://``, the text before the last ``@``, and the rest."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        scheme, rest = "", address
    credentials, _, place = rest.rpartition("@")
    return f"{scheme}{separator}", credentials, place


def is_offline(offline: bool, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether no request may be made, by the option ``offline`` or by the environment."""
    switch = environment.get("HF_HUB_OFFLINE") or environment.get("TRANSFORMERS_OFFLINE") or ""
    return offline or switch.upper() in _TRUE


def _locate_cache(environment: Mapping[str, str]) -> Path:
    """Return the folder of the Hub cache, by the same variables and in the same order as the client."""
    cache_folder = environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE")
    if not cache_folder:
        home = environment.get("HF_HOME") or f"{environment.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
        cache_folder = f"{home}/hub"
    return Path(os.path.expanduser(os.path.expandvars(cache_folder))).absolute()  # noqa: PTH111 - a path of text
