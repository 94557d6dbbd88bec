"""Signatures of identities: modelaudit, sigstore for Python, model-signing and cosign agree, without a network.

``keyless/make_fixtures.mjs`` made the bundles and trusted roots, with a Sigstore instance of its own.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any, Final

import pytest
from support.command import run_command
from support.offline import run_without_network

from modelaudit.integrity.bundles import parse_bundle
from modelaudit.integrity.signers import load_verifier
from modelaudit.model.errors import SignatureError
from modelaudit.model.signature import SignatureMethod, SignedTime
from modelaudit.model.trust import TrustedSigner

KEYLESS: Final = Path(__file__).parent / "keyless"
PERSON: Final = "releases@acme.example"
WORKFLOW: Final = "https://ci.acme.example/models/release.yml@main"
ISSUER: Final = "https://issuer.example/oauth"
ROOT: Final = KEYLESS / "trusted_root.json"
NOW: Final = datetime(2031, 1, 1, tzinfo=UTC)

Json = dict[str, Any]


def load(name: str) -> Json:
    """Load a bundle of the fixtures."""
    bundle: Json = json.loads((KEYLESS / f"{name}.sigstore.json").read_text("utf-8"))
    return bundle


def get_material(bundle: Json) -> Json:
    """Return the part of a bundle that shows whose signature it holds."""
    material: Json = bundle["verificationMaterial"]
    return material


def change_payload(bundle: Json) -> None:
    """State another digest of a file, and the root digest that follows."""
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    resources = statement["predicate"]["resources"]
    resources[0]["digest"] = hashlib.sha256(b"other").hexdigest()
    digests = b"".join(bytes.fromhex(each["digest"]) for each in resources)
    statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(digests).hexdigest()
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()


def drop_log_entry(bundle: Json) -> None:
    """Remove the entry of the log."""
    get_material(bundle)["tlogEntries"] = []


def drop_promise(bundle: Json) -> None:
    """Remove the promise of the log, which signs the time of the entry."""
    del get_material(bundle)["tlogEntries"][0]["inclusionPromise"]


def take(key: str, source: str) -> Callable[[Json], None]:
    """Return a change that replaces a part of the material by that of another bundle."""

    def change(bundle: Json) -> None:
        get_material(bundle)[key] = get_material(load(source))[key]

    return change


def move_log_time(bundle: Json) -> None:
    """State that the log has accepted the entry a second earlier."""
    entry = get_material(bundle)["tlogEntries"][0]
    entry["integratedTime"] = str(int(entry["integratedTime"]) - 1)


def change_file(folder: Path) -> None:
    """Change one byte of a file of the model."""
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"!")


@dataclass(frozen=True)
class Case:
    """A bundle, the signer who is trusted, and what has to become of it.

    Attributes:
        title: of the test.
        refusal: a part of the refusal by modelaudit; ``None`` where all accept it.
        bundle: a name of the fixtures.
        change: of the bundle.
        change_model: a change of the signed folder.
        read_by_cosign: cosign 2.5 knows no entries of logs of version 2.
    """

    title: str
    refusal: str | None
    bundle: str = "person"
    identity: str = PERSON
    issuer: str = ISSUER
    root: str = "trusted_root.json"
    change: Callable[[Json], None] | None = None
    change_model: Callable[[Path], None] | None = None
    read_by_cosign: bool = True

    def write(self, folder: Path) -> Path:
        """Write the model with its signature ``model.sig``, and return its folder."""
        model = Path(shutil.copytree(KEYLESS / "model", folder / "model"))
        bundle = load(self.bundle)
        if self.change:
            self.change(bundle)
        (model / "model.sig").write_text(json.dumps(bundle), "utf-8")
        if self.change_model:
            self.change_model(model)
        return model

    def name_signer(self) -> list[str]:
        """Return the options of modelaudit that name the trusted signer."""
        return ["--identity", self.identity, "--issuer", self.issuer, "--trusted-root", str(KEYLESS / self.root)]


OTHER: Final = f"and --identity trusts {PERSON!r} of {ISSUER!r}"
CASES: Final = (
    Case("a person", None),
    Case("a workflow", None, "workflow", WORKFLOW),
    Case("a person, with a time stamp", None, "stamped"),
    Case("a log of version 2 with a time stamp", None, "version2", read_by_cosign=False),
    Case("another identity", f"it is of {WORKFLOW!r}, for whom {ISSUER!r} vouches, {OTHER}", "workflow"),
    Case("a part of the identity", f"it is of {PERSON!r}", identity=PERSON[:-1]),
    Case("another issuer", f"for whom {ISSUER!r} vouches", issuer="https://issuer.example/other"),
    Case("another instance", "its certificate did not lead to other_root.json at the time of its log entry or time stamp",
         root="other_root.json"),
    Case("another instance, log of version 2", "not enough sources of verified time", "version2",
         root="other_root.json", read_by_cosign=False),
    Case("a changed payload", "does not hold by trusted_root.json", change=change_payload),
    Case("a changed file", "contradicted: model.safetensors", change_model=change_file),
    Case("no log entry", "holds no entry of a log, so nothing shows when", change=drop_log_entry),
    Case("the log entry of another bundle", "log entry signatures do not match bundle",
         change=take("tlogEntries", "workflow")),
    Case("the certificate of another bundle", "does not hold by trusted_root.json",
         change=take("certificate", "stamped")),
    Case("no promise of the log", "must contain an inclusion promise or signed timestamp", change=drop_promise),
    Case("another time of the log", "invalid inclusion promise", change=move_log_time),
    Case("a log entry after the end of the certificate", "cert is not valid at validation time", "late"),
    Case("the time stamp of another bundle", "not enough sources of verified time", "version2",
         change=take("timestampVerificationData", "stamped"), read_by_cosign=False),
)  # fmt: skip


@pytest.fixture(params=CASES, ids=lambda case: case.title)
def case(request: pytest.FixtureRequest) -> Case:
    """Return one case after the other."""
    assert isinstance(request.param, Case)
    return request.param


def test_modelaudit_accepts_what_holds_and_names_the_cause_of_each_refusal(case: Case, tmp_path: Path) -> None:
    done = run_command("verify", case.write(tmp_path), *case.name_signer())
    if case.refusal is None:
        assert (done.returncode, done.stderr) == (0, "")
        assert f"model.sig: signed by {case.identity}, 20" in done.stdout
        assert f"; method sigstore, issued by {case.issuer}, trusted by " in done.stdout
    else:
        assert (done.returncode, done.stderr) == (1, "")
        assert case.refusal in done.stdout


def join_digests(model: Path) -> bytes:
    """Return the bytes with the root digest of a model as their SHA-256 (OpenSSF Model Signing 1.0, section 5.2)."""
    files = sorted(path for path in model.rglob("*") if path.is_file() and path.name != "model.sig")
    return b"".join(hashlib.sha256(path.read_bytes()).digest() for path in files)


def test_sigstore_for_python_agrees(case: Case, tmp_path: Path) -> None:
    from sigstore.errors import Error
    from sigstore.models import Bundle, TrustedRoot
    from sigstore.verify import Verifier
    from sigstore.verify.policy import Identity

    model = case.write(tmp_path)
    verifier = Verifier(trusted_root=TrustedRoot.from_file(str(KEYLESS / case.root)))
    try:
        bundle = Bundle.from_json((model / "model.sig").read_bytes())
        _, payload = verifier.verify_dsse(bundle, Identity(identity=case.identity, issuer=case.issuer))
    except Error:
        accepted = False
    else:
        signed = json.loads(payload)["subject"][0]["digest"]["sha256"]
        accepted = signed == hashlib.sha256(join_digests(model)).hexdigest()
    assert accepted == (case.refusal is None)


SIGNING: Final = {"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json"}
TRUST: Final = {"mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json", "signingConfig": SIGNING}


@pytest.mark.counterpart
def test_model_signing_agrees(case: Case, tmp_path: Path) -> None:
    from model_signing import verifying  # installed with the counterparts
    from sigstore.errors import Error

    model, config = case.write(tmp_path), tmp_path / "trust.json"
    signature = (model / "model.sig").rename(tmp_path / "model.sig")
    config.write_text(json.dumps(TRUST | {"trustedRoot": json.loads((KEYLESS / case.root).read_text("utf-8"))}))
    verifier = verifying.Config().use_sigstore_verifier(
        identity=case.identity, oidc_issuer=case.issuer, trust_config=config
    )
    try:
        verifier.verify(model, signature)
    except (Error, ValueError):
        accepted = False
    else:
        accepted = True
    assert accepted == (case.refusal is None)


def run_cosign(folder: Path, case: Case, *options: str) -> subprocess.CompletedProcess[str]:
    """Let cosign verify ``model.sig`` of a folder, whose ``digests`` are what the signature is about."""
    return run_without_network(
        "cosign", "verify-blob-attestation", "--new-bundle-format", *options,
        "--bundle", folder / "model.sig", "--trusted-root", KEYLESS / case.root,
        "--certificate-identity", case.identity, "--certificate-oidc-issuer", case.issuer,
        "--type", "https://model_signing/signature/v1.0", folder / "digests", HOME=str(folder),
    )  # fmt: skip


@pytest.mark.counterpart
@pytest.mark.parametrize("case", [case for case in CASES if case.read_by_cosign], ids=lambda case: case.title)
def test_cosign_agrees_without_network(case: Case, tmp_path: Path) -> None:
    model = case.write(tmp_path)
    (tmp_path / "digests").write_bytes(join_digests(model))
    (model / "model.sig").rename(tmp_path / "model.sig")
    done = run_cosign(tmp_path, case)
    assert ("Verified OK" in done.stderr) == (done.returncode == 0) == (case.refusal is None), done.stderr


@pytest.mark.counterpart
def test_modelaudit_needs_no_network(tmp_path: Path) -> None:
    case = CASES[0]
    done = run_without_network(
        sys.executable, "-m", "modelaudit", "verify", case.write(tmp_path), *case.name_signer(), HOME=str(tmp_path)
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["model"], "nothing is kept at home"


def trust(identity: str = PERSON, root: Path = ROOT) -> TrustedSigner:
    """Return a trusted signer with an identity."""
    return TrustedSigner(SignatureMethod.SIGSTORE, "--identity", identity=identity, issuer=ISSUER, trusted_root=root)


def encode(bundle: Json) -> bytes:
    """Return a bundle as a file holds it."""
    return json.dumps(bundle).encode()


@pytest.mark.parametrize(
    ("name", "change", "time"),
    [
        ("person", None, SignedTime("2025-03-01T12:00:02Z", "log entry")),
        ("stamped", None, SignedTime("2025-03-01T12:00:01Z", "time stamp")),
        ("version2", None, SignedTime("2025-03-01T12:00:01Z", "time stamp")),
        # That of another signature proves nothing of this one.
        ("stamped", take("timestampVerificationData", "version2"), SignedTime("2025-03-01T12:00:02Z", "log entry")),
    ],
)
def test_time_of_a_signature_is_that_which_a_trusted_service_states(
    name: str, change: Callable[[Json], None] | None, time: SignedTime
) -> None:
    bundle = load(name)
    if change:
        change(bundle)
    assert load_verifier(trust()).verify(parse_bundle(encode(bundle)), NOW).time == time


def iter_places(value: object, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of each value within a JSON document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield (*place, key)
        yield from iter_places(each, (*place, key))


STRANGE: Final = (None, "", "AAAA", "-1", 0, 10**30, "1795867202000000000", "99999999999999999999", [], {}, [{}], True)


def iter_changed(bundle: Json) -> Iterator[Json]:
    """Yield bundles with a strange value in the place of each one, and with changed bits in what is Base64."""
    chance = random.Random(1)
    for *parents, last in iter_places(bundle):
        original = reduce(getitem, parents, bundle)[last]
        values = list(STRANGE)
        if isinstance(original, str) and re.fullmatch(r"[\w+/]{40,}=*", original, re.ASCII):
            for _ in range(10):
                data = bytearray(base64.b64decode(original))
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
                values.append(base64.b64encode(data).decode())
        for value in values:
            changed = copy.deepcopy(bundle)
            reduce(getitem, parents, changed)[last] = value
            yield changed


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["person", "version2"])
def test_changed_bundle_is_accepted_for_the_signer_or_refused_in_one_line(name: str) -> None:
    verifier = load_verifier(trust())
    signed = parse_bundle(encode(load(name))).envelope.payload
    refused = 0
    for changed in iter_changed(load(name)):
        try:
            bundle = parse_bundle(encode(changed))
            assert verifier.verify(bundle, NOW).name == PERSON
            assert bundle.envelope.payload == signed
        except SignatureError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 300


@pytest.mark.filterwarnings("error")
def test_certificate_with_a_negative_number_is_refused_without_a_warning() -> None:
    bundle = load("person")
    certificate = base64.b64decode(get_material(bundle)["certificate"]["rawBytes"])
    number = b"\x02\x04\x11\x18\x20\x04"
    assert certificate.count(number) == 1
    changed = certificate.replace(number, b"\x02\x04\x91\x18\x20\x04")
    get_material(bundle)["certificate"]["rawBytes"] = base64.b64encode(changed).decode()
    with pytest.raises(SignatureError, match="did not lead to"):
        load_verifier(trust()).verify(parse_bundle(encode(bundle)), NOW)


def test_payload_that_two_decoders_read_differently_is_refused() -> None:
    # The one skips the characters of the other alphabet of Base64, the other decodes them.
    bundle = load("person")
    payload = bundle["dsseEnvelope"]["payload"]
    bundle["dsseEnvelope"]["payload"] = f"{payload[:400]}-_-_{payload[400:]}"
    with pytest.raises(SignatureError, match="two readings"):
        load_verifier(trust()).verify(parse_bundle(encode(bundle)), NOW)


def change_root(**parts: object) -> bytes:
    """Return the trusted root with other parts."""
    return json.dumps(json.loads(ROOT.read_text("utf-8")) | parts).encode()


NO_ROOT: Final = "is not the trusted root of a Sigstore instance"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file or directory; check the path"),
        (b"# text\n", f"{NO_ROOT}: the trusted root is not sound JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"{}", f"{NO_ROOT}: its media type is another"),
        (b"[" * 100_000, f"{NO_ROOT}: the trusted root is nested too deeply"),
        (encode(load("person")), f"{NO_ROOT}: its media type is another"),
        (change_root(ctlogs=3), f"{NO_ROOT}; name its trusted_root.json"),
        (b" " * (4 << 20) + b"{}", "is larger than 4,194,304 bytes"),
        (change_root(tlogs=[]), "is incomplete: trusted root contains no transparency log instances"),
        (change_root(certificateAuthorities=[]), "is incomplete: Fulcio certificates not found in trusted root"),
    ],
)
def test_malformed_trusted_root_gives_one_line_and_exit_code_2(
    content: bytes | None, message: str, tmp_path: Path
) -> None:
    model, root = CASES[0].write(tmp_path), tmp_path / "root.json"
    if content is not None:
        root.write_bytes(content)
    done = run_command("verify", model, "--identity", PERSON, "--issuer", ISSUER, "--trusted-root", root)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"modelaudit: error: --trusted-root: {root} {message}\n"


def test_trusted_root_with_a_malformed_key_of_its_log_refuses_and_leaves_stderr_empty(tmp_path: Path) -> None:
    model, root = CASES[0].write(tmp_path), tmp_path / "root.json"
    content = json.loads(ROOT.read_text("utf-8"))
    content["tlogs"][0]["publicKey"]["rawBytes"] = "AAAA"
    root.write_text(json.dumps(content))
    command = [sys.executable, "-m", "modelaudit", "verify", str(model)]
    signer = ["--identity", PERSON, "--issuer", ISSUER, "--trusted-root", str(root)]
    done = subprocess.run([*command, *signer], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert "model.sig: it does not hold by root.json: invalid log entry" in done.stdout


@pytest.mark.counterpart
@pytest.mark.parametrize(("source", "code"), [("stamped", 0), ("version2", 1)])
def test_cosign_proves_a_time_by_the_same_time_stamps(source: str, code: int, tmp_path: Path) -> None:
    bundle = load("stamped")
    take("timestampVerificationData", source)(bundle)
    (tmp_path / "model.sig").write_bytes(encode(bundle))
    (tmp_path / "digests").write_bytes(join_digests(KEYLESS / "model"))
    done = run_cosign(tmp_path, CASES[0], "--use-signed-timestamps")
    assert done.returncode == code, done.stderr


@pytest.mark.parametrize("command", ["verify", "scan"])
@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (("--identity",), "--issuer and --trusted-root"),
        (("--issuer",), "--identity and --trusted-root"),
        (("--trusted-root",), "--identity and --issuer"),
        (("--identity", "--issuer"), "--trusted-root"),
        (("--identity", "--trusted-root"), "--issuer"),
        (("--issuer", "--trusted-root"), "--identity"),
    ],
)
def test_identity_issuer_and_trusted_root_are_required_together(
    command: str, given: tuple[str, ...], missing: str, tmp_path: Path
) -> None:
    values = {"--identity": PERSON, "--issuer": ISSUER, "--trusted-root": str(ROOT)}
    done = run_command(command, tmp_path, *(word for option in given for word in (option, values[option])))
    assert (done.returncode, done.stdout) == (2, "")
    expected = f"--identity, --issuer and --trusted-root belong together; add {missing}"
    assert done.stderr == f"modelaudit: error: {expected}\n"


def test_without_the_extra_one_line_names_what_to_install(tmp_path: Path) -> None:
    model = CASES[0].write(tmp_path)
    code = "import sys; sys.modules['sigstore'] = None; from modelaudit.cli.main import main; main()"
    command = [sys.executable, "-c", code, "verify", str(model)]
    done = subprocess.run([*command, *CASES[0].name_signer()], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "modelaudit: error: --trusted-root: the signature of an identity is checked with the package sigstore; "
        "install modelaudit-gate[sigstore]\n"
    )
    # Without a trusted identity nothing needs it, and the signature is named.
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "of model.sig, no identity was given: --identity NAME --issuer URL" in done.stderr


@pytest.mark.parametrize(
    ("identity", "code", "signed"),
    [(PERSON, 0, "verified"), (WORKFLOW, 1, "refused")],
)
def test_policy_names_the_identity_that_has_to_sign(identity: str, code: int, signed: str, tmp_path: Path) -> None:
    model, policy = CASES[0].write(tmp_path), tmp_path / "policy.yaml"
    shutil.copy(ROOT, tmp_path / "root.json")
    policy.write_text(
        "extends: default\nrequire: [signer]\ntrusted-signers:\n"
        f"  - identity: {identity}\n    issuer: {ISSUER}\n    trusted-root: root.json\n"
    )
    done = run_command("scan", model, "--offline", "--policy", policy, "-o", "json")
    assert (done.returncode, done.stderr) == (code, "")
    [signature] = json.loads(done.stdout)["target"]["signatures"]
    assert signature["state"] == signed
    if code == 0:
        assert (signature["signer"]["name"], signature["signer"]["issuer"]) == (PERSON, ISSUER)
        assert signature["signer"]["trust"] == "policy.yaml:4"


def test_policy_with_a_malformed_trusted_root_names_its_line(tmp_path: Path) -> None:
    model, policy = CASES[0].write(tmp_path), tmp_path / "policy.yaml"
    (tmp_path / "root.json").write_text("{}")
    policy.write_text(
        f"extends: default\ntrusted-signers:\n  - {{identity: {PERSON}, issuer: {ISSUER}, trusted-root: root.json}}\n"
    )
    done = run_command("scan", model, "--offline", "--policy", policy)
    assert done.returncode == 2
    assert done.stderr == (
        f"modelaudit: error: policy.yaml:3: {tmp_path / 'root.json'} {NO_ROOT}: its media type is another\n"
    )


def test_documented_commands_ask_the_public_instance_for_its_signer(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/keyless.md").read_text("utf-8")
    block, _ = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    CASES[0].write(tmp_path).rename(tmp_path / "granite")
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    done = subprocess.run(
        ["sh", "-c", block], cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "model.sig: its certificate did not lead to trusted_root.json" in done.stdout
