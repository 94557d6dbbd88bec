"""Derive the fingerprints anew: ``python rules/fingerprints/derive.py --texts FOLDER --date DAY``.

Licence texts belong to their owners, so the repository holds none: the folder has them as ``<group>/<id>.txt``, with a
table ``sources.tsv`` of their sources (``path``, ``title``, ``version_date``, ``where``, ``copy_note``). Texts that
``_texts.yaml`` does not list are left out, and so are notes that are not a licence. A transcribed text whose length
differs from its source is not a certain copy: a text that equals it is reported as a variant.
"""

from __future__ import annotations

import argparse
import base64
import csv
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from modelaudit.catalogue.fingerprints import load_fingerprints
from modelaudit.licenses.recognition.words import hash_triples, split_words
from modelaudit.model.fingerprint import Fingerprint

HERE = Path(__file__).resolve().parent
MARKS = 16
"""The number of hashes kept of a text that occur in no other text."""
_LINE = 112
_NO_LICENSE = "NOT one licence"
_NO_COPY, _CHECKED = "not a byte copy", "length equals the stored file"
_LARGEST = 250_000
_HEADER = """# Derived by rules/fingerprints/derive.py; change _texts.yaml and derive it again.
fingerprints:
"""


@dataclass(frozen=True)
class Text:
    """One text and its metadata: ``about`` is its entry in ``_texts.yaml``, ``source`` its row of the table."""

    id: str
    about: Mapping[str, object]
    source: Mapping[str, str]
    words: Sequence[str]

    @property
    def owner(self) -> tuple[object, object]:
        """The licence that the text belongs to; copies of one licence share it."""
        return self.about["of"], self.about.get("policy", False)


def read_texts(folder: Path) -> list[Text]:
    """Return the texts that ``_texts.yaml`` lists and the folder has."""
    listed = yaml.safe_load((HERE / "_texts.yaml").read_text(encoding="utf-8"))["texts"]
    with (folder / "sources.tsv").open(encoding="utf-8", newline="") as table:
        sources = {row["path"]: row for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)}
    found = []
    for path in sorted(folder.glob("*/*.txt")):
        row = sources.get(path.relative_to(folder).as_posix(), {})
        if path.stem not in listed or not row or _NO_LICENSE in row["copy_note"]:
            sys.stdout.write(f"left out: {path.stem}\n")
            continue
        words = split_words(path.read_text(encoding="utf-8", errors="replace")).words
        found.append(Text(path.stem, listed[path.stem], row, words))
    for id_ in sorted(set(listed) - {text.id for text in found}):
        sys.stdout.write(f"no text: {id_}\n")
    return found


def format_entry(text: Text, common: Counter[int], date: str) -> str:
    """Return the YAML entry of one text."""
    triples = hash_triples(text.words)
    own = sorted(triple for triple in set(triples) if common[triple] == 1)
    step = max(1, len(own) // MARKS)
    title, version = text.source["title"], text.source["version_date"]
    titles = [str(each) for each in text.about.get("titles", ())] or _keep_phrase(title, text.words)
    lines = [f"id: {text.id}", f"of: {text.about['of']}"]
    if text.about.get("policy"):
        lines.append("policy: true")
    if not is_certain(text.source["copy_note"]):
        lines.append("certain: false")
    lines += [f"source: {_quote_text(_join_words(text.source['where']))}", f"date: {date}", f"words: {len(text.words)}"]
    for key, phrases in (("titles", titles), ("versions", _keep_phrase(version, text.words))):
        if phrases:
            lines.append(f"{key}: [{', '.join(map(_quote_text, phrases))}]")
    for key in ("optional", "slots"):
        parts = [_locate_part(each, text) for each in text.about.get(key, ())]
        if parts:
            lines.append(f"{key}: [{', '.join(f'[{first}, {end}]' for first, end in parts)}]")
    lines += ["marks: |", *_encode_numbers(own[::step][:MARKS]), "triples: |", *_encode_numbers(triples)]
    written = "  - " + "\n    ".join(lines) + "\n"
    if len(written) > _LARGEST:
        raise SystemExit(f"{text.id}: {len(written)} bytes are too many for one fingerprint")
    return written


def choose_group(text: Text) -> str:
    """Return the file of a text: use policies, licences of model publishers, or standard licences."""
    if text.about.get("policy"):
        return "policies"
    return "models" if str(text.about["of"]).startswith("LicenseRef-") else "standard"


def is_certain(note: str) -> bool:
    """Whether a text is a copy of its source, byte for byte or at least in its length."""
    return _NO_COPY not in note or _CHECKED in note


def _keep_phrase(phrase: str, words: Sequence[str]) -> list[str]:
    """Return the words of a title or a version if the text has them."""
    wanted = list(split_words(phrase).words)
    return [" ".join(wanted)] if len(wanted) >= 2 and _find_words(wanted, words, 0) is not None else []


def _find_words(wanted: Sequence[str], words: Sequence[str], start: int) -> int | None:
    size = len(wanted)
    return next((at for at in range(start, len(words) - size + 1) if words[at : at + size] == wanted), None)


def _locate_part(about: Mapping[str, str], text: Text) -> tuple[int, int]:
    """Return the first word of a part of the text and the word behind it, by number."""
    first = _find_phrase(about["from"], text, 0) if "from" in about else 0
    if "before" in about:
        return first, _find_phrase(about["before"], text, first + 1)
    if "through" in about:
        return first, _find_phrase(about["through"], text, first) + len(about["through"].split())
    return first, len(text.words)


def _find_phrase(phrase: str, text: Text, start: int) -> int:
    found = _find_words(phrase.split(), list(text.words), start)
    if found is None:
        raise SystemExit(f"{text.id}: has no words {phrase!r} from word {start} on")
    return found


def _join_words(where: str) -> str:
    return " ".join(where.split())


def _quote_text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _encode_numbers(numbers: Sequence[int]) -> list[str]:
    """Return 32-bit numbers in network order as lines of base64."""
    data = array("I", numbers)
    if sys.byteorder == "little":
        data.byteswap()
    text = base64.b64encode(data.tobytes()).decode()
    return [f"  {text[at : at + _LINE]}" for at in range(0, len(text), _LINE)]


def read_entries(out: Path) -> dict[str, tuple[str, str]]:
    """Return the entries that ``out`` holds already: by id, the group and the YAML of each."""
    entries: dict[str, tuple[str, str]] = {}
    for path in sorted(out.glob("[!_]*.yaml")):
        for block in path.read_text(encoding="utf-8").split("  - id: ")[1:]:
            entries[block.partition("\n")[0]] = (path.stem, f"  - id: {block}")
    return entries


def count_owners(found: Sequence[Text], kept: Iterable[Fingerprint]) -> Counter[int]:
    """Count for each hash how many owners have it in a text."""
    by_owner: dict[object, set[int]] = {}
    for text in found:
        by_owner.setdefault(text.owner, set()).update(hash_triples(text.words))
    for item in kept:
        by_owner.setdefault((item.of, item.policy), set()).update(item.triples)
    common: Counter[int] = Counter()
    for triples in by_owner.values():
        common.update(triples)
    return common


def derive(folder: Path, out: Path, date: str) -> int:
    """Write the fingerprints of all texts in the folder, a file for each group; returns their number.

    Fingerprints of texts that the folder does not hold are kept as they are.
    """
    found = read_texts(folder)
    entries = read_entries(out)
    renewed = {text.id for text in found}
    kept = [item for item in load_fingerprints(out.parent).items if item.id not in renewed] if entries else []
    common = count_owners(found, kept)
    entries |= {text.id: (choose_group(text), format_entry(text, common, date)) for text in found}
    out.mkdir(parents=True, exist_ok=True)
    for group in sorted({group for group, _ in entries.values()}):
        blocks = [block for id_, (each, block) in sorted(entries.items()) if each == group]
        (out / f"{group}.yaml").write_text(_HEADER + "".join(blocks), encoding="utf-8")
    return len(found)


def main() -> None:
    """Derive them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, required=True, help="the folder with the texts and sources.tsv")
    parser.add_argument("--out", type=Path, default=HERE, help="where the files go")
    parser.add_argument("--date", required=True, help="the day of reading the texts, ISO")
    arguments = parser.parse_args()
    sys.stdout.write(f"{derive(arguments.texts, arguments.out, arguments.date)} fingerprints\n")


if __name__ == "__main__":
    main()
