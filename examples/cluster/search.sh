#!/bin/sh
# Check a cluster, then search on it; what fails is tried again, and goes on where it stood.
#
#   ./search.sh FOLDER HEAD:PORT NAME [options of vitnas search]
#
# For example: ./search.sh /mnt/shared 10.0.0.1:6379 tiny --space efficientformer --quality naswot
# Environment: TRIES (5).
set -eu

usage="usage: search.sh FOLDER HEAD:PORT NAME [options of vitnas search]"
folder=${1:?$usage}
head=${2:?$usage}
name=${3:?$usage}
shift 3
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$folder/ray-token"

vitnas doctor --ray "$head" --out "$folder/runs"
tries=${TRIES:-5}
until vitnas search "$@" --ray "$head" --resume "$folder/runs/$name"; do
    code=$?
    tries=$((tries - 1))
    if [ "$code" -eq 130 ] || [ "$tries" -le 0 ]; then # interrupted by hand, or enough
        exit "$code"
    fi
    sleep 10
done
