# syntax=docker/dockerfile:1
# The service in a small image that runs as an unprivileged user and writes only to /data: `docker run --read-only` works.
# `scripts/run-dockerfile` carries out these steps without a Docker engine, and checks the health of the result.

FROM rust:1.95-slim-bookworm AS build
# aws-lc (the cryptography for TLS) and SQLite are written in C.
RUN apt-get update \
    && apt-get install -y --no-install-recommends cmake g++ make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY Cargo.toml Cargo.lock openapi.yaml ./
COPY .cargo .cargo
COPY src src
COPY sandbox/Cargo.toml sandbox/Cargo.toml
COPY sandbox/src sandbox/src
COPY mappings mappings
COPY migrations migrations
COPY templates templates
# To try the image: `release` and `dev` build much faster.
ARG PROFILE=dist
# `otel` sends spans to a collector.
ARG FEATURES=
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo install --locked --profile "$PROFILE" --features "$FEATURES" --path . --bin sync-to-m3ter --root /image
RUN install -d -o 65532 -g 65532 /image/data

# The C library, and the root certificates for both vendors; no shell and no package manager. It has no version tags: a build takes the
# newest one, with its fixes.
FROM gcr.io/distroless/cc-debian12:nonroot
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="sync-to-m3ter" \
      org.opencontainers.image.description="Brings a Salesforce deal into m3ter, the usage-based billing platform" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /image/bin/sync-to-m3ter /usr/local/bin/sync-to-m3ter
COPY --from=build --chown=65532:65532 /image/data /data
# As a number: from a name, Kubernetes cannot tell that it is not root.
USER 65532:65532
WORKDIR /data
VOLUME /data
# The service listens on all addresses, so it starts only with API_KEYS_FILE.
ENV LISTEN_ADDRESS=0.0.0.0:8080 \
    DATABASE_URL=sqlite:///data/sync-to-m3ter.db \
    LOG_FORMAT=json
EXPOSE 8080
STOPSIGNAL SIGTERM
# Only whether the process answers: a vendor that is down is no reason to restart it.
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s --retries=3 CMD ["/usr/local/bin/sync-to-m3ter", "health"]
ENTRYPOINT ["/usr/local/bin/sync-to-m3ter"]
