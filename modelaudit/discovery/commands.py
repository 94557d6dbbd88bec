"""Read command lines: the programs that load models, whether a shell, a container or a workflow starts them."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.discovery.code_file import CodeFile
from modelaudit.discovery.text_uses import SettingReader, find_variable, normalize_key, take_default
from modelaudit.languages.shell.command import Command
from modelaudit.languages.shell.lexer import ShellLexer
from modelaudit.languages.shell.program_names import SHELLS, normalize_program_name, unwrap_command
from modelaudit.model.copies import replace
from modelaudit.model.discovery import LOCAL, CommandForm, ModelUse, NameForm, UseKind
from modelaudit.model.lazy_pattern import defer_pattern

_MOST_DEPTH: Final = 3
_CONTAINER_PROGRAMS: Final = frozenset({"docker", "podman", "nerdctl", "singularity", "apptainer"})
_RUNNERS: Final = frozenset(
    {"uvx", "uv", "pipx", "poetry", "pdm", "hatch", "conda", "micromamba", "rye", "pixi", "srun", "mpirun"}
)
"""Programs that start the program in their arguments, behind words such as ``run``."""
_TEXT_RUNNERS: Final = frozenset({"eval", "ssh", "tmux", "screen", "watch", "su", "parallel", "trap", "kubectl"})
"""Programs that start what follows in their arguments, which may be one text for a shell."""
_PYTHON: Final = defer_pattern(r"python[\d.]*|pypy[\d.]*|torchrun|accelerate")
_PAIR: Final = defer_pattern(r"[A-Za-z_]\w*=.+", re.DOTALL)
_GIT_ADDRESS: Final = defer_pattern(r"(?:https?://|git@|ssh://)[^\s]+")
_CLONE_FORM: Final = "git clone"
_PATH: Final = NameForm(source=LOCAL)
_SUFFIXES: Final = ("--branch", "-b", "--revision")


class CommandReader:
    """Reads the command lines of one file."""

    def __init__(self, file: CodeFile) -> None:
        self._file = file
        self._names = file.names
        self._rules = file.rules
        self._settings = SettingReader(file)

    def read_script(self, text: str, line: int = 1, depth: int = 0) -> Iterator[ModelUse]:
        """Yield the uses of the commands of a shell text that begins at ``line``.

        Raises:
            LimitReachedError: the deadline of the file has passed.
        """
        for command in ShellLexer(text).split_commands():
            number = line + command.line - 1
            yield from self._read_assignments(command, number)
            yield from self.read_words(command.words, number, depth)
            if depth < _MOST_DEPTH:
                for inner in (*command.substitutions, *command.input_substitutions):
                    yield from self.read_script(inner, number, depth + 1)
                program = unwrap_command(command.words)
                if command.input_text is not None and program and _reads_source(program):
                    yield from self._read_python(command.input_text, number + 1)
                if command.input_text is not None and unwrap_command(command.words)[:1] and self._runs_input(command):
                    yield from self.read_script(command.input_text, number, depth + 1)

    def _read_python(self, source: str, line: int) -> Iterator[ModelUse]:
        """Yield the uses of a source of Python that begins at ``line``."""
        read = self._file.read_python
        for use in read(source) if read is not None else ():
            yield replace(use, line=line + use.line - 1)

    def _runs_input(self, command: Command) -> bool:
        """Whether a command runs its here-document as a script."""
        return normalize_program_name(unwrap_command(command.words)[0]) in SHELLS | {"ssh", "sbatch"}

    def _read_assignments(self, command: Command, line: int) -> Iterator[ModelUse]:
        """Yield the uses that variables declare, such as ``MODEL_ID=org/model``."""
        siblings = {normalize_key(name): value for name, value in command.assignments}
        for name, value in command.assignments:
            yield from self._settings.list_uses(name, value, line, siblings, needs_owner=True)

    def read_words(self, words: Sequence[str], line: int, depth: int = 0, image: str = "") -> Iterator[ModelUse]:
        """Yield the uses of one command.

        Args:
            words: without quotes.
            line: in the file, from 1.
            depth: of the command in other commands.
            image: the container image whose program gets the words; empty if there is none.
        """
        words = unwrap_command([word for word in words if word])
        if words[:1] == ["function"] and "{" in words:
            words = words[words.index("{") + 1 :]
        name = normalize_program_name(words[0]) if words else ""
        if name in _CONTAINER_PROGRAMS and not image and depth < _MOST_DEPTH:
            yield from self._read_container(words, line, depth)
            return
        scripts = _list_scripts(name, words) if depth < _MOST_DEPTH else []
        for script in scripts:
            yield from self.read_script(script, line, depth + 1)
        if scripts and name in SHELLS:
            return
        for start in self._list_programs(words):
            if _PYTHON.fullmatch(normalize_program_name(words[start]) if words else "") and "-c" in words[start:-1]:
                yield from self._read_python(words[words.index("-c", start) + 1], line)
        if name == "git" and "clone" in words:
            yield from self._read_clone(words, line)
        elif words or image:
            yield from self._read_program(words, line, image)

    def _read_program(self, words: Sequence[str], line: int, image: str) -> Iterator[ModelUse]:
        """Yield the uses of the first form that a command has, or else of its options."""
        for start in self._list_programs(words):
            for form in self._rules.commands:
                rest = self._match_form(form, words[start:], image)
                if rest is not None:
                    yield from self._read_form(form, rest, line)
                    return
        yield from self._read_options(words, line)

    def _list_programs(self, words: Sequence[str]) -> list[int]:
        """List the indices of the words that may be the program, which a runner such as ``uv run`` starts."""
        if not words or normalize_program_name(words[0]) not in _RUNNERS | _TEXT_RUNNERS:
            return [0]
        programs = {each for form in self._rules.commands for each in form.programs} | {"python", "python3"}
        return [index for index, word in enumerate(words) if normalize_program_name(word) in programs] or [0]

    def _match_form(self, form: CommandForm, words: Sequence[str], image: str) -> list[str] | None:
        """Return the words behind the program and the words of a form; ``None`` if the command has another form."""
        name = normalize_program_name(words[0]) if words else ""
        rest: list[str] | None = None
        if any(fnmatch.fnmatchcase(name, each) for each in form.programs):
            rest = list(words[1:])
        elif form.modules and _PYTHON.fullmatch(name) and "-m" in words[:-1]:
            index = words.index("-m")
            rest = list(words[index + 2 :]) if words[index + 1] in form.modules else None
        elif image and any(each in image for each in form.images):
            rest = list(words)
        if rest is None:
            return None
        for wanted in form.words:
            alternatives = wanted.split("|")
            at = next((number for number, word in enumerate(rest) if not word.startswith("-")), None)
            if at is None or rest[at] not in alternatives:
                return None
            del rest[: at + 1]
        return rest

    def _read_form(self, form: CommandForm, rest: Sequence[str], line: int) -> Iterator[ModelUse]:
        """Yield the uses of the words behind the program."""
        options = _read_option_words(rest)
        revision = next((options[each] for each in form.revision if options.get(each)), None)
        trusts = any(each in options and options[each].lower() != "false" for each in form.trust)
        kind = next((options[each] for each in form.kind_options if each in options), "")
        names = [options[each] for each in form.options if options.get(each)]
        if form.takes_argument and not names:
            arguments = _list_arguments(rest, {*form.options, *form.further, *form.revision, *form.kind_options})
            names = arguments[:1]
        names += [options[each] for each in form.further if options.get(each)]
        paths = [options[each] for each in form.paths if options.get(each)]
        spelt = [*((text, form.name_form) for text in names), *((text, _PATH) for text in paths)]
        for text, name_form in spelt:
            use = self._make_use(form.id, name_form, take_default(text), line, revision, trusts)
            if use is not None:
                yield use if kind not in tuple(UseKind) else replace(use, kind=UseKind(kind))

    def _make_use(
        self, form_id: str, form: NameForm, text: str, line: int, revision: str | None, trusts: bool
    ) -> ModelUse | None:
        """Make the use of a name; one without a name if a variable holds it; ``None`` if it is a local path."""
        name = self._names.read_name(text, form, self._file.folder)
        variable = find_variable(text)
        detail = ""
        if revision is not None and find_variable(revision):
            detail = f"the revision holds {find_variable(revision)}"
            revision = None
        if name is not None:
            return self._file.make_use(name, line, form_id, revision=revision, trusts_remote_code=trusts, detail=detail)
        if not variable or text.startswith(("/", "./", "../", "~")):
            return None
        return ModelUse(
            self._file.file, line, form_id, None, form.kind, form.source, revision, trusts, f"it holds {variable}"
        )

    def _read_container(self, words: Sequence[str], line: int, depth: int) -> Iterator[ModelUse]:
        """Yield the uses of a program in a container: variables that are passed to it, and what it runs."""
        images = {each for form in self._rules.commands for each in form.images}
        for index, word in enumerate(words):
            pair = word.partition("=")[2] if word.startswith(("--env=", "-e=")) else word
            if words[index - 1] in ("-e", "--env") or pair != word:
                key, _, value = pair.partition("=")
                yield from self._settings.list_uses(key, value, line, {}, needs_owner=True)
        start = next((index for index, word in enumerate(words) if any(image in word for image in images)), None)
        if start is not None:
            yield from self.read_words(words[start + 1 :], line, depth + 1, image=words[start])
        elif "exec" in words[1:3] or "run" in words[1:3] or "compose" in words[1:2]:
            programs = {each for form in self._rules.commands for each in form.programs}
            # The service may have the name of the program: ``docker compose exec ollama ollama pull``.
            places = [at for at, word in enumerate(words) if at > 1 and normalize_program_name(word) in programs]
            for place in places:
                found = list(self.read_words(words[place:], line, depth + 1))
                yield from found
                if found:
                    return

    def _read_clone(self, words: Sequence[str], line: int) -> Iterator[ModelUse]:
        """Yield the use of ``git clone`` of a repository of the Hub."""
        options = _read_option_words(words)
        revision = next((options[each] for each in _SUFFIXES if options.get(each)), None)
        for word in words:
            if not _GIT_ADDRESS.fullmatch(word):
                continue
            name = self._names.read_address(word)
            if name is not None:
                yield self._file.make_use(name, line, _CLONE_FORM, revision=revision)
            elif find_variable(word) and any(host in word for host in self._rules.hosts):
                yield ModelUse(self._file.file, line, _CLONE_FORM, None, detail=f"it holds {find_variable(word)}")

    def _read_options(self, words: Sequence[str], line: int) -> Iterator[ModelUse]:
        """Yield the uses of options of any program whose name says that they name a model."""
        options = _read_option_words(words)
        siblings = {normalize_key(key): value for key, value in options.items()}
        for key, value in options.items():
            if key.startswith("--") and value:
                yield from self._settings.list_uses(key, value, line, siblings)
        for pair in (part for word in words for part in word.split(",") if "/" in part):
            if _PAIR.fullmatch(pair):
                key, _, value = pair.partition("=")
                yield from self._settings.list_uses(key, value, line, siblings, needs_owner=True)


def _reads_source(words: Sequence[str]) -> bool:
    """Whether a command is Python, which runs its input: no script, no module and no text is named."""
    options = [word for word in words[1:] if not word.startswith("-")]
    is_python = _PYTHON.fullmatch(normalize_program_name(words[0])) is not None
    return is_python and not options and not {"-c", "-m"} & set(words)


def _list_scripts(name: str, words: Sequence[str]) -> list[str]:
    """List the texts in the words of a command that a shell runs."""
    if name in SHELLS:
        return [words[words.index("-c") + 1]] if "-c" in words[:-1] else []
    return [word for word in words[1:] if " " in word] if name in _TEXT_RUNNERS else []


def _read_option_words(words: Sequence[str]) -> dict[str, str]:
    """Return the options of a command with their values: ``--a b``, ``--a=b``; empty for an option without a value."""
    options: dict[str, str] = {}
    for index, word in enumerate(words):
        if not word.startswith("-") or len(word) < 2:
            continue
        key, separator, value = word.partition("=")
        following = words[index + 1] if index + 1 < len(words) else ""
        options.setdefault(key, value if separator else "" if following.startswith("-") else following)
    return options


def _list_arguments(words: Sequence[str], with_value: set[str]) -> list[str]:
    """Return the arguments behind options; an option takes the next word if it is known to have a value.

    The first argument follows the words of the form, so that only options come between them.
    """
    arguments: list[str] = []
    index = 0
    while index < len(words):
        word = words[index]
        if word.startswith("-") and len(word) > 1:
            index += 2 if word in with_value else 1
            continue
        arguments.append(word)
        index += 1
    return arguments
