# The program `olms` with everything it needs, and nothing else: no compiler, no tests, no embedded PostgreSQL.
#   docker build --tag olms --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" .
#   docker run --rm --read-only --tmpfs /tmp olms config
ARG NODE_IMAGE=node:26.10.0-bookworm-slim@sha256:662933cf47f013bc8e4beb31a6116448427a82057ba7c42c97e4c5ba766504c2

FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Optional are the embedded PostgreSQL and a Node of our own; the one of the base image is the same version.
RUN npm ci --omit=dev --omit=optional --no-progress

FROM ${NODE_IMAGE} AS console
WORKDIR /app
COPY console console
COPY clients clients
COPY tools tools
RUN node tools/console.mjs

FROM ${NODE_IMAGE}
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="OLMS" \
      org.opencontainers.image.description="Order Lifecycle Management System" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN groupadd --gid 10001 olms \
 && useradd --uid 10001 --gid olms --no-create-home --home-dir /tmp --shell /usr/sbin/nologin olms
WORKDIR /app
COPY package.json package-lock.json .npmrc LICENSE ./
COPY --from=packages /app/node_modules node_modules
COPY --from=console /app/console/dist console/dist
COPY bin bin
COPY tools tools
COPY src src
# The first command notes that the packages are those of the lock file, which a read-only file system could not.
RUN node bin/olms.mjs config > /dev/null \
 && install --directory --owner=olms --group=olms node_modules/.cache/olms-compile
# By number, so that Kubernetes sees that it is not root. Node keeps a cache of compiled code per user.
USER 10001:10001
RUN node tools/warm-cache.mjs
ENV HOST=0.0.0.0 \
    PORT=8080 \
    OLMS_ENV=production \
    OLMS_DATA=/tmp/olms
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 \
  CMD ["node", "/app/bin/healthcheck.mjs"]
# The launcher replaces itself by the program (execve): process 1 is the one that hears SIGTERM and drains.
ENTRYPOINT ["node", "/app/bin/olms.mjs"]
CMD ["start"]
