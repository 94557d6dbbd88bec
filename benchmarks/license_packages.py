"""Read the licences that packages state in their metadata, and their licence files.

``PACKAGES=FOLDER:FOLDER`` names folders of installed packages of Python (``site-packages``) and of npm
(``node_modules``). A draw by seed takes ``DRAWN`` of those that state a licence with an SPDX identifier and ship a
licence file.
"""

from __future__ import annotations

import email
import json
import os
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modelaudit.licenses.recognition.standard import normalize_spdx_id

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


DRAWN = 300
COMPARED = {"py:backports.zstd": frozenset({"BSD-3-Clause"})}
"""Licences of bundled texts that a person compared with the standard text: ``licenseclassifier`` does not read them.

The clause of zstd names two holders, "Neither the name Facebook, nor Meta, nor the names of its contributors".
"""
_SEED = 20261129
_SHORT_NAMES = {
    "Apache 2.0": "Apache-2.0", "Apache 2.0 License": "Apache-2.0", "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0", "MIT": "MIT", "BSD-3-Clause": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause", "BSD": "BSD", "BSD License": "BSD",
}  # fmt: skip
_ANY_LICENSE_FILE = re.compile(r"(?:licen[cs]es?|copying|unlicense)(?:[-._].*)?", re.IGNORECASE)
_FOLDER_OF_FILES = re.compile(r"^(?:licenses|license_files)/")
"""The folder of the licence files of a package itself (PEP 639), as against those of its parts below."""
_SPDX = re.compile(r"(?!LicenseRef|UNLICENSED|SEE )[A-Za-z0-9.+-]+(?: (?:AND|OR) [A-Za-z0-9.+-]+)*")


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package with its licence files.

    Attributes:
        name: with its index, such as ``py:click``.
        labels: the licences that its metadata name; any of them with ``is_choice``, otherwise all of them.
        is_choice: whether a vague name stands for one of ``labels``.
        files: the licence files, by their path below the folder of the metadata.
    """

    name: str
    labels: frozenset[str]
    is_choice: bool
    files: dict[str, bytes]


def draw_packages() -> list[Package]:
    """Draw packages from the folders of ``PACKAGES``; an empty list without any."""
    found: dict[str, Package] = {}
    for folder in filter(None, os.environ.get("PACKAGES", "").split(":")):
        for package in _iter_packages(Path(folder)):
            found.setdefault(package.name, package)
    packages = [found[name] for name in sorted(found)]
    random.Random(_SEED).shuffle(packages)
    return packages[:DRAWN]


def _iter_packages(folder: Path) -> Iterator[Package]:
    """Yield the packages below a folder that state a standard licence and ship a licence file."""
    for path in sorted((*folder.rglob("*.dist-info/METADATA"), *folder.rglob("package.json"))):
        is_python = path.name == "METADATA"
        try:
            name, stated = _read_python(path) if is_python else _read_npm(path)
        except (OSError, ValueError, AttributeError):
            continue
        stated = _SHORT_NAMES.get(stated, stated)
        below = path.parent.rglob("*") if is_python else path.parent.glob("*")
        files = {
            _FOLDER_OF_FILES.sub("", each.relative_to(path.parent).as_posix()): each.read_bytes()
            for each in below
            if each.is_file() and _ANY_LICENSE_FILE.fullmatch(each.name)
        }
        if name and files and _SPDX.fullmatch(stated):
            ids = frozenset(strip_later_versions(normalize_spdx_id(each)) for each in re.split(r" (?:AND|OR) ", stated))
            yield Package(name, _BSD if stated == "BSD" else ids, stated == "BSD", files)


def _read_python(path: Path) -> tuple[str, str]:
    """Read the name and the stated licence of a package of Python."""
    message = email.message_from_bytes(path.read_bytes())
    classifiers = [
        each.rpartition(" :: ")[2] for each in message.get_all("Classifier") or [] if each.startswith("License ::")
    ]
    stated = message.get("License-Expression") or ""
    if not stated and len(classifiers) == 1:
        stated = {"BSD License": "BSD", **_CLASSIFIERS}.get(classifiers[0], "")
    stated = stated or str(message.get("License") or "")
    return f"py:{message['Name']}".lower().replace("_", "-"), stated.strip()


def _read_npm(path: Path) -> tuple[str, str]:
    """Read the name and the stated licence of a package of npm; empty for the settings of a folder inside of one."""
    holder = path.parent.parent
    if holder.name != "node_modules" and holder.parent.name != "node_modules":
        return "", ""
    content = json.loads(path.read_bytes())
    stated = content.get("license")
    return f"js:{content.get('name')}", stated.strip(" ()") if isinstance(stated, str) else ""
