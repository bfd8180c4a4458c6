#!/usr/bin/env bash
# From the demo to an exported traceback, in five commands. From the root of the project, behind `make setup`:
#     bash examples/traceback.sh [FOLDER]        # what it makes goes there [default: build/traceback-example]
# It wants jq. It starts an Apache Kafka and a Valkey of its own, and stops them at the end.
set -euo pipefail
out=${1:-build/traceback-example}
mkdir -p "$out"
PATH=$PWD/.venv/bin:$PATH
export XDG_DATA_HOME=$out/services
export ROBOCALL_ARCHIVE_URL=$out/archive ROBOCALL_ARCHIVE_FLUSH_S=1 ROBOCALL_CASES_SPOOL=$out/cases
export ROBOCALL_TRACEBACK_NAME="Our Network LLC" ROBOCALL_TRACEBACK_ZONE=America/Denver
trap 'kill ${sink:-} 2>/dev/null || true; robocall local down --delete' EXIT
eval "$(robocall local up)"

# 1. Calls come, and a worker decides.
robocall demo --seconds 20 --history-hours 0.3
# 2. What came and what was decided goes into an archive. That runs for ever; here, until step 3 has what it needs.
robocall archive run &
sink=$!
# 3. Suspect calls are grouped to campaigns, whatever numbers they show. The latest one that was answered is taken, as
#    soon as the archive has it.
until
    robocall campaigns find --archive --from "$(date -u -d yesterday +%F)" --to "$(date -u -d tomorrow +%F)" --json \
        >"$out/campaigns.jsonl"
    jq -nce 'first(inputs | select(.answered_ratio > 0))' "$out/campaigns.jsonl" >"$out/campaign.jsonl"
do
    kill -0 "$sink" || { echo "the archive ended" >&2; exit 1; }
    [ "$SECONDS" -lt 480 ] || { echo "no campaign that was answered within eight minutes" >&2; exit 1; }
    sleep 2
done
kill "$sink"
wait "$sink"
# 4. Its best call becomes a traceback: whom we had it from, and by when an answer is due.
robocall traceback open --calls "$out/campaign.jsonl" --campaign "$(jq -r .id "$out/campaign.jsonl")" \
    --examples 1 --why "an example" --json >"$out/traceback.json"
# 5. For people, and with --form json for programs.
robocall traceback export "$(jq -r .traceback_id "$out/traceback.json")" --form html --out "$out/traceback.html"
echo "$out/traceback.html"
