import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Browser, Page } from 'playwright-core';
import { test } from 'uvu';
import { openBrowser } from '../dashboard/site.ts';
import { pause } from '../system/until.ts';
import { ROOT, readSteps, type Step } from './day-page.ts';

/** Such a command changes nothing, so it may be run again until it prints what the page says, as a reader would do. */
const LOOKS =
  /^(dinossauro (payments --status|processors$|webhooks$|actions)|curl -s "?http|compose (logs|exec -T gateway-1))/;
const LOOK_MS = 60_000;
/** What Compose itself prints before and after the output of a command in a container: the first version, its exit code. */
const PROGRESS = /^((Attaching to|Creating| Container) |[1-9]$)/;
const END = 'the command has ended with';
const GATEWAY = 'http://127.0.0.1:9900';
const WIDTH = 1280;
const PICTURES: Readonly<Record<string, { readonly path: string; readonly height: number }>> = {
  'day-waiting.png': { path: '/dashboard', height: 880 },
  'day-payments.png': { path: '/dashboard/payments', height: 670 },
  'day-webhooks.png': { path: '/dashboard/webhooks', height: 360 },
};
/** What the end of the page does. */
const GIVE_UP = 'compose logs --tail 30; compose down --volumes; rm -r data/day';
/** A directory for the pictures of the page. Without it there are none. */
const SCREENSHOTS = process.env['SCREENSHOTS'];

/** A bash that runs one command after another, as a terminal does. */
class Shell {
  readonly #bash = spawn('bash', { cwd: ROOT, stdio: ['pipe', 'pipe', 'inherit'] });
  readonly #lines = createInterface({ input: this.#bash.stdout })[Symbol.asyncIterator]();

  async run(command: string): Promise<{ readonly code: number; readonly lines: readonly string[] }> {
    this.#bash.stdin.write(`{ ${command}\n} </dev/null 2>&1\ncode=$?; echo; echo ${END} $code\n`);
    const lines: string[] = [];
    for (;;) {
      const { value, done = false } = await this.#lines.next();
      if (done) throw new Error(`bash has ended at ${command}: ${lines.join('\n')}`);
      if (value.startsWith(END)) return { code: Number(value.slice(END.length)), lines };
      if (value !== '' && !PROGRESS.test(value)) lines.push(value);
    }
  }

  end(): void {
    this.#bash.stdin.end();
  }
}

/** What differs from day to day. */
const VARIES = [
  [/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<id>'],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '<time>'],
  [/\d+-\d{13}-\d+/g, '<event>'],
  [/gateway-[12]\b/g, '<gateway>'],
] as const;

/** A line with ids or times is compared without these, and without its other numbers. */
function masked(line: string): string {
  const replaced = VARIES.reduce((text, [pattern, name]) => text.replaceAll(pattern, name), line);
  return (replaced === line ? line : replaced.replaceAll(/\d+/g, '#')).replaceAll(/\s+/g, ' ').trim();
}

function literal(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Whether the lines of the page, which are cut at `…`, are what was printed. */
function isPrinted(page: readonly string[], printed: readonly string[]): boolean {
  const pattern = page
    .map((line) => (line === '…' ? '(.*\n)*?' : `${literal(masked(line)).replaceAll(/ ?… ?/g, '.*')}\n`))
    .join('');
  return new RegExp(`^${pattern}$`).test(printed.map((line) => `${masked(line)}\n`).join(''));
}

/** Null if the command did what the page says. Of one that prints nothing there, only a look is compared. */
async function faultOf(
  shell: Shell,
  { command, output }: Step & { kind: 'command' },
): Promise<string | null> {
  const isLook = LOOKS.test(command);
  const endMs = performance.now() + (isLook ? LOOK_MS : 0);
  for (;;) {
    const { code, lines } = await shell.run(command);
    console.log([`$ ${command}`, ...lines].join('\n'));
    if (output.length === 0 && !isLook ? code === 0 : isPrinted(output, lines)) return null;
    if (performance.now() >= endMs)
      return [`$ ${command}`, `ended with ${code}. Expected:`, ...output, 'Printed:', ...lines].join('\n');
    await pause(1000);
  }
}

async function signIn(browser: Browser, shell: Shell): Promise<Page> {
  const { lines } = await shell.run('echo $ADMIN_TOKEN');
  const page = await browser.newPage({ viewport: { width: WIDTH, height: 900 }, reducedMotion: 'reduce' });
  await page.goto(`${GATEWAY}/dashboard`);
  await page.locator('input[type=password]').fill(lines[0] ?? '');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(`${GATEWAY}/dashboard`);
  return page;
}

async function takePicture(page: Page, name: string, directory: string): Promise<void> {
  const picture = PICTURES[name];
  if (picture === undefined) throw new Error(`nothing says where ${name} is taken`);
  await page.goto(`${GATEWAY}${picture.path}`);
  await page.setViewportSize({ width: WIDTH, height: picture.height });
  // Figures arrive once a second.
  await pause(4000);
  await page.screenshot({ path: join(directory, name) });
}

function obstacle(): string | null {
  const { status } = spawnSync('docker', ['info'], { stdio: 'ignore' });
  if (status !== 0) return 'docker does not run';
  const hasCompose = [
    ['docker', 'compose', 'version'],
    ['docker-compose', 'version'],
  ].some(([program = '', ...args]) => spawnSync(program, args, { stdio: 'ignore' }).status === 0);
  if (!hasCompose) return 'there is no Docker Compose';
  return existsSync(`${ROOT}data/day`) ? 'data/day is there, so the day is being walked' : null;
}

const missing = obstacle();
if (missing !== null) {
  console.log(`operators-day: skipped, because ${missing}`);
  test.skip('the day of an operator');
} else {
  test('the day of an operator: each command does what the page says', async () => {
    const shell = new Shell();
    let browser: Browser | null = null;
    let isWalked = false;
    try {
      let page: Page | null = null;
      for (const step of readSteps()) {
        if (step.kind === 'command') {
          const fault = await faultOf(shell, step);
          if (fault !== null) throw new Error(fault);
        } else if (SCREENSHOTS !== undefined) {
          browser ??= await openBrowser();
          page ??= await signIn(browser, shell);
          await takePicture(page, basename(step.path), SCREENSHOTS);
        }
      }
      isWalked = true;
    } finally {
      await browser?.close();
      if (!isWalked) console.log((await shell.run(GIVE_UP)).lines.join('\n'));
      shell.end();
    }
  });
}

test.run();
