// The list of what was given, each with its answer.

import { announce, byId } from "./elements.js";
import { Result } from "./result.js";

const AT_ONCE = 4;

/** Results in an element; `renewed` is called when the server answers by another version than the page knows. */
export class Results {
  constructor(place, renewed) {
    this.place = place;
    this.renewed = renewed;
    this.waiting = [];
    this.running = 0;
    this.shown = new Set();
    this.drawn = null;
    /** Whether it must be told which model answered. */
    this.several = false;
  }

  /** Asks the model for each of these; the newest is shown first. */
  add(model, inputs) {
    const results = inputs.map((input) => new Result(model, input, this));
    this.place.prepend(...results.map((result) => result.node));
    this.counted();
    for (const result of results) this.queue(result);
  }

  /** Asks for a drawing again as it changes, in the same place; of null it forgets it. */
  live(model, input) {
    const last = this.drawn;
    // While the last one waits for its answer, what is shown is the one before it.
    const before = [last, last?.instead].find((one) => one?.node.isConnected) ?? null;
    if (last !== null && last !== before) last.dropped = true;
    this.drawn = null;
    if (input !== null) {
      this.drawn = new Result(model, input, this, before);
      if (before === null) this.place.prepend(this.drawn.node);
      this.queue(this.drawn);
    } else before?.remove();
    this.counted();
  }

  queue(result) {
    this.waiting.push(result);
    this.next();
  }

  next() {
    while (this.running < AT_ONCE && this.waiting.length > 0) {
      this.running++;
      this.waiting.shift().ask().finally(() => {
        this.running--;
        this.next();
      });
    }
  }

  clear() {
    this.waiting.length = 0;
    for (const result of [...this.shown]) result.remove();
    announce("The answers are cleared.");
  }

  counted() {
    const none = this.place.childElementCount === 0;
    byId("empty").hidden = !none;
    byId("clear").hidden = none;
  }
}
