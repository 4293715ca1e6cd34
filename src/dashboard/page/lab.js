import { byId, element, write } from './element.js';
import { count } from './text.js';

/** @import { LabState } from '../../simulated/lab-state.ts' */

const ASK_EVERY_MS = 1000;
const DELAYS_MS = [0, 100, 500, 1000, 2000, 5000];
const RATES_PER_S = [10, 50, 200, 500];
const SPANS_S = [10, 30, 60];

/** The panel that breaks simulated processors and sends load; hidden while `npm start` does not answer. */
export class Lab {
  #url;
  #token;
  #panel = byId('lab');
  /** @type {Map<string, ReturnType<typeof controls>>} */
  #controls = new Map();
  #load = loadControls();

  /** @param {string} address `http://127.0.0.1:port/#token` */
  constructor(address) {
    const url = new URL(address);
    this.#token = url.hash.slice(1);
    this.#url = url.origin;
    this.#load.form.onsubmit = (event) => {
      event.preventDefault();
      void this.#ask('/load', this.#load.wanted());
    };
    this.#load.stop.onclick = () => void this.#ask('/load', { ratePerS: 0, seconds: 0 });
    void this.#keepAsking();
  }

  async #keepAsking() {
    for (;;) {
      if (!document.hidden) await this.#ask('/', null);
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
    }
  }

  /** Sends a change, or reads if it is null; shows the state that comes back. @param {string} path @param {object | null} change */
  async #ask(path, change) {
    const headers = { Authorization: `Bearer ${this.#token}`, 'Content-Type': 'application/json' };
    const init = change === null ? { headers } : { headers, method: 'PUT', body: JSON.stringify(change) };
    try {
      const response = await fetch(this.#url + path, init);
      if (!response.ok) throw new Error(response.statusText);
      this.#show(await response.json());
      this.#panel.hidden = false;
    } catch {
      this.#panel.hidden = true;
    }
  }

  /** @param {LabState} state */
  #show({ processors, load }) {
    if (this.#controls.size === 0) this.#build(processors);
    for (const processor of processors) this.#controls.get(processor.name)?.show(processor);
    this.#load.show(load);
  }

  /** @param {LabState['processors']} processors */
  #build(processors) {
    for (const [index, { name }] of processors.entries()) {
      const change = (/** @type {object} */ wanted) => void this.#ask(`/processors/${name}`, wanted);
      this.#controls.set(name, controls(name, index, change));
    }
    const nodes = Array.from(this.#controls.values(), ({ node }) => node);
    byId('lab-controls').replaceChildren(this.#load.form, ...nodes);
  }
}

/** @param {string} name @param {number} index @param {(wanted: object) => void} change */
function controls(name, index, change) {
  const delay = select(
    DELAYS_MS.map((ms) => [String(ms), ms === 0 ? 'none' : ms < 1000 ? `${ms} ms` : `${ms / 1000} s`]),
  );
  const failing = element('input');
  const dropping = element('input');
  failing.type = dropping.type = 'checkbox';
  const legend = element('legend', 'accented', name);
  const node = element(
    'fieldset',
    '',
    legend,
    element('label', '', 'Delay ', delay),
    element('label', '', failing, ' Fail'),
    element('label', '', dropping, ' Charge, then drop the connection'),
  );
  node.style.setProperty('--accent', `var(--accent-${index % 8})`);
  node.onchange = () =>
    change({ delayMs: Number(delay.value), failing: failing.checked, dropping: dropping.checked });

  /** @param {LabState['processors'][number]} state */
  const show = (state) => {
    const delayText = String(state.delayMs);
    if (![...delay.options].some(({ value }) => value === delayText)) {
      delay.append(new Option(`${delayText} ms`, delayText));
    }
    // Do not change a select while it is being used.
    if (document.activeElement !== delay) delay.value = delayText;
    failing.checked = state.failing;
    dropping.checked = state.dropping;
  };
  return { node, show };
}

function loadControls() {
  const perS = select(
    RATES_PER_S.map((value) => [String(value), `${value} per second`]),
    '200',
  );
  const seconds = select(
    SPANS_S.map((value) => [String(value), `${value} seconds`]),
    '30',
  );
  const send = element('button', 'primary', 'Send load');
  const stop = element('button', '', 'Stop');
  const progress = element('p', 'progress', 'Nothing is being sent.');
  stop.type = 'button';
  const form = element(
    'form',
    '',
    element('label', '', 'Payments ', perS),
    element('label', '', 'for ', seconds),
    send,
    stop,
    progress,
  );
  const wanted = () => ({ ratePerS: Number(perS.value), seconds: Number(seconds.value) });

  /** @param {LabState['load']} load */
  const show = ({ ratePerS, remaining, accepted, refused }) => {
    const sent = `${count(accepted)} accepted, ${count(refused)} refused`;
    write(progress, ratePerS > 0 ? `${count(remaining)} to send. ${sent} so far.` : `${sent} so far.`);
    stop.disabled = ratePerS === 0;
  };
  return { form, stop, wanted, show };
}

/** @param {(readonly [value: string, text: string])[]} options @param {string} [chosen] */
function select(options, chosen) {
  const made = element('select', '', ...options.map(([value, text]) => new Option(text, value)));
  if (chosen !== undefined) made.value = chosen;
  return made;
}
