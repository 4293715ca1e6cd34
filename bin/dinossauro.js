#!/usr/bin/env node
// The command `dinossauro`: finds a suitable Node, and runs src/cli/main.ts with it. It is plain JavaScript, because it
// runs on the machine's own Node and, in a clone, before anything is installed. An installed package has `dist` instead
// of `src`, because Node does not strip types under `node_modules`.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE_MAJOR = 20;
/** Strips types at run time, and has the ABI of the native modules. */
const REQUIRED = { major: 22, minor: 19 };

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
  return major === REQUIRED.major && minor >= REQUIRED.minor;
}

/** The Node 22 among our packages: npm installs the one for this platform. */
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
      // Not installed: it is for another platform.
    }
  }
  return undefined;
}

/** Replaces this process with another Node. Node 20 can't do that, so it starts a child and waits for it. */
function become(node, args) {
  if (process.execve) process.execve(node, [node, ...args], process.env);
  const child = spawn(node, args, { stdio: 'inherit' });
  child.on('error', (error) => giveUp(`cannot start ${node}: ${error.message}`));
  // The child decides when to exit. It may get a signal twice, from its process group and from here, and handles that.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE_MAJOR) {
  giveUp(`needs Node ${OLDEST_NODE_MAJOR} or later, but this is ${process.versions.node}`);
}
const ensure = new URL('../scripts/ensure.js', import.meta.url);
if (existsSync(ensure)) await import(ensure);

if (fits()) await import(program);
else {
  const node = pinnedNode();
  if (node === undefined) {
    giveUp(
      `this installation has no Node 22 for ${process.platform} ${process.arch}: reinstall it with its optional ` +
        `dependencies, or run it with Node 22.${REQUIRED.minor} or a later 22`,
    );
  }
  become(node, [fileURLToPath(program), ...process.argv.slice(2)]);
}
