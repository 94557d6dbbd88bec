"""Detect reverse shells: commands that connect a shell to a remote host."""

from __future__ import annotations

import re
from typing import Final

from modelaudit.languages.shell.command import Command
from modelaudit.languages.shell.program_names import normalize_program_name

_DEVICE: Final = re.compile(r"/dev/(?:tcp|udp)/")
# A program in an argument, as in ``python -c``, that opens a socket and then starts a shell.
_INLINE: Final = re.compile(
    r"socket.{0,2000}?(?:dup2|subprocess|pty\.spawn|/bin/(?:ba|z|da)?sh|exec)|(?:fsockopen|TCPSocket|IO::Socket).{0,2000}?"
    r"(?:exec|/bin/(?:ba)?sh|spawn|popen)|System\.Net\.Sockets\.TCPClient",
    re.DOTALL | re.IGNORECASE,
)
_PROBES: Final = frozenset({"echo", "printf", "timeout", "test", "[", "[[", ":", "true"})
_NETCATS: Final = frozenset({"nc", "ncat", "netcat", "nc.traditional", "nc.openbsd"})


def is_reverse_shell(command: Command, words: list[str]) -> bool:
    """Whether the command is a known form of a reverse shell; ``words`` are its own, without ``sudo`` and the like."""
    # ``echo > /dev/tcp/host/port`` only probes the port: no shell reads or writes there.
    if any(_DEVICE.search(target) for target in (*command.output_files, *command.input_files)):
        # A wrapper without a program is a program itself: ``exec 5<>/dev/tcp/host/port`` opens the connection.
        own_words = words or command.words
        return bool(own_words) and normalize_program_name(own_words[0]) not in _PROBES
    # ``timeout 1 bash -c 'echo > /dev/tcp/host/port'`` probes it too; the wrapper shows that it is one.
    if any(_DEVICE.search(word) for word in command.words):
        return normalize_program_name(command.words[0]) not in _PROBES
    if not words:
        return False
    name = normalize_program_name(words[0])
    arguments = words[1:]
    if name in _NETCATS:  # ``-e program``, or joined with other options, as in ``-ne``
        return any(word in ("-e", "-c", "--exec", "--sh-exec") or re.fullmatch(r"-[a-z]*e", word) for word in arguments)
    if name == "socat":
        return any(re.search(r"\b(?:EXEC|SYSTEM|SHELL):", word, re.IGNORECASE) for word in arguments)
    if name in ("awk", "gawk", "mawk"):
        return any("/inet/tcp/" in word or "/inet/udp/" in word for word in arguments)
    if name == "ztcp":  # the builtin of zsh that opens TCP connections
        return bool(arguments)
    takes_program_text = len(arguments) > 1 and arguments[0].startswith("-")  # ``python -c text``
    return takes_program_text and _INLINE.search(" ".join(arguments)) is not None
