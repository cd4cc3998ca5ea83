() => {
  const text = (skip) => {
    const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) if (!walk.currentNode.parentElement.closest(skip)) found.push(walk.currentNode);
    return found;
  };
  const all = (selector) => [...document.querySelectorAll(selector)];
  const chinese = /[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]/;
  const told = document.getElementById("cells");
  const cells = told ? JSON.parse(told.textContent) : null;
  return {
    title: document.title,
    ids: all("[id]").map((node) => node.id),
    links: all("a[href]").map((link) => link.href),
    formulas: all(".katex").length,
    raw: [
      ...all(".katex-error, mjx-merror").map((node) => node.textContent),
      ...text("pre, code, script, style, .katex").map((node) => node.data)
        .filter((data) => data.includes("$") || /\\[a-z]/.test(data)),
    ],
    figures: all(".cell_output img").map((image) => ({
      alt: image.alt, pixels: image.naturalWidth, width: Number(image.getAttribute("width")),
    })),
    chinese: all("[lang=zh]").length,
    untold: text("[lang=zh], script, style, .katex, title").map((node) => node.data)
      .filter((data) => chinese.test(data)),
    fonts: [...document.fonts].filter((face) => face.family.includes("Noto Sans SC")
      && face.status === "loaded").length,
    cells,
    lost: cells ? cells.cells.map((cell) => cell.id)
      .filter((id) => !document.querySelector(`div.cell[id="cell-${id}"] pre`)) : [],
  };
}
