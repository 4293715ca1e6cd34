import { FIRST_POSITION, isAfter, nextPosition, type Position } from '../outbox.ts';

/** The events of a ledger in memory. */
export class MemoryOutbox<Event extends object> {
  #events: (Event & { readonly position: Position })[] = [];
  #end = FIRST_POSITION;

  /** The position of the last event ever. */
  get end(): Position {
    return this.#end;
  }

  append(event: Event, nowMs: number): void {
    this.#end = nextPosition(this.#end, nowMs);
    this.#events.push({ ...event, position: this.#end });
  }

  after(position: Position, limit: number): readonly (Event & { readonly position: Position })[] {
    return this.#events.filter((event) => isAfter(event.position, position)).slice(0, limit);
  }

  trim(beforeMs: number, keptCount: number): void {
    this.#events = this.#events.filter(({ position }) => position.atMs >= beforeMs).slice(-keptCount);
  }
}
