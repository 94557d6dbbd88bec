"""The log of one source: uses of names, and which of them run as soon as the file is imported.

An import runs the statements of the module and each function that they call. The log keeps the calls between functions
of the source as edges, and ``build_mentions`` follows them from the module: a call in a function that is reached
becomes ``call-at-import``. A function that is only handed to a receiver of another package, which is not known to call
it, is not reached; its uses say so in a remark.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct, field

from modelaudit.model.outline import Mention
from modelaudit.model.structure import Location

VOCABULARY: Final = "python-code"

IMPORT: Final = "import"
REFERENCE: Final = "reference"
CALL: Final = "call"
AT_IMPORT: Final = "call-at-import"
HIDDEN: Final = "hidden"
"""The source computes the name, so that a search does not find it."""
COMPUTED: Final = "computed-name"
"""The source takes some name of a module, and does not show which."""
OF_DECODED: Final = "of-decoded"
"""A call that runs what a decoder returned."""
OF_DOWNLOAD: Final = "of-download"
"""A call that runs what came from the network."""
OF_MODEL_DATA: Final = "of-model-data"
"""A call that runs what was taken from the values of a model file."""
SENDS_SECRET: Final = "sends-secret"
REMOTE_SHELL: Final = "shell-over-network"
OVERWRITE: Final = "overwrite"
"""The source gives a new value to an attribute or item of another module."""
MODULE_ALIAS: Final = "module-alias"
"""The source gives a module a second name, ``name=module``; other files can import the module under that name.

The name is ``*`` for a module that is used as a value. The module is ``.file.name`` for a name of another file.
"""
NAMED_TEXT: Final = "named-text"
"""A name of the source holds a text that may name a module or a function, ``name=text``; other files can import it."""
TAKES_TEXT: Final = "takes-text"
"""The source takes a member, a module or code by a text that it imports, as it seems, from another file."""
RELIES_ON: Final = "relies-on"
"""The source looks a member or module up by a text that this name of it holds or makes; other files can bind it."""
HANDS_ON: Final = "hands-on"
"""The source passes a module, or a function that looks names up, to code that the analysis does not follow."""
SENDS_TO: Final = "process-sends-to"
"""The source has clients send data to a server, by a variable of the environment; the name is the host."""
NAMED_SECRET: Final = "named-secret"
"""A name of the source holds a secret, or is a function that returns one; other files can import it."""
CLOSED_UNPICKLER: Final = "closed-unpickler"
"""A class unpickles the names of closed tables alone, ``class=table table``; other files can change the tables."""
ANY_VALUE: Final = "*"
"""The name of a value whose own name is not known, in the members and second names that other files are joined with."""
TEXT: Final = "text"
"""A text that shows an attack by itself."""

_SERVICES: Final = "services"
MODULE: Final = 0
MAIN: Final = -1
"""The code below ``if __name__ == "__main__"``, which an import does not reach."""

_REMARK: Final = "Importing this file hands the function around it to {receiver}, and shows no call of it."
_MAX_USES: Final = 20_000
_MAX_NAME: Final = 120
_MAX_DETAIL: Final = 160
_SOCKETS: Final = frozenset({"socket.socket", "socket.create_connection", "_socket.socket", "ssl.wrap_socket"})
_TERMINALS: Final = frozenset({"os.dup2", "posix.dup2", "pty.spawn", "pty.fork", "os.openpty", "pty.openpty"})


class Use(Struct, frozen=True):
    """One use of a name; ``within`` is the number of the function whose body holds it."""

    use: str
    name: str
    line: int
    detail: str
    within: int
    file: str = ""


class UseLog(Struct):
    """Collects uses, and which function calls which.

    Attributes:
        current_function: the number of the function whose body is evaluated, or ``MODULE`` or ``MAIN``.
        line_offset: added to every line, for a piece that begins further down in the file.
        is_full: whether a use was dropped because the log has ``_MAX_USES`` already.
    """

    current_function: int = MODULE
    line_offset: int = 0
    is_full: bool = False
    _uses: dict[tuple[str, str, str, str, int], Use] = field(default_factory=dict)
    # For each function: the functions of the source that it calls, and the methods that it calls on unknown objects.
    _edges: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    _edges_by_name: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    # For each function: the functions of the source that it hands to others, each with the first receiver.
    _handed: dict[int, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    # The functions of the source that a decorator puts into each store, and the stores that each function reads.
    _stored: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    _stores_read: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    # The functions that the arguments of the call that is evaluated refer to; ``None`` outside of arguments.
    _in_arguments: dict[int, None] | None = None
    # The functions and methods of each name.
    _numbers: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    # While code in a text is evaluated, all its uses get the line of the call that runs it.
    _pinned_line: int = 0

    def record(self, use: str, name: str, line: int, detail: str = "", file: str = "") -> None:
        """Keep one use, unless the current function has the same use of the same name with the same detail already.

        ``file`` is the path of the file that a call loads, if it is known.
        """
        key = (use, name, detail, file, self.current_function)
        if key in self._uses:
            return
        if len(self._uses) >= _MAX_USES:
            self.is_full = True
            return
        recorded_line = self._pinned_line or line + self.line_offset
        self._uses[key] = Use(use, name[:_MAX_NAME], recorded_line, format_detail(detail), self.current_function, file)

    def locate_line(self, line: int) -> int:
        """Return the line of the file for a line of the piece or text that is evaluated."""
        return self._pinned_line or line + self.line_offset

    def register_definition(self, name: str, number: int) -> None:
        """Keep the number of a function or method under its name, for calls of methods whose object is unknown."""
        self._numbers[name].append(number)

    def record_local_call(self, number: int) -> None:
        """Keep that the current function calls, or passes on, another function of the source."""
        self._edges[self.current_function].add(number)

    def record_reference(self, number: int) -> None:
        """Keep that an expression refers to a function of the source; in arguments, the receiver decides about it."""
        if self._in_arguments is None:
            self.record_local_call(number)
        else:
            self._in_arguments[number] = None

    def enter_arguments(self, inner: dict[int, None] | None) -> dict[int, None] | None:
        """Collect the functions that arguments refer to in ``inner``, or nowhere; return the collection before."""
        outer, self._in_arguments = self._in_arguments, inner
        return outer

    def record_handed_function(self, number: int, receiver: str) -> None:
        """Keep that the current function hands a function of the source to ``receiver``, which may call it or not."""
        self._handed[self.current_function].setdefault(number, receiver[:_MAX_NAME])

    def record_stored(self, store: str, numbers: Iterable[int]) -> None:
        """Keep that a decorator puts functions of the source into a store."""
        self._stored[store].update(numbers)

    def record_store_reads(self, number: int, stores: Iterable[str]) -> None:
        """Keep that a function refers to stores, so that it may call each function in them."""
        if stores:
            self._stores_read[number].update(stores)

    def record_method_call(self, name: str) -> None:
        """Keep that the current function calls a method of this name on an unknown object."""
        self._edges_by_name[self.current_function].add(name)

    def calls_method(self, ending: str) -> bool:
        """Whether the source calls a method whose name ends like this on an unknown object."""
        return any(name.endswith(ending) for names in self._edges_by_name.values() for name in names)

    def record_implied_call(self, outer: int, number: int) -> None:
        """Keep that the function ``number`` runs whenever ``outer`` does."""
        self._edges[outer].add(number)

    @property
    def pinned_line(self) -> int:
        """The line that all uses get at the moment; 0 if each gets its own."""
        return self._pinned_line

    def pin_line(self, line: int) -> int:
        """Record all further uses at ``line``, or at their own lines if it is 0; return the line pinned before."""
        previous_line, self._pinned_line = self._pinned_line, line
        return previous_line

    def iterate_uses(self) -> Iterator[Use]:
        """Yield each use, those of every function apart, in the order in which they were recorded."""
        yield from self._uses.values()

    def build_mentions(self, is_imported: bool = True) -> Iterator[Mention]:
        """Yield all uses in the order of their lines, each once; calls at import have the use ``call-at-import``.

        With ``is_imported`` false, as for the cells of a notebook, no call is one at import.

        A call that happens both at import and later is mentioned once, at import: that is the worse of the two.
        """
        reached = self._follow_calls([MODULE] if is_imported else [])
        handed = self._find_handed_functions(reached)
        yielded: set[tuple[str, str, str, str]] = set()
        recorded = sorted(self._uses.values(), key=lambda each: (each.line, each.use, each.name))
        calls = [each for each in recorded if each.use == CALL and each.within in reached]
        early_calls = {(each.name, each.detail, each.file) for each in calls}
        for each in recorded:
            # A call that also happens at import is mentioned at the line where it does, and nowhere else.
            is_early = each.use == CALL and (each.name, each.detail, each.file) in early_calls
            use = AT_IMPORT if is_early else each.use
            key = (use, each.name, each.detail, each.file)
            if key in yielded or (is_early and each.within not in reached):
                continue
            yielded.add(key)
            remark = _REMARK.format(receiver=handed[each.within]) if each.within in handed else ""
            vocabulary = _SERVICES if use == SENDS_TO else VOCABULARY
            yield Mention(vocabulary, use, each.name, Location(line=each.line), each.detail, remark, each.file)
        yield from self._find_remote_shell(recorded)

    def _follow_calls(self, waiting: list[int]) -> frozenset[int]:
        """Return the numbers of the functions in ``waiting``, and of those that they call, directly or not."""
        reached: set[int] = set()
        while waiting:
            number = waiting.pop()
            if number in reached:
                continue
            reached.add(number)
            waiting += self._edges.get(number, ())
            for store in self._stores_read.get(number, ()):
                waiting += self._stored.get(store, ())
            # A method of an unknown object may be any method of that name in the source.
            for name in self._edges_by_name.get(number, ()):
                waiting += self._numbers.get(name, ())
        return frozenset(reached)

    def _find_handed_functions(self, reached: frozenset[int]) -> dict[int, str]:
        """Return the functions that run only if a receiver calls what ``reached`` functions hand it; each with one."""
        handed: dict[int, str] = {}
        for number in sorted(reached):
            for first, receiver in self._handed.get(number, {}).items():
                for each in self._follow_calls([first]) - reached:
                    handed.setdefault(each, receiver)
        return handed

    def _find_remote_shell(self, recorded: list[Use]) -> Iterator[Mention]:
        """Yield a mention of the first use of a terminal, if the source also uses a socket."""
        # A remote shell joins a socket to a terminal. Either alone is ordinary, so that both must be in one source.
        called = {each.name for each in recorded if each.use in (CALL, HIDDEN, REFERENCE)}
        terminal = next((each for each in recorded if each.name in _TERMINALS), None)
        if terminal is not None and called & _SOCKETS:
            detail = f"with {min(called & _SOCKETS)}"
            yield Mention(VOCABULARY, REMOTE_SHELL, terminal.name, Location(line=terminal.line), detail)


def format_detail(text: str) -> str:
    """Write a text as one line of at most ``_MAX_DETAIL`` printable characters."""
    # Twice the length, because white space is joined below.
    line = "".join(character if character.isprintable() else " " for character in text[: 2 * _MAX_DETAIL])
    line = " ".join(line.split())
    return line if len(line) <= _MAX_DETAIL else line[: _MAX_DETAIL - 1] + "…"
