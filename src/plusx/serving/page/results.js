// The list of what was given, each with its answer.

import { predict, Unanswered } from "./api.js";
import { inWords, rows } from "./answers.js";
import { announce, byId, element, milliseconds } from "./elements.js";
import { layBoxes, layHeat, layMask } from "./overlay.js";
import { preview } from "./previews.js";

const AT_ONCE = 4;
const LOOKS = new Set(["classify", "multilabel", "regress"]);

/** Results in an element; `renewed` is called when the server answers by another version than the page knows. */
export class Results {
  constructor(place, renewed) {
    this.place = place;
    this.renewed = renewed;
    this.waiting = [];
    this.running = 0;
    this.drawn = null;
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
    const before = this.drawn?.node.isConnected ? this.drawn : null;
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
    for (const node of [...this.place.children]) node.remove();
    this.counted();
    announce("The answers are cleared.");
  }

  counted() {
    const none = this.place.childElementCount === 0;
    byId("empty").hidden = !none;
    byId("clear").hidden = none;
  }
}

class Result {
  constructor(model, input, results, instead = null) {
    Object.assign(this, { model, input, results });
    this.shown = preview(model, input);
    this.answers = element("div", { class: "answers" }, element("p", { class: "soft waiting" }, "Waiting …"));
    this.below = element("div", { class: "below" });
    this.took = element("span", { class: "took soft" });
    const title = element("h3", { title: input.name }, input.name);
    const close = element("button", { type: "button", class: "close", "aria-label": `Remove ${input.name}`, onclick: () => this.remove() }, "×");
    this.node = element("article", { class: `result ${model.modality}`, "aria-label": input.name },
      element("div", { class: "heading" }, title, this.took, close),
      element("div", { class: "both" }, element("div", { class: "given" }, this.shown.node, this.below), this.answers));
    this.instead = instead;
  }

  remove() {
    this.node.remove();
    this.shown.forget?.();
    this.results.counted();
  }

  /** Shown in the place of what was there before, only when there is something to show. */
  replace() {
    if (this.instead === null) return;
    if (this.instead.node.isConnected) this.instead.node.replaceWith(this.node);
    this.instead.shown.forget?.();
    this.instead = null;
  }

  async ask() {
    try {
      const found = await predict(this.model.name, this.input, this.model.task === "segment" ? "&masks=true" : "");
      this.replace();
      if (found.version !== this.model.version) this.results.renewed();
      this.show(found);
    } catch (error) {
      this.replace();
      this.fail(error);
    }
  }

  show({ answer, duration_ms: own, all_ms: all }) {
    this.took.textContent = milliseconds(own);
    this.took.title = `The server took ${milliseconds(own)}; with the way there and back ${milliseconds(all)}`;
    this.node.dataset.done = answer.error === null ? "answered" : "refused";
    if (answer.error !== null) return this.say(answer.error);
    const acts = { seek: this.shown.seek ?? (() => {}), point: () => {} };
    if (this.model.task === "detect" && this.shown.picture) acts.point = layBoxes(this.shown.picture, answer.boxes, this.model.classes);
    this.answers.replaceChildren(...rows(this.model, answer, acts));
    if (typeof answer.mask === "string" && answer.legend) this.below.append(...layMask(this.shown.picture, answer.mask, answer.legend, this.input.name));
    if (this.model.modality === "image" && LOOKS.has(this.model.task)) this.below.append(this.looking());
    announce(`${this.input.name}: ${inWords(answer)}`);
  }

  looking() {
    const button = element("button", { type: "button", class: "quiet look", "aria-pressed": "false" }, "Where it looked");
    let laid = null;
    button.addEventListener("click", async () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.disabled = true;
      if (on) laid = await this.look();
      else laid?.remove();
      button.disabled = false;
      button.setAttribute("aria-pressed", String(on && laid !== null));
    });
    return button;
  }

  async look(turns = 10) {
    const words = element("p", { class: "soft", role: "status" });
    try {
      const { answer, heat_error: why, heat_later: later } = await predict(this.model.name, this.input, "&explain=true");
      // The graph that gives maps is made once for a model, when it is first asked for.
      if (later && turns > 0) return this.look(turns - 1);
      if (!answer.heat) throw new Unanswered(why ?? "This server cannot tell where the model looked.");
      const parts = layHeat(this.shown.picture, answer.heat, this.input.name);
      this.below.append(...parts);
      return { remove: () => [...parts, ...this.node.querySelectorAll(".heat")].forEach((part) => part.remove()) };
    } catch (error) {
      words.textContent = error.message;
      this.below.append(words);
      return null;
    }
  }

  fail(error) {
    this.node.dataset.done = "refused";
    this.say(error.message);
    if (!(error instanceof Unanswered) || error.retryAfterS === null) return;
    const again = element("button", { type: "button", class: "quiet again" }, "Ask again");
    again.addEventListener("click", () => {
      this.answers.replaceChildren(element("p", { class: "soft waiting" }, "Waiting …"));
      this.results.queue(this);
    });
    this.answers.append(again);
  }

  say(words) {
    this.answers.replaceChildren(element("p", { class: "bad" }, words));
    announce(`${this.input.name}: ${words}`);
  }
}
