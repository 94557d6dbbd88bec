"""Questions to git that a source asks: harmless with the folder of its package, and not with settings."""

from __future__ import annotations

from support.cases import check_each

from modelaudit.languages.python.analysis import analyze_source


@check_each(
    "words, is_harmless",
    [
        ("'git', '-C', str(path), 'describe', '--tags', '--long', '--always'", True),
        ("'git', '-C', '/opt/acme', 'rev-parse', 'HEAD'", True),
        ("'git', '-C', path, '--no-pager', 'log', '-1'", True),
        ("'git', '-C', path, '-c', 'core.fsmonitor=id', 'describe'", False),
        ("'git', '-c', 'core.pager=id', '-C', path, 'describe'", False),
        ("'git', '-C', path, '--git-dir', 'x', 'describe'", False),
        ("'git', '--exec-path=.', '-C', path, 'describe'", False),
        ("'git', '-C', '--exec-path=.', 'describe'", False),
        ("'git', '-C', path, word, 'describe'", False),
        ("'git', '-C', path, '-C', path, word", False),
        ("'git', '-C', path, 'checkout', 'main'", False),
        ("'git', '-C', path, 'submodule', 'update'", False),
        ("'git', '-C', path, 'bisect', 'run'", False),
        ("'git', '-C', path, 'describe', *words", False),
        ("'hg', '-C', path, 'describe'", False),
    ],
)
def test_folder_of_git_leaves_a_question_harmless(words: str, is_harmless: bool) -> None:
    source = (
        f"import subprocess\ndef ask(path, word, words):\n    return subprocess.check_output([{words}], text=True)\n"
    )
    calls = [each for each in analyze_source(source).mentions if each.use == "call" and "subprocess" in each.name]
    assert bool(calls) is not is_harmless
