"""Name the texts that ``--notices`` copies, and render the copyright lines and the manifest of all files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

from msgspec import Struct

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import LicenseConclusion
from modelaudit.model.notices import FoundText, ModelTexts, TextKind
from modelaudit.model.report import AuditReport
from modelaudit.model.terms import TEXT_DUTIES
from modelaudit.reports.canonical_json import Json, encode_canonical
from modelaudit.reports.text import escape_unprintable
from modelaudit.reports.view import get_model_name

MANIFEST: Final = "MANIFEST.json"
FOLDER: Final = "texts"
_FORMAT: Final = "modelaudit/notices/v1"
_UNFIT: Final = defer_pattern(r"[^A-Za-z0-9._-]+")
_MOST_CHARACTERS: Final = 80


class Copy(Struct, frozen=True):
    """A text that is copied.

    Attributes:
        name: of the copy: ``texts/1-LICENSE``.
        source: its path in the model; empty for a standard text.
        license: id of the licence of a standard text; else empty.
        origin: the package that ships a standard text; else empty.
        lacks_copyright: whether a copyright line has to be added.
    """

    name: str
    content: bytes
    kind: TextKind
    source: str = ""
    license: str = ""
    origin: str = ""
    lacks_copyright: bool = False

    def describe(self) -> str:
        """Describe the origin of the text, and the remaining work."""
        if self.source:
            return f"copied unchanged from {self.source} of the model"
        rest = "; write the copyright line of the author above it" if self.lacks_copyright else ""
        return f"the standard text as shipped with {self.origin}, because no file of the model holds it{rest}"


def list_copies(license_: LicenseConclusion, texts: ModelTexts, standard: Mapping[str, FoundText]) -> tuple[Copy, ...]:
    """List the texts to copy: those of the model, then the standard texts that are required and that it lacks."""
    copies = [
        Copy(f"{FOLDER}/{number}-{_make_name(each.path)}", each.content, each.kind, each.path)
        for number, each in enumerate(texts.files, 1)
    ]
    lacking = dict.fromkeys(each.license for each in license_.duties if each.kind in TEXT_DUTIES and not each.met)
    for id_ in lacking:
        found = standard.get(id_)
        if found is not None:
            name = f"{FOLDER}/standard-{_make_name(id_)}.txt"
            copies.append(Copy(name, found.content, TextKind.LICENSE, "", id_, found.origin, found.lacks_copyright))
    return tuple(copies)


def _make_name(path: str) -> str:
    """Make a name without folders and of plain characters; the number before it keeps names apart."""
    name = _UNFIT.sub("_", PurePosixPath(path.replace("\\", "/")).name).strip(".")
    return name[-_MOST_CHARACTERS:] or "text"


def render_copyrights(texts: ModelTexts) -> str:
    """Render the copyright lines by the file that states them; empty without any."""
    lines: list[str] = []
    path = None
    for each in texts.copyrights:
        if each.path != path:
            path = each.path
            lines += [*([""] if lines else []), f"{escape_unprintable(path)}:"]
        lines.append(f"  {escape_unprintable(each.text)}")
    return "\n".join(lines) + "\n" if lines else ""


def render_manifest(
    report: AuditReport, files: Mapping[str, bytes], copies: Sequence[Copy], texts: ModelTexts
) -> bytes:
    """Render which file came from where, with the digest of each; the manifest itself is left out."""
    by_name = {each.name: each for each in copies}
    entries: list[Json] = []
    for name, content in sorted(files.items()):
        copy = by_name.get(name)
        entry: dict[str, Json] = {
            "file": name,
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
            "from": "the report" if copy is None else copy.origin or "the model",
        }
        if copy is not None:
            entry |= {"kind": str(copy.kind), "license": copy.license, "path": escape_unprintable(copy.source)}
        entries.append(entry)
    lines: list[Json] = [
        {"path": escape_unprintable(each.path), "line": each.line, "text": escape_unprintable(each.text)}
        for each in texts.copyrights
    ]
    return encode_canonical(
        {
            "format": _FORMAT,
            "model": escape_unprintable(get_model_name(report.target)),
            "commit": escape_unprintable(report.target.commit or ""),
            "files": entries,
            "copyrights": lines,
            "left-out": [escape_unprintable(each) for each in texts.left_out],
        }
    )
