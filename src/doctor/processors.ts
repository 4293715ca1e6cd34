import type { ProcessorTarget } from '../config/config.ts';
import { errorReason } from '../core/reason.ts';
import { open, type Target, targetOf } from '../processor/http1/target.ts';
import { openContractOf } from '../processor/open-contract.ts';
import { type Finding, fail, ok } from './finding.ts';

const CONNECT_TIMEOUT_MS = 3000;

/**
 * Checks whether a processor accepts connections, and over https, whether its certificate is trusted. Sends no request:
 * its budget of health calls belongs to the gateways.
 */
export async function checkProcessor({ name, url, tls }: ProcessorTarget): Promise<Finding> {
  const at = new URL(url);
  const { protocol, hostname, port } = at;
  const shown = `${name} at ${protocol}//${hostname}${port === '' ? '' : `:${port}`}`;
  const reason = await connect(targetOf(at, tls));
  if (reason === null) return ok('processor', `${shown} accepts connections`);
  return fail('processor', `${shown}: ${reason}`, remedyFor(reason));
}

/** Checks whether its contract can be loaded, and accepts its options. */
export async function checkContract(target: ProcessorTarget): Promise<Finding[]> {
  try {
    await openContractOf(target);
    return [];
  } catch (error) {
    return [fail('contract', errorReason(error), 'correct `contract` and `options` in PROCESSORS_FILE')];
  }
}

/** Why it cannot be reached; null: it can. */
function connect(target: Target): Promise<string | null> {
  return new Promise((resolve) => {
    const settle = (reason: string | null) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(reason);
    };
    const timer = setTimeout(
      () => settle(`no connection within ${CONNECT_TIMEOUT_MS} ms`),
      CONNECT_TIMEOUT_MS,
    );
    const socket = open(target, () => settle(null));
    socket.once('error', (error) => settle(errorReason(error)));
  });
}

function remedyFor(reason: string): string {
  if (/ENOTFOUND|EAI_AGAIN/.test(reason))
    return 'the host name cannot be resolved: correct the URL, or join its network';
  if (/ECONNREFUSED/.test(reason)) return 'nothing listens there: start the processor, or correct the URL';
  if (/certificate|self.signed/i.test(reason)) {
    return 'its certificate is not trusted: set PROCESSOR_CA_FILE to the certificate of its authority';
  }
  return 'correct the URL, or check the network and firewalls in between';
}
