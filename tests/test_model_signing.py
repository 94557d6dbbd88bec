"""What model-signing signs we verify, and what it accepts by mistake we refuse, with both tools on the same folder."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from support.command import CommandResult, run_command
from support.model_signing import run_model_signing, sign_with_library, write_private_key
from support.signatures import NOW, SIGNER, issue, write_certificates, write_public_key

pytestmark = pytest.mark.counterpart


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small model, with names that need care and a file without bytes."""
    root = tmp_path / "model"
    (root / "sub/deep").mkdir(parents=True)
    (root / "config.json").write_text('{"model_type": "bert"}')
    (root / "weights.bin").write_bytes(bytes(range(256)) * 40)
    (root / "sub/deep/caf\xe9 1:2.txt").write_text("text")
    (root / ".gitattributes").write_text("*.bin filter=lfs\n")
    return root


def verify(model: Path, *arguments: str | Path) -> CommandResult:
    """Verify a folder by our command."""
    return run_command("verify", model, *arguments)


CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}


@pytest.mark.parametrize("curve", CURVES)
def test_both_accept_a_signature_of_each_curve_and_refuse_a_changed_file(
    curve: str, model: Path, tmp_path: Path
) -> None:
    key = ec.generate_private_key(CURVES[curve])
    private, public = write_private_key(tmp_path / "key.pem", key), write_public_key(tmp_path / "key.pub", key)
    signature = model / "model.sig"
    signed = run_model_signing("sign", "key", model, "--signature", signature, "--private_key", private)
    assert signed.returncode == 0, signed.stderr
    theirs = ("verify", "key", model, "--signature", signature, "--public_key", public)
    assert run_model_signing(*theirs).returncode == 0
    done = verify(model, "--public-key", public)
    assert (done.returncode, done.stderr) == (0, "")
    hint = json.loads(signature.read_text())["verificationMaterial"]["publicKey"]["hint"]
    assert f"model.sig: signed by key {hint[:12]}" in done.stdout
    (model / "config.json").write_text('{"model_type": "gpt2"}')
    assert run_model_signing(*theirs).returncode == 1
    assert verify(model, "--public-key", public).returncode == 1


@pytest.mark.parametrize("size", [0, 1000, 10240])
@pytest.mark.parametrize("algorithm", ["sha256", "blake2", "blake3"])
def test_digests_and_shards_of_each_kind_are_verified(algorithm: str, size: int, model: Path, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = write_private_key(tmp_path / "key.pem", key), write_public_key(tmp_path / "key.pub", key)
    sign_with_library(model, model / "model.sig", private, algorithm, size)
    done = verify(model, "--public-key", public)
    assert done.returncode == 0, done.stdout
    data = bytearray((model / "weights.bin").read_bytes())
    data[-1] ^= 1
    (model / "weights.bin").write_bytes(data)
    done = verify(model, "--public-key", public)
    assert done.returncode == 1
    assert "weights.bin" in done.stdout


def test_a_file_without_bytes_is_not_signed_in_shards_and_we_say_so(model: Path, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = write_private_key(tmp_path / "key.pem", key), write_public_key(tmp_path / "key.pub", key)
    (model / "__init__.py").touch()
    sign_with_library(model, model / "model.sig", private, "sha256", 1000)
    done = verify(model, "--public-key", public)
    assert done.returncode == 1
    assert "__init__.py" in done.stdout
    assert "model.sig signs ranges of bytes, and so no file without bytes" in " ".join(done.stdout.split())
    sign_with_library(model, model / "model.sig", private, "sha256", 0)
    assert verify(model, "--public-key", public).returncode == 0


def test_certificate_that_expired_2900_days_ago_is_accepted_by_model_signing_and_refused_by_us(
    model: Path, tmp_path: Path
) -> None:
    root = issue("root", start=NOW - timedelta(days=9000), end=NOW + timedelta(days=9000))
    signature = model / "model.sig"
    pinned = write_certificates(tmp_path / "root.pem", root.certificate)
    results = {}
    for name, days in (("valid", 3650), ("expired", -2900)):
        leaf = root.issue("leaf", extensions=SIGNER, start=NOW - timedelta(3000), end=NOW + timedelta(days))
        written = write_certificates(tmp_path / "leaf.pem", leaf.certificate)
        private = write_private_key(tmp_path / "leaf.key", leaf.key)
        signed = run_model_signing(
            *("sign", "certificate", model, "--signature", signature, "--private_key", private),
            *("--signing_certificate", written, "--certificate_chain", pinned),
        )
        assert signed.returncode == 0, signed.stderr
        theirs = run_model_signing(
            "verify", "certificate", model, "--signature", signature, "--certificate_chain", pinned
        )
        done = verify(model, "--certificate-root", pinned)
        results[name] = (theirs.returncode, done.returncode)
    assert results == {"valid": (0, 0), "expired": (0, 1)}
    assert "the certificate of 'CN=leaf' expired on 2018-06-23" in done.stdout


def test_code_added_under_github_is_accepted_by_model_signing_and_found_by_us(model: Path, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = write_private_key(tmp_path / "key.pem", key), write_public_key(tmp_path / "key.pub", key)
    signature = model / "model.sig"
    assert run_model_signing("sign", "key", model, "--signature", signature, "--private_key", private).returncode == 0
    (model / ".github").mkdir()
    (model / ".github/setup.py").write_text("import os\n")
    theirs = run_model_signing("verify", "key", model, "--signature", signature, "--public_key", public)
    assert theirs.returncode == 0
    done = verify(model, "--public-key", public)
    assert done.returncode == 1
    assert ".github/setup.py" in done.stdout
    scanned = run_command("scan", model, "--public-key", public, "-o", "json", "-q")
    found = {(each["rule"], each["artifact"], each["severity"]) for each in json.loads(scanned.stdout)["findings"]}
    assert ("integrity/code-left-out", ".github/setup.py", "high") in found


def test_rsa_key_is_one_sentence_of_us_and_a_traceback_of_model_signing(model: Path, tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    public = write_public_key(tmp_path / "rsa.pub", key)
    (model / "model.sig").write_text("{}")
    theirs = run_model_signing("verify", "key", model, "--signature", model / "model.sig", "--public_key", public)
    assert theirs.returncode != 0
    done = verify(model, "--public-key", public)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "holds an RSA key; use an EC key of P-256, P-384 or P-521" in done.stderr


def test_signature_outside_of_the_folder_is_named_by_an_option(model: Path, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    private, public = write_private_key(tmp_path / "key.pem", key), write_public_key(tmp_path / "key.pub", key)
    signature = tmp_path / "model.oms.sig"
    assert run_model_signing("sign", "key", model, "--signature", signature, "--private_key", private).returncode == 0
    done = verify(model, "--public-key", public, "--signature", signature)
    assert done.returncode == 0, done.stdout
    assert "model.oms.sig (outside of the model): signed by" in done.stdout
    assert verify(model, "--public-key", public).returncode == 1
