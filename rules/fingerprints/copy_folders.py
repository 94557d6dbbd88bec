"""Read folders of copies, learn the texts of each, and recognise every copy by the fingerprints of the others."""

from __future__ import annotations

import csv
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from copies import LearnedText, build_fingerprint, explain_difference, learn_texts

from modelaudit.licenses.recognition.likeness import describe_differences, explain_text
from modelaudit.licenses.recognition.words import Words, split_words
from modelaudit.model.fingerprint import Fingerprint, Fingerprints

_LONGEST_LINE = 400
_LENGTHS = (0.6, 1.35)
"""A copy that is this much shorter or longer than the median is a part of a text, or has a page around it."""


@dataclass(frozen=True)
class CopyFolder:
    """The copies of one text.

    Attributes:
        name: of the folder, relative to all folders.
        about: its entry in ``_texts.yaml``: ``of`` and ``policy`` as for single texts; ``leave-out``, parts of the
            names of files that are something else; ``also``, parts of the names of copies with words of their own that
            a person has read; ``until``, words before which the text ends.
        copies: name and words of each.
        sources: repository and file of each, by name.
    """

    name: str
    about: Mapping[str, object]
    copies: list[tuple[str, Words]]
    sources: Mapping[str, str]

    @property
    def license_id(self) -> str:
        """The licence that the copies belong to."""
        return str(self.about.get("of", self.name))

    @property
    def slug(self) -> str:
        """The name in the form of an id of a fingerprint."""
        return re.sub(r"[^a-z0-9.+-]+", "-", Path(self.name).name.lower().removeprefix("licenseref-"))

    @property
    def is_policy(self) -> bool:
        """Whether the copies are of a use policy."""
        return bool(self.about.get("policy", False))

    def learn(self, *, without: str = "", report: bool = True) -> list[LearnedText]:
        """Learn the texts of the folder; the first one, and each other that differs in no term from it.

        Args:
            without: a copy that is left out, with all that have the same words.
            report: whether to print what is left out.
        """
        excluded = next((words.words for name, words in self.copies if name == without), None)
        copies = [(name, words) for name, words in self.copies if words.words != excluded]
        learned = learn_texts(copies)
        also = [str(part) for part in self.about.get("also", ())]  # type: ignore[attr-defined]
        kept = learned[:1]
        for text in learned[1:]:
            difference = explain_difference(learned[0].words, text.words)
            if not difference or any(part in text.name for part in also):
                kept.append(text)
            elif report:
                sys.stdout.write(f"left out: {self.name}/{text.name}: {difference}\n")
        return kept


def read_folders(root: Path, listed: Mapping[str, Mapping[str, object]]) -> list[CopyFolder]:
    """Read the folders that ``_texts.yaml`` lists; print each file that is left out, with the reason."""
    with (root / "index.tsv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    places = {row["path"]: f"{row['repo']}: {row['file']}" for row in rows}
    folders = []
    for name, about in listed.items():
        if not (root / name).is_dir():
            continue
        left_out = [str(part) for part in about.get("leave-out", ())]  # type: ignore[attr-defined]
        copies = _select_copies(root / name, left_out, str(about.get("until", "")))
        sources = {copy_name: places.get(f"{name}/{copy_name}", copy_name) for copy_name, _ in copies}
        if copies:
            folders.append(CopyFolder(name, about, copies, sources))
    return folders


def _select_copies(folder: Path, left_out: Iterable[str], until: str) -> list[tuple[str, Words]]:
    """Read the copies of one folder without those that are listed, unlike the others in length, or not plain text.

    Each text ends before the words ``until``, if there are any.
    """
    paths = [path for path in folder.glob("*.txt") if not any(part in path.name for part in left_out)]
    read = {path.name: path.read_text(encoding="utf-8", errors="replace") for path in paths}
    texts = {name: split_words(text.partition(until)[0] if until else text) for name, text in read.items()}
    if not texts:
        return []
    middle = median(len(words.words) for words in texts.values())
    selected = []
    for name, words in sorted(texts.items()):
        if not _LENGTHS[0] * middle <= len(words.words) <= _LENGTHS[1] * middle:
            sys.stdout.write(f"left out: {folder.name}/{name}: {len(words.words)} words, of {middle:.0f}\n")
        elif not words.is_plain:
            sys.stdout.write(f"left out: {folder.name}/{name}: hidden characters, or words spelled letter by letter\n")
        else:
            selected.append((name, words))
    return selected


def check_copies(folders: list[CopyFolder], shipped: Fingerprints) -> Iterator[str]:
    """Recognise each copy by fingerprints that it is no source of; yield a line for each fault, then the figures.

    Fingerprints made of one text come from the owners' own publication, and so from another hand than the copies.
    """
    single = [item for item in shipped.items if ".copies" not in item.id]
    learned = {
        folder.name: [_name_fingerprint(folder, text) for text in folder.learn(report=False)] for folder in folders
    }
    counts: Counter[str] = Counter()
    for folder in folders:
        for name, words in folder.copies:
            own = [_name_fingerprint(folder, text) for text in folder.learn(without=name, report=False)]
            others = [item for other, items in learned.items() if other != folder.name for item in items]
            has_source = bool(own) or any(
                (item.license_id, item.is_use_policy) == (folder.license_id, folder.is_policy) for item in single
            )
            prints = Fingerprints((*single, *others, *own))
            answer = _judge_copy(words, folder, prints) if has_source else "only copy"
            counts[answer] += 1
            if answer not in ("exact", "only copy"):
                yield f"{answer}: {folder.name}/{name}: {_describe_copy(words, prints)}\n"
    yield f"{sum(counts.values())} copies: {', '.join(f'{count} {answer}' for answer, count in counts.most_common())}\n"


def _name_fingerprint(folder: CopyFolder, text: LearnedText) -> Fingerprint:
    """Build the fingerprint of a text of a folder."""
    return build_fingerprint(text, (), folder.license_id, is_use_policy=folder.is_policy)


def _describe_copy(words: Words, prints: Fingerprints) -> str:
    """Describe in what a copy differs from the fingerprints that explain it best."""
    explanation = explain_text(words, prints)
    described = [
        f"{place.item.id}: {'; '.join(describe_differences(words, place, explanation.loose))}"
        for place in explanation.places
    ]
    return " | ".join(described)[:_LONGEST_LINE]


def _judge_copy(words: Words, folder: CopyFolder, prints: Fingerprints) -> str:
    """Return ``exact``, ``variant``, ``wrong``, ``like another`` or ``nothing`` for a copy of a folder."""
    explanation = explain_text(words, prints)
    if not explanation.places:
        return "nothing"
    owners = {(place.item.license_id, place.item.is_use_policy) for place in explanation.places}
    is_right = owners == {(folder.license_id, folder.is_policy)}
    if explanation.loose or any(place.differing_gaps for place in explanation.places):
        best = explanation.places[0].item
        return "variant" if best.license_id == folder.license_id else "like another"
    return "exact" if is_right else "wrong"
