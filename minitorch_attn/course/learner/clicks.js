// Click on pictures, by mouse, finger or keyboard; where `seconds` is not 0, a map lies over each
// picture for so long before clicks are taken. Runs as a widget (`default`) and, with `alone`, as a
// page without a kernel. It loads nothing.

const STYLE = `
.where-you-look .stage { position: relative; display: inline-block; max-width: 100%;
  cursor: crosshair; line-height: 0; touch-action: manipulation; }
.where-you-look .overlay { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none;
  background-size: 100% 100%; }
.where-you-look .ready img { visibility: hidden; }
.where-you-look .ready { background: #eee; }
.where-you-look [hidden] { display: none; }
.where-you-look .stage:focus-visible { outline: 3px solid #0072B2; outline-offset: -3px; }
.where-you-look img { max-width: 100%; height: auto; user-select: none; }
.where-you-look svg { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; }
.where-you-look .cross { display: none; }
.where-you-look .stage:focus-visible .cross { display: inline; }
.where-you-look button { margin: .4em .4em .4em 0; padding: .3em .8em; }
.where-you-look p { margin: .4em 0; }`;

const HELP = "Mouse or finger: click. Keyboard: the arrows move the cross (faster with Shift), Enter or Space "
  + "clicks, Backspace takes the last click back, N and P turn to the next and previous picture.";
const SHOWN = "A map is shown first, then it is gone: one of two maps, one of them is a program's. "
  + "You will learn later which you saw. Then mouse or finger: click. Keyboard: Enter or Space shows "
  + "the map; the arrows move the cross (faster with Shift), Enter or Space clicks, Backspace takes "
  + "the last click back, N turns to the next picture when this one is done.";

function add(parent, tag, fields = {}) {
  const made = document.createElement(tag);
  Object.assign(made, fields);
  parent.append(made);
  return made;
}

/** Put the collector into `el`. `changed(clicks)` is called with name: [[x, y], …]. */
function mount(el, { pictures, wanted, seconds }, first, changed) {
  let clicks = structuredClone(first), at = 0, cross = [0, 0], timer = 0;
  let phase = "click"; // before it, where maps are shown: "ready" and "map"
  const help = seconds ? SHOWN : HELP;
  const box = add(el, "div", { className: "where-you-look" });
  // Keys here are not the notebook's, except with Ctrl: Ctrl+S saves it. JupyterLab asks for the mark
  // when a key goes down to the page; we set it before, on the window.
  const whose = (event) => {
    const theirs = event.ctrlKey || event.metaKey || event.altKey;
    if (theirs) delete box.dataset.lmSuppressShortcuts;
    else box.dataset.lmSuppressShortcuts = "true";
  };
  window.addEventListener("keydown", whose, true);
  add(box, "style", { textContent: STYLE });
  const status = add(box, "p", { className: "status" });
  status.setAttribute("role", "status");
  const stage = add(box, "div", { className: "stage", tabIndex: 0 });
  stage.setAttribute("role", "application");
  const picture = add(stage, "img", { draggable: false, alt: "" });
  const overlay = add(stage, "div", { className: "overlay", hidden: true });
  const marks = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  stage.append(marks);
  const row = add(box, "div");
  const button = (text, act) => {
    const made = add(row, "button", { type: "button", textContent: text });
    made.addEventListener("click", act);
    return made;
  };
  const buttons = {
    show: button("Show the map", show),
    undo: button("Undo", undo),
    clear: button("Clear this picture", () => set([])),
    back: button("Previous picture", () => turn(-1)),
    next: button("Next picture", () => turn(1)),
  };
  buttons.show.hidden = !seconds;
  buttons.clear.hidden = buttons.back.hidden = !!seconds; // a map is seen once
  add(box, "p", { textContent: help });
  const note = add(box, "p", { className: "note" });
  note.setAttribute("role", "status");

  const here = () => clicks[pictures[at].name] ?? [];

  function set(list) {
    clicks = { ...clicks, [pictures[at].name]: list };
    if (!list.length) delete clicks[pictures[at].name];
    changed(structuredClone(clicks));
    draw();
  }
  function click(x, y) {
    const { width, height } = pictures[at];
    if (phase !== "click" || here().length >= wanted) return;
    const whole = (n, size) => Math.min(size - 1, Math.max(0, Math.floor(n)));
    set([...here(), [whole(x, width), whole(y, height)]]);
  }
  function undo() { if (here().length) set(here().slice(0, -1)); }
  function show() {
    if (phase !== "ready") return;
    phase = "map";
    draw();
    timer = setTimeout(() => { phase = "click"; draw(); }, 1000 * seconds);
    stage.focus();
  }
  function turn(step) {
    if (seconds && step && (step < 0 || here().length < wanted)) return;
    at = Math.min(pictures.length - 1, Math.max(0, at + step));
    clearTimeout(timer);
    phase = seconds && !here().length ? "ready" : "click";
    cross = [pictures[at].width / 2, pictures[at].height / 2];
    draw();
  }
  function draw() {
    const { name, width, height, url } = pictures[at];
    const all = pictures.filter((p) => (clicks[p.name] ?? []).length >= wanted).length;
    const enough = here().length >= wanted ? ", enough" : "";
    const doing = { ready: "show the map when you are ready", map: "look at the map",
      click: `${here().length} of ${wanted} clicks${enough}` };
    status.textContent = `Picture ${at + 1} of ${pictures.length} (${name}): ${doing[phase]}. `
      + (all === pictures.length ? "All pictures are done." : `${all} of ${pictures.length} pictures done.`);
    stage.setAttribute("aria-label", `${name}: click where you look first. ${help}`);
    stage.classList.toggle("ready", phase === "ready");
    overlay.hidden = phase !== "map";
    overlay.style.backgroundImage = phase === "map" ? `url(${pictures[at].overlay})` : "";
    if (picture.src !== url) picture.src = url;
    picture.width = width;
    const r = width / 70;
    const dots = here().map(([x, y]) => `<circle cx="${x + 0.5}" cy="${y + 0.5}" r="${r}"
      fill="#E69F00" stroke="#000" stroke-width="${r / 4}"/>`);
    const [x, y] = cross;
    const line = `M${x - 3 * r} ${y}H${x + 3 * r}M${x} ${y - 3 * r}V${y + 3 * r}`;
    marks.setAttribute("viewBox", `0 0 ${width} ${height}`);
    marks.innerHTML = dots.join("") + `<g class="cross" fill="none">
      <path d="${line}" stroke="#fff" stroke-width="${r / 1.5}"/>
      <path d="${line}" stroke="#000" stroke-width="${r / 4}"/></g>`;
    buttons.undo.disabled = buttons.clear.disabled = !here().length;
    buttons.show.disabled = phase !== "ready";
    buttons.back.disabled = at === 0;
    buttons.next.disabled = at === pictures.length - 1 || !!seconds && here().length < wanted;
  }
  stage.addEventListener("click", (event) => {
    if (event.detail > 1) return; // the second half of a double click
    if (phase === "ready") { show(); return; }
    const { left, top, width, height } = picture.getBoundingClientRect();
    const { width: w, height: h } = pictures[at];
    click(((event.clientX - left) / width) * w, ((event.clientY - top) / height) * h);
  });
  stage.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { width, height } = pictures[at];
    const step = event.shiftKey ? width / 20 : width / 100;
    const move = (dx, dy) => {
      cross = [Math.min(width - 1, Math.max(0, cross[0] + dx * step)),
        Math.min(height - 1, Math.max(0, cross[1] + dy * step))];
      draw();
    };
    const press = () => {
      if (event.repeat) return; // a key held down is one click
      if (phase === "ready") show(); else click(...cross);
    };
    const keys = {
      ArrowLeft: () => move(-1, 0), ArrowRight: () => move(1, 0),
      ArrowUp: () => move(0, -1), ArrowDown: () => move(0, 1),
      Enter: () => press(), " ": () => press(), Backspace: undo,
      n: () => turn(1), p: () => turn(-1),
    };
    const act = keys[event.key] ?? keys[event.key.toLowerCase()];
    if (!act) return; // Tab goes on, as everywhere
    event.preventDefault();
    event.stopPropagation();
    act();
  });
  if (seconds) { // go on with the first picture that is not done
    const open = pictures.findIndex((p) => (clicks[p.name] ?? []).length < wanted);
    at = open < 0 ? pictures.length - 1 : open;
  }
  turn(0);
  return {
    say(text) { note.textContent = text; },
    take(fresh) { clicks = structuredClone(fresh); draw(); },
    stop() { clearTimeout(timer); window.removeEventListener("keydown", whose, true); },
  };
}

/** The clicks as a cell of Python. */
function asCell(clicks, keep) {
  const pairs = (list) => `[${list.map(([x, y]) => `(${x}, ${y})`).join(", ")}]`;
  const lines = Object.entries(clicks).map(([name, list]) => `    "${name}": ${pairs(list)},\n`);
  return "from minitorch_attn.course import clicks\n\n"
    + `CLICKS = {\n${lines.join("")}}\nclicks.${keep}(CLICKS)\n`;
}

function alone(facts) {
  const cell = document.querySelector("textarea");
  const tell = (clicks) => { cell.value = asCell(clicks, facts.keep); };
  mount(document.querySelector("main"), facts, facts.first, tell);
}

export default {
  render({ model, el }) {
    const facts = { pictures: model.get("pictures"), wanted: model.get("wanted"),
      seconds: model.get("seconds") };
    const shown = mount(el, facts, model.get("clicks"), (clicks) => {
      model.set("clicks", clicks);
      model.save_changes();
    });
    const take = () => shown.take(model.get("clicks"));
    const say = () => shown.say(model.get("note"));
    model.on("change:clicks", take);
    model.on("change:note", say);
    say();
    return () => {
      shown.stop();
      model.off("change:clicks", take);
      model.off("change:note", say);
    };
  },
};
