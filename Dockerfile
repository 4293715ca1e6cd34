# One gateway. The image brings Node 22 itself, so of the packages it keeps those of production, without the Node that
# package.json pins for other machines and without the binaries for other platforms.
FROM node:22-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error \
 && rm -rf node_modules/node-linux-* node_modules/.bin node_modules/.package-lock.json \
 && native="uws_$(node -p 'process.platform + "_" + process.arch + "_" + process.versions.modules').node" \
 && test -f "node_modules/uWebSockets.js/dist/bin/$native" \
 && find node_modules/uWebSockets.js/dist/bin -name '*.node' ! -name "$native" -delete \
 && find node_modules \( -name '*.musl.node' -o -name '*.abi115.*.node' \) -delete \
 && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' -o -name '*.md' \) -delete

# The types go here rather than in each thread of the gateway, whose compiler takes 18 MB. Everything that the last stage
# takes from the clone is collected here, readable for every user: files keep the modes of the clone, and who cloned with
# `umask 077` has files that root alone can read.
FROM node:22-bookworm-slim AS source
WORKDIR /source
COPY scripts/compile.ts scripts/
COPY src src
RUN node --disable-warning=ExperimentalWarning scripts/compile.ts /app/dist
WORKDIR /app
COPY package.json LICENSE openapi.json ./
# A user's contract in a folder below /app imports @dinossauro/gateway/contract.
RUN sed -i 's#"./src/contract.ts"#"./dist/contract.js"#' package.json && grep -q dist/contract.js package.json
COPY docs/errors.html docs/
COPY ops/init.sh ./
RUN chmod -R u=rwX,go=rX .

FROM node:22-bookworm-slim
ENV NODE_ENV=production \
    LISTEN=0.0.0.0:9999 \
    LEDGER_URL=lmdb:/var/lib/dinossauro/ledger \
    JOURNAL_DIR=/var/lib/dinossauro/journal
# Group 0 is what Docker, Podman and OpenShift give to a user id that the image does not know (`--user 12345`).
RUN install -d -o node -g root -m 0770 /var/lib/dinossauro
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY --from=source /app ./
USER node
VOLUME /var/lib/dinossauro
EXPOSE 9999
# SIGTERM makes the gateway finish the calls in flight: give it STOP_TIMEOUT_MS (10 s) and a little.
# V8 would collect whole heaps, twice for each thread, as soon as an instance is quiet for seconds, to give memory back
# that it has been allowed anyway: 4 to 12 ms each, in which nothing is answered.
ENTRYPOINT ["sh", "init.sh"]
# --expose-gc lets each thread collect once, when it has started: 155 instead of 213 MB for the contest's deployment.
CMD ["node", "--no-memory-reducer", "--expose-gc", "dist/gateway.js"]
