"""Lay out the pages of the documentation site: copies of the documents in git, and generated pages beside them.

Documents link each other and files of the repository by relative paths, so that they also work where the repository is
browsed. On the site a document lives elsewhere, and a file of the repository becomes an attachment below ``source/``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
TOP_DOCUMENTS = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changes.md",
}
"""Documents at the top of the repository, with their place on the site."""

_CODE_BLOCK = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
"""A Markdown link or the end of an image: ``[text](target)``, where the text may contain one pair of brackets."""


@dataclass(frozen=True)
class SiteTree:
    """The files of the site by their path: Markdown as text, attachments as files of the repository to copy."""

    pages: Mapping[str, str]
    attachments: Mapping[str, Path]

    def write(self, folder: Path) -> None:
        """Write every file below a folder, which must be new or empty."""
        for path, text in self.pages.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        for path, file in self.attachments.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(file.read_bytes())


def build_site_tree(generated: Mapping[str, str]) -> SiteTree:
    """Build the tree from the documents in git and from generated pages, which replace a document of the same path.

    Args:
        generated: Markdown by its path on the site, whose links already fit the site.
    """
    attachments: dict[str, Path] = {}
    pages = dict(generated)
    for source, place in _list_documents():
        if place not in generated:
            text = (ROOT / source).read_text(encoding="utf-8")
            pages[place] = _move_links(text, PurePosixPath(source), PurePosixPath(place), attachments)
    return SiteTree(pages, attachments)


def _list_documents() -> Iterator[tuple[str, str]]:
    """Yield each document in git: its path in the repository, and its path on the site."""
    yield from TOP_DOCUMENTS.items()
    yield from ((f"docs/{file.name}", file.name) for file in sorted((ROOT / "docs").glob("*.md")))


def _move_links(text: str, source: PurePosixPath, place: PurePosixPath, attachments: dict[str, Path]) -> str:
    """Change the relative links of a document so that they fit its place on the site.

    Args:
        text: the document.
        source: its path in the repository.
        place: its path on the site.
        attachments: extended by the files of the repository that it links.
    """

    def move_link(match: re.Match[str]) -> str:
        """Return one link with the target that fits the place; its text alone if there is nothing to link to."""
        link_text, target = match.groups()
        path, mark, fragment = target.partition("#")
        if not path or re.match(r"[a-z]+:", path):
            return match[0]  # within the page, or a web address
        new_target = _find_place(os.path.normpath(source.parent / path), attachments)
        if new_target is None:
            return link_text  # a folder has no page
        return f"[{link_text}]({os.path.relpath(new_target, place.parent)}{mark}{fragment})"

    # A split by a pattern with a group alternates: text, code block, text. Code blocks contain no links.
    parts = _CODE_BLOCK.split(text)
    parts[::2] = [_LINK.sub(move_link, part) for part in parts[::2]]
    return "".join(parts)


def _find_place(path: str, attachments: dict[str, Path]) -> str | None:
    """Return the path on the site of a file of the repository; None for a folder. An attachment is recorded."""
    if path in TOP_DOCUMENTS:
        return TOP_DOCUMENTS[path]
    if PurePosixPath(path).match("docs/*.md"):
        return path.removeprefix("docs/")
    if not (ROOT / path).is_file():
        return None
    if PurePosixPath(path).match("docs/images/*.png"):
        place = path.removeprefix("docs/")
        attachments[place] = ROOT / path
        return place
    attachments[f"source/{path}"] = ROOT / path
    return f"source/{path}"
