// Installs what a command needs; prints nothing if everything is there. It is plain JavaScript, because it runs before
// anything is installed, on any Node version.
//
//   node scripts/ensure.js              the packages of package-lock.json, including the pinned Node 22
//   node scripts/ensure.js --servers    also redis-server, nginx, a browser, faketime and bindfs, which the tests use
//   node scripts/ensure.js --compiled   also src/ as JavaScript in dist/, which the processes of the tests run

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE_MAJOR = 20;
const LOCK_POLL_MS = 200;
const SERVERS = [
  { command: 'redis-server', debianPackage: 'redis-server' },
  { command: 'nginx', debianPackage: 'nginx-light' },
  { command: 'chromium', debianPackage: 'chromium', or: ['google-chrome'] },
  // Without it, the tests that need it are skipped.
  { command: 'faketime', debianPackage: 'faketime', isOptional: true },
];
// Mounting a directory twice needs root and FUSE; without them, the tests that do so are skipped.
if (process.getuid?.() === 0 && existsSync('/dev/fuse')) {
  SERVERS.push({ command: 'bindfs', debianPackage: 'bindfs', isOptional: true });
}

const root = fileURLToPath(new URL('..', import.meta.url));

function say(line) {
  process.stderr.write(`dinossauro: ${line}\n`);
}

function giveUp(line) {
  say(line);
  process.exit(1);
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8'));
  } catch {
    return { packages: {} };
  }
}

/** The packages in the lock file that provide Node for this platform: none or one. */
function pinnedNodes(locked) {
  return Object.keys(locked).filter((path) => {
    const { bin, os, cpu } = locked[path];
    return (
      bin?.node !== undefined && [os].flat().includes(process.platform) && [cpu].flat().includes(process.arch)
    );
  });
}

/**
 * Compares the lock file with npm's record of installed packages. This detects an edited lock file, a branch with other
 * packages, an interrupted install and a folder copied from another platform.
 */
function packagesAreInstalled(locked) {
  const installed = readJson('node_modules/.package-lock.json').packages;
  const isSame = (path) => installed[path]?.integrity === locked[path]?.integrity;
  const needed = Object.keys(locked).filter((path) => path !== '' && locked[path].optional !== true);
  return (
    [...needed, ...pinnedNodes(locked)].every(
      (path) => installed[path] !== undefined && isSame(path) && existsSync(join(root, path, 'package.json')),
    ) && Object.keys(installed).every(isSame)
  );
}

function checkPlatform(locked) {
  const platform = `${process.platform} ${process.arch}`;
  if (process.platform === 'linux' && process.report.getReport().header.glibcVersionRuntime === undefined) {
    giveUp(
      'this Linux uses musl, but uWebSockets.js needs glibc 2.27 or later (Debian, Ubuntu, Fedora, not Alpine)',
    );
  }
  if (pinnedNodes(locked).length === 0) {
    giveUp(`${platform} is not supported; use Linux or macOS on x64 or arm64`);
  }
}

function installPackages() {
  say('installing packages once (npm ci); this takes about a minute');
  // Uses the npm that started this script with the machine's Node, because npm ci replaces the Node in `node_modules`.
  const npm = process.env.npm_execpath;
  const node = process.env.npm_node_execpath ?? process.execPath;
  // No dependency needs its install script: each provides its binaries as optional packages.
  const options = [
    'ci',
    '--ignore-scripts',
    '--include=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
  ];
  const [command, args] = npm ? [node, [npm, ...options]] : ['npm', options];
  const quiet = ['--loglevel=error', '--no-progress', '--no-update-notifier'];
  const { status, error } = spawnSync(command, [...args, ...quiet], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (error) giveUp(`cannot run npm: ${error.message}`);
  if (status !== 0) giveUp('npm ci failed; see its output above');
}

/** Two commands started at once in a fresh clone would install into the same folder, so the second one waits. */
function alone(work) {
  const lock = join(root, '.installing');
  while (!tryLock(lock)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_POLL_MS);
  // On any exit, because `giveUp` exits at once.
  process.once('exit', () => rmSync(lock, { force: true }));
  work();
}

/** Returns false if another live process holds the lock. */
function tryLock(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') giveUp(`cannot install packages here: ${error.message}`);
  }
  try {
    // The file is empty until its owner has written it: pid 0 then means this process group, which is alive.
    process.kill(Number(readFileSync(lock, 'utf8')), 0);
  } catch {
    rmSync(lock, { force: true });
  }
  return false;
}

/**
 * Links the pinned Node where npm scripts look first. npm does so too, but npm 10 removes the link again together with
 * the packages for other platforms, which also provide `node`.
 *
 * The scripts of package.json run this script and then `node_modules/.bin/node` in one line, because npm skips `pre`
 * scripts with `ignore-scripts`, and a shell caches the path of `node`.
 */
function linkPinnedNode(path) {
  const folder = join(root, 'node_modules/.bin');
  const link = join(folder, 'node');
  if (existsSync(link)) return;
  mkdirSync(folder, { recursive: true });
  rmSync(link, { force: true });
  symlinkSync(join('../..', path, 'bin/node'), link);
}

function isOnPath(command) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.some((folder) => folder !== '' && existsSync(join(folder, command)));
}

/** The command prefix to run something as root, or undefined if that is impossible. */
function asRoot() {
  if (process.getuid?.() === 0) return [];
  return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? ['sudo', '-n'] : undefined;
}

function ensureServers() {
  const absent = SERVERS.filter(({ command, or = [] }) => ![command, ...or].some(isOnPath));
  if (absent.length === 0) return;
  const prefix = asRoot();
  const canInstall = prefix !== undefined && isOnPath('apt-get');
  const missing = absent.filter(({ isOptional = false }) => canInstall || !isOptional);
  if (missing.length === 0) return;
  const names = missing.map(({ command }) => command).join(' and ');
  const packages = missing.map(({ debianPackage }) => debianPackage);
  if (!isOnPath('apt-get'))
    giveUp(`the tests need ${names}: install ${packages.join(' and ')}, then try again`);
  if (prefix === undefined) {
    giveUp(`the tests need ${names}: run 'apt-get install ${packages.join(' ')}' as root, then try again`);
  }
  say(`installing ${names} once, from Debian packages`);
  // Run level 1 prevents the packages from starting servers.
  const environment = ['env', 'DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1'];
  const install = ['install', '-y', '-qq', '--no-install-recommends', ...packages];
  for (const args of [['update', '-qq'], install]) {
    const [command, ...rest] = [...prefix, ...environment, 'apt-get', ...args];
    const { status, stdout, stderr } = spawnSync(command, rest, { encoding: 'utf8' });
    if (status !== 0) giveUp(`apt-get ${args[0]} failed:\n${stdout ?? ''}${stderr ?? ''}`);
  }
  const still = missing.filter(({ command }) => !isOnPath(command));
  if (still.length > 0)
    giveUp(`still missing after apt-get install: ${still.map(({ command }) => command).join(' and ')}`);
}

function compileSource() {
  const node = join(root, 'node_modules/.bin/node');
  const script = ['--disable-warning=ExperimentalWarning', 'scripts/compile.ts', 'dist'];
  const { status, error } = spawnSync(node, script, { cwd: root, stdio: 'inherit' });
  if (error) giveUp(`cannot run ${node}: ${error.message}`);
  if (status !== 0) giveUp('compiling src/ failed; see the output above');
}

if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE_MAJOR) {
  giveUp(`Node ${OLDEST_NODE_MAJOR} or later is required; this is ${process.versions.node}`);
}
const locked = readJson('package-lock.json').packages;
if (!packagesAreInstalled(locked)) {
  checkPlatform(locked);
  alone(() => packagesAreInstalled(locked) || installPackages());
}
pinnedNodes(locked).forEach(linkPinnedNode);
if (process.argv.includes('--servers')) ensureServers();
if (process.argv.includes('--compiled')) compileSource();
