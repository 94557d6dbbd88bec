"""``modelaudit completion``: real shells complete a command and an option with the script that it prints."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest
from support.command import run_command

PROGRAMS = Path(sys.executable).parent
SECONDS = 60


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment with the program on the path, and without settings of the user."""
    return {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "HOME": str(tmp_path), "ZDOTDIR": str(tmp_path)}


def write_script(folder: Path, shell: str) -> Path:
    """Write the script of a shell to a file."""
    script = folder / f"modelaudit.{shell}"
    script.write_text(run_command("completion", shell).stdout)
    return script


def test_completion_of_another_shell_is_refused() -> None:
    assert run_command("completion", "tcsh").returncode == 2


@pytest.mark.parametrize(("line", "expected"), [("modelaudit exp", "explain"), ("modelaudit scan --fail", "--fail-on")])
def test_bash_completes_commands_and_options(
    tmp_path: Path, environment: dict[str, str], line: str, expected: str
) -> None:
    words = line.split()
    script = (
        f"source {write_script(tmp_path, 'bash')}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; "
        "_modelaudit_completion modelaudit; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [expected]


@pytest.mark.counterpart
@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_zsh_and_fish_accept_the_syntax_of_their_scripts(tmp_path: Path, shell: str) -> None:
    done = subprocess.run([shell, "-n", write_script(tmp_path, shell)], capture_output=True, text=True, check=True)
    assert done.stderr == ""


@pytest.mark.counterpart
@pytest.mark.parametrize(("line", "expected"), [("modelaudit exp", "explain"), ("modelaudit scan --fail", "--fail-on")])
def test_fish_completes_commands_and_options(
    tmp_path: Path, environment: dict[str, str], line: str, expected: str
) -> None:
    script = f"source {write_script(tmp_path, 'fish')}; complete -C '{line}'"
    done = subprocess.run(["fish", "-N", "-c", script], env=environment, capture_output=True, text=True, check=True)
    # Each line is a word, and a tab and its help if it has any.
    assert [each.partition("\t")[0] for each in done.stdout.splitlines()] == [expected]


@pytest.mark.counterpart
@pytest.mark.parametrize(("line", "expected"), [("modelaudit exp", "explain"), ("modelaudit scan --fail", "--fail-on")])
def test_zsh_completes_commands_and_options_at_its_prompt(
    tmp_path: Path, environment: dict[str, str], line: str, expected: str
) -> None:
    script = write_script(tmp_path, "zsh")
    (tmp_path / ".zshrc").write_text(f"autoload -Uz compinit; compinit -u; source {script}; PS1='ready> '\n")
    process, terminal = pty.fork()
    if process == 0:
        os.execvpe("zsh", ["zsh", "-d", "-i"], {**environment, "TERM": "dumb"})
    try:
        assert "ready> " in read_until(terminal, "ready> ")
        os.write(terminal, f"{line}\t".encode())
        # The completed word is followed by a space.
        assert f"{expected} " in read_until(terminal, f"{expected} ")
    finally:
        os.close(terminal)
        os.waitpid(process, 0)


def read_until(terminal: int, text: str) -> str:
    """Read what a terminal shows until it holds a text, or nothing more comes."""
    shown = b""
    while text.encode() not in shown and select.select([terminal], [], [], SECONDS)[0]:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # Linux reports the end of a terminal in this way
            break
        if not part:
            break
        shown += part
    return shown.decode(errors="replace")
