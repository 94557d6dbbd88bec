"""The program whose processes share one start: it answers as the interpreter does, and no process changes the next one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.fixtures import FIXTURES
from support.warm import find_warm_program


def test_process_of_the_warm_program_answers_as_one_of_the_interpreter(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes((FIXTURES / "pickle/malicious/os-system.pkl").read_bytes())
    environment = os.environ | {
        "COLUMNS": "72",
        "SOURCE_DATE_EPOCH": "1769850000",
        "PYTHONPATH": str(FIXTURES.parents[1]),
    }
    arguments = ["scan", "model.pkl", "--no-second-opinion", "-o", "table", "-o", "json=report.json"]
    answers = []
    for program in ([sys.executable, "-m", "modelaudit"], [find_warm_program()]):
        done = subprocess.run(
            [*program, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        answers.append((done.returncode, done.stdout, done.stderr, (tmp_path / "report.json").read_bytes()))
        (tmp_path / "report.json").unlink()
    assert answers[0] == answers[1]
    assert answers[0][0] == 1


def test_process_of_the_warm_program_has_its_own_environment_folder_and_streams(tmp_path: Path) -> None:
    program = find_warm_program()
    (tmp_path / "key").write_text("no rules")
    (tmp_path / "model.pkl").write_bytes((FIXTURES / "pickle/malicious/os-system.pkl").read_bytes())
    for line, environment, code, said in (
        ("scan model.pkl --no-second-opinion", {"FORCE_COLOR": "1"}, 1, "\x1b["),
        ("scan model.pkl --no-second-opinion", {}, 1, "FAIL"),
        ("scan --nonsense", {}, 2, "--nonsense"),
        ("scan key --rules <(cat key)", {}, 2, "/dev/fd/"),
        ("explain >/dev/full", {}, 4, "No space left on device"),
    ):
        done = subprocess.run(
            ["bash", "-c", f"{program} {line}"], cwd=tmp_path, env={"PATH": os.environ["PATH"]} | environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, said in done.stdout + done.stderr) == (code, True), done
        assert ("\x1b[" in done.stdout) == ("FORCE_COLOR" in environment), done
