#!/bin/sh
# Join a machine to the cluster that head.sh has started.
#
#   ./worker.sh FOLDER HEAD:PORT [options of ray start, such as --num-cpus 8]
set -eu

folder=${1:?usage: worker.sh FOLDER HEAD:PORT [options of ray start]}
head=${2:?usage: worker.sh FOLDER HEAD:PORT [options of ray start]}
shift 2
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$folder/ray-token"

ray start --address "$head" --disable-usage-stats "$@"
