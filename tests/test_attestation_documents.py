"""``docs/attestation.md`` and ``docs/deploy.md``: their commands, manifests and unit do what the pages say."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml
from support.attested import AttestedModel, make_attested
from support.command import run_command
from support.isolated import make_environment
from support.warm import find_warm_program

ROOT: Final = Path(__file__).resolve().parents[1]
ATTESTATION, DEPLOY = ((ROOT / f"docs/{name}").read_text("utf-8") for name in ("attestation.md", "deploy.md"))
GATE: Final = "https://acme.example/model-gate"
RUNTIME: Final = {"type": "RuntimeDefault"}
RESTRICTED: Final = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def list_blocks(page: str, language: str) -> list[str]:
    """List the blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def attested(tmp_path_factory: pytest.TempPathFactory) -> AttestedModel:
    """Return a model that the gate of the pages has attested, and its conditions."""
    attested = make_attested(tmp_path_factory.mktemp("attested"))
    assert attested.attest("--verifier-id", GATE).returncode == 0
    return attested


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the program on the path, and return its folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "modelaudit").symlink_to(find_warm_program())
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


@pytest.mark.counterpart
@pytest.mark.usefixtures("programs")
def test_commands_of_the_page_on_attestations_run_as_they_are_written(
    attested: AttestedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELAUDIT_KEY_PASSPHRASE", "caf\u00e9 9")
    shutil.copytree(attested.model, "model", symlinks=True)
    attesting, _, judging = list_blocks(ATTESTATION, "sh")
    for block, said in ((attesting, f"model: PASSED by {GATE} at "), (judging, "Verified OK")):
        done = subprocess.run(["bash", "-eu", "-c", block], capture_output=True, text=True, check=False)
        assert (done.returncode, said in done.stdout + done.stderr) == (0, True), done


def test_fields_of_both_statements_are_those_of_the_page(attested: AttestedModel) -> None:
    evidence, summary = attested.read_payloads()
    named = set(re.findall(r"`([\w:.]+)`", ATTESTATION))
    assert set(evidence["predicate"]) <= named
    assert {key for key in summary["predicate"] if key != "verifier"} <= named
    assert {f"verifier.{key}" for key in summary["predicate"]["verifier"]} <= named


class Deployment(NamedTuple):
    """A deployment: its kind, the command that copies the model or none, and the arguments of modelaudit."""

    kind: str
    copying: list[str]
    verifying: list[str]


def list_deployments() -> Iterator[Deployment]:
    """Yield each deployment of the page."""
    for block in list_blocks(DEPLOY, "yaml"):
        manifest: dict[str, Any] = yaml.safe_load(block)
        spec = manifest["spec"].get("predictor", manifest["spec"])
        [copying, verifying], [server] = spec["initContainers"], spec["containers"]
        containers = (copying, verifying, server)
        mounts = [(each["name"], mount) for each in containers for mount in each["volumeMounts"]]
        writable = [(name, mount["mountPath"]) for name, mount in mounts if not mount.get("readOnly")]
        assert writable == [("copy-model", "/models")]
        assert {mount["name"] for _, mount in mounts} == {volume["name"] for volume in spec["volumes"]}
        assert {"name": "models", "emptyDir": {}} in spec["volumes"]
        assert all("@sha256:" in each["image"] for each in containers)
        # The level "restricted" of Pod Security.
        assert (spec["securityContext"]["runAsNonRoot"], spec["securityContext"]["seccompProfile"]) == (True, RUNTIME)
        assert all(each["securityContext"] == RESTRICTED for each in containers)
        arguments = [re.sub(r"\$\((\w+)\)", r"${\1}", argument) for argument in verifying["args"]]
        yield Deployment(manifest["kind"], copying["command"], arguments)
    [unit] = list_blocks(DEPLOY, "ini")
    [command] = re.findall(r"^ExecStartPre=(.*)$", unit, re.MULTILINE)
    program, *arguments = shlex.split(command)
    assert program.endswith("/modelaudit")
    yield Deployment("systemd", [], arguments)


def test_each_deployment_is_shown() -> None:
    assert [each.kind for each in list_deployments()] == ["Pod", "InferenceService", "systemd"]


CHANGES: Final[dict[str, tuple[Callable[[Path], object], int, str]]] = {
    "nothing": (lambda place: None, 0, ": PASSED by "),
    "a byte": (lambda place: (place / "models/tiny/config.json").write_text("{}"), 1, "REFUSED: changed: config.json"),
    "a file": (lambda place: (place / "models/tiny/x.py").write_text(""), 1, "REFUSED: added: x.py: "),
    "no model": (lambda place: shutil.rmtree(place / "models/tiny"), 4, "does not exist"),
    "no key": (lambda place: (place / "gate/gate.pub").unlink(), 2, "cannot be read"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", ["Pod", "InferenceService", "systemd"])
def test_model_of_each_deployment_is_verified_as_the_page_says(
    attested: AttestedModel, tmp_path: Path, kind: str, change: str
) -> None:
    [deployment] = [each for each in list_deployments() if each.kind == kind]
    storage = tmp_path / ("storage" if deployment.copying else "models")
    shutil.copytree(attested.model, storage / "tiny", symlinks=True)
    shutil.copy(attested.attestation, storage / "tiny.att")
    if deployment.copying:
        (tmp_path / "models").mkdir()
        copying = [re.sub("^/", f"{tmp_path}/", argument) for argument in deployment.copying]
        subprocess.run(copying, check=True)
    (tmp_path / "gate").mkdir()
    shutil.copy(attested.public, tmp_path / "gate/gate.pub")
    _, summary = attested.read_payloads()
    predicate = summary["predicate"]
    values = {"POLICY_DIGEST": predicate["policy"]["digest"]["sha256"], "MODEL_RESOURCE": predicate["resourceUri"]}
    places = {"/etc/model-gate/": f"{tmp_path}/gate/", "/gate/": f"{tmp_path}/gate/", "/models/": f"{tmp_path}/models/"}
    arguments = []
    for argument in deployment.verifying:
        text = re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], argument)
        for place, folder in places.items():
            text = re.sub(rf"(^|=){place}", rf"\1{folder}", text)
        arguments.append(text)
    apply, code, said = CHANGES[change]
    apply(tmp_path)
    done = run_command(*arguments)
    assert (done.returncode, said in done.stdout + done.stderr) == (code, True), done
    assert (done.stdout + done.stderr).count("\n") == 1


@pytest.mark.usefixtures("programs")
def test_script_of_the_page_starts_the_server_only_after_a_pass(attested: AttestedModel, tmp_path: Path) -> None:
    shutil.copytree(attested.model, tmp_path / "tiny", symlinks=True)
    *_, block = list_blocks(DEPLOY, "sh")
    script = block.replace("/models/tiny.att", str(attested.attestation)).replace(
        "/gate/gate.pub", str(attested.public)
    )
    script = script.replace("/models/tiny", str(tmp_path / "tiny"))
    for code, printed in ((0, "start the server\n"), (1, "")):
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (code, printed, "")
        (tmp_path / "tiny/x.py").write_text("")


@pytest.mark.usefixtures("programs")
def test_commands_of_both_sides_of_an_air_gap_run_as_they_are_written(
    attested: AttestedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected, other = tmp_path / "connected", tmp_path / "other"
    shutil.copytree(attested.model, connected / "model", symlinks=True)
    shutil.copy(attested.key, connected / "gate.pem")
    other.mkdir()
    shutil.copy(attested.public, other / "gate.pub")
    (tmp_path / "bin/python3").symlink_to(make_environment(tmp_path / "bare", "cryptography"))
    sealing, verifying, _ = list_blocks(DEPLOY, "sh")
    monkeypatch.chdir(connected)
    done = subprocess.run(["bash", "-eu", "-c", sealing], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    for name in ("sealed.tar", "digests.txt"):
        shutil.copy(connected / name, other / name)
    [conditions] = re.findall(r"verify it with --policy-digest (\S+) --resource (\S+)", done.stderr)
    comments = [f"# --policy-digest {conditions[0]}", f"# --resource {conditions[1]}"]
    assert (other / "digests.txt").read_text().splitlines()[2:] == comments
    monkeypatch.chdir(other)
    done = subprocess.run(["bash", "-eu", "-c", verifying], capture_output=True, text=True, check=False)
    first, second, answer = done.stdout.splitlines()
    assert (done.returncode, first, second) == (0, "verify.pyz: OK", "gate.pub: OK"), done
    assert answer.startswith(f"sealed: sealed, 16 entries; PASSED by {GATE} at ")
    rows = re.findall(r"^\| (`.*?) \|", DEPLOY.partition("It holds:")[2].partition("Two things")[0], re.MULTILINE)
    listed = re.findall(r"`([\w./]+)`", " ".join(rows))
    listed.remove("signatures/")  # this report rests on none
    assert sorted(each.rstrip("/") for each in listed) == sorted(each.name for each in (other / "sealed").iterdir())


def test_each_call_of_the_verifier_in_the_documents_ignores_the_variables_of_python() -> None:
    calls = [line for page in (ROOT / "docs").glob("*.md") for line in page.read_text().splitlines()]
    calls = [line for line in calls if re.search(r"python3? .*verify\.pyz", line)]
    assert calls
    assert all("python3 -I verify.pyz" in line for line in calls)
