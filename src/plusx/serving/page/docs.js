// The operations of the server, from its own description.

import { asked } from "./api.js";
import { byId, element } from "./elements.js";
import { authorization } from "./token.js";

function curl(method, path, { requestBody }) {
  const parts = ["curl"];
  if ("Authorization" in authorization()) parts.push('-H "Authorization: Bearer $PLUSX_TOKEN"');
  if (method === "post") {
    const kinds = Object.keys(requestBody?.content ?? {});
    const json = kinds.includes("application/json") && !kinds.includes("multipart/form-data");
    if (path.endsWith("/predict")) parts.push("-F file=@FILE");
    else if (json) parts.push('-H "Content-Type: application/json" -d @REQUEST.json');
    else parts.push("-X POST");
  }
  const address = `${location.origin}${path.replace(/\{(\w+)\}/g, (_, name) => name.toUpperCase())}`;
  return [...parts, address].join(" ");
}

/** Words in which what stands between backticks is code. */
const marked = (text) => text.split("`").map((part, at) => (at % 2 === 1 ? element("code", {}, part) : part));

function operation(path, method, about) {
  const asks = (about.parameters ?? []).filter((one) => one.in === "query");
  return element("section", { class: "panel operation" },
    element("h2", {}, element("span", { class: "method" }, method.toUpperCase()), " ", element("code", {}, path)),
    element("p", {}, ...marked(about.summary ?? "")),
    ...(about.description && about.description !== about.summary ? [element("p", { class: "soft" }, ...marked(about.description))] : []),
    ...asks.map((one) => element("p", { class: "soft" }, element("code", {}, `?${one.name}=${one.schema?.default ?? ""}`), " ", ...marked(one.description ?? ""))),
    element("pre", { tabindex: 0, "aria-label": `${method.toUpperCase()} ${path} by curl` }, curl(method, path, about)));
}

try {
  const { paths } = await asked("/openapi.json");
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, about] of Object.entries(methods)) byId("operations").append(operation(path, method, about));
  }
  document.body.dataset.ready = "yes";
} catch (error) {
  byId("operations").append(element("p", { class: "bad" }, error.message));
}
