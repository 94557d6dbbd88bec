"""The openness of a release by the Model Openness Framework (arXiv 2403.13784)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a release by the Model Openness Framework: whether it is present, and whether its licence is open.

    The repository holds a part that is present, or only names one that is ``elsewhere``.
    """

    id: str
    title: str
    present: bool
    licenses: tuple[str, ...] = ()
    open: bool | None = None
    evidence: str = ""
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Openness:
    """The openness of a release, apart from any permission.

    Attributes:
        title: the class of the Model Openness Framework that the evidence reaches, or a note that it reaches none.
        components: in the framework's order.
        missing: the items missing for the next class, one line each.
    """

    title: str
    components: tuple[Component, ...] = ()
    missing: tuple[str, ...] = ()
