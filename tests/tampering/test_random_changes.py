"""Random changes to a signed folder: every one that concerns its files is found, and the others are counted apart."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest
from support.signatures import write_public_key
from support.tampering import CHANGES, make_folder
from tampering.signing import sign_model

from modelaudit.integrity.bundles import parse_bundle
from modelaudit.model.errors import ModelAuditError, SignatureError
from modelaudit.model.signature import SignatureMethod
from modelaudit.model.trust import TrustedSigner
from modelaudit.verifying import verify


def describe_files(root: Path) -> dict[str, object]:
    """Return all that a signature is about: the bytes of each file, where each link leads, and what was signed."""
    described: dict[str, object] = {}
    for path in root.rglob("*"):
        if path.is_symlink():
            described[str(path.relative_to(root))] = path.readlink()
        elif path.is_file():
            signed = read_signed(path)
            # A signature may have any name.
            described[str(path.relative_to(root)) if signed is None else ""] = signed or path.read_bytes()
    return described


def read_signed(path: Path) -> object:
    """Return what a sound signature signs, and the bytes of it; ``None`` for any other file."""
    try:
        envelope = parse_bundle(path.read_bytes()).envelope
    except SignatureError:
        return None
    return envelope.payload, envelope.signature


def change_links(root: Path, generator: random.Random) -> None:
    """Put a link in the place of a file, or add one."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.name != "model.sig")
    file, kind = generator.choice(files), generator.randrange(4)
    if kind == 0:
        moved = root.parent / "moved"
        moved.unlink(missing_ok=True)
        file.rename(moved)
        file.symlink_to(moved)
    elif kind == 1:
        moved = file.rename(root / "moved")
        file.symlink_to(os.path.relpath(moved, file.parent))
    else:
        target = generator.choice(["config.json", "./weights.bin", "sub", "/etc/passwd", "nowhere", "added.json", ".."])
        (root / generator.choice(["added.json", "sub/added.py"])).symlink_to(target)


def change_signature(root: Path, generator: random.Random) -> None:
    """Remove the signature, or change one bit of it."""
    path = root / "model.sig"
    kind = generator.randrange(4)
    if kind == 0:
        path.unlink()
    else:
        data = bytearray(path.read_bytes())
        data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
        path.write_bytes(data)


@pytest.fixture(scope="module", params=[0, 64], ids=["files", "ranges"])
def signed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a signed folder beside the key of its signer; no file in it is a link or, in ranges, empty."""
    place = tmp_path_factory.mktemp("signed")
    root = make_folder(place / "model")
    (root / "link.json").unlink()
    if request.param:
        (root / "sub/deep/none").unlink()
        (root / "sub/deep/some").write_bytes(b"some")
    sign_model(root, shard_size=request.param)
    write_public_key(place / "own.pub")
    return root


def test_random_changes_to_a_signed_folder_are_all_found(signed: Path, tmp_path: Path) -> None:
    signer = TrustedSigner(SignatureMethod.KEY, "--public-key", public_key=signed.parent / "own.pub")
    changes = {**CHANGES, "link": change_links, "signature": change_signature}
    generator, copy, before = random.Random(16), tmp_path / "copy", describe_files(signed)
    silent: list[str] = []
    outside: list[str] = []
    for _ in range(int(os.environ.get("MODELAUDIT_CHANGES", "300")) // 2):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(signed, copy, symlinks=True)
        name = generator.choice(list(changes))
        changes[name](copy, generator)
        try:
            [result] = verify(os.fspath(copy), signers=(signer,))
            is_found = result.exit_code != 0
        except ModelAuditError:
            is_found = True
        if not is_found:
            (outside if describe_files(copy) == before else silent).append(name)
    assert silent == []
    # A signature covers no mode, no empty folder, and neither its own name nor the hint on its key (docs/signatures.md).
    assert {"mode", "entries"} <= set(outside) <= {"mode", "entries", "case", "byte", "signature"}
