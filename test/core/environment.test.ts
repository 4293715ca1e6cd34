import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { settingsList } from '../../src/config/config.ts';
import { shownValue, strayVariables } from '../../src/core/environment.ts';

const SETTINGS = settingsList().map(({ name }) => name);

function strays(environment: Record<string, string>): readonly string[] {
  return strayVariables(environment, SETTINGS);
}

test('a name that resembles a setting', () => {
  for (const [name, meant] of [
    ['PROCESSOR_TIMEOUT', 'PROCESSOR_TIMEOUT_MS'],
    ['PROCESSOR_TIMEOUT_SECONDS', 'PROCESSOR_TIMEOUT_MS'],
    ['BODY_LIMIT', 'BODY_LIMIT_BYTES'],
    ['LEDGER', 'LEDGER_URL'],
    ['JOURNAL_PATH', 'JOURNAL_DIR'],
    ['LISTENS', 'LISTEN'],
    ['LSITEN', 'LISTEN'],
    ['listen', 'LISTEN'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['POOL_THREAD', 'POOL_THREADS'],
    ['PROCESSOR', 'PROCESSORS'],
    ['PAYMENT_PROCESSOR_DEFAULT_URL', 'PAYMENT_PROCESSOR_URL_DEFAULT'],
    ['DINOSSAURO_LISTEN', 'LISTEN'],
    ['DINOSSAURO_LEDGER', 'LEDGER_URL'],
  ]) {
    assert.equal(strays({ [name as string]: 'x' }), [`${name} is not a setting; did you mean ${meant}?`]);
  }
});

test('a name that other programs read, if our setting for it is absent', () => {
  for (const [environment, setting] of [
    [{ PORT: '8080' }, 'LISTEN'],
    [{ HOST: '0.0.0.0' }, 'LISTEN'],
    [{ HOST: '::' }, 'LISTEN'],
    [{ REDIS_URL: 'redis://books' }, 'LEDGER_URL'],
    [{ DATABASE_URL: 'postgres://books' }, 'LEDGER_URL'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, 'OTLP_URL'],
  ] as const) {
    const [name] = Object.keys(environment);
    const [line = '', ...more] = strays(environment);
    assert.ok(line.startsWith(`${name} is not a setting; set ${setting}=`), line);
    assert.equal(more, []);
    assert.equal(strays({ ...environment, [setting]: 'x' }), []);
  }
});

/** Variables that shells, containers, orchestrators, runners and package managers set. */
const ORDINARY = [
  'PATH HOME PWD OLDPWD SHELL TERM COLORTERM LANG LC_ALL LC_CTYPE USER LOGNAME HOSTNAME HOSTTYPE MAIL EDITOR VISUAL PAGER LESS',
  'SHLVL DISPLAY TZ TMPDIR TMP TEMP EMAIL LS_COLORS SSH_AUTH_SOCK SSH_CLIENT SSH_CONNECTION SSH_TTY XDG_RUNTIME_DIR',
  'XDG_SESSION_ID DBUS_SESSION_BUS_ADDRESS SUDO_USER NAME WSLENV WSL_DISTRO_NAME PROCESSOR_ARCHITECTURE PROCESSOR_LEVEL',
  'PROCESSOR_IDENTIFIER PROCESSOR_REVISION NUMBER_OF_PROCESSORS NODE NODE_ENV NODE_OPTIONS NODE_VERSION YARN_VERSION',
  'NVM_DIR NVM_BIN FORCE_COLOR NO_COLOR CI GITHUB_ACTIONS GITHUB_WORKSPACE RUNNER_TEMP GITLAB_CI JOB_NAME BUILD_NUMBER',
  'npm_config_registry npm_config_loglevel npm_package_name npm_lifecycle_event npm_execpath npm_command INIT_CWD',
  'http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT',
  'KUBERNETES_PORT REDIS_PORT REDIS_SERVICE_HOST REDIS_SERVICE_PORT REDIS_PORT_6379_TCP LEDGER_PORT LEDGER_SERVICE_HOST',
  'POD_NAME POD_IP INVOCATION_ID JOURNAL_STREAM LISTEN_FDS LISTEN_PID LISTEN_FDNAMES NOTIFY_SOCKET MAINPID SYSTEMD_EXEC_PID',
  'CREDENTIALS_DIRECTORY STATE_DIRECTORY DOCKER_HOST COMPOSE_PROJECT_NAME WEB_CONCURRENCY DYNO OTEL_SERVICE_NAME',
  'OTEL_RESOURCE_ATTRIBUTES DD_AGENT_HOST AWS_REGION GOOGLE_CLOUD_PROJECT DEBUG VERBOSE TOKEN FEE UV_THREADPOOL_SIZE',
  'PM2_HOME pm_id NODE_APP_INSTANCE exec_mode _ CONDA_PREFIX VIRTUAL_ENV LIMIT MODE TIMEOUT CONCURRENT QUEUE BATCH',
].flatMap((line) => line.split(' '));

test('an ordinary environment causes no warnings', () => {
  assert.equal(strays(Object.fromEntries(ORDINARY.map((name) => [name, 'x']))), []);
  assert.equal(strays({ HOST: 'x86_64-conda-linux-gnu' }), []);
  assert.equal(strays({ PORT: '', PROCESSOR_TIMEOUT: '' }), []);
  assert.equal(strays(Object.fromEntries(SETTINGS.map((name) => [name, 'x']))), []);
});

test('a value is quoted only if necessary, and cut if long', () => {
  assert.is(shownValue('5'), '5');
  assert.is(shownValue(''), '""');
  assert.is(shownValue(' 5'), '" 5"');
  assert.is(shownValue('a\nb'), '"a\\nb"');
  assert.is(shownValue('x'.repeat(100_000)).length, 201);
});

test.run();
