"""The texts that the licence benchmark shows to every tool, each with its label."""

from __future__ import annotations

import csv
import gzip
import importlib.resources
import json
import random
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

import yaml
from samples import ROOT

from modelaudit.licenses.recognition.standard import normalize_spdx_id

_LISTED = ROOT / "rules" / "fingerprints" / "_texts.yaml"
_COMMON = Path("/usr/share/common-licenses")
_COMMON_IDS = {
    "Apache-2.0": "Apache-2.0", "CC0-1.0": "CC0-1.0", "GFDL-1.3": "GFDL-1.3-only", "GPL-2": "GPL-2.0-only",
    "GPL-3": "GPL-3.0-only", "LGPL-2.1": "LGPL-2.1-only", "LGPL-3": "LGPL-3.0-only", "MPL-2.0": "MPL-2.0",
}  # fmt: skip
_PATTERNS = frozenset(
    (
        *("AFL-3.0", "Artistic-2.0", "BSL-1.0", "CC-BY-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-ND-4.0"),
        *("CC-BY-SA-4.0", "CC0-1.0", "EPL-2.0", "EUPL-1.2", "ISC", "LPPL-1.3c", "MS-PL", "MulanPSL-2.0", "ODbL-1.0"),
        *("OFL-1.1", "PostgreSQL", "Unlicense", "Zlib"),
    )
)
_LICENSE_NAME = re.compile(r"(?:licen[cs]e|copying)(?:\.(?:txt|md|rst))?", re.IGNORECASE)
_PROSE_NAME = re.compile(
    r"(?:readme|changelog|changes|history|news|contributing|authors|security|install|eula|todo|faq|upgrading)[\w.-]*",
    re.IGNORECASE,
)
_PROSE_ENDINGS = ("", ".md", ".rst", ".txt", ".debian")
_SMALLEST, _LARGEST = 200, 2_000_000
_SENTENCE = re.compile(r"(?<=[.;:])\s+[A-Z][^.;]{20,300}[.;]")
_END = re.compile(r"(?<=\.)\s")
_ADDED = (
    "You may not use it for commercial purposes.",
    "This grant excludes military deployment.",
    "Use is limited to academic research.",
)


@dataclass(frozen=True, slots=True)
class LicenseText:
    """One text.

    Attributes:
        group: ``package``, ``collect_common_texts``, ``standard``, ``ai``, ``policy`` or ``collect_prose``.
        place: the file or package that holds it.
        of: the licence that it is; empty for prose.
    """

    group: str
    place: str
    of: str
    text: str


def collect_package_texts() -> Iterator[LicenseText]:
    """The licence files of installed packages whose metadata names exactly one licence and that ship one text.

    The label is the package's own, so none of it comes from this project.
    """
    for package in sorted(distributions(), key=lambda each: each.metadata["Name"].lower()):
        named = package.metadata.get("License-Expression") or ""
        files = [
            file for file in package.files or () if _LICENSE_NAME.fullmatch(file.name) and ".dist-info" in str(file)
        ]
        if re.fullmatch(r"[A-Za-z0-9.-]+", named) and len(files) == 1:
            text = Path(str(files[0].locate())).read_text(encoding="utf-8", errors="replace")
            yield LicenseText("package", package.metadata["Name"], named, text)


def collect_common_texts() -> Iterator[LicenseText]:
    """The texts that Debian ships once for all its packages."""
    for name, of in _COMMON_IDS.items():
        if (_COMMON / name).is_file():
            yield LicenseText("common", name, of, (_COMMON / name).read_text(encoding="utf-8", errors="replace"))


def collect_pattern_texts() -> Iterator[LicenseText]:
    """The texts that patterns of ``licenseclassifier`` stand for, with nothing filled in and no part left out."""
    place = importlib.resources.files("licenseclassifier") / "_engine" / "licenses.json.gz"
    entries = json.loads(gzip.decompress(place.read_bytes()))
    for entry in entries:
        pattern = entry["lre"] if entry["id"] in _PATTERNS else ""
        if pattern and "||" not in pattern:
            text = re.sub(r"//\*\*.*?\*\*//|\(\(|\)\)(?:\?\?)?", " ", pattern, flags=re.DOTALL)
            yield LicenseText("pattern", entry["id"], normalize_spdx_id(entry["id"]), re.sub(r"__\d+__", " ", text))


def folder_texts(folder: Path) -> Iterator[LicenseText]:
    """The texts of a folder laid out as ``rules/fingerprints/derive.py`` reads it, without overviews of licences."""
    listed = yaml.safe_load(_LISTED.read_text(encoding="utf-8"))["texts"]
    with (folder / "sources.tsv").open(encoding="utf-8", newline="") as table:
        rows = {row["path"]: row for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)}
    groups = {"ai": "ai", "policies": "policy", "standard": "standard"}
    for path in sorted(folder.glob("*/*.txt")):
        row = rows.get(path.relative_to(folder).as_posix())
        if row and path.stem in listed and path.parent.name in groups and "NOT one licence" not in row["copy_note"]:
            text = path.read_text(encoding="utf-8", errors="replace")
            yield LicenseText(groups[path.parent.name], path.stem, listed[path.stem]["of"], text)


def collect_prose() -> Iterator[LicenseText]:
    """README, CHANGELOG, EULA and the like of installed packages and of the system, and descriptions of packages."""
    seen: set[str] = set()
    for package in sorted(distributions(), key=lambda each: each.metadata["Name"].lower()):
        description = package.metadata.get_payload()
        if isinstance(description, str):
            yield from _unseen(f"{package.metadata['Name']}: description", description, seen)
        for file in package.files or ():
            if _PROSE_NAME.fullmatch(file.name) and file.suffix.lower() in _PROSE_ENDINGS:
                yield from _read(Path(str(file.locate())), f"{package.metadata['Name']}: {file}", seen)
    for path in sorted(Path("/usr/share/doc").glob("*/*")):
        if _PROSE_NAME.fullmatch(path.name) and path.suffix.lower() in _PROSE_ENDINGS:
            yield from _read(path, f"{path.parent.name}: {path.name}", seen)


def _read(path: Path, place: str, seen: set[str]) -> Iterator[LicenseText]:
    if path.is_file() and _SMALLEST <= path.stat().st_size <= _LARGEST:
        yield from _unseen(place, path.read_text(encoding="utf-8", errors="replace"), seen)


def _unseen(place: str, text: str, seen: set[str]) -> Iterator[LicenseText]:
    if len(text) >= _SMALLEST and text not in seen:
        seen.add(text)
        yield LicenseText("prose", place, "", text)


def change_text(text: LicenseText, seed: int) -> Iterator[tuple[str, str]]:
    """Yield (the change, the changed text): a sentence added at its head, end and within, and thrice one taken out."""
    dice = random.Random(seed)
    places = [0, len(text.text), dice.choice([found.start() for found in _END.finditer(text.text)] or [0])]
    for place, sentence in zip(places, _ADDED, strict=True):
        yield "added", f"{text.text[:place]}\n{sentence}\n{text.text[place:]}"
    sentences = list(_SENTENCE.finditer(text.text))
    for found in dice.sample(sentences, min(3, len(sentences))):
        yield "removed", f"{text.text[: found.start()]} {text.text[found.end() :]}"


def write_text_repository(folder: Path, text: str) -> Path:
    """A model folder with this licence file: a tensor of one number, and a configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "LICENSE").write_text(text, encoding="utf-8", errors="replace")
    header = json.dumps({"weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    (folder / "config.json").write_text('{"model_type": "bert"}')
    return folder
