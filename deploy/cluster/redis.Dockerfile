# Redis with its configuration inside: a mounted file would need modes and labels that suit the container.
FROM redis:7-bookworm
USER root
COPY redis.conf /etc/redis.conf
RUN chmod 0644 /etc/redis.conf
