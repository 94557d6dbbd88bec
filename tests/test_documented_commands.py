"""Every block of shell commands in the documents runs as it is written, or has a reason why it does not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from hub.server import LoopbackHub
from support.fixtures import FIXTURES

ROOT: Final = Path(__file__).resolve().parents[1]
GOOD, BAD, GEMMA = (
    "repositories/acme-tiny",
    "pickle/malicious/os-system.pkl",
    "repositories/licenses/models/gemma-2b-gguf",
)
RUN_BY: Final = {
    "README.md": "tests/test_docs.py",
    "docs/decisions.md": "tests/test_decisions.py",
    "docs/policy.md": "tests/test_policy_document.py",
    "docs/discovery.md": "tests/cli/test_discover_command.py",
    "docs/licences-in-use.md": "docs/generate.py",
}
"""The pages whose blocks another file runs, all of them, in their order."""
NOT_RUN: Final = {
    "python3 -m venv .audit": "needs PyPI; tests/pipelines/test_action.py installs by the same steps",
    "$ docker build -f Containerfile -t modelaudit .": "needs docker; tests/pipelines/test_container.py runs the steps",
}
"""The reason for a block that does not run, by its first line."""


class Block(NamedTuple):
    """A block of commands: the page, the language, and the lines."""

    page: str
    language: str
    lines: tuple[str, ...]


def list_blocks() -> list[Block]:
    """List the blocks of shell commands of all pages, and those of pipelines that call a shell."""
    pages = [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]
    return [
        Block(page.relative_to(ROOT).as_posix(), match[1], tuple(match[2].splitlines()))
        for page in pages
        for match in re.finditer(r"^```(sh|console|bash|shell|groovy)\n(.*?)^```$", page.read_text(), re.M | re.S)
    ]


BLOCKS: Final = list_blocks()
RUN_HERE: Final = [block for block in BLOCKS if block.page not in RUN_BY and block.lines[0] not in NOT_RUN]


class Run(NamedTuple):
    """How a block runs: the model on the Hub as ``org/model``, and the expected exit code."""

    model: str
    exit_code: int


RUNS: Final = {
    "modelaudit scan org/model@main --fail-on high -o html=report.html -o json=report.json": Run(GOOD, 0),
    "code=0": Run(GOOD, 0),
    "modelaudit scan org/model@main -q --fail-on never -o json=baseline.json": Run(BAD, 0),
    "modelaudit-gate --version": Run(GOOD, 0),
    "pipeline {": Run(BAD, 1),
    "$ .venv/bin/modelaudit scan fixtures/pickle/malicious/os-system.pkl": Run(GOOD, 1),
    "$ .venv/bin/modelaudit license fixtures/repositories/licenses/models/paper-voice --policy research --offline": Run(
        GOOD, 0
    ),
    "$ modelaudit decide licence:LicenseRef-Gemma --report report.json": Run(GEMMA, 0),
}
"""By the start of the first line."""


def find_run(block: Block) -> Run:
    """Return how a block runs."""
    (run,) = [run for start, run in RUNS.items() if block.lines[0].startswith(start)]
    return run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the fixtures, and put both names of the program on the path, and into ``.venv/bin``."""
    programs = tmp_path / ".venv/bin"
    programs.mkdir(parents=True)
    for name in ("modelaudit", "modelaudit-gate"):
        script = f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        (programs / name).write_text(script + "from modelaudit.cli.main import main\nmain()\n")
        (programs / name).chmod(0o755)
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1769850000")  # 2026-01-31, before the last day of the examples
    return tmp_path


@pytest.mark.parametrize("block", RUN_HERE, ids=lambda block: f"{block.page}: {block.lines[0][:40]}")
def test_block_of_commands_runs_as_it_is_written(project: Path, hub: LoopbackHub, block: Block) -> None:
    run = find_run(block)
    model = FIXTURES / run.model
    hub.add_repository("org/model", model if model.is_dir() else {model.name: model.read_bytes()})
    lines = [line.removeprefix("$ ") for line in block.lines]
    if block.language == "groovy":
        lines = re.findall(r"sh '([^']+)'", "\n".join(lines))
    if any(line.startswith("modelaudit decide") for line in lines):
        lines.insert(0, "modelaudit scan org/model -q --policy commercial-saas -o json=report.json || test $? -eq 3")
    done = subprocess.run(["bash", "-eu", "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert done.returncode == run.exit_code, done
    for name in re.findall(r"-o \w+=(\S+)", "\n".join(lines)):
        assert (project / name).stat().st_size, name


def test_every_block_runs_here_or_elsewhere_or_has_a_reason_and_no_entry_is_stale() -> None:
    assert {block.page for block in BLOCKS} >= set(RUN_BY)
    assert {block.lines[0] for block in BLOCKS} >= set(NOT_RUN)
    assert len(RUN_HERE) == len(RUNS)
    for page, runner in RUN_BY.items():
        assert Path(page).name in (ROOT / runner).read_text() or Path(page).stem in (ROOT / runner).read_text(), page
