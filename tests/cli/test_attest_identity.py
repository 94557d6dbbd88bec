"""``modelaudit attest --trust-config``: verdicts signed for an identity, by a Sigstore instance on loopback.

``sigstore`` for Python is the client; the same library, without network, and cosign verify what it wrote.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from support.attested import AttestedModel, make_attested
from support.command import CommandResult, run_command
from support.offline import run_without_network
from support.signatures import SIGNER, issue, sign, write_certificates
from support.sigstore_instance import FULCIO, ISSUER, REKOR, SigstoreInstance, run_instance
from support.warm import find_warm_program

from modelaudit.integrity import keyless_signing
from modelaudit.integrity.attestation import split_attestation

PERSON: Final = "releases@acme.example"
WORKFLOW: Final = "https://ci.acme.example/models/.ci/workflows/release-of-every-model.yml@refs/heads/main"
SUMMARY: Final = "https://slsa.dev/verification_summary/v1"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> AttestedModel:
    """Return a model with a report, which no test changes."""
    return make_attested(tmp_path_factory.mktemp("attested"))


@pytest.fixture
def instance() -> Iterator[SigstoreInstance]:
    """Return a running Sigstore instance."""
    with run_instance() as running:
        yield running


@dataclass
class Attester:
    """Attests a model for an identity, and verifies it.

    Attributes:
        source: the model.
        config: of the instance.
        root: its trusted root.
        file: the attestation.
        environment: of the command.
    """

    source: AttestedModel
    config: Path
    root: Path
    file: Path
    environment: dict[str, str] = field(default_factory=dict)

    def attest(self, *options: str | Path) -> CommandResult:
        """Attest the model."""
        usual = ("--report", self.source.report, "-o", self.file)
        if "--trust-config" not in options:
            usual = (*usual, "--trust-config", self.config)
        return run_command("attest", self.source.model, *usual, *options, **self.environment)

    def name_signer(self, identity: str = PERSON, issuer: str = ISSUER) -> list[str | Path]:
        """Return the options that name the signer."""
        return ["--identity", identity, "--issuer", issuer, "--trusted-root", self.root]

    def verify(self, *options: str | Path) -> CommandResult:
        """Verify the model."""
        return run_command("verify", self.source.model, "--attestation", self.file, *options)


@pytest.fixture
def attester(
    source: AttestedModel, instance: SigstoreInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Attester:
    """Return an attester with a token, outside of any CI."""
    for name in ("GITHUB_ACTIONS", "BUILDKITE", "GITLAB_CI", "CIRCLECI", keyless_signing.TOKEN):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("id._internal.oidc.ambient._GCP_PRODUCT_NAME_FILE", str(tmp_path / "none"))
    config, root = instance.write(tmp_path)
    environment = {keyless_signing.TOKEN: instance.make_token()}
    return Attester(source, config, root, tmp_path / "model.att", environment)


def refuse(attester: Attester, *options: str | Path) -> str:
    """Verify a model that has to be refused with one line, and return the reason."""
    done = attester.verify(*options)
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (1, "", 1), done
    return done.stdout.partition(": REFUSED: ")[2].rstrip("\n")


@pytest.mark.parametrize("identity", [PERSON, WORKFLOW])
def test_identity_attests_and_is_verified_without_network(
    attester: Attester, instance: SigstoreInstance, identity: str
) -> None:
    attester.environment[keyless_signing.TOKEN] = instance.make_token(identity)
    done = attester.attest()
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines()[-1] == f"modelaudit: note: signed for --identity {identity} --issuer {ISSUER}"
    assert instance.requests == [FULCIO, REKOR, REKOR]  # one certificate signs both statements
    command = [sys.executable, "-m", "modelaudit", "verify", attester.source.model, "--attestation", attester.file]
    verified = run_without_network(*command, *attester.name_signer(identity))
    assert (verified.returncode, verified.stderr) == (0, "")
    assert ": PASSED by urn:modelaudit:verifier at 20" in verified.stdout
    bundles = [json.loads(line) for line in attester.file.read_bytes().splitlines()]
    assert {each["mediaType"] for each in bundles} == {"application/vnd.dev.sigstore.bundle.v0.3+json"}
    # The log keeps hashes, and no name of a file.
    assert len(instance.logged) == 2
    assert not any(b"config.json" in each["stored"] for each in instance.logged)


def test_another_signer_and_another_model_are_refused(attester: Attester, tmp_path: Path) -> None:
    assert attester.attest().returncode == 0
    assert f"it is of {PERSON!r}, for whom {ISSUER!r} vouches" in refuse(
        attester, *attester.name_signer("x@acme.example")
    )
    assert f"trusts {PERSON!r} of 'https://other.example'" in refuse(
        attester, *attester.name_signer(issuer="https://other.example")
    )
    refusal = refuse(attester, "--key", attester.source.public)
    assert "it is signed by the method sigstore, and no signer who may attest uses it; if its signer may" in refusal
    assert "name it to modelaudit verify with --identity NAME --issuer URL --trusted-root FILE" in refusal
    own = attester.root
    with run_instance() as other:
        (tmp_path / "other").mkdir()
        attester.root = other.write(tmp_path / "other")[1]
    assert "its certificate did not lead to trusted_root.json" in refuse(attester, *attester.name_signer())
    attester.root = own
    changed = AttestedModel(attester.source.copy(tmp_path / "changed").place)
    (changed.model / "config.json").write_text("{}")
    attester.source = changed
    assert refuse(attester, *attester.name_signer()).startswith("changed: config.json")
    lines = attester.file.read_bytes().splitlines()
    for number in (0, 1):
        bundle = json.loads(lines[number])
        bundle["verificationMaterial"]["tlogEntries"] = json.loads(lines[1 - number])["verificationMaterial"][
            "tlogEntries"
        ]
        swapped = [*lines]
        swapped[number] = json.dumps(bundle).encode()
        attester.file.write_bytes(b"\n".join(swapped))
        assert "it does not hold by trusted_root.json" in refuse(attester, *attester.name_signer())


@pytest.mark.counterpart
def test_documented_commands_attest_and_verify(attester: Attester, instance: SigstoreInstance, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/keyless.md").read_text("utf-8")
    _, block = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    place = attester.source.copy(tmp_path / "place").place
    instance.write(place)[1].unlink()
    environment = {
        **os.environ,
        **attester.environment,
        "PATH": f"{find_warm_program().parent}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(["sh", "-ec", block], cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("./model: PASSED by urn:modelaudit:verifier")


@pytest.mark.counterpart
def test_cosign_verifies_both_statements(attester: Attester, tmp_path: Path) -> None:
    assert attester.attest().returncode == 0
    kinds = ("urn:modelaudit:evidence:v1", SUMMARY)
    for kind, line in zip(kinds, attester.file.read_bytes().splitlines(), strict=True):
        bundle = tmp_path / "line.json"
        bundle.write_bytes(line)
        for identity, code in ((PERSON, 0), ("x@acme.example", 1)):
            done = run_without_network(
                "cosign", "verify-blob-attestation", "--new-bundle-format", "--bundle", bundle,
                "--trusted-root", attester.root, "--certificate-identity", identity,
                "--certificate-oidc-issuer", ISSUER, "--type", kind, attester.source.model / "config.json",
                HOME=str(tmp_path),
            )  # fmt: skip
            assert min(done.returncode, 1) == code, done.stderr


@dataclass
class Fault:
    """A fault, and the end of the command.

    Attributes:
        title: of the test.
        code: the exit code.
        says: a part of the message.
        prepare: causes the fault.
    """

    title: str
    code: int
    says: str
    prepare: Callable[[Attester, SigstoreInstance], object]


def use_token(make: Callable[[SigstoreInstance], str]) -> Callable[[Attester, SigstoreInstance], object]:
    """Return a fault with another token."""
    return lambda attester, instance: attester.environment.update({keyless_signing.TOKEN: make(instance)})


def answer(path: str, status: int, document: object) -> Callable[[Attester, SigstoreInstance], object]:
    """Return a fault with another answer of a server."""
    return lambda _, instance: instance.answers.update({path: lambda _: (status, document)})


def show_token(_: Attester, instance: SigstoreInstance) -> None:
    """Let the authority answer with the token in a place that the library quotes."""
    instance.answers[FULCIO] = lambda request: (200, {"signedCertificateEmbeddedSct": {"chain": request["token"]}})


def answer_with_control_characters(_: Attester, instance: SigstoreInstance) -> None:
    """Let the log answer with an entry of a kind that the library quotes."""

    def log(request: Any) -> tuple[int, object]:
        status, entries = instance.log(request)
        [entry] = entries.values()  # type: ignore[attr-defined]
        entry["verification"]["inclusionProof"]["checkpoint"] = ["\x1b[31m"]
        return status, entries

    instance.answers[REKOR] = log


def log_elsewhere(_: Attester, instance: SigstoreInstance) -> None:
    """Let another log answer."""
    instance.answers[REKOR] = SigstoreInstance().log


def certify_elsewhere(_: Attester, instance: SigstoreInstance) -> None:
    """Let another authority certify, which accepts the same tokens."""
    other = SigstoreInstance()
    other._issuer = instance._issuer
    instance.answers[FULCIO] = other.certify


def change_config(change: Callable[[Any], object]) -> Callable[[Attester, SigstoreInstance], None]:
    """Return a fault in the trust configuration."""

    def prepare(attester: Attester, _: SigstoreInstance) -> None:
        document = json.loads(attester.config.read_bytes())
        change(document)
        attester.config.write_text(json.dumps(document))

    return prepare


def go_down(attester: Attester, _: SigstoreInstance) -> None:
    """Name a port at which no server answers."""
    with run_instance() as gone:
        url = gone.url
    change_config(lambda config: config["signingConfig"]["caUrls"][0].update(url=url))(attester, gone)


NO_CONFIG: Final = (
    "is not the trust configuration of a Sigstore instance; name a file with its signingConfig and trustedRoot"
)
AUTHORITY: Final = "the authority for certificates '127.0.0.1:"
NOT_TRUSTED: Final = "answers with something that does not hold by the trusted root of --trust-config"
FAULTS: Final = (
    Fault("no token", 2, "there is no identity token: SIGSTORE_ID_TOKEN is not set, and no CI was found", use_token(lambda _: " ")),
    Fault("no JWT", 2, "it is not an identity token for Sigstore", use_token(lambda _: "c2VjcmV0.c2VjcmV0.c2VjcmV0")),
    Fault("other audience", 2, "it is not an identity token for Sigstore", use_token(lambda it: it.make_token(aud="acme"))),
    Fault("expired token", 2, "the identity token has expired or is not valid yet", use_token(lambda it: it.make_token(lasts=-60))),
    Fault("later token", 2, "the identity token has expired or is not valid yet", use_token(lambda it: it.make_token(nbf=4_000_000_000))),
    Fault("token of another issuer", 4, "refuses with HTTP 401; check the token", use_token(lambda _: SigstoreInstance().make_token())),
    Fault("authority fails", 4, "refuses with HTTP 500", answer(FULCIO, 500, {"message": "x"})),
    Fault("authority redirects", 4, "refuses with HTTP 307", answer(FULCIO, 307, {})),
    Fault("authority without JSON", 4, NOT_TRUSTED, answer(FULCIO, 200, b"<html>")),
    Fault("authority with an empty answer", 4, NOT_TRUSTED, answer(FULCIO, 200, {})),
    Fault("authority with a list", 4, NOT_TRUSTED, answer(FULCIO, 200, [])),
    Fault("authority that shows the token", 4, NOT_TRUSTED, show_token),
    Fault("authority of another instance", 4, NOT_TRUSTED, certify_elsewhere),
    Fault("authority is down", 4, "does not answer; check --trust-config and the network", go_down),
    Fault("log refuses", 4, "the log '127.0.0.1:", answer(REKOR, 400, {"code": 400, "message": "x"})),
    Fault("log without JSON", 4, NOT_TRUSTED, answer(REKOR, 201, b"<html>")),
    Fault("log with an empty answer", 4, NOT_TRUSTED, answer(REKOR, 201, {})),
    Fault("log with a list", 4, NOT_TRUSTED, answer(REKOR, 201, [])),
    Fault("log with control characters", 4, NOT_TRUSTED, answer_with_control_characters),
    Fault("another log", 4, NOT_TRUSTED, log_elsewhere),
    Fault("no configuration", 2, "cannot be read: No such file", lambda attester, _: attester.config.unlink()),
    Fault("no JSON", 2, NO_CONFIG, lambda attester, _: attester.config.write_bytes(b"\xff{")),
    Fault("a trusted root alone", 2, NO_CONFIG, lambda attester, _: shutil.copy(attester.root, attester.config)),
    Fault("no authority", 2, "is incomplete: No valid Fulcio CA", change_config(lambda config: config["signingConfig"].pop("caUrls"))),
    Fault("no log", 2, "is incomplete", change_config(lambda config: config["signingConfig"].pop("rekorTlogUrls"))),
    Fault("no key of the log", 2, "is incomplete", change_config(lambda config: config["trustedRoot"].update(tlogs=[]))),
    Fault("no encryption", 2, "names the server 'http://fulcio.example'; it has to begin with https://",
          change_config(lambda config: config["signingConfig"]["caUrls"][0].update(url="http://fulcio.example"))),
    Fault("a time stamp without encryption", 2, "names the server 'http://tsa.example'; it has to begin with https://",
          change_config(lambda config: config["signingConfig"].update(
              tsaUrls=[{**config["signingConfig"]["caUrls"][0], "url": "http://tsa.example"}]))),
    Fault("no address", 2, "it has to begin with https://",
          change_config(lambda config: config["signingConfig"]["rekorTlogUrls"][0].update(url="https://[x"))),
)  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.title)
def test_each_fault_is_one_line_without_the_token_and_writes_nothing(
    fault: Fault, attester: Attester, instance: SigstoreInstance
) -> None:
    fault.prepare(attester, instance)
    before = sorted(attester.file.parent.iterdir())
    done = attester.attest()
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (fault.code, "", 1), done
    assert fault.says in done.stderr
    assert sorted(attester.file.parent.iterdir()) == before
    assert "\x1b" not in done.stderr
    parts = attester.environment[keyless_signing.TOKEN].split(".")
    assert not any(part and part != " " and part in done.stderr for part in parts)


def test_server_that_does_not_answer_in_time_or_never_ends_is_named(
    attester: Attester, instance: SigstoreInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    instance.answers[REKOR] = lambda _: ((ended.wait() and 201) or 201, {})
    monkeypatch.setattr(keyless_signing, "_SECONDS", 0.2)
    try:
        done = attester.attest()
    finally:
        ended.set()
    assert (done.returncode, attester.file.exists()) == (4, False)
    assert "does not answer" in done.stderr
    instance.answers[REKOR] = lambda _: (201, b"x" * 100_000)
    monkeypatch.setattr(keyless_signing, "_SECONDS", 60)
    monkeypatch.setattr(keyless_signing, "_MOST_BYTES", 50_000)
    done = attester.attest()
    assert (done.returncode, "does not answer" in done.stderr) == (4, True)


def test_wrong_options_are_one_line(attester: Attester, instance: SigstoreInstance, tmp_path: Path) -> None:
    both = attester.attest("--key", attester.source.key)
    assert (both.returncode, "name who signs: --key FILE, or --trust-config FILE" in both.stderr) == (2, True)
    nobody = run_command("attest", attester.source.model, "--report", attester.source.report, "-o", attester.file)
    assert (nobody.returncode, "name who signs" in nobody.stderr) == (2, True)
    seal = attester.attest("--seal", tmp_path / "sealed")
    assert (seal.returncode, "--seal needs --key FILE" in seal.stderr) == (2, True)
    model = attester.source.copy(tmp_path / "copy").model
    inside = shutil.copy(attester.config, model / "trust.json")
    command = ("attest", model, "--report", attester.source.report, "-o", attester.file, "--trust-config", inside)
    done = run_command(*command, **attester.environment)
    assert (done.returncode, "lies in the model" in done.stderr) == (2, True)
    assert instance.requests == []
    assert not attester.file.exists()


def test_ci_gives_the_token_or_its_refusal_is_named(attester: Attester, instance: SigstoreInstance) -> None:
    attester.environment = {
        "GITHUB_ACTIONS": "true",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "bearer-of-the-workflow",
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{instance.url}/token",
    }
    instance.answers["GET"] = lambda request: (200, {"value": instance.make_token(WORKFLOW)})
    done = attester.attest()
    assert done.returncode == 0, done.stderr
    assert instance.requests[0] == "/token"
    assert attester.verify(*attester.name_signer(WORKFLOW)).returncode == 0
    attester.file.unlink()
    instance.answers["GET"] = lambda _: (403, {"message": "bearer-of-the-workflow"})
    refused = attester.attest()
    assert (refused.returncode, refused.stderr.count("\n"), attester.file.exists()) == (4, 1, False)
    assert "the CI gives no identity token: it refuses with HTTP 403" in refused.stderr
    assert "bearer-of-the-workflow" not in refused.stderr
    del attester.environment["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
    unset = attester.attest()
    assert (unset.returncode, "allow the job id-token: write" in unset.stderr) == (2, True)


def test_certificate_attests_and_another_root_or_a_later_time_refuses_it(source: AttestedModel, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    period = {"start": now - timedelta(days=1), "end": now + timedelta(days=1)}
    root, other = (issue("acme root", **period) for _ in range(2))
    file = tmp_path / "model.att"
    payloads = [each.envelope.payload for each in split_attestation(source.attestation.read_bytes())]
    paths = [write_certificates(tmp_path / f"{n}.pem", each.certificate) for n, each in enumerate((root, other))]

    def verify(path: Path, **leaf_period: Any) -> CommandResult:
        leaf = root.issue("gate", extensions=SIGNER, **{**period, **leaf_period})
        file.write_text("\n".join(json.dumps(sign(each, leaf.key, [leaf.certificate])) for each in payloads))
        return run_command("verify", source.model, "--attestation", file, "--certificate-root", path)

    accepted = verify(paths[0])
    assert (accepted.returncode, ": PASSED by" in accepted.stdout, accepted.stderr) == (0, True, "")
    for done in (verify(paths[1]), verify(paths[0], end=now - timedelta(hours=1))):
        assert (done.returncode, ": REFUSED: " in done.stdout, done.stderr) == (1, True, "")
    assert "expired" in done.stdout
