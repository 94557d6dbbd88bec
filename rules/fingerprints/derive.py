"""Derive the fingerprints anew: ``python rules/fingerprints/derive.py --texts FOLDER --date DAY``.

Licence texts belong to their owners, so the repository holds none: the folder has them as ``<group>/<id>.txt``, with a
table ``sources.tsv`` of their sources (``path``, ``title``, ``version_date``, ``where``, ``copy_note``). Texts that
``_texts.yaml`` does not list are left out, and so are notes that are not a licence. A transcribed text whose length
differs from its source is not a certain copy: a text that equals it is reported as a variant.

``--copies FOLDER`` derives from several copies of a text by different hands: ``FOLDER/<name>/*.txt``, with a table
``index.tsv`` of their sources (``path``, ``repo``, ``file``). The section ``copies`` of ``_texts.yaml`` names the
licence of each folder. ``--check`` writes nothing: it recognises each copy by the fingerprints of the others.
"""

from __future__ import annotations

import argparse
import base64
import csv
import sys
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from copies import LearnedText, find_anchors
from copy_folders import check_copies, read_folders

from modelaudit.catalogue.fingerprints import load_fingerprints
from modelaudit.licenses.recognition.words import hash_triples, split_words
from modelaudit.model.fingerprint import Fingerprint

HERE = Path(__file__).resolve().parent
MARKS = 16
"""The number of hashes kept of a text that occur in no other licence, or in one other."""
_LINE = 112
"""Characters of base64 in one line."""
# Phrases of the column ``copy_note``.
_NO_LICENSE = "NOT one licence"
_NO_COPY, _CHECKED = "not a byte copy", "length equals the stored file"
_LARGEST = 250_000
"""Characters of one entry."""
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
    learned: LearnedText | None = None

    @property
    def owner(self) -> tuple[object, object]:
        """The licence that the text belongs to; copies of one licence share it."""
        return self.about["of"], self.about.get("policy", False)


def read_texts(folder: Path) -> list[Text]:
    """Return the texts that ``_texts.yaml`` lists and the folder has.

    Prints each text of the folder that is left out with the reason, and the number of listed texts that are absent.
    """
    listed = yaml.safe_load((HERE / "_texts.yaml").read_text(encoding="utf-8"))["texts"]
    with (folder / "sources.tsv").open(encoding="utf-8", newline="") as table:
        sources = {row["path"]: row for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)}
    texts = []
    for path in sorted(folder.glob("*/*.txt")):
        source = sources.get(path.relative_to(folder).as_posix(), {})
        if path.stem not in listed:
            sys.stdout.write(f"left out: {path.stem}, which _texts.yaml does not list\n")
            continue
        if not source or _NO_LICENSE in source["copy_note"]:
            reason = f"its copy_note contains {_NO_LICENSE!r}" if source else "sources.tsv has no row for it"
            sys.stdout.write(f"left out: {path.stem}; {reason}\n")
            continue
        words = split_words(path.read_text(encoding="utf-8", errors="replace")).words
        texts.append(Text(path.stem, listed[path.stem], source, words))
    if absent := len(set(listed) - {text.id for text in texts}):
        sys.stdout.write(f"{absent} listed texts are not in the folder; their fingerprints stay as they are\n")
    return texts


def format_entry(text: Text, owner_counts: Counter[int], date: str) -> str:
    """Return the YAML entry of one text.

    Args:
        text: the text with its metadata.
        owner_counts: for each hash, how many licences have it.
        date: the day of reading, ISO.
    """
    triples = hash_triples(text.words)
    marks = choose_marks(triples, owner_counts)
    titles = [str(each) for each in text.about.get("titles", ())]
    titles = titles or _find_phrase_words(text.source.get("title", ""), text.words)
    versions = _find_phrase_words(text.source.get("version_date", ""), text.words)
    lines = [f"id: {text.id}", f"of: {text.about['of']}"]
    lines += [f"{kind}: true" for kind in ("policy", "notice", "exception") if text.about.get(kind)]
    if not is_certain_copy(text.source.get("copy_note", "")):
        lines.append("certain: false")
    lines += [f"source: {_quote_text(_join_words(text.source['where']))}", f"date: {date}", f"words: {len(text.words)}"]
    for key, phrases in (("titles", titles), ("versions", versions)):
        if phrases:
            lines.append(f"{key}: [{', '.join(map(_quote_text, phrases))}]")
    for key, spans in _list_spans(text).items():
        if spans:
            lines.append(f"{key}: [{', '.join(f'[{first}, {end}]' for first, end in spans)}]")
    if text.learned is not None:
        lines.append(f"copies: {len(text.learned.names)}")
        anchors = sorted(find_anchors(text.learned).items())
        lines += ["anchors: |", *_encode_numbers([number for pair in anchors for number in pair])] if anchors else []
    lines += ["marks: |", *_encode_numbers(marks), "triples: |", *_encode_numbers(triples)]
    entry = "  - " + "\n    ".join(lines) + "\n"
    if len(entry) > _LARGEST:
        raise SystemExit(f"{text.id}: {len(entry)} bytes are too many for one fingerprint")
    return entry


def choose_marks(triples: Iterable[int], owner_counts: Counter[int]) -> list[int]:
    """Choose hashes that occur in no other licence; if these are few, also some that one other licence has.

    Two versions of one licence have few words of their own, and still many that set both apart from all others.
    """
    marks: list[int] = []
    for owners in (1, 2):
        found = sorted(triple for triple in set(triples) if owner_counts[triple] == owners)
        # Evenly spaced marks spread over the whole range of hashes, which is random with regard to the text.
        step = max(1, len(found) // MARKS)
        marks += found[::step][: MARKS - len(marks)]
    return sorted(marks)


def renew_marks(entry: str, item: Fingerprint, owner_counts: Counter[int]) -> str:
    """Choose the marks of an existing entry anew if they are few, or if other licences have one of them now."""
    if len(item.marks) == MARKS and all(owner_counts[mark] == 1 for mark in item.marks):
        return entry
    lines = [f"    {line}" for line in _encode_numbers(choose_marks(item.triples, owner_counts))]
    head, _, rest = entry.partition("    marks: |\n")
    return f"{head}    marks: |\n" + "\n".join(lines) + "\n    triples: |\n" + rest.partition("    triples: |\n")[2]


def _list_spans(text: Text) -> dict[str, list[tuple[int, int]]]:
    """List the spans that may vary by the key of each kind: as ``_texts.yaml`` has them, or as the copies show them."""
    if text.learned is None:
        return {
            key: [_locate_part(part, text) for part in text.about.get(key, ())]  # type: ignore[attr-defined]
            for key in ("optional", "slots")
        }
    parts = text.learned.parts
    return {"optional": sorted(parts.optional), "slots": sorted(parts.slots), "dates": sorted(parts.dates)}


def choose_group(text: Text) -> str:
    """Return the file of a text: use policies, licences of model publishers, or standard licences."""
    if text.about.get("policy"):
        return "policies"
    return "models" if str(text.about["of"]).startswith("LicenseRef-") else "standard"


def is_certain_copy(note: str) -> bool:
    """Whether a text is a copy of its source, byte for byte or at least in its length."""
    return _NO_COPY not in note or _CHECKED in note


def _find_phrase_words(phrase: str, words: Sequence[str]) -> list[str]:
    """Return a list of the phrase in the form of words, if it has at least two and the text holds them; else none."""
    phrase_words = list(split_words(phrase).words)
    is_in_text = len(phrase_words) >= 2 and _find_words(phrase_words, words, 0) is not None
    return [" ".join(phrase_words)] if is_in_text else []


def _find_words(wanted: Sequence[str], words: Sequence[str], start: int) -> int | None:
    """Find the number of the word, from ``start`` on, at which the words ``wanted`` follow one another."""
    size = len(wanted)
    return next((at for at in range(start, len(words) - size + 1) if words[at : at + size] == wanted), None)


def _locate_part(part: Mapping[str, str], text: Text) -> tuple[int, int]:
    """Return the first word of a part of the text and the word behind it, by number.

    Args:
        part: its phrases, as the head of ``_texts.yaml`` explains: ``from``, and ``before`` or ``through``.
        text: the text.
    """
    first = _find_phrase(part["from"], text, 0) if "from" in part else 0
    if "before" in part:
        return first, _find_phrase(part["before"], text, first + 1)
    if "through" in part:
        return first, _find_phrase(part["through"], text, first) + len(part["through"].split())
    return first, len(text.words)


def _find_phrase(phrase: str, text: Text, start: int) -> int:
    """Find the number of the word at which a phrase of ``_texts.yaml`` begins. Ends the script if there is none."""
    position = _find_words(phrase.split(), list(text.words), start)
    if position is None:
        raise SystemExit(f"{text.id}: has no words {phrase!r} from word {start} on")
    return position


def _join_words(text: str) -> str:
    """Put a text on one line, with single spaces."""
    return " ".join(text.split())


def _quote_text(text: str) -> str:
    """Write a text as a double-quoted scalar of YAML."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _encode_numbers(numbers: Sequence[int]) -> list[str]:
    """Return 32-bit numbers in network order as indented lines of base64."""
    packed = array("I", numbers)
    if sys.byteorder == "little":
        packed.byteswap()
    text = base64.b64encode(packed.tobytes()).decode()
    return [f"  {text[at : at + _LINE]}" for at in range(0, len(text), _LINE)]


def read_entries(out: Path) -> dict[str, tuple[str, str]]:
    """Return the entries that ``out`` holds already: by id, the group and the YAML of each."""
    entries: dict[str, tuple[str, str]] = {}
    for path in sorted(out.glob("[!_]*.yaml")):
        for block in path.read_text(encoding="utf-8").split("  - id: ")[1:]:
            entries[block.partition("\n")[0]] = (path.stem, f"  - id: {block}")
    return entries


def count_owners(texts: Sequence[Text], kept: Iterable[Fingerprint]) -> Counter[int]:
    """Count for each hash how many licences and policies have it, among new texts and the fingerprints ``kept``."""
    hashes_by_owner: dict[object, set[int]] = {}
    for text in texts:
        hashes_by_owner.setdefault(text.owner, set()).update(hash_triples(text.words))
    for item in kept:
        hashes_by_owner.setdefault((item.license_id, item.is_use_policy), set()).update(item.triples)
    owner_counts: Counter[int] = Counter()
    for triples in hashes_by_owner.values():
        owner_counts.update(triples)
    return owner_counts


def derive(folder: Path, out: Path, date: str) -> int:
    """Write the fingerprints of all texts in the folder, a file for each group; returns their number.

    Fingerprints of texts that the folder does not hold are kept as they are.

    Args:
        folder: the texts with ``sources.tsv``.
        out: the folder of the fingerprint files, ``fingerprints/`` of a rule set.
        date: the day of reading the texts, ISO.
    """
    return write_fingerprints(read_texts(folder), out, date)


def write_fingerprints(texts: Sequence[Text], out: Path, date: str, dropped: Collection[str] = ()) -> int:
    """Write the fingerprints of ``texts``, keep all others but those ``dropped`` by id; returns their number."""
    entries = {id_: entry for id_, entry in read_entries(out).items() if id_ not in dropped}
    renewed = {text.id for text in texts} | set(dropped)
    kept = [item for item in load_fingerprints(out.parent).items if item.id not in renewed] if entries else []
    owner_counts = count_owners(texts, kept)
    entries |= {text.id: (choose_group(text), format_entry(text, owner_counts, date)) for text in texts}
    for item in kept:
        group, entry = entries[item.id]
        entries[item.id] = group, renew_marks(entry, item, owner_counts)
    out.mkdir(parents=True, exist_ok=True)
    for group in sorted({group for group, _ in entries.values()}):
        # Entries that exist keep their order, and new ones follow, so that a change shows only what was derived.
        of_group = [entry for entry_group, entry in entries.values() if entry_group == group]
        (out / f"{group}.yaml").write_text(_HEADER + "".join(of_group), encoding="utf-8")
    return len(texts)


def read_listed(section: str) -> dict[str, dict[str, object]]:
    """Return a section of ``_texts.yaml``: the entry of each text by its name."""
    listed = yaml.safe_load((HERE / "_texts.yaml").read_text(encoding="utf-8"))
    return {name: about or {} for name, about in (listed.get(section) or {}).items()}


def derive_copies(folder: Path, out: Path, date: str) -> int:
    """Write the fingerprints of all folders of copies; returns their number.

    Fingerprints of folders that ``folder`` does not hold are kept as they are. One made of one text is dropped if one
    made of several copies explains the same words.
    """
    texts = []
    for copies in read_folders(folder, read_listed("copies")):
        for number, learned in enumerate(copies.learn(), 1):
            id_ = f"{copies.slug}.copies{number if number > 1 else ''}"
            source = {"where": copies.sources.get(learned.name, learned.name)}
            texts.append(Text(id_, {"of": copies.license_id, **copies.about}, source, learned.words.words, learned))
    former = load_fingerprints(out.parent).items
    renewed = {text.id for text in texts}
    # A folder whose copies agree better than before has fewer texts.
    slugs = {text.id.rpartition(".copies")[0] for text in texts}
    dropped = [
        item.id
        for item in former
        if item.id not in renewed
        and (
            (".copies" in item.id and item.id.rpartition(".copies")[0] in slugs)
            or any(text.owner == (item.license_id, item.is_use_policy) and covers_words(text, item) for text in texts)
        )
    ]
    return write_fingerprints(texts, out, date, dropped)


def covers_words(text: Text, item: Fingerprint) -> bool:
    """Whether the text has exactly the words of a fingerprint."""
    return hash_triples(text.words) == item.triples


def main() -> None:
    """Derive the fingerprints of the texts that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--texts", type=Path, help="the folder with the texts and sources.tsv")
    given.add_argument("--copies", type=Path, help="the folder with several copies of each text and index.tsv")
    parser.add_argument("--check", action="store_true", help="recognise each copy by the fingerprints of the others")
    parser.add_argument("--out", type=Path, default=HERE, help="where the files go")
    parser.add_argument("--date", help="the day of reading the texts, ISO")
    arguments = parser.parse_args()
    if arguments.check:
        folders = read_folders(arguments.copies, read_listed("copies"))
        sys.stdout.writelines(check_copies(folders, load_fingerprints(arguments.out.parent)))
        return
    if not arguments.date:
        parser.error("--date is required, except with --check")
    if arguments.texts:
        count = derive(arguments.texts, arguments.out, arguments.date)
    else:
        count = derive_copies(arguments.copies, arguments.out, arguments.date)
    sys.stdout.write(f"{count} fingerprints\n")


if __name__ == "__main__":
    main()
