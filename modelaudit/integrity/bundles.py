"""Read a Sigstore bundle 0.3 with one DSSE envelope, the container of model signatures and attestations.

Sources: Sigstore bundle format 0.3 (``sigstore_bundle.proto``); DSSE 1.0 (``protocol.md``, ``envelope.md``); OpenSSF
Model Signing 1.0, section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from modelaudit.integrity.strict_json import decode_base64, parse_object, shorten, take_list, take_object, take_text
from modelaudit.model.errors import SignatureError
from modelaudit.model.signature import SignatureMethod

MOST_BYTES: Final = 64 * 1024 * 1024
"""The largest bundle, in bytes; the signature of 100,000 files takes about a third of that."""

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
STATEMENT_TYPE: Final = "application/vnd.in-toto+json"
_MEDIA_TYPES: Final = frozenset({MEDIA_TYPE, "application/vnd.dev.sigstore.bundle+json;version=0.3"})
_MATERIALS: Final = {
    "publicKey": SignatureMethod.KEY,
    "x509CertificateChain": SignatureMethod.CERTIFICATE,
    "certificate": SignatureMethod.SIGSTORE,
}
_MOST_CERTIFICATES: Final = 10


@dataclass(frozen=True, slots=True)
class Envelope:
    """A DSSE envelope with one signature.

    Attributes:
        payload: the signed bytes.
        payload_type: the type of the payload, which is signed as well.
        signature: over ``encode()``.
    """

    payload: bytes = field(repr=False)
    payload_type: str
    signature: bytes = field(repr=False)

    def encode(self) -> bytes:
        """Return the bytes that are signed: the pre-authentication encoding of DSSE 1.0."""
        return encode_payload(self.payload_type, self.payload)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle, before anything of it is verified.

    Attributes:
        envelope: the signed statement.
        method: how the bundle shows whose signature it holds.
        key_hint: with a key, the fingerprint that the signer states, which proves nothing.
        certificates: DER, the one of the signer first; none with a key.
        time_stamps: RFC 3161 responses in DER.
        text: the whole bundle, for a verifier that reads the entries of logs.
    """

    envelope: Envelope
    method: SignatureMethod
    key_hint: str = ""
    certificates: tuple[bytes, ...] = ()
    time_stamps: tuple[bytes, ...] = ()
    text: bytes = field(default=b"", repr=False)


def encode_payload(payload_type: str, payload: bytes) -> bytes:
    """Return the pre-authentication encoding of a payload (DSSE 1.0, ``protocol.md``)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def may_be_bundle(head: bytes, is_dataset_name: bool = False) -> bool:
    """Whether a file that begins with these bytes has to be read as a bundle, such that each fault in it is reported.

    Args:
        head: the first bytes of the file.
        is_dataset_name: files of its name also hold other objects of JSON, so that a bundle has to name itself.
    """
    if is_dataset_name:
        return b'"mediaType"' in head and b"sigstore" in head
    return head.lstrip()[:1] in (b"{", b"")


def parse_bundle(data: bytes) -> Bundle:
    """Parse a bundle, without verifying it.

    Raises:
        SignatureError: it is too large or malformed, has an unknown media type, no envelope, or other than one
            signature.
    """
    if len(data) > MOST_BYTES:
        raise SignatureError(f"it is larger than {MOST_BYTES:,} bytes, so it is not read")
    noun = "the bundle"
    document = parse_object(data, noun)
    media_type = take_text(document, "mediaType", noun)
    if media_type not in _MEDIA_TYPES:
        raise SignatureError(f"the media type {shorten(media_type)} is not that of a Sigstore bundle 0.3")
    material = take_object(document, "verificationMaterial", noun)
    present = [key for key in _MATERIALS if material.get(key) is not None]
    if len(present) != 1:
        found = "none" if not present else " and ".join(present)
        raise SignatureError(f"it holds {found} of publicKey, x509CertificateChain and certificate, and needs one")
    method = _MATERIALS[present[0]]
    content = take_object(material, present[0], "the verification material")
    log_entries = take_list(material, "tlogEntries", "the verification material")
    if method is SignatureMethod.SIGSTORE and not log_entries:
        raise SignatureError("it was made for an identity and holds no entry of a log, so nothing shows when")
    return Bundle(
        envelope=_parse_envelope(document),
        method=method,
        key_hint=_read_hint(content) if method is SignatureMethod.KEY else "",
        certificates=_read_certificates(content, method),
        time_stamps=_read_time_stamps(material),
        text=data,
    )


def _parse_envelope(document: Mapping[str, object]) -> Envelope:
    """Return the DSSE envelope of a bundle."""
    if "messageSignature" in document:
        raise SignatureError("it signs the bytes of one file, and not a statement on a model")
    noun = "the envelope"
    envelope = take_object(document, "dsseEnvelope", "the bundle")
    payload_type = take_text(envelope, "payloadType", noun)
    if payload_type != STATEMENT_TYPE:
        raise SignatureError(f"the payload is {shorten(payload_type)}, and not an in-toto statement")
    payload = decode_base64(take_text(envelope, "payload", noun), "the payload")
    signatures = take_list(envelope, "signatures", noun)
    if len(signatures) != 1:
        raise SignatureError(f"it holds {len(signatures)} signatures, and needs one")
    [signature] = signatures
    if not isinstance(signature, dict):
        raise SignatureError("the signature is not a JSON object")
    return Envelope(payload, payload_type, decode_base64(take_text(signature, "sig", "the signature"), "the signature"))


def _read_hint(content: Mapping[str, object]) -> str:
    """Return the hint on the key; bundles before model-signing 1.1 hold the key itself, which is not trusted."""
    hint = content.get("hint", "")
    return hint if isinstance(hint, str) else ""


def _read_certificates(content: Mapping[str, object], method: SignatureMethod) -> tuple[bytes, ...]:
    """Return the certificates in DER, that of the signer first."""
    if method is SignatureMethod.KEY:
        return ()
    noun = "the certificate chain"
    listed = [content] if method is SignatureMethod.SIGSTORE else take_list(content, "certificates", noun)
    if not 0 < len(listed) <= _MOST_CERTIFICATES:
        raise SignatureError(f"{noun} has {len(listed)} certificates, and needs 1 to {_MOST_CERTIFICATES}")
    certificates = []
    for each in listed:
        if not isinstance(each, dict):
            raise SignatureError(f"an entry of {noun} is not a JSON object")
        certificates.append(decode_base64(take_text(each, "rawBytes", "a certificate"), "a certificate"))
    return tuple(certificates)


def _read_time_stamps(material: Mapping[str, object]) -> tuple[bytes, ...]:
    """Return the RFC 3161 time stamps in DER."""
    noun = "the time stamps"
    data = material.get("timestampVerificationData")
    if data is None:
        return ()
    if not isinstance(data, dict):
        raise SignatureError(f"{noun} are not a JSON object")
    stamps = []
    for each in take_list(data, "rfc3161Timestamps", noun):
        if not isinstance(each, dict):
            raise SignatureError(f"an entry of {noun} is not a JSON object")
        stamps.append(decode_base64(take_text(each, "signedTimestamp", "a time stamp"), "a time stamp"))
    return tuple(stamps)
