import assert from 'node:assert/strict';
import {
  type Claim,
  type ClaimReply,
  type CommitReply,
  ok,
  type Reply,
  refused,
  type Settlement,
  type SettleReply,
} from '../ledger.ts';
import type { RedisBooks } from './books.ts';
import type { RedisOutbox } from './outbox.ts';
import { idPositions, ownerBytes, readOwnerNumbers, writeCommit } from './records.ts';
import { bytesOf } from './replies.ts';

const SETTLE_REPLIES: readonly SettleReply[] = ['recorded', 'fenced'];
const CLAIM_REPLIES: readonly (ClaimReply | 'held')[] = [
  'claimed',
  'known',
  'conflict',
  'purged',
  'fenced',
  'held',
];

/** Owners whose sets are named in every commit: those that reserved what was claimed last. */
const RESERVERS_MAX = 16;
/** Each attempt names at least one more owner. */
const ATTEMPTS_MAX = 4;

interface RawReply {
  readonly settled: readonly SettleReply[];
  readonly claimed: readonly (ClaimReply | 'held')[];
  /** The owners that hold what was answered `held`. */
  readonly holders: readonly number[];
}

/**
 * Writes settlements and claims with one call of the function `commit`, and names every key that it may touch.
 *
 * What another owner has reserved leaves that owner's set when it is claimed. Which set that is, only the books know: a
 * claim that is answered `held` has changed nothing, and is repeated with the set of its holder.
 */
export class Committer {
  readonly #books: RedisBooks;
  readonly #outbox: RedisOutbox;
  #reservers: readonly number[] = [];

  constructor(books: RedisBooks, outbox: RedisOutbox) {
    this.#books = books;
    this.#outbox = outbox;
  }

  async commit(
    owner: number,
    settlements: readonly Settlement[],
    claims: readonly Claim[],
  ): Promise<Reply<CommitReply>> {
    const first = await this.#write(owner, settlements, claims);
    if (first.kind === 'unavailable') return first;
    const { settled } = first.value;
    const claimed = [...first.value.claimed];
    let { holders } = first.value;
    for (let attempt = 1; holders.length > 0; attempt++) {
      if (attempt === ATTEMPTS_MAX) return refused('too many owners have reserved these payments');
      this.#reservers = [...new Set([...holders, ...this.#reservers])].slice(0, RESERVERS_MAX);
      // All claims of these ids, in their order: what a later one gets depends on the one that was held up.
      const ids = new Set(
        claims.flatMap(({ correlationId }, at) => (claimed[at] === 'held' ? [correlationId] : [])),
      );
      const places = [...claims.keys()].filter((at) => ids.has((claims[at] as Claim).correlationId));
      const held = places.map((place) => claims[place] as Claim);
      const next = await this.#write(owner, [], held);
      if (next.kind === 'unavailable') return next;
      for (const [index, place] of places.entries())
        claimed[place] = next.value.claimed[index] as ClaimReply | 'held';
      holders = next.value.holders;
    }
    return ok({ settled, claimed: claimed as readonly ClaimReply[] });
  }

  async #write(
    owner: number,
    settlements: readonly Settlement[],
    claims: readonly Claim[],
  ): Promise<Reply<RawReply>> {
    const { session, processors } = this.#books;
    const payload = writeCommit(session, owner, settlements, claims, processors);
    const positions = idPositions(payload);
    const reservers = this.#reservers.filter((other) => other !== owner);
    const reply = await this.#books.write(
      'commit',
      (keys) => [
        keys.owner(owner),
        ...reservers.map((other) => keys.owner(other)),
        ...keys.timeIndex(settlements),
        ...keys.rejected(settlements),
        ...keys.entries(payload, positions),
        ...this.#outbox.keys(keys),
      ],
      payload,
      Buffer.concat(reservers.map(ownerBytes)),
      ...this.#outbox.args,
    );
    if (reply.kind === 'unavailable') return reply;
    const bytes = bytesOf(reply.value);
    const holdersAt = settlements.length + claims.length;
    assert(bytes.length >= holdersAt, 'a commit has one reply for each settlement and claim');
    return ok({
      settled: settlements.map((_, index) => SETTLE_REPLIES[bytes[index] as number] as SettleReply),
      claimed: claims.map(
        (_, index) => CLAIM_REPLIES[bytes[settlements.length + index] as number] as ClaimReply | 'held',
      ),
      holders: readOwnerNumbers(bytes, holdersAt),
    });
  }
}
