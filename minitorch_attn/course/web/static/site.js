// What scrolls sideways can be reached by the keyboard, too; and paper has no folds.
const wide = "pre, .table-wrapper, div.math";

function reach() {
  for (const box of document.querySelectorAll(wide))
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
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
