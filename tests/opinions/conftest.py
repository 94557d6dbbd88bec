"""Files for a second scanner to read. The hostile ones name a harmless call and are never loaded."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from modelaudit.model.finding import CheckFamily, Finding, Severity

# PROTO 2, GLOBAL posix system, one short text, TUPLE1, REDUCE, STOP: would run "true".
HOSTILE = b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R."
# PROTO 2, an empty dict, STOP.
BENIGN = b"\x80\x02}."


@pytest.fixture
def hostile() -> bytes:
    return HOSTILE


@pytest.fixture
def benign() -> bytes:
    return BENIGN


@pytest.fixture
def torch_zip() -> Callable[[bytes], bytes]:
    def build(program: bytes) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("archive/data.pkl", program)
            archive.writestr("archive/data/0", b"\0" * 16)
        return buffer.getvalue()

    return build


@pytest.fixture
def lay(tmp_path: Path) -> Callable[..., Path]:
    """Write files, named by keyword or mapping, into a folder of their own."""

    def write(files: dict[str, bytes]) -> Path:
        root = tmp_path / "model"
        for name, data in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
        return root

    return write


@pytest.fixture
def grave() -> Callable[..., Finding]:
    def build(
        artifact: str, severity: Severity = Severity.CRITICAL, check: CheckFamily = CheckFamily.SECURITY
    ) -> Finding:
        return Finding("pickle/dangerous-call", severity, check, artifact, "calls posix.system")

    return build
