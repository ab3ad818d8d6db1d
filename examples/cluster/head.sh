#!/bin/sh
# Start the head of a Ray cluster on this machine.
#
#   ./head.sh FOLDER [options of ray start]
#
# FOLDER is on storage that every machine mounts at the same place. The token that lets machines in is kept
# there, readable by your user only. Environment: PORT (6379), DASHBOARD_HOST (127.0.0.1).
set -eu

folder=${1:?usage: head.sh FOLDER [options of ray start]}
shift
mkdir -p "$folder"
token="$folder/ray-token"
if [ ! -s "$token" ]; then
    (umask 077 && python3 -c 'import secrets; print(secrets.token_hex(32), end="")' >"$token")
fi
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$token"

ray start --head --port "${PORT:-6379}" --dashboard-host "${DASHBOARD_HOST:-127.0.0.1}" \
    --disable-usage-stats "$@"
echo "on the other machines: ./worker.sh $folder $(hostname):${PORT:-6379}"
