import type { Story } from '../../core/attempt.ts';
import type { PaymentStatus } from '../../core/payment.ts';
import type { LoggedAction } from '../actions.ts';
import { type BooksStatus, IN_USE } from '../books-status.ts';
import type { Bookmark, FeeTotals, HealthReport, PaymentEvent, WorkerId } from '../ledger.ts';
import type { ProcessorEvent } from '../outbox.ts';
import { NO_CONTROLS, type ProcessorControls } from '../processor-controls.ts';
import { NOTHING_FOLDED } from '../retention.ts';
import { MemoryOutbox } from './outbox.ts';

export interface MemoryEntry {
  amountCents: number;
  acceptedAtMs: number;
  status: PaymentStatus;
  owner: number;
  processor: string | null;
  requestedAtMs: number;
  attempts: number;
  story: Story;
  reason: string;
  conflictingAmountCents: number | null;
}

interface MemoryOwner extends WorkerId {
  leaseUntilMs: number;
  /** The takeover of its entries has begun. */
  fenced: boolean;
}

interface MemoryCharge {
  readonly processor: string;
  /** 1, unless it stands for all of a folded unit. */
  readonly count: number;
  readonly amountCents: number;
  readonly requestedAtMs: number;
}

interface MemoryHealth extends Omit<HealthReport, 'processor'> {
  readonly processor: string;
}

export type MemoryEvent =
  | ProcessorEvent
  | (Omit<PaymentEvent, 'payment'> & { readonly correlationId: string; readonly entry: MemoryEntry });

/** The contents of a ledger, which outlive its connections. Processors are identified by name. */
export class MemoryStore {
  readonly entries = new Map<string, MemoryEntry>();
  readonly actions: LoggedAction[] = [];
  readonly charges: MemoryCharge[] = [];
  /** By `feeKey`. */
  readonly fees = new Map<string, FeeTotals>();
  readonly owners = new Map<number, MemoryOwner>();
  readonly health = new Map<string, MemoryHealth>();
  readonly healthTurns = new Map<string, number>();
  /** Every processor name that a connection was opened with, in the order in which they were first seen. */
  readonly seenProcessors: string[] = [];
  /** One for each subscription, called when the health of a processor has changed; with null, after a purge. */
  readonly watchers = new Set<(changed: string | null) => void>();
  ownersEver = 0;
  purgedAtMs = 0;
  status: BooksStatus = IN_USE;
  controls: ProcessorControls = NO_CONTROLS;
  folded = NOTHING_FOLDED;
  /** Finished payments of before this have been forgotten. */
  forgottenBeforeMs = 0;
  readonly outbox = new MemoryOutbox<MemoryEvent>();
  readonly bookmarks = new Map<string, Bookmark>();
  upkeepTurn = 0;
}
