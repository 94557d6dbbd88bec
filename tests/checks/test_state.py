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


def encode_value(value: object) -> bytes:
    """Return the opcodes that make a plain value, without PROTO and STOP."""
    return pickle.dumps(value, 3)[2:-1]


def pickle_states(*states: bytes, instance: bytes = CLASS + b")\x81") -> bytes:
    """Return a pickle that makes ``instance`` by its opcodes, and sets each of ``states`` on it by BUILD."""
    return b"\x80\x03" + instance + b"".join(state + b"b" for state in states) + b"."


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickle_of_scipy_distributions_passes_the_scan_in_every_protocol(protocol: int, tmp_path: Path) -> None:
    import scipy.stats

    names = ["norm", "uniform", "beta", "gamma", "expon", "t", "loguniform", "triang", "lognorm", "pareto"]
    every = [getattr(scipy.stats, name) for name in names]
    frozen = [scipy.stats.norm(0, 1), scipy.stats.beta(2, 3), scipy.stats.loguniform(1, 2)]
    assert scan_exit_code(tmp_path, pickle.dumps([*every, *frozen], protocol)) == 0


def test_pickle_of_every_continuous_scipy_distribution_passes_the_scan(tmp_path: Path) -> None:
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
    encoded_key, encoded_program = encode_value(KEY), encode_value(PROGRAM)
    yield from (
        # another source, or more source than SciPy writes
        pickle_states(encode_value({KEY: PROGRAM})),
        pickle_states(encode_value({KEY: template + PROGRAM})),
        pickle_states(encode_value({KEY: PROGRAM + template})),
        pickle_states(encode_value({KEY: template.replace("loc=0", "loc=print()", 1)})),
        pickle_states(encode_value({KEY: template.replace("(self,", "(self, a=print(),", 1)})),
        pickle_states(encode_value({KEY: PROGRAM.encode()})),
        pickle_states(encode_value({KEY: template + " " * 5000 + PROGRAM})),
        # the key is set a second time, by SETITEM and by SETITEMS
        pickle_states(encode_value({KEY: template}) + b"X\x13\x00\x00\x00" + KEY.encode() + encoded_program + b"s"),
        pickle_states(b"}(" + encoded_key + encode_value(template) + encoded_key + encoded_program + b"u"),
        # a second state, and states of other types than a dictionary
        pickle_states(encode_value({"a": 1}), encode_value({KEY: PROGRAM})),
        pickle_states(encode_value([(KEY, PROGRAM)])),
        pickle_states(encode_value(((KEY, PROGRAM), ("a", 1)))),
        pickle_states(encode_value(({KEY: PROGRAM, "a": 1, "b": 2}, None))),
        pickle_states(encode_value(({KEY: 1, "a": 2}, ("b", 1)))),
        # ``dict.update`` takes both parts of this pair for pairs, and so sets the key
        pickle_states(encode_value(({"a": 1, "b": 2}, (KEY, PROGRAM)))),
        pickle_states(b"ccollections\nOrderedDict\n)R" + encoded_key + encoded_program + b"s"),
        # the usual state of an object that was made in another way, or of another class
        pickle_states(encode_value({KEY: template}), instance=CLASS + encode_value(("x",)) + b"\x81"),
        pickle_states(encode_value({KEY: template}), instance=CLASS + b")R"),
        pickle_states(encode_value({KEY: template}), instance=b"cscipy.stats._distn_infrastructure\nrv_sample\n)\x81"),
        pickle_states(
            encode_value({"a": template}), instance=b"cscipy.stats._continuous_distns\nof_a_later_release\n)\x81"
        ),
    )


def test_scipy_distribution_fails_the_scan_if_its_state_differs_from_what_scipy_writes(
    template: str, tmp_path: Path
) -> None:
    assert [data for data in build_pickles_with_other_states(template) if scan_exit_code(tmp_path, data) != 1] == []


def test_altered_source_text_in_a_scipy_state_fails_the_scan_among_much_plain_data(
    template: str, tmp_path: Path
) -> None:
    padding = {f"plain text {index}": index for index in range(20_000)}
    assert scan_exit_code(tmp_path, pickle_states(encode_value({**padding, KEY: PROGRAM}))) == 1
    assert scan_exit_code(tmp_path, pickle_states(encode_value({KEY: template, **padding}))) == 0


def test_search_pattern_of_the_skimmer_matches_every_special_key() -> None:
    assert SPECIAL_KEYS >= RUN_AS_SOURCE
    assert all(_SPECIAL_KEY.search(key.encode()) for key in SPECIAL_KEYS)
