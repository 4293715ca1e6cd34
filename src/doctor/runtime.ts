import { errorReason } from '../core/reason.ts';
import { type Finding, fail, ok } from './finding.ts';

/** Node strips types since 22.18, the HTTP client needs 22.19, and the native HTTP server supports no later ABI. */
const NODE_MAJOR = 22;
const NODE_MINOR_MIN = 19;
const ABI = '127';

export function checkNode(versions: { readonly node: string; readonly modules: string }): Finding {
  const [major = 0, minor = 0] = versions.node.split('.').map(Number);
  const seen = `Node ${versions.node}, ABI ${versions.modules}`;
  if (major === NODE_MAJOR && minor >= NODE_MINOR_MIN && versions.modules === ABI) return ok('node', seen);
  const wanted = `Node ${NODE_MAJOR}.${NODE_MINOR_MIN} or a later ${NODE_MAJOR}`;
  return fail(
    'node',
    seen,
    `run npm start or bin/dinossauro.js, which bring their own Node, or install ${wanted}`,
  );
}

/** Checks whether a native module loads. `load` imports it. */
export async function checkNative(name: string, load: () => Promise<unknown>): Promise<Finding> {
  try {
    await load();
    return ok('native', `${name} loads`);
  } catch (error) {
    const remedy =
      'reinstall the packages, including optional ones (npm ci); requires glibc 2.27 or later, or macOS';
    return fail('native', `${name} does not load: ${errorReason(error)}`, remedy);
  }
}
