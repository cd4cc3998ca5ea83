// What scrolls sideways can be reached by the keyboard, too; and paper has no folds.
const wide = "pre, .table-wrapper, div.math";

function reach() {
  for (const box of document.querySelectorAll(wide))
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
}

// For those who hear the page: names of the theme's two columns, and a head where it has none.
const column = (side, name) => document.querySelector(side)?.setAttribute("aria-label", name);
column(".sidebar-drawer", "Chapters");
column(".toc-drawer", "On this page");
if (!document.querySelector("h1")) {
  const head = Object.assign(document.createElement("h1"), { textContent: "Search" });
  document.querySelector("article").prepend(head);
}

let folded = [];
addEventListener("load", reach);
addEventListener("resize", reach);
addEventListener("toggle", reach, true);
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  for (const fold of folded) fold.open = true;
});
addEventListener("afterprint", () => { for (const fold of folded) fold.open = false; });
