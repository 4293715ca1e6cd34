import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import type { Environment } from '../core/environment.ts';
import type { Ledger, Reply } from '../ledger/ledger.ts';
import { openLedger } from '../ledger/open.ts';
import { addedProcessors } from './added-processors.ts';
import { Audit, type AuditRequest } from './audit.ts';
import { openAuditedProcessors } from './audited-processors.ts';
import type { AuditedProcessor } from './inquiry.ts';
import { OurBooks, type ReadFailure } from './our-books.ts';
import type { AuditProgress } from './progress.ts';
import type { AuditReport } from './report.ts';

export interface AuditorParts {
  readonly config: Config;
  /** Where the settings come from. */
  readonly environment: Environment;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Time for one more look-up, on top of the longest backoff. */
const SECOND_LOOK_MARGIN_MS = 1000;

/** Audits one deployment, over its own connections to the ledger and the processors. */
export class Auditor {
  readonly #ledger: Ledger;
  readonly #processors: readonly AuditedProcessor[];
  readonly #config: Config;
  readonly #clock: Clock;

  /** Rejects if the directory of an embedded ledger cannot be used. */
  static async open({ config, environment, clock, random }: AuditorParts): Promise<Auditor> {
    const names = config.processors.map(({ name }) => name);
    const ledger = await openLedger(config.ledger, names, { clock, random }, 'elsewhere');
    try {
      const targets = [...config.processors];
      for (const target of await addedProcessors(ledger, config.processors, environment)) {
        if ((await ledger.registerProcessor(target.name)).kind === 'unavailable') break;
        ledger.addProcessor(target.name);
        targets.push(target);
      }
      const processors = await openAuditedProcessors(targets, clock);
      return new Auditor({ ...config, processors: targets }, clock, ledger, processors);
    } catch (error) {
      await ledger.close();
      throw error;
    }
  }

  private constructor(config: Config, clock: Clock, ledger: Ledger, processors: readonly AuditedProcessor[]) {
    this.#config = config;
    this.#clock = clock;
    this.#ledger = ledger;
    this.#processors = processors;
  }

  /** As `Audit.run`. */
  run(
    request: AuditRequest,
    onProgress: (progress: AuditProgress) => void = () => {},
  ): Promise<Reply<AuditReport> | ReadFailure> {
    const { audit, processors, leaseMs, backoff } = this.#config;
    const doubtMs = Math.max(...processors.map(({ timeoutMs, inDoubtHoldMs }) => timeoutMs + inDoubtHoldMs));
    return new Audit({
      ours: new OurBooks(this.#ledger, this.#clock),
      processors: this.#processors,
      clock: this.#clock,
      rate: audit.rate,
      paymentLimit: audit.paymentLimit,
      settlesWithinMs: doubtMs + leaseMs + backoff.maxMs,
      secondLookMs: backoff.maxMs + SECOND_LOOK_MARGIN_MS,
      onProgress,
    }).run(request);
  }

  async close(): Promise<void> {
    await Promise.all(this.#processors.map(({ books }) => books.close()));
    await this.#ledger.close();
  }
}
