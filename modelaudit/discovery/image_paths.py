"""Find the path in the code base from which a Dockerfile copies a path of the image."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from modelaudit.model.lazy_pattern import defer_pattern

_CONTINUED: Final = defer_pattern(r"\\[ \t]*\n")
_INSTRUCTION: Final = defer_pattern(r"[ \t]*(COPY|ADD|WORKDIR)[ \t]+([^\n]+)", re.IGNORECASE)


class ImagePaths(Struct, frozen=True):
    """The paths of an image.

    Attributes:
        copies: the absolute path in the image and the path in the code base of each copy, the last one first. A source
            without more is copied to both paths that it may have: as the destination, and in it.
        folder: the last working directory.
    """

    copies: tuple[tuple[str, str], ...]
    folder: str

    def list_sources(self, path: str) -> Iterator[str]:
        """Yield the paths in the code base that a path of the image may come from."""
        absolute = posixpath.normpath(posixpath.join(self.folder, path))
        for copied, source in self.copies:
            if absolute == copied:
                yield source
            elif absolute.startswith(copied.rstrip("/") + "/"):
                yield posixpath.normpath(posixpath.join(source, absolute[len(copied.rstrip("/")) + 1 :]))


def read_image_paths(text: str) -> ImagePaths:
    """Read COPY, ADD and WORKDIR of a Dockerfile; what another stage or a variable gives is left out."""
    folder = "/"
    copies: list[tuple[str, str]] = []
    for match in _INSTRUCTION.finditer(_CONTINUED.sub(" ", text)):
        if match[1].upper() == "WORKDIR":
            folder = posixpath.join(folder, match[2].strip().strip("\"'"))
            continue
        words = _split_words(match[2])
        *sources, target = [word for word in words if not word.startswith("--")] or [""]
        if sources and target and not any(word.startswith("--from") for word in words):
            copied = posixpath.normpath(posixpath.join(folder, target))
            for source in sources:
                path = posixpath.normpath(source.lstrip("/") or ".")
                copies += [(posixpath.join(copied, posixpath.basename(path)), path), (copied, path)]
    return ImagePaths(tuple(reversed(copies)), folder)


def _split_words(text: str) -> Sequence[str]:
    """Split the arguments of an instruction, as a list of JSON or at blanks."""
    options = [word for word in text.split() if word.startswith("--")]
    start = text.find("[")
    if start >= 0 and text[:start].replace(" ".join(options), "").strip() == "":
        try:
            listed = json.loads(text[start:])
        except ValueError:
            return text.split()
        return [*options, *(each for each in listed if isinstance(each, str))]
    return text.split()
