"""The verifier in one file: what it holds, where it starts, and how it ends where something is wrong."""

from __future__ import annotations

import ast
import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from support.attested import AttestedModel, make_attested
from support.isolated import make_environment
from support.sealing import run_verifier, seal

import modelaudit
from modelaudit.cli.conditions import CONDITION_OPTIONS, parse_conditions
from modelaudit.cli.standalone import build_parser
from modelaudit.cli.verify import command
from modelaudit.integrity.conditions import Conditions
from modelaudit.verifier_app import NOT_CARRIED, PACKAGE, STAND_INS, build_verifier, iterate_imports, list_modules

ROOT: Final = Path(modelaudit.__file__).parent
OPTIONAL: Final = {"blake3"}
"""A package that a function of the verifier imports for digests that no seal and no attestation has."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> AttestedModel:
    """Return an attested model, and beside it its sealed folder; no test changes them."""
    attested = make_attested(tmp_path_factory.mktemp("sealed"))
    done = seal(attested, attested.place / "sealed")
    assert done.returncode == 0, done.stderr
    return attested


@pytest.fixture(scope="module")
def verifier(source: AttestedModel) -> Path:
    """Return the verifier of the sealed folder."""
    return source.place / "sealed/verify.pyz"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment with ``cryptography`` alone."""
    return make_environment(tmp_path_factory.mktemp("bare") / "environment", "cryptography")


@pytest.fixture(scope="module")
def empty_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment without packages."""
    return make_environment(tmp_path_factory.mktemp("empty") / "environment")


def read_sources(verifier: Path) -> dict[str, bytes]:
    """Read the modules of a verifier, by the names of their files."""
    with zipfile.ZipFile(verifier) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_verifier_holds_only_modules_that_import_the_standard_library_and_cryptography(verifier: Path) -> None:
    files = read_sources(verifier)
    sources = {name: data for name, data in files.items() if name.endswith(".py")}
    assert set(files) == {*sources, *(f"{name}c" for name in sources if name != "__main__.py")}
    carried = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in sources}
    for name, data in sources.items():
        for imported in iterate_imports(ast.parse(data)):
            top = imported.partition(".")[0]
            # The archive has a module of its own in the place of msgspec.
            known = {PACKAGE, "cryptography", "msgspec", "__future__", *OPTIONAL, *sys.stdlib_module_names}
            assert top in known, (name, imported)
            if top == PACKAGE and (ROOT.parent / f"{imported.replace('.', '/')}.py").is_file():
                assert imported in carried | NOT_CARRIED, (name, imported)
        if name != "__main__.py":
            assert data == (STAND_INS[name] if name in STAND_INS else (ROOT.parent / name).read_bytes())
    rooms = {name.split(".")[1] for name in carried if name.startswith(f"{PACKAGE}.")}
    assert rooms == {"answering", "attested", "cli", "integrity", "model", "sealed", "sources"}
    assert not carried & NOT_CARRIED


def test_each_module_that_is_left_out_is_one_that_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelaudit.verifier_app.NOT_CARRIED", frozenset())
    assert list_modules(ROOT) >= NOT_CARRIED


def test_equal_sources_give_equal_bytes_in_any_process(verifier: Path) -> None:
    digest = hashlib.sha256(verifier.read_bytes()).hexdigest()
    assert hashlib.sha256(build_verifier()).hexdigest() == digest  # this process has loaded many other modules
    code = "import hashlib; from modelaudit.verifier_app import *; print(hashlib.sha256(build_verifier()).hexdigest())"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TMPDIR": str(verifier.parent), "LC_ALL": "C"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digest


def test_verifier_runs_on_cryptography_alone(source: AttestedModel, verifier: Path, python: Path) -> None:
    for target in (
        (source.place / "sealed",),
        (source.place / "sealed/model", "--attestation", source.place / "sealed/attestation.jsonl"),
        (source.model, "--attestation", source.attestation),
    ):
        done = run_verifier(python, verifier, *target, "--key", source.public)
        assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1), done
        assert "PASSED by urn:modelaudit:verifier at " in done.stdout
        quiet = run_verifier(python, verifier, *target, "--key", source.public, "-q")
        assert (quiet.returncode, quiet.stderr, quiet.stdout) == (0, "", "")
    loaded = (
        "import atexit, runpy, sys\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        f"runpy.run_path({str(verifier)!r}, run_name='__main__')"
    )
    command = [python, "-I", "-c", loaded, source.place / "sealed", "--key", source.public]
    done_here = subprocess.run(command, capture_output=True, text=True, check=False)
    modules = set(done_here.stderr.split())
    assert done_here.returncode == 0
    # What takes long is not loaded: certificates, the forms of downloads, and threads of other programs.
    assert not {"cryptography.x509", "modelaudit.sources.resolution", "asyncio", "ssl", "subprocess"} & modules
    tops = {name.partition(".")[0] for name in modules}
    assert tops - set(sys.stdlib_module_names) - {name for name in tops if name.startswith(("_", "__"))} <= {
        "cryptography",
        "modelaudit",
        "msgspec",  # the module of the archive: the interpreter has no such library
        "sitecustomize",
        "usercustomize",
    }


def test_verifier_without_cryptography_says_so_in_one_line_and_ends_with_4(
    source: AttestedModel, verifier: Path, empty_python: Path
) -> None:
    done = run_verifier(empty_python, verifier, source.place / "sealed", "--key", source.public)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == (
        "verify: error: the package cryptography is needed, and it cannot be loaded: No module named 'cryptography'; "
        f"install it for {empty_python}\n"
    )
    assert run_verifier(empty_python, verifier, "--help").returncode == 0


def test_verifier_on_an_older_python_says_so_in_one_line_and_ends_with_4(verifier: Path) -> None:
    main = read_sources(verifier)["__main__.py"]
    ast.parse(main, feature_version=(3, 4))
    code = (
        "import runpy, sys\n"
        "sys.version_info = (3, 10, 9, 'final', 0)\n"
        f"runpy.run_path({str(verifier)!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code, "x"], capture_output=True, text=True, check=False)
    expected = "verify: error: Python 3.11 or newer is needed; run it with that\n"
    assert (done.returncode, done.stdout, done.stderr) == (4, "", expected)


@pytest.mark.parametrize("search", ["", "{here}", "{here}/../here"])
def test_no_module_is_loaded_from_the_working_directory(
    source: AttestedModel, verifier: Path, python: Path, tmp_path: Path, search: str
) -> None:
    here = tmp_path / "here"
    for name in ("cryptography/__init__.py", "modelaudit/__init__.py", "argparse.py", "hashlib.py"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text("raise SystemExit('loaded')")
    command = [python, verifier, source.place / "sealed", "--key", source.public]
    environment = {"PYTHONPATH": f"/nowhere:{search.format(here=here)}"}
    done = subprocess.run(command, env=environment, cwd=here, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_another_version_of_python_compiles_the_sources_itself(
    source: AttestedModel, verifier: Path, python: Path, tmp_path: Path
) -> None:
    other = tmp_path / "verify.pyz"
    files = read_sources(verifier)
    with zipfile.ZipFile(other, "w") as archive:
        for name, data in files.items():
            # Compiled modules begin with the number of their format.
            archive.writestr(name, b"\0\0\r\n" + data[4:] if name.endswith(".pyc") else data)
    done = run_verifier(python, other, source.place / "sealed", "--key", source.public)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_names_each_option_and_the_exit_codes(verifier: Path, python: Path) -> None:
    done = run_verifier(python, verifier, "--help", COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    for word in ("--key", "--attestation", "--output", *(each.option for each in CONDITION_OPTIONS)):
        assert word in done.stdout
    assert "Exit codes: 0 all fits; 1 refused; 2 usage error; 4 could not run." in " ".join(done.stdout.split())


STATED: Final = {
    "verifier": ("https://acme.example/gate", "https://acme.example/gate"),
    "policy_digest": (f"sha256:{'A' * 64}", "a" * 64),
    "resource": ("pkg:huggingface/acme/tiny", "pkg:huggingface/acme/tiny"),
    "not_older_than": ("30d", timedelta(days=30)),
}
"""For each condition: what a user writes, and the value that is compared."""


@pytest.mark.parametrize("field", Conditions.__struct_fields__)
def test_each_condition_is_an_option_of_both_fronts_and_arrives_in_its_field(field: str) -> None:
    (option,) = (each.option for each in CONDITION_OPTIONS if each.field == field)
    text, value = STATED[field]
    with command.make_context("verify", [option, text]) as context:
        assert context.params[field] == text
    parsed = vars(build_parser().parse_args(["model", "--key", "key.pub", option, text]))
    assert parsed[field] == text
    assert parse_conditions(parsed) == Conditions(**{field: value})


WRONG: Final[dict[str, tuple[tuple[str, ...], int, str]]] = {
    "no folder": ((), 2, "the following arguments are required: FOLDER, --key"),
    "no key": (("sealed",), 2, "the following arguments are required: --key"),
    "two folders": (("sealed", "x", "--key", "key.pub"), 2, "unrecognized arguments: x"),
    "unknown option": (("sealed", "--key", "key.pub", "--lock", "x"), 2, "unrecognized arguments: --lock x"),
    "shortened option": (("sealed", "--ke", "key.pub"), 2, "the following arguments are required: --key"),
    "resource twice": (
        ("sealed", "--key", "key.pub", "--resource", "a:b", "--resource", "a:b"), 2, "--resource is given twice"
    ),
    "empty key": (("sealed", "--key="), 2, "--key is empty; give it a value, or leave it out"),
    "missing key": (("sealed", "--key", "none"), 2, "--key: none cannot be read: No such file or directory"),
    "private key": (("sealed", "--key", "key.pem"), 2, "--key: key.pem holds a private key"),
    "key inside": (("sealed", "--key", "sealed/report.json"), 2, "lies in the model"),
    "digest": (("sealed", "--key", "key.pub", "--policy-digest", "12"), 2, "--policy-digest 12: is not a SHA-256"),
    "days": (("sealed", "--key", "key.pub", "--not-older-than", "0d"), 2, "--not-older-than 0d: is not a number of days"),
    "missing folder": (("none", "--key", "key.pub"), 4, "The folder 'none' does not exist"),
    "folder of a model": (("model", "--key", "key.pub"), 1, "REFUSED: it holds no seal.json, so it is not sealed"),
    "attestation inside": (
        ("sealed", "--key", "key.pub", "--attestation", "sealed/attestation.jsonl"),
        2,
        "the attestation lies in the model that it attests",
    ),
    "repository": (("acme/tiny", "--key", "key.pub", "--attestation", "model.att"), 4, "does not exist"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_get_one_line_and_an_exit_code(
    source: AttestedModel, verifier: Path, python: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(source.place)
    arguments, code, expected = WRONG[name]
    done = run_verifier(python, verifier, *arguments)
    said = done.stdout + done.stderr
    assert (done.returncode, said.count("\n"), expected in said) == (code, 1, True), done
    assert bool(done.stdout) is (code == 1)


def test_failure_of_the_verifier_itself_is_one_line_and_never_the_code_of_a_refusal(
    source: AttestedModel, verifier: Path, python: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "verify.pyz"
    files = {name: data for name, data in read_sources(verifier).items() if name.endswith(".py")}
    entry = "modelaudit/sealed.py"
    for fault in ("raise LookupError('first\\nsecond')", "raise BaseException('panic')", "raise KeyboardInterrupt"):
        files[entry] = f"def verify_seal(*arguments):\n    {fault}\n".encode()
        with zipfile.ZipFile(broken, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        done = run_verifier(python, broken, source.place / "sealed", "--key", source.public)
        if "Interrupt" in fault:
            assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
        else:
            assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1), done
            assert done.stderr.startswith("verify: error: the verifier failed: ")


@pytest.mark.parametrize(("redirection", "code"), [(">/dev/full", 4), (">&-", 4), ("2>&-", 0), ("| true", 4)])
def test_answer_that_cannot_be_written_is_no_pass(
    source: AttestedModel, verifier: Path, python: Path, redirection: str, code: int
) -> None:
    line = f'(sleep 0.3; exec "$@") {redirection}; exit ${{PIPESTATUS[0]}}'
    command = ["bash", "-c", line, "bash", python, verifier, source.place / "sealed", "--key", source.public]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n") <= 1) == (code, True), done


def test_names_are_escaped_in_any_encoding_of_the_terminal(
    source: AttestedModel, verifier: Path, python: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(source.place / "sealed", tmp_path / "caf\u00e9", symlinks=True)
    (folder / "\u202e\x1b[31mgreen\n.py").write_text("")
    for encoding in ("ascii", "utf-8", "utf-16"):
        done = subprocess.run(
            [python, verifier, folder, "--key", source.public],
            env={"PYTHONIOENCODING": encoding, "LC_ALL": "C"}, capture_output=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr, done.stdout.count(b"\n")) == (1, b"", 1), done
        assert b"REFUSED: added: \\u202e\\x1b[31mgreen .py: a file that the seal lacks" in done.stdout


def test_zip_archive_is_one_that_python_and_unzip_read(verifier: Path) -> None:
    data = verifier.read_bytes()
    assert data.startswith(b"#!/usr/bin/env python3\nPK")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {(each.compress_type, each.date_time) for each in archive.infolist()} == {(0, (1980, 1, 1, 0, 0, 0))}
