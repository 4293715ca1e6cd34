import { sleep } from '../../src/core/clock.ts';
import { Connection } from './connection.ts';
import type { Course } from './course.ts';
import { CALL_TIMEOUT_MS, userStartsAtMs } from './scenario.ts';

/**
 * The virtual users of a run. Each starts at its own time, then posts a payment and sleeps in a loop, on a connection of
 * its own. Resolves when the last user has finished.
 */
export async function postAll(course: Course): Promise<void> {
  const { scenario } = course;
  const users = Array.from({ length: scenario.usersTo }, (_, index) => user(course, index));
  await Promise.all(users);
}

async function user(course: Course, index: number): Promise<void> {
  const { scenario, record, clock, nowMs } = course;
  let dueMs = userStartsAtMs(scenario, index);
  await sleep(clock, Math.ceil(dueMs - nowMs()));
  if (nowMs() >= scenario.durationMs) return;
  record.userCame();
  const url = new URL(course.target);
  const connection = new Connection(url);
  const head = postHead(url, scenario.amountCents);
  while (nowMs() < scenario.durationMs) {
    const atMs = nowMs();
    const request = head.before + course.newId() + head.after;
    const answer = await connection.exchange(request, CALL_TIMEOUT_MS);
    record.posted(atMs, answer.status);
    record.answered(answer.status, answer.durationMs);
    // Measured from when the post was due: users delayed by a stall of this process spread out again, and rounding of
    // timers does not accumulate.
    dueMs += scenario.sleepMs + (scenario.sleepsFrom === 'answer' ? answer.durationMs : 0);
    await sleep(clock, Math.ceil(dueMs - nowMs()));
  }
  connection.close();
}

/** A post without its id, which differs each time. */
function postHead(url: URL, amountCents: number): { before: string; after: string } {
  const bodyBefore = '{"correlationId":"';
  const bodyAfter = `","amount":${amountCents / 100}}`;
  const length = bodyBefore.length + 36 + bodyAfter.length;
  const head = `POST /payments HTTP/1.1\r\nHost: ${url.host}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
  return { before: head + bodyBefore, after: bodyAfter };
}
