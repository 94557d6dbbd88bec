"""Analyse a shell script and report the commands that a model repository has no legitimate use for.

The script is parsed into commands and pipelines; none is run. The analyser reports execution of downloaded or decoded
content, reverse shells, persistence, destruction and exfiltration. Texts inside commands (substitutions,
here-documents, decoded constants, ``sh -c``) are analysed recursively within a budget of work.
Each mention belongs to the vocabulary ``shell-commands``. Its name is the address, program or file concerned.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from modelaudit.languages.shell.aliases import parse_aliases
from modelaudit.languages.shell.command import OUTPUT_MARK, Command
from modelaudit.languages.shell.constant_output import evaluate_pipeline_output, evaluate_printed_text
from modelaudit.languages.shell.downloads import READ_BUILTINS, DownloadTracker, find_download_address
from modelaudit.languages.shell.embedded_commands import extract_embedded_commands
from modelaudit.languages.shell.harm import detect_harm, detect_pipeline_harm
from modelaudit.languages.shell.installers import collect_requirements
from modelaudit.languages.shell.lexer import MAX_COMMANDS, ShellLexer, parse_commands
from modelaudit.languages.shell.pipelines import Pipeline, group_into_pipelines, runs_input
from modelaudit.languages.shell.program_names import (
    EVALUATORS,
    INTERPRETERS,
    RUNNERS,
    SHELLS,
    normalize_program_name,
    unwrap_command,
)
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Location
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.deadline import iterate_within_deadline

VOCABULARY: Final = "shell-commands"
_MAX_DEPTH: Final = 6
_MAX_MENTIONS: Final = 2000
_MAX_QUOTE_LENGTH: Final = 200
_BASE_WORK: Final = 500_000
_WORK_PER_CHARACTER: Final = 4
_WORK_PER_COMMAND: Final = 4
_DECODERS: Final = frozenset({"base64", "base32", "basenc", "xxd", "openssl", "uudecode"})
_PRINTERS: Final = frozenset({"echo", "printf", "cat"})
# A program named by a glob, such as ``/???/c?rl``, hides its name. The glob contains a part of the name or its length;
# a pattern of ``case`` is different, because it begins with a star.
_WILDCARD: Final = re.compile(r"(?:[^\s*]{0,200}/)?(?=[^/]{0,99}[?*\[])(?:\w[^/\s]{0,99}|\?{2,40}|\[\w\][^/\s]{1,99})")
# Functions of Python, Perl, Ruby, PHP and JavaScript that download or decode.
_DOWNLOAD_OR_DECODE: Final = (
    r"(?:b64decode|urlopen|requests\.get|decompress|fromhex|marshal|decode_base64|base64_decode|decode64|pack\s*\(?[\"']"
    r"|file_get_contents|URI\.open|open-uri|Net::HTTP|LWP::|fetch\(|https?\.get|Buffer\.from)"
)
# ``exec(`` before or behind such a function on one line, or ``fetch(…).then(eval)``.
_INLINE_EXECUTION: Final = re.compile(
    rf"\b(?:exec|eval|system)\b\s*\(?[^\n]{{0,300}}?{_DOWNLOAD_OR_DECODE}|{_DOWNLOAD_OR_DECODE}[^\n]{{0,300}}?\b(?:exec|eval|system)\b\s*[\s(]"
    r"|\.then\(eval\)"
)
_MAX_INLINE_LENGTH: Final = 20_000


@dataclass(slots=True)
class _ScriptState:
    """The state that all texts of one script share.

    Attributes:
        work_left: the budget for text that is analysed repeatedly, in characters.
        variables: constant values by variable name.
        aliases: replacement words by alias or function name.
        downloads: the files and variables with downloaded content.
        is_cut: one of the texts has more commands than are parsed.
    """

    work_left: int
    variables: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, list[str]] = field(default_factory=dict)
    downloads: DownloadTracker = field(default_factory=DownloadTracker)
    is_cut: bool = False

    def spend_work(self, work: int) -> None:
        """Charge the budget for text that commands pass on: nested texts and long pipelines.

        Raises:
            LimitReachedError: the budget is used up. Without it, nested text would cost exponential time.
        """
        self.work_left -= work
        if self.work_left < 0:
            raise LimitReachedError(
                "its nested and piped commands exceed the limit of analysis; the rest was not analysed"
            )

    def parse_text(self, text: str) -> list[Command]:
        """Parse the commands of ``text`` and record its aliases."""
        self.spend_work(len(text))
        self.aliases.update(parse_aliases(text))
        lexer = ShellLexer(text, self.variables)
        commands = lexer.split_commands()
        self.is_cut = self.is_cut or lexer.is_cut
        return commands

    def resolve_alias(self, words: list[str]) -> list[str]:
        """Replace the first word if it is an alias or a function of one command."""
        replacement = self.aliases.get(words[0]) if words else None
        return [*replacement, *words[1:]] if replacement else words


def collect_script_mentions(text: str, line: int = 1) -> Iterator[Mention]:
    """Yield a mention with its line for each dangerous action of the script.

    Args:
        text: the script.
        line: the number of its first line in the file, from 1.

    Raises:
        LimitReachedError: its commands nest too deep, or it has too many commands or mentions.
    """
    state = _ScriptState(_BASE_WORK + _WORK_PER_CHARACTER * len(text))
    script = _ScriptAnalyzer(state, line, 0)
    for count, mention in enumerate(script.analyze_text(text)):
        if count >= _MAX_MENTIONS:
            raise LimitReachedError(f"only the first {_MAX_MENTIONS} dangerous actions of the script were reported")
        yield mention
    if state.is_cut:
        raise LimitReachedError(f"only the first {MAX_COMMANDS} commands of the script were analysed")


@dataclass(frozen=True, slots=True)
class _ScriptAnalyzer:
    """Analyses one text of commands, which may be nested in another.

    Attributes:
        state: shared by all texts of the script.
        first_line: the line of the text in the file, from 1.
        depth: how many texts enclose it.
    """

    state: _ScriptState
    first_line: int
    depth: int

    def analyze_text(self, text: str) -> Iterator[Mention]:
        """Yield the mentions of the commands, in order."""
        if self.depth > _MAX_DEPTH:
            raise LimitReachedError(f"its commands nest deeper than {_MAX_DEPTH} levels; the rest was not analysed")
        commands = self.state.parse_text(text)
        for pipeline in iterate_within_deadline(group_into_pipelines(commands), 16):
            yield from self._analyze_pipeline(pipeline)

    def _analyze_pipeline(self, pipeline: Pipeline) -> Iterator[Mention]:
        """Yield the mentions of each command of a pipeline, and of commands that are harmful only together."""
        joined_commands = _join_sources(pipeline.commands)
        if len(joined_commands) > 1:
            for use, name, detail in detect_pipeline_harm(joined_commands):
                yield self._make_mention(use, name, pipeline.commands[-1], detail)
        for index, command in enumerate(pipeline.commands):
            command.words = self.state.resolve_alias(command.words)
            words = unwrap_command(command.words)
            uses_xargs = any(normalize_program_name(word) in ("xargs", "parallel") for word in command.words[:3])
            # ``parallel`` alone runs the lines of its input; ``xargs`` needs a program that runs them.
            starts_runner = normalize_program_name(words[0]) in RUNNERS if words else command.words[:1] == ["parallel"]
            executes_pipe = runs_input(words) or (uses_xargs and starts_runner) or self._branches_into_shell(command)
            # The order matters: a command that executes its pipe is judged by its sources, not by its own words.
            if (index or command.sources) and executes_pipe:
                sources = [*command.sources, *_join_sources(pipeline.commands[:index])]
                yield from self._analyze_piped_program(sources, command)
            elif (index or command.sources) and words and words[0] in READ_BUILTINS:
                self._record_read_variable([*command.sources, *_join_sources(pipeline.commands[:index])], words)
            elif command.input_text is not None and runs_input(words) and normalize_program_name(words[0]) in SHELLS:
                yield from self._analyze_nested(command.input_text, command)
                yield from self._analyze_substitutions(command)
            yield from self._analyze_command(command, words)
            for text in (*command.substitutions, *command.input_substitutions):
                yield from self._analyze_nested(text, command)

    def _branches_into_shell(self, command: Command) -> bool:
        """Whether an output substitution executes the input, as in ``tee >(bash)``."""
        return any(
            runs_input(unwrap_command(each.words))
            for text in command.substitutions
            for each in parse_commands(text[:200])
        )

    def _record_read_variable(self, sources: list[Command], words: list[str]) -> None:
        """Record that ``read`` stores a download in its variables, if one of the commands before it downloads."""
        address = find_download_address(sources)
        if address is not None:
            self.state.downloads.record_read(words, address)

    def _analyze_nested(self, text: str, command: Command) -> Iterator[Mention]:
        """Analyse a text that ``command`` executes, one level deeper; its first line is that of the command."""
        yield from _ScriptAnalyzer(self.state, self.first_line + command.line - 1, self.depth + 1).analyze_text(text)

    def _make_mention(self, use: str, name: str, command: Command, detail: str = "") -> Mention:
        """Return a mention at the line of ``command``; an empty name is replaced by the use."""
        short_name = " ".join(name.split())[:_MAX_QUOTE_LENGTH] or use
        return Mention(VOCABULARY, use, short_name, self._locate_command(command), detail[:_MAX_QUOTE_LENGTH])

    def _locate_command(self, command: Command) -> Location:
        """Return the line of a command in the file."""
        return Location(line=self.first_line + command.line - 1)

    def _analyze_piped_program(self, sources: list[Command], command: Command) -> Iterator[Mention]:
        """Yield the danger of the text that ``sources``, joined by pipes, feed to ``command``, which executes it."""
        self.state.spend_work(_WORK_PER_COMMAND * len(sources))
        shell = normalize_program_name((unwrap_command(command.words) or command.words)[0])
        programs = _list_programs(sources)
        names = [normalize_program_name(words[0]) for words in programs]
        address = find_download_address(sources)
        if address is not None:
            yield self._make_mention("download-and-run", address, command, f"into {shell}")
            return
        addresses = (self.state.downloads.find_address(words[1:]) for words in programs)
        downloaded_address = next((each for each in addresses if each), None)
        if downloaded_address is not None:
            yield self._make_mention("download-then-run", downloaded_address, command, f"into {shell}")
            return
        for each in sources:
            yield from self._analyze_substitutions(each)
        # A constant that is decoded can be read here. The hidden script is analysed like the visible one.
        text = evaluate_pipeline_output(sources)
        if text is not None:
            if len(sources) > 1:
                yield self._make_mention("decode-and-run", names[-1], command, f"into {shell}")
            if shell in SHELLS | EVALUATORS:
                yield from self._analyze_nested(text, command)
            return
        if shell in SHELLS | EVALUATORS:
            yield from self._analyze_printed_texts(sources, command)
        use, name = _judge_program_names(names)
        if use:
            yield self._make_mention(use, name, command, f"into {shell}")

    def _analyze_printed_texts(self, sources: list[Command], command: Command) -> Iterator[Mention]:
        """Analyse the texts that commands of a group print: ``{ echo a; echo b; } | sh`` runs both."""
        for each in sources:
            text = evaluate_printed_text(each) if not each.is_piped else None
            if text is not None:
                yield from self._analyze_nested(text, command)

    def _analyze_words(self, command: Command, words: list[str]) -> Iterator[Mention]:
        """Yield the mentions that follow from the command alone, whatever surrounds it."""
        for use, name, detail in detect_harm(command, words):
            yield self._make_mention(use, name, command, detail)
        for text in extract_embedded_commands(command):
            yield from self._analyze_nested(text, command)
        for mention in collect_requirements(words):
            yield replace(mention, where=self._locate_command(command))

    def _analyze_command(self, command: Command, words: list[str]) -> Iterator[Mention]:
        """Yield the mentions of one command, with what earlier commands downloaded.

        Args:
            command: as it is written.
            words: its words without wrappers such as ``sudo``.
        """
        yield from self._analyze_words(command, words)
        self.state.downloads.record_command(command, words)
        if not words:
            return
        name = normalize_program_name(words[0])
        if words[0] == OUTPUT_MARK:
            yield from self._analyze_substitutions(command)
        elif _WILDCARD.fullmatch(words[0]) and ("/" in words[0] or "?" in words[0]):
            yield self._make_mention("obfuscated", words[0], command)
        if name in READ_BUILTINS:  # ``read line < <(curl …)``
            sources = [each for text in command.input_substitutions for each in self.state.parse_text(text)]
            self._record_read_variable(sources, words)
        # A shell executes the files among its arguments, any other command only the file that its first word names.
        executed_words = [*words, *command.input_files] if name in RUNNERS | EVALUATORS else words[:1]
        address = self.state.downloads.find_address(executed_words)
        if address is not None:
            yield self._make_mention("download-then-run", address, command, words[0])
        if name in EVALUATORS or name in SHELLS:
            yield from self._analyze_evaluator(command, words, name)
        elif name in INTERPRETERS:
            if _INLINE_EXECUTION.search(" ".join(words[1:])[:_MAX_INLINE_LENGTH]):
                yield self._make_mention("decode-and-run", " ".join(words[:2]), command)
            yield from self._analyze_executed_outputs(command.input_substitutions, command)

    def _analyze_evaluator(self, command: Command, words: list[str], name: str) -> Iterator[Mention]:
        """Yield the mentions of the program text that ``eval`` or a shell with ``-c`` executes, and of ``<(…)``."""
        yield from self._analyze_executed_outputs(command.input_substitutions, command)
        program = " ".join(words[1:]) if name == "eval" else None
        if name in SHELLS:
            program = next(
                (words[index + 1] for index in range(1, len(words) - 1) if _takes_program_text(words[index])), None
            )
        if program is None:
            return
        yield from self._analyze_substitutions(command)
        # A program that is only the output of a substitution was judged above.
        if program.strip() not in ("", OUTPUT_MARK):
            yield from self._analyze_nested(program, command)

    def _analyze_substitutions(self, command: Command) -> Iterator[Mention]:
        """Yield the danger of the outputs of ``$(…)`` in a command that executes them."""
        yield from self._analyze_executed_outputs(command.substitutions, command)

    def _analyze_executed_outputs(self, texts: list[str], command: Command) -> Iterator[Mention]:
        """Yield the danger of the outputs of several substitutions, which ``command`` executes."""
        for text in texts:
            yield from self._analyze_executed_output(text, command)

    def _analyze_executed_output(self, substitution: str, command: Command) -> Iterator[Mention]:
        """Yield the danger of the output of one substitution, which ``command`` executes."""
        commands = self.state.parse_text(substitution)
        address = find_download_address(commands)
        names = [normalize_program_name(words[0]) for words in _list_programs(commands)]
        text = evaluate_pipeline_output(commands)
        if address is not None:
            yield self._make_mention("download-and-run", address, command)
        elif text is not None:
            if len(commands) > 1:
                yield self._make_mention("decode-and-run", names[-1], command)
            # ``$(echo cu)rl``: the words behind the substitution are arguments of the program that it names.
            words = command.words[1:] if command.words[:1] == [OUTPUT_MARK] else []
            yield from self._analyze_nested(" ".join([text, *words]), command)
        elif any(name in _DECODERS for name in names):
            yield self._make_mention("decode-and-run", names[-1], command)
        else:
            read_words = [word for each in commands for word in (*each.words[1:], *each.input_files)]
            address = self.state.downloads.find_address(read_words)
            if address is not None:
                yield self._make_mention("download-then-run", address, command)


def _join_sources(commands: list[Command]) -> list[Command]:
    """Return commands of a pipeline, each behind the commands of the group that is piped into it."""
    return [each for command in commands for each in (*command.sources, command)]


def _judge_program_names(names: list[str]) -> tuple[str, str]:
    """Return the use, and the name to report, of programs whose unknown output is run; empty texts for printers."""
    if any(name in _DECODERS for name in names):
        return "decode-and-run", names[-1]
    if any(mark in name for name in names for mark in "$?*"):  # the name of a source is a variable or a glob
        return "unresolved-run", names[0]
    return ("piped-run", names[0]) if names and names[0] not in _PRINTERS else ("", "")


def _list_programs(commands: list[Command]) -> list[list[str]]:
    """Return the words of each command without wrappers such as ``sudo``; commands without words are left out."""
    return [words for words in (unwrap_command(each.words) for each in commands) if words]


def _takes_program_text(word: str) -> bool:
    """Whether a word is the option ``-c`` of a shell, alone or joined with others, as in ``-xc``."""
    return word.startswith("-") and not word.startswith("--") and word.endswith("c")
