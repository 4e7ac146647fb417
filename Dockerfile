# clerk-sync alone: one static binary, and the certificates that it checks Clerk's by. No shell, no package, no root.
#
#   docker build -t clerk-sync .
#   docker run --rm clerk-sync --help
#
# compose.yaml runs it beside PostgreSQL. More: docs/guides/containers.md.

FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
COPY . .
# Static against glibc, with the allocator and resolver that everything was measured with. `--target` keeps the flag away
# from build scripts and macros, which cannot be static. A binary that asks for a loader could not run below: no image then.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    host="$(rustc --print host-tuple)" \
    && RUSTFLAGS='-C target-feature=+crt-static' cargo build --locked --release --bin clerk-sync --target "$host" \
    && install -D "target/$host/release/clerk-sync" /image/clerk-sync \
    && ! readelf --program-headers /image/clerk-sync | grep INTERP

FROM scratch
COPY --from=build /image/clerk-sync /clerk-sync
# Clerk's certificate is checked against these. A database's is checked against roots that the binary carries, or against
# what `sslrootcert=` in DATABASE_URL names.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY LICENSE-APACHE LICENSE-MIT /licenses/
# Whoever wants a clerk-sync.toml mounts it here: /etc/clerk-sync/clerk-sync.toml.
WORKDIR /etc/clerk-sync
# A number: what starts the container can see that it is not root.
USER 65532:65532
# Loopback inside a container reaches nobody. The admin routes stay there; docs/guides/containers.md opens them.
ENV CLERK_SYNC_LISTEN=0.0.0.0:8787
EXPOSE 8787
# No HEALTHCHECK: that would need a program beside this one. Let the host ask /readyz and /healthz.
ENTRYPOINT ["/clerk-sync"]
CMD ["serve"]
