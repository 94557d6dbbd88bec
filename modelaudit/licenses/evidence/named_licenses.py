"""Read a licence file that holds no text of a licence and only names one: *Apache-2.0*, or *See* with an address.

Such a file may say which files it is about, repeat the summary that Creative Commons prescribes, tell whom to ask for
other terms, and name the licence of the code apart. Any other word may be a further term.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelaudit.licenses.evidence.fields import Resolver
from modelaudit.model.lazy_pattern import defer_pattern

_MOST_CHARACTERS = 2_400
_ADDRESS = defer_pattern(r"<?https?://[^\s<>()\[\]\"'`]{4,200}>?")
_LINK = defer_pattern(r"\[(?P<name>[^\[\]]{1,120})\]\((?P<address>https?://[^()\s]{4,200})\)")
_MARKS = defer_pattern(
    r"[*_`#>\"'\[\]\u201c\u201d|]|<!--|-->|[=-]{3,}|[\u2013\u2014]|^[ \t]*(?://|;|--|[-+](?= ))", re.MULTILINE
)
_PARAGRAPH = defer_pattern(r"\n[ \t]*\n")
# Where one part of the file ends and the next begins.
_CUT = " | "
_PARTS = defer_pattern(r"\||[.;:!](?=\s|$)")
_KIND = r"(?:models?|weights?|checkpoints?|parameters|artifacts?|files|materials?|works?|project|repository|software)"
_LINKING = (
    rf"(?:the|this|these|all|our|ai|code\s+and|{_KIND}|pre-?trained|trained|fine-?tuned|released|published|distributed|provided"
    r"|included|referenced|releases?|section|network|and|or|with|in|of|by|via|from|for|\(?the models\)?"
    r"|(?-i:[A-Z0-9][\w.+-]{0,40}))"
)
_SUBJECT = rf"(?:{_LINKING}\s+){{0,12}}{_KIND}\s+(?:{_LINKING}\s+){{0,9}}"
_STATED = r"(?:is|are)\s+(?:made\s+)?(?:licen[cs]ed|released|distributed|available|provided)\s+(?:to you\s+)?under"
# The words around a name that say nothing else. What is left must be the name alone.
_FRAME = defer_pattern(
    r"spdx-license-identifier\s*:"
    r"|\b(?:please\s+)?(?:see|refer to|visit|available at|can be found at"
    r"|full (?:legal )?(?:licen[cs]e )?text(?: of the licen[cs]e)?(?: is available)?(?: at)?|full licen[cs]e|summary"
    r"|(?:a summary of )?the (?P<located>(?:[^|.:]|\.(?=\d)){3,60}? licen[cs]e) is located here"
    r"|you may obtain a copy of the licen[cs]e at|to view a copy of this licen[cs]e,?\s*(?:please\s+)?visit)\b\s*:?"
    r"|\bor send a letter to creative commons,?[^|]{0,80}"
    r"|(?:(?<=\|)|^)\s*(?:the )?(?:ai )?models?(?: weights?)? licen[cs]e(?: notice| text)?\s*(?=[:|]|$)"
    r"|(?:(?<=\|)|^)\s*(?:summary of terms|licen[cs]e text|license)\s*(?=[:|]|$)"
    rf"|(?:(?<=[|.])|^)\s*{_SUBJECT}{_STATED}\b"
    rf"|(?:(?<=[|.])|^)\s*[\w.+-]{{2,40}}, copyright \(c\) [\w ,.&-]{{4,60}}?, {_STATED}\b"
    r"|\bfor (?:a )?(?:custom|commercial|other)[ \w]{0,20} licen[cs](?:e|es|ing)(?: inquiries| questions| terms)?,?"
    r" (?:please )?contact[^|]{0,80}"
    r"|(?:(?<=[|.])|^)\s*(?:this|the) work is licen[cs]ed under\b|\b(?:licen[cs]ed|released|distributed)\s+under\b"
    r"|\blicen[cs]e\s*:|\bunder the terms of\b",
    re.IGNORECASE,
)
_COPYRIGHT = defer_pattern(
    r"(?:(?<=[|.])|^)\s*(?:copyright\s*)?(?:\(c\)|\u00a9|copyright)[ \w,.&@-]{0,80}?(?=\s*(?:\||$)|\.\s)", re.IGNORECASE
)
_CODE_APART = defer_pattern(
    r"(?:the )?(?:source[ -]?)?code(?: in this repository)? is (?:separately )?licen[cs]ed (?:separately )?under"
    r" (?:the )?(?P<name>[^|.;]{2,60}?|[^|;]{2,60}?\d)(?: ?\(see [^()|]{3,40}\)|[;,] see (?:the )?[\w.-]{3,20} file)?"
    r"(?=\s*(?:\||\.\s|\.?$))",
    re.IGNORECASE,
)
"""A sentence that the code is under a licence of its own."""
_THING = rf"(?:the )?(?:licensed )?(?:material|{_KIND})(?: {_KIND})?"
_DEED = tuple(
    (defer_pattern(pattern, re.IGNORECASE), element)
    for pattern, element in (
        (r"you are free to|under the following terms", ""),
        (rf"share:? (?:and|copy and) redistribute {_THING} in any medium or format", ""),
        (rf"adapt:? remix, transform,? and build upon {_THING} for any purpose,? even commercially", "!NC"),
        (rf"adapt:? remix, transform,? and build upon {_THING}", "!ND"),
        (
            r"attribution(?: \(by\))?:? you must give appropriate credit, provide a link to the licen[cs]e,? and"
            r" indicate if changes were made",
            "BY",
        ),
        (rf"non-?commercial(?: \(nc\))?:? you may not use {_THING} for commercial purposes", "NC"),
        (
            rf"share-?alike(?: \(sa\))?:? if you remix, transform,? or build upon {_THING}, you must distribute"
            r" your contributions under the same licen[cs]e as the original",
            "SA",
        ),
        (
            rf"no-?derivatives(?: \(nd\))?:? if you remix, transform,? or build upon {_THING}, you may not"
            rf" distribute the modified {_THING}",
            "ND",
        ),
        (
            r"no additional restrictions:? you may not apply legal terms or technological measures that legally"
            r" restrict others from doing anything the licen[cs]e permits",
            "",
        ),
    )
)
"""The sentences of the summaries of Creative Commons, each with the element that the licence must have, or lack (!)."""
_ENDS_OF_ADDRESSES = (".txt", ".html", "/legalcode", "/deed.en")
_ARTICLES = defer_pattern(r"^(?:[^\w(]|\b(?:the|an?|terms of the)\b)+|[^\w)]+$", re.IGNORECASE)
_NOUNS = defer_pattern(r"\s+(?:public\s+)?licen[cs]e$", re.IGNORECASE)
_ABBREVIATED = defer_pattern(r"(?P<name>[^()]{2,120}?)\s*\((?P<short>[^()]{2,40})\)")


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
    plain = _PARAGRAPH.sub(
        _CUT, _MARKS.sub(lambda mark: "\n\n" if len(mark[0]) > 2 else " ", _ADDRESS.sub("\n\n", text))
    )
    plain = _CODE_APART.sub(
        lambda code: _CUT if resolver.find_license(code["name"]) else code[0], " ".join(plain.split())
    )
    elements = set()
    for sentence, element in _DEED:
        plain, count = sentence.subn(_CUT, plain)
        elements |= {element} if count and element else set()
    plain = _COPYRIGHT.sub(_CUT, _FRAME.sub(lambda frame: f"{_CUT}{frame['located'] or ''}{_CUT}", plain))
    found |= set(_resolve_parts(plain, resolver))
    license_id = next(iter(found)) if len(found) == 1 else None
    return license_id if license_id and _has_elements(license_id, elements) else None


def _resolve_parts(plain: str, resolver: Resolver) -> Iterator[str | None]:
    """Yield the licence of each part that is left between the frames; ``None`` for one that names none."""
    whole = _ARTICLES.sub("", " ".join(plain.replace("|", " ").split()))
    if license_id := _resolve_name(whole, resolver):
        yield license_id
        return
    for part in _PARTS.split(plain):
        name = _ARTICLES.sub("", " ".join(part.split()))
        if name:
            yield _resolve_name(name, resolver)


def _resolve_name(name: str, resolver: Resolver) -> str | None:
    """Resolve a name, with *License* or without, and with its abbreviation behind it, which must mean the same."""
    license_id = resolver.find_license(name) or resolver.find_license(_NOUNS.sub("", name))
    match = None if license_id else _ABBREVIATED.fullmatch(name)
    if match is None:
        return license_id
    names = {_resolve_name(match["name"], resolver), _resolve_name(match["short"], resolver)}
    return next(iter(names)) if len(names) == 1 else None


def _has_elements(license_id: str, elements: set[str]) -> bool:
    """Whether a licence has every element that the summary states, and none that it excludes."""
    own = set(license_id.split("-")) if license_id.startswith("CC-") else set()
    return all(each[1:] not in own if each.startswith("!") else each in own for each in elements)


def _resolve_address(address: str, resolver: Resolver) -> str | None:
    """Resolve an address whatever its scheme, its ending and the bar at its end."""
    bare = address.rstrip("/")
    for end in _ENDS_OF_ADDRESSES:
        bare = bare.removesuffix(end)
    bare = bare.replace("http://", "https://").replace("//www.", "//")
    hosts = (bare, bare.replace("https://", "https://www."), bare.replace("https://", "http://"))
    spellings = (f"{each}{end}" for each in hosts for end in ("", "/", *_ENDS_OF_ADDRESSES))
    return next(filter(None, map(resolver.find_license, spellings)), None)
