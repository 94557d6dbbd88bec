"""Collect the requirements that a script passes to ``pip`` and ``uv`` by address or from another package index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.languages.shell.program_names import normalize_program_name
from modelaudit.model.outline import Mention
from modelaudit.wire.requirement_lines import collect_requirement_mentions

_PIP: Final = frozenset({"pip", "pip2", "pip3", "pipx"})
_MAX_LEADING_WORDS: Final = 7
_OPTIONS_WITH_VALUE: Final = frozenset(
    {"-i", "-f", "-e", "--index-url", "--extra-index-url", "--find-links", "--editable", "--trusted-host", "--index",
     "--default-index", "--from", "-r", "-c"}
)  # fmt: skip
# Options of uv, under their names in requirements files; ``--from`` is followed by a requirement.
_SPELLINGS: Final = {"--index": "--index-url", "--default-index": "--index-url", "--from": ""}


def collect_requirements(words: list[str]) -> Iterator[Mention]:
    """Yield a mention for each address or foreign index in the words of a command, if it calls an installer.

    The arguments are judged as lines of a requirements file, so that both places have the same rules.
    """
    # The installer may follow other words: ``sudo python -m pip install …``.
    is_installer = [normalize_program_name(word) in _PIP or word == "uvx" for word in words[:_MAX_LEADING_WORDS]]
    installer_index = is_installer.index(True) if True in is_installer else None
    if installer_index is None:
        return
    arguments_given = words[installer_index + 1 :]
    # Options of pip can precede its command: ``pip --proxy address install name``.
    takes_requirements = words[installer_index] == "uvx" or "install" in arguments_given[:_MAX_LEADING_WORDS]
    if not takes_requirements:
        return
    arguments = iter(arguments_given)
    for word in arguments:
        if word in _OPTIONS_WITH_VALUE:
            option = _SPELLINGS.get(word, word)
            value = next(arguments, "")
            if "$" not in value:
                yield from collect_requirement_mentions(f"{option} {value}".strip())
        elif "$" not in word and word not in (".", "install"):
            yield from collect_requirement_mentions(word)
