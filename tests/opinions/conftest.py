"""Files for a second scanner to read. The hostile ones name a harmless call and are never loaded."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from modelaudit.model.finding import CheckFamily, Finding, Severity

# PROTO 2, GLOBAL posix system, one short text, TUPLE1, REDUCE, STOP: would run "true".
MALICIOUS_PICKLE = b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R."
# PROTO 2, an empty dict, STOP.
BENIGN_PICKLE = b"\x80\x02}."


@pytest.fixture
def malicious_pickle() -> bytes:
    """Return a pickle that would run the command ``true``."""
    return MALICIOUS_PICKLE


@pytest.fixture
def benign_pickle() -> bytes:
    """Return a pickle of an empty dictionary."""
    return BENIGN_PICKLE


@pytest.fixture
def build_torch_zip() -> Callable[[bytes], bytes]:
    """Return a function that builds a file of ``torch.save`` around a pickle."""

    def build(program: bytes) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("archive/data.pkl", program)
            archive.writestr("archive/data/0", b"\0" * 16)
        return buffer.getvalue()

    return build


@pytest.fixture
def write_files(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes files, by path, into a folder and returns the folder."""

    def write(files: dict[str, bytes]) -> Path:
        root = tmp_path / "model"
        for name, data in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
        return root

    return write


@pytest.fixture
def build_our_finding() -> Callable[..., Finding]:
    """Return a function that builds a finding of this scan; by default, a critical one of the security check."""

    def build(
        artifact: str, severity: Severity = Severity.CRITICAL, check: CheckFamily = CheckFamily.SECURITY
    ) -> Finding:
        return Finding("pickle/dangerous-call", severity, check, artifact, "calls posix.system")

    return build
