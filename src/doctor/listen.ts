import { accessSync, constants, lstatSync } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { type Address, formatAddress } from '../core/address.ts';
import { errorReason } from '../core/reason.ts';
import { pathHolder, portHolder } from '../core/socket-holder.ts';
import { isListenedOn } from '../http/socket-file.ts';
import { type Finding, fail, ok } from './finding.ts';

const ANSWER_TIMEOUT_MS = 1500;

/** Checks whether a server can listen there, by doing so for a moment. */
export async function checkListen(check: string, address: Address, remedy: string): Promise<Finding> {
  const where = formatAddress(address);
  if (address.kind === 'unix') return checkPath(check, address.path, remedy);
  const code = await tryToListen(address);
  switch (code) {
    case null:
      return ok(check, `${where} is free`);
    case 'EADDRINUSE':
      return fail(
        check,
        `${where} is in use by ${portHolder(address.port)}`,
        `stop that process, or ${remedy}`,
      );
    case 'EACCES':
      return fail(check, `this user may not listen on ${where}`, `ports below 1024 need root: ${remedy}`);
    case 'EADDRNOTAVAIL':
      return fail(check, `${where}: no network interface of this machine has this address`, remedy);
    default:
      return fail(check, `${where}: ${code}`, remedy);
  }
}

/** Whether a gateway answers there. */
export function gatewayAnswers(address: Address): Promise<boolean> {
  const where =
    address.kind === 'tcp' ? { host: address.host, port: address.port } : { socketPath: address.path };
  return new Promise((resolve) => {
    const request = get(
      { ...where, path: '/livez', agent: false, timeout: ANSWER_TIMEOUT_MS },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      },
    );
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(false));
  });
}

/** The error code; null: it can listen. */
function tryToListen({
  host,
  port,
}: {
  readonly host: string;
  readonly port: number;
}): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

async function checkPath(check: string, path: string, remedy: string): Promise<Finding> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found !== undefined && !found.isSocket()) {
    return fail(check, `${path} exists but is not a socket`, `remove it, or ${remedy}`);
  }
  if (found !== undefined && (await isListenedOn(path))) {
    return fail(check, `${path} is in use by ${pathHolder(path)}`, `stop that process, or ${remedy}`);
  }
  try {
    accessSync(dirname(path), constants.W_OK | constants.X_OK);
  } catch (error) {
    return fail(check, errorReason(error), `create its directory, writable for this user, or ${remedy}`);
  }
  return ok(check, `${path} is free`);
}
