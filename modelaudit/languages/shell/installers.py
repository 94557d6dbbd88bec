"""Collect the requirements that a script passes to ``pip`` and ``uv`` by address or from another package index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.languages.shell.program_names import normalize_program_name
from modelaudit.model.outline import Mention
from modelaudit.wire.requirement_lines import collect_requirement_mentions

_PIP: Final = frozenset({"pip", "pip2", "pip3", "pipx"})
# Other package managers, with the words that install or run a package; with none, the program always does.
_NODE_INSTALLATION: Final = frozenset({"install", "i", "in", "add", "exec", "x", "dlx", "ci", "link", "create", "init"})
_INSTALLING_WORDS: Final = {
    "npm": _NODE_INSTALLATION, "pnpm": _NODE_INSTALLATION, "yarn": _NODE_INSTALLATION, "bun": _NODE_INSTALLATION,
    "npx": frozenset[str](), "bunx": frozenset[str](), "pnpx": frozenset[str](),
    "gem": frozenset({"install", "update"}), "bundle": frozenset({"add", "install", "config"}),
    "cargo": frozenset({"install", "add"}), "deno": frozenset({"run", "install"}),
    "uv": frozenset({"add", "install", "run", "sync"}), "poetry": frozenset({"add"}), "pdm": frozenset({"add"}),
    "conda": frozenset({"install", "create"}), "mamba": frozenset({"install", "create"}),
    "composer": frozenset({"require", "config"}), "luarocks": frozenset({"install"}),
    "apt": frozenset({"install"}), "apt-get": frozenset({"install"}), "dnf": frozenset({"install"}),
    "yum": frozenset({"install", "localinstall"}), "rpm": frozenset({"-i", "-U", "-ivh", "-Uvh"}),
    "apk": frozenset({"add"}), "snap": frozenset({"install"}), "brew": frozenset({"install", "tap"}),
}  # fmt: skip
_REPOSITORY: Final = re.compile(r"git@[\w.-]+:|(?:github|gitlab|bitbucket|gist):")
_MAX_LEADING_WORDS: Final = 7
_OPTIONS_WITH_VALUE: Final = frozenset(
    {"-i", "-f", "-e", "--index-url", "--extra-index-url", "--find-links", "--editable", "--trusted-host", "--index",
     "--default-index", "--from", "-r", "-c"}
)  # fmt: skip
# Options of uv, under their names in requirements files; ``--from`` is followed by a requirement.
_SPELLINGS: Final = {"--index": "--index-url", "--default-index": "--index-url", "--from": ""}


def _collect_addresses(words: list[str]) -> Iterator[Mention]:
    """Yield a mention for each address from which another package manager than pip installs, or runs, a package."""
    name = normalize_program_name(words[0])
    subcommands = _INSTALLING_WORDS[name]
    if subcommands and subcommands.isdisjoint(words[1:]):
        return
    for word in words[1:]:
        # ``--git=https://host/x``, and ``git@host:x`` of npm
        address = word.partition("=")[2] if word.startswith("-") else word
        if "$" not in address and ("://" in address or _REPOSITORY.match(address)):
            yield from collect_requirement_mentions(address.replace("git@", "git+ssh://git@", 1))


def collect_requirements(words: list[str]) -> Iterator[Mention]:
    """Yield a mention for each address or foreign index in the words of a command, if it calls an installer.

    The arguments are judged as lines of a requirements file, so that both places have the same rules.
    """
    if words and normalize_program_name(words[0]) in _INSTALLING_WORDS:
        yield from _collect_addresses(words)
        return
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
