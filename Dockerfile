# One file for all five images: --build-arg SERVICE=gateway, fetcher, scorer, inference or simulator.
# Each has the packages of its own extra and of the command, whose `technic health` is its health check.
FROM python:3.11-slim-bookworm AS wheel
WORKDIR /src
COPY docker/requirements/build.lock ./
RUN --mount=type=cache,target=/root/.cache/pip pip install --root-user-action=ignore --require-hashes -r build.lock
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY protos protos
COPY models models
COPY services services
RUN pip wheel --no-build-isolation --no-deps --wheel-dir /dist .

FROM python:3.11-slim-bookworm AS installed
ARG SERVICE
RUN python -m venv --without-pip /opt/technic
COPY docker/requirements/${SERVICE}.lock /tmp/requirements.lock
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/technic/bin/python install --no-compile --require-hashes -r /tmp/requirements.lock
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
# Tests of libraries, symbols for a debugger, and all of scipy but the sparse matrices that XGBoost asks it for: a third
# of what is installed, and nothing here runs it. What stands in a *.libs was moved by its wheel, and strip breaks it.
RUN find /opt/technic -type d -regextype posix-extended \
    -regex '.*/tests|.*/scipy/(cluster|datasets|fft|fftpack|integrate|interpolate|io|ndimage|optimize|signal|spatial|stats)' \
    -prune -exec rm -rf {} + \
    && find /opt/technic -type f -name '*.so*' -not -path '*.libs/*' -exec strip --strip-unneeded {} +
COPY --from=wheel /dist /tmp/dist
RUN pip --python /opt/technic/bin/python install --no-cache-dir --no-compile --no-deps /tmp/dist/*.whl
COPY docker/kernels.py /tmp/
# Compiled code is kept by the times of its sources, to the second, so that a copy of both still fits.
RUN find /opt/technic -exec touch --no-dereference --date=2025-01-01 {} + \
    && /opt/technic/bin/python -m compileall -q -j 0 /opt/technic/lib \
    && NUMBA_CACHE_DIR=/opt/technic/kernels /opt/technic/bin/python /tmp/kernels.py

FROM python:3.11-slim-bookworm
ARG SERVICE
# What installs packages has no place where none are installed.
RUN pip uninstall --root-user-action=ignore --yes setuptools wheel pip \
    && useradd --system --uid 10001 --home-dir /var/lib/technic --create-home technic
COPY --from=installed /opt/technic /opt/technic
COPY --chmod=755 docker/service.sh /usr/local/bin/service
# Services listen on every address of their container. glibc keeps large buffers, as in a stack of `technic up`.
ENV PATH=/opt/technic/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MALLOC_MMAP_THRESHOLD_=268435456 \
    MALLOC_TRIM_THRESHOLD_=536870912 \
    MALLOC_ARENA_MAX=2 \
    NUMBA_CACHE_DIR=/tmp/kernels \
    TECHNIC_SERVICE=${SERVICE} \
    GATEWAY_ADDRESS=0.0.0.0:50051 \
    FETCHER_ADDRESS=0.0.0.0:50052 \
    FETCHER_HOME=/var/lib/technic \
    SCORER_ADDRESS=0.0.0.0:50053 \
    INFERENCE_ADDRESS=0.0.0.0:50054
USER 10001
WORKDIR /var/lib/technic
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 CMD ["service", "health"]
CMD ["service", "start"]
