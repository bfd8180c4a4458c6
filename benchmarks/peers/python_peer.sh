#!/bin/sh
# What the Python peers' run.sh share: an environment of their own, made once, and the start of their module.
# sh python_peer.sh FOLDER PACKAGE ARGUMENTS...
set -eu
folder=$1
package=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
wanted=$here/$folder/requirements.txt
home=${XDG_CACHE_HOME:-$HOME/.cache}/robocall-peers/$folder
if ! cmp -s "$wanted" "$home/installed.txt"; then
    rm -rf "$home"
    "${PYTHON:-python3}" -m venv "$home"
    "$home/bin/python" -m pip install --quiet --disable-pip-version-check -r "$wanted" >&2
    cp "$wanted" "$home/installed.txt"
fi
case ${1:-} in
--prepare) exit 0 ;;
--version)
    exec "$home/bin/python" -c "
import platform
from importlib.metadata import version
print('$package', version('$package'), 'Python', platform.python_version())"
    ;;
esac
cd "$root"
PYTHONPATH=$root exec "$home/bin/python" -m "benchmarks.peers.$folder.main" "$@"
