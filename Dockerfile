# lipsync for CPUs, with its weights: nothing is downloaded when it runs.
#
#     docker build -t lipsync --build-arg LIPSYNC_COMMIT="$(git rev-parse --short HEAD)" .
#     docker run --rm -v "$PWD:/work" -v lipsync-cache:/cache lipsync render -a a.wav -v b.mp4

FROM python:3.12-slim-bookworm AS build

RUN python -m venv /opt/lipsync
ENV PATH=/opt/lipsync/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

# PyTorch without CUDA, which is several gigabytes; a layer of its own, since it changes seldom.
RUN pip install 'torch==2.13.*' --index-url https://download.pytorch.org/whl/cpu

WORKDIR /src
COPY pyproject.toml setup.py README.md LICENSE ./
COPY man man
COPY assets assets
COPY lipsync lipsync
# Told by `lipsync --version`; there is no git in here.
ARG LIPSYNC_COMMIT=
RUN pip install .

FROM python:3.12-slim-bookworm

COPY --from=build /opt/lipsync /opt/lipsync

# Face tracks, mouths and finished parts are kept in /cache, the certificate that signs results in
# /config: mount volumes there, and the next render is faster and signs with the same certificate.
# Both are open to any user, since --user "$(id -u):$(id -g)" makes results one's own.
RUN useradd --create-home --uid 1000 lipsync \
    && install --directory --mode 1777 /cache /config /work
ENV PATH=/opt/lipsync/bin:$PATH XDG_CACHE_HOME=/cache XDG_CONFIG_HOME=/config
VOLUME ["/cache", "/config"]
WORKDIR /work
USER 1000:1000

# A command, no service: there is nothing to ask for its health.
HEALTHCHECK NONE
ENTRYPOINT ["lipsync"]
CMD ["--help"]
