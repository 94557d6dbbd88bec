"""Classify the programs that shell commands start: shells, downloaders, senders, wrappers; and the paths they touch."""

from __future__ import annotations

from typing import Final

SHELLS: Final = frozenset(
    {
        "sh",
        "bash",
        "zsh",
        "dash",
        "ksh",
        "ash",
        "fish",
        "csh",
        "tcsh",
        "rbash",
        "mksh",
        "yash",
        "osh",
        "ysh",
        "posh",
        "lksh",
        "loksh",
        "pdksh",
        "sash",
        "elvish",
        "nu",
        "xonsh",
    }
)
INTERPRETERS: Final = frozenset(
    {"python", "python2", "python3", "perl", "ruby", "node", "nodejs", "php", "lua", "pwsh", "powershell", "deno",
     "tclsh", "osascript", "bun", "luajit", "Rscript", "julia", "groovy", "groovysh", "jshell", "guile", "racket",
     "octave", "scala", "pypy", "pypy3"}
)  # fmt: skip
RUNNERS: Final = SHELLS | INTERPRETERS
EVALUATORS: Final = frozenset({"eval", "source", "."})
"""Builtins that execute their arguments, or the file that they name, in the shell itself."""
FETCHERS: Final = frozenset(
    {"curl", "wget", "wget2", "fetch", "aria2c", "axel", "lwp-download", "lwp-request", "GET", "http", "https", "xh",
     "lynx", "w3m", "links", "elinks", "ftp", "tftp", "scp", "sftp", "curlie",
     "gdown", "wcurl", "lftp", "lftpget", "ncftpget", "ncftp", "yt-dlp", "youtube-dl", "httrack", "snarf", "puf", "rsh"}
)  # fmt: skip
SENDERS: Final = FETCHERS | {
    "nc", "ncat", "netcat", "socat", "telnet", "mail", "sendmail", "dig", "nslookup", "host", "ping", "rsync",
}  # fmt: skip
FETCHERS_BY_SUBCOMMAND: Final = {
    "aws": {"s3", "s3api"}, "gsutil": {"cat", "cp"}, "gcloud": {"storage"}, "az": {"storage"}, "gh": {"api", "gist"},
    "dig": {"TXT", "txt"}, "host": {"-t"}, "nslookup": {"-q=TXT", "-type=TXT", "-q=txt", "-type=txt"},
    "svn": {"cat"}, "rclone": {"cat"}, "mc": {"cat"}, "ipfs": {"cat"},
    "huggingface-cli": {"download"}, "hf": {"download"},
}  # fmt: skip
"""Programs that download if one of these words is among their arguments."""

SCHEDULERS: Final = frozenset({"at", "batch"})
"""Programs that later run their standard input in a shell."""
WRAPPERS: Final = frozenset(
    {"sudo", "doas", "nohup", "env", "exec", "command", "builtin", "xargs", "setsid", "nice", "ionice", "stdbuf",
     "time", "timeout", "busybox", "toybox", "unbuffer", "parallel", "chroot", "strace", "watch", "proxychains",
     "runuser", "taskset", "setarch", "linux64", "linux32", "prlimit", "numactl", "chrt", "fakeroot", "eatmydata",
     "ld-linux-x86-64.so", "ld-linux-aarch64.so", "ld-linux.so", "ld-musl-x86_64.so", "ld-musl-aarch64.so"}
)  # fmt: skip
"""Programs that start the program in their arguments, so that the words behind them are a command."""
_WRAPPERS_WITH_ARGUMENT: Final = frozenset({"timeout", "chroot", "taskset", "chrt"})
_OPTIONS_WITH_VALUE: Final = {
    "sudo": {"-u", "-g", "-p", "-C", "-h"}, "doas": {"-u"}, "nice": {"-n"}, "ionice": {"-c", "-n"}, "env": {"-u", "-C"},
    "xargs": {"-I", "-n", "-P", "-L", "-d", "-a", "-s"}, "timeout": {"-k", "-s"}, "runuser": {"-u"}, "watch": {"-n"},
    "exec": {"-a"}, "parallel": {"-j"}, "time": {"-f", "-o"},
}  # fmt: skip

SYSTEM_PATHS: Final = ("/etc/sudoers", "/etc/passwd", "/etc/shadow", "/etc/init.d/", "/etc/pam.d/", ".git/hooks/")
"""Parts of paths of system files that control access. Writing them is less telling: container recipes do so as well."""

PERSISTENCE_PATHS: Final = (
    "/etc/cron", "/var/spool/cron", ".ssh/authorized_keys", "/etc/systemd/system/", "/.config/systemd/",
    "/etc/ld.so.preload", "/etc/rc.local", "/LaunchAgents/", "/LaunchDaemons/", "/.config/autostart/",
    "sitecustomize.py", "usercustomize.py",
)  # fmt: skip
"""Parts of paths of files that run later or grant access, such as cron tables and authorised keys."""

PRIVATE_PATHS: Final = (
    ".ssh/id_", ".ssh/config", ".aws/credentials", ".netrc", "/etc/shadow", "huggingface/token", ".huggingface/token",
    ".git-credentials", ".kube/config", ".docker/config.json", ".pypirc", ".gnupg", ".config/gcloud", ".azure/",
    "security-credentials", "instance/service-accounts",
    "/id_rsa", "/id_ed25519", "/id_ecdsa", "/id_*",
    ".codex/auth.json", ".claude/.credentials", ".claude.json", ".gemini/oauth_creds", ".npmrc", ".vault-token",
    ".cargo/credentials", ".my.cnf", ".databrickscfg", ".config/op/", ".terraform.d/credentials", ".pgpass",
    ".config/containers/auth",
    ".bash_history", "/proc/self/environ", "wallet.dat", "Login Data", ".config/gh/hosts.yml",
)  # fmt: skip
"""Parts of paths of private files: keys, credentials, histories."""

PRIVATE_FOLDERS: Final = ("/.ssh", "/.ssh/", "/.aws", "/.aws/", "/.gnupg", "/.kube", "/.ssh/*", "/.aws/*")
"""Ends of paths of private folders."""

ROOT_FOLDERS: Final = frozenset(
    {"/", "/*", "~", "~/", "~/*", "$HOME", "$HOME/", "$HOME/*", "/home", "/etc", "/usr", "/var", "/bin", "/boot",
     "/lib", "--no-preserve-root"}  # the last is an option that only the root folder needs
)  # fmt: skip


_SHELL_VARIABLES: Final = {"$SHELL": "sh", "$BASH": "bash"}
"""The variables that name the shell of the user, or the one that runs the script."""


def normalize_program_name(word: str) -> str:
    """Return the program name without its folder and minor version: ``/usr/bin/python3.11`` becomes ``python3``."""
    if "/" not in word and "." not in word:  # most words, and each costs little then
        return _SHELL_VARIABLES.get(word, word)
    if word == ".":  # the builtin, not a folder
        return word
    word = _SHELL_VARIABLES.get(word, word)
    name = word.rpartition("/")[2].removesuffix(".exe")
    stem, _, minor = name.rpartition(".")
    return stem if minor.isdigit() and stem else name


def unwrap_command(words: list[str]) -> list[str]:
    """Return the words without wrappers such as ``sudo -u x``, ``env A=1`` and ``timeout 5``."""
    index = 0
    while index < len(words):
        name = normalize_program_name(words[index])
        if name not in WRAPPERS:
            return words[index:]
        index = _skip_wrapper_arguments(words, index + 1, name)
    return []


def _skip_wrapper_arguments(words: list[str], index: int, name: str) -> int:
    """Return the index behind the arguments of the wrapper ``name``, which begin at ``index``."""
    options = _OPTIONS_WITH_VALUE.get(name, set())
    needs_argument = name in _WRAPPERS_WITH_ARGUMENT
    while index < len(words):
        word = words[index]
        if word.startswith("-") and len(word) > 1:
            index += 2 if word in options else 1
        elif name in ("env", "sudo") and "=" in word.partition("/")[0]:  # ``A=1``, not a path with a ``=``
            index += 1
        elif needs_argument:
            needs_argument = False
            index += 1
        else:
            break
    return index
