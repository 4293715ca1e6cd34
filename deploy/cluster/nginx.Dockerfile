# The load balancer of lb/ in front of four gateways, which it reaches by name instead of over sockets.
FROM nginx:1-bookworm
COPY nginx.conf /etc/nginx/nginx.conf
RUN sed -i -e '/server unix:.*gateway-2/d' \
      -e 's|server unix:.*gateway-1.*|server gateway-1:9999 max_fails=0 max_conns=512; server gateway-2:9999 max_fails=0 max_conns=512; server gateway-3:9999 max_fails=0 max_conns=512; server gateway-4:9999 max_fails=0 max_conns=512;|' \
      /etc/nginx/nginx.conf \
 && grep -q 'gateway-4:9999' /etc/nginx/nginx.conf \
 && chmod 0644 /etc/nginx/nginx.conf
