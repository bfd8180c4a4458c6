#!/bin/sh
# What the Java peers' run.sh share: an environment made once, and the start of their main class.
# JVM_OPTIONS="..." sh start.sh FOLDER NAME MAIN_CLASS ARGUMENTS...
set -eu
folder=$1
name=$2
main=$3
shift 3
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
home=${XDG_CACHE_HOME:-$HOME/.cache}/robocall-peers/java
if ! cmp -s "$here/requirements.txt" "$home/installed.txt"; then
    rm -rf "$home"
    python3 -m venv "$home"
    "$home/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
    cp "$here/requirements.txt" "$home/installed.txt"
fi
built=$(cd "$root" && PYTHONPATH=$root "$home/bin/python" -m benchmarks.peers.java.build "$folder")
version=$(echo "$built" | sed -n 1p)
java=$(echo "$built" | sed -n 2p)
case ${1:-} in
--prepare) exit 0 ;;
--version)
    echo "$name $version, $("$java" -version 2>&1 | sed -n 's/.*Environment //p')"
    exit 0
    ;;
esac
# shellcheck disable=SC2086 # the options are several words
exec "$java" $JVM_OPTIONS -cp "$(echo "$built" | sed -n 3p)" "$main" "$@"
