"""Which files hold texts that may be terms: names decide, in the many spellings that repositories use."""

from __future__ import annotations

import re
from typing import Final

from modelaudit.model.evidence import ProseKind

_LONGEST_NAME: Final = 255

_TEXTS: Final = frozenset({"", "txt", "text", "md", "markdown", "mdx", "rst", "html", "htm"})
_VARIANTS: Final = frozenset({"mit", "apache", "apache2", "bsd", "gpl", "lgpl", "model", "code", "en", "zh", "cn"})
"""Endings that tell one of several licence files from the others."""
_KINDS: Final = (
    (
        ProseKind.POLICY,
        re.compile(r"(?:.*[-_. ])?(?:(?:acceptable|prohibited)[-_ ]?)?use[-_ ]?policy(?:[-_. ].*)?"
                   r"|(?:.*[-_. ])?(?:acceptable|prohibited)[-_ ]?use(?:[-_. ].*)?|aup(?:[-_. ].*)?"),
    ),
    (
        ProseKind.NOTICE,
        re.compile(r"(?:.*[-_. ])?(?:notices?|thirdpartynotices?|attributions?|copyrights?)(?:[-_. ].*)?"
                   r"|third[-_ ]?party[-_ ]?licen[cs]es?(?:[-_. ].*)?"),
    ),
    (
        ProseKind.LICENSE,
        re.compile(r"(?:.*[-_. ])?(?:un)?licen[cs]es?(?:[-_. ].*)?|(?:.*[-_. ])?copying(?:[-_. ].*)?"
                   r"|(?:.*[-_. ])?(?:eula|terms|tos)(?:[-_. ].*)?"),
    ),
    (ProseKind.CARD, re.compile(r"(?:readme|model[-_]?card)(?:[-_.][a-z-]{2,8})?(?:\.[a-z]+)?")),
)  # fmt: skip
_FOLDER: Final = re.compile(r"(?:^|[/!])licen[cs]es?/[^/!]+$", re.IGNORECASE)
_CODE: Final = (
    ".py", ".pyi", ".sh", ".bash", ".js", ".mjs", ".ts", ".c", ".cc", ".cpp", ".cu", ".cuh", ".h", ".hpp", ".rs", ".go",
    ".java", ".jinja", ".cmake", "makefile", "dockerfile",
)  # fmt: skip


def kind_of_text(path: str, name: str) -> ProseKind | None:
    """What the name, or the folder, of a file says that its text is; ``None`` for any other file.

    Args:
        path: of the file, as it stands.
        name: the last part of the path in lower case.
    """
    if not name or len(name) > _LONGEST_NAME:
        return None
    ending = name.rpartition(".")[2] if "." in name else ""
    if ending in _TEXTS or ending in _VARIANTS or ending.isdigit():
        for kind, pattern in _KINDS:
            if pattern.fullmatch(name):
                return kind
        if _FOLDER.search(path):
            return ProseKind.LICENSE
    return ProseKind.CODE if name.endswith(_CODE) else None
