"""Analyse a shell script and report the commands that a model repository has no legitimate use for.

The script is parsed into commands and pipelines; none is run. The analyser reports execution of downloaded or decoded
content, reverse shells, persistence, destruction and exfiltration. Texts inside commands (substitutions,
here-documents, decoded constants, ``sh -c``) are analysed recursively within a budget of work.
Each mention belongs to the vocabulary ``shell-commands``. Its name is the address, program or file concerned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from msgspec import Struct, field

from modelaudit.languages.shell.command import OUTPUT_MARK, Command
from modelaudit.languages.shell.constant_output import evaluate_printed_text
from modelaudit.languages.shell.download_commands import find_download_address
from modelaudit.languages.shell.downloads import READ_BUILTINS
from modelaudit.languages.shell.embedded_commands import extract_embedded_commands
from modelaudit.languages.shell.execution import (
    DECODERS,
    NOTABLE_PROGRAMS,
    executes_download_inline,
    executes_input,
    is_output_of_one_command,
    is_shell_text,
    join_sources,
    judge_program_names,
    list_executed_words,
    names_program_by_pattern,
    unwrap_commands,
)
from modelaudit.languages.shell.harm import Harm, detect_harm, detect_pipeline_harm
from modelaudit.languages.shell.installers import collect_sources
from modelaudit.languages.shell.parsed_texts import ParsedTexts
from modelaudit.languages.shell.pipelines import (
    Pipeline,
    group_into_pipelines,
    hides_program,
    is_program_text_option,
    runs_input,
)
from modelaudit.languages.shell.program_names import (
    EVALUATORS,
    INTERPRETERS,
    RUNNERS,
    SHELLS,
    normalize_program_name,
    unwrap_command,
)
from modelaudit.languages.shell.script_state import ScriptState
from modelaudit.languages.shell.vocabulary import VOCABULARY
from modelaudit.model.copies import replace
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Location
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.deadline import iterate_within_deadline

_MAX_DEPTH: Final = 6
_MAX_MENTIONS: Final = 2000
_MAX_QUOTE_LENGTH: Final = 200
_WORK_PER_COMMAND: Final = 4
# Programs that print what they read, so that ``$(cat)`` holds the input of the command around it.
_FILTERS: Final = (["cat"], ["tee"], ["tr"], ["sed"], ["base64"], ["gunzip"], ["zcat"], ["xxd"], ["head"], ["tail"])
_MARKED_OUTPUT: Final = OUTPUT_MARK[2:-1]  # the lexer takes it for a substitution if a nested text holds the mark


def collect_script_mentions(
    text: str, line: int = 1, texts: ParsedTexts | None = None, fetched_runs: dict[str, Location] | None = None
) -> Iterator[Mention]:
    """Yield a mention with its line for each dangerous action of the script.

    Args:
        text: the script.
        line: the number of its first line in the file, from 1.
        texts: those of the script that another analysis has parsed, or will read.
        fetched_runs: gets each file that a command runs and that a download may have written, with its place.

    Raises:
        LimitReachedError: its commands nest too deep, or it has too many commands or mentions.
    """
    state = ScriptState.for_text(text, texts or ParsedTexts())
    state.fetched_runs = state.fetched_runs if fetched_runs is None else fetched_runs
    for count, mention in enumerate(_ScriptAnalyzer(state, line, depth=0).analyze_text(text)):
        if count >= _MAX_MENTIONS:
            raise LimitReachedError(f"only the first {_MAX_MENTIONS} dangerous actions of the script were reported")
        state.reported.add((mention.use, mention.name, mention.where))
        yield mention
    if state.reached_bound or state.downloads.is_partial:
        raise LimitReachedError(state.reached_bound or "a long text or file that the script writes was not followed")


class _ScriptAnalyzer(Struct, frozen=True):
    """Analyses one text of commands, which may be nested in another.

    Attributes:
        state: shared by all texts of the script.
        first_line: the line of the text in the file, from 1.
        depth: how many texts enclose it.
        sources: the commands whose output its commands read as their input.
        substitutions: those of the command that executes the text, whose unknown outputs are marked in it.
    """

    state: ScriptState
    first_line: int
    depth: int
    sources: list[Command] = field(default_factory=list)
    substitutions: list[str] = field(default_factory=list)

    def analyze_text(self, text: str) -> Iterator[Mention]:
        """Yield the mentions of the commands, in order."""
        if self.depth > _MAX_DEPTH:
            raise LimitReachedError(f"its commands nest deeper than {_MAX_DEPTH} levels; the rest was not analysed")
        yield from self._analyze_commands(self.state.parse_text(text))

    def _analyze_commands(self, commands: list[Command]) -> Iterator[Mention]:
        """Yield the mentions of the commands of one text, in order."""
        for command in commands:
            command.sources = [*self.sources, *command.sources] if self.sources else command.sources
            own_substitutions = [text for text in command.substitutions if text != _MARKED_OUTPUT]
            # A mark without a substitution of its own comes from the command that executes this text.
            if self.substitutions and not own_substitutions and any(OUTPUT_MARK in word for word in command.words):
                command.substitutions = self.substitutions
        for pipeline in iterate_within_deadline(group_into_pipelines(commands), items_per_check=16):
            yield from self._analyze_pipeline(pipeline)

    def _analyze_pipeline(self, pipeline: Pipeline) -> Iterator[Mention]:
        """Yield the mentions of each command of a pipeline, and of commands that are harmful only together."""
        self.state.spend_work(sum(len(command.sources) for command in pipeline.commands))
        joined_commands = [each for command in pipeline.commands for each in join_sources([command]) if each.words]
        if len(joined_commands) > 1:
            yield from self._report_harms(detect_pipeline_harm(joined_commands), pipeline.commands[-1])
        for index, command in enumerate(pipeline.commands):
            command.piped_input = self._list_piped_input(pipeline, index)
            if command.words and command.words[0] in self.state.functions:
                yield from self._analyze_call(command)
            command.words = self.state.resolve_alias(command.words)
            words = unwrap_command(command.words)
            yield from self._analyze_input(command, words)
            yield from self._analyze_command(command, words)
            for text in (*command.substitutions, *command.input_substitutions):
                yield from self._analyze_nested(text, command)
        yield from self._report_harms(self.state.private_copies.follow_pipeline(joined_commands), pipeline.commands[-1])
        yield from self._analyze_output(pipeline.commands[-1])

    def _analyze_output(self, last_command: Command) -> Iterator[Mention]:
        """Record the files that a pipeline writes, and yield a mention if it writes to a shell that ``exec`` started.

        Args:
            last_command: the last of the pipeline.
        """
        is_stored = last_command.output_files or self.state.shell_outputs
        body = self.state.list_body(last_command) if is_stored else []
        commands = [*last_command.piped_input, *body, last_command]
        if last_command.output_files or len(commands) > 1 or last_command.input_text is not None:
            self.state.downloads.record_pipeline(commands, self.state.evaluate_output(commands))
            for mention in self.state.downloads.list_piped_sources(commands):
                yield replace(mention, where=self._locate_command(last_command))
        if last_command.words == ["exec"]:  # ``exec 3> >(sh)``: the shell runs whatever is written to 3 later
            branches = [each for text in last_command.output_substitutions for each in self.state.parse_text(text)]
            if any(runs_input(unwrap_command(each.words)) for each in branches):
                self.state.shell_outputs.add(last_command.descriptor or "1")
        elif not self.state.shell_outputs.isdisjoint(last_command.output_files or ["1"]):
            address = self.state.find_source_address(commands)
            if address is not None:
                yield self._make_mention("download-and-run", address, last_command)

    def _list_piped_input(self, pipeline: Pipeline, index: int) -> list[Command]:
        """List the commands whose output one command of a pipeline reads; none if that command ignores them."""
        command = pipeline.commands[index]
        if not index and not command.sources:
            return []
        words = unwrap_command(command.words)
        name = normalize_program_name(words[0]) if words else ""
        is_last = index == len(pipeline.commands) - 1
        can_matter = (
            is_last or not words or command.substitutions or "$" in name or name in READ_BUILTINS
            or name in RUNNERS | EVALUATORS or command.words[0] in self.state.functions or runs_input(words)
            or self.state.resolve_alias(words) != words
        )  # fmt: skip
        if not can_matter:
            return []
        sources = [*command.sources, *join_sources(pipeline.commands[:index])]
        self.state.spend_work(len(sources))
        return self.state.expand_calls(sources)

    def _analyze_input(self, command: Command, words: list[str]) -> Iterator[Mention]:
        """Yield the mentions of the standard input of a command, if the command executes that input."""
        sources = command.piped_input
        name = normalize_program_name(words[0]) if words else ""
        if sources and executes_input(command, words):
            yield from self._analyze_piped_program(sources, command)
        elif sources and name in READ_BUILTINS:
            self._record_read_variable(sources, words)
        elif sources and hides_program(words):
            if find_download_address(sources) is not None:
                yield self._make_mention("unresolved-run", words[0], command)
        elif command.input_text is not None and runs_input(words) and name in SHELLS | EVALUATORS:
            yield from self._analyze_nested(command.input_text, command)
            yield from self._analyze_substitutions(command)
        elif command.input_text is not None and name in INTERPRETERS and is_output_of_one_command(command.input_text):
            yield from self._analyze_substitutions(command)
        elif runs_input(words) and self.state.downloads.input_address and not command.input_files:
            yield self._make_mention("download-then-run", self.state.downloads.input_address, command, words[0])

    def _analyze_call(self, command: Command) -> Iterator[Mention]:
        """Yield the mentions of the body of a function for one call, if its input or its arguments can matter.

        The body is analysed in its own place as well, without arguments.
        """
        name, *arguments = command.words
        can_matter = command.piped_input or any(
            OUTPUT_MARK in word or "://" in word or normalize_program_name(word) in NOTABLE_PROGRAMS
            for word in arguments
        )
        if not can_matter or self.depth >= _MAX_DEPTH:
            return
        commands = self.state.parse_body(self.state.functions[name], arguments)
        body = self.state.functions.pop(name)  # its own calls of itself are not followed
        yield from self._skip_reported(self._make_nested_analyzer(command, [])._analyze_commands(commands))
        self.state.functions[name] = body

    def _record_read_variable(self, sources: list[Command], words: list[str]) -> None:
        """Record that ``read`` stores a download in its variables, if one of the commands before it downloads."""
        if (address := self.state.find_source_address(sources)) is not None:
            self.state.downloads.record_read(words, address)

    def _analyze_nested(self, text: str, command: Command) -> Iterator[Mention]:
        """Analyse a text that ``command`` executes, one level deeper; its first line is that of the command."""
        own_output = [command] if text in command.output_substitutions else []
        nested = self._make_nested_analyzer(command, own_output)
        yield from self._skip_reported(nested.analyze_text(text))

    def _skip_reported(self, mentions: Iterator[Mention]) -> Iterator[Mention]:
        """Leave out what the script reports already: a text that several commands execute is analysed for each."""
        for mention in mentions:
            # A nested analyser passes all on to the outermost one, which decides.
            if self.depth or (mention.use, mention.name, mention.where) not in self.state.reported:
                yield mention

    def _make_nested_analyzer(self, command: Command, own_output: list[Command]) -> _ScriptAnalyzer:
        """Make the analyser of a text that ``command`` executes, whose commands inherit what the command reads."""
        first_line = self.first_line + command.line - 1
        sources = [*command.piped_input, *own_output]
        return _ScriptAnalyzer(self.state, first_line, self.depth + 1, sources, command.substitutions)

    def _report_harms(self, harms: Iterable[Harm], command: Command) -> Iterator[Mention]:
        return (self._make_mention(use, name, command, detail) for use, name, detail in harms)

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
        programs = unwrap_commands(sources)
        names = [normalize_program_name(words[0]) for words in programs]
        address = find_download_address(sources)
        if address is not None:
            yield self._make_mention("download-and-run", address, command, f"into {shell}")
            return
        downloaded_address = self.state.find_source_address(sources)
        if downloaded_address is None and runs_input(unwrap_command(command.words)):  # ``cat *.sh | sh``
            read_words = [word for words in programs for word in words[1:]]
            downloaded_address = self.state.downloads.find_executed_address(read_words)
        if downloaded_address is not None:
            yield self._make_mention("download-then-run", downloaded_address, command, f"into {shell}")
            return
        for each in sources:
            yield from self._analyze_substitutions(each)
        # A constant that is decoded can be read here. The hidden script is analysed like the visible one.
        text = self.state.evaluate_output(sources)
        if text is not None:
            if len(sources) > 1 or not DECODERS.isdisjoint(names):  # ``xxd -r -p <<< 6869 | sh``
                yield self._make_mention("decode-and-run", names[-1], command, f"into {shell}")
            if shell in SHELLS | EVALUATORS:
                yield from self._analyze_nested(text, command)
            return
        if shell in SHELLS | EVALUATORS:
            yield from self._analyze_printed_texts(sources, command)
        use, name = judge_program_names(names)
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
        yield from self._report_harms(detect_harm(command, words), command)
        for text in extract_embedded_commands(command):
            yield from self._analyze_nested(text, command)
        state = self.state
        installed = state.downloads.list_installed_sources(words)
        for mention in chain(collect_sources(command, words), state.clones.follow_command(words), installed):
            yield replace(mention, where=self._locate_command(command))

    def _analyze_command(self, command: Command, words: list[str]) -> Iterator[Mention]:
        """Yield the mentions of one command, with what earlier commands downloaded.

        Args:
            command: as it is written.
            words: its words without wrappers such as ``sudo``.
        """
        yield from self._analyze_words(command, words)
        self.state.record_outputs(command)
        self.state.downloads.record_command(command, words, self.state.parse_outputs(command))
        if not words:
            yield from self._report_executed_words(command, [f"${name}" for name in command.lost_variables])
            return
        name = normalize_program_name(words[0])
        if words[0] == OUTPUT_MARK:
            yield from self._analyze_substitutions(command)
        elif names_program_by_pattern(words[0]):
            yield self._make_mention("obfuscated", words[0], command)
        if name in READ_BUILTINS:  # ``read line < <(curl …)``
            sources = [each for text in command.input_substitutions for each in self.state.parse_text(text)]
            self._record_read_variable([*sources, Command(command.line, input_files=command.input_files)], words)
        yield from self._report_executed_words(command, list_executed_words(command, words, name))
        if name in EVALUATORS or name in SHELLS:
            yield from self._analyze_evaluator(command, words, name)
        elif name in INTERPRETERS:
            if executes_download_inline(words):
                yield self._make_mention("decode-and-run", " ".join(words[:2]), command)
            yield from self._analyze_executed_outputs(command.input_substitutions, command)
            if OUTPUT_MARK in words[1:3]:  # the whole program is the output of a command: ``python -c "$(curl …)"``
                yield from self._analyze_substitutions(command)
        elif name == "trap" and OUTPUT_MARK in words[1:2]:
            yield from self._analyze_substitutions(command)

    def _report_executed_words(self, command: Command, executed_words: list[str]) -> Iterator[Mention]:
        """Yield a mention if a downloaded file or variable is executed; analyse a file that the script has written."""
        if (address := self.state.downloads.find_executed_address(executed_words)) is not None:
            yield self._make_mention("download-then-run", address, command, (command.words or ["$@"])[0])
        else:
            self.state.record_fetched_runs(command, executed_words, self._locate_command(command))
        for output in filter(None, map(self.state.find_output, executed_words)):
            yield from self._analyze_executed_output(output, command)
        text = self.state.downloads.take_text(executed_words)
        if text is not None and is_shell_text(text):
            yield from self._analyze_nested(text, command)

    def _analyze_evaluator(self, command: Command, words: list[str], name: str) -> Iterator[Mention]:
        """Yield the mentions of the program text that ``eval`` or a shell with ``-c`` executes, and of ``<(…)``."""
        yield from self._analyze_executed_outputs(command.input_substitutions, command)
        program = " ".join(words[1:]) if name == "eval" else None
        if name in SHELLS:
            option_indices = (index for index in range(1, len(words) - 1) if is_program_text_option(words[index]))
            program = next((words[index + 1] for index in option_indices), None)
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
        commands = self.state.expand_calls(self.state.parse_text(substitution))
        address = find_download_address(commands)
        if address is None and commands and commands[0].words[:1] in _FILTERS:  # ``curl … | eval "$(cat)"``
            address = find_download_address(command.piped_input)
        names = [normalize_program_name(words[0]) for words in unwrap_commands(commands)]
        text = self.state.evaluate_output(commands)
        if address is not None:
            yield self._make_mention("download-and-run", address, command)
        elif text is not None:
            if len(commands) > 1:
                yield self._make_mention("decode-and-run", names[-1], command)
            # ``$(echo cu)rl``: the words behind the substitution are arguments of the program that it names.
            words = command.words[1:] if command.words[:1] == [OUTPUT_MARK] else []
            yield from self._analyze_nested(" ".join([text, *words]), command)
        elif not DECODERS.isdisjoint(names):
            yield self._make_mention("decode-and-run", names[-1], command)
        else:
            read_words = [word for each in commands for word in (*each.words[1:], *each.input_files)]
            if (address := self.state.downloads.find_stored_address(read_words)) is not None:
                yield self._make_mention("download-then-run", address, command)
