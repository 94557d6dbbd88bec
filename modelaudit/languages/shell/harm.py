"""Detect harm to the machine in single commands and pipelines.

The kinds are persistence, destruction, exfiltration of private files, disabled security services, reverse shells and
containers that govern their host.
"""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from modelaudit.languages.shell.command import Command
from modelaudit.languages.shell.pipelines import runs_input
from modelaudit.languages.shell.program_names import (
    PERSISTENCE_PATHS,
    PRIVATE_FOLDERS,
    PRIVATE_PATHS,
    ROOT_FOLDERS,
    RUNNERS,
    SENDERS,
    SHELLS,
    SYSTEM_PATHS,
    normalize_program_name,
    unwrap_command,
)
from modelaudit.languages.shell.startup_files import list_unknown_startup_files
from modelaudit.model.lazy_pattern import defer_pattern

_RECURSIVE: Final = defer_pattern(r"-[^\WrR]*+[rR]\w*|--recursive")
_ENVIRONMENT: Final = defer_pattern(r"\s*(?:env|printenv|set|export|cat\s+/proc/self/environ)\s*(?:[|;]|\Z)")
_CONNECTION_PROGRAMS: Final = frozenset({"nc", "ncat", "netcat", "telnet", "openssl", "socat"})
_WHOLE_ENVIRONMENT: Final = (["env"], ["printenv"], ["set"], ["export", "-p"])
# Commands that print a key, a token or the history of the user.
_SECRET_COMMANDS: Final = (
    ["gh", "auth", "token"], ["gcloud", "auth", "print-access-token"], ["aws", "configure", "get"], ["history"],
    ["aws", "configure", "export-credentials"], ["az", "account", "get-access-token"], ["pass", "show"],
    ["security", "find-generic-password"], ["security", "find-internet-password"], ["git", "credential", "fill"],
)  # fmt: skip
_ARCHIVERS: Final = frozenset({"tar", "bsdtar", "zip", "7z", "cpio", "rar", "rsync"})
_CLOUD_METADATA: Final = defer_pattern(r"security-credentials|service-accounts")
_WRITERS: Final = frozenset({"tee", "cp", "mv", "install", "ln"})

_SET_ID_MODE: Final = defer_pattern(r"[ugo]*\+[^\Ws]*+s\w*|[4-7][0-7]{3}")  # ``u+s`` or ``4755``
# Programs that pass the rights of root on to whoever starts them: https://gtfobins.github.io/, function "SUID".
_PROGRAMS_THAT_PASS_RIGHTS: Final = SHELLS | RUNNERS | {
    "find", "vim", "vi", "nvim", "emacs", "ed", "nano", "awk", "gawk", "mawk", "env", "cp", "mv", "dd", "tee", "tar",
    "sed", "xargs", "gdb", "make", "strace", "timeout", "nice", "taskset", "stdbuf", "flock", "nmap", "docker", "git",
    "rsync", "socat", "busybox", "install", "chroot", "expect", "less", "more", "setarch", "unshare", "nsenter",
}  # fmt: skip
_POWERFUL_CAPABILITY: Final = defer_pattern(
    r"(?:cap_\w+,)*cap_(?:setuid|setgid|sys_admin|sys_ptrace|sys_module|dac_override|chown|fowner|setfcap)\b"
    r"[\w,]*[+=]\w*e"
)
_DISK: Final = defer_pattern(r"/dev/(?:sd[a-z]|nvme\d+n\d+|vd[a-z]|hd[a-z]|mmcblk\d+)\w*")
_FIND_FILTERS: Final = frozenset({"-name", "-iname", "-path", "-regex", "-mtime", "-empty", "-maxdepth"})
_DISARMING_COMMANDS: Final = frozenset(
    {("setenforce", "0"), ("ufw", "disable"), ("iptables", "-F"), ("iptables", "--flush"), ("auditctl", "-D"),
     ("spctl", "--master-disable"), ("csrutil", "disable")}
)  # fmt: skip
_MINERS: Final = frozenset(
    {"xmrig", "xmr-stak", "minerd", "cpuminer", "ccminer", "ethminer", "nbminer", "lolminer", "t-rex", "phoenixminer",
     "cgminer", "bfgminer", "teamredminer", "gminer", "srbminer-multi", "trex"}
)  # fmt: skip
_POOL: Final = defer_pattern(r"stratum\d?\+\w+://", re.IGNORECASE)
_SECURITY_SERVICES: Final = frozenset(
    {"firewalld", "ufw", "apparmor", "auditd", "clamav-daemon", "falcon-sensor", "mdatp"}
)

_CONTAINER_PROGRAMS: Final = frozenset({"docker", "podman", "nerdctl", "docker-compose", "podman-compose"})
_CONTAINER_STARTS: Final = frozenset({"run", "create", "exec"})
_MOUNT_OPTIONS: Final = frozenset({"-v", "--volume", "--mount"})
_MOUNT_OPTION: Final = defer_pattern(r"(?:-v=?|--volume=|--mount=)(?=\S)")
_MOUNT_FIELD: Final = defer_pattern(r"(?:^|,)(?:source|src)=([^,]*)")
_HOME: Final = defer_pattern(r"(?:~|\$HOME|\$\{HOME\}|/root|/home/[\w$-]+)/?\*?")
_HOME_STARTS: Final = ("~", "$HOME", "${HOME}", "/root", "/home")
# Folders and sockets by which a container governs its host, or reads the keys of its users.
_DEFAULT_VALUE: Final = defer_pattern(r"\$\{\w+:?-([^}]*)\}")  # ``${NAME:-default}`` of Compose
_HOST_PATHS: Final = ("/etc", "/root", "/proc", "/sys", "/boot", "/var/lib/docker", "/var/lib/kubelet")
_HOST_SOCKET: Final = defer_pattern(r"/(?:docker|containerd/containerd|crio/crio|podman/podman)\.sock\Z")
_HOST_OPTIONS: Final = ("--privileged", "--privileged=true", "--pid=host", "--cap-add=ALL", "--cap-add=SYS_ADMIN")

_REMOTE_SHELL_OPTION: Final = defer_pattern(r"--rsh|-[A-Za-z]*e")  # of rsync, alone or behind others: ``-avze``

Harm = tuple[str, str, str]
"""The use, the name and a detail of a mention."""
_DEVICE: Final = defer_pattern(r"/dev/(?:tcp|udp)/")
# A program in an argument, as in ``python -c``, that opens a socket and then starts a shell.
# A socket, and a run of a program behind it.
_INLINE: Final = tuple(
    (defer_pattern(socket, re.IGNORECASE), defer_pattern(run, re.IGNORECASE))
    for socket, run in (
        ("socket", r"dup2|subprocess|pty\.spawn|/bin/(?:ba|z|da)?sh|exec"),
        ("fsockopen|TCPSocket|IO::Socket", r"exec|/bin/(?:ba)?sh|spawn|popen"),
    )
)
_WINDOWS_SOCKET: Final = "system.net.sockets.tcpclient"
_LONGEST_DISTANCE: Final = 2000  # in characters, between a socket and the run
_PROBES: Final = frozenset({"echo", "printf", "timeout", "test", "[", "[[", ":", "true"})
_NETCATS: Final = frozenset({"nc", "ncat", "netcat", "nc.traditional", "nc.openbsd"})


def detect_harm(command: Command, words: list[str]) -> Iterator[Harm]:
    """Yield the harm that one command does by itself.

    Args:
        command: as it is written.
        words: its words without wrappers such as ``sudo``.
    """
    if is_reverse_shell(command, words):
        yield "reverse-shell", " ".join([*command.words, *command.output_files]), ""
    name = normalize_program_name(words[0]) if words else ""
    yield from _detect_harmful_writes((*command.output_files, *(words[1:] if name in _WRITERS else ())))
    yield from (("persistence", path, "") for path in list_unknown_startup_files(command, words))
    if not words:
        return
    arguments = words[1:]
    if name == "crontab" and arguments[:1] != ["-l"]:  # without arguments, it installs a table from its input
        yield "persistence", " ".join(["crontab", *arguments]), ""
    elif _is_destructive(name, arguments):
        yield "destroy", " ".join(words), ""
    elif _is_disarming(name, arguments):
        yield "disarm", " ".join(words), ""
    elif (name in _MINERS and _may_start_miner(arguments)) or any(_POOL.match(each) for each in arguments):
        yield "mine", " ".join(words), ""
    elif _grants_root_rights(name, arguments):
        yield "persistence", " ".join(words), ""
    elif name == "history" and "-c" in arguments:  # deletes the list of the commands that ran
        yield "obfuscated", "history -c", ""
    if name in SENDERS:
        yield from _detect_exfiltration(command, name, arguments)
    yield from _detect_host_access(name, arguments)


def _detect_host_access(name: str, arguments: list[str]) -> Iterator[Harm]:
    """Yield the harm of a container that governs the machine on which it runs."""
    if name == "nsenter" and any(pair in (("-t", "1"), ("--target", "1")) for pair in pairwise(arguments)):
        yield "privileged-container", " ".join([name, *arguments]), ""  # enters the first process of the host
    if name not in _CONTAINER_PROGRAMS or _CONTAINER_STARTS.isdisjoint(arguments):
        return
    for option, value in pairwise((*arguments, "")):
        joined_option = _MOUNT_OPTION.match(option)
        is_host_option = option in _HOST_OPTIONS or f"{option}={value}" in _HOST_OPTIONS
        use = "privileged-container" if is_host_option else ""
        mount = value if option in _MOUNT_OPTIONS else option[joined_option.end() :] if joined_option else ""
        use = use or judge_mount(mount)
        if use:
            yield use, f"{name} {mount or option}", ""


def judge_mount(mount: str) -> str:
    """Return the use of the mention of a mount into a container; empty if the mount gives no power over the host.

    Args:
        mount: ``/source:/target``, ``/source:/target:ro`` or ``type=bind,source=/source,target=/target``.
    """
    fields = _MOUNT_FIELD.search(mount)
    mount = _DEFAULT_VALUE.sub(r"\1", mount)
    source = fields[1] if fields is not None else mount.partition(":")[0]
    is_read_only = mount.endswith((":ro", ",ro", ",readonly")) or ",readonly," in mount
    if fields is None and ":" not in mount:
        return ""
    if _HOME.fullmatch(source) or (source.startswith(_HOME_STARTS) and source.endswith(PRIVATE_FOLDERS)):
        return "" if is_read_only else "privileged-container"
    if not source.startswith("/"):
        return ""
    folder = posixpath.normpath(source).rstrip("/")
    if not folder and not is_read_only:
        return "host-root"
    is_powerful = not folder or folder in _HOST_PATHS or _HOST_SOCKET.search(folder) is not None
    return "privileged-container" if is_powerful else ""


def _is_disarming(name: str, arguments: list[str]) -> bool:
    """Whether the command turns off a firewall, SELinux or a virus scanner."""
    return (name, *arguments[:1]) in _DISARMING_COMMANDS or (
        name in ("systemctl", "service") and any(word in ("stop", "disable", "mask") for word in arguments)
        and any(word.removesuffix(".service") in _SECURITY_SERVICES for word in arguments)
    )  # fmt: skip


def _grants_root_rights(name: str, arguments: list[str]) -> bool:
    """Whether the command lets a program that can start others, a file in ``/tmp`` or an account act as root."""
    if name == "chmod":
        sets_id = any(_SET_ID_MODE.fullmatch(word) for word in arguments)
        return sets_id and any(_runs_anything(word) or word.startswith("/tmp/") for word in arguments)
    if name == "setcap":
        grants = any(_POWERFUL_CAPABILITY.match(word) for word in arguments)
        return grants and any(map(_runs_anything, arguments))
    # ``-o`` allows an ID that another account has, and 0 is that of root.
    return name in ("useradd", "adduser", "usermod") and "-o" in arguments and "0" in arguments


def _runs_anything(path: str) -> bool:
    """Whether the program with this path runs any other program, or writes any file, for whoever starts it."""
    return normalize_program_name(path) in _PROGRAMS_THAT_PASS_RIGHTS


def _detect_harmful_writes(targets: tuple[str, ...]) -> Iterator[Harm]:
    """Yield the harm of writing to each path: a disk, a file that runs later, or a file that controls access."""
    for target in targets:
        if _DISK.fullmatch(target):
            yield "destroy", f"> {target}", ""
        if any(part in target for part in PERSISTENCE_PATHS):
            yield "persistence", target, ""
        elif any(part in target for part in SYSTEM_PATHS):
            yield "system-file", target, ""


def _may_start_miner(arguments: list[str]) -> bool:
    """Whether a miner gets no arguments, or an option or an address; a dictionary has words beside its name."""
    return not arguments or any(each.startswith("-") or ":" in each or "$" in each for each in arguments)


def _is_destructive(name: str, arguments: list[str]) -> bool:
    """Whether the command deletes a root folder, or overwrites a disk or a private file."""
    if name == "rm":
        return any(word in ROOT_FOLDERS for word in arguments) and any(_RECURSIVE.fullmatch(word) for word in arguments)
    if name == "find":
        # ``find / -name '*.pyc' -delete`` is ordinary housekeeping: a filter limits the deletion.
        is_root = any(word in ROOT_FOLDERS for word in arguments[:3])  # the folders stand in front of the conditions
        return "-delete" in arguments and is_root and not _FIND_FILTERS.intersection(arguments)
    if name == "dd":
        # ``/dev/shm`` is a folder of ordinary files, in memory.
        return any(
            word.startswith("of=/dev/") and not word.startswith(("of=/dev/null", "of=/dev/shm")) for word in arguments
        )
    if name == "shred":
        return any(word.startswith("/dev/") or is_private_path(word) for word in arguments)
    return name == "mkfs" or name.startswith("mkfs.")


def _detect_exfiltration(command: Command, name: str, arguments: list[str]) -> Iterator[Harm]:
    """Yield the harm of a program that sends data, if a private file or the environment is among its arguments."""
    # ``scp -i ~/.ssh/id_rsa`` and ``curl --netrc-file ~/.netrc`` use a file to log in; they do not send it.
    if name == "rsync":
        sent_arguments = drop_login_of_rsync(arguments)
    else:
        sent_arguments = _drop_values(arguments, "-i" if name in ("scp", "sftp") else "--netrc-file")
    # A download is written to the value of an output option, which is not sent.
    for option in {"curl": ("-o", "--output"), "wget": ("-O", "--output-document")}.get(name, ()):
        sent_arguments = _drop_values(sent_arguments, option)
    sent_words = (*sent_arguments, *command.substitutions, *command.input_files, *command.input_substitutions)
    # An address of cloud metadata is asked for credentials, and none are sent to it.
    private_path = next(
        (word for word in sent_words if is_private_path(word) and not _CLOUD_METADATA.search(word)), None
    )
    if private_path is not None:
        yield "send-private", name, private_path
    elif any(_ENVIRONMENT.match(substitution) for substitution in command.substitutions):
        yield "send-private", name, "the environment"


def _drop_values(arguments: list[str], option: str) -> list[str]:
    """Return the arguments without the value of ``option``, which is a word of its own."""
    return [word for previous, word in pairwise(("", *arguments)) if previous != option]


def drop_login_of_rsync(arguments: list[str]) -> list[str]:
    """Return the arguments of rsync without the path of the key in ``-e 'ssh -i key'``; ``-i`` stays."""
    kept_words: list[str] = []
    for previous, word in pairwise(("", *arguments)):
        is_shell = _REMOTE_SHELL_OPTION.fullmatch(previous) is not None
        shell_words = word.removeprefix("--rsh=").split() if is_shell or word.startswith("--rsh=") else []
        is_ssh = bool(shell_words) and normalize_program_name(shell_words[0]) == "ssh"
        kept_words += _drop_values(shell_words, "-i") if is_ssh else [word]
    return kept_words


def is_private_path(word: str) -> bool:
    """Whether a word contains the path of a private file, or ends like that of a private folder."""
    return any(part in word for part in PRIVATE_PATHS) or word.endswith(PRIVATE_FOLDERS)


def detect_pipeline_harm(commands: Sequence[Command]) -> Iterator[Harm]:
    """Yield the harm of several commands of one pipeline together.

    One command reads private content and a later one sends it, or a connection program follows a shell.
    """
    private_content = ""
    has_shell = False
    for command in commands:
        words = unwrap_command(command.words)
        name = normalize_program_name(words[0]) if words else ""
        if name in SENDERS and private_content:
            yield "send-private", name, private_content
            private_content = ""  # report each private file once
        if name in _CONNECTION_PROGRAMS and has_shell:
            yield "reverse-shell", " ".join(words), "behind a shell"
        has_shell = has_shell or (name in SHELLS and runs_input(words))
        private_content = private_content or find_private_content(command, words)


def find_private_content(command: Command, words: list[str]) -> str:
    """Return the private file that a command reads, or the command that prints secrets; empty if there is neither.

    Args:
        command: as it is written.
        words: its words without wrappers such as ``sudo``.
    """
    read_words = (*words[1:], *command.input_files)
    private_path = next((word for word in read_words if is_private_path(word)), "")
    if words and normalize_program_name(words[0]) in _ARCHIVERS:
        private_path = private_path or next(filter(_HOME.fullmatch, read_words), "")
    environment = "the environment" if command.words in _WHOLE_ENVIRONMENT else ""
    printed = next((" ".join(each) for each in _SECRET_COMMANDS if words[: len(each)] == each), "")
    return private_path or environment or printed


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
    return takes_program_text and _connects_program(" ".join(arguments))


def _connects_program(program: str) -> bool:
    """Whether the text of a program opens a socket, and soon behind it runs a shell or another program."""
    for socket, run in _INLINE:
        ends = [match.end() for match in socket.finditer(program)]
        for match in run.finditer(program) if ends else ():
            index = bisect_right(ends, match.start())
            if index and match.start() - ends[index - 1] <= _LONGEST_DISTANCE:
                return True
    return _WINDOWS_SOCKET in program.lower()
