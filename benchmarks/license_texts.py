"""The labelled texts of the licence benchmark: licences of packages, systems and vendors, and ordinary prose."""

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
# A licence file: "LICENSE", "licence.txt", "COPYING.md".
_LICENSE_NAME = re.compile(r"(?:licen[cs]e|copying)(?:\.(?:txt|md|rst))?", re.IGNORECASE)
# A file of prose: "README.md", "CHANGELOG", "INSTALL-unix.txt".
_PROSE_NAME = re.compile(
    r"(?:readme|changelog|changes|history|news|contributing|authors|security|install|eula|todo|faq|upgrading)[\w.-]*",
    re.IGNORECASE,
)
_PROSE_ENDINGS = ("", ".md", ".rst", ".txt", ".debian")
_SMALLEST, _LARGEST = 200, 2_000_000
# A sentence or clause of 20 to 300 characters behind another one, with the blanks before it and its final mark.
_SENTENCE = re.compile(r"(?<=[.;:])\s+[A-Z][^.;]{20,300}[.;]")
_NO_TERM = re.compile(r"^\s*(?:portions )?copyright\b|^\s*END OF TERMS", re.IGNORECASE)
_END = re.compile(r"(?<=\.)\s")
# Sentences that each restrict a licence.
_ADDED = (
    "You may not use it for commercial purposes.",
    "This grant excludes military deployment.",
    "Use is limited to academic research.",
)


@dataclass(frozen=True, slots=True)
class LicenseText:
    """One text with its label.

    Attributes:
        group: ``package``, ``common``, ``pattern``, ``standard``, ``ai``, ``policy`` or ``prose``.
        place: the file or package that contains it.
        license_id: the id of the licence that the text is; empty for prose.
        text: the text.
    """

    group: str
    place: str
    license_id: str
    text: str


def collect_package_texts() -> Iterator[LicenseText]:
    """Yield the licence file of each installed package that states one licence and ships one licence file.

    The label is the package's own statement, not one of this project.
    """
    for package in sorted(distributions(), key=lambda each: each.metadata["Name"].lower()):
        expression = package.metadata.get("License-Expression") or ""
        files = [
            file for file in package.files or () if _LICENSE_NAME.fullmatch(file.name) and ".dist-info" in str(file)
        ]
        is_single_id = re.fullmatch(r"[A-Za-z0-9.-]+", expression)
        if is_single_id and len(files) == 1:
            text = Path(str(files[0].locate())).read_text(encoding="utf-8", errors="replace")
            yield LicenseText("package", package.metadata["Name"], expression, text)


def collect_common_texts() -> Iterator[LicenseText]:
    """Yield the licence texts that Debian ships once for all its packages; nothing on other systems."""
    for name, license_id in _COMMON_IDS.items():
        path = _COMMON / name
        if path.is_file():
            yield LicenseText("common", name, license_id, path.read_text(encoding="utf-8", errors="replace"))


def collect_pattern_texts() -> Iterator[LicenseText]:
    """Yield a text for each pattern of ``licenseclassifier`` that has no alternatives.

    Comments, the marks of groups and the gaps for filled-in words become blanks; optional groups stay.
    """
    database = importlib.resources.files("licenseclassifier") / "_engine" / "licenses.json.gz"
    entries = json.loads(gzip.decompress(database.read_bytes()))
    for entry in entries:
        pattern = entry["lre"] if entry["id"] in _PATTERNS else ""
        if pattern and "||" not in pattern:
            # //** comment **//, (( group )), (( optional group ))?? and __12__, a gap of up to 12 words.
            text = re.sub(r"//\*\*.*?\*\*//|\(\(|\)\)(?:\?\?)?", " ", pattern, flags=re.DOTALL)
            text = re.sub(r"__\d+__", " ", text)
            yield LicenseText("pattern", entry["id"], normalize_spdx_id(entry["id"]), text)


def collect_folder_texts(folder: Path) -> Iterator[LicenseText]:
    """Yield the texts of a folder in the layout of ``rules/fingerprints/derive.py``, without overviews of licences."""
    listed = yaml.safe_load(_LISTED.read_text(encoding="utf-8"))["texts"]
    with (folder / "sources.tsv").open(encoding="utf-8", newline="") as table:
        rows = {row["path"]: row for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)}
    groups = {"ai": "ai", "policies": "policy", "standard": "standard"}
    for path in sorted(folder.glob("*/*.txt")):
        row = rows.get(path.relative_to(folder).as_posix())
        # The note marks an overview of several licences.
        if row and path.stem in listed and path.parent.name in groups and "NOT one licence" not in row["copy_note"]:
            text = path.read_text(encoding="utf-8", errors="replace")
            yield LicenseText(groups[path.parent.name], path.stem, listed[path.stem]["of"], text)


def collect_prose() -> Iterator[LicenseText]:
    """Yield README, CHANGELOG and similar files of installed packages and of the system, and package descriptions.

    Each text is yielded once.
    """
    seen: set[str] = set()
    for package in sorted(distributions(), key=lambda each: each.metadata["Name"].lower()):
        description = package.metadata.get_payload()
        if isinstance(description, str):
            yield from _wrap_unseen_prose(f"{package.metadata['Name']}: description", description, seen)
        for file in package.files or ():
            if _PROSE_NAME.fullmatch(file.name) and file.suffix.lower() in _PROSE_ENDINGS:
                yield from _read_prose_file(Path(str(file.locate())), f"{package.metadata['Name']}: {file}", seen)
    for path in sorted(Path("/usr/share/doc").glob("*/*")):
        if _PROSE_NAME.fullmatch(path.name) and path.suffix.lower() in _PROSE_ENDINGS:
            yield from _read_prose_file(path, f"{path.parent.name}: {path.name}", seen)


def _read_prose_file(path: Path, place: str, seen: set[str]) -> Iterator[LicenseText]:
    """Yield the text of a file of ordinary size, unless ``seen`` has the text."""
    if path.is_file() and _SMALLEST <= path.stat().st_size <= _LARGEST:
        yield from _wrap_unseen_prose(place, path.read_text(encoding="utf-8", errors="replace"), seen)


def _wrap_unseen_prose(place: str, text: str, seen: set[str]) -> Iterator[LicenseText]:
    """Yield the text as prose and add it to ``seen``, unless it is short or seen already."""
    if len(text) >= _SMALLEST and text not in seen:
        seen.add(text)
        yield LicenseText("prose", place, "", text)


def change_text(text: LicenseText, seed: int) -> Iterator[tuple[str, str]]:
    """Yield up to six changed texts as (``added`` or ``removed``, text).

    The first three have a restricting sentence at the start, at the end, or after a random sentence. The others each
    lack one random sentence; a copyright statement or a heading is left in, because it states no term.
    """
    generator = random.Random(seed)
    sentence_ends = [match.start() for match in _END.finditer(text.text)]
    offsets = [0, len(text.text), generator.choice(sentence_ends or [0])]
    for offset, sentence in zip(offsets, _ADDED, strict=True):
        yield "added", f"{text.text[:offset]}\n{sentence}\n{text.text[offset:]}"
    sentences = [match for match in _SENTENCE.finditer(text.text) if not _NO_TERM.search(match[0])]
    for sentence_match in generator.sample(sentences, min(3, len(sentences))):
        yield "removed", f"{text.text[: sentence_match.start()]} {text.text[sentence_match.end() :]}"


def write_text_repository(folder: Path, text: str) -> Path:
    """Write a model with this licence file, a tensor of one number and a configuration; return ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "LICENSE").write_text(text, encoding="utf-8", errors="replace")
    header = json.dumps({"weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    (folder / "config.json").write_text('{"model_type": "bert"}')
    return folder
