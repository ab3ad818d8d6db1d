#!/bin/sh
# Times every model of this kit on an Android device that adb reaches, with ONNX Runtime's own benchmark tool.
#
#   sh measure_adb.sh onnxruntime_perf_test [results_phone.csv]
#
# onnxruntime_perf_test is the program as built for the device (arm64-v8a). A libonnxruntime.so beside it is
# sent along. Stop at any time; the same command goes on.
#
# Settings from the environment: RUNS (30), THREADS (1), PROVIDER (cpu; or nnapi, qnn, xnnpack as far as the
# program was built with them), OPTIONS (more options for the program), FOLDER (/data/local/tmp), in which a folder
# vitnas_kit is made for what is sent, and removed in the end; nothing else there is touched.
set -eu

RUNS=${RUNS:-30}
THREADS=${THREADS:-1}
PROVIDER=${PROVIDER:-cpu}
OPTIONS=${OPTIONS:-}
FOLDER=${FOLDER:-/data/local/tmp}

if [ $# -lt 1 ] || [ ! -f "$1" ]; then
    echo "usage: sh measure_adb.sh ONNXRUNTIME_PERF_TEST [RESULTS.csv]" >&2
    exit 2
fi
refuse() {
    echo "$1" >&2
    exit 2
}
case $RUNS$THREADS in *[!0-9]*) refuse "RUNS and THREADS are numbers, not '$RUNS' and '$THREADS'" ;; esac
case $PROVIDER in *[!A-Za-z0-9_]*) refuse "PROVIDER is a name such as nnapi, not '$PROVIDER'" ;; esac
case $FOLDER in /*) ;; *) refuse "FOLDER is a folder of the device such as /data/local/tmp, not '$FOLDER'" ;; esac
remote=${FOLDER%/}/vitnas_kit

# A value as the device's shell reads it back: what is not plain stands in single quotes.
quote() {
    case $1 in
        '' | *[!A-Za-z0-9_./:=,+-]*) printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")" ;;
        *) printf '%s' "$1" ;;
    esac
}

kit=$(cd "$(dirname "$0")" && pwd)
program=$1
results=${2:-$kit/results_phone.csv}
conditions=${results%.csv}.conditions.json

# Milliseconds, from seconds (P50, this tool's newer and older words) or from its average.
read_median() {
    p50=$(sed -n 's/^P50 Latency[^0-9]*\([0-9][0-9.e+-]*\).*/\1/p' "$1" | tail -n 1)
    if [ -n "$p50" ]; then
        awk -v s="$p50" 'BEGIN { printf "%.6g\n", 1000 * s }'
    else
        sed -n 's/^Average \(inference \)\{0,1\}time cost: *\([0-9][0-9.e+-]*\) ms.*/\2/p' "$1" | tail -n 1
    fi
}

property() {
    adb shell getprop "$1" </dev/null | tr -d '\r"\\'
}

described=$(printf '{"device": "%s %s", "os": "Android %s", "compute_units": "%s", "threads": %s}' \
    "$(property ro.product.manufacturer)" "$(property ro.product.model)" \
    "$(property ro.build.version.release)" "$PROVIDER" "$THREADS")
if [ -f "$conditions" ] && [ "$(cat "$conditions")" != "$described" ]; then
    echo "$results was begun with $(cat "$conditions"), not $described; name another file" >&2
    exit 2
fi
printf '%s\n' "$described" >"$conditions"

said=$(mktemp)
pushed=
# What was sent goes, and the folder if nothing else is in it.
clean() {
    rm -f "$said" "$said.clean"
    for name in $pushed; do
        adb shell "rm -f $(quote "$remote/$name")" </dev/null || true
    done
    adb shell "rmdir $(quote "$remote")" </dev/null >/dev/null 2>&1 || true
}
trap clean EXIT
trap 'exit 130' INT TERM
send() {
    pushed="$pushed $2"
    adb push "$1" "$remote/$2" </dev/null >/dev/null
}

adb shell "mkdir -p $(quote "$remote")" </dev/null
send "$program" perf_test
adb shell "chmod 755 $(quote "$remote/perf_test")" </dev/null
library=$(dirname "$program")/libonnxruntime.so
if [ -f "$library" ]; then
    send "$library" libonnxruntime.so
fi
[ -s "$results" ] || echo "id,latency_ms,iqr_ms,runs" >"$results"

options=
set -f # words, and no names of files
for word in $OPTIONS; do
    options="$options $(quote "$word")"
done
set +f
pushed="$pushed model.onnx"
failed=0
while IFS=, read -r id _; do
    model=$kit/models/$id.onnx
    if [ "$id" = id ] || [ ! -f "$model" ] || grep -q "^$id,[0-9]" "$results"; then
        continue
    fi
    adb push "$model" "$remote/model.onnx" </dev/null >/dev/null
    if adb shell "cd $(quote "$remote") && LD_LIBRARY_PATH=. ./perf_test -I -s -m times -r $RUNS -x $THREADS -y 1 \
-e $PROVIDER$options model.onnx" </dev/null >"$said" 2>&1; then
        tr -d '\r' <"$said" >"$said.clean" && mv "$said.clean" "$said"
        median=$(read_median "$said")
    else
        median=
    fi
    if [ -n "$median" ]; then
        echo "$id,$median,,$RUNS" >>"$results"
        echo "$id $median ms"
    else
        failed=$((failed + 1))
        echo "could not run $id: $(tail -n 1 "$said")" >&2
    fi
done <"$kit/probes.csv"
echo "wrote $results; $failed models could not be run"
