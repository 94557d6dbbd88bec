"""Read a licence file that holds no text of a licence and only names one: *Apache-2.0*, or *See* with an address."""

from __future__ import annotations

import re

from modelaudit.licenses.evidence.fields import Resolver

_MOST_CHARACTERS = 600
_ADDRESS = re.compile(r"<?https?://[^\s<>()\[\]\"'`]{4,200}>?")
_LINK = re.compile(r"\[(?P<name>[^\[\]]{1,120})\]\((?P<address>https?://[^()\s]{4,200})\)")
_MARKS = re.compile(r"[*_`#>\"'()\[\]\u201c\u201d]|<!--|-->|^[ \t]*(?://|;|--)", re.MULTILINE)
# The words around a name that say nothing else. What is left must be the name alone.
_FRAME = re.compile(
    r"spdx-license-identifier\s*:"
    r"|\b(?:please\s+)?(?:see|refer to|visit|available at|can be found at|full text(?: is available)?(?: at)?"
    r"|you may obtain a copy of the licen[cs]e at|to view a copy of this licen[cs]e,?\s*(?:please\s+)?visit)\b\s*:?"
    r"|\bor send a letter to creative commons,?[^\n]{0,80}"
    r"|(?:\b(?:this|the|all)\s+)?"
    r"(?:\b(?:work|model|models|project|repository|software|weights|model weights|files"
    r"|code and weights|code and model)\s+){1,4}"
    r"(?:is|are)\s+(?:licen[cs]ed|released|distributed|available|provided)\s+under\b"
    r"|\b(?:licen[cs]ed|released|distributed)\s+under\b|^\s*licen[cs]e\s*:|\bunder the terms of\b",
    re.IGNORECASE | re.MULTILINE,
)
_ENDS_OF_ADDRESSES = (".txt", ".html", "/legalcode", "/deed.en")
_ARTICLES = re.compile(r"^(?:\W|\b(?:the|an?|terms of the)\b)+|\W+$", re.IGNORECASE)
_NOUNS = re.compile(r"\s+(?:public\s+)?licen[cs]e$", re.IGNORECASE)


def find_named_license(text: str, resolver: Resolver) -> str | None:
    """Return the id of the one licence that a short text names, and says nothing beside; ``None`` for any other text.

    Every address in the text must be one of that licence.

    Args:
        text: the text of a licence file.
        resolver: the names and addresses of the rule set.
    """
    if len(text) > _MOST_CHARACTERS:
        return None
    text = _LINK.sub(lambda link: f" {link['name']} {link['address']} ", text)
    addresses = [address[0].strip("<>").rstrip(".,;:") for address in _ADDRESS.finditer(text)]
    found = {_resolve_address(each, resolver) for each in addresses}
    rest = " ".join(_FRAME.sub("\n", _MARKS.sub(" ", _ADDRESS.sub("\n", text))).split("\n")).split(" ")
    name = _ARTICLES.sub("", " ".join(filter(None, rest)))
    if name:
        found.add(resolver.find_license(name) or resolver.find_license(_NOUNS.sub("", name)))
    return next(iter(found)) if len(found) == 1 else None


def _resolve_address(address: str, resolver: Resolver) -> str | None:
    """Resolve an address whatever its scheme, its ending and the bar at its end."""
    bare = address.rstrip("/")
    for end in _ENDS_OF_ADDRESSES:
        bare = bare.removesuffix(end)
    bare = bare.replace("http://", "https://").replace("//www.", "//")
    hosts = (bare, bare.replace("https://", "https://www."), bare.replace("https://", "http://"))
    spellings = (f"{each}{end}" for each in hosts for end in ("", "/", *_ENDS_OF_ADDRESSES))
    return next(filter(None, map(resolver.find_license, spellings)), None)
