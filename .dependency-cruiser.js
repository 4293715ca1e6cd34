// The boundaries between the parts of src/, as ARCHITECTURE.md draws them.

/** For each driver, the only file that imports it as a value. */
const homes = {
  'uWebSockets\\.js': 'src/http/uws.ts',
  piscina: 'src/pool/pool.ts',
  '@redis/client': 'src/ledger/redis/client.ts',
  lmdb: 'src/ledger/lmdb/store.ts',
  pino: 'src/core/log.ts',
  '@commander-js/extra-typings': 'src/cli/command.ts',
  yaml: 'src/config/yaml-file.ts',
};

const compositionRoots = [
  'src/primary.ts',
  'src/gateway.ts',
  'src/start.ts',
  'src/http/worker.ts',
  'src/ledger/lmdb/writer.ts',
  'src/audit/worker.ts',
  'src/pool/worker.ts',
  'src/simulated/main.ts',
  'src/cli/main.ts',
];

const exactly = (...paths) => `^(${paths.join('|').replaceAll('.', '\\.')})$`;

/** Files of `from` import none of `to`, and no types either unless `to` excludes those. */
const forbid = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

export default {
  forbidden: [
    forbid(
      'no-cycles',
      'No file imports itself through others. scripts/boundaries.ts checks the same for folders.',
      {},
      { circular: true },
    ),
    forbid('resolvable', 'Every import can be resolved.', {}, { couldNotResolve: true }),
    forbid(
      'http-only-accepts',
      'An HTTP thread accepts payments and puts them into the ring; only the pool dispatches them. Its composition root ' +
        'hands in how contracts read callbacks.',
      { path: '^src/http/', pathNot: exactly('src/http/worker.ts') },
      { path: '^src/(pool|processor)/' },
    ),
    forbid(
      'pool-knows-no-http',
      'The client has its 202 before the pool takes a payment, so the pool never needs a socket.',
      { path: '^src/pool/' },
      { path: '^src/http/' },
    ),
    forbid(
      'dashboard-only-reads',
      'The dashboard reads shared memory and the ledger. src/http serves it.',
      { path: '^src/dashboard/' },
      { path: '^src/(http|pool|processor)/' },
    ),
    forbid(
      'dashboard-on-demand',
      'The dashboard is loaded when the first viewer connects.',
      { path: '^src/', pathNot: '^src/dashboard/' },
      { path: '^src/dashboard/', dependencyTypesNot: ['type-only', 'dynamic-import'] },
    ),
    forbid(
      'shared-memory-knows-no-user',
      'Every thread uses shared memory, so it imports only the core words and the type of the settings.',
      { path: '^src/shared-memory/' },
      { path: '^src/', pathNot: ['^src/(shared-memory|core)/', exactly('src/config/config.ts')] },
    ),
    forbid(
      'metrics-only-read',
      'Metrics are read from shared memory; no thread is asked for them.',
      { path: '^src/metrics/' },
      {
        path: '^src/(http|pool|ledger|processor|simulated)/',
      },
    ),
    forbid(
      'ledger-stands-alone',
      'A ledger does not know who writes to it or reads from it.',
      { path: '^src/ledger/' },
      { path: '^src/(audit|http|pool|processor|simulated)/' },
    ),
    forbid(
      'audit-only-reads',
      'An audit reads the ledger and the records of the processors; it takes no part in processing.',
      { path: '^src/audit/' },
      { path: '^src/(http|pool|simulated)/' },
    ),
    forbid(
      'audit-on-demand',
      'The audit is loaded when one is requested.',
      { path: '^src/', pathNot: '^src/(audit|cli)/' },
      { path: '^src/audit/', dependencyTypesNot: ['type-only'] },
    ),
    forbid(
      'processor-stands-alone',
      'The client of a processor knows nothing about the gateway.',
      { path: '^src/processor/' },
      { path: '^src/(audit|http|pool|ledger|simulated)/' },
    ),
    forbid(
      'tracing-stands-alone',
      'The parts report spans to the tracer; it imports none of them.',
      { path: '^src/tracing/' },
      { path: '^src/(http|pool|ledger|processor|simulated)/' },
    ),
    forbid(
      'exporter-on-demand',
      'The OTLP exporter is loaded only if OTLP_URL is set.',
      { path: '^src/' },
      { path: exactly('src/tracing/otlp.ts'), dependencyTypesNot: ['type-only', 'dynamic-import'] },
    ),
    forbid(
      'simulated-stands-alone',
      'The simulated processor judges the gateway, so it shares only core words and the HTTP driver with it.',
      { path: '^src/simulated/' },
      {
        path: '^src/',
        pathNot: [
          '^src/simulated/',
          '^src/core/',
          exactly('src/http/uws.ts'),
          exactly('src/http/exchange.ts'),
        ],
      },
    ),
    forbid(
      'only-start-and-certify-know-the-simulated',
      'The gateway does not depend on its own test double.',
      { path: '^src/', pathNot: ['^src/(simulated|certify)/', exactly('src/start.ts')] },
      { path: '^src/simulated/' },
    ),
    forbid(
      'certify-on-demand',
      'The certification runs parts of the gateway; only the command line starts it.',
      { path: '^src/', pathNot: '^src/certify/' },
      { path: '^src/certify/', dependencyTypesNot: ['type-only', 'dynamic-import'] },
    ),
    forbid(
      'cli-is-outside',
      'The command line starts the gateway; the gateway does not import it.',
      { path: '^src/', pathNot: '^src/cli/' },
      { path: '^src/cli/' },
    ),
    forbid(
      'roots-are-not-imported',
      'A composition root is started, not imported; only its types may be.',
      { pathNot: exactly('src/gateway.ts') },
      { path: exactly(...compositionRoots), dependencyTypesNot: ['type-only'] },
    ),
    forbid(
      'src-stands-alone',
      'The deployed code needs no tests, benches or scripts.',
      { path: '^src/' },
      { path: '^(test|bench|scripts)/' },
    ),
    forbid(
      'no-development-package-in-src',
      'The deployed code uses only packages under "dependencies".',
      { path: '^src/' },
      { dependencyTypes: ['npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'] },
    ),
    ...Object.entries(homes).map(([driver, home]) =>
      forbid(
        `one-home-for-${driver.replaceAll(/\W+/g, '-')}`,
        `Only ${home} imports ${driver} as a value.`,
        { path: '^src/', pathNot: exactly(home) },
        { path: `(^|/)node_modules/(${driver})/`, dependencyTypesNot: ['type-only'] },
      ),
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
