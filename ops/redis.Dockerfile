# Redis with the account of the gateways inside, for the reasons that lb/Dockerfile gives.
FROM redis:7-bookworm
# Root may change the mode; docker-compose.yml sets the user that this image runs as.
USER root
COPY redis.acl /etc/redis.acl
RUN chmod 0644 /etc/redis.acl
