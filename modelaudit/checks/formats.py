"""Whether the extension of an artifact promises what its bytes are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from modelaudit.model.catalogue import Formats, Scalar, Subject
from modelaudit.model.report import FormatNote

# What containers put after the name of a member that has a namesake.
_ORDINAL: Final = re.compile(r"#\d+\Z")
# What libraries put behind a format on purpose: labels in an archive behind a graph for small devices.
_BEHIND: Final = {"zip": "tflite"}

# What stands where a file's content should be keeps no promise and breaks none.
_PLACEHOLDERS: Final = frozenset({"git-lfs-pointer"})


def subjects_of_formats(recognised: Iterable[tuple[str, str]], formats: Formats) -> Iterator[Subject]:
    """One subject for every artifact and format that its extension does not promise.

    Args:
        recognised: (address, format) of everything that a reader recognised; an artifact that is several formats at
            once occurs with each.
        formats: what extensions promise; one that is not listed promises nothing.
    """
    both = frozenset(recognised := list(recognised))
    for address, format_ in recognised:
        if (address, _BEHIND.get(format_)) in both:
            continue
        extension = extension_of(address)
        promise = formats.promises.get(extension)
        if promise is None or format_ in promise.formats or format_ in _PLACEHOLDERS:
            continue
        why = formats.runs_code.get(format_, "")
        if not why and not promise.formats:
            continue
        fields: dict[str, Scalar] = {
            "extension": extension,
            "promise": promise.why,
            "format": format_,
            "danger": "code" if why else "none",
            "why": why,
        }
        yield Subject("extension", address, fields, format_, evidence=(f"the bytes were read as {format_}",))


def notes_of(recognised: Iterable[str], formats: Formats) -> tuple[FormatNote, ...]:
    """What is known of each format, in order of its name, each once."""
    return tuple(
        FormatNote(format_, True, formats.runs_code[format_])
        if format_ in formats.runs_code
        else FormatNote(format_, False if format_ in formats.inert else None, formats.inert.get(format_, ""))
        for format_ in sorted(set(recognised))
    )


def extension_of(address: str) -> str:
    """The extension of an artifact's own name, lower case and with its dot; empty where it has none."""
    name = _ORDINAL.sub("", re.split(r"[!/\\]", address)[-1])
    stem, dot, extension = name.rpartition(".")
    return dot + extension.lower() if stem else ""
