// What the network gave, in words and bars.

const SHOWN = 8;
let before = null;

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const number = (value) => (Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(3) : String(+value.toPrecision(4)));

function answer(words, value, share = null) {
  const row = document.createElement("div");
  row.className = "answer";
  for (const [tag, name, text] of [["b", "label", words], ["span", "value", value]]) {
    const cell = document.createElement(tag);
    cell.className = name;
    cell.textContent = text;
    row.append(cell);
  }
  if (share !== null) {
    const bar = document.createElement("progress");
    bar.value = share;
    bar.setAttribute("aria-label", words);
    row.append(bar);
  }
  return row;
}

function likeliest(labels, { probabilities }) {
  const order = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]).slice(0, SHOWN);
  return order.map((at) => answer(labels[at], percent(probabilities[at]), probabilities[at]));
}

function values(labels, { values: own, low, high }) {
  const between = (at) => (low ? `${number(own[at])} (${number(low[at])} to ${number(high[at])})` : number(own[at]));
  return labels.map((label, at) => answer(label, between(at)));
}

function direction(labels, { embedding }) {
  const rows = [answer("numbers in its embedding", String(embedding.length))];
  if (before !== null) {
    const cosine = embedding.reduce((sum, value, at) => sum + value * before[at], 0);
    rows.push(answer("likeness to the picture before (cosine)", cosine.toFixed(3), Math.max(0, cosine)));
  }
  before = embedding;
  return rows;
}

const WAYS = { classify: likeliest, multilabel: likeliest, regress: values, embed: direction };

/** Rows for a page: what the outputs by name, each a typed array, mean. */
export const rows = (task, labels, outputs) => WAYS[task](labels, outputs);
