// Cells that run in the page: buttons, an editor, outputs, and what the browser keeps.
// `minitorchLive.page` (from the page) says which cells it has; the payload comes by `part`.
globalThis.minitorchLive = Object.assign(globalThis.minitorchLive ?? {}, (() => {
  const KEPT = 'minitorch_attn:', FILES = `${KEPT}files`;
  const MB = bytes => `${Math.round(bytes / 1e6)} MB`;
  const minutes = seconds => seconds < 90 ? 'a minute' : `${Math.round(seconds / 60)} minutes`;
  const loaded = {};
  let page, cells, worker, ready, bar, tell = () => {}, running = null, doing = '';

  // What the browser keeps

  const keep = (key, value) => {
    try {
      if (value === undefined) localStorage.removeItem(key); else localStorage.setItem(key, JSON.stringify(value));
    } catch { tell('This browser keeps nothing here: export your work before you close the page.'); }
  };
  const kept = (key, otherwise) => {
    try { return JSON.parse(localStorage.getItem(key)) ?? otherwise; } catch { return otherwise; }
  };
  function learner() {
    const none = { exercises: {}, predictions: {} };
    try { return merge(none, JSON.parse(kept(FILES, {})['learner.json'])); } catch { return none; }
  }
  // This cell's alone: the page may be open a second time, with other cells changed there.
  const keepCode = ({ page: name, id, text, source }) =>
    keep(KEPT + name, { ...kept(KEPT + name, {}), [id]: text === source ? undefined : text });

  // The learner's code in exercises, of all pages: where cells look for it (`own.train`).
  function inExercises() {
    try {
      const keys = Object.keys(localStorage).filter(key => key.startsWith(`${KEPT}exercises/`));
      return Object.fromEntries(keys.map(key => [key.slice(KEPT.length), kept(key, {})]));
    } catch { return {}; } // this browser keeps nothing
  }

  // Another page may have kept points since this one read them: the better ones stay.
  function keepFiles(files) {
    const mine = files['learner.json'];
    if (mine) files['learner.json'] = JSON.stringify(merge(learner(), JSON.parse(mine)), null, 1);
    keep(FILES, { ...kept(FILES, {}), ...files });
  }

  // Of two states the better points and all predictions stay, as when an answer is checked again.
  function merge(old, fresh) {
    const fine = part => part && typeof part === 'object' && Object.values(part).every(value => value && typeof value === 'object');
    if (!fine(fresh.exercises) || !fine(fresh.predictions)) throw new Error('this is no learner.json');
    const exercises = { ...old.exercises };
    for (const [id, one] of Object.entries(fresh.exercises)) {
      if (!(exercises[id]?.points > one.points)) exercises[id] = one;
    }
    return { exercises, predictions: { ...old.predictions, ...fresh.predictions } };
  }

  // Python

  function whyNot() {
    const exceptions = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 8, 1, 6, 0, 31, 64, 0, 11, 11]);
    if (!page.payload) return 'Cells do not run in this copy of the book: it was built without Python for the browser.';
    const able = globalThis.WebAssembly?.compileStreaming && globalThis.DecompressionStream && WebAssembly.validate(exceptions);
    return able ? '' : 'Cells do not run in this browser: they need Chrome or Edge 137, Firefox 131, Safari 18.4, or newer.';
  }

  const part = (name, base64) => (loaded[name] ??= []).push(base64);

  async function load() {
    const scripts = Object.values(page.payload).flat();
    for (const [i, script] of scripts.entries()) {
      if (script === null) continue; // it stands in this file
      tell(`Python is fetched, once: ${MB(i * page.size / scripts.length)} of ${MB(page.size)} …`);
      await new Promise((done, failed) => {
        const element = Object.assign(document.createElement('script'), { src: page.base + script, onload: done });
        element.onerror = () => failed(new Error(`${script} cannot be read`));
        document.head.append(element);
      });
    }
  }

  function start() {
    ready ??= (async () => {
      if (!loaded['python.wasm.gz']) await load();
      tell('Python starts: 5 to 20 seconds …');
      const url = URL.createObjectURL(new Blob([minitorchLive.worker], { type: 'text/javascript' }));
      worker = new Worker(url);
      const begun = new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => {
          if (data.message?.widget) widgets.get(data.message.widget)?.take(data.message.values);
          else if (data.message?.doing) doing = `: ${data.message.doing}`;
          else if (data.message) running?.cell.show(data.message);
          else if (data.broken) { end(`Python broke off (${data.broken}).`); reject(new Error(data.broken)); }
          else { done(data); if (data.done === 'start') resolve(); }
        };
        worker.onerror = error => { end(`Python broke off (${error.message}).`); reject(error); };
      });
      worker.postMessage({ start: { payload: loaded, files: kept(FILES, {}) } });
      await begun;
    })().catch(error => { ready = null; tell(`Python cannot start: ${error.message}`); throw error; });
    return ready;
  }

  function done({ done, seconds, memory, files }) {
    if (Object.keys(files).length) keepFiles(files);
    if (done === 'widget') return;
    if (done === 'cell') {
      if (running) running.cell.took = seconds;
      points();
      running?.resolve(true);
    }
    const what = done === 'start' ? 'Python is ready' : 'Done';
    tell(`${what} after ${seconds.toFixed(1)} s; ${MB(memory)} of memory.`);
  }

  function end(why) {
    worker?.terminate();
    worker = ready = null;
    for (const widget of widgets.values()) widget.close('Python was stopped: run this cell again.');
    for (const cell of cells) cell.mark('');
    const stopped = running;
    running = null;
    stopped?.cell.show({ output_type: 'error', traceback: [`${why} The variables are gone; your code and points are kept.`] });
    stopped?.resolve(false);
    tell(`${why} The variables are gone: run the cells above again.`);
  }

  let queue = Promise.resolve();
  // A check goes on where a cell above it fails: that may be another exercise's.
  const run = list => (queue = queue.then(async () => {
    for (const cell of list) {
      const went = await one(cell);
      if (!went || (cell.failed && !cell.raises && !list.at(-1).check)) break;
    }
  }).catch(() => {}));

  async function one(cell) {
    cell.mark('waiting');
    try { await start(); } catch { cell.mark(''); return false; }
    cell.clear();
    cell.mark('running');
    tell('Running …', true);
    doing = '';
    const began = Date.now(), limit = minitorchLive.limit;
    const watch = setInterval(() => {
      const seconds = (Date.now() - began) / 1e3;
      if (seconds > limit) end(`Stopped after ${limit} seconds.`); else tell(`Running for ${Math.round(seconds)} s${doing} …`, true);
    }, 1000);
    const went = await new Promise(resolve => {
      running = { cell, resolve };
      worker.postMessage({ source: cell.text, name: `cell ${cell.number}`, exercises: inExercises() });
    });
    clearInterval(watch);
    running = null;
    if (went) { cell.mark('ran'); cell.ran = cell.text; }
    return went;
  }

  // A widget: its script runs in the page, its values are Python's, too

  const WIDGET = 'application/vnd.minitorch-attn.widget+json', widgets = new Map();

  // As a script for anywidget sees its model.
  class Widget {
    constructor({ number, script, values }) {
      Object.assign(this, { number, values, fresh: {}, heard: new Set(), element: make('div') });
      widgets.set(number, this);
      const url = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
      import(url).then(({ default: { render } }) => { this.stop = render({ model: this, el: this.element }); });
    }

    get(name) { return this.values[name]; }
    set(name, value) { this.values[name] = this.fresh[name] = value; }
    on(event, act) { this.heard.add([event, act]); }
    off(event, act) { for (const one of this.heard) if (one[0] === event && one[1] === act) this.heard.delete(one); }
    save_changes() {
      worker?.postMessage({ widget: this.number, values: this.fresh });
      this.fresh = {};
    }

    take(values) {
      Object.assign(this.values, values);
      for (const [event, act] of this.heard) if (event.replace('change:', '') in values) act();
    }

    close(why) {
      this.stop?.();
      widgets.delete(this.number);
      this.element.replaceChildren(make('p', { textContent: why }));
    }
  }

  // A cell

  const make = (tag, properties = {}, ...inside) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...inside);
    return element;
  };
  const button = (text, title, onclick) => make('button', { type: 'button', textContent: text, title, onclick });

  class Cell {
    constructor(element, facts, number) {
      Object.assign(this, facts, { element, number, text: facts.source, ran: null, failed: false });
      this.input = element.querySelector('.cell_input');
      this.code = this.input.querySelector('pre');
      this.output = element.querySelector('.cell_output');
      this.given = this.output?.innerHTML ?? null;
      this.check = /\bcheck\(\s*["'](\d\d\.\d+)["']/.exec(facts.source)?.[1];
      element.live = this;
      this.code.tabIndex = 0;
      this.code.title = 'Click to edit';
      this.code.onclick = () => this.edit();
      this.code.onkeydown = event => { if (event.key === 'Enter') { event.preventDefault(); this.edit(); } };
      const above = () => cells.slice(0, number - 1).filter(cell => cell.page === this.page && cell.ran !== cell.text && !cell.check && !cell.cannot);
      this.go = () => run(this.check ? [...above(), this] : this.cannot ? [] : [this]);
      const buttons = this.cannot ? [] : this.check
        ? [button('check', 'Run what this needs from above, and check (Shift+Enter)', this.go)]
        : [button('run', 'Run this cell (Shift+Enter)', this.go)];
      if (!this.check && !this.cannot && number > 1) buttons.push(button('run all above', 'Run the cells above that have not run, and this one', () => run([...above(), this])));
      this.reset = button('as in the book', 'Bring back the text of the book', () => this.write(this.source));
      this.reset.hidden = true;
      this.state = make('span', { className: 'live-state' });
      this.score = make('span', { className: 'live-score' });
      this.bar = make('div', { className: 'live-buttons' }, ...buttons, this.reset, this.state, ...this.notes(), this.score);
      this.input.after(this.bar);
      if (this.input.closest('details')) this.input.closest('details').after(this.bar);
    }

    // What is said before it runs, see cells.toml.
    notes() {
      const told = [];
      if (this.cannot) told.push(`This cell does not run in a page: ${this.cannot}.`);
      if (this.seconds) told.push(`Takes about ${minutes(this.seconds)} in a page.`);
      if (this.differs) told.push(`Says something else in a page: ${this.differs}.`);
      return told.length ? [make('span', { className: 'live-note', textContent: told.join(' ') })] : [];
    }

    edit() { this.unfold(); this.area.focus(); }

    unfold() {
      if (this.area) return;
      this.area = make('textarea', { value: this.text, spellcheck: false, ariaLabel: `cell ${this.number}`, title: 'Shift+Enter runs it, Esc leaves it', className: 'live-editor' });
      this.area.setAttribute('autocapitalize', 'off');
      this.area.oninput = () => { this.text = this.area.value; this.changed(); this.fit(); };
      this.area.onkeydown = event => this.key(event);
      this.code.replaceWith(this.area);
      this.fit();
    }

    key(event) {
      if (event.key === 'Enter' && (event.shiftKey || event.ctrlKey)) { event.preventDefault(); this.go(); }
      if (event.key === 'Escape') this.area.blur(); // so that Tab leads on
      if (event.key === 'Tab' && !event.shiftKey) { event.preventDefault(); this.type('    '); }
      if (event.key === 'Enter' && !event.shiftKey && !event.ctrlKey) {
        event.preventDefault();
        const line = this.area.value.slice(0, this.area.selectionStart).split('\n').at(-1);
        this.type('\n' + /^\s*/.exec(line)[0] + (line.trimEnd().endsWith(':') ? '    ' : ''));
      }
    }

    // In place of what is selected; by a command, for only that can be undone by Ctrl+Z.
    type(text) {
      this.area.focus({ preventScroll: true });
      if (document.activeElement === this.area && document.execCommand('insertText', false, text)) return;
      const { selectionStart: start, selectionEnd: end } = this.area;
      this.area.setRangeText(text, start, end, 'end');
      this.area.oninput();
    }

    fit() { this.area.rows = this.area.value.split('\n').length; }

    write(text) {
      if (this.area) {
        this.area.select();
        this.type(text);
        return;
      }
      this.text = text;
      this.unfold();
      this.changed();
    }

    changed() {
      this.reset.hidden = this.text === this.source;
      if (this.ran !== null && this.ran !== this.text) this.mark('changed since it ran');
      keepCode(this);
    }

    mark(word) { this.state.textContent = word; if (!word) this.ran = null; }

    clear() {
      this.failed = false;
      this.widget?.close('');
      if (!this.output) {
        this.output = make('div', { className: 'cell_output docutils container' });
        this.element.append(this.output);
      }
      this.output.replaceChildren();
      this.output.dataset.live = 'here';
      this.stream = null;
      this.outputs = [];
    }

    show(message) {
      const { output_type: type, data = {} } = message;
      this.outputs.push(message);
      if (type !== 'stream') this.stream = null;
      if (type === 'stream') {
        if (this.stream?.dataset.name !== message.name) {
          this.stream = this.put(make('pre', { className: `live-${message.name}` }));
          this.stream.dataset.name = message.name;
        }
        this.stream.append(message.text);
      } else if (type === 'error') {
        this.failed = true;
        this.put(make('pre', { className: 'live-error', textContent: message.traceback.join('\n') }));
      } else if (data[WIDGET]) {
        this.widget = new Widget(data[WIDGET]);
        this.put(this.widget.element);
      } else if (data['text/html']) this.put(this.links(make('div', { innerHTML: data['text/html'] })));
      else if (data['image/png']) {
        const image = make('img', { src: `data:image/png;base64,${data['image/png']}`, alt: this.alt() });
        image.onload = () => { image.width = image.naturalWidth / 2; };
        this.put(image);
      } else this.put(make('pre', { textContent: data['text/plain'] }));
    }

    put(element) { this.output.append(element); return element; }

    // The book's figure at this place has its caption as its alternative text.
    alt() { return make('div', { innerHTML: this.given ?? '' }).querySelector('img')?.alt || 'figure'; }

    // Reports lead to notebooks; here the chapters are pages.
    links(element) {
      for (const link of element.querySelectorAll('a[href*=".ipynb"]')) {
        const [, file, mark] = /(\d\d_\w+)\.ipynb(?:#cell-id=)?(.*)/.exec(link.getAttribute('href')) ?? [];
        if (file) link.href = page.read.replace('{file}', file) + (mark ? `#${mark}` : '');
      }
      return element;
    }
  }

  // Points, export and import

  function points() {
    const done = learner().exercises;
    for (const cell of cells) {
      const got = done[cell.check];
      if (got) cell.score.textContent = `${got.points} of ${got.total} points`;
    }
  }

  function save(name, text) {
    const link = make('a', { download: name, href: URL.createObjectURL(new Blob([text], { type: 'application/json' })) });
    link.click();
  }

  // Those with the reader's code in them, or else all. Where chapter and exercises stand in one page,
  // their notebooks have one name: what is handed in keeps it.
  function saveNotebooks() {
    const names = Object.keys(page.notebooks);
    const own = names.filter(name => cells.some(cell => cell.page === name && cell.text !== cell.source));
    for (const name of own.length ? own : names) {
      const written = Object.fromEntries(cells.filter(cell => cell.page === name).map(cell => [cell.id, cell.text]));
      const copy = structuredClone(page.notebooks[name]), [folder, file] = name.split('/');
      for (const cell of copy.cells) if (cell.id in written) cell.source = written[cell.id];
      save(`${names.length > 1 && folder === 'notebooks' ? 'chapter_' : ''}${file}.ipynb`, JSON.stringify(copy, null, 1) + '\n');
    }
  }

  // Which of the page's notebooks was saved: two may have some cells of one id, but not most.
  function nameOf(texts) {
    const shared = name => page.notebooks[name].cells.filter(cell => texts.has(cell.id)).length;
    return Object.keys(page.notebooks).reduce((best, name) => shared(name) > shared(best) ? name : best);
  }

  async function open(file) {
    try {
      const content = JSON.parse(await file.text());
      if (content.cells) {
        const texts = new Map(content.cells.map(cell => [cell.id, [cell.source].flat().join('')]));
        const known = cells.filter(cell => cell.page === nameOf(texts) && texts.has(cell.id));
        if (!known.length) throw new Error('it has no cell of this page');
        for (const cell of known) if (texts.get(cell.id) !== cell.text) cell.write(texts.get(cell.id));
        tell(`${file.name}: your code is in its cells.`);
      } else {
        keepFiles({ 'learner.json': JSON.stringify(content) });
        if (ready) end('Your points were brought in, and Python starts anew.');
        else tell(`${file.name}: your points are here.`);
        points();
      }
    } catch (error) { tell(`${file.name} cannot be opened: ${error.message}.`); }
  }

  // The page

  // Of what runs here: beside the page, or in it.
  function licences() {
    const here = document.getElementById('licences');
    const href = here ? URL.createObjectURL(new Blob([here.textContent], { type: 'text/plain;charset=utf-8' })) : `${page.base}LICENSES.txt`;
    return make('a', { href, target: '_blank', textContent: 'Licences' });
  }

  function head() {
    const able = cells.filter(cell => !cell.cannot), long = able.reduce((sum, cell) => sum + (cell.seconds ?? 0), 0);
    const pick = make('input', { type: 'file', accept: '.ipynb,.json', hidden: true, onchange: () => open(pick.files[0]) });
    const row = make('div', { className: 'live-head' },
      button(long ? `run all, about ${minutes(long)}` : 'run all', 'Run every cell of this page', () => run(able)),
      button('save notebook', 'This page with your code, as a notebook', saveNotebooks),
      button('save points', 'Points and predictions, as learner.json', () => save('learner.json', JSON.stringify(learner(), null, 1))),
      button('open saved …', 'A notebook or learner.json that was saved here, or comes from the book on your computer', () => pick.click()), pick,
      make('span', {}, `Cells run here, in your browser: ${loaded['python.wasm.gz'] ? 'Python is in this file' : `Python is fetched at the first (${MB(page.size)})`}. Click into code to change it; Esc leaves it. `, licences()));
    (document.querySelector('article h1') ?? document.querySelector('h1')).after(row);
  }

  function begin(facts) {
    page = facts;
    const elements = page.cells.map(cell => document.getElementById(`${page.ids?.[cell.page] ?? ''}cell-${cell.id}`));
    const why = whyNot() || (elements.includes(null) ? 'Cells do not run here: the page and its notebook differ.' : '');
    if (why) {
      document.querySelector('h1').after(make('p', { className: 'live-head', textContent: why }));
      return;
    }
    cells = [];
    cells.push(...elements.map((element, i) => new Cell(element, page.cells[i], i + 1)));
    const line = make('span', { role: 'status' });
    const stop = button('stop', 'Stop what runs; its variables are gone', () => end('Stopped.'));
    bar = make('div', { className: 'live-bar', hidden: true }, line, stop);
    document.body.append(bar);
    tell = (text, busy = false) => { bar.hidden = false; line.textContent = text; stop.hidden = !busy; };
    head();
    for (const name of Object.keys(page.notebooks)) {
      const own = kept(KEPT + name, {});
      for (const cell of cells) if (cell.page === name && cell.id in own) cell.write(own[cell.id]);
    }
    points();
  }

  // Seconds for a cell; checks have their own, shorter limits.
  return { begin, part, limit: 30 * 60 };
})());
