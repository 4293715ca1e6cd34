/** A variable that Node or libuv reads and that would weaken what the gateway promises. */
interface ForeignVariable {
  readonly name: string;
  readonly isHarmful: (value: string) => boolean;
  readonly consequence: string;
}

/** libuv lets name look-ups use half of its threads, at least one. With a single thread, they delay journal syncs. */
const THREADPOOL_MIN = 2;

const FOREIGN: readonly ForeignVariable[] = [
  {
    name: 'NODE_TLS_REJECT_UNAUTHORIZED',
    isHarmful: (value) => value === '0',
    consequence:
      'is ignored: certificates are always verified. To trust a private authority, set PROCESSOR_CA_FILE, LEDGER_CA_FILE or NODE_EXTRA_CA_CERTS',
  },
  {
    name: 'NODE_OPTIONS',
    isHarmful: (value) => /--tls-min-v1\.[01]\b/.test(value),
    consequence: 'allows an old version of TLS, which is ignored: clients use TLS 1.2 or later',
  },
  {
    name: 'NODE_OPTIONS',
    isHarmful: (value) => /--tls-keylog\b/.test(value),
    consequence:
      'writes the keys of TLS connections to a file: anyone who can read it can decrypt the traffic',
  },
  {
    name: 'NODE_OPTIONS',
    isHarmful: (value) => /--inspect\b/.test(value),
    consequence: 'opens a debugger: anyone who can reach its port controls this process',
  },
  {
    name: 'NODE_DEBUG',
    isHarmful: (value) => value !== '',
    consequence:
      'makes Node print internals, including credentials, to standard error, and wait until they are read',
  },
  {
    name: 'UV_THREADPOOL_SIZE',
    isHarmful: (value) => value !== '' && (Number.parseInt(value, 10) || 0) < THREADPOOL_MIN,
    consequence: `lets a slow name look-up delay journal syncs: set ${THREADPOOL_MIN} or more, or unset it`,
  },
];

type Environment = Readonly<Record<string, string | undefined>>;

/** One line for each variable in this environment that would do harm. */
export function harmfulVariables(environment: Environment): string[] {
  return FOREIGN.filter(({ name, isHarmful }) => isHarmful(environment[name] ?? '')).map(
    ({ name, consequence }) => `${shown(name, environment)} ${consequence}`,
  );
}

/**
 * Returns the same lines and removes `NODE_TLS_REJECT_UNAUTHORIZED`: Node's own `fetch` would obey it, and Node would
 * warn that all connections are insecure, although ours are not. Threads inherit this environment.
 */
export function sanitizeEnvironment(environment: NodeJS.ProcessEnv): string[] {
  const lines = harmfulVariables(environment);
  delete environment['NODE_TLS_REJECT_UNAUTHORIZED'];
  return lines;
}

/** The value of `NODE_OPTIONS` is left out, because it may contain paths of any length. */
function shown(name: string, environment: Environment): string {
  return name === 'NODE_OPTIONS' ? name : `${name}=${environment[name]}`;
}
