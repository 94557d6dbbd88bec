"""Sign the model of a place as a publisher does, and seal a folder as the holder of the key could."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from support.signatures import KEY, list_entries, list_shards, make_statement, read_folder, sign

from modelaudit.integrity.seal import SEAL_NAME, build_seal
from modelaudit.integrity.signing import KeySigner, load_private_key
from modelaudit.model.limits import Limits
from modelaudit.sources.hashed import hash_tree


def sign_model(
    root: Path,
    key: ec.EllipticCurvePrivateKey = KEY,
    certificates: Sequence[x509.Certificate] = (),
    record: str = "model.sig",
    shard_size: int = 0,
    ignore_paths: Sequence[str] = (),
) -> Path:
    """Sign the files of a folder but its signatures, those of git, and those below ``ignore_paths``.

    Args:
        root: The folder.
        key: The private key.
        certificates: That of the key first, to sign by a certificate.
        record: The name of the signature, from the root.
        shard_size: In bytes; 0 signs whole files.
        ignore_paths: Further paths that the signature states to leave out.

    Returns:
        The path of the signature.
    """
    left_out = (".git", record, *ignore_paths)
    files = {name: data for name, data in read_folder(root).items() if not name.startswith(left_out)}
    serialization: dict[str, Any] = {"ignore_paths": list(ignore_paths)} if ignore_paths else {}
    if shard_size:
        serialization |= {"method": "shards", "shard_size": shard_size}
    entries = list_shards(files, shard_size) if shard_size else list_entries(files)
    path = root / record
    path.write_text(json.dumps(sign(make_statement(entries, **serialization), key, certificates)))
    return path


def edit_bundle(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the envelope of a bundle."""
    bundle = json.loads(path.read_text())
    change(bundle["dsseEnvelope"])
    path.write_text(json.dumps(bundle))


def edit_payload(path: Path, old: bytes, new: bytes) -> None:
    """Replace bytes of a signed statement that holds them, and keep the signature."""

    def change(envelope: dict[str, Any]) -> None:
        payload = base64.b64decode(envelope["payload"])
        assert old in payload
        envelope["payload"] = base64.b64encode(payload.replace(old, new)).decode()

    edit_bundle(path, change)


def flip_signature(path: Path) -> None:
    """Change one bit of the last byte of a signature."""

    def change(envelope: dict[str, Any]) -> None:
        data = bytearray(base64.b64decode(envelope["signatures"][0]["sig"]))
        data[-1] ^= 1
        envelope["signatures"][0]["sig"] = base64.b64encode(data).decode()

    edit_bundle(path, change)


def seal_again(folder: Path, key: Path) -> None:
    """Write a seal that fits a folder as it is now."""
    entries = [each for each in hash_tree(folder, Limits()).entries if each.path != SEAL_NAME]
    (folder / SEAL_NAME).write_bytes(KeySigner(load_private_key(key.read_bytes())).sign(build_seal(entries)))
