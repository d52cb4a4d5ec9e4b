// The server's token: asked for when the server wants one, kept until this tab is closed.

import { byId } from "./elements.js";

const KEY = "plusx-token";
let asking = null;

/** The headers that go with each request. */
export function authorization() {
  const token = sessionStorage.getItem(KEY);
  return token === null ? {} : { Authorization: `Bearer ${token}` };
}

/** Resolves when a person has given a token; who asks meanwhile waits for the same answer. */
export function askForToken() {
  const wrong = sessionStorage.getItem(KEY) !== null;
  sessionStorage.removeItem(KEY);
  asking ??= new Promise((given) => {
    const [form, field] = [byId("token-form"), byId("token")];
    byId("token-wrong").hidden = !wrong;
    form.hidden = false;
    field.focus();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      sessionStorage.setItem(KEY, field.value.trim());
      field.value = "";
      form.hidden = true;
      asking = null;
      given();
    }, { once: true });
  });
  return asking;
}
