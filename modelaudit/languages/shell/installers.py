"""What a script has ``pip`` and ``uv`` install from elsewhere than an index of packages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.languages.shell.words import base_name
from modelaudit.model.outline import Mention
from modelaudit.wire.requirement_lines import mentions_of_requirement

_PIP: Final = frozenset({"pip", "pip2", "pip3", "pipx"})
_TAKES_VALUE: Final = frozenset({"-i", "-f", "-e", "--index-url", "--extra-index-url", "--find-links", "--editable",
                                 "--trusted-host", "--index", "--default-index", "--from", "-r", "-c"})  # fmt: skip
_SPELLINGS: Final = {"--index": "--index-url", "--default-index": "--index-url", "--from": ""}


def requirements_of(words: list[str]) -> Iterator[Mention]:
    """What the words install by an address, or from another index: as a list of requirements would say it."""
    at = next((index for index, word in enumerate(words[:6]) if base_name(word) in _PIP or word == "uvx"), None)
    if at is None or (words[at] != "uvx" and "install" not in words[at + 1 : at + 8]):
        return
    given = iter(words[at + 1 :])
    for word in given:
        if word in _TAKES_VALUE:
            option = _SPELLINGS.get(word, word)
            value = next(given, "")
            if "$" not in value:
                yield from mentions_of_requirement(f"{option} {value}".strip())
        elif "$" not in word and word not in (".", "install"):
            yield from mentions_of_requirement(word)
