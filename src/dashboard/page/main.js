import { Charts } from './charts.js';
import { Conditions } from './conditions.js';
import { Connection } from './connection.js';
import { byId, write } from './element.js';
import { Figures } from './figures.js';
import { History } from './history.js';
import { Lab } from './lab.js';
import { startShell } from './shell.js';
import { ago, timeOfDay } from './text.js';

/** @import { Frame, Hello } from '../frame.ts' */

const HEARTBEAT_MS = 500;

/** The page: the last frame, and whether the connection that brought it still works. */
class Dashboard {
  #history = new History();
  #conditions = new Conditions();
  #connection = new Connection({
    onMessage: (message) => (message.kind === 'hello' ? this.#greet(message) : this.#take(message)),
    onLost: (nextTryAtMs) => this.#lose(nextTryAtMs),
  });
  /** @type {string} the greeting of the gateway; a different one means that the gateway has restarted */
  #greeting = '';
  /** @type {Figures | null} */
  #figures = null;
  /** @type {Charts | null} */
  #charts = null;
  /** @type {Frame | null} */
  #frame = null;
  #receivedAtMs = 0;
  /** @type {number | null} */
  #nextTryAtMs = null;
  #isPaused = false;

  start() {
    startShell(() => this.#charts?.recolor());
    byId('pause').onclick = () => this.#pause(!this.#isPaused);
    byId('retry').onclick = () => this.#connection.open();
    addEventListener('online', () => this.#connection.open());
    setInterval(() => this.#showLink(), HEARTBEAT_MS);
    this.#connection.open();
  }

  /** @param {Hello} hello */
  #greet(hello) {
    if (this.#greeting === JSON.stringify(hello)) return;
    if (this.#greeting === '' && hello.lab !== null) new Lab(hello.lab);
    // Restarted, perhaps with other processors: what the page shows no longer fits.
    else if (this.#greeting !== '') return location.reload();
    this.#greeting = JSON.stringify(hello);
    document.title = `${hello.instanceId} · Dinossauro`;
    this.#figures = new Figures(hello);
    this.#charts = new Charts(hello, this.#history);
  }

  /** @param {Frame} frame */
  #take(frame) {
    const announcements = this.#nextTryAtMs === null ? [] : ['Reconnected.'];
    this.#nextTryAtMs = null;
    this.#frame = frame;
    this.#receivedAtMs = Date.now();
    this.#history.add(frame);
    if (!this.#isPaused) announcements.push(...this.#show(frame));
    if (announcements.length > 0) announce(announcements.join(' '));
    this.#showLink();
  }

  /** Returns what a screen reader should announce. @param {Frame} frame @returns {string[]} */
  #show(frame) {
    const announcements = [...this.#conditions.show(frame), ...(this.#figures?.show(frame) ?? [])];
    this.#charts?.show();
    return announcements;
  }

  /** @param {boolean} isPaused */
  #pause(isPaused) {
    this.#isPaused = isPaused;
    byId('pause').ariaPressed = String(isPaused);
    if (!isPaused && this.#frame !== null) this.#show(this.#frame);
    this.#showLink();
  }

  /** @param {number} nextTryAtMs */
  #lose(nextTryAtMs) {
    if (this.#nextTryAtMs === null) announce('Connection lost. The figures are out of date.');
    this.#nextTryAtMs = nextTryAtMs;
    this.#showLink();
    void leaveIfSignedOut();
  }

  #showLink() {
    const isLost = this.#nextTryAtMs !== null;
    byId('banner').hidden = !isLost;
    byId('main').classList.toggle('stale', isLost);
    badge('health', this.#health());
    badge('link', this.#link());
    if (this.#nextTryAtMs === null) return;
    const waitS = Math.max(0, Math.ceil((this.#nextTryAtMs - Date.now()) / 1000));
    const figures =
      this.#frame === null
        ? 'No figures have been received yet.'
        : `These figures are from ${timeOfDay(this.#frame.atMs)}, ${ago(Date.now() - this.#receivedAtMs)} ago.`;
    write(
      byId('banner-text'),
      `The gateway does not answer. ${figures} Next try ${waitS === 0 ? 'now' : `in ${waitS} s`}.`,
    );
  }

  /** The health of this instance, as far as it is known. @returns {Badge} */
  #health() {
    if (this.#nextTryAtMs !== null || this.#frame === null) return ['quiet', 'Unknown'];
    const { conditions, instance } = this.#frame;
    if (conditions.some(({ severity }) => severity === 'critical')) return ['bad', 'Unhealthy'];
    if (instance.state === 'stopping') return ['warn', 'Stopping'];
    if (instance.state === 'starting') return ['warn', 'Starting'];
    return conditions.length > 0 ? ['warn', 'Degraded'] : ['good', 'Healthy'];
  }

  /** The state of this page's connection, which says nothing about the gateway's health. @returns {Badge} */
  #link() {
    if (this.#nextTryAtMs !== null) return ['bad', 'Lost'];
    if (this.#frame === null) return ['quiet', 'Connecting'];
    return ['quiet', this.#isPaused ? 'Paused' : 'Connected'];
  }
}

/** @typedef {readonly [tone: string, word: string]} Badge */

/** @param {string} id @param {Badge} badge */
function badge(id, [tone, word]) {
  byId(id).dataset['tone'] = tone;
  write(byId(id), word);
}

/** Queues a text for screen readers. @param {string} text */
function announce(text) {
  byId('announcement').textContent = text;
}

/** Reloads the page if the session has expired: it then shows the sign-in form. */
async function leaveIfSignedOut() {
  const response = await fetch('/dashboard', { method: 'HEAD' }).catch(() => null);
  if (response?.status === 401) location.reload();
}

new Dashboard().start();
