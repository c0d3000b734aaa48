# The image of the proxy. docs/deployment.md says how it is run; `npm run verify:image` carries these lines out.
ARG NODE_IMAGE=node:26.13.0-trixie-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/make-executable.mjs scripts/
COPY src src
RUN npm run build

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /dependencies
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="Understudy" \
      org.opencontainers.image.description="MySQL proxy that mirrors live traffic to a new cluster" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production
COPY --from=dependencies /dependencies/node_modules /opt/understudy/node_modules
COPY --from=build /build/dist /opt/understudy/dist
COPY package.json LICENSE /opt/understudy/
COPY deploy/docker/healthcheck.mjs /opt/understudy/
# The volume takes over the owner of the folder that it hides.
RUN ln -s /opt/understudy/dist/main.js /usr/local/bin/understudy \
 && mkdir -p /etc/understudy /var/lib/understudy \
 && chown 1000:1000 /var/lib/understudy
VOLUME /var/lib/understudy
# Here the commands find proxy.config.json without being told.
WORKDIR /etc/understudy
# By number, so that an orchestrator can see that it is not root: the account "node" of the base image.
USER 1000:1000
EXPOSE 9104
# The proxy handles its signals itself and starts no process that it would not wait for: it needs no init.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "/opt/understudy/healthcheck.mjs"]
ENTRYPOINT ["node", "/opt/understudy/dist/main.js"]
CMD ["proxy", "--config", "/etc/understudy/proxy.config.json"]
