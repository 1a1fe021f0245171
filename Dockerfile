# The operator's image. `make image` builds it. Its files depend neither on the time nor on the machine, given the base; its own
# time of creation is docker's to set, from SOURCE_DATE_EPOCH (buildah and podman: IMAGE_FLAGS="--timestamp …").
#   docker build --build-arg BASE=python:3.13-slim-bookworm@sha256:… --build-arg VERSION=… --build-arg REVISION=… .
# BASE is a Debian 12 or newer with Python 3.11 to 3.13, and for the first stage its venv and pip. It has no default: a tag
# does not say what is built on. Nothing of it but the interpreter and what that loads comes into the image: no shell, no
# package manager, no other program. There is no HEALTHCHECK: the chart's probes do it.
ARG BASE

FROM ${BASE} AS build
# Where packages come from, if not from the usual place.
ARG PIP_INDEX_URL
ARG SOURCE_DATE_EPOCH=0
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements/run.txt requirements/build.txt requirements/
# No source packages: they would need a compiler, and run whatever they like.
RUN python3 -m venv --without-pip /opt/venv \
 && python3 -m venv /build \
 && /build/bin/pip install --no-compile --only-binary=:all: --require-hashes -r requirements/build.txt \
 && /build/bin/pip --python /opt/venv/bin/python install --no-compile --only-binary=:all: --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
RUN /build/bin/hatchling build --target wheel --directory /wheel \
 && /build/bin/pip --python /opt/venv/bin/python install --no-compile --no-deps --no-index /wheel/*.whl
COPY release/__init__.py release/sbom.py release/
COPY release/image release/image
# The image's file system, in two layers, with its bill of materials.
RUN python3 -B -m release.image --environment /opt/venv --lock requirements/run.txt --to /image

# For `make image`, which writes the bill of materials beside the other parts of a release.
FROM scratch AS bill
COPY --from=build /image/operator/usr/share/sbom/ /

FROM scratch
ARG VERSION=0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG SOURCE=unknown
ARG BASE_NAME=unknown
ARG BASE_DIGEST=unknown
LABEL org.opencontainers.image.title="infomaniak-operator" \
      org.opencontainers.image.description="Kubernetes operator for Infomaniak Public Cloud networking" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE_NAME}" \
      org.opencontainers.image.base.digest="${BASE_DIGEST}"
COPY --from=build /image/base/ /
COPY --from=build /image/operator/ /
ENV PATH=/opt/venv/bin PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp
USER 65532:65532
WORKDIR /tmp
EXPOSE 8080 8081
ENTRYPOINT ["infomaniak-operator"]
CMD ["run"]
