"""The words of commands by what they do: which fetch, which run what they read, which wrap others."""

from __future__ import annotations

from typing import Final

SHELLS: Final = frozenset({"sh", "bash", "zsh", "dash", "ksh", "ash", "fish", "csh", "tcsh", "rbash", "mksh"})
INTERPRETERS: Final = frozenset(
    {"python", "python2", "python3", "perl", "ruby", "node", "nodejs", "php", "lua", "pwsh", "powershell", "deno",
     "tclsh", "osascript", "bun"}
)  # fmt: skip
RUNNERS: Final = SHELLS | INTERPRETERS
EVALUATORS: Final = frozenset({"eval", "source", "."})
FETCHERS: Final = frozenset(
    {"curl", "wget", "wget2", "fetch", "aria2c", "axel", "lwp-download", "lwp-request", "GET", "http", "https", "xh",
     "lynx", "w3m", "links", "elinks", "ftp", "tftp", "scp", "sftp", "curlie"}
)  # fmt: skip
SENDERS: Final = FETCHERS | {
    "nc", "ncat", "netcat", "socat", "telnet", "mail", "sendmail", "dig", "nslookup", "host", "ping", "rsync",
}  # fmt: skip
FETCHES_BY_WORDS: Final = {
    "aws": {"s3", "s3api"}, "gsutil": {"cat", "cp"}, "gcloud": {"storage"}, "az": {"storage"}, "gh": {"api", "gist"},
    "dig": {"TXT", "txt"}, "host": {"-t"}, "nslookup": {"-q=TXT", "-type=TXT", "-q=txt", "-type=txt"},
    "svn": {"cat"}, "rclone": {"cat"}, "mc": {"cat"}, "ipfs": {"cat"}, "ssh": {"cat"},
}  # fmt: skip
"""Programs that print what another machine gives where one of these words is among their arguments."""

READS_COMMANDS: Final = frozenset({"at", "batch"})
"""Programs that run later, in a shell, what they are given as their input."""
WRAPPERS: Final = frozenset(
    {"sudo", "doas", "nohup", "env", "exec", "command", "builtin", "xargs", "setsid", "nice", "ionice", "stdbuf",
     "time", "timeout", "busybox", "toybox", "unbuffer", "parallel", "chroot", "strace", "watch", "proxychains",
     "runuser"}
)  # fmt: skip
_OWN_ARGUMENT: Final = frozenset({"timeout", "chroot"})
_OPTION_TAKES: Final = {
    "sudo": {"-u", "-g", "-p", "-C", "-h"}, "doas": {"-u"}, "nice": {"-n"}, "ionice": {"-c", "-n"}, "env": {"-u", "-C"},
    "xargs": {"-I", "-n", "-P", "-L", "-d", "-a", "-s"}, "timeout": {"-k", "-s"}, "runuser": {"-u"}, "watch": {"-n"},
    "exec": {"-a"}, "parallel": {"-j"}, "time": {"-f", "-o"},
}  # fmt: skip

SYSTEM: Final = ("/etc/sudoers", "/etc/passwd", "/etc/shadow", "/etc/init.d/", "/etc/pam.d/", ".git/hooks/")
"""Parts of paths: what is written there changes who may do what; recipes of containers do it, too."""

PERSISTENT: Final = (
    "/etc/cron", "/var/spool/cron", ".ssh/authorized_keys", "/etc/systemd/system/", "/.config/systemd/",
    "/etc/ld.so.preload", "/etc/rc.local", "/LaunchAgents/", "/LaunchDaemons/", "/.config/autostart/",
    "sitecustomize.py", "usercustomize.py",
)  # fmt: skip
"""Parts of paths: what is written there is run later, or lets somebody in."""

PRIVATE: Final = (
    ".ssh/id_", ".ssh/config", ".aws/credentials", ".netrc", "/etc/shadow", "huggingface/token", ".huggingface/token",
    ".git-credentials", ".kube/config", ".docker/config.json", ".pypirc", ".gnupg", ".config/gcloud", ".azure/",
    "security-credentials", "instance/service-accounts",
    ".bash_history", "/proc/self/environ", "wallet.dat", "Login Data", ".config/gh/hosts.yml",
)  # fmt: skip
"""Parts of paths of what is nobody else's."""

PRIVATE_FOLDERS: Final = ("/.ssh", "/.ssh/", "/.aws", "/.aws/", "/.gnupg", "/.kube", "/.ssh/*", "/.aws/*")
"""Ends of paths of folders of which the same is true."""

ROOTS: Final = frozenset({"/", "/*", "~", "~/", "~/*", "$HOME", "$HOME/", "$HOME/*", "/home", "/etc", "/usr", "/var",
                          "/bin", "/boot", "/lib", "--no-preserve-root"})  # fmt: skip


def base_name(word: str) -> str:
    """The name of a program without its folder and its version: ``/usr/bin/python3.11`` is ``python3``."""
    if word == ".":
        return word
    name = word.rpartition("/")[2].removesuffix(".exe")
    stem, _, minor = name.rpartition(".")
    return stem if minor.isdigit() and stem else name


def unwrapped(words: list[str]) -> list[str]:
    """The words from the program on that is really run: without ``sudo -u x``, ``env A=1``, ``timeout 5``."""
    at = 0
    while at < len(words):
        name = base_name(words[at])
        if name not in WRAPPERS:
            return words[at:]
        at = _behind(words, at + 1, name)
    return []


def _behind(words: list[str], at: int, name: str) -> int:
    """Where the words of the wrapper ``name`` end, which begin at ``at``."""
    takes = _OPTION_TAKES.get(name, set())
    own = name in _OWN_ARGUMENT
    while at < len(words):
        word = words[at]
        if word.startswith("-") and len(word) > 1:
            at += 2 if word in takes else 1
        elif name in ("env", "sudo") and "=" in word.partition("/")[0]:
            at += 1
        elif own:
            own = False
            at += 1
        else:
            break
    return at
