// One input with its answer.

import { predict, Unanswered } from "./api.js";
import { inWords, rows } from "./answers.js";
import { announce, duration, element } from "./elements.js";
import { layBoxes, layHeat, layMask } from "./overlay.js";
import { preview } from "./previews.js";

const MOST_ASKED = 20;

/** What was given, and its answer once it is there, as an element. */
export class Result {
  constructor(model, input, results, instead = null) {
    Object.assign(this, { model, input, results });
    this.shown = preview(model, input);
    this.answers = element("div", { class: "answers" }, element("p", { class: "soft waiting" }, "Waiting …"));
    this.below = element("div", { class: "below" });
    this.took = element("span", { class: "took soft" });
    const title = element("h3", { title: input.name }, input.title ?? input.name);
    const close = element("button", { type: "button", class: "close", "aria-label": `Remove ${input.name}`, onclick: () => this.remove() }, "×");
    this.node = element("article", { class: `result ${model.modality}`, "aria-label": input.name },
      element("div", { class: "heading" }, title, this.took, close),
      element("div", { class: "both" }, element("div", { class: "given" }, this.shown.node, this.below), this.answers));
    this.instead = instead;
    this.dropped = false;
    results.shown.add(this);
  }

  remove() {
    this.node.remove();
    this.forget();
    this.results.counted();
  }

  forget() {
    this.shown.forget?.();
    this.results.shown.delete(this);
  }

  /** Shown in the place of what was there before, only when there is something to show. */
  replace() {
    if (this.instead === null) return;
    if (this.instead.node.isConnected) this.instead.node.replaceWith(this.node);
    this.instead.forget();
    this.looks = this.instead.node.querySelector(".look")?.getAttribute("aria-pressed") === "true";
    this.instead = null;
  }

  async ask() {
    try {
      const found = await predict(this.model.name, this.input, this.model.task === "segment" ? "&masks=true" : "");
      if (this.dropped) return this.forget();
      this.replace();
      if (found.version !== this.model.version) this.results.renewed();
      this.show(found);
    } catch (error) {
      this.replace();
      this.fail(error);
    }
  }

  show({ answer, duration_ms: own, all_ms: all }) {
    this.took.textContent = `${this.results.several ? `${this.model.name}, ` : ""}${duration(own)}`;
    this.took.title = `The server took ${duration(own)}; with the way there and back ${duration(all)}`;
    this.node.dataset.done = answer.error === null ? "answered" : "refused";
    if (answer.error !== null) return this.say(answer.error);
    const acts = { seek: this.shown.seek ?? (() => {}), point: () => {} };
    if (this.model.task === "detect" && this.shown.picture) acts.point = layBoxes(this.shown.picture, answer.boxes, this.model.classes);
    this.answers.replaceChildren(...rows(this.model, answer, acts));
    if (answer.legend && this.shown.picture) this.below.append(...layMask(this.shown.picture, answer, this.model.classes, this.input.name));
    if (this.model.no_heat === null) this.below.append(this.looking());
    if (this.looks) this.below.querySelector(".look").click();
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

  async look() {
    const words = element("p", { class: "soft", role: "status" });
    this.below.append(words);
    try {
      const heat = await this.heat(() => { words.textContent = "The map is being made, once for this model …"; });
      const [slider, layer] = layHeat(this.shown.picture, heat, this.input.name);
      words.textContent = `Bright: what spoke for ${heat.label}`;
      this.below.append(slider);
      return { remove: () => [words, slider, layer].forEach((part) => part.remove()) };
    } catch (error) {
      words.textContent = error.message;
      return null;
    }
  }

  /** Where the model looked; `waits` is called while the server makes what finds that. */
  async heat(waits) {
    for (let asked = 0; asked < MOST_ASKED; asked++) {
      const { answer, heat_error: why, heat_later: later } = await predict(this.model.name, this.input, "&explain=true");
      if (answer.heat) return answer.heat;
      if (!later) throw new Unanswered(why ?? answer.error ?? "This server cannot tell where the model looked.");
      waits();
    }
    throw new Unanswered("The map is still being made; try it later.");
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
