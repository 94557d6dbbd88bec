"""Keep what all texts of one shell script share: variables, aliases, functions, downloads and the budget of work."""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from modelaudit.languages.shell.command import OUTPUT_MARK, Command
from modelaudit.languages.shell.command_flows import COPIERS, list_written_files
from modelaudit.languages.shell.constant_output import evaluate_pipeline_output
from modelaudit.languages.shell.download_commands import find_download_address
from modelaudit.languages.shell.downloads import DownloadTracker
from modelaudit.languages.shell.execution import list_read_words
from modelaudit.languages.shell.expansions import CUT_MARK, POSITIONAL_PARAMETERS, assign_positional_parameters
from modelaudit.languages.shell.fetched_places import applies_patch
from modelaudit.languages.shell.functions import find_functions, parse_aliases
from modelaudit.languages.shell.installers import CloneTracker
from modelaudit.languages.shell.lexer import MAX_COMMANDS
from modelaudit.languages.shell.parsed_texts import ParsedTexts
from modelaudit.languages.shell.private_copies import PrivateCopies
from modelaudit.languages.shell.program_names import normalize_program_name, unwrap_command
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.structure import Location
from modelaudit.wire.base import LimitReachedError

_BODY_WORK: Final = 5000  # that a definition costs at most; each call costs the whole length of the function
_BASE_WORK: Final = 500_000
_VARIABLE: Final = defer_pattern(r"\$\{?([A-Za-z_]\w{0,99})\}?")
_WORK_PER_CHARACTER: Final = 4


class ScriptState(Struct):
    """The state that all texts of one script share.

    Attributes:
        work_left: the budget for text that is analysed repeatedly, in characters.
        texts: the texts of the script that were parsed.
        variables: constant values by variable name.
        outputs: the substitution by the name of the variable that holds its output, where nothing else is in it.
        aliases: replacement words by alias or function name.
        functions: the text of the body by function name.
        reported: the use, name and line of each mention so far.
        shell_outputs: the descriptors that ``exec > >(sh)`` connects with a shell.
        clones: the repositories that the script clones.
        downloads: the files and variables with downloaded content.
        fetched_runs: the files that commands run and that a download may have written, each with its place.
        private_copies: the paths that hold private content under other names.
        reached_bound: one line on commands that were not analysed; empty if all were.
    """

    work_left: int
    texts: ParsedTexts
    variables: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, list[str]] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)
    reported: set[tuple[str, str, Location | None]] = field(default_factory=set)
    shell_outputs: set[str] = field(default_factory=set)
    clones: CloneTracker = field(default_factory=CloneTracker)
    downloads: DownloadTracker = field(default_factory=DownloadTracker)
    fetched_runs: dict[str, Location] = field(default_factory=dict)
    private_copies: PrivateCopies = field(default_factory=PrivateCopies)
    reached_bound: str = ""

    @classmethod
    def for_text(cls, text: str, texts: ParsedTexts) -> ScriptState:
        """Return the state of a script that has not been analysed; ``texts`` are those of it that were parsed."""
        return cls(_BASE_WORK + _WORK_PER_CHARACTER * len(text), texts)

    def spend_work(self, work: int) -> None:
        """Charge the budget for text that commands pass on: nested texts and long pipelines.

        Raises:
            LimitReachedError: the budget is used up. Without it, nested text would cost exponential time.
        """
        self.work_left -= work
        if self.work_left < 0:
            raise LimitReachedError(
                "its nested and piped commands need more analysis than the limit allows; the rest was not analysed"
            )

    def parse_text(self, text: str) -> list[Command]:
        """Parse the commands of ``text`` and record its aliases."""
        self.spend_work(len(text))
        self.aliases.update(parse_aliases(text))
        for function in find_functions(text):
            self.spend_work(min(len(function.body), _BODY_WORK))
            self.functions[function.name] = function.body
            if function.is_cut:
                self.reached_bound = "only the first characters of a long function were analysed where it is called"
        parsed = self.texts.parse_text(text, self.variables)
        if parsed.is_cut:
            self.reached_bound = f"only the first {MAX_COMMANDS} commands of the script were analysed"
        elif CUT_MARK in text and not self.reached_bound:
            self.reached_bound = "only the first characters of a long variable that is executed were analysed"
        return parsed.commands

    def expand_calls(self, commands: list[Command]) -> list[Command]:
        """Replace each call of a function by the commands of its body, because their output is that of the call."""
        expanded: list[Command] = []
        for command in commands:
            name = command.words[0] if command.words else ""
            body = self.functions.pop(name, None)  # a function is not expanded within its own body
            if body is None:
                expanded.append(command)
                continue
            expanded += self.expand_calls(self.parse_body(body, command.words[1:]))
            self.functions[name] = body
        return expanded

    def evaluate_output(self, commands: list[Command]) -> str | None:
        """Return the output of a pipeline of constants, or ``None``; record a bound if it is too long to evaluate."""
        try:
            return evaluate_pipeline_output(commands)
        except LimitReachedError as error:
            self.reached_bound = str(error)
            return None

    def find_source_address(self, sources: list[Command]) -> str | None:
        """Return the address of content that commands download, or read (``dd if=file``) from a file that holds it."""
        self.spend_work(sum(sum(map(len, each.input_substitutions)) for each in sources if not each.words))
        read_words = (word.removeprefix("if=") for each in sources for word in list_read_words(each))
        return find_download_address(sources) or self.downloads.find_stored_address(read_words)

    def parse_outputs(self, command: Command) -> list[Command]:
        """Parse the substitutions whose output the command can store in a variable or a descriptor."""
        if not command.assignments and command.words[:1] not in (["set"], ["printf"], ["exec"]):
            return []
        texts = (*command.substitutions, *command.input_substitutions)
        return self.expand_calls([each for text in texts for each in self.parse_text(text)])

    def record_outputs(self, command: Command) -> None:
        """Keep the substitution of each variable that a command sets to its output."""
        held = [name for name, value in command.assignments if value == OUTPUT_MARK]
        self.outputs.update(zip(held, command.substitutions, strict=False))

    def find_output(self, word: str) -> str | None:
        """Return the substitution that a variable holds the output of; ``None`` for any other word."""
        name = _VARIABLE.fullmatch(word)
        return self.outputs.get(name[1]) if name is not None else None

    def record_fetched_runs(self, command: Command, executed_words: list[str], where: Location) -> None:
        """Record the files that a command runs and that a download may have written under a name that is not shown.

        Args:
            command: as it is written.
            executed_words: those of its words that can name what it executes.
            where: the place of the command.
        """
        words = unwrap_command(command.words)
        places = self.downloads.places
        is_python = bool(words) and words[0].rpartition("/")[2].startswith(("python", "pypy"))
        if applies_patch(words):
            address = find_download_address(command.piped_input) or self.downloads.find_stored_address(
                list_read_words(command)
            )
            executed_words = [] if address is None else [address]
            self.fetched_runs.update((each, where) for each in executed_words)
        if is_python and "-c" in words[:-1]:
            executed_words = [*executed_words, *places.list_imported_modules(words[words.index("-c") + 1])]
        for path in places.list_possible_programs(executed_words, (words or [""])[0], is_python):
            self.fetched_runs.setdefault(path, where)
        copies = bool(words) and normalize_program_name(words[0]) in COPIERS
        places.add_written((*command.output_files, *(() if copies else list_written_files(words))))

    def list_body(self, command: Command) -> list[Command]:
        """List the commands of the function that a command calls; none if it calls another program."""
        return [each for each in self.expand_calls([command]) if each is not command]

    def parse_body(self, body: str, arguments: list[str]) -> list[Command]:
        """Parse the body of a function that is called with ``arguments``."""
        outer_variables = {name: self.variables.pop(name, None) for name in POSITIONAL_PARAMETERS}
        self.variables.update(assign_positional_parameters(arguments))
        commands = self.parse_text(body)
        for name, value in outer_variables.items():
            self.variables.pop(name, None)
            if value is not None:
                self.variables[name] = value
        return commands

    def resolve_alias(self, words: list[str]) -> list[str]:
        """Replace the first word if it is an alias or a function of one command."""
        replacement = self.aliases.get(words[0]) if words else None
        return [*replacement, *words[1:]] if replacement else words
