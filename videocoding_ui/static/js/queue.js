// Behind the coder's back: answers on their way to the server, documents on their way to the screen.

import { csrfToken } from './status.js';
import { fetchBitmap } from './imageview.js';

const AHEAD = 8; // tasks whose snippet is decoded before it is shown
const WANT = 2; // documents asked for at a time
const KEPT = 20; // answered tasks whose pictures stay, for taking back
const PAGE_WIDTH = 1700; // pixels; wide enough to read small print, small enough to keep several pages

export class Refused extends Error {
  constructor(status, title) {
    super(title || String(status));
    this.status = status;
  }
}

export async function call(method, path, body, extra = {}) {
  const response = await fetch(`/api/v1/${path}`, {
    method,
    credentials: 'same-origin',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json', 'X-CSRF-Token': csrfToken() },
    body: body === undefined ? undefined : JSON.stringify(body),
    ...extra,
  });
  const content = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, content.title);
  return content;
}

const isAway = (error) => !(error instanceof Refused) || error.status >= 500 || error.status === 408;

// Numbered answers, sent in order, again and again until the server has said what became of each.
export class Outbox extends EventTarget {
  constructor(owner) {
    super();
    this.store = `depli-outbox-${owner}`;
    this.waiting = this.recall();
    this.sending = false;
    this.together = 10; // answers in one request
    this.failures = 0;
    this.timer = 0;
    window.addEventListener('pagehide', () => this.lastCall());
  }

  get size() {
    return this.waiting.length;
  }

  // Documents of which an answer has not arrived yet.
  get leases() {
    return this.waiting.map((each) => each.lease);
  }

  // Taken at once, so that its document is not asked for again; written down and sent later, by `post`.
  add(answer) {
    this.waiting.push(answer);
  }

  post() {
    this.remember();
    this.flush();
  }

  // Take an answer out before it has left; false when it is on its way already.
  withdraw(uuid) {
    const index = this.waiting.findIndex((each) => each.uuid === uuid);
    if (index < 0 || this.waiting[index].inFlight) return false;
    this.waiting.splice(index, 1);
    this.remember();
    return true;
  }

  flush() {
    if (this.sending || !this.waiting.length) return;
    window.clearTimeout(this.timer);
    this.timer = 0;
    this.send();
  }

  async drained() {
    while (this.waiting.length) {
      this.flush();
      await new Promise((resolve) => setTimeout(resolve, 50));
      if (this.failures > 2) return;
    }
  }

  async send() {
    this.sending = true;
    const batch = this.nextBatch();
    for (const each of batch) each.inFlight = true;
    try {
      const verdicts = await this.deliver(batch);
      this.failures = 0;
      for (const verdict of verdicts) this.settle(verdict);
      this.tell('sent', { verdicts });
    } catch (error) {
      for (const each of batch) each.inFlight = false;
      if (isAway(error)) this.failures += 1;
      this.tell('failed', { error, away: isAway(error) });
      if (error.status === 401 || error.status === 403) {
        this.sending = false;
        return;
      }
      if (!isAway(error)) this.refused(batch);
    }
    this.sending = false;
    this.remember();
    this.again();
  }

  // The server will never take this as it is: alone it goes back to the coder, together each is tried alone.
  refused(batch) {
    if (batch.length > 1) {
      this.together = 1;
      return;
    }
    this.settle({ uuid: batch[0].uuid, outcome: batch[0].path ? 'stale' : 'invalid', problems: [] });
  }

  // Fields go together; a document's type or its confirmation goes alone and in its turn.
  nextBatch() {
    const first = this.waiting[0];
    if (first.path) return [first];
    const end = this.waiting.findIndex((each) => each.path);
    return this.waiting.slice(0, end < 0 ? this.together : Math.min(end, this.together));
  }

  async deliver(batch) {
    if (batch[0].path) {
      const done = await call('POST', batch[0].path, batch[0].body);
      return [{ uuid: batch[0].uuid, problems: [], ...done }];
    }
    const bodies = batch.map(({ uuid, task, fence, value, flag, forced, ms, keys }) => ({ uuid, task, fence, value, flag, forced, ms, keys }));
    return (await call('POST', 'answers', bodies)).answers;
  }

  settle(verdict) {
    const answer = this.waiting.find((each) => each.uuid === verdict.uuid);
    if (!answer) return;
    answer.inFlight = false;
    if (verdict.outcome === 'conflict') {
      this.failures += 1;
      return;
    }
    this.waiting = this.waiting.filter((each) => each !== answer);
    this.tell('settled', { answer, verdict });
  }

  again() {
    if (!this.waiting.length || this.timer) return;
    const pause = this.failures ? Math.min(15000, 400 * 2 ** Math.min(this.failures, 6)) * (0.8 + 0.4 * Math.random()) : 0;
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      this.flush();
    }, pause);
    this.tell('pausing', { pause });
  }

  lastCall() {
    const fields = this.waiting.filter((each) => !each.path);
    if (!fields.length) return;
    const bodies = fields.map(({ uuid, task, fence, value, flag, forced, ms, keys }) => ({ uuid, task, fence, value, flag, forced, ms, keys }));
    call('POST', 'answers', bodies, { keepalive: true }).catch(() => {});
  }

  // This window's own memory, gone when it closes: typed values survive a reload while the server is away.
  remember() {
    try {
      if (this.waiting.length) sessionStorage.setItem(this.store, JSON.stringify(this.waiting));
      else sessionStorage.removeItem(this.store);
    } catch {
      // storage is full or forbidden: the answers stay in memory
    }
  }

  recall() {
    try {
      return JSON.parse(sessionStorage.getItem(this.store) || '[]').map((each) => ({ ...each, inFlight: false }));
    } catch {
      return [];
    }
  }

  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

// One thing to do: a field, the type of a document, or a document as a whole.
function itemsOf(packet) {
  const common = { packet, snippet: null, snippetState: 'none', draft: null, previous: null, taken: false };
  if (packet.kind !== 'fields') return [{ ...common, id: packet.lease, kind: packet.kind, task: null, number: 1 }];
  return packet.tasks.map((task, index) => ({ ...common, id: task.id, kind: 'field', task, number: index + 1 }));
}

// Documents reserved for this screen, with everything needed to show them at once.
export class Queue extends EventTarget {
  constructor(outbox) {
    super();
    this.outbox = outbox;
    this.packets = new Map();
    this.items = []; // to do, the first one is on screen
    this.done = []; // answered, the last one is the latest
    this.waiting = 0;
    this.asking = false;
    this.paused = false;
    this.failures = 0;
    this.beat = window.setInterval(() => this.renew(), 30000);
  }

  get current() {
    return this.items[0] || null;
  }

  // The current one is answered; answers the next, which is on screen before anything else happens.
  advance() {
    this.done.push(this.items.shift());
    return this.current;
  }

  // Everything that may take time; called after the paint.
  async refill() {
    this.prefetch();
    this.forget();
    if (this.asking || this.paused) return;
    const documents = new Set(this.items.map((item) => item.packet.lease));
    if (this.items.length >= AHEAD && documents.size > 1) return;
    if (documents.size > 4) return;
    this.asking = true;
    try {
      // a document whose last answers are still on their way is not asked for again
      const held = [...new Set([...documents, ...this.outbox.leases])].slice(0, 20);
      const answer = await call('POST', 'leases', { want: WANT, held });
      this.failures = 0;
      this.waiting = answer.waiting;
      for (const packet of answer.leases) this.take(packet);
      this.prefetch();
      this.tell('filled', { count: answer.leases.length });
    } catch (error) {
      this.failures += 1;
      this.tell('failed', { error, away: isAway(error) });
    } finally {
      this.asking = false;
    }
  }

  take(packet) {
    if (this.items.some((item) => item.packet.lease === packet.lease)) return;
    packet.bitmaps = new Map();
    this.packets.set(packet.lease, packet);
    this.items.push(...itemsOf(packet));
  }

  // An answer is taken back: its field comes first again, with the fence of the fresh reservation.
  putBack(item, packet) {
    this.done = this.done.filter((each) => each !== item);
    if (packet) item.packet.fence = packet.fence;
    if (!this.packets.has(item.packet.lease)) this.packets.set(item.packet.lease, item.packet);
    this.items.unshift(item);
    this.prefetch();
  }

  drop(lease) {
    this.items = this.items.filter((item) => item.packet.lease !== lease);
    this.packets.delete(lease);
  }

  // Decode what comes next, nearest first.
  prefetch() {
    this.items.slice(0, AHEAD + 2).forEach((item) => this.loadSnippet(item));
    const near = [...new Set(this.items.map((item) => item.packet))].slice(0, 2);
    for (const packet of near) {
      const wanted = new Set(this.items.filter((item) => item.packet === packet).map((item) => item.task?.page ?? 0));
      for (const index of wanted) this.loadPage(packet, index);
    }
  }

  async loadSnippet(item) {
    if (item.snippetState !== 'none') return;
    if (!item.task?.snippet) {
      item.snippetState = 'absent';
      return;
    }
    item.snippetState = 'loading';
    try {
      item.snippet = await fetchBitmap(item.task.snippet);
      item.snippetState = 'ready';
    } catch (error) {
      item.snippetState = error.message.startsWith('image 4') ? 'missing' : 'none';
    }
    this.tell('picture', { item });
  }

  async loadPage(packet, index) {
    const page = packet.document.pages[index];
    if (!page?.image || packet.bitmaps.has(index)) return;
    packet.bitmaps.set(index, null);
    try {
      packet.bitmaps.set(index, await fetchBitmap(page.image, { resizeWidth: PAGE_WIDTH, resizeQuality: 'medium' }));
      this.tell('page', { packet, index });
    } catch {
      packet.bitmaps.delete(index);
    }
  }

  // Pictures of documents long done are let go.
  forget() {
    while (this.done.length > KEPT) this.done.shift().snippet?.close();
    const used = new Set([...this.items.slice(0, AHEAD + 2), ...this.done.slice(-3)].map((item) => item.packet));
    for (const [lease, packet] of this.packets) {
      if (used.has(packet)) continue;
      if (this.items.some((item) => item.packet === packet)) continue;
      for (const bitmap of packet.bitmaps.values()) bitmap?.close();
      packet.bitmaps.clear();
      this.drop(lease);
    }
  }

  async renew() {
    if (this.paused) return;
    const leases = [...new Set(this.items.map((item) => item.packet))];
    for (const packet of leases) {
      try {
        const answer = await call('PUT', `leases/${packet.lease}`, { fence: packet.fence });
        packet.fence = answer.fence;
        this.waiting = answer.waiting;
      } catch (error) {
        if (error instanceof Refused && (error.status === 409 || error.status === 404)) {
          const here = this.current?.packet === packet;
          this.drop(packet.lease);
          this.tell('lost', { packet, here });
        } else {
          this.tell('failed', { error, away: isAway(error) });
        }
      }
    }
  }

  // Give everything back; what is on screen stays typed in its draft only if the server hands it out again.
  async pause() {
    this.paused = true;
    const leases = [...new Set(this.items.map((item) => item.packet.lease))];
    this.items = [];
    for (const lease of leases) {
      this.packets.delete(lease);
      await call('DELETE', `leases/${lease}`).catch(() => {});
    }
  }

  resume() {
    this.paused = false;
    return this.refill();
  }

  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
