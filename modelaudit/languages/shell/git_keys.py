"""List the settings of git whose values name programs, and the values that are ordinary. Source: git-config(1)."""

from __future__ import annotations

from typing import Final

COMMAND_KEYS: Final = frozenset(
    {"core.fsmonitor", "core.sshcommand", "core.hookspath", "core.askpass", "core.gitproxy",
     "gpg.program", "diff.external", "sequence.editor", "ssh.variant", "remote.uploadpack",
     "remote.receivepack", "include.path", "credential.helper", "core.worktree", "uploadpack.packobjectshook"}
)  # fmt: skip
"""Settings whose value git runs, or from which it takes what it runs."""
HARMLESS_VALUES: Final = frozenset(
    {"", "true", "false", "vim", "vi", "nano", "less", "cat", "store", "cache", "osxkeychain", "manager",
     "manager-core", "wincred", "libsecret", "code --wait", "less -fx", "delta"}
)  # fmt: skip
"""Values, in lower case, that start a usual program or none."""
