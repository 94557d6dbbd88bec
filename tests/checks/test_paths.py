from __future__ import annotations

import pytest
from support.cases import check_each
from support.catalogue import load_shipped

from modelaudit.checks import redaction
from modelaudit.checks.paths import judge_path
from modelaudit.checks.redaction import redact_secrets

CALLABLES = load_shipped().callables


@check_each(
    "path, standing",
    [
        ("os.system", "dangerous"),
        ("os", "dangerous"),
        ("eval", "dangerous"),
        ("builtins.eval", "dangerous"),
        ("any.module.os.system", "dangerous"),
        ("any.module.subprocess.Popen", "dangerous"),
        ("pathlib.Path.write_text", "dangerous"),
        ("torch.optim.Adam", "trusted"),
        ("torch.nn.Linear", "trusted"),
        ("string.capwords", "standard-library"),
        ("colorsys", "standard-library"),
        ("mypackage.Model", "unlisted"),
        # Trusted only in pickles in which no code gets its objects.
        ("filterpy.kalman.kalman_filter.KalmanFilter", "unlisted"),
        ("mypackage.code.Model", "unlisted"),
        ("pytorch_lightning.Trainer", "unlisted"),
        ("${a}.b", "unresolved"),
        ("not a path", "unlisted"),
    ],
)
def test_dotted_path_gets_the_standing_of_the_object_that_it_reaches(path, standing):
    assert judge_path(path, CALLABLES).standing.value == standing


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("a hf_" + "b" * 34 + " c", "a hf_… c"),
        ("https://me:pw1234@host/x", "https://me:…@host/x"),
        ("api_key=0123456789ab", "api_key=…"),
        ("Authorization: Bearer 0123456789ab", "Authorization: Bearer …"),
        ("PassWord: 0123456789ab", "PassWord: …"),
        ("ACCE\u017f\u017f_\u212aEY=0123456789ab", "ACCE\u017f\u017f_\u212aEY=…"),
        ("bot 12345678:" + "a" * 35, "bot 12345678:…"),
        ("password in an address", "password in an address"),
        ("torch.nn.Linear at byte 5", "torch.nn.Linear at byte 5"),
    ],
)
def test_text_with_the_shape_of_a_secret_is_redacted(text, redacted):
    assert redact_secrets(text) == redacted


@pytest.mark.parametrize("start", [start for start, _ in redaction._TOKEN_BEGINNINGS])
def test_token_is_redacted_but_for_its_beginning(start):
    beginning = {"xox": "xoxb-"}.get(start, start)
    assert redact_secrets(f"a {beginning}{'0123456789abcdef' * 2} b") == f"a {beginning}… b"
