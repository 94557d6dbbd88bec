"""What a single command does to the machine that it runs on: staying behind, destroying, sending away, letting in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.shell.lexer import Command
from modelaudit.languages.shell.pipelines import runs_input
from modelaudit.languages.shell.reverse import is_reverse_shell
from modelaudit.languages.shell.words import (
    PERSISTENT,
    PRIVATE,
    PRIVATE_FOLDERS,
    ROOTS,
    SENDERS,
    SHELLS,
    SYSTEM,
    base_name,
    unwrapped,
)

_RECURSIVE: Final = re.compile(r"-\w*[rR]\w*|--recursive")
_ENVIRONMENT: Final = re.compile(r"\s*(?:env|printenv|set|export|cat\s+/proc/self/environ)\s*(?:[|;]|\Z)")
_CONNECTIONS: Final = frozenset({"nc", "ncat", "netcat", "telnet", "openssl", "socat"})
_WHOLE_ENVIRONMENT: Final = (["env"], ["printenv"], ["set"], ["export", "-p"])
_METADATA: Final = re.compile(r"security-credentials|service-accounts")
_WRITERS: Final = frozenset({"tee", "cp", "mv", "install", "ln"})

_DISK: Final = re.compile(r"/dev/(?:sd[a-z]|nvme\d+n\d+|vd[a-z]|hd[a-z]|mmcblk\d+)\w*")
_FILTERS: Final = frozenset({"-name", "-iname", "-path", "-regex", "-mtime", "-empty", "-maxdepth"})
_DISARMING: Final = frozenset(
    {("setenforce", "0"), ("ufw", "disable"), ("iptables", "-F"), ("iptables", "--flush"), ("auditctl", "-D"),
     ("spctl", "--master-disable"), ("csrutil", "disable")}
)  # fmt: skip
_GUARDS: Final = frozenset({"firewalld", "ufw", "apparmor", "auditd", "clamav-daemon", "falcon-sensor", "mdatp"})

Harm = tuple[str, str, str]
"""The use, the name and a detail of a mention."""


def harm_of(command: Command, words: list[str]) -> Iterator[Harm]:
    """What the command does of this kind; ``words`` are its own without ``sudo`` and the like."""
    if is_reverse_shell(command, words):
        yield "reverse-shell", " ".join([*command.words, *command.writes]), ""
    name = base_name(words[0]) if words else ""
    yield from _written((*command.writes, *(words[1:] if name in _WRITERS else ())))
    if not words:
        return
    rest = words[1:]
    if name == "crontab" and rest[:1] not in (["-l"], []):
        yield "persistence", " ".join(words), ""
    elif name == "crontab" and not rest:
        yield "persistence", "crontab", ""
    elif _destroys(name, rest):
        yield "destroy", " ".join(words), ""
    elif _disarms(name, rest):
        yield "disarm", " ".join(words), ""
    elif _opens(name, rest):
        yield "persistence", " ".join(words), ""
    elif name == "history" and "-c" in rest:
        yield "obfuscated", "history -c", ""
    if name in SENDERS:
        yield from _sent(command, name, rest)


def _disarms(name: str, rest: list[str]) -> bool:
    """Firewalls, SELinux and virus scanners are turned off."""
    return (name, *rest[:1]) in _DISARMING or (
        name in ("systemctl", "service") and any(word in ("stop", "disable", "mask") for word in rest)
        and any(word.removesuffix(".service") in _GUARDS for word in rest)
    )  # fmt: skip


def _opens(name: str, rest: list[str]) -> bool:
    """A program keeps the rights of its owner whoever starts it, or an account has those of root."""
    if name == "chmod":
        return any(re.fullmatch(r"[ugo]*\+\w*s\w*|[4-7][0-7]{3}", word) for word in rest) and any(
            word.rpartition("/")[2] in SHELLS or word.startswith("/tmp/") for word in rest
        )
    return name in ("useradd", "adduser", "usermod") and "-o" in rest and "0" in rest


def _written(targets: tuple[str, ...]) -> Iterator[Harm]:
    for target in targets:
        if _DISK.fullmatch(target):
            yield "destroy", f"> {target}", ""
        if any(part in target for part in PERSISTENT):
            yield "persistence", target, ""
        elif any(part in target for part in SYSTEM):
            yield "system-file", target, ""


def _destroys(name: str, rest: list[str]) -> bool:
    if name == "rm":
        return any(word in ROOTS for word in rest) and any(_RECURSIVE.fullmatch(word) for word in rest)
    if name == "find":
        return "-delete" in rest and any(word in ROOTS for word in rest[:3]) and not _FILTERS.intersection(rest)
    if name == "dd":
        return any(word.startswith("of=/dev/") and word not in ("of=/dev/null", "of=/dev/shm") for word in rest)
    return (
        name == "mkfs"
        or name.startswith("mkfs.")
        or (name == "shred" and any(word.startswith("/dev/") or _is_private(word) for word in rest))
    )


def _sent(command: Command, name: str, rest: list[str]) -> Iterator[Harm]:
    given = (*rest, *command.inner, *command.sources, *command.feeds)
    private = next((word for word in given if _is_private(word) and not _METADATA.search(word)), None)
    own = (name in ("scp", "rsync", "sftp") and "-i" in rest) or any(word.startswith("--netrc") for word in rest)
    if private is not None and not own:
        yield "send-private", name, private
    elif any(_ENVIRONMENT.match(inner) for inner in command.inner):
        yield "send-private", name, "the environment"


def _is_private(word: str) -> bool:
    return any(part in word for part in PRIVATE) or word.endswith(PRIVATE_FOLDERS)


def harm_of_pipeline(commands: Sequence[Command]) -> Iterator[Harm]:
    """What commands do together: one reads what is private and a later one sends it; a shell hangs on a connection."""
    held = ""
    shell = False
    for command in commands:
        words = unwrapped(command.words)
        name = base_name(words[0]) if words else ""
        if name in SENDERS and held:
            yield "send-private", name, held
            held = ""
        if name in _CONNECTIONS and shell:
            yield "reverse-shell", " ".join(words), "behind a shell"
        shell = shell or (name in SHELLS and runs_input(words))
        read = (*words[1:], *command.sources)
        private = next((word for word in read if _is_private(word)), "")
        held = held or private or ("the environment" if command.words in _WHOLE_ENVIRONMENT else "")
