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
  /** Its working directory; the project root by default. */
  readonly directory?: string;
  /** Runs in a process group of its own with its children, as in a terminal. */
  readonly isTerminal?: boolean;
}

type Environment = Readonly<Record<string, string>>;

/** A program of this project as a child process, with only the given environment. */
export class Child {
  readonly ended: Promise<Ended>;
  readonly #process: ChildProcess;
  readonly #isTerminal: boolean;
  readonly #killAtExit = () => void this.kill();
  #output = '';
  #running = true;

  /** `program` is a path relative to the project root. */
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

  /** The last output on both streams. */
  get output(): string {
    return this.#output;
  }

  get lines(): string[] {
    return this.#output.split('\n').filter((line) => line !== '');
  }

  /** Signals only the process. */
  send(signal: NodeJS.Signals): void {
    if (this.#running) this.#process.kill(signal);
  }

  /** Signals it and its children, like Ctrl-C. */
  sendToAll(signal: NodeJS.Signals): void {
    const { pid } = this.#process;
    if (!this.#isTerminal || pid === undefined) throw new Error('it has no process group of its own');
    if (this.#running) process.kill(-pid, signal);
  }

  kill(): Promise<Ended> {
    if (this.#isTerminal) this.sendToAll('SIGKILL');
    else this.send('SIGKILL');
    return this.ended;
  }
}

/** The variables that a process needs, and where it writes its coverage. */
function inherited(): Environment {
  const names = ['PATH', 'HOME', 'TMPDIR', 'NODE_V8_COVERAGE'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}
