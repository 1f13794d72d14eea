# The image of the operator, for those who build with an engine. `make image` packs the same tree as
# an OCI archive without one; a test compares the two.
FROM node:24-bookworm AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN make image-tree

FROM scratch
COPY --from=build /src/dist/image/ /
ENV NODE_ENV=production
LABEL org.opencontainers.image.title=homeostat
LABEL org.opencontainers.image.version=0.1.0
LABEL org.opencontainers.image.licenses=Apache-2.0
WORKDIR /app
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/node", "/app/main.mjs"]
