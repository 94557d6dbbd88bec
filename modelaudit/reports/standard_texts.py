"""Find the standard texts of licences that installed packages ship."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution

from modelaudit.model.notices import FoundText, StandardText


def find_standard_texts(sources: Mapping[str, StandardText]) -> dict[str, FoundText]:
    """Return the texts by the ids of their licences; one whose package is missing or ships other words is left out."""
    found = ((id_, _find_text(source)) for id_, source in sources.items())
    return {id_: text for id_, text in found if text is not None}


def _find_text(source: StandardText) -> FoundText | None:
    try:
        package = distribution(source.package)
        file = next((each for each in package.files or () if str(each).endswith(f"/{source.file}")), None)
        text = file.read_text(encoding="utf-8") if file is not None else ""
    except (PackageNotFoundError, OSError, ValueError):
        return None
    start = text.find(source.start)
    words = " ".join(text[start:].split()) if start >= 0 else ""
    if hashlib.sha256(words.encode()).hexdigest() != source.sha256:
        return None
    content = text[start:].strip("\n") + "\n"
    return FoundText(content.encode(), f"{source.package} {package.version}, {source.file}", source.lacks_copyright)
