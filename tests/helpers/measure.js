// Everything that is wrong with the slide that is shown, as a list of sentences.
() => {
  const slide = Reveal.getCurrentSlide().querySelector(".slide");
  const body = slide.querySelector(".body");
  const wrong = [];
  const name = (e) => `${e.tagName.toLowerCase()} “${e.textContent.trim().slice(0, 40)}”`;
  const size = (e) => e.getBoundingClientRect();

  const { width, height } = size(slide);
  if (Math.abs(width - 1280) > 1 || Math.abs(height - 720) > 1)
    wrong.push(`the slide is ${width} by ${height}`);

  for (const e of [slide, ...slide.querySelectorAll("*")]) {
    // Inside a formula or a drawing only its outermost boxes mean anything.
    if (e.matches(".katex *:not(.katex-html > .base), svg *")) continue;
    const r = size(e);
    if (!r.width || !r.height) continue;
    const edge = size(body.contains(e) && !e.matches(".base") ? body : slide);
    if (r.left < edge.left - 1 || r.right > edge.right + 1)
      wrong.push(`${name(e)} is too wide: ${r.left} to ${r.right} in ${edge.left} to ${edge.right}`);
    if (r.top < edge.top - 1 || r.bottom > edge.bottom + 1)
      wrong.push(`${name(e)} is too high: ${r.top} to ${r.bottom} in ${edge.top} to ${edge.bottom}`);
    if (e.matches(".base")) continue;
    if (e.clientWidth && e.scrollWidth > e.clientWidth + 1)
      wrong.push(`${name(e)} overflows: ${e.scrollWidth} of ${e.clientWidth} wide`);
    if (e === slide && e.scrollHeight > e.clientHeight + 1)
      wrong.push(`${name(e)} overflows: ${e.scrollHeight} of ${e.clientHeight} high`);
  }

  for (const answer of slide.querySelectorAll(".answer")) {
    const [a, b] = [size(answer), size(body)];
    if (a.top < b.bottom - 1 && a.right > b.left + 1)
      wrong.push(`${name(answer)} covers the slide: ${a.top}, where the body ends at ${b.bottom}`);
  }

  for (const image of slide.querySelectorAll("img")) {
    const { naturalWidth: w, naturalHeight: h } = image;
    if (!image.complete || !w) {
      wrong.push(`the image ${image.alt} is missing`);
      continue;
    }
    const scale = Math.min(size(image).width / w, size(image).height / h);
    if (scale * w < 500 && scale * h < 240)
      wrong.push(`the image ${image.alt} is too small: ${scale * w} by ${scale * h}`);
    // Its letters, on a wall of 1920 by 1080, which is half as large again.
    const { inches, points } = image.dataset;
    const letters = (1.5 * points * scale * w) / (72 * inches);
    if (+inches && letters < 24)
      wrong.push(`the letters of the image ${image.alt} are too small: ${letters.toFixed(1)}`);
  }

  for (const formula of slide.querySelectorAll(".math.block .katex"))
    if (parseFloat(getComputedStyle(formula).fontSize) < 28)
      wrong.push(`${name(formula)} is too small to read`);
  if (slide.querySelector(".katex-error")) wrong.push("KaTeX left an error");
  const words = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT);
  for (let node; (node = words.nextNode()); ) {
    const e = node.parentElement;
    if (!node.data.trim() || e.closest(".katex, svg, style")) continue;
    const wall = 1.5 * parseFloat(getComputedStyle(e).fontSize);
    if (wall < (e.closest("pre, .said table") && !e.closest("small") ? 28 : 24))
      wrong.push(`${name(e)} is too small to read: ${wall}`);
    if (e.closest("footer")) continue;
    if (!e.closest("pre, code") && /\$|\\|\{\{|\}\}/.test(node.data))
      wrong.push(`not rendered: ${node.data.trim()}`);
  }
  return wrong;
};
