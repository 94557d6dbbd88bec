#!/usr/bin/env bash
# Installs what is missing of requirements/system.txt, with apt. Where it cannot, it prints the one command to run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

missing=()
while read -r thing package; do
    case $thing in
        "" | "#"*) continue ;;
        /*) test -e "$thing" || missing+=("$package") ;;
        # A user's search path often lacks the folders of the commands for root.
        *) PATH=$PATH:/usr/sbin:/sbin command -v "$thing" >/dev/null || missing+=("$package") ;;
    esac
done < system.txt
test ${#missing[@]} -gt 0 || exit 0

as_root=()
test "$(id -u)" -eq 0 || as_root=(sudo)
install=("${as_root[@]}" apt-get install --yes --no-install-recommends "${missing[@]}")
stop() {
    echo "$1; run: ${install[*]}" >&2
    echo "Or leave out the tests that need it: make test COUNTERPARTS=" >&2
    exit 1
}

command -v apt-get >/dev/null || stop "The suite needs ${missing[*]}, and this system has no apt"
test ${#as_root[@]} -eq 0 || sudo --non-interactive true 2>/dev/null || stop "The suite needs ${missing[*]}"
echo "Installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# The lists of a fresh machine are empty or old; a mirror that fails shows in the command after this one.
"${as_root[@]}" apt-get update -qq || true
"${install[@]}" -qq >/dev/null || stop "apt could not install ${missing[*]}"
