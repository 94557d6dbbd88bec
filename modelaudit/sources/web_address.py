"""Read the web address of a page of the Hub as the repository that it shows: what a browser has to paste.

Source: the pages of huggingface.co, ``/{id}``, ``/{id}/tree/{revision}``, ``/datasets/{id}`` and so on.
"""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from modelaudit.model.errors import ConfigurationError

_HUB_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
_KINDS = ("models", "datasets", "spaces", "kernels", "buckets")
_PAGES_OF_FILES = ("blob", "resolve", "raw")
_PAGES_OF_COMMITS = ("tree", "commit", "commits")


def read_web_address(text: str, endpoint: str) -> str | None:
    """Return the repository that a web address shows, as ``[datasets/]org/name[@revision]``.

    Args:
        text: the address.
        endpoint: the address of the Hub that is set.

    Returns:
        The repository; ``None`` if the address is none of a Hub.

    Raises:
        ConfigurationError: the page shows a part of a repository.
    """
    try:
        address, hub = urlsplit(text), urlsplit(endpoint)
    except ValueError:
        return None
    is_of_endpoint = (address.scheme, address.netloc) == (hub.scheme, hub.netloc)
    if not is_of_endpoint and not (address.scheme in ("http", "https") and address.netloc.lower() in _HUB_HOSTS):
        return None
    path = address.path
    if is_of_endpoint and path.startswith(f"{hub.path}/"):
        path = path.removeprefix(hub.path)
    segments = [unquote(segment) for segment in path.split("/") if segment]
    pages = [[page] for page in (*_PAGES_OF_FILES, *_PAGES_OF_COMMITS)]
    first = 1 if segments[:1] and segments[0] in _KINDS else 0
    # An id has one segment or two, and the name of a page may follow it.
    id_end = next((index for index in (first + 1, first + 2) if segments[index : index + 1] in pages), first + 2)
    name, rest = "/".join(segments[:id_end]), segments[id_end:]
    has_page = rest[:1] in pages
    revision = f"@{rest[1]}" if has_page and len(rest) > 1 else ""
    if has_page and len(rest) > 2:
        part = "a file" if rest[0] in _PAGES_OF_FILES else "a folder"
        raise ConfigurationError(
            f"{text!r} is the address of {part} in a repository, and a scan covers all of its files; scan "
            f"{name}{revision}."
        )
    return f"{name}{revision}" if name else None
