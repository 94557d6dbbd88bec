"""Judge the names of files: by the formats that readers recognised in them, and by their look on a screen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import accumulate
from types import MappingProxyType
from typing import Final

from modelaudit.checks.values import escape_unprintable
from modelaudit.model.address import file_of
from modelaudit.model.catalogue import Scalar, Subject
from modelaudit.model.finding import CheckFamily, Finding
from modelaudit.model.format_promises import Formats, RunName
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.report import FormatNote
from modelaudit.model.spelling import normalize_appearance
from modelaudit.model.structure import UnreadReason

# Containers number the members of one name: "data.pkl#2".
_ORDINAL: Final = defer_pattern(r"#\d+\Z")
# Formats that libraries append to another format on purpose: TFLite stores labels in an archive after the graph.
_HOST_OF_APPENDED: Final = {"zip": "tflite"}
# The controls of C0, DEL and C1, among them the line feed and ESC; and the separators of lines and paragraphs.
_CONTROL: Final = defer_pattern("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# The characters that embed, override or isolate a direction (Unicode Standard Annex 9, section 2). The marks of a
# direction, U+200E and U+200F, reorder no letters, and names in Arabic or Hebrew have them.
_DIRECTION: Final = defer_pattern("[\u202a-\u202e\u2066-\u2069]")
# A placeholder replaces the content of a file, so it cannot contradict the extension.
_PLACEHOLDERS: Final = frozenset({"git-lfs-pointer"})


def build_extension_subjects(recognised: Iterable[tuple[str, str]], formats: Formats) -> Iterator[Subject]:
    """Yield one subject for every artifact and format that its extension does not promise, or that a program may run.

    Args:
        recognised: address and format of each recognition; an artifact of several formats occurs once with each.
        formats: the promises of extensions; an unlisted extension promises nothing.
    """
    recognised_pairs = list(recognised)
    distinct_pairs = frozenset(recognised_pairs)
    judged = _find_judged(distinct_pairs, formats)
    for address, format_ in recognised_pairs:
        if (address, _HOST_OF_APPENDED.get(format_)) in distinct_pairs:
            continue  # the format was appended on purpose
        extension = find_extension(address)
        promise = formats.promises.get(extension)
        run_name = _find_run_name(address, formats)
        is_mismatch = promise is not None and format_ in formats.runs_code
        if run_name is not None and address not in judged and not is_mismatch:
            yield _make_run_subject(address, find_run_key(address), format_, run_name)
            continue
        if promise is None or format_ in promise.formats or format_ in _PLACEHOLDERS:
            continue
        why = formats.runs_code.get(format_, "")
        if not why and not promise.formats:
            continue  # the extension promises anything that cannot run code, and this format cannot
        fields: dict[str, Scalar] = {
            "extension": extension,
            "promise": promise.why,
            "format": format_,
            "danger": "code" if why else "none",
            "why": why,
        }
        yield Subject("extension", address, fields, format_, evidence=(f"the bytes were read as {format_}",))


def _find_judged(pairs: Iterable[tuple[str, str]], formats: Formats) -> frozenset[str]:
    """Return the addresses with a name that a program runs whose bytes a reader of such programs has judged.

    A placeholder has no content that runs.
    """
    run_names = ((address, format_, _find_run_name(address, formats)) for address, format_ in pairs)
    return frozenset(
        address
        for address, format_, run_name in run_names
        if run_name is not None and (format_ in run_name.read_by or format_ in _PLACEHOLDERS)
    )


def _find_run_name(address: str, formats: Formats) -> RunName | None:
    """Return the program that runs a file with this name or extension; ``None`` if none does."""
    return formats.run_names.get(find_run_key(address))


def _make_run_subject(address: str, extension: str, format_: str, run_name: RunName) -> Subject:
    """Return the subject of a file that a program runs for its name, although its bytes are not such a program."""
    fields: dict[str, Scalar] = {
        "extension": extension,
        "promise": run_name.why,
        "format": format_,
        "danger": "program",
        "why": run_name.why,
    }
    evidence = (f"the bytes were read as {format_}",)
    return Subject("extension", address, fields, format_, evidence=evidence, absence_if_unmatched=UnreadReason.PROGRAM)


def build_name_subjects(paths: Iterable[str]) -> Iterator[Subject]:
    """Yield one subject for every file or folder whose name shows as something else, or looks like that of another.

    ``paths`` are the paths of all files, from the root of the model.
    """
    # A folder is a prefix of many paths; it is judged once.
    places = dict.fromkeys(place for path in paths for place in accumulate(path.split("/"), lambda a, b: f"{a}/{b}"))
    plain_names = {place.casefold(): place for place in places if place.isascii()}
    for place in places:
        if place.isascii() and _CONTROL.search(place) is None:
            continue
        name = place.rpartition("/")[2]
        control, direction = _CONTROL.search(name), _DIRECTION.search(name)
        twin = plain_names.get(normalize_appearance(place)) if not place.isascii() else None
        if control is not None:
            yield _make_name_subject(place, "control", f"it contains the control character U+{ord(control[0]):04X}")
        if direction is not None:
            detail = f"the character U+{ord(direction[0]):04X} changes the order in which its letters are shown"
            yield _make_name_subject(place, "direction", detail)
        if twin is not None:
            yield _make_name_subject(place, "twin", f"it looks like {twin}")


def _make_name_subject(place: str, kind: str, detail: str) -> Subject:
    """Return the subject of the name of one file or folder."""
    fields: dict[str, Scalar] = {"kind": kind, "name": place, "detail": detail}
    evidence = (f"{escape_unprintable(place)}: {detail}",)
    return Subject("file-name", place, fields, kind, evidence=evidence, absence_if_unmatched=UnreadReason.UNJUDGED)


def describe_formats(
    recognised: Iterable[str],
    formats: Formats,
    findings: Iterable[Finding] = (),
    formats_by_address: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> tuple[FormatNote, ...]:
    """Return for each format whether its loaders run code, with the reason, in the order of names.

    Args:
        recognised: the formats of all files and members.
        formats: which formats run code.
        findings: those of the security check are counted.
        formats_by_address: the formats of each file, and of each member with findings.
    """
    numbers: Counter[str] = Counter()
    for each in findings:
        if each.check is CheckFamily.SECURITY:
            place = each.artifact if each.artifact in formats_by_address else file_of(each.artifact)
            numbers.update(formats_by_address.get(place, ()))
    return tuple(_describe_format(format_, formats, numbers.get(format_, 0)) for format_ in sorted(set(recognised)))


def _describe_format(format_: str, formats: Formats, findings: int) -> FormatNote:
    """Return whether loaders of one format run code: ``None`` where the rule set lists it as neither."""
    if format_ in formats.runs_code:
        return FormatNote(format_, True, formats.runs_code[format_], findings)
    if format_ in formats.inert:
        return FormatNote(format_, False, formats.inert[format_], findings)
    return FormatNote(format_, None, "", findings)


def find_extension(address: str) -> str:
    """Return the extension of the last part of an address, in lower case with its dot; empty if it has none."""
    stem, dot, extension = file_name_of(address).rpartition(".")
    return dot + extension if stem else ""


def find_run_key(address: str) -> str:
    """Return the extension of an address, or the name of a file without one, such as ``.bashrc``."""
    return find_extension(address) or file_name_of(address)


def file_name_of(address: str) -> str:
    """Return the last part of an address in lower case."""
    return _ORDINAL.sub("", re.split(r"[!/\\]", address)[-1]).lower()
