"""Tell calls of programs that only ask something, or only convert a recording, from calls of any other program.

``subprocess.check_output(["git", "rev-parse", "HEAD"])`` gives a version, and ``ffmpeg -i path -f s16le -`` samples.
The source has to write out the program and every option. A text for the shell, another environment or another program
to start counts as any command does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from modelaudit.languages.python.call import Call
from modelaudit.languages.python.values import Constant, Container, Value
from modelaudit.model.lazy_pattern import defer_pattern

_CALLS: Final = frozenset(
    {"subprocess.run", "subprocess.check_output", "subprocess.call", "subprocess.check_call", "subprocess.Popen"}
)
_KEYWORDS: Final = frozenset(
    {"args", "stdin", "stdout", "stderr", "capture_output", "check", "text", "encoding", "errors", "timeout", "bufsize",
     "universal_newlines", "input", "cwd"}
)  # fmt: skip
"""Keyword arguments that leave the program and its environment as they are."""
_GIT_QUERIES: Final = frozenset(
    {"rev-parse", "describe", "log", "rev-list", "symbolic-ref", "show-ref", "name-rev", "ls-files", "--version"}
)
_GIT_WORD: Final = defer_pattern(
    r"(?:--(?:short(?:=\d+)?|abbrev-ref|always|dirty|tags|long|abbrev=\d+|match=[\w.*-]+|max-count=\d+|count|verify"
    r"|quiet|no-pager|show-toplevel|format=[\w%:. -]+|pretty=[\w%:. -]+|oneline|all|first-parent|date=[\w-]+"
    r"|name-only|cached)"
    r"|-\d{1,4}|-n|-q|-1|\d{1,4}|HEAD[\^~\d]*|@|[\w.]{1,60})"
)
_VERSION_WORDS: Final = frozenset({"--version", "-version", "-V"})
_ASKING: Final[Mapping[str, frozenset[str]]] = {
    "uname": frozenset({"-a", "-m", "-r", "-s", "-n", "-p"}),
    "nproc": frozenset({"--all"}),
    "lscpu": frozenset({"-J", "--json", "-p"}),
    "arch": frozenset(),
    "nvidia-smi": frozenset({"-L", "-q", "-h"}),
    "sw_vers": frozenset({"-productVersion", "-productName", "-buildVersion"}),
}
"""Programs that only ask the machine, with the words that they may get."""
_NVIDIA_WORD: Final = defer_pattern(r"--query-[a-z-]+=[\w.,]+|--format=[\w,]+|-i|--id=\d+|\d{1,2}")
_CONVERTERS: Final = frozenset({"ffmpeg", "ffprobe", "sox", "soxi"})
# Options, numbers, names of formats, filters and files beside the program; ``pipe:`` and ``-`` are streams.
_CONVERTER_WORD: Final = defer_pattern(
    r"-(?!protocol|report|dump|passlogfile|filter_script|filter_complex_script|attach|init_hw|map_metadata|f_script)[\w:]{1,30}"
    r"|-|pipe:[01]?|(?!-)(?![a-z0-9]{2,}:/)(?!concat:|subfile|tcp|udp|rtmp|http|file:|async:|cache:|data:|~|/|\.\.)[\w.,=:%+x\[\]()*-]{1,120}"
)
_VERSIONED: Final = _CONVERTERS | {
    "git",
    "gcc",
    "g++",
    "nvcc",
    "cmake",
    "python",
    "python3",
    "espeak",
    "espeak-ng",
    "node",
}


def is_harmless_command(call: Call) -> bool:
    """Whether a call starts a program that only asks something, or only converts a recording."""
    if call.name not in _CALLS or not call.keywords.keys() <= _KEYWORDS or len(call.args) > 1:
        return False
    words = _list_words(call.args[0] if call.args else call.keywords.get("args"))
    if not words or words[0] is None:
        return False
    program, rest = words[0], words[1:]
    if program in _CONVERTERS:
        return all(each is None or _CONVERTER_WORD.fullmatch(each) for each in rest)
    if program == "git":
        rest = _drop_folder(rest)
    known = [each for each in rest if each is not None]
    if len(known) < len(rest):
        return False
    if program in _VERSIONED and len(known) == 1 and known[0] in _VERSION_WORDS:
        return True
    if program == "git":
        return _is_git_query(known)
    allowed = _ASKING.get(program)
    return allowed is not None and all(
        each in allowed or (program == "nvidia-smi" and _NVIDIA_WORD.fullmatch(each)) for each in known
    )


def _drop_folder(words: list[str | None]) -> list[str | None]:
    """Return the words behind ``git`` without ``-C`` and its folder, which is known to be no option.

    The folder need not be known, as that of the keyword ``cwd`` need not be.
    """
    if len(words) < 2 or words[0] != "-C" or (words[1] or "").startswith("-"):
        return words
    return words[2:]


def _is_git_query(words: Sequence[str]) -> bool:
    """Whether the words behind ``git`` ask for a version of the working tree, and change and start nothing."""
    query = [each for each in words if each != "--no-pager"]
    return bool(query) and query[0] in _GIT_QUERIES and all(_GIT_WORD.fullmatch(each) for each in query[1:])


def _list_words(command: Value | None) -> list[str | None]:
    """Return the words of a list that starts a program, ``None`` for each unknown one; none for a text.

    The words of a list that the source may have changed are not known.
    """
    if isinstance(command, Constant | Container) and command.is_open:
        return []
    if isinstance(command, Constant) and isinstance(command.value, tuple):
        return [each if isinstance(each, str) else None for each in command.value]
    if isinstance(command, Container) and not command.keys:
        return [
            each.value if isinstance(each, Constant) and isinstance(each.value, str) and not each.is_open else None
            for each in command.values
        ]
    return []
