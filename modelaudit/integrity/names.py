"""The names that a list of digests may hold: paths below the root of a model, in one spelling."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence


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
    return None


def find_clashing_names(paths: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield two paths of a model, and what is wrong with having both.

    The sentence continues ``A and B``. No file system holds a file in the place of a folder, and some hold one file
    for two names that differ in their Unicode form alone.
    """
    known = set(paths)
    by_form: dict[str, str] = {}
    for path in paths:
        folder = path
        while "/" in folder:
            folder = folder.rpartition("/")[0]
            if folder in known:
                yield folder, path, "cannot both exist: one lies below the other, which is not a folder with entries"
        if not path.isascii():
            form = unicodedata.normalize("NFC", path)
            if form in by_form:
                yield by_form[form], path, "differ in their Unicode form alone (NFC and NFD); rename one of them"
            by_form[form] = path
