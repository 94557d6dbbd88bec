"""The options that name trusted signers; ``scan`` and ``verify`` share them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Final

import click
from msgspec import Struct

from modelaudit.model.errors import ConfigurationError
from modelaudit.model.signature import SignatureMethod
from modelaudit.model.trust import TrustedSigner

_PATH: Final = click.Path(path_type=Path)
_OPTIONS: Final = (
    click.option(
        "--public-key",
        "public_keys",
        metavar="FILE",
        type=_PATH,
        multiple=True,
        help="A key that may sign models, in PEM.",
    ),
    click.option(
        "--certificate-root",
        "certificate_roots",
        metavar="FILE",
        type=_PATH,
        multiple=True,
        help="A root of certificates that may sign models, in PEM.",
    ),
    click.option("--identity", metavar="NAME", help="An e-mail address or URI that may sign models; with --issuer."),
    click.option("--issuer", metavar="URL", help="The service that vouches for --identity."),
    click.option(
        "--trusted-root",
        metavar="FILE",
        type=_PATH,
        help="The trusted_root.json of a Sigstore instance, for --identity and for proven times.",
    ),
    click.option(
        "--signature",
        "signatures",
        metavar="FILE",
        type=_PATH,
        multiple=True,
        help="A signature that does not lie in the folder of the model.",
    ),
)


class GivenTrust(Struct, frozen=True):
    """Who may sign models, and the signatures that do not lie in the folder of the model."""

    signers: tuple[TrustedSigner, ...] = ()
    signatures: tuple[Path, ...] = ()


def add_trust_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options of trusted signers to a command, which takes them as ``trust``."""

    @wraps(command)
    def with_signers(
        *arguments: object,
        public_keys: tuple[Path, ...],
        certificate_roots: tuple[Path, ...],
        identity: str | None,
        issuer: str | None,
        trusted_root: Path | None,
        signatures: tuple[Path, ...],
        **options: object,
    ) -> int:
        key, certificate = SignatureMethod.KEY, SignatureMethod.CERTIFICATE
        signers = [
            *(TrustedSigner(key, "--public-key", public_key=each, trusted_root=trusted_root) for each in public_keys),
            *(
                TrustedSigner(certificate, "--certificate-root", certificate_root=each, trusted_root=trusted_root)
                for each in certificate_roots
            ),
        ]
        if identity or issuer or not signers:
            signers += _choose_identity(identity, issuer, trusted_root)
        return command(*arguments, trust=GivenTrust(tuple(signers), signatures), **options)

    decorated: Callable[..., int] = with_signers
    # The help lists the option that was added last first.
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def _choose_identity(identity: str | None, issuer: str | None, trusted_root: Path | None) -> list[TrustedSigner]:
    """Return the signer with an identity, if one is named. Raises ``ConfigurationError`` if one of the three lacks."""
    given = {"--identity": identity, "--issuer": issuer, "--trusted-root": trusted_root}
    missing = [option for option, value in given.items() if not value]
    if len(missing) == len(given):
        return []
    if missing:
        raise ConfigurationError(
            f"--identity, --issuer and --trusted-root belong together; add {' and '.join(missing)}"
        )
    return [
        TrustedSigner(
            SignatureMethod.SIGSTORE,
            "--identity",
            identity=identity or "",
            issuer=issuer or "",
            trusted_root=trusted_root,
        )
    ]
