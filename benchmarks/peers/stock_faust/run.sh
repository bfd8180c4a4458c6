#!/bin/sh
exec sh "$(dirname "$0")/../python_peer.sh" stock_faust faust-streaming "$@"
