"use strict";
const root = document.documentElement;
function choose(name, value) {
  root.dataset[name] = value;
  for (const button of document.querySelectorAll("button[data-" + name + "]"))
    button.setAttribute("aria-pressed", String(button.dataset[name] === value));
  if (name === "lang") root.lang = value;
  if (name === "money")
    for (const node of document.querySelectorAll("[data-currency]"))
      node.style.display = node.dataset.currency === value ? "revert" : "none";
}
for (const button of document.querySelectorAll("button[data-lang]"))
  button.addEventListener("click", () => choose("lang", button.dataset.lang));
for (const button of document.querySelectorAll("button[data-money]"))
  button.addEventListener("click", () => choose("money", button.dataset.money));
choose("lang", root.dataset.lang);
choose("money", root.dataset.money);
