"""Modules of TorchScript that lie in an archive of torch.package."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from support.cases import check_each

import modelaudit

NAME = b"ctorch.jit._script\nunpackage_script_module\n"


def list_rules(folder: Path, content: bytes) -> set[str]:
    """Scan one pickle, and return the rules of its findings about pickles."""
    folder.mkdir(exist_ok=True)
    (folder / "model.pkl").write_bytes(content)
    rules = {each.rule for each in modelaudit.scan(folder, second_opinion=False).findings}
    return {each for each in rules if each.startswith("pickle/")}


def test_a_script_that_its_package_holds_is_no_finding(tmp_path: Path) -> None:
    """The pickle of a package names the function in a persistent id, and the loader calls it with the archive."""
    identifier = b"(Vreduce_package\nI0\n" + NAME + b"(V0\nttQ."
    assert list_rules(tmp_path, b"\x80\x02" + identifier) == set()


def test_a_call_with_an_archive_of_the_file_is_high(tmp_path: Path) -> None:
    assert list_rules(tmp_path, b"\x80\x02" + NAME + b"(Va\nV0\ntR.") == {"pickle/untrusted-argument"}


@check_each("name", ["script", "interface", "PackageImporter", "_recursive_compile_class", "get_jit_def"])
def test_what_compiles_source_is_dangerous_by_its_name(tmp_path: Path, name: str) -> None:
    content = b"\x80\x02ctorch.jit._script\n" + name.encode() + b"\n(Va\ntR."
    assert "pickle/dangerous-call" in list_rules(tmp_path, content)


@pytest.mark.slow
def test_a_package_that_torch_writes_raises_no_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    from torch.package import PackageExporter, package_exporter

    monkeypatch.setattr(package_exporter, "_gate_torchscript_serialization", False)
    file = io.BytesIO()
    with PackageExporter(file) as exporter:
        exporter.save_pickle("models", "model.pkl", torch.jit.script(torch.nn.Linear(2, 2)))
    content = file.getvalue()
    assert b"unpackage_script_module" in content
    (tmp_path / "model.pt").write_bytes(content)
    report = modelaudit.scan(tmp_path, second_opinion=False)
    assert not [each for each in report.findings if each.severity in ("high", "critical")]
