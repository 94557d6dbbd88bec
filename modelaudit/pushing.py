"""Attest a verdict on an image of a registry, and attach the attestation to it."""

from __future__ import annotations

from typing import Final

from modelaudit.attesting import AttestationOptions, SignedVerdict, attest
from modelaudit.integrity.bundles import MEDIA_TYPE
from modelaudit.model.copies import replace
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.limits import Limits
from modelaudit.sources.registry import Registry, parse_image

_TITLES: Final = ("evidence.sigstore.json", "summary.sigstore.json")
"""The names of the two statements in the registry; one behind the other, they are the attestation."""


def attest_image(
    target: str,
    image: str,
    options: AttestationOptions,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> tuple[SignedVerdict, str, tuple[str, ...]]:
    """Attest the verdict on a model that an image holds, and attach both statements to the image as referrers.

    Args:
        target: the model, as for ``attest``.
        image: ``registry.example/name@sha256:…`` or with a tag.
        options: the report, and who signs.
        limits: bounds on reads.

    Returns:
        The verdict, the digest of the image, and the digest of each referrer, that of the evidence first.

    Raises:
        ConfigurationError: as ``attest``, or the image is not one, or the options name another one.
        SourceError: as ``attest``, or the registry does not answer or refuses the referrer.
    """
    if options.image is not None:
        raise ConfigurationError("--push names the image itself; leave --image out")
    with Registry(parse_image(image)) as registry:
        subject = registry.find_image()
        verdict = attest(target, replace(options, image=subject.digest.removeprefix("sha256:")), limits)
        lines = zip(verdict.text.splitlines(keepends=True), _TITLES, strict=True)
        attached = [registry.attach(subject, MEDIA_TYPE, line, title) for line, title in lines]
        return verdict, subject.digest, tuple(each.digest for each in attached)
