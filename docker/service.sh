#!/bin/sh
# What an image runs: `service start` the service that it was built for, `service health` asks whether that is ready.
set -eu

start() {
    # Kernels were compiled for the processor that built the image; on another kind numba compiles them anew, and
    # needs a place for that where the image itself is read-only.
    if [ -d /opt/technic/kernels ] && [ ! -d "$NUMBA_CACHE_DIR" ]; then
        cp -R --preserve=timestamps /opt/technic/kernels "$NUMBA_CACHE_DIR"
    fi
    if [ "$TECHNIC_SERVICE" = simulator ]; then
        exec python -m services.simulator --host 0.0.0.0 --cache /tmp/market "$@"
    fi
    exec python -m "services.$TECHNIC_SERVICE" "$@"
}

health() {
    case $TECHNIC_SERVICE in
    gateway) address=$GATEWAY_ADDRESS ;;
    fetcher) address=$FETCHER_ADDRESS ;;
    scorer) address=$SCORER_ADDRESS ;;
    inference) address=$INFERENCE_ADDRESS ;;
    simulator)
        # It speaks HTTP, and listens once its market is made.
        exec python -c "import urllib.request as web; web.urlopen('http://127.0.0.1:8100/simulator/market', timeout=4)"
        ;;
    *)
        echo "no service $TECHNIC_SERVICE" >&2
        exit 1
        ;;
    esac
    exec technic health --address "127.0.0.1:${address##*:}" --timeout 4s
}

command=${1:-start}
[ $# -eq 0 ] || shift
case $command in
start) start "$@" ;;
health) health ;;
*)
    echo "usage: service start [FLAGS] | service health" >&2
    exit 2
    ;;
esac
