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


def scan_exit_code(tmp_path: Path, data: bytes) -> int:
    (tmp_path / "model.pkl").write_bytes(data)
    return modelaudit.scan(tmp_path / "model.pkl", second_opinion=False, checks=["security"]).exit_code


def build_value_opcodes(value: object) -> bytes:
    """Return the opcodes that make a plain value, without PROTO and STOP."""
    return pickle.dumps(value, 3)[2:-1]


def build_pickle_with_states(*states: bytes, made: bytes = CLASS + b")\x81") -> bytes:
    return b"\x80\x03" + made + b"".join(state + b"b" for state in states) + b"."


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_distribution_pickled_by_scipy_passes(protocol: int, tmp_path: Path) -> None:
    import scipy.stats

    names = ["norm", "uniform", "beta", "gamma", "expon", "t", "loguniform", "triang", "lognorm", "pareto"]
    every = [getattr(scipy.stats, name) for name in names]
    frozen = [scipy.stats.norm(0, 1), scipy.stats.beta(2, 3), scipy.stats.loguniform(1, 2)]
    assert scan_exit_code(tmp_path, pickle.dumps([*every, *frozen], protocol)) == 0


def test_every_continuous_distribution_passes(tmp_path: Path) -> None:
    import scipy.stats

    continuous = [each for each in vars(scipy.stats).values() if isinstance(each, scipy.stats.rv_continuous)]
    assert len(continuous) > 90
    assert scan_exit_code(tmp_path, pickle.dumps(continuous, 4)) == 0


@pytest.fixture(scope="module")
def template() -> str:
    """Return the source that SciPy writes into the state of a distribution."""
    import scipy.stats

    written: str = scipy.stats.norm.__getstate__()[KEY]
    return written


def build_pickles_with_other_states(template: str) -> Iterator[bytes]:
    """Yield pickles whose state differs from the one that SciPy writes."""
    yield from (
        build_pickle_with_states(build_value_opcodes({KEY: PROGRAM})),
        build_pickle_with_states(build_value_opcodes({KEY: template + PROGRAM})),
        build_pickle_with_states(build_value_opcodes({KEY: PROGRAM + template})),
        build_pickle_with_states(build_value_opcodes({KEY: template.replace("loc=0", "loc=print()", 1)})),
        build_pickle_with_states(build_value_opcodes({KEY: template.replace("(self,", "(self, a=print(),", 1)})),
        build_pickle_with_states(build_value_opcodes({KEY: PROGRAM.encode()})),
        build_pickle_with_states(build_value_opcodes({KEY: template + " " * 5000 + PROGRAM})),
        build_pickle_with_states(
            build_value_opcodes({KEY: template})
            + b"X\x13\x00\x00\x00"
            + KEY.encode()
            + build_value_opcodes(PROGRAM)
            + b"s"
        ),
        build_pickle_with_states(
            b"}("
            + build_value_opcodes(KEY)
            + build_value_opcodes(template)
            + build_value_opcodes(KEY)
            + build_value_opcodes(PROGRAM)
            + b"u"
        ),
        build_pickle_with_states(build_value_opcodes({"a": 1}), build_value_opcodes({KEY: PROGRAM})),
        build_pickle_with_states(build_value_opcodes([(KEY, PROGRAM)])),
        build_pickle_with_states(build_value_opcodes(((KEY, PROGRAM), ("a", 1)))),
        build_pickle_with_states(build_value_opcodes(({KEY: PROGRAM, "a": 1, "b": 2}, None))),
        build_pickle_with_states(build_value_opcodes(({KEY: 1, "a": 2}, ("b", 1)))),
        build_pickle_with_states(
            b"ccollections\nOrderedDict\n)R" + build_value_opcodes(KEY) + build_value_opcodes(PROGRAM) + b"s"
        ),
        build_pickle_with_states(
            build_value_opcodes({KEY: template}), made=CLASS + build_value_opcodes(("x",)) + b"\x81"
        ),
        build_pickle_with_states(build_value_opcodes({KEY: template}), made=CLASS + b")R"),
        build_pickle_with_states(
            build_value_opcodes({KEY: template}), made=b"cscipy.stats._distn_infrastructure\nrv_sample\n)\x81"
        ),
        build_pickle_with_states(
            build_value_opcodes({"a": template}), made=b"cscipy.stats._continuous_distns\nof_a_later_release\n)\x81"
        ),
    )


def test_distribution_with_any_other_state_fails(template: str, tmp_path: Path) -> None:
    assert [data for data in build_pickles_with_other_states(template) if scan_exit_code(tmp_path, data) != 1] == []


def test_state_with_other_source_fails_amid_much_plain_data(template: str, tmp_path: Path) -> None:
    padding = {f"plain text {index}": index for index in range(20_000)}
    assert scan_exit_code(tmp_path, build_pickle_with_states(build_value_opcodes({**padding, KEY: PROGRAM}))) == 1
    assert scan_exit_code(tmp_path, build_pickle_with_states(build_value_opcodes({KEY: template, **padding}))) == 0


def test_skimmer_stops_at_every_special_key() -> None:
    assert SPECIAL_KEYS >= RUN_AS_SOURCE
    assert all(_SPECIAL_KEY.search(key.encode()) for key in SPECIAL_KEYS)
