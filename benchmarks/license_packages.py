"""Read the licence that a package states in its metadata, and its licence files."""

from __future__ import annotations

import email
import re
from pathlib import Path

_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0", "MIT License": "MIT", "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0", "The Unlicense (Unlicense)": "Unlicense",
    "Python Software Foundation License": "PSF-2.0", "GNU General Public License v3 (GPLv3)": "GPL-3.0",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0",
}  # fmt: skip
_BSD = frozenset({"BSD-2-Clause", "BSD-3-Clause", "0BSD", "BSD-4-Clause"})
_LICENSE_FILE = re.compile(r"(?:licen[cs]e|copying)(?:\.(?:txt|md|rst))?", re.IGNORECASE)


def strip_later_versions(id_: str) -> str:
    """Strip the part of an SPDX id that no licence text states."""
    return re.sub(r"-(?:only|or-later)$", "", id_)


def read_package(folder: Path) -> tuple[frozenset[str], list[Path]]:
    """Read the licences that a package's metadata allow as its one licence, and list its licence files."""
    metadata = sorted(folder.glob("*.dist-info/METADATA"))
    if not metadata:
        return frozenset(), []
    message = email.message_from_bytes(metadata[0].read_bytes())
    expression = message.get("License-Expression") or ""
    classifiers = [
        each.rpartition(" :: ")[2] for each in message.get_all("Classifier") or [] if each.startswith("License ::")
    ]
    if not expression and len(classifiers) == 1:
        expression = {"BSD License": "BSD", **_CLASSIFIERS}.get(classifiers[0], "")
    if not re.fullmatch(r"[A-Za-z0-9.-]+", expression):
        return frozenset(), []
    labels = _BSD if expression == "BSD" else frozenset({strip_later_versions(expression)})
    files = [each for each in folder.glob("*.dist-info/**/*") if each.is_file() and _LICENSE_FILE.fullmatch(each.name)]
    return labels, files
