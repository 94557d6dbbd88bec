"""Duties that the files of a repository meet already."""

from __future__ import annotations

import pytest

from modelaudit.licenses.obligations.permission import flatten_text, mark_met_duties
from modelaudit.model.license import Basis, ClaimKind, Duty, LicenseClaim
from modelaudit.model.terms import Group

WORDS = "X is licensed under the X Licence, Copyright A"
DUTY = Duty("LicenseRef-X", "keep-notices", Group.SHIP, "Keep the line.", words=(WORDS,))


def build_text_claim(path: str, basis: Basis) -> LicenseClaim:
    """Build the claim that a file holds the licence text, or a variant of it."""
    return LicenseClaim(ClaimKind.FOUND, path, "text", "X LICENCE", "LicenseRef-X", basis=basis)


@pytest.mark.parametrize("basis", [Basis.TEXT, Basis.VARIANT])
def test_prescribed_words_inside_the_license_text_do_not_meet_the_notice_duty(basis: Basis) -> None:
    texts = {"LICENSE": flatten_text(f"Keep this line: “{WORDS}”. And so on.")}
    (duty,) = mark_met_duties([DUTY], [build_text_claim("LICENSE", basis)], texts)
    assert duty.met == ""
    (duty,) = mark_met_duties(
        [DUTY], [build_text_claim("LICENSE", basis)], {**texts, "NOTICE": flatten_text(f"{WORDS}.")}
    )
    assert duty.met == "NOTICE"


def test_duty_to_show_words_to_users_is_not_met_by_words_in_a_file() -> None:
    shown = Duty("LicenseRef-X", "attribution-naming", Group.SHOW, "Show it.", words=(WORDS,))
    assert mark_met_duties([shown], [], {"NOTICE": flatten_text(WORDS)})[0].met == ""
