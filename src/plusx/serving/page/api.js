// What the page asks the server.

import { askForToken, authorization } from "./token.js";

/** Why the server gave no answer, in words; `retryAfterS` where it is worth to ask again. */
export class Unanswered extends Error {
  constructor(words, retryAfterS = null) {
    super(words);
    this.retryAfterS = retryAfterS;
  }
}

/** JSON from an address of the server. */
export async function asked(path, options = {}) {
  const used = authorization().Authorization;
  const response = await fetch(path, { ...options, headers: { ...options.headers, ...authorization() } }).catch(() => {
    throw new Unanswered("The server cannot be reached. Does it still run?", 0);
  });
  if (response.status === 401) {
    // Another request may have got a token while this one was under way.
    if (authorization().Authorization === used) await askForToken();
    return asked(path, options);
  }
  if (!response.ok) throw await refusal(response);
  return response.json();
}

async function refusal(response) {
  const said = await response.json().then((answer) => answer.error, () => null);
  if (response.status === 429 || response.status === 503) {
    const after = Number(response.headers.get("retry-after")) || 1;
    const why = response.status === 429 ? "The server is busy" : "The server is stopping, or not ready yet";
    return new Unanswered(`${why}; ask again in ${after} s.`, after);
  }
  if (response.status === 504) return new Unanswered("The answer took longer than the server allows.", 0);
  return new Unanswered(said ?? `The server answered ${response.status}.`);
}

/** The models, each with its card. */
export const models = async () => (await asked("/models", { cache: "no-store" })).models;

/** A model's answer to one input, with what each answer is asked to have: {model, version, answer, duration_ms, all_ms}. */
export async function predict(model, input, extra = "") {
  const began = performance.now();
  const found = await asked(`/models/${encodeURIComponent(model)}/predict?top=5${extra}`, { method: "POST", ...body(input) });
  return { ...found, answer: found.answers[0], all_ms: performance.now() - began };
}

function body(input) {
  if (input.text !== undefined) {
    return { body: JSON.stringify({ inputs: [{ text: input.text }] }), headers: { "Content-Type": "application/json" } };
  }
  const form = new FormData();
  form.append("file", input.file, input.name);
  return { body: form };
}
