#!/bin/sh
# Makes random passwords for `docker compose`, once, in .env: for its owner alone, and not for git.
set -eu
cd "$(dirname "$0")/.."
if [ -e .env ]; then
    echo ".env is there already: it stays as it is"
    exit 0
fi
random() { od -An -v -tx1 -N24 /dev/urandom | tr -d ' \n'; }
umask 077
printf 'KAFKA_PASSWORD=%s\nVALKEY_PASSWORD=%s\n' "$(random)" "$(random)" >.env
echo "made .env: docker compose reads it by itself"
