"""Every block of shell commands in the documents runs as it is written, or has a reason why it does not."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from support.warm import find_warm_program

ROOT: Final = Path(__file__).resolve().parents[1]
RUN_BY: Final = {
    "README.md": "tests/test_docs.py",
    "docs/attestation.md": "tests/test_attestation_documents.py",
    "docs/deploy.md": "tests/test_attestation_documents.py",
    "docs/ci.md": "tests/pipelines/test_templates.py",
    "docs/decisions.md": "tests/test_decisions.py",
    "docs/discovery.md": "tests/cli/test_discover_command.py",
    "docs/integrity.md": "tests/cli/test_lock_command.py",
    "docs/keyless.md": "tests/integrity/test_keyless.py",
    "docs/licences-in-use.md": "docs/generate.py",
    "docs/policy.md": "tests/test_policy_document.py",
    "docs/signatures.md": "tests/test_scan_signatures.py",
}
"""The pages whose blocks another file runs."""
NOT_RUN: Final = {
    "python3 -m venv .audit": "needs PyPI; tests/pipelines/test_action.py installs by the same steps",
    "$ docker build -f Containerfile -t modelaudit .": "needs docker; tests/pipelines/test_container.py runs the steps",
}
"""The reason for a block of these pages that does not run, by its first line."""
EXIT_CODES: Final = {
    "$ .venv/bin/modelaudit scan fixtures/pickle/malicious/os-system.pkl": 1,
    "$ .venv/bin/modelaudit license fixtures/repositories/licenses/models/paper-voice --policy research --offline": 0,
    "printf 'modelaudit-tree-v1": 0,
    "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out rules.pem": 0,
}
"""The exit code of each other block, by the start of its first line."""
GENERATED: Final = re.compile(
    r"^<!-- docs/generate\.py writes from here.*?^<!-- to here -->$", re.MULTILINE | re.DOTALL
)
"""A block with its output, which docs/transcripts.py runs; tests/test_docs.py compares it."""


class Block(NamedTuple):
    """A block of commands: the page, and the lines."""

    page: str
    lines: tuple[str, ...]


def list_blocks() -> list[Block]:
    """List the blocks of shell commands of all pages."""
    pages = [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]
    return [
        Block(page.relative_to(ROOT).as_posix(), tuple(code.splitlines()))
        for page in pages
        for code in re.findall(
            r"^```(?:sh|console|bash|shell)\n(.*?)^```$", GENERATED.sub("", page.read_text()), re.MULTILINE | re.DOTALL
        )
    ]


BLOCKS: Final = list_blocks()
RUN_HERE: Final = [block for block in BLOCKS if block.page not in RUN_BY]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the fixtures and ``.venv/bin``, where the program is, which is on the path too."""
    programs = tmp_path / ".venv/bin"
    programs.mkdir(parents=True)
    (programs / "modelaudit").symlink_to(find_warm_program())
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1769850000")  # 2026-01-31, before the last day of the examples
    return tmp_path


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("block", RUN_HERE, ids=lambda block: f"{block.page}: {block.lines[0][:40]}")
def test_block_of_commands_runs_as_it_is_written(block: Block) -> None:
    lines = [line.removeprefix("$ ") for line in block.lines]
    done = subprocess.run(["bash", "-eu", "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    (expected,) = [code for start, code in EXIT_CODES.items() if block.lines[0].startswith(start)]
    assert done.returncode == expected, done


def test_every_block_runs_here_or_elsewhere_or_has_a_reason_and_no_entry_is_stale() -> None:
    assert {block.page for block in BLOCKS} >= set(RUN_BY)
    assert {block.lines[0] for block in BLOCKS} >= set(NOT_RUN)
    assert len(RUN_HERE) == len(EXIT_CODES)
    for page, runner in RUN_BY.items():
        stem, text = Path(page).stem, (ROOT / runner).read_text()
        assert Path(page).name in text or stem in text or stem.replace("-", "_") in text, page
