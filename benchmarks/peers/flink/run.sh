#!/bin/sh
JVM_OPTIONS="-Xms2g -Xmx2g -Xmn512m -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.defaultLogLevel=warn ${PEER_JVM_OPTIONS:-}" \
    exec sh "$(dirname "$0")/../java/start.sh" flink "Apache Flink" peers.flink.CommonJob "$@"
