#!/usr/bin/env node
// The command `dinossauro`: finds the Node that fits, and lets src/cli/main.ts do the rest. It is plain JavaScript,
// because it runs on whatever Node the machine has, in a clone before anything is installed. An installed package has
// `dist` in place of `src`: Node strips no types under `node_modules`.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE_MAJOR = 20;
/** The one whose types are stripped at run time, whose ABI the native modules have, and that the HTTP client takes. */
const FITTING = { major: 22, minor: 19 };

const root = fileURLToPath(new URL('..', import.meta.url));
const [source, built] = ['../src/cli/main.ts', '../dist/cli/main.js'].map(
  (path) => new URL(path, import.meta.url),
);
const program = existsSync(source) ? source : built;

function giveUp(line) {
  process.stderr.write(`dinossauro: ${line}\n`);
  process.exit(1);
}

function fits() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  return major === FITTING.major && minor >= FITTING.minor;
}

/** The Node 22 that the packages bring for this platform: npm installs, of several, the one that fits. */
function pinnedNode() {
  const require = createRequire(import.meta.url);
  const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const name of Object.keys(optionalDependencies)) {
    try {
      const path = require.resolve(`${name}/package.json`);
      const { os, cpu, bin } = require(path);
      const isOurs = [os].flat().includes(process.platform) && [cpu].flat().includes(process.arch);
      if (isOurs && bin?.node) return join(dirname(path), bin.node);
    } catch {
      // That of another platform, which npm has left out.
    }
  }
  return undefined;
}

/** Becomes another Node where it can; Node 20 can't, and waits for it instead. */
function become(node, args) {
  if (process.execve) process.execve(node, [node, ...args], process.env);
  const child = spawn(node, args, { stdio: 'inherit' });
  child.on('error', (error) => giveUp(`${node} can't be started: ${error.message}`));
  // The child decides when it is over. It may get a signal twice, from its process group and from here: it knows that.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE_MAJOR) {
  giveUp(`Node ${OLDEST_NODE_MAJOR} or later is needed, this is ${process.versions.node}`);
}
const ensure = new URL('../scripts/ensure.js', import.meta.url);
if (existsSync(ensure)) await import(ensure);

if (fits()) await import(program);
else {
  const node = pinnedNode();
  if (node === undefined) {
    giveUp(
      `no Node 22 for ${process.platform} ${process.arch} came with this package: install it again without ` +
        `leaving out optional packages, or run it with Node 22.${FITTING.minor} or a later 22`,
    );
  }
  become(node, [fileURLToPath(program), ...process.argv.slice(2)]);
}
