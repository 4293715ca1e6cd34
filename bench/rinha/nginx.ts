/**
 * Moves the deployment's nginx configuration to sockets and temporary files in a directory and to a free loopback port.
 * Everything else stays as deployed, because it is what is measured.
 */
export function adapted(deployed: string, place: Place): string {
  const { directory, sockets, port } = place;
  let index = 0;
  return deployed
    .replace(/^\s*user\s[^;]*;/m, '')
    .replace(/^(\s*pid\s)[^;]*;/m, `$1${directory}/nginx.pid;`)
    .replace(/\blisten\s+[^\s;]+/g, `listen 127.0.0.1:${port}`)
    .replace(/(\w+_temp_path\s+)[^;]*\/([^/;]+);/g, `$1${directory}/$2;`)
    .replace(/\bserver\s+unix:[^\s;]+/g, () => `server unix:${sockets[index++ % sockets.length]}`);
}

export interface Place {
  readonly directory: string;
  /** One per `server` of the upstream, in order. */
  readonly sockets: readonly string[];
  readonly port: number;
}
