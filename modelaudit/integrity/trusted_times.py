"""Find out when a signature was made, from sources that the user trusts: time stamps (RFC 3161) and entries of a log.

A signer can write any time. So a time counts only if a service of the trusted root has signed it, together with the
signature. Sources: ``sigstore_trustroot.proto``, ``sigstore_rekor.proto``; RFC 3161; the signed entry time stamp of
Rekor 1, a signature over the canonical JSON of body, time, log and index.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from msgspec import Struct

from modelaudit.integrity.bundles import Bundle
from modelaudit.integrity.keys import get_algorithm, require_curve
from modelaudit.integrity.strict_json import decode_base64, parse_object, take_list, take_object, take_text
from modelaudit.integrity.user_files import load_trust
from modelaudit.model.errors import SignatureError, UncheckedSignerError
from modelaudit.model.signature import SignedTime
from modelaudit.model.trust import TrustedSigner
from modelaudit.model.wording import TIME_FORMAT

_Read = TypeVar("_Read")
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_END: Final = datetime(9999, 12, 31, tzinfo=UTC)
_MOST_STAMPS: Final = 20


class _Period(Struct, frozen=True):
    """The time in which a service used a key."""

    start: datetime
    end: datetime

    def __contains__(self, time: datetime) -> bool:
        return self.start <= time <= self.end


class _Log(Struct, frozen=True):
    """A transparency log."""

    key_id: bytes
    key: ec.EllipticCurvePublicKey
    period: _Period


class _Authority(Struct, frozen=True):
    """A time stamping authority: its certificate first, its root last, in DER."""

    certificates: tuple[bytes, ...]
    period: _Period


class TimeSources(Struct, frozen=True):
    """The services of a trusted root that state times; without a trusted root there are none."""

    logs: tuple[_Log, ...] = ()
    authorities: tuple[_Authority, ...] = ()

    def find_time(self, bundle: Bundle) -> SignedTime | None:
        """Return the earliest time that one of the services states for a signature; ``None`` without one.

        Raises:
            UncheckedSignerError: the bundle has a time stamp, and the package that reads it is not installed.
        """
        stated = [*self._list_stamped(bundle), *self._list_logged(bundle)]
        if not stated:
            return None
        time, source = min(stated)
        return SignedTime(format_time(time), source)

    def _list_stamped(self, bundle: Bundle) -> Iterator[tuple[datetime, str]]:
        """Yield the time of each time stamp of the signature by one of the authorities."""
        if not bundle.time_stamps or not self.authorities:
            return
        try:
            from modelaudit.integrity.time_stamps import read_time_stamp  # a package of the extra sigstore
        except ImportError as error:
            raise UncheckedSignerError(
                "its time stamp is checked with the package rfc3161-client; install modelaudit-gate[sigstore]"
            ) from error
        for stamp in bundle.time_stamps[:_MOST_STAMPS]:
            for authority in self.authorities:
                time = read_time_stamp(stamp, bundle.envelope.signature, authority.certificates)
                if time is not None and time in authority.period:
                    yield time, "time stamp"

    def _list_logged(self, bundle: Bundle) -> Iterator[tuple[datetime, str]]:
        """Yield the time of each entry of the signature in one of the logs."""
        if not self.logs:
            return
        document = parse_object(bundle.text, "the bundle")
        material = take_object(document, "verificationMaterial", "the bundle")
        for entry in take_list(material, "tlogEntries", "the verification material")[:_MOST_STAMPS]:
            if isinstance(entry, dict):
                time = self._read_entry(entry, bundle)
                if time is not None:
                    yield time, "log entry"

    def _read_entry(self, entry: Mapping[str, object], bundle: Bundle) -> datetime | None:
        """Return the time of an entry; ``None`` if no log has promised to keep it, or it is of another signature."""
        noun = "the entry of the log"
        try:
            body = decode_base64(take_text(entry, "canonicalizedBody", noun), noun)
            key_id = decode_base64(take_text(take_object(entry, "logId", noun), "keyId", noun), noun)
            seconds, index = int(take_text(entry, "integratedTime", noun)), int(take_text(entry, "logIndex", noun))
            promise = take_object(entry, "inclusionPromise", noun)
            signed = decode_base64(take_text(promise, "signedEntryTimestamp", noun), noun)
            time = datetime.fromtimestamp(seconds, UTC)
            log = next(each for each in self.logs if each.key_id == key_id and time in each.period)
            _require_same_signature(parse_object(body, noun), bundle)
            stated = {
                "body": base64.b64encode(body).decode(),
                "integratedTime": seconds,
                "logID": key_id.hex(),
                "logIndex": index,
            }
            text = json.dumps(stated, sort_keys=True, separators=(",", ":"))
            log.key.verify(signed, text.encode("ascii"), get_algorithm(log.key))
        except (SignatureError, ValueError, OverflowError, OSError, StopIteration, InvalidSignature):
            return None
        return time


def load_time_sources(trusted: TrustedSigner) -> TimeSources:
    """Read the services of the trusted root of a signer. Raises ``ConfigurationError`` for a file that is none."""
    if trusted.trusted_root is None:
        return TimeSources()
    return load_trust(trusted.trusted_root, trusted.root_origin, _parse_trusted_root)


def format_time(time: datetime) -> str:
    """Return a time in UTC as the report writes it."""
    return time.astimezone(UTC).strftime(TIME_FORMAT)


def parse_time(text: str) -> datetime:
    """Return the time that ``format_time`` has written."""
    return datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC)


def _require_same_signature(body: Mapping[str, object], bundle: Bundle) -> None:
    """Raise ``SignatureError`` unless the body of an entry holds the signature of a bundle (``dsse`` 0.0.1)."""
    noun = "the entry of the log"
    spec = take_object(body, "spec", noun)
    if (take_text(body, "kind", noun), take_text(body, "apiVersion", noun)) != ("dsse", "0.0.1"):
        raise SignatureError(f"{noun} is of another kind")
    payload_hash = take_object(spec, "payloadHash", noun)
    if take_text(payload_hash, "value", noun) != hashlib.sha256(bundle.envelope.payload).hexdigest():
        raise SignatureError(f"{noun} is one of another statement")
    signatures = take_list(spec, "signatures", noun)
    texts = [take_text(each, "signature", noun) for each in signatures if isinstance(each, dict)]
    if [decode_base64(text, noun) for text in texts] != [bundle.envelope.signature]:
        raise SignatureError(f"{noun} is one of another signature")


def _parse_trusted_root(data: bytes) -> TimeSources:
    """Parse a trusted root. Raises ``SignatureError``, in words that continue a sentence."""
    noun = "the trusted root"
    try:
        document = parse_object(data, noun)
        kind = document.get("mediaType")
        if not isinstance(kind, str) or not kind.startswith("application/vnd.dev.sigstore.trustedroot"):
            raise SignatureError("its media type is another")
        logs = _read_entries(document, "tlogs", _read_log)
        authorities = _read_entries(document, "timestampAuthorities", _read_authority)
    except SignatureError as error:
        raise SignatureError(f"is not the trusted root of a Sigstore instance: {error}") from error
    return TimeSources(
        tuple(each for each in logs if each is not None), tuple(each for each in authorities if each.certificates)
    )


def _read_entries(
    document: Mapping[str, object], key: str, read: Callable[[Mapping[str, object]], _Read]
) -> Sequence[_Read]:
    """Read each entry of a list of services."""
    entries = take_list(document, key, "the trusted root")
    if not all(isinstance(each, dict) for each in entries):
        raise SignatureError(f"an entry of {key} is not a JSON object")
    return [read(each) for each in entries if isinstance(each, dict)]


def _read_log(entry: Mapping[str, object]) -> _Log | None:
    """Return a log; ``None`` if its key is not on a curve of NIST, as those of logs that promise nothing."""
    noun = "a log"
    described = take_object(entry, "publicKey", noun)
    data = decode_base64(take_text(described, "rawBytes", noun), "a key of a log")
    try:
        key = require_curve(load_der_public_key(data))
    except (SignatureError, ValueError, UnsupportedAlgorithm):
        return None
    return _Log(hashlib.sha256(data).digest(), key, _read_period(described))


def _read_authority(entry: Mapping[str, object]) -> _Authority:
    """Return a time stamping authority."""
    noun = "a time stamping authority"
    chain = take_list(take_object(entry, "certChain", noun), "certificates", noun)
    certificates = [
        decode_base64(take_text(each, "rawBytes", noun), "its certificate") for each in chain if isinstance(each, dict)
    ]
    return _Authority(tuple(certificates), _read_period(entry))


def _read_period(entry: Mapping[str, object]) -> _Period:
    """Return the time in which a service used its key."""
    period = entry.get("validFor") or {}
    if not isinstance(period, dict):
        raise SignatureError("validFor is not a JSON object")
    return _Period(*(_read_time(period.get(key), default) for key, default in (("start", _BEGINNING), ("end", _END))))


def _read_time(value: object, default: datetime) -> datetime:
    """Return a time of RFC 3339."""
    if value is None:
        return default
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise SignatureError(f"validFor holds no time: {error}") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)
