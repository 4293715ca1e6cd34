import { Random } from '../sim/random.ts';
import { pause, until } from '../system/until.ts';
import { isFromLibrary, orderlyFault, wildFault } from './judge.ts';
import { Line } from './line.ts';
import { drawPayment, type FuzzPayment } from './payment.ts';
import { drawRouteShot } from './route-shot.ts';
import { drawShot, paymentShot, type Shot } from './shot.ts';
import type { Site, Target } from './site.ts';
import { Tally } from './tally.ts';
import { drawWildShot } from './wild-shot.ts';

/** Concurrent connections to each target. */
const WORKERS = 16;
const VOLLEY_MAX = 32;
/** How many of the well-formed requests go to any route, and not only to those of payments. */
const ROUTE_SHARE = 0.15;
/** An answer takes less than this even on a busy machine. */
const ANSWER_MS = 30_000;
/** A server that has not answered an unreadable request by then is waiting for more of it. */
const SILENCE_MS = 100;
const SETTLE_MS = 180_000;
const SHOWN = 20;
const REMEMBERED = 64;
const PROBE = Buffer.from('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n');
const NOTHING = Buffer.alloc(0);

/** Sends requests to every target over many connections, and collects what is wrong with the answers. */
export class Campaign {
  readonly tally = new Tally();
  readonly counts = new Map<string, number>();
  readonly #site: Site;
  readonly #random: Random;
  readonly #faults: string[] = [];
  #left = 0;
  #runs = 0;

  constructor(site: Site, seed: number) {
    this.#site = site;
    this.#random = new Random(seed);
  }

  /** The first faults; empty if there are none. */
  get faults(): readonly string[] {
    return this.#faults.slice(0, SHOWN);
  }

  async run(requests: number): Promise<void> {
    this.#left = requests;
    const run = this.#runs++;
    const workers = this.#site.targets.flatMap((target, index) =>
      Array.from({ length: WORKERS }, (_, worker) =>
        new Worker(this, target, this.#random.fork(`${run}.${index}.${worker}`)).run(),
      ),
    );
    await Promise.all(workers);
  }

  /** Waits until every accepted payment is charged and the deployment is idle, then checks ledger and processes. */
  async audit(): Promise<void> {
    let count = -1;
    await until('the charges stop changing', SETTLE_MS, async () => {
      const last = count;
      count = await this.#site.chargeCount();
      if (count !== last || count < this.tally.count('accepted')) {
        await pause(1_000);
        return false;
      }
      return (await this.#site.differences()).length === 0;
    }).catch((error: Error) => this.fault(error.message));
    for (const fault of this.tally.faults(await this.#site.charges())) this.fault(fault);
    for (const fault of await this.#site.differences()) this.fault(fault);
    for (const fault of this.#site.faults()) this.fault(fault);
  }

  /** Takes one of the remaining requests; false if there are none. */
  take(): boolean {
    return this.#left-- > 0;
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  fault(what: string): void {
    if (this.#faults.length < 1_000) this.#faults.push(what);
  }
}

/** Clients one after another, each with one connection at a time. */
class Worker {
  readonly #campaign: Campaign;
  readonly #target: Target;
  readonly #random: Random;
  readonly #accepted: FuzzPayment[] = [];
  #line: Line | null = null;

  constructor(campaign: Campaign, target: Target, random: Random) {
    this.#campaign = campaign;
    this.#target = target;
    this.#random = random;
  }

  async run(): Promise<void> {
    while (this.#campaign.take()) {
      const roll = this.#random.next();
      if (roll < 0.3) await this.#wild();
      else if (roll < 0.45) await this.#cut();
      else if (roll < 0.453) await this.#drip();
      else await this.#volley();
    }
    this.#hangUp();
  }

  /** Sends well-formed requests all at once. Each must get the expected answer, in order. */
  async #volley(): Promise<void> {
    const shots = [this.#draw()];
    const length = this.#random.int(1, VOLLEY_MAX);
    while (shots.length < length && shots.at(-1)?.then === 'anything' && this.#campaign.take())
      shots.push(this.#draw());
    this.#line ??= await this.#connect();
    const line = this.#line;
    await this.#send(line, shots);
    await line.heard(shots.length, ANSWER_MS);
    const answers = line.take();
    for (const [index, shot] of shots.entries()) {
      this.#campaign.count(`${this.#target.side} ${shot.kind}`);
      const answer = answers[index];
      const fault = answer === undefined ? 'not answered' : orderlyFault(answer, shot);
      if (fault !== null) this.#fault(shot, fault);
      this.#note(shot, answer?.status);
    }
    if (answers.length > shots.length)
      this.#fault(shots[0], `got ${answers.length} answers to ${shots.length} requests`);
    if (line.closed || shots.at(-1)?.then === 'nothing' || this.#random.chance(0.05)) this.#hangUp();
  }

  /** Sends it in one piece or a few. */
  async #send(line: Line, shots: readonly Sent[]): Promise<void> {
    const bytes = Buffer.concat(shots.map((shot) => shot.bytes));
    let at = 0;
    while (this.#random.chance(0.2)) {
      const end = this.#partable(shots, this.#random.int(at, bytes.length));
      line.send(bytes.subarray(at, end));
      await pause(0);
      at = end;
    }
    line.send(bytes.subarray(at));
  }

  /**
   * The first position from `at` on where the bytes may be split. Without nginx, the gateway's HTTP library cannot read
   * every split request: it takes a split request line for another version of HTTP (uWebSockets issue 1776), and after
   * split headers of a request without a body it waits for one.
   */
  #partable(shots: readonly Sent[], at: number): number {
    if (this.#target.side === 'nginx') return at;
    let startAt = 0;
    for (const { bytes } of shots) {
      const headBytes = bytes.indexOf('\r\n\r\n') + 4;
      const soundAt = startAt + (headBytes === bytes.length ? headBytes : bytes.indexOf('\n') + 1);
      if (at <= soundAt) return at <= startAt ? startAt : soundAt;
      startAt += bytes.length;
    }
    return at;
  }

  /** One in fifty requests repeats an accepted payment or posts its id with another amount. */
  #draw(): Shot {
    if (this.#random.chance(ROUTE_SHARE)) return drawRouteShot(this.#random);
    const place = this.#random.int(0, REMEMBERED - 1);
    const known = this.#accepted[place];
    if (known === undefined || this.#random.chance(0.98)) return drawShot(this.#random);
    if (this.#random.chance(0.5)) return { ...paymentShot(this.#random, known), kind: 'repeated' };
    // From now on the gateway may know either amount.
    this.#accepted.splice(place, 1);
    const other = { ...known, amountCents: known.amountCents + 1 };
    return { ...paymentShot(this.#random, other), kind: 'other amount', statuses: [202, 409, 503] };
  }

  #note({ kind, payment }: Shot, status: number | undefined): void {
    if (payment === null) return;
    this.#campaign.tally.note(
      payment,
      status === 202 ? 'accepted' : status === undefined ? 'open' : 'refused',
    );
    if (status !== 202 || kind !== 'valid') return;
    this.#accepted.push(payment);
    if (this.#accepted.length > REMEMBERED) this.#accepted.shift();
  }

  /** Sends malformed HTTP on a connection of its own, then a harmless request, whose answer shows that the former is done. */
  async #wild(): Promise<void> {
    const payment = drawPayment(this.#random);
    const shot = drawWildShot(this.#random, payment);
    const line = await this.#connect();
    await this.#send(line, [shot]);
    await line.heard(1, SILENCE_MS);
    if (!line.closed && line.answers.length > 0) {
      line.send(PROBE);
      await line.heard(line.answers.length + 1, SILENCE_MS);
    }
    const answers = line.take();
    this.#campaign.count(`${this.#target.side} ${shot.kind}`);
    for (const answer of answers) {
      const fault = wildFault(answer, this.#target.side);
      if (fault !== null) this.#fault(shot, fault);
    }
    const acceptedCount = answers.filter(({ status }) => status === 202).length;
    if (acceptedCount > (shot.payment === null ? 0 : 1))
      this.#fault(shot, `accepted ${acceptedCount} payments instead of at most one`);
    // The library answers an unreadable request at once, and drops answers that it has not written yet.
    const isDecided = line.closed || (answers.length > 1 && answers.at(-1)?.status === 200);
    const isForgotten = answers.some(isFromLibrary);
    if (shot.payment === null) return line.drop();
    if (acceptedCount > 0) this.#campaign.tally.note(payment, 'accepted');
    else this.#campaign.tally.note(payment, isDecided && !isForgotten ? 'refused' : 'open');
    line.drop();
  }

  /** Breaks off a payment at some byte. Unless it was complete, it must have no effect. */
  async #cut(): Promise<void> {
    const shot = paymentShot(this.#random);
    const end = this.#random.chance(0.2) ? shot.bytes.length : this.#random.int(0, shot.bytes.length - 1);
    const line = await this.#connect();
    this.#campaign.count(`${this.#target.side} cut`);
    line.send(shot.bytes.subarray(0, end));
    if (this.#random.chance(0.5)) await pause(this.#random.int(0, 3));
    if (this.#random.chance(0.5)) {
      line.finish();
      await line.heard(1, SILENCE_MS);
    }
    const [answer] = line.take();
    if (answer !== undefined) {
      const fault = wildFault(answer, this.#target.side);
      if (fault !== null) this.#fault(shot, fault);
    }
    line.drop();
    if (shot.payment === null) return;
    if (answer?.status === 202) this.#campaign.tally.note(shot.payment, 'accepted');
    else this.#campaign.tally.note(shot.payment, end < shot.bytes.length - CHUNKS_END ? 'refused' : 'open');
  }

  /** Sends a payment a few bytes at a time; it counts like any other. */
  async #drip(): Promise<void> {
    const shot = paymentShot(this.#random);
    const line = await this.#connect();
    this.#campaign.count(`${this.#target.side} drip`);
    for (let at = 0; at < shot.bytes.length; ) {
      const end = this.#partable([shot], at + this.#random.int(1, 20));
      line.send(shot.bytes.subarray(at, end));
      at = end;
      await pause(this.#random.int(1, 10));
    }
    await line.heard(1, ANSWER_MS);
    const [answer] = line.take();
    const fault = answer === undefined ? 'not answered' : orderlyFault(answer, shot);
    if (fault !== null) this.#fault(shot, fault);
    this.#note(shot, answer?.status);
    line.drop();
  }

  #connect(): Promise<Line> {
    const { port } = this.#target;
    return Line.open(
      port,
      `127.${this.#random.int(1, 9)}.${this.#random.int(0, 255)}.${this.#random.int(1, 254)}`,
    );
  }

  #hangUp(): void {
    this.#line?.drop();
    this.#line = null;
  }

  #fault(shot: Sent | undefined, what: string): void {
    const bytes = shot?.bytes ?? NOTHING;
    const text = JSON.stringify(bytes.toString('latin1').slice(0, 400));
    this.#campaign.fault(`${this.#target.side} ${shot?.kind}: ${what}; sent ${text}`);
  }
}

/** The common part of `Shot` and `WildShot`. */
interface Sent {
  readonly kind: string;
  readonly bytes: Buffer;
}

/** A server may consider a chunked body complete without its last empty lines. */
const CHUNKS_END = 4;
