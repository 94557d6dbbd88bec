"""Read files of commands and of settings line by line: shell, Dockerfiles, Makefiles, Modelfiles, TOML, ``.env``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.discovery.code_file import CodeFile
from modelaudit.discovery.commands import CommandReader
from modelaudit.discovery.image_paths import read_image_paths
from modelaudit.discovery.text_uses import AddressReader, SettingReader, normalize_key
from modelaudit.languages.shell.dialects import convert_dialect, find_dialect
from modelaudit.languages.shell.makefiles import convert_makefile
from modelaudit.languages.shell.recipes import convert_dockerfile
from modelaudit.model.copies import replace
from modelaudit.model.discovery import LOCAL, ModelUse, NameForm
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.deadline import iterate_within_deadline

_COMMENT: Final = defer_pattern(r"[ \t]*(?:#|//|;|--)")
_SETTING: Final = defer_pattern(
    r"[ \t]*(?:export[ \t]+|-[ \t]+|Environment=\"?)?[\"']?(?P<key>[A-Za-z_][\w.-]{0,80})[\"']?[ \t]*[=:][ \t]*"
    r"(?P<quote>[\"']?)(?P<value>[^\"'\s,;#]{1,300})(?P=quote)"
)
_VARIABLE: Final = defer_pattern(
    r"[ \t]*(?:export[ \t]+)?(?P<key>[A-Za-z_]\w{0,80})[ \t]*[:?]?=[ \t]*[\"']?(?P<value>[^\"'\s;]+)"
)
_INLINE_ITEM: Final = defer_pattern(
    r"(?P<key>[A-Za-z_][\w-]{0,80})[ \t]*=[ \t]*(?P<quote>[\"'])(?P<value>[^\"']{1,300})(?P=quote)"
)
_SECTION: Final = defer_pattern(r"[ \t]*\[[^\]]+\][ \t]*$")
_COMMAND_LINE: Final = defer_pattern(
    r"[ \t]*(?P<key>[\w.-]+)[ \t]*=[ \t]*(?P<quote>[\"']?)(?P<value>.+?)(?P=quote)[ \t]*$"
)
_CLONE_URL: Final = defer_pattern(r"[ \t]*url[ \t]*=[ \t]*(\S+)")
_FROM: Final = defer_pattern(r"[ \t]*(FROM|ADAPTER)[ \t]+(\S+)", re.IGNORECASE)
_WORDS: Final = defer_pattern(r"[^\s\[\],\"]+")
_OLLAMA: Final = NameForm(source="ollama", separator=":")


class ScriptReader:
    """Reads the scripts and settings of one file."""

    def __init__(self, file: CodeFile) -> None:
        self._file = file
        self._names = file.names
        self._rules = file.rules
        self._folder = file.folder
        self._commands = CommandReader(file)
        self._settings = SettingReader(file)
        self._addresses = AddressReader(file)

    def read_shell(self, text: str, name: str) -> Iterator[ModelUse]:
        """Yield the uses in a shell script; ``name`` is that of the file, in lower case."""
        found = list(self._commands.read_script(convert_dialect(text, find_dialect(name, text))))
        yield from found
        yield from self._read_addresses(text)
        yield from self._read_variables(text, found)

    def read_dockerfile(self, text: str) -> Iterator[ModelUse]:
        """Yield the uses in a Dockerfile; a path of the image is that of the code base from which it is copied."""
        images = read_image_paths(text)
        for use in self._read_instructions(text):
            sources = images.list_sources(use.name) if use.source == LOCAL and use.name is not None else ()
            name = next((each for each in sources if self._names.holds(each, self._folder)), use.name)
            yield replace(use, name=name)

    def _read_instructions(self, text: str) -> Iterator[ModelUse]:
        """Yield the uses in a Dockerfile; its last image starts the program of ``CMD`` and ``ENTRYPOINT``."""
        yield from self._commands.read_script(convert_dockerfile(text))
        yield from self._read_addresses(text)
        image, words, line = "", "", 0
        for number, instruction in enumerate(text.replace("\\\n", "  ").split("\n"), 1):
            keyword, _, rest = instruction.strip().partition(" ")
            if keyword.upper() == "FROM":
                image = rest.split(" ")[0] if not rest.startswith("--") else rest.split(" ")[-1]
            elif keyword.upper() in ("CMD", "ENTRYPOINT"):
                words, line = " ".join([words, *_WORDS.findall(rest)]), line or number
        if image and words:
            yield from self._commands.read_words(words.split(), line, image=image)

    def read_makefile(self, text: str) -> Iterator[ModelUse]:
        """Yield the uses in the recipes and variables of a Makefile."""
        found = list(self._commands.read_script(convert_makefile(text)))
        yield from found
        yield from self._read_addresses(text)
        yield from self._read_variables(text, found)

    def read_modelfile(self, text: str) -> Iterator[ModelUse]:
        """Yield the models that a Modelfile of Ollama builds on."""
        for number, line in enumerate(text.split("\n"), 1):
            match = _FROM.match(line)
            name = self._names.read_name(match[2].strip("\"'"), _OLLAMA, self._folder) if match is not None else None
            if match is not None and name is not None:
                yield self._file.make_use(name, number, f"Modelfile {match[1].upper()}")

    def read_lines(self, text: str) -> Iterator[ModelUse]:
        """Yield the uses in lines such as ``key = "value"``; those of one section state the revision together."""
        sections: list[list[tuple[str, str, int]]] = [[]]
        for number, line in iterate_within_deadline(enumerate(text.split("\n"), 1)):
            if _COMMENT.match(line):
                continue
            if _SECTION.match(line):
                sections.append([])
            match = _SETTING.match(line)
            if match is not None:
                sections[-1].append((match["key"], match["value"], number))
            inline = [(each["key"], each["value"], number) for each in _INLINE_ITEM.finditer(line)]
            sections += [inline] if len(inline) > 1 else []
            yield from self._addresses.list_uses(line, number)
            yield from self._read_line(line, number)
        for section in sections:
            siblings = {normalize_key(key): value for key, value, _ in section}
            for key, value, number in section:
                yield from self._settings.list_uses(key, value, number, siblings)

    def _read_line(self, line: str, number: int) -> Iterator[ModelUse]:
        """Yield the uses of a command that a setting such as ``cmd`` holds, and of a submodule."""
        match = _COMMAND_LINE.match(line)
        if match is not None and " " in match["value"]:
            key = normalize_key(match["key"])
            if key in self._rules.script_keys or key.endswith(("_command", "_cmd", "exec_start")):
                yield from self._commands.read_script(match["value"], number)
        submodule = _CLONE_URL.match(line)
        name = self._names.read_address(submodule[1]) if submodule is not None else None
        if name is not None:
            yield self._file.make_use(name, number, "git submodule")

    def _read_variables(self, text: str, found: Sequence[ModelUse]) -> Iterator[ModelUse]:
        """Yield the models that variables name and no command of the script loads, as far as it shows."""
        listed = {use.name for use in found}
        for number, line in enumerate(text.split("\n"), 1):
            match = _VARIABLE.match(line)
            if match is not None:
                uses = self._settings.list_uses(match["key"], match["value"], number, {}, needs_owner=True)
                yield from (use for use in uses if use.name not in listed)

    def _read_addresses(self, text: str) -> Iterator[ModelUse]:
        """Yield the addresses of files on the Hub, without those in comments."""
        for number, line in iterate_within_deadline(enumerate(text.split("\n"), 1)):
            if not _COMMENT.match(line):
                yield from self._addresses.list_uses(line, number)
