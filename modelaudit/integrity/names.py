"""The names that a list of digests may hold: paths below the root of a model, in one spelling."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

_MOST_CHARACTERS: Final = 1024
"""Of the name of one file or folder; file systems allow 255 or 765 bytes. The order of marks takes quadratic time."""


def is_text(name: str) -> bool:
    """Whether a name is UTF-8, so that a JSON document can hold it."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def explain_bad_name(path: str) -> str | None:
    """Explain why a path cannot lie below the root of a model in its simplest form; ``None`` if it can.

    The explanation continues a sentence that begins with the name.
    """
    if not path or "\0" in path:
        return "is empty or holds a zero byte"
    if path.startswith("/"):
        return "is absolute"
    parts = path.split("/")
    if ".." in parts:
        return "leads out of the model"
    if "" in parts or "." in parts:
        return "is not in its simplest form"
    if any(len(part) > _MOST_CHARACTERS for part in parts):
        return "is too long for a file system"
    return None


def find_clashing_names(paths: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield each pair of paths of a model that cannot coexist, with the reason.

    The sentence continues ``A and B``. No file system holds a file in the place of a folder, and some hold one file
    for two names that differ in their Unicode form alone.
    """
    by_form: dict[str, str] = {}
    file: str | None = None
    # With "/" as the lowest character, the names below a file follow it at once, so each is compared with one file.
    for path in sorted(paths, key=lambda path: path.replace("/", "\0")):
        if file is not None and path.startswith(f"{file}/"):
            yield file, path, "cannot both exist: one lies below the other, which is not a folder with entries"
        else:
            file = path
        if not path.isascii():
            form = unicodedata.normalize("NFC", path)
            if form in by_form:
                yield by_form[form], path, "differ in their Unicode form alone (NFC and NFD); rename one of them"
            by_form[form] = path
