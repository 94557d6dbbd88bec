"""Run ``model-signing``, the tool of the specification, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from support.signatures import PrivateKey

_SHARDS = """
import pathlib, sys, model_signing as ms
model, signature, key, algorithm, size = sys.argv[1:]
hashing = ms.hashing.Config().set_ignored_paths(paths=[signature], ignore_git_paths=True)
if int(size):
    hashing.use_shard_serialization(hashing_algorithm=algorithm, shard_size=int(size))
else:
    hashing.use_file_serialization(hashing_algorithm=algorithm)
signing = ms.signing.Config().use_elliptic_key_signer(private_key=pathlib.Path(key))
signing.set_hashing_config(hashing).sign(pathlib.Path(model), pathlib.Path(signature))
"""


def run_model_signing(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command ``model_signing`` with arguments."""
    command = [sys.executable, "-m", "model_signing", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def sign_with_library(model: Path, signature: Path, key: Path, algorithm: str, shard_size: int) -> None:
    """Sign with the Python API, which offers more digests than the command; 0 signs whole files."""
    arguments = [str(model), str(signature), str(key), algorithm, str(shard_size)]
    subprocess.run([sys.executable, "-c", _SHARDS, *arguments], check=True, capture_output=True, timeout=120)


def write_private_key(path: Path, key: PrivateKey) -> Path:
    """Write a private key in PEM without a passphrase, and return its path."""
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(pem)
    return path
