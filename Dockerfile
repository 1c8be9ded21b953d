# syntax=docker/dockerfile:1
# The service in a small image, not as root.

FROM rust:1.95-slim-bookworm AS build
# aws-lc (the cryptography of TLS), SQLite and the allocator are C.
RUN apt-get update && apt-get install -y --no-install-recommends cmake g++ make && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN cargo build --release --locked --bin sync-to-m3ter

FROM debian:bookworm-slim
# The certificates that the two vendors are trusted by; the database's directory is the only one that is written to.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 sync && install -d -o sync /data
COPY --from=build /build/target/release/sync-to-m3ter /usr/local/bin/sync-to-m3ter
USER sync
WORKDIR /data
VOLUME /data
ENV LOG_FORMAT=json
ENTRYPOINT ["/usr/local/bin/sync-to-m3ter"]
