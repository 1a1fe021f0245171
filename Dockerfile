# The operator's image. `make image` builds it. Its files depend neither on the time nor on the machine, given the base; its own
# time of creation is docker's to set, from SOURCE_DATE_EPOCH (buildah and podman: IMAGE_FLAGS="--timestamp …").
#   docker build --build-arg VERSION=… --build-arg REVISION=… --build-arg CREATED=… --build-arg SOURCE_DATE_EPOCH=… .
# BASE needs Python 3.11 to 3.13, and for the first stage its venv and pip. There is no HEALTHCHECK: the chart's probes do it.
ARG BASE=python:3.13-slim-bookworm

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
COPY release/sbom.py release/sbom.py
RUN /build/bin/hatchling build --target wheel --directory /wheel \
 && /build/bin/pip --python /opt/venv/bin/python install --no-compile --no-deps --no-index /wheel/*.whl \
 && python3 release/sbom.py requirements/run.txt "$(/opt/venv/bin/infomaniak-operator --version)" \
      /sbom/infomaniak-operator.cdx.json
# Neither tests of dependencies nor the activation scripts. Bytecode is made now: the root file system is read-only then. It
# is made by one process (several give other files now and then) and not checked by time: the same sources, the same files.
RUN find /opt/venv -type d \( -name tests -o -name test \) -path '*/site-packages/*' -prune -exec rm -rf {} + \
 && find /opt/venv -name '*.pyi' -delete \
 && find /opt/venv -name __pycache__ -prune -exec rm -rf {} + \
 && rm -f /opt/venv/bin/activate* /opt/venv/bin/Activate* \
 && PYTHONHASHSEED=0 /opt/venv/bin/python -m compileall -q -f --invalidation-mode unchecked-hash /opt/venv/lib \
 && find /opt/venv /sbom -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH}" {} +

FROM ${BASE}
ARG VERSION=0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="infomaniak-operator" \
      org.opencontainers.image.description="Kubernetes operator for Infomaniak Public Cloud networking" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
COPY --from=build /opt/venv /opt/venv
COPY --from=build /sbom /usr/share/sbom
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp
USER 65532:65532
WORKDIR /tmp
EXPOSE 8080 8081
ENTRYPOINT ["infomaniak-operator"]
CMD ["run"]
