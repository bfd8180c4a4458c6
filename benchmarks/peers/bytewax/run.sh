#!/bin/sh
exec sh "$(dirname "$0")/../python_peer.sh" bytewax bytewax "$@"
