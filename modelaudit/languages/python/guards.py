"""Settings that take a guard away, and the values that leave it in place.

``TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD`` makes ``torch.load`` run pickles again, whatever its caller asks for, and
``HF_ENDPOINT`` has every download come from another address.
"""

from __future__ import annotations

from typing import Final

from modelaudit.languages.python import partial_texts
from modelaudit.languages.python.values import Constant, PartialCall, Value
from modelaudit.model.lazy_pattern import defer_pattern

_SWITCHES: Final = frozenset(
    {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "HF_DATASETS_TRUST_REMOTE_CODE", "VLLM_ALLOW_INSECURE_SERIALIZATION",
     "MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "datasets.config.HF_DATASETS_TRUST_REMOTE_CODE"}
)  # fmt: skip
# Checks of certificates, which a value that is on leaves in place.
_CHECKS: Final = frozenset({"requests.Session.verify", "requests.sessions.Session.verify"})
_ADDRESSES: Final = frozenset(
    {"HF_ENDPOINT", "huggingface_hub.constants.ENDPOINT", "huggingface_hub.constants.HUGGINGFACE_CO_URL_HOME",
     "transformers.utils.hub.HUGGINGFACE_CO_RESOLVE_ENDPOINT"}
)  # fmt: skip
# Servers that see all traffic of the process, and certificates by which it trusts them.
_PROXIES: Final = frozenset({"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"})
_CERTIFICATES: Final = frozenset({"REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE"})
_ORDINARY_BUNDLES: Final = ("cacert.pem", "ca-bundle.crt", "ca-certificates.crt", "cert.pem", "certs")
_OWN_BUNDLE: Final = defer_pattern(r"(?:\.{0,2}|…|[\w.-]{1,80})[/\\][^\0]{0,300}?([\w.-]{1,100})")
_LOADERS: Final = frozenset({"torch.load", "torch.serialization.load"})
_OFF: Final = frozenset({"", "0", "n", "no", "false", "off"})


def keeps_guard(name: str, value: Value) -> bool:
    """Whether a variable or attribute of this name is one of a guard, and ``value`` leaves the guard in place."""
    if isinstance(value, Constant) and value.is_open:
        return False
    if name in _SWITCHES:
        return isinstance(value, Constant) and str(value.value or "").lower() in _OFF
    if name in _CHECKS:
        return isinstance(value, Constant) and value.value is True
    if name in _ADDRESSES:
        text = partial_texts.write_text(value)
        return text.startswith(("http://", "https://")) and not partial_texts.find_foreign_host(text)
    if name in _PROXIES:
        return not partial_texts.find_foreign_host(partial_texts.write_text(value))
    if name in _CERTIFICATES:
        own_bundle = _OWN_BUNDLE.fullmatch(partial_texts.write_text(value))
        return own_bundle is None or own_bundle[0].startswith("/") or own_bundle[1] in _ORDINARY_BUNDLES
    if name in _LOADERS and isinstance(value, PartialCall):
        is_strict = dict(value.keywords).get("weights_only")
        return isinstance(is_strict, Constant) and is_strict.value is True
    return False
