"""Find the files whose text a shell script executes by way of variables, pipes, loops and copies.

``x=$(cat a.txt); eval "$x"`` runs the text of ``a.txt``, and so do ``cp a.txt /tmp/r; sh /tmp/r`` and a loop over its
lines. Commands that execute a text are followed back to the files from which it can come. In a script that executes
unknown text, any other file that it names may be run as well, which counts less.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from typing import Final

from modelaudit.languages.shell.command import OUTPUT_MARK, Command
from modelaudit.languages.shell.command_flows import (
    executes_lines,
    executes_what_it_reads,
    list_executed,
    list_lost_variables,
    list_outputs,
    list_own_folders,
    list_program_texts,
    list_text_flows,
    list_words_of_program,
    list_written_files,
    passes_names,
)
from modelaudit.languages.shell.downloads import READ_BUILTINS
from modelaudit.languages.shell.functions import find_functions
from modelaudit.languages.shell.lexer import ShellLexer
from modelaudit.languages.shell.parsed_texts import ParsedTexts
from modelaudit.languages.shell.pipelines import (
    Pipeline,
    group_into_pipelines,
    is_program_text_option,
    runs_input,
)
from modelaudit.languages.shell.program_names import SHELLS, normalize_program_name, unwrap_command
from modelaudit.languages.shell.text_graph import (
    INPUT,
    Flow,
    Node,
    NodeKind,
    TextGraph,
    name_file,
    name_variable,
    normalize_path,
)
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import Reference, ReferenceKind
from modelaudit.model.structure import locate_line
from modelaudit.wire.base import LimitReachedError

EXECUTED: Final = "program"
"""The kind of a file whose text a script executes."""
NAMED: Final = "named"
"""The kind of a file that a script names which executes unknown text."""

_LETTER: Final = defer_pattern(r"[A-Za-z0-9]")
_MOST_REFERENCES: Final = 5_000
_MOST_CHARACTERS_OF_NAME: Final = 300
_MOST_FOLDERS: Final = 20
_MAX_DEPTH: Final = 6
_BASE_CHARACTERS: Final = 200_000
_CHARACTERS_PER_CHARACTER: Final = 4  # of nested texts, for each character of the script
# Programs that print names and numbers, and nothing from the files that they are given.
_PRINTS_NO_TEXT: Final = frozenset(
    {"ls", "find", "fd", "wc", "stat", "du", "df", "date", "nproc", "hostname", "whoami", "id", "uname", "pwd", "cd",
     "basename", "dirname", "realpath", "readlink", "which", "command", "type", "seq", "mktemp", "echo", "printf",
     "test", "[", "[[", "nvidia-smi", "git", "sha256sum", "md5sum", "sha1sum", "tput", "expr", "free", "pgrep", "ps",
     "mkdir", "rm", "touch", "chmod", "true", "false", "sleep", "export", "local", "declare", "typeset", "readonly",
     "shift", "for", "case", "set", "coproc"}
)  # fmt: skip
_LOOPS: Final = ("for", "select")
# Arithmetic evaluates the text of variables, and runs ``$(command)`` in a subscript there.
_ARITHMETIC: Final = defer_pattern(r"\(\(|\$\[|-(?:eq|ne|lt|le|gt|ge)\b|\blet\b|(?:declare|typeset|local)[ \t]+-\w*i")


def find_executed_files(text: str, texts: ParsedTexts | None = None) -> Iterator[Reference]:
    """Yield a reference to each file that the commands of a script may execute, of the kind ``EXECUTED`` or ``NAMED``.

    Args:
        text: the script.
        texts: those of the script that another analysis has parsed, or will read.

    Raises:
        LimitReachedError: behind the references, if a bound on the analysis was reached.
    """
    reader = _ScriptReader(text, texts or ParsedTexts())
    reached_limit: LimitReachedError | None = None
    try:
        reader.read_text(text)
    except LimitReachedError as error:
        reached_limit = error
    reader.execute_programs_in_own_folders()
    found: dict[tuple[str, str], int] = {}
    for word, line in reader.graph.list_executed_files():
        # A pattern without a letter, such as ``*``, names every file, and shows of none that it is executed.
        kind = EXECUTED if _LETTER.search(word) else NAMED
        for each in reader.list_paths(word):
            found.setdefault((kind, each), line)
    if reader.graph.runs_unknown_text or (reader.stores_read_text and _ARITHMETIC.search(text)):
        for word, line in reader.words.items():
            if (EXECUTED, word) not in found and _may_name_file(word):
                found[NAMED, word] = line
    for (kind, word), line in list(found.items())[:_MOST_REFERENCES]:
        yield Reference(ReferenceKind.CODE, word, kind, where=locate_line(line))
    if reached_limit is not None:
        raise reached_limit
    if len(found) > _MOST_REFERENCES:
        raise LimitReachedError(f"only the first {_MOST_REFERENCES} files that the script may execute were compared")


def _may_name_file(word: str) -> bool:
    """Whether a word of a script can be the name of a file."""
    return len(word) <= _MOST_CHARACTERS_OF_NAME and _LETTER.search(word) is not None and " " not in word.strip()


class _ScriptReader:
    """Reads the commands of one script into a graph.

    Attributes:
        graph: where its text can flow.
        words: all words in it, each with its line.
        stores_read_text: whether a variable gets the text of a file or the output of a command.
    """

    def __init__(self, text: str, texts: ParsedTexts) -> None:
        self._texts = texts
        self.graph = TextGraph()
        self.words: dict[str, int] = {}
        self.stores_read_text = False
        self._variables: dict[str, str] = {}
        self._functions: set[str] = set()
        self._texts_read: set[tuple[str, Node | None]] = set()
        self._characters_left = _BASE_CHARACTERS + _CHARACTERS_PER_CHARACTER * len(text)
        self._program_folders: set[str] = set()  # of the script, in which a shell looks for programs
        self._programs: dict[str, int] = {}
        self._entered_folders: dict[str, None] = {}
        self._nodes: dict[int, Node] = {}
        self._commands: list[Command] = []  # kept, because ``_nodes`` knows them by their identity

    def list_paths(self, word: str) -> list[str]:
        """List the paths that a word can mean: in the folder of the script, and in those that ``cd`` enters."""
        folders = self._entered_folders if not word.startswith(("/", "~", "$")) else ()
        return [word, *(posixpath.join(folder, word) for folder in folders)]

    def execute_programs_in_own_folders(self) -> None:
        """Record that programs may be found in folders of the script, which it adds to the variable ``PATH``."""
        folders = self._program_folders.union(list_own_folders(self._variables.get("PATH", "/")))
        for folder in folders:
            for program, line in self._programs.items():
                self.graph.execute([name_file(posixpath.join(folder, program))], line)

    def read_text(
        self, text: str, line: int = 1, output: Node | None = None, outer: Command | None = None, depth: int = 0
    ) -> None:
        """Read a text of commands.

        Args:
            text: the commands.
            line: of its first line in the file.
            output: the node that gets what the commands print.
            outer: the command that executes the text; the marks in the text refer to its substitutions.
            depth: how many texts enclose it.

        Raises:
            LimitReachedError: its commands nest too deep, or are too many.
        """
        if (text, output) in self._texts_read:
            return
        self._texts_read.add((text, output))
        self._characters_left -= len(text)
        if depth > _MAX_DEPTH or self._characters_left < 0:
            raise LimitReachedError("its nested commands are too many or too deep; the files that they run are unknown")
        functions = list(find_functions(text))
        self._functions.update(each.name for each in functions)
        parsed = self._texts.parse_text(text, self._variables)
        for variable, lists_of_names in parsed.derived_variables.items():
            lost_names = chain.from_iterable(lists_of_names)
            self.graph.add_flows(name_variable(variable), (Flow(name_variable(name)) for name in lost_names))
        for pipeline in group_into_pipelines(parsed.commands):
            self._read_pipeline(pipeline, line, output, outer, depth)
        for function in functions:
            self.read_text(function.body, line, Node(NodeKind.FUNCTION, function.name), None, depth + 1)

    def _read_pipeline(
        self, pipeline: Pipeline, line: int, output: Node | None, outer: Command | None, depth: int
    ) -> None:
        """Read the commands of one pipeline; ``read_text`` explains the arguments."""
        before: Node | None = None
        for command in pipeline.commands:
            command_line = line + command.line - 1
            words = unwrap_command(command.words)
            for word in (*command.words, *command.input_files, *(value for _, value in command.assignments)):
                self.words.setdefault(word, command_line)
            if words[:1] in (["cd"], ["pushd"]) and len(self._entered_folders) < _MOST_FOLDERS:
                self._entered_folders.update((word, None) for word in words[1:] if word.strip("-./~")[:1].isalnum())
            self._programs.setdefault((words or [""])[0], command_line)
            node = self._get_node(command, outer)
            is_piped_into = before is not None or bool(command.sources)
            if before is not None:
                self.graph.add_flows(node, {Flow(before), Flow(before, passes_names(command))})
            elif not command.input_files and command.input_text is None and not command.sources:
                self.graph.add_flows(node, [Flow(INPUT)])
            self._record_variables(command, words, node, outer)
            self._record_call(command, words, node, is_piped_into, outer)
            for file in (*command.output_files, *list_written_files(words)):
                self.graph.add_flows(Node(NodeKind.FILE, normalize_path(file)), [Flow(node)])
            inputs = [before] if before is not None else [self._get_node(each) for each in command.sources]
            self._record_execution(command, words, inputs, command_line, outer)
            if output is not None:
                self.graph.add_flows(output, [Flow(node)])
            for text in (*command.substitutions, *command.input_substitutions):
                self.read_text(text, command_line, Node(NodeKind.OUTPUT, text), outer, depth + 1)
            for text in list_program_texts(command):
                self.read_text(text, command_line, output, command, depth + 1)
            before = node

    def _record_execution(
        self, command: Command, words: list[str], inputs: list[Node], line: int, outer: Command | None
    ) -> None:
        """Record what a command executes; ``inputs`` are the commands whose output it reads."""
        self.graph.execute(list_executed(command, outer), line)
        if executes_lines(command, words):
            self.graph.execute([*map(Flow, inputs), *map(name_file, command.input_files)], line)
        if executes_what_it_reads(command, words, bool(inputs)) or self._writes_to_shell(command):
            self.graph.execute([Flow(self._get_node(command))], line)

    def _get_node(self, command: Command, outer: Command | None = None) -> Node:
        """Return the node of a command, with the flows into it from its words and its input."""
        node = self._nodes.get(id(command))
        if node is not None:
            return node
        node = self._nodes[id(command)] = Node(NodeKind.COMMAND, str(len(self._nodes)))
        self._commands.append(command)
        words = unwrap_command(command.words)
        flows = list_text_flows(command, words, outer)
        flows += list_lost_variables(command)
        if words and normalize_program_name(words[0]) in _PRINTS_NO_TEXT:
            self.graph.add_printed_names(node, filter(_LETTER.search, words[1:]))
        else:
            flows += map(name_file, words[1:])
            flows += [Flow(Node(NodeKind.FUNCTION, words[0]))] if words else []
            flows += (name_file(each) for word in words[1:] for each in list_words_of_program(word))
            flows += map(name_file, command.input_files)
        flows += list_outputs((*command.substitutions, *command.input_substitutions))
        flows += list_text_flows(command, [command.input_text or ""], outer)
        source_nodes = [self._get_node(each) for each in command.sources]
        flows += (Flow(each, is_name) for each in source_nodes for is_name in {False, passes_names(command)})
        self.graph.add_flows(node, flows)
        return node

    def _record_variables(self, command: Command, words: list[str], node: Node, outer: Command | None) -> None:
        """Record the variables that a command fills."""
        values_by_variable: defaultdict[str, list[str]] = defaultdict(list)
        for variable, value in command.assignments:
            values_by_variable[variable].append(value)
            if variable == "PATH":
                self._program_folders.update(list_own_folders(value))
            if words and OUTPUT_MARK in value:  # ``coproc program``
                self.graph.add_flows(name_variable(variable), [Flow(node)])
        for variable, values in values_by_variable.items():
            self._assign(variable, values, command, outer)
        name = normalize_program_name(words[0]) if words else ""
        variables: list[str] = []
        if name in READ_BUILTINS:
            variables = [word for word in words[1:] if word.isidentifier()] or ["REPLY", "MAPFILE"]
        elif words[:2] == ["printf", "-v"]:
            variables = words[2:3]
        elif name == "set":
            variables = ["@"]
        for variable in variables:
            self.stores_read_text = True
            self.graph.add_flows(name_variable(variable), [Flow(node)])
        if name in _LOOPS and words[2:3] == ["in"]:
            self._assign(words[1], words[3:], command, outer)
            self.graph.add_flows(name_variable(words[1]), list_lost_variables(command))

    def _record_call(
        self, command: Command, words: list[str], node: Node, is_piped_into: bool, outer: Command | None
    ) -> None:
        """Record the arguments and the input of a function or a program text, and the input that ``exec`` sets."""
        is_call = bool(words) and words[0] in self._functions
        is_program_text = (
            bool(words) and normalize_program_name(words[0]) in SHELLS and any(map(is_program_text_option, words[1:]))
        )
        if is_call or is_program_text:
            self._assign("@", words[1:], command, outer)
            self.graph.add_flows(name_variable("@"), list_lost_variables(command))
        if is_call and (is_piped_into or command.input_files or command.input_substitutions):
            self.graph.add_flows(INPUT, [Flow(node)])
        if command.words[-1:] == ["exec"]:
            is_input = command.descriptor in ("", "0")
            self.graph.add_flows(INPUT if is_input else Node(NodeKind.FILE, command.descriptor), [Flow(node)])

    def _assign(self, variable: str, values: list[str], command: Command, outer: Command | None) -> None:
        """Record the values of a variable."""
        self.graph.add_flows(name_variable(variable), list_text_flows(command, values, outer))
        for value in values:
            self.graph.add_constant(name_variable(variable), value)
            self.stores_read_text = self.stores_read_text or OUTPUT_MARK in value

    def _writes_to_shell(self, command: Command) -> bool:
        """Whether a command writes to ``>(commands)`` that execute their input, as ``tee >(sh)`` does."""
        texts = command.output_substitutions
        self._characters_left -= sum(map(len, texts))
        branches = (each for text in texts for each in ShellLexer(text, {}).split_commands())
        return any(runs_input(unwrap_command(each.words)) for each in branches)
