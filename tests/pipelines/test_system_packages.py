"""``make test`` installs what is missing of the system, or stops with the one command to run."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "install-system.sh"


def run_script(folder: Path, listed: str, **commands: str) -> subprocess.CompletedProcess[str]:
    """Run the script beside a list of packages, on a system that has only the given commands, each a line of shell."""
    (folder / "bin").mkdir()
    (folder / "system.txt").write_text(listed)
    shutil.copy(ROOT / "requirements" / SCRIPT, folder)
    for name in ("dirname", "bash"):
        found = shutil.which(name)
        assert found
        (folder / "bin" / name).symlink_to(found)
    for name, line in commands.items():
        path = folder / "bin" / name.replace("_", "-")
        path.write_text(f'#!/bin/sh\necho "{path.name} $*" >> "{folder}/calls"\n{line}\n')
        path.chmod(0o755)
    return subprocess.run(
        [folder / SCRIPT], env={"PATH": str(folder / "bin")}, capture_output=True, text=True, check=False
    )


def list_calls(folder: Path) -> list[str]:
    """List the calls of the given commands but ``id``."""
    calls = folder / "calls"
    return [line for line in calls.read_text().splitlines() if not line.startswith("id ")] if calls.exists() else []


MISSING = "# a comment\n\nbash bash\nabsent-command  absent-package\n/absent/file  other-package\n"
INSTALL = "apt-get install --yes --no-install-recommends absent-package other-package"


def test_nothing_is_installed_where_every_command_and_file_is_present(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = run_script(tmp_path, f"bash bash\n{tmp_path}/file package\n", apt_get="exit 1", id="echo 0")
    assert (ran.returncode, ran.stdout, ran.stderr, list_calls(tmp_path)) == (0, "", "", [])


@pytest.mark.parametrize(("user", "prefix"), [("0", ""), ("1000", "sudo ")])
def test_missing_packages_are_installed_in_one_call_with_sudo_where_the_user_is_not_root(
    user: str, prefix: str, tmp_path: Path
) -> None:
    ran = run_script(
        tmp_path, MISSING, apt_get="exit 0", id=f"echo {user}", sudo='test "$1" = --non-interactive || "$@"'
    )
    assert ran.returncode == 0, ran.stderr
    calls = list_calls(tmp_path)
    assert f"{INSTALL} -qq" in calls and ("sudo" in " ".join(calls)) == bool(prefix)


@pytest.mark.parametrize(
    ("commands", "command"),
    [
        ({"id": "echo 0"}, INSTALL),
        ({"id": "echo 1000", "apt_get": "exit 0"}, f"sudo {INSTALL}"),
        ({"id": "echo 1000", "apt_get": "exit 0", "sudo": "exit 1"}, f"sudo {INSTALL}"),
        ({"id": "echo 0", "apt_get": "exit 100"}, INSTALL),
    ],
)
def test_where_nothing_can_be_installed_the_script_stops_with_the_command_to_run(
    commands: dict[str, str], command: str, tmp_path: Path
) -> None:
    ran = run_script(tmp_path, MISSING, **commands)
    assert ran.returncode == 1
    first, second = ran.stderr.splitlines()
    assert first.endswith(f"run: {command}") and second.endswith("make test COUNTERPARTS=")


def test_list_of_packages_names_every_system_command_that_the_tests_start() -> None:
    listed = (ROOT / "requirements/system.txt").read_text("utf-8")
    commands = set(re.findall(r"^([\w-]+) +[\w-]+$", listed, re.MULTILINE))
    assert commands >= {"git", "npm", "node", "debootstrap", "unshare", "cosign", "chromium", "pdftotext"}
