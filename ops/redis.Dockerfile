# Redis with the account of the gateways inside, for the reasons that lb/Dockerfile gives.
FROM redis:7-bookworm
# To change the mode, whoever the image usually runs as. docker-compose.yml says who this one runs as.
USER root
COPY redis.acl /etc/redis.acl
RUN chmod 0644 /etc/redis.acl
