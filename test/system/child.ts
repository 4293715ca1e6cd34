import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const OUTPUT_LIMIT = 64 * 1024;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Place {
  /** Where it runs; the root of the project when none is given. */
  readonly directory?: string;
  /** As if it had a terminal to itself: with its children it is a process group. */
  readonly isTerminal?: boolean;
}

type Environment = Readonly<Record<string, string>>;

/** A program of this project as a process of its own, with no environment but its own. */
export class Child {
  readonly ended: Promise<Ended>;
  readonly #process: ChildProcess;
  readonly #isTerminal: boolean;
  readonly #killAtExit = () => void this.kill();
  #output = '';
  #running = true;

  /** `program` is a path from the root of the project. */
  constructor(
    program: string,
    environment: Environment,
    { directory = ROOT, isTerminal = false }: Place = {},
  ) {
    this.#isTerminal = isTerminal;
    this.#process = spawn(process.execPath, [join(ROOT, program)], {
      cwd: directory,
      env: { ...inherited(), ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: isTerminal,
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-OUTPUT_LIMIT);
      });
    }
    process.once('exit', this.#killAtExit);
    this.ended = new Promise((resolve) => {
      this.#process.once('error', (error) => {
        this.#output += error.message;
      });
      this.#process.once('close', (code, signal) => {
        this.#running = false;
        process.off('exit', this.#killAtExit);
        resolve({ code, signal });
      });
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get running(): boolean {
    return this.#running;
  }

  /** The end of what it printed, on either stream. */
  get output(): string {
    return this.#output;
  }

  get lines(): string[] {
    return this.#output.split('\n').filter((line) => line !== '');
  }

  /** To the process alone. */
  send(signal: NodeJS.Signals): void {
    if (this.#running) this.#process.kill(signal);
  }

  /** To it and its children, as Ctrl-C does. */
  sendToAll(signal: NodeJS.Signals): void {
    const { pid } = this.#process;
    if (!this.#isTerminal || pid === undefined) throw new Error('it has no terminal to itself');
    if (this.#running) process.kill(-pid, signal);
  }

  kill(): Promise<Ended> {
    if (this.#isTerminal) this.sendToAll('SIGKILL');
    else this.send('SIGKILL');
    return this.ended;
  }
}

/** What a process needs of its surroundings, and where it reports its coverage to. */
function inherited(): Environment {
  const names = ['PATH', 'HOME', 'TMPDIR', 'NODE_V8_COVERAGE'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}
