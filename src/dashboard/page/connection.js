/** @import { Message } from '../frame.ts' */

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
/** Frames come every second, so a connection that is silent for this long is lost, whatever the browser reports. */
const SILENCE_MS = 4000;

/**
 * The connection to the gateway. It reconnects whenever the connection is lost, with exponential backoff.
 *
 * @typedef {object} Listener
 * @property {(message: Message) => void} onMessage
 * @property {(nextTryAtMs: number) => void} onLost once for each failed try
 */
export class Connection {
  /** @type {WebSocket | null} */
  #socket = null;
  #failures = 0;
  #timer = 0;
  #silence = 0;
  #listener;

  /** @param {Listener} listener */
  constructor(listener) {
    this.#listener = listener;
  }

  /** Connects now, without waiting for the backoff; does nothing if there is a connection. */
  open() {
    if (this.#socket !== null) return;
    clearTimeout(this.#timer);
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const socket = new WebSocket(`${scheme}://${location.host}/dashboard/live`);
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      this.#failures = 0;
      this.#watch();
      this.#listener.onMessage(JSON.parse(data));
    };
    socket.onclose = () => this.#lost();
    this.#watch();
  }

  #watch() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#lost(), SILENCE_MS);
  }

  #lost() {
    clearTimeout(this.#silence);
    if (this.#socket === null) return;
    this.#socket.onclose = null;
    this.#socket.onmessage = null;
    this.#socket.close();
    this.#socket = null;
    const limitMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures++);
    // Jitter: viewers should not all reconnect to a restarted gateway at the same moment.
    const waitMs = limitMs * (0.5 + Math.random() / 2);
    this.#timer = setTimeout(() => this.open(), waitMs);
    this.#listener.onLost(Date.now() + waitMs);
  }
}
