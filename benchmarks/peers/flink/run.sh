#!/bin/sh
JVM_OPTIONS="-Xms2g -Xmx2g -Xmn512m -XX:+UseParallelGC -Dorg.slf4j.simpleLogger.defaultLogLevel=warn" \
    exec sh "$(dirname "$0")/../java/start.sh" flink "Apache Flink" peers.flink.CommonJob "$@"
