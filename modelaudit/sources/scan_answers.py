"""Parse the answers of the Hub's own scanners, from the Hub and from the record of them in the cache.

Each value is checked for itself: one of another form counts as no result, and a remark counts such values. Sources:
``securityFileStatus`` and ``/scan`` in the OpenAPI description of the Hub, August 2026; the Hub writes ``null`` where a
scanner has no message.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from modelaudit.model.copies import replace
from modelaudit.model.hub_scans import STATUSES, SUMMARY, UNKNOWN, HubScans, ScannerAnswer, ScanOutcome
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.wording import escape_unprintable
from modelaudit.sources.dates import read_date

_SCANNER: Final = defer_pattern(r"[A-Za-z][0-9A-Za-z]{0,39}Scan")
"""The field of a scanner: the five that the Hub has, and those that it may add."""
_MOST_SCANNERS: Final = 20
_MOST_ANSWERS: Final = 2_000
"""Different answers that keep their messages; the Hub has some dozens for a repository."""
_MESSAGE_CHARACTERS: Final = 300
_VERSION_CHARACTERS: Final = 60
_MOST_IMPORTS: Final = 3
_GRAVEST_FIRST: Final = {status: index for index, status in enumerate(STATUSES)}
_GRAVE: Final = (ScanOutcome.ALARM, ScanOutcome.CAUTION)


class ScanSummary(Struct, frozen=True):
    """What the Hub states about the scans of a revision as a whole.

    Attributes:
        is_done: whether its scanners have finished.
        levels: the worst status of each file with an issue, sorted by path.
    """

    is_done: bool
    levels: tuple[tuple[str, str], ...]


def parse_summary(value: object, most_files: int) -> ScanSummary | None:
    """Parse ``securityRepoStatus`` of a repository; ``None`` for any other form or more than ``most_files`` files."""
    if not isinstance(value, Mapping) or not isinstance(value.get("scansDone"), bool):
        return None
    issues = value.get("filesWithIssues")
    if not isinstance(issues, list) or len(issues) > most_files:
        return None
    pairs = ((each.get("path"), each.get("level")) for each in issues if isinstance(each, Mapping))
    levels = {path: _read_status(level) for path, level in pairs if isinstance(path, str)}
    return ScanSummary(value["scansDone"], tuple(sorted(levels.items())))


def format_summary(summary: ScanSummary | None) -> object:
    """Return the JSON of a summary as the Hub writes it."""
    if summary is None:
        return None
    issues = [{"path": path, "level": level} for path, level in summary.levels]
    return {"scansDone": summary.is_done, "filesWithIssues": issues}


class AnswerCollector(Struct):
    """The answers so far.

    Attributes:
        names: the files of the commit; answers about other files are not kept.
        files: the files by scanner, status, message and version.
        answered: the files about which there is any answer.
        entries: files that were listed.
        refused: values of a form that the Hub does not document.
    """

    names: Collection[str]
    files: dict[tuple[str, str, str, str], dict[str, None]] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    entries: int = 0
    refused: int = 0
    _graves: set[str] = field(default_factory=set)
    _scanners: set[str] = field(default_factory=set)

    def add_entry(self, entry: object) -> None:
        """Add the answers about one entry of an expanded listing."""
        if not isinstance(entry, Mapping):
            self.refused += 1
            return
        if entry.get("type") == "directory":
            return
        self.entries += 1
        path, status = entry.get("path"), entry.get("securityFileStatus")
        if not isinstance(path, str) or path not in self.names:
            self.refused += 1
        elif isinstance(status, Mapping):
            for name, value in status.items():
                if isinstance(name, str) and _SCANNER.fullmatch(name):
                    self._add_scanner(path, name, value)
            word = _read_status(status.get("status"))
            if STATUSES[word] in _GRAVE and path not in self._graves:
                self._add(path, SUMMARY, word, "", "")
            self.answered.add(path)
        elif status is not None:
            self.refused += 1

    def list_answers(self) -> tuple[ScannerAnswer, ...]:
        """Return the answers, by scanner, then the gravest status first."""
        keys = sorted(self.files, key=lambda key: (key[0], _GRAVEST_FIRST[key[1]], key[2:]))
        return tuple(ScannerAnswer(*key, tuple(sorted(self.files[key]))) for key in keys)

    def _add_scanner(self, path: str, scanner: str, value: object) -> None:
        """Add the answer of one scanner."""
        if scanner not in self._scanners and len(self._scanners) >= _MOST_SCANNERS:
            self.refused += 1
            return
        self._scanners.add(scanner)
        if value is None:
            return
        about: Mapping[object, object] = value if isinstance(value, Mapping) else {}
        word = _read_status(about.get("status"))
        message, version = about.get("message"), about.get("version")
        is_known = word != UNKNOWN and all(each is None or isinstance(each, str) for each in (message, version))
        self.refused += not is_known
        if not message and STATUSES[word] in _GRAVE:
            message = _describe_imports(about.get("pickleImports"))
        self._add(path, scanner, word, _bound(message, _MESSAGE_CHARACTERS), _bound(version, _VERSION_CHARACTERS))

    def _add(self, path: str, scanner: str, status: str, message: str, version: str) -> None:
        key = scanner, status, message, version
        if key not in self.files and len(self.files) >= _MOST_ANSWERS:
            key = scanner, status, "", ""
        self.files.setdefault(key, {})[path] = None
        if STATUSES[status] in _GRAVE:
            self._graves.add(path)


def add_summary(scans: HubScans, summary: ScanSummary | None, names: Collection[str]) -> HubScans:
    """Return the answers with each file of the summary about which they state nothing as grave.

    Args:
        scans: the answers of the single scanners, which may be older than the summary.
        summary: of the Hub; ``None`` if it states none.
        names: the files of the commit.
    """
    graves = {path for each in scans.answers if each.outcome in _GRAVE for path in each.files}
    further: dict[str, list[str]] = {}
    for path, level in summary.levels if summary is not None else ():
        if STATUSES[level] in _GRAVE and path in names and path not in graves:
            further.setdefault(level, []).append(path)
    added = (ScannerAnswer(SUMMARY, level, "", "", tuple(files)) for level, files in further.items())
    return replace(scans, answers=(*scans.answers, *added))


def format_scans(scans: HubScans) -> dict[str, object]:
    """Return the JSON of answers for the record in the cache."""
    return {
        "date": scans.date,
        "origin": scans.origin,
        "is_done": scans.is_done,
        "answers": [
            [each.scanner, each.status, each.message, each.version, list(each.files)] for each in scans.answers
        ],
        "remarks": list(scans.remarks),
    }


def parse_scans(value: object) -> HubScans | None:
    """Parse the JSON of ``format_scans``; ``None`` for anything else, because the Hub can be asked again."""
    if not isinstance(value, Mapping):
        return None
    date, origin, is_done = read_date(value.get("date")), value.get("origin"), value.get("is_done")
    answers, remarks = value.get("answers"), value.get("remarks")
    is_sound = date is not None and isinstance(origin, str) and (is_done is None or isinstance(is_done, bool))
    if not is_sound or not isinstance(answers, list) or not isinstance(remarks, list) or not _are_texts(remarks):
        return None
    try:
        collected = tuple(_parse_answers(answers))
    except (TypeError, ValueError):
        return None
    kept = tuple(_bound(each, _MESSAGE_CHARACTERS) for each in remarks)
    return HubScans(str(date), escape_unprintable(str(origin)), is_done, collected, kept)


def _parse_answers(answers: Sequence[object]) -> Iterator[ScannerAnswer]:
    """Yield the answers of a record. Raises ``TypeError`` or ``ValueError``."""
    for each in answers:
        if not isinstance(each, list):
            raise TypeError("an answer is a list")
        *texts, files = each
        if not _are_texts(texts) or not _are_texts(files):
            raise TypeError("an answer consists of texts")
        scanner, status, message, version = texts
        if status not in STATUSES or not (scanner == SUMMARY or _SCANNER.fullmatch(scanner)):
            raise ValueError("an answer has a scanner and a status")
        bounded = _bound(message, _MESSAGE_CHARACTERS), _bound(version, _VERSION_CHARACTERS)
        yield ScannerAnswer(scanner, status, *bounded, tuple(files))


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _read_status(value: object) -> str:
    """Return a status that the Hub documents; ``unknown`` for anything else."""
    return value if isinstance(value, str) and value in STATUSES else UNKNOWN


def _describe_imports(value: object) -> str:
    """Name the imports of a pickle that the Hub does not call innocuous."""
    entries = value if isinstance(value, list) else []
    named = []
    for each in entries:
        if isinstance(each, Mapping) and each.get("safety") in ("dangerous", "suspicious"):
            module, name = each.get("module"), each.get("name")
            if isinstance(module, str) and isinstance(name, str):
                named.append(f"{module[:80]}.{name[:80]} ({each['safety']})")
        if len(named) == _MOST_IMPORTS:
            break
    return f"imports {', '.join(named)}" if named else ""


def _bound(text: object, most: int) -> str:
    """Return a text on one line and cut; empty for anything but a text."""
    if not isinstance(text, str):
        return ""
    return escape_unprintable(text[:most]) + ("…" if len(text) > most else "")
