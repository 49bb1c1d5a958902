# The sandbox with programs of agents: the image to make for yourself, since their licences are theirs. See README.md.
ARG SANDBOX_IMAGE=mews/sandbox:latest
ARG NODE_IMAGE=node:22-slim

FROM ${NODE_IMAGE} AS programs
ARG AGENTS="claude codex gemini opencode"
# The lock files with which the end-to-end tests run these programs.
COPY tests/agents/node /opt/agents
COPY --chmod=0755 deploy/docker/agents.sh /usr/local/bin/install-agents
RUN --mount=type=cache,id=mews-npm,target=/root/.npm,sharing=locked \
    install-agents /opt/agents ${AGENTS}

FROM ${SANDBOX_IMAGE} AS agents
COPY --from=programs /usr/local/bin/node /usr/local/bin/node
COPY --from=programs /opt/agents /opt/agents
ENV PATH=/opt/agents/bin:${PATH}
