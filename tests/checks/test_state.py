"""Distributions of SciPy run source from their state on loading: only the source that SciPy writes is accepted."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelaudit
from modelaudit.formats.pickles.pickle.skimmer import _SPECIAL_KEY
from modelaudit.formats.pickles.pickle.values import RUN_AS_SOURCE, SPECIAL_KEYS

KEY = "_parse_arg_template"
CLASS = b"cscipy.stats._continuous_distns\nnorm_gen\n"
PROGRAM = "import os"


def exit_code(tmp_path: Path, data: bytes) -> int:
    (tmp_path / "model.pkl").write_bytes(data)
    return modelaudit.scan(tmp_path / "model.pkl", second_opinion=False, checks=["security"]).exit_code


def body(value: object) -> bytes:
    """The opcodes that make a plain value, without memo."""
    return pickle.dumps(value, 3)[2:-1]


def built(*states: bytes, made: bytes = CLASS + b")\x81") -> bytes:
    return b"\x80\x03" + made + b"".join(state + b"b" for state in states) + b"."


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_state_that_scipy_writes_passes(protocol: int, tmp_path: Path) -> None:
    import scipy.stats

    names = ["norm", "uniform", "beta", "gamma", "expon", "t", "loguniform", "triang", "lognorm", "pareto"]
    every = [getattr(scipy.stats, name) for name in names]
    frozen = [scipy.stats.norm(0, 1), scipy.stats.beta(2, 3), scipy.stats.loguniform(1, 2)]
    assert exit_code(tmp_path, pickle.dumps([*every, *frozen], protocol)) == 0


def test_every_continuous_distribution_passes(tmp_path: Path) -> None:
    import scipy.stats

    continuous = [each for each in vars(scipy.stats).values() if isinstance(each, scipy.stats.rv_continuous)]
    assert len(continuous) > 90
    assert exit_code(tmp_path, pickle.dumps(continuous, 4)) == 0


@pytest.fixture(scope="module")
def template() -> str:
    """Return the source that SciPy writes into the state of a distribution."""
    import scipy.stats

    written: str = scipy.stats.norm.__getstate__()[KEY]
    return written


def other_states(template: str) -> Iterator[bytes]:
    """Yield pickles whose state differs from the one that SciPy writes."""
    yield from (
        built(body({KEY: PROGRAM})),
        built(body({KEY: template + PROGRAM})),
        built(body({KEY: PROGRAM + template})),
        built(body({KEY: template.replace("loc=0", "loc=print()", 1)})),
        built(body({KEY: template.replace("(self,", "(self, a=print(),", 1)})),
        built(body({KEY: PROGRAM.encode()})),
        built(body({KEY: template + " " * 5000 + PROGRAM})),
        built(body({KEY: template}) + b"X\x13\x00\x00\x00" + KEY.encode() + body(PROGRAM) + b"s"),
        built(b"}(" + body(KEY) + body(template) + body(KEY) + body(PROGRAM) + b"u"),
        built(body({"a": 1}), body({KEY: PROGRAM})),
        built(body([(KEY, PROGRAM)])),
        built(body(((KEY, PROGRAM), ("a", 1)))),
        built(body(({KEY: PROGRAM, "a": 1, "b": 2}, None))),
        built(body(({KEY: 1, "a": 2}, ("b", 1)))),
        built(b"ccollections\nOrderedDict\n)R" + body(KEY) + body(PROGRAM) + b"s"),
        built(body({KEY: template}), made=CLASS + body(("x",)) + b"\x81"),
        built(body({KEY: template}), made=CLASS + b")R"),
        built(body({KEY: template}), made=b"cscipy.stats._distn_infrastructure\nrv_sample\n)\x81"),
        built(body({"a": template}), made=b"cscipy.stats._continuous_distns\nof_a_later_release\n)\x81"),
    )


def test_any_other_state_fails(template: str, tmp_path: Path) -> None:
    assert [data for data in other_states(template) if exit_code(tmp_path, data) != 1] == []


def test_other_state_is_found_amid_skimmed_plain_data(template: str, tmp_path: Path) -> None:
    padding = {f"plain text {index}": index for index in range(20_000)}
    assert exit_code(tmp_path, built(body({**padding, KEY: PROGRAM}))) == 1
    assert exit_code(tmp_path, built(body({KEY: template, **padding}))) == 0


def test_no_reported_key_is_skipped() -> None:
    assert SPECIAL_KEYS >= RUN_AS_SOURCE
    assert all(_SPECIAL_KEY.search(key.encode()) for key in SPECIAL_KEYS)
