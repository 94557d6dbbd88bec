"""``modelaudit attest``: sign the verdict of a report on a model, for the machine that loads it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from modelaudit.cli.days import parse_days
from modelaudit.cli.digests import parse_digest
from modelaudit.cli.files import check_place, write_file
from modelaudit.cli.parsing import StrictCommand
from modelaudit.cli.passphrase import get_passphrase
from modelaudit.cli.writing import print_document, show_notes
from modelaudit.integrity.attestation import PASSED
from modelaudit.integrity.places import lies_in
from modelaudit.integrity.seal import SIGNATURES_NAME, VERIFIER_NAME
from modelaudit.model.errors import ConfigurationError

if TYPE_CHECKING:
    from modelaudit.attesting import AttestationOptions, SignedVerdict
    from modelaudit.integrity.signing import StatementSigner

_PATH: Final = click.Path(path_type=Path)


@click.command("attest", cls=StrictCommand)
@click.argument("target", metavar="TARGET")
@click.option("--report", metavar="FILE", type=_PATH, required=True, help="The report of a scan of TARGET, as JSON.")
@click.option("--key", metavar="FILE", type=_PATH, help="Your private EC key, in PEM.")
@click.option(
    "--trust-config",
    metavar="FILE",
    type=_PATH,
    help="Sign for the identity of a token instead, by the Sigstore instance of this file.",
)
@click.option("-o", "--output", metavar="FILE", type=_PATH, help="The attestation, two lines of JSON.")
@click.option(
    "--seal",
    "folder",
    metavar="FOLDER",
    type=_PATH,
    help="Also write a new folder with all that a machine without network needs: model, lock, reports, verifier.",
)
@click.option("--verifier-id", metavar="URI", help="Who answers for the verdict. Default: urn:modelaudit:verifier.")
@click.option("--resource", metavar="URI", help="The model. Default: its package URL, or the name of the folder.")
@click.option("--expires", metavar="DAYS", default="90d", show_default=True, help="How long it holds, or never.")
@click.option(
    "--push", metavar="IMAGE", help="Attach it to this image in an OCI registry: host/name:tag or host/name@sha256:…"
)
@click.option("--image", metavar="DIGEST", help="The sha256 of the OCI image that holds the model.")
@click.option(
    "--signature",
    "signatures",
    metavar="FILE",
    type=_PATH,
    multiple=True,
    help="A signature of the model that does not lie in its folder, for --seal to carry.",
)
@click.option("--require-pass", is_flag=True, help="End with 1 if the verdict is FAILED; it is attested all the same.")
@click.option("-q", "--quiet", is_flag=True, help="No remarks.")
def command(
    target: str,
    report: Path,
    key: Path | None,
    trust_config: Path | None,
    output: Path | None,
    folder: Path | None,
    verifier_id: str | None,
    resource: str | None,
    expires: str,
    push: str | None,
    image: str | None,
    signatures: tuple[Path, ...],
    require_pass: bool,
    quiet: bool,
) -> int:
    """Sign the verdict of a report on the model TARGET.

    TARGET is the folder that was scanned, or a repository in the Hub cache; its bytes have to be those of the
    report. The attestation holds the evidence and a SLSA Verification Summary. A verdict other than a pass is
    attested as FAILED.

    --seal prints the SHA-256 of the verifier and of the public key. They travel apart from the folder, as the key does.

    The passphrase of the key comes from MODELAUDIT_KEY_PASSPHRASE, or is asked for in a terminal. With
    --trust-config, the identity token comes from SIGSTORE_ID_TOKEN, or from the CI that runs this.

    Exit codes: 0 attested, whatever the verdict; 1 attested as FAILED, and --require-pass was given; 2 usage
    error; 4 could not run.
    """
    from modelaudit.attesting import VERIFIER, AttestationOptions, require_uri

    _check_choice(target, output, folder, push, image, key, signatures)
    options = AttestationOptions(
        report=report,
        verifier=require_uri("--verifier-id", verifier_id or VERIFIER),
        resource=None if resource is None else require_uri("--resource", resource),
        days=parse_days("--expires", expires),
        image=None if image is None else parse_digest("--image", image),
        signatures=signatures,
        signer=_load_signer(key, trust_config),  # last, so that a wrong option is named before a key is opened
    )
    signed, notes = _sign(target, options, folder, push)
    if output is not None:
        write_file(output, signed.text)
    notes = [
        f"{output or folder or push}: {_describe_result(signed)}",
        f"verify it with --policy-digest {signed.policy_digest} --resource {signed.resource}",
        *notes,
    ]
    if signed.identity:
        notes.append(f"signed for --identity {shlex.quote(signed.identity)} --issuer {shlex.quote(signed.issuer)}")
    is_refused = require_pass and signed.result != PASSED
    refusal = f"--require-pass: the verdict is {signed.result}: {', '.join(signed.causes)}; it is attested all the same"
    show_notes([*([] if quiet else notes), *([refusal] if is_refused else [])])
    return int(is_refused)


def _check_choice(
    target: str,
    output: Path | None,
    folder: Path | None,
    push: str | None,
    image: str | None,
    key: Path | None,
    signatures: tuple[Path, ...],
) -> None:
    """Raise ``ConfigurationError`` unless the options are compatible, and name the output."""
    if folder is not None and key is None:
        raise ConfigurationError("--seal needs --key FILE, which signs the folder and its rules too")
    if folder is None and signatures:
        raise ConfigurationError("--signature names what --seal carries beside the model; add --seal FOLDER")
    if output is None and folder is None and push is None:
        raise ConfigurationError("name what to write: -o FILE, --seal FOLDER, or --push IMAGE")
    if push is not None and (folder is not None or image is not None):
        raise ConfigurationError("--push names the image itself, and goes with -o FILE alone; leave the others out")
    if output is not None:
        if lies_in(output, target):
            raise ConfigurationError(f"-o {output}: lies in the model, which it would change; name a file outside")
        if folder is not None and lies_in(output, folder):
            raise ConfigurationError(f"-o {output}: lies in the folder of --seal, which holds the attestation already")
        check_place(output)


def _load_signer(key: Path | None, trust_config: Path | None) -> StatementSigner:
    """Load the signer that an option names. Raises ``ConfigurationError``, also unless exactly one is named."""
    from modelaudit.integrity.signing import load_identity_signer, load_key_signer

    if key is not None and trust_config is None:
        return load_key_signer(key, get_passphrase(key))
    if trust_config is not None and key is None:
        return load_identity_signer(trust_config)
    raise ConfigurationError("name who signs: --key FILE, or --trust-config FILE for an identity, and not both")


def _sign(
    target: str, options: AttestationOptions, folder: Path | None, push: str | None
) -> tuple[SignedVerdict, list[str]]:
    """Sign the verdict, seal the model or attach the attestation to an image; return notes on where it went."""
    if push is not None:
        from modelaudit.pushing import attest_image

        signed, image, referrers = attest_image(target, push, options)
        return signed, [f"{push}: attached {digest} to {image}" for digest in referrers]
    if folder is not None:
        return _seal(target, options, folder)
    from modelaudit.attesting import attest

    return attest(target, options), []


def _seal(target: str, options: AttestationOptions, folder: Path) -> tuple[SignedVerdict, list[str]]:
    """Seal the model, and print the digests of the verifier and of the public key, which travel apart from it."""
    from modelaudit.sealing import seal

    public = _name_public_key(options.signer)
    sealed = seal(target, folder, options)
    # In the form of sha256sum, which compares both with the files on the other side.
    # ``sha256sum --check`` passes over lines that begin with ``#``.
    conditions = f"# --policy-digest {sealed.verdict.policy_digest}\n# --resource {sealed.verdict.resource}\n"
    print_document(f"{sealed.verifier_digest}  {VERIFIER_NAME}\n{sealed.key_digest}  {public}\n{conditions}".encode())
    notes = [
        f"{folder}: sealed, {sealed.entries:,} entries with the model",
        *(f"{SIGNATURES_NAME}/{each.name}: carried beside the model" for each in options.signatures),
        f"carry {public} and the lines of stdout apart from the folder",
    ]
    if sealed.verdict.result != PASSED:
        notes.append(f"the verdict is {sealed.verdict.result}, so the other side refuses the folder")
    return sealed.verdict, notes


def _describe_result(signed: SignedVerdict) -> str:
    """Describe the result, with the causes of one that did not pass, and the model."""
    causes = f" ({', '.join(signed.causes)})" if signed.causes else ""
    noun = "entry" if len(signed.tree) == 1 else "entries"
    return f"{signed.result}{causes}, {len(signed.tree):,} {noun}, tree v1:{signed.tree_digest}"


def _name_public_key(signer: StatementSigner) -> str:
    """Name the file of the public key after that of the private one, if it is a name for a list of digests."""
    stem = next((path.stem for path in signer.files.values()), "")
    return f"{stem}.pub" if stem and stem.isprintable() and "\\" not in stem else "key.pub"
