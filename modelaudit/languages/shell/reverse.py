"""Commands that give whoever is at the other end of a connection a shell."""

from __future__ import annotations

import re
from typing import Final

from modelaudit.languages.shell.lexer import Command
from modelaudit.languages.shell.words import base_name

_DEVICE: Final = re.compile(r"/dev/(?:tcp|udp)/")
_INLINE: Final = re.compile(
    r"socket.{0,2000}?(?:dup2|subprocess|pty\.spawn|/bin/(?:ba|z|da)?sh|exec)|(?:fsockopen|TCPSocket|IO::Socket).{0,2000}?"
    r"(?:exec|/bin/(?:ba)?sh|spawn|popen)|System\.Net\.Sockets\.TCPClient",
    re.DOTALL | re.IGNORECASE,
)
_PROBES: Final = frozenset({"echo", "printf", "timeout", "test", "[", "[[", ":", "true"})
_CATS: Final = frozenset({"nc", "ncat", "netcat", "nc.traditional", "nc.openbsd"})


def is_reverse_shell(command: Command, words: list[str]) -> bool:
    """Whether the command is one of the forms in which shells are handed out."""
    if any(_DEVICE.search(text) for text in (*command.writes, *command.sources, *command.words)):
        # Without a program that reads or writes there, it only tries whether the port answers.
        return bool(command.words) and base_name(command.words[0]) not in _PROBES
    if not words:
        return False
    name = base_name(words[0])
    rest = words[1:]
    if name in _CATS:
        return any(word in ("-e", "-c", "--exec", "--sh-exec") or re.fullmatch(r"-[a-z]*e", word) for word in rest)
    if name == "socat":
        return any(re.search(r"\b(?:EXEC|SYSTEM|SHELL):", word, re.IGNORECASE) for word in rest)
    if name in ("awk", "gawk", "mawk"):
        return any("/inet/tcp/" in word or "/inet/udp/" in word for word in rest)
    if name == "ztcp":
        return bool(rest)
    return len(rest) > 1 and _INLINE.search(" ".join(rest)) is not None and rest[0].startswith("-")
