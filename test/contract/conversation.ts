import { AnswerReader } from '../fuzz/answer.ts';
import { assertKept } from './kept.ts';

/**
 * All that was sent over one connection of a gateway and all that came back, in Latin-1. Throws where one of the
 * answers, each to the request in its place, is not as the contract says.
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
