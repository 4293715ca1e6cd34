/** A variable that is not a setting of ours but of Node or libuv, and that would change what the gateway promises. */
interface ForeignVariable {
  readonly name: string;
  /** Whether this value does harm. */
  readonly isHarmful: (value: string) => boolean;
  readonly consequence: string;
}

/** libuv lets name look-ups take half of its threads, but at least one: with a single thread, syncs wait for them. */
const THREADPOOL_MIN = 2;

const FOREIGN: readonly ForeignVariable[] = [
  {
    name: 'NODE_TLS_REJECT_UNAUTHORIZED',
    isHarmful: (value) => value === '0',
    consequence:
      'is ignored: certificates are always verified. Name a private authority in PROCESSOR_CA_FILE, LEDGER_CA_FILE or NODE_EXTRA_CA_CERTS',
  },
  {
    name: 'NODE_OPTIONS',
    isHarmful: (value) => /--tls-min-v1\.[01]\b/.test(value),
    consequence: 'asks for an old version of TLS, which is ignored: clients speak TLS 1.2 or later',
  },
  {
    name: 'NODE_OPTIONS',
    isHarmful: (value) => /--tls-keylog\b/.test(value),
    consequence: 'writes the keys of TLS connections to a file: who reads it can read the traffic',
  },
  {
    name: 'NODE_OPTIONS',
    isHarmful: (value) => /--inspect\b/.test(value),
    consequence: 'opens a debugger: who reaches its port controls this process',
  },
  {
    name: 'NODE_DEBUG',
    isHarmful: (value) => value !== '',
    consequence:
      'makes Node print internals to standard error, credentials among them, and wait for whatever reads it',
  },
  {
    name: 'UV_THREADPOOL_SIZE',
    isHarmful: (value) => value !== '' && (Number.parseInt(value, 10) || 0) < THREADPOOL_MIN,
    consequence: `lets a slow name look-up delay the sync of the journal: set ${THREADPOOL_MIN} or more, or unset it`,
  },
];

type Environment = Readonly<Record<string, string | undefined>>;

/** What the variables of Node and libuv in this environment would do, one line for each that does harm. */
export function harmfulVariables(environment: Environment): string[] {
  return FOREIGN.filter(({ name, isHarmful }) => isHarmful(environment[name] ?? '')).map(
    ({ name, consequence }) => `${shown(name, environment)} ${consequence}`,
  );
}

/**
 * The same, and takes `NODE_TLS_REJECT_UNAUTHORIZED` out of the environment: Node's own `fetch` would obey it, and
 * Node would warn that all connections are insecure, although ours are not. Threads get their environment from this one.
 */
export function sanitizeEnvironment(environment: NodeJS.ProcessEnv): string[] {
  const lines = harmfulVariables(environment);
  delete environment['NODE_TLS_REJECT_UNAUTHORIZED'];
  return lines;
}

/** `NODE_OPTIONS` may hold paths of any length, so its value is left out. */
function shown(name: string, environment: Environment): string {
  return name === 'NODE_OPTIONS' ? name : `${name}=${environment[name]}`;
}
