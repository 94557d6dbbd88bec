"""No command writes over a file that it reads, and no error leaves an older answer behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from support.attested import AttestedModel, make_attested
from support.command import run_command
from support.sealing import seal
from support.warm import find_warm_program

ACCEPTED: Final = '{\n  "exit_code": 0,\n  "schema": "modelaudit/verdict/v1",\n  "verdict": "accepted"\n}\n'


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> AttestedModel:
    """Return an attested model with files of every kind beside it, and a sealed folder; no test changes them."""
    attested = make_attested(tmp_path_factory.mktemp("overwriting"))
    done = seal(attested, attested.place / "sealed")
    assert done.returncode == 0, done.stderr
    place = attested.place
    shutil.copy(place / "sealed/verify.pyz", place / "verify.pyz")
    shutil.copy(place / "sealed/modelaudit.lock", place / "model.lock")
    (place / "model.sig").write_text("{}")
    (place / "policy.yaml").write_text("name: own\ntrusted-signers:\n  - public-key: key.pub\n")
    (place / "link.json").symlink_to("key.pub")
    (place / "hard.json").hardlink_to(place / "key.pub")
    (place / "hard.att").hardlink_to(place / "model.att")
    return attested


@pytest.fixture
def place(source: AttestedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a copy of everything as the working directory."""
    copy = source.copy(tmp_path / "place")
    for name, other in (("hard.json", "key.pub"), ("hard.att", "model.att")):
        (copy.place / name).unlink()
        (copy.place / name).hardlink_to(copy.place / other)
    monkeypatch.chdir(copy.place)
    return copy.place


VERIFY: Final = "verify model --attestation model.att --key key.pub"
ATTEST: Final = "attest model --report report.json --key key.pem"
REFUSED: Final = {
    f"{ATTEST} -o key.pem": "-o key.pem: is the same file as --key",
    f"{ATTEST} -o ./report.json": "-o report.json: is the same file as --report",
    f"{ATTEST} --seal s --signature model.sig -o model.sig": "-o model.sig: is the same file as --signature",
    f"{VERIFY} -o json=model.att": "-o model.att: is the same file as --attestation",
    f"{VERIFY} -o text=hard.att": "-o hard.att: is the same file as --attestation",
    f"{VERIFY} -o json=key.pub": "-o key.pub: is the same file as --key",
    f"{VERIFY} -ojson=link.json": "-o link.json: is the same file as --key",
    f"{VERIFY} --output=json=hard.json": "-o hard.json: is the same file as --key",
    "verify sealed/model --attestation sealed/attestation.jsonl --key key.pub -o json=sealed/new.json": (
        "sealed, which it would change"
    ),
    "verify model --public-key key.pub -o json=key.pub": "-o key.pub: is the same file as --public-key",
    "verify model --signature model.sig --public-key key.pub -o json=model.sig": "is the same file as --signature",
    "verify model --lock model.lock -o json=model.lock": "-o model.lock: is the same file as --lock",
    "scan model -q --public-key key.pub -o json=key.pub": "-o key.pub: is the same file as --public-key",
    "scan model -q --policy policy.yaml -o json=policy.yaml": "-o policy.yaml: is the same file as --policy",
    "scan model -q --policy policy.yaml -o json=key.pub": "-o key.pub: is the same file as a file of the policy own",
    "scan model -q --policy policy.yaml --ledger key.pub": "--ledger key.pub: is the same file as a file of the poli",
    "scan model -q --ledger x.json -o json=x.json": "is the same file as",
    "scan model/config.json -q -o json=model/config.json": "-o model/config.json: is the same file as TARGET",
    "license model --baseline report.json -o json=report.json": "-o report.json: is the same file as --baseline",
    "policy rules --pack key.pem --key key.pem": "--pack key.pem: is the same file as --key",
    "render report.json -o html=report.json": "-o report.json: is the same file as REPORT.json",
    "diff report.json model -o json=report.json": "-o report.json: is the same file as A",
}


@pytest.mark.parametrize("line", REFUSED)
def test_output_that_is_an_input_is_refused_and_left_in_place(place: Path, line: str) -> None:
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    done = run_command(*line.split())
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done
    assert REFUSED[line] in done.stderr
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["model.att", "key.pub", "link.json", "hard.json", "verify.pyz"])
def test_verifier_in_one_file_removes_neither_its_inputs_nor_itself(place: Path, name: str) -> None:
    before = {path: path.read_bytes() for path in place.iterdir() if path.is_file()}
    command = [sys.executable, "-I", "verify.pyz", *VERIFY.split()[1:], "-o", f"json={name}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done
    assert f"-o {name}: is the same file as " in done.stderr
    assert {path: path.read_bytes() for path in place.iterdir() if path.is_file()} == before


def move_away(name: str) -> Callable[[Path], object]:
    """Return a function that takes a file out of its place."""
    return lambda place: (place / name).rename(place / "gone")


ERRORS: Final[dict[str, tuple[Callable[[Path], object], tuple[str, ...], int]]] = {
    "policy digest": (lambda _: None, ("--policy-digest", "12"), 2),
    "age": (lambda _: None, ("--not-older-than", "x"), 2),
    "unknown option": (lambda _: None, ("--polcy-digest", "12"), 2),
    "empty option": (lambda _: None, ("--resource", ""), 2),
    "twice": (lambda _: None, ("--resource", "urn:a", "--resource", "urn:b"), 2),
    "key": (move_away("key.pub"), (), 2),
    "attestation": (move_away("model.att"), (), 4),
    "model": (move_away("model"), (), 4),
}


@pytest.mark.parametrize("front", ["verify.pyz", "modelaudit"])
@pytest.mark.parametrize("name", ERRORS)
def test_older_answer_survives_no_error(place: Path, name: str, front: str) -> None:
    break_input, options, code = ERRORS[name]
    (place / "answer.json").write_text(ACCEPTED)
    break_input(place)
    program = {"verify.pyz": [sys.executable, "-I", "verify.pyz"], "modelaudit": [find_warm_program()]}
    line = VERIFY.split()[front == "verify.pyz" :]
    done = subprocess.run(
        [*program[front], *line, "-o", "json=answer.json", *options], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n"), (place / "answer.json").exists()) == (code, 1, False), done


def test_older_answer_survives_no_wrong_option_on_who_signs(place: Path) -> None:
    (place / "answer.json").write_text(ACCEPTED)
    assert run_command(*VERIFY.split(), "--identity", "x", "-o", "json=answer.json").returncode == 2
    assert not (place / "answer.json").exists()
    (place / "precious.json").write_text("{}")
    assert run_command(*VERIFY.split(), "--wrong", "-o", "json=precious.json").returncode == 2
    assert (place / "precious.json").read_text() == "{}"


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "stdout.json"])
@pytest.mark.parametrize("program", ["modelaudit", "verify.pyz", "scan", "attest"])
def test_document_for_the_file_behind_stdout_is_appended_to_it(place: Path, program: str, path: str) -> None:
    (place / "stdout.json").symlink_to("/dev/stdout")
    modelaudit = find_warm_program()
    command = {
        "modelaudit": [modelaudit, *VERIFY.split(), "-o", f"json={path}"],
        "verify.pyz": [sys.executable, "-I", "verify.pyz", *VERIFY.split()[1:], "-o", f"json={path}"],
        "scan": [modelaudit, "scan", "model", "-q", "--no-second-opinion", "-o", f"json={path}"],
        "attest": [modelaudit, *ATTEST.split(), "-q", "-o", path],
    }[program]
    (place / "out").write_text("before\n")
    with (place / "out").open("ab") as out:
        done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, text=True, check=False)
    first, _, rest = (place / "out").read_text().partition("\n")
    assert (done.returncode, done.stderr, first, rest[:1]) == (0, "", "before", "{")
    assert os.readlink(place / "stdout.json") == "/dev/stdout"  # noqa: PTH115 - as it is written


PIPES: Final = {
    "verify model --attestation model.att --key pipe": "--key: pipe is a pipe, which may never end; name a regular file",
    "verify model --attestation pipe --key key.pub": "--attestation: pipe is a pipe",
    "verify model --public-key pipe": "--public-key: pipe is a pipe",
    "verify model --public-key key.pub --signature pipe": "--signature: pipe is a pipe",
    "attest model --report report.json --key pipe -o new.att": "--key: pipe is a pipe",
    "attest model --report pipe --key key.pem -o new.att": "pipe: is a pipe",
}


@pytest.mark.parametrize("line", PIPES)
def test_pipe_with_a_name_is_refused_because_it_may_never_end(place: Path, line: str) -> None:
    os.mkfifo(place / "pipe")
    done = run_command(*line.split())
    assert (done.returncode in {2, 4}, done.stderr.count("\n"), PIPES[line] in done.stderr) == (True, 1, True), done


def test_pipe_of_a_shell_is_read(place: Path) -> None:
    verify = f"{find_warm_program()} {VERIFY.replace('key.pub', '<(cat key.pub)')}"
    attest = f"{find_warm_program()} {ATTEST.replace('key.pem', '<(cat key.pem)')} -q -o new.att"
    for line in (verify, attest):
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done


def test_closed_stdout_has_a_line_on_stderr(place: Path) -> None:
    line = f"{sys.executable} -I verify.pyz {VERIFY.removeprefix('verify ')} >&-"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (4, "verify: error: the answer cannot be written: stdout is closed\n")
