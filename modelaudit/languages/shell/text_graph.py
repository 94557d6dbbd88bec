"""Hold where text can flow in a shell script: between files, variables, commands and the outputs of substitutions.

The order of the commands does not matter, so that a flow is rather found too often than missed.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Iterator
from enum import IntEnum, auto
from typing import Final, NamedTuple

from msgspec import Struct

from modelaudit.languages.shell.expansions import POSITIONAL_PARAMETERS
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.deadline import iterate_within_deadline

VARIABLE: Final = defer_pattern(r"\$\{?([A-Za-z_]\w*|[\d@*])\}?")
_LETTER: Final = defer_pattern(r"[A-Za-z0-9]")
_MOST_EDGES: Final = 400_000
_MOST_SPELLINGS: Final = 50  # of one word with variables
_FEWEST_LETTERS: Final = 3  # in the name of a file with a variable part, so that it does not match every name


class NodeKind(IntEnum):  # the hash of a number costs less than that of another member
    """The kind of a place that text can be in."""

    FILE = auto()
    """A file or descriptor, by the word that names it."""
    VARIABLE = auto()
    OUTPUT = auto()
    """The output of a substitution, by its text."""
    FUNCTION = auto()
    """The output of a function."""
    COMMAND = auto()
    """What a command reads, prints and is given."""
    INPUT = auto()
    """The input of functions, and of all commands behind ``exec < file``."""


class Node(NamedTuple):
    """A place that text can be in."""

    kind: NodeKind
    name: str


INPUT: Final = Node(NodeKind.INPUT, "")
ANY_VARIABLE: Final = Node(NodeKind.VARIABLE, "")
"""All variables, for a value that is made of an unknown one."""


class Flow(Struct, frozen=True):
    """The text of a node, as one that another node can hold.

    Attributes:
        source: the node.
        is_name: whether the text is the name of a file that is read, and not itself what the other node holds.
    """

    source: Node
    is_name: bool = False


class TextGraph:
    """The nodes of one script with the flows into each.

    Attributes:
        runs_unknown_text: whether a command executes a text that is not a constant of the script.
    """

    def __init__(self) -> None:
        self.runs_unknown_text = False
        self._flows: defaultdict[Node, dict[Flow, None]] = defaultdict(dict)
        self._constants: defaultdict[Node, dict[str, None]] = defaultdict(dict)  # by variable
        self._printed_names: defaultdict[Node, dict[Flow, None]] = defaultdict(dict)  # by command
        self._executed: dict[Flow, int] = {}
        self._flows_left = _MOST_EDGES

    def add_flows(self, target: Node, flows: Iterable[Flow]) -> None:
        """Record that a node can hold the text of others.

        Raises:
            LimitReachedError: the script has too many flows.
        """
        known = self._flows[target]
        for flow in flows:
            if flow not in known:
                self._flows_left -= 1
                known[flow] = None
            if self._flows_left < 0:
                raise LimitReachedError(
                    "the text in its variables has too many ways to follow; the rest was not analysed"
                )

    def add_constant(self, variable: Node, value: str) -> None:
        """Record a constant value of a variable, which may be the name of a file."""
        if _LETTER.search(value):
            self._constants[variable][value] = None

    def add_printed_names(self, command: Node, words: Iterable[str]) -> None:
        """Record that a command prints words, and not the text of the files that they name."""
        self._printed_names[command].update(dict.fromkeys(Flow(Node(NodeKind.FILE, word), True) for word in words))

    def execute(self, flows: Iterable[Flow], line: int) -> None:
        """Record that a command on a line executes the text of nodes, or the files that their text names."""
        for flow in flows:
            is_constant = flow.source.kind is NodeKind.FILE and VARIABLE.search(flow.source.name) is None
            self.runs_unknown_text = self.runs_unknown_text or not is_constant
            self._executed.setdefault(flow, line)

    def list_executed_files(self) -> Iterator[tuple[str, int]]:
        """Yield each word that may name a file whose text is executed, with the line of the executing command."""
        waiting = list(self._executed.items())
        reached = {flow for flow, _ in waiting}
        yielded: set[str] = set()
        while waiting:
            flow, line = waiting.pop()
            if flow.is_name and flow.source.kind is NodeKind.FILE:
                new_words = [word for word in self._spell_words(flow.source.name) if word not in yielded]
                yielded.update(new_words)
                yield from ((word, line) for word in new_words)
            for following in iterate_within_deadline(self._list_following(flow), items_per_check=64):
                if following not in reached:
                    reached.add(following)
                    waiting.append((following, line))

    def _list_following(self, flow: Flow) -> list[Flow]:
        """List the flows into the source of a flow."""
        node = flow.source
        if node.kind is NodeKind.FILE:
            into_file = self._flows.get(Node(NodeKind.FILE, normalize_path(node.name)), ())
            return [*into_file, *(Flow(name_variable(name), True) for name in VARIABLE.findall(node.name))]
        if node == ANY_VARIABLE:
            return [Flow(each, flow.is_name) for each in self._flows if each.kind is NodeKind.VARIABLE and each != node]
        following = list(self._flows.get(node, ()))
        if flow.is_name:  # a text that names a file is the text of a node as well
            following += [Flow(each.source, True) for each in following]
            following += self._printed_names.get(node, ())
            following += (Flow(Node(NodeKind.FILE, value), True) for value in self._constants.get(node, ()))
        return following

    def _spell_words(self, word: str) -> Iterator[str]:
        """Yield the names of files that a word can mean: with each known value of its variables, and as a pattern."""
        variable = VARIABLE.search(word)
        if variable is None:
            yield word
            return
        values = list(self._constants.get(name_variable(variable[1]), ()))[:_MOST_SPELLINGS]
        for value in (*values, "*"):
            name = VARIABLE.sub("*", word[: variable.start()] + value + word[variable.end() :])
            if "*" not in name or len(_LETTER.findall(posixpath.basename(name))) >= _FEWEST_LETTERS:
                yield name
                if name.startswith("*/"):  # ``$PWD/a.txt``
                    yield name[2:]


def normalize_path(path: str) -> str:
    """Return the path by which a file is known here: ``./x`` and ``x`` are one file."""
    return path.removeprefix("./")


def name_variable(name: str) -> Node:
    """Return the node of a variable; all arguments of a function share one."""
    return Node(NodeKind.VARIABLE, "@" if name in POSITIONAL_PARAMETERS or name in ("*", "0") else name)


def name_file(word: str) -> Flow:
    """Return the flow of a word as the name of a file."""
    return Flow(Node(NodeKind.FILE, word), True)
