// The line to Python. Three things can be at the other end: a Jupyter widget, a Panel component, or, in an exported
// page, nothing but data. Messages are plain objects with a `kind`; what comes from Python may carry binary buffers.

export function wireOf(model) {
  if (model.answer) return new StillWire(model);
  return new LiveWire(model.send_msg ? panelEnds(model) : jupyterEnds(model));
}

export function traitOf(model, name) { // a setting of the widget, the same way in Jupyter and in Panel
  return model.send_msg || model.answer ? model[name] : model.get(name);
}

export function followTrait(model, name, act) { // call act whenever Python changes a setting; gives a way to stop
  if (!model.on) return () => {};
  const event = model.send_msg ? name : `change:${name}`;
  model.on(event, act);
  return () => model.off?.(event, act);
}

function jupyterEnds(model) {
  return {
    send: (message) => model.send(message),
    listen(hear, changed) {
      const heard = (message, buffers) => hear(message, (buffers ?? []).map(bytesOf));
      model.on('msg:custom', heard);
      model.on('comm_live_update', changed); // the kernel was restarted, or is there again
      return () => { model.off('msg:custom', heard); model.off('comm_live_update', changed); };
    },
  };
}

function panelEnds(model) { // messages travel as JSON text: exactly what a Jupyter widget would have got
  return {
    send: (message) => model.send_msg(JSON.stringify(message)),
    listen(hear) {
      const heard = ({ message, buffers }) => hear(JSON.parse(message), (buffers ?? []).map(bytesOf));
      model.on('msg:custom', heard);
      return () => model.off('msg:custom', heard);
    },
  };
}

function bytesOf(buffer) {
  if (buffer instanceof Uint8Array) return buffer;
  return buffer.buffer ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength) : new Uint8Array(buffer);
}

export class Refused extends Error {} // what Python said no to, in plain words

const GONE = 'Python was restarted, so this view is only a picture now. Run its cell again to get it back.';
const PATIENCE = 4000; // milliseconds until a line that has changed counts as dead

class LiveWire {
  #asked = new Map();
  #number = startOfNumbers(); // several views may share one line, and each must know its own answers
  #ends;
  #stop;

  constructor(ends) {
    this.#ends = ends;
    this.live = true;
    this.waiting = () => {}; // called with how many answers are awaited
    this.told = () => {}; // called with each message that is no answer
    this.lost = () => {}; // called with words when nobody is at the other end any more
    this.#stop = ends.listen((message, buffers) => this.#hear(message, buffers), () => this.#look());
  }

  tell(kind, body = {}) { this.#send({ kind, ...body }); }

  #send(message) {
    if (this.gone) return;
    try { this.#ends.send(message); } catch (error) {
      console.warn(error);
      this.#end();
    }
  }

  ask(kind, body = {}) {
    const ask = ++this.#number;
    return new Promise((resolve, reject) => {
      if (this.gone) return reject(new Refused(GONE));
      this.#asked.set(ask, { resolve, reject, since: performance.now(), kind });
      this.waiting(this.#asked.size);
      return this.#send({ kind, ask, ...body });
    });
  }

  async #look() { // is anybody there?
    if (this.gone) return;
    const late = new Promise((resolve) => { setTimeout(resolve, PATIENCE, false); });
    if (!await Promise.race([this.ask('ping').then(() => true, () => true), late])) this.#end();
  }

  #end() {
    if (this.gone) return;
    this.gone = true;
    this.lost(GONE);
    for (const { reject } of this.#asked.values()) reject(new Refused(GONE));
    this.#asked.clear();
    this.waiting(0);
  }

  oldest() { // the question that has waited longest, for a line that says why nothing happens
    const first = this.#asked.values().next().value;
    return first ? { kind: first.kind, seconds: (performance.now() - first.since) / 1000 } : null;
  }

  #hear(message, buffers) {
    const asked = this.#asked.get(message.ask);
    if (!asked) {
      if (message.ask === undefined || message.ask === null) this.told(message, buffers);
      return;
    }
    this.#asked.delete(message.ask);
    this.waiting(this.#asked.size);
    if (message.kind === 'refused') asked.reject(new Refused(message.said));
    else asked.resolve({ message, buffers });
  }

  close() {
    this.#stop();
    this.#asked.clear();
  }
}

export function startOfNumbers() { // counted on from here; two views will hardly begin at the same number
  return Math.floor(Math.random() * 2 ** 32) * 2 ** 20;
}

class StillWire { // an exported page: `model.answer(kind, body)` gives what was stored, or null
  constructor(model) {
    this.live = false;
    this.waiting = () => {};
    this.told = () => {};
    this.answer = model.answer;
    model.tell = (message) => this.told(message, []);
  }

  tell() {}

  async ask(kind, body = {}) {
    const found = await this.answer(kind, body);
    if (!found) throw new Refused('This needs Python; it is not part of an exported page.');
    return found;
  }

  oldest() { return null; }

  close() {}
}
