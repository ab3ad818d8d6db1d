#!/bin/sh
# Hand a search to a cluster as a job: its driver runs on the head, and this machine may leave.
#
#   ./submit.sh FOLDER NAME [options of vitnas search]
#
# The folder that this is called in travels along (your search_spaces/, ops/, proxies/, strategies/; at most
# 500 MiB; see "excludes" below). FOLDER is a path on the cluster. Environment: DASHBOARD (http://127.0.0.1:8265),
# TOKEN_PATH (FOLDER/ray-token).
set -eu

folder=${1:?usage: submit.sh FOLDER NAME [options of vitnas search]}
name=${2:?usage: submit.sh FOLDER NAME [options of vitnas search]}
shift 2
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="${TOKEN_PATH:-$folder/ray-token}"

ray job submit --address "${DASHBOARD:-http://127.0.0.1:8265}" --working-dir . \
    --runtime-env-json '{"excludes": ["runs/", ".git/", "*.npz"]}' \
    -- vitnas search "$@" --ray auto --resume "$folder/runs/$name"
