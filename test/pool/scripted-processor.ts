import type {
  Dispatch,
  Health,
  LookUpOutcome,
  PayOutcome,
  Processor,
} from '../../src/processor/processor.ts';

/** A processor that gives the test's answers and records the requests. */
export class ScriptedProcessor implements Processor {
  readonly paid: Dispatch[] = [];
  readonly asked: string[] = [];
  readonly timeoutsMs: number[] = [];
  reportsHealth = true;
  healthCalls = 0;
  closed = false;
  /** The next answers, in order. After the last one every payment is committed. */
  readonly answers: (PayOutcome | Promise<PayOutcome>)[] = [];
  /** The next look-up answers, in order. After the last one it holds nothing. */
  readonly founds: (LookUpOutcome | Promise<LookUpOutcome>)[] = [];
  state: Health | Promise<Health> = { kind: 'reported', failing: false, minResponseTimeMs: 0 };
  /** Called while a payment is in flight. */
  onPay: (dispatch: Dispatch) => unknown = () => {};
  onFind: () => void = () => {};

  async pay(dispatch: Dispatch, timeoutMs: number): Promise<PayOutcome> {
    this.paid.push(dispatch);
    this.timeoutsMs.push(timeoutMs);
    const answer = this.answers.shift() ?? { kind: 'committed' };
    await this.onPay(dispatch);
    return answer;
  }

  async find(correlationId: string): Promise<LookUpOutcome> {
    this.asked.push(correlationId);
    this.onFind();
    return this.founds.shift() ?? { kind: 'absent' };
  }

  async health(): Promise<Health> {
    this.healthCalls++;
    return this.state;
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}
