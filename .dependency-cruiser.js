// The boundaries between the parts of src/, as ARCHITECTURE.md draws them.

/** Each driver has one home, the only file that imports it as a value. */
const homes = {
  'uWebSockets\\.js': 'src/http/uws.ts',
  piscina: 'src/pool/pool.ts',
  '@redis/client': 'src/ledger/redis/ledger.ts',
  lmdb: 'src/ledger/lmdb/ledger.ts',
  pino: 'src/core/log.ts',
  '@commander-js/extra-typings': 'src/cli/command.ts',
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

/** Files of `from` import none of `to`; unless `to` says otherwise, not for a type alone either. */
const forbid = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

export default {
  forbidden: [
    forbid('no-cycles', 'A file does not import itself by way of others.', {}, { circular: true }),
    forbid('resolvable', 'Every import leads somewhere.', {}, { couldNotResolve: true }),
    forbid(
      'http-hands-over',
      'The HTTP thread hands payments over by the ring; it neither drains nor dispatches.',
      { path: '^src/http/' },
      { path: '^src/(pool/(drain|worker|pool)\\.ts$|processor/)' },
    ),
    forbid(
      'pool-knows-no-socket',
      'Nothing comes back to the socket.',
      { path: '^src/pool/' },
      { path: '^src/http/' },
    ),
    forbid(
      'dashboard-only-reads',
      'The dashboard reads what is shown in shared memory and the books; nobody is served by it, and it serves itself to nobody.',
      { path: '^src/dashboard/' },
      { path: '^src/(http|processor)/|^src/pool/(drain|worker|pool|calls|held)\\.ts$' },
    ),
    forbid(
      'dashboard-is-seldom-there',
      'What makes figures is imported when somebody watches.',
      { path: '^src/', pathNot: '^src/dashboard/' },
      { path: '^src/dashboard/', dependencyTypesNot: ['type-only', 'dynamic-import'] },
    ),
    forbid(
      'meters-know-nobody',
      'Everybody writes on them, so they stand below everybody.',
      { path: exactly('src/shared-memory/metrics-table.ts') },
      { path: '^src/' },
    ),
    forbid(
      'metrics-only-look',
      'What shows an instance reads the memory that its threads share, and asks none of them.',
      { path: '^src/metrics/' },
      {
        path: '^src/(http|pool|ledger|processor|simulated)/',
        pathNot: exactly(
          'src/shared-memory/state.ts',
          'src/shared-memory/ring.ts',
          'src/shared-memory/segment-table.ts',
          'src/journal/record.ts',
        ),
      },
    ),
    forbid(
      'ledger-stands-alone',
      'The books know neither who fills nor who reads them.',
      { path: '^src/ledger/' },
      { path: '^src/(audit|http|pool|processor|simulated)/' },
    ),
    forbid(
      'audit-reads-books',
      'An audit reads the books of both sides, and has no part in filling them.',
      { path: '^src/audit/' },
      { path: '^src/(http|pool|simulated)/', pathNot: exactly('src/core/time-window.ts') },
    ),
    forbid(
      'audit-comes-late',
      'The gateway imports nothing of an audit before somebody asks for one.',
      { path: '^src/', pathNot: '^src/(audit|cli)/' },
      { path: '^src/audit/', dependencyTypesNot: ['type-only'] },
    ),
    forbid(
      'processor-stands-alone',
      'The client of a processor knows nothing of the gateway around it.',
      { path: '^src/processor/' },
      { path: '^src/(audit|http|pool|ledger|simulated)/' },
    ),
    forbid(
      'tracing-stands-alone',
      'Whoever has something to tell of a trace tells it; the tracer asks nobody.',
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
      'simulated-is-apart',
      'The simulated processor shares only words and the HTTP driver with the gateway that it is to judge.',
      { path: '^src/simulated/' },
      {
        path: '^src/',
        pathNot: [
          '^src/simulated/',
          exactly(
            'src/http/uws.ts',
            'src/core/address.ts',
            'src/core/environment.ts',
            'src/core/money.ts',
            'src/core/clock.ts',
            'src/core/uuid.ts',
            'src/core/payment.ts',
            'src/core/log.ts',
            'src/core/stop-request.ts',
          ),
        ],
      },
    ),
    forbid(
      'only-roots-know-the-simulated',
      'The gateway does not lean on its own test double.',
      { path: '^src/', pathNot: ['^src/simulated/', exactly('src/start.ts')] },
      { path: '^src/simulated/' },
    ),
    forbid(
      'cli-is-outside',
      'The command line starts the gateway, and the gateway knows nothing of it.',
      { path: '^src/', pathNot: '^src/cli/' },
      { path: '^src/cli/' },
    ),
    forbid(
      'roots-are-imported-by-nobody',
      'A composition root is started, not imported; only the type of what it is handed may be.',
      { pathNot: exactly('src/gateway.ts') },
      { path: exactly(...compositionRoots), dependencyTypesNot: ['type-only'] },
    ),
    forbid(
      'src-stands-alone',
      'What is deployed needs neither tests, benches nor scripts.',
      { path: '^src/' },
      { path: '^(test|bench|scripts)/' },
    ),
    forbid(
      'no-development-package-in-src',
      'What is deployed has only the packages under "dependencies".',
      { path: '^src/' },
      { dependencyTypes: ['npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'] },
    ),
    ...Object.entries(homes).map(([driver, home]) =>
      forbid(
        `one-home-for-${driver.replaceAll(/\W+/g, '-')}`,
        `As a value, ${driver} is imported by ${home} alone.`,
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
