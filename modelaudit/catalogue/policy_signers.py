"""Read the trusted signers of a policy file."""

from __future__ import annotations

from typing import Final

from modelaudit.catalogue.policy_file import TrustedSignerFile
from modelaudit.catalogue.policy_layer import Layer
from modelaudit.model.signature import SignatureMethod
from modelaudit.model.trust import NAME_HINT, REQUIRED, TrustedSigner, is_distinguished_name

_KEYS: Final = {
    SignatureMethod.KEY: ("public-key", "trusted-root"),
    SignatureMethod.CERTIFICATE: ("certificate-root", "subject", "issuer", "trusted-root"),
    SignatureMethod.SIGSTORE: ("identity", "issuer", "trusted-root"),
}
_FILES: Final = ("public-key", "certificate-root", "trusted-root")


def merge_signers(layer: Layer, below: tuple[TrustedSigner, ...]) -> tuple[TrustedSigner, ...]:
    """Return the signers below and those of the file.

    Raises:
        ConfigurationError: an entry names no method or two, lacks a key of its method, or names a file that is absent.
    """
    merged = list(below)
    for index, entry in enumerate(layer.file.trusted_signers):
        layer.note_origin(f"trusted-signers.{len(merged)}", ("trusted-signers", index))
        merged.append(_read_signer(layer, entry, index))
    return tuple(merged)


def _read_signer(layer: Layer, entry: TrustedSignerFile, index: int) -> TrustedSigner:
    """Return one signer. Raises ``ConfigurationError``."""
    place = ("trusted-signers", index)
    if layer.path is None:
        raise layer.error("a policy of the rule set names no signer of a project; remove it", *place)
    stated = {key for key in {key for keys in _KEYS.values() for key in keys} if _get(entry, key) is not None}
    methods = [method for method, keys in _KEYS.items() if keys[0] in stated]
    if len(methods) != 1:
        raise layer.error("name one of public-key, certificate-root and identity for each signer", *place)
    [method] = methods
    missing = [key for field in REQUIRED[method] if (key := field.replace("_", "-")) not in stated]
    if missing:
        raise layer.error(f"a signer with {_KEYS[method][0]} also needs {' and '.join(missing)}", *place)
    foreign = sorted(stated - set(_KEYS[method]))
    if foreign:
        raise layer.error(f"has no effect beside {_KEYS[method][0]}; remove it", *place, foreign[0])
    paths = {key: layer.path.parent / str(_get(entry, key)) for key in _FILES if key in stated}
    for key, path in paths.items():
        if not path.is_file():
            raise layer.error(
                f"the file {_get(entry, key)} does not exist beside this policy; check the path", *place, key
            )
    for field in ("subject", "issuer") if method is SignatureMethod.CERTIFICATE else ():
        name = _get(entry, field)
        if name is not None and not is_distinguished_name(name):
            raise layer.error(f"{name!r} {NAME_HINT}", *place, field)
    return TrustedSigner(
        method=method,
        origin=f"{layer.label}:{layer.line_of(place)}",
        public_key=paths.get("public-key"),
        certificate_root=paths.get("certificate-root"),
        subject=entry.subject or "",
        identity=entry.identity or "",
        issuer=entry.issuer or "",
        trusted_root=paths.get("trusted-root"),
    )


def _get(entry: TrustedSignerFile, key: str) -> str | None:
    """Return the value of a key as the file spells it."""
    value: str | None = getattr(entry, key.replace("-", "_"))
    return value


def merge_gaps(layer: Layer, below: tuple[str, ...]) -> tuple[str, ...]:
    """Return the paths that a signature may leave out: those below and those of the file."""
    merged = list(below)
    for index, path in enumerate(layer.file.allowed_signature_gaps):
        if path.strip("/") not in merged:
            layer.note_origin(f"allowed-signature-gaps.{path.strip('/')}", ("allowed-signature-gaps", index))
            merged.append(path.strip("/"))
    return tuple(merged)
