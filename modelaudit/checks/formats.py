"""Compare the formats that readers recognised in an artifact with those that its extension promises."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from modelaudit.model.catalogue import Formats, Scalar, Subject
from modelaudit.model.report import FormatNote

# Containers number the members of one name: "data.pkl#2".
_ORDINAL: Final = re.compile(r"#\d+\Z")
# Formats that libraries append to another format on purpose: TFLite stores labels in an archive after the graph.
_HOST_OF_APPENDED: Final = {"zip": "tflite"}
# A placeholder replaces the content of a file, so it cannot contradict the extension.
_PLACEHOLDERS: Final = frozenset({"git-lfs-pointer"})


def build_extension_subjects(recognised: Iterable[tuple[str, str]], formats: Formats) -> Iterator[Subject]:
    """Yield one subject for every artifact and format that its extension does not promise.

    Args:
        recognised: address and format of each recognition; an artifact of several formats occurs once with each.
        formats: the promises of extensions; an unlisted extension promises nothing.
    """
    recognised_pairs = list(recognised)
    distinct_pairs = frozenset(recognised_pairs)
    for address, format_ in recognised_pairs:
        if (address, _HOST_OF_APPENDED.get(format_)) in distinct_pairs:
            continue  # the format was appended on purpose
        extension = find_extension(address)
        promise = formats.promises.get(extension)
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


def describe_formats(recognised: Iterable[str], formats: Formats) -> tuple[FormatNote, ...]:
    """Return for each format whether its loaders run code, with the reason, in the order of names."""
    return tuple(_describe_format(format_, formats) for format_ in sorted(set(recognised)))


def _describe_format(format_: str, formats: Formats) -> FormatNote:
    """Return whether loaders of one format run code: ``None`` where the rule set lists it as neither."""
    if format_ in formats.runs_code:
        return FormatNote(format_, True, formats.runs_code[format_])
    if format_ in formats.inert:
        return FormatNote(format_, False, formats.inert[format_])
    return FormatNote(format_, None, "")


def find_extension(address: str) -> str:
    """Return the extension of the last part of an address, in lower case with its dot; empty if it has none."""
    name = _ORDINAL.sub("", re.split(r"[!/\\]", address)[-1])
    stem, dot, extension = name.rpartition(".")
    return dot + extension.lower() if stem else ""
