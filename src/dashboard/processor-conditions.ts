import { type Condition, NOTHING_LOST, type ProcessorSituation, type Situation } from './situation.ts';

/** What is wrong with the processors. */
export function processorConditions(situation: Situation): Condition[] {
  const { failoverDelayMs } = situation;
  const paused = situation.processors.filter(({ isPaused }) => isPaused);
  // What is wrong with a paused processor makes no payments wait.
  const processors = situation.processors.filter(({ isPaused }) => !isPaused);
  const goElsewhere = `Payments wait up to ${failoverDelayMs / 1000} s for a cheaper processor that fails, then go to a more expensive one that works.`;
  const open = processors.flatMap((processor) =>
    processor.openForMs === null ? [] : [{ ...processor, openForMs: processor.openForMs }],
  );
  const failing = open.filter(({ isUnfit, restMs }) => !isUnfit && restMs === null);
  return [
    ...(processors.length === 0 ? [allPaused(situation)] : []),
    ...(processors.length > 0 && open.length === processors.length
      ? [allFail(situation, open, paused.length)]
      : []),
    ...(processors.length > 0 ? paused.map(onePaused) : []),
    ...open.filter(({ isUnfit }) => isUnfit).map((processor) => unfit(processor, goElsewhere)),
    ...open
      .filter(({ isUnfit, restMs }) => !isUnfit && restMs !== null)
      .map((processor) => resting(processor, goElsewhere)),
    ...(open.length < processors.length && failing.length > 0 ? [someFail(failing, goElsewhere)] : []),
    ...(situation.processorsNotOpened > 0 ? [notOpened(situation)] : []),
  ];
}

function notOpened({ processorsNotOpened: count }: Situation): Condition {
  return {
    severity: 'warning',
    title: `${count === 1 ? 'A processor that was' : `${count} processors that were`} added cannot be opened here`,
    forMs: null,
    waiting: null,
    effect:
      'This instance sends nothing there, and refuses amounts that only it takes. Other instances may use it.',
    advice:
      'The log of this instance says why (cannot be opened here): a credential or a contract is missing on its machine, for example. It is tried again every 5 seconds.',
  };
}

type OpenProcessor = ProcessorSituation & { readonly openForMs: number };

function allPaused({ backlog }: Situation): Condition {
  return {
    severity: 'critical',
    title: 'Every processor is paused',
    forMs: null,
    waiting: backlog,
    effect: `Payments are still accepted, and wait until a processor is resumed. ${NOTHING_LOST}`,
    advice: 'Resume one here, or with dinossauro processors resume.',
  };
}

function onePaused({ name }: ProcessorSituation): Condition {
  return {
    severity: 'warning',
    title: `${name} is paused`,
    forMs: null,
    waiting: null,
    effect:
      'Payments go to the other processors, and those whose amounts only it takes wait. It is still asked about payments in doubt.',
    advice: `Resume it here, or with dinossauro processors resume ${name}; dinossauro processors says who paused it and why.`,
  };
}

function unfit({ name, openForMs }: OpenProcessor, goElsewhere: string): Condition {
  return {
    severity: 'warning',
    title: `${name} refuses every request`,
    forMs: openForMs,
    waiting: null,
    effect: `None of its payments is rejected. ${goElsewhere}`,
    advice: `Check its URL, its credentials and its contract in the settings; its card and the log of this instance (breaker open) have its answer. It is probed, and gets payments again once it takes one.`,
  };
}

function resting({ name, openForMs, restMs }: OpenProcessor, goElsewhere: string): Condition {
  return {
    severity: 'warning',
    title: `${name} has asked for a rest`,
    forMs: openForMs,
    waiting: null,
    effect: `Nothing is sent to it for another ${Math.ceil((restMs ?? 0) / 1000)} s, not even questions about payments in doubt. ${goElsewhere}`,
    advice: `Wait. If it asks again and again, ask its operators how many requests it takes. RETRY_AFTER_MAX_MS limits the rest.`,
  };
}

/** `forMs`: since the last one began to fail. */
function allFail({ backlog }: Situation, open: readonly OpenProcessor[], pausedCount: number): Condition {
  return {
    severity: 'critical',
    title: allFailing(open.length, pausedCount),
    forMs: Math.min(...open.map(({ openForMs }) => openForMs)),
    waiting: backlog,
    effect: `Payments are still accepted, and wait until a processor recovers. ${NOTHING_LOST}`,
    advice: `Contact the operators of ${namesOf(open)}, and check the network in between. Every processor is probed, and processing resumes once one works.`,
  };
}

function someFail(failing: readonly OpenProcessor[], goElsewhere: string): Condition {
  const names = namesOf(failing);
  return {
    severity: 'warning',
    title: `${names} ${failing.length === 1 ? 'is' : 'are'} failing`,
    forMs: Math.min(...failing.map(({ openForMs }) => openForMs)),
    waiting: null,
    effect: goElsewhere,
    advice: `Contact the operators of ${names}. A processor that recovers gets payments again by itself.`,
  };
}

function namesOf(processors: readonly OpenProcessor[]): string {
  return listed(processors.map(({ name }) => name));
}

function allFailing(count: number, pausedCount: number): string {
  if (pausedCount > 0) return 'Every processor that is not paused is failing';
  if (count === 1) return 'The only processor is failing';
  return count === 2 ? 'Both processors are failing' : `All ${count} processors are failing`;
}

/** `a`, `a and b`, `a, b and c`. */
function listed(names: readonly string[]): string {
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} and ${last}`;
}
