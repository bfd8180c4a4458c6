#!/bin/sh
# Runs in the project's own environment: there is nothing to prepare.
set -eu
python=${PYTHON:-python3}
case ${1:-} in
--prepare) exit 0 ;;
--version) exec "$python" -c "import platform; print('this commit, Python', platform.python_version())" ;;
esac
exec "$python" -m benchmarks.peers.worker_job.main "$@"
