import { AnswerReader } from '../fuzz/answer.ts';
import { assertKept } from './kept.ts';

/**
 * Checks everything sent and received on one connection to a gateway, both in Latin-1. Throws if a response, each paired
 * with the request at the same position, violates the contract.
 */
export function assertConversationKept(sent: string, heard: string): void {
  const requests = Array.from(sent.matchAll(/([A-Z]+) (\/\S*) HTTP\/1\.1\r\n/g));
  const reader = new AnswerReader(requests.map(([, method = '']) => method));
  reader.push(heard);
  for (const [index, answer] of reader.answers.entries()) {
    const [, method = '', target = ''] = requests[index] ?? [];
    assertKept({ method, target, ...answer });
  }
}
