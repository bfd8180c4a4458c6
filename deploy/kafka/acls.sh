#!/bin/sh
# Gives each of our users its rights on Kafka, and nothing else. It only adds: running it again changes nothing.
#
#   deploy/kafka/acls.sh HOST:PORT [--command-config FILE]    what follows the address is passed to kafka-acls.sh
#   KAFKA_ACLS=echo deploy/kafka/acls.sh HOST:PORT            shows what it would do
#
# The broker needs an authorizer, and allow.everyone.if.no.acl.found=false. Give worker, archive and switches different users.
set -eu

[ $# -ge 1 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
bootstrap=$1
shift
: "${KAFKA_ACLS:=kafka-acls.sh}"      # the tool of Apache Kafka
: "${WORKER:=robocall-worker}"        # robocall worker
: "${SWITCH:=robocall-switch}"        # what publishes calls and reads decisions
: "${SWITCH_GROUPS:=switch-}"         # consumer groups of the switches begin so
: "${ANALYST:=robocall-analyst}"      # publishes feedback, reads samples and dead letters
: "${ANALYST_GROUPS:=analyst-}"       # consumer groups of the analysts begin so
: "${ARCHIVE:=robocall-archive}"      # robocall archive run
: "${VERIFIER:=robocall-verifier}"    # robocall verify, where ROBOCALL_VERIFY_TOPIC is set
: "${RAW_SWITCH:=robocall-raw-switch}" # a switch that publishes raw set-ups there
: "${CAMPAIGNS:=robocall-campaigns}"  # robocall campaigns run
: "${BRIDGE:=robocall-bridge}"        # robocall bridge, for the switches that do not speak Kafka
: "${CONSOLE:=robocall-console}"      # robocall console
: "${OPERATOR:=robocall-operator}"    # robocall topics create, topics check, doctor, erase, lists, models
: "${DESK:=robocall-desk}"            # robocall redress, cases, release, lists, lookup
: "${GROUP:=${ROBOCALL_CONSUMER_GROUP:-robocall-detector}}"
: "${ARCHIVE_GROUP:=${ROBOCALL_ARCHIVE_CONSUMER_GROUP:-robocall-archive}}"
: "${VERIFY_GROUP:=${ROBOCALL_VERIFY_CONSUMER_GROUP:-robocall-verify}}"
: "${RAW_TOPIC:=${ROBOCALL_VERIFY_TOPIC:-}}"
: "${CAMPAIGNS_GROUP:=${ROBOCALL_CAMPAIGNS_CONSUMER_GROUP:-robocall-campaigns}}"

options=$*

# may USER OPERATIONS RESOURCES: operations in words; resources as options of the tool
may() {
    operations=
    for operation in $2; do operations="$operations --operation $operation"; done
    # shellcheck disable=SC2086 # all of these are words
    "$KAFKA_ACLS" --bootstrap-server "$bootstrap" $options --add --allow-principal "User:$1" $operations $3
}

may "$WORKER" "Read Describe" "--topic call-events --topic call-feedback --topic fleet-secret --topic campaigns --group $GROUP --group $GROUP-feedback"
may "$WORKER" "Write Describe" "--topic call-decisions --topic entity-decisions --topic scored-calls --topic dead-letters"

may "$SWITCH" "Write Describe" "--topic call-events"
may "$SWITCH" "Read Describe" "--topic call-decisions --topic entity-decisions"
may "$SWITCH" "Read Describe" "--group $SWITCH_GROUPS --resource-pattern-type prefixed"

may "$BRIDGE" "Write Describe" "--topic call-events"
may "$BRIDGE" "Read Describe" "--topic call-decisions"

may "$ANALYST" "Write Describe" "--topic call-feedback --topic campaigns" # robocall campaigns confirm, clear
may "$ANALYST" "Read Describe" "--topic call-decisions --topic entity-decisions --topic scored-calls --topic dead-letters --topic campaigns"
may "$ANALYST" "Read Describe" "--group $ANALYST_GROUPS --resource-pattern-type prefixed"

may "$ARCHIVE" "Read Describe" "--topic call-events --topic call-decisions --topic scored-calls --topic call-feedback \
    --topic case-records --group $ARCHIVE_GROUP"

may "$CAMPAIGNS" "Read Describe" "--topic call-events --topic call-decisions --topic campaigns --group $CAMPAIGNS_GROUP"
may "$CAMPAIGNS" "Write Describe" "--topic campaigns"

may "$OPERATOR" "Create Describe DescribeConfigs" "--topic call-events --topic call-decisions --topic entity-decisions \
    --topic call-feedback --topic scored-calls --topic dead-letters --topic case-records --topic campaigns --topic fleet-secret"
may "$OPERATOR" "Read Write" "--topic fleet-secret"
may "$OPERATOR" "Write" "--topic entity-decisions" # robocall erase
may "$OPERATOR" "Describe" "--group $GROUP"

for user in "$DESK" "$OPERATOR" "$CONSOLE"; do # what people do is recorded
    may "$user" "Read Write Describe" "--topic case-records"
    may "$user" "Write Describe" "--transactional-id case-records- --resource-pattern-type prefixed"
done
for user in "$DESK" "$CONSOLE"; do
    may "$user" "Write Describe" "--topic entity-decisions --topic call-feedback"
done
may "$CONSOLE" "Read Describe" "--topic call-decisions --topic campaigns" # in no group
may "$CONSOLE" "Write Describe" "--topic campaigns" # confirm, clear
may "$CONSOLE" "Describe" "--group $GROUP" # how far workers are behind
may "$CONSOLE" "Describe DescribeConfigs" "--topic call-events --topic call-decisions --topic entity-decisions \
    --topic call-feedback --topic scored-calls --topic dead-letters --topic case-records --topic campaigns --topic fleet-secret" # doctor

[ -n "$RAW_TOPIC" ] || exit 0 # nobody publishes raw set-ups
may "$VERIFIER" "Read Describe" "--topic $RAW_TOPIC --group $VERIFY_GROUP"
may "$VERIFIER" "Write Describe" "--topic call-events"
may "$RAW_SWITCH" "Write Describe" "--topic $RAW_TOPIC" # not call-events: there it could write a verdict of ours
may "$RAW_SWITCH" "Read Describe" "--topic call-decisions --topic entity-decisions"
may "$RAW_SWITCH" "Read Describe" "--group $SWITCH_GROUPS --resource-pattern-type prefixed"
may "$OPERATOR" "Create Describe DescribeConfigs" "--topic $RAW_TOPIC"
may "$OPERATOR" "Describe" "--group $VERIFY_GROUP"
