// Python in a worker: started once, it runs one cell after another and keeps its variables.
import { ConsoleStdout, Directory, File, OpenFile, PreopenDirectory, WASI } from '@bjorn3/browser_wasi_shim';

const HOME = 'home';
const encoder = new TextEncoder();
const decoder = new TextDecoder();
let exports, home;

const bytes = base64 => {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const text = atob(base64), array = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) array[i] = text.charCodeAt(i);
  return array;
};
const whole = async parts => new Uint8Array(await new Blob(parts.map(bytes)).arrayBuffer());
const folder = (content = {}) => new Directory(new Map(Object.entries(content)));

async function start({ payload, files }) {
  const zipped = new Blob(payload['python.wasm.gz'].map(bytes)).stream();
  const response = new Response(zipped.pipeThrough(new DecompressionStream('gzip')), {
    headers: { 'content-type': 'application/wasm' },
  });
  const [module, library, book] = await Promise.all([
    WebAssembly.compileStreaming(response), whole(payload['library.zip']), whole(payload['book.zip']),
  ]);
  clicks = files['clicks.json'];
  home = folder(Object.fromEntries(
    Object.entries(files).map(([name, text]) => [name, new File(encoder.encode(text))]),
  ));
  const log = text => console.warn(text); // what is printed before the kernel takes over
  const descriptors = [
    new OpenFile(new File([])), ConsoleStdout.lineBuffered(log), ConsoleStdout.lineBuffered(log),
    new PreopenDirectory('/usr/local/lib', new Map([['python315.zip', new File(library, { readonly: true })]])),
    new PreopenDirectory('/usr/local/lib/python315.zip/matplotlib/mpl-data', new Map()),
    new PreopenDirectory('/', new Map([
      [HOME, home], ['tmp', folder()], ['book.zip', new File(book)],
      ['usr', folder({ local: folder({ lib: folder() }) })],
    ])),
  ];
  const settings = [
    'HOME=/home', 'MINITORCH_ATTN_HOME=/home', 'MPLBACKEND=module://minitorch_attn.course.web.live.figures',
    'MPLCONFIGDIR=/tmp', 'PYTHONHASHSEED=0', 'PYTHONTZPATH=', 'SOURCE_DATE_EPOCH=0', 'TMPDIR=/tmp',
  ];
  const wasi = new WASI(['/usr/local/bin/python.wasm'], settings, descriptors, { debug: false });
  ({ exports } = await WebAssembly.instantiate(module, {
    wasi_snapshot_preview1: wasi.wasiImport, host: { call: message },
  }));
  wasi.initialize({ exports });
  turn(`import os, sys, zipfile
zipfile.ZipFile("/book.zip").extractall("/")
os.mkdir("/app/notebooks")
os.chdir("/app/notebooks")
sys.path.insert(0, "/app")
import _host
from minitorch_attn.course.web.live import kernel
kernel.serve(_host.call)`);
}

// Python calls this with a message for the page; the answer that it wants is empty.
function message(start, length, answer, answerLength) {
  postMessage({ message: JSON.parse(decoder.decode(view(start, length).slice())) });
  const place = exports.host_alloc(1) >>> 0, memory = new DataView(exports.memory.buffer);
  memory.setUint32(answer >>> 0, place, true);
  memory.setUint32(answerLength >>> 0, 0, true);
  return 0;
}

const view = (start, length) => new Uint8Array(exports.memory.buffer, start >>> 0, length >>> 0);

function turn(code) {
  const text = encoder.encode(code), place = exports.host_alloc(text.length);
  view(place, text.length).set(text);
  return exports.turn(place, text.length);
}

// Points are merged with those of other pages; clicks are told where they have changed, else they
// would go over those that another page has kept since.
let clicks;
function kept() {
  const files = {};
  for (const name of ['learner.json', 'clicks.json']) {
    const file = home.contents.get(name);
    if (file) files[name] = decoder.decode(file.data);
  }
  if (files['clicks.json'] === clicks) delete files['clicks.json'];
  clicks = files['clicks.json'] ?? clicks;
  return files;
}

// The namespace is the cells' own: no name is left there. JSON of JSON is a string of Python's.
const kernel = (name, values) => turn(`__import__("sys").modules["minitorch_attn.course.web.live.kernel"].${name}(*__import__("json").loads(${JSON.stringify(JSON.stringify(values))}))`);

onmessage = async ({ data }) => {
  const began = performance.now();
  try {
    if (data.start) await start(data.start);
    else if (data.widget) kernel('change', [data.widget, data.values]);
    else {
      if (data.exercises) kernel('keep_exercises', [data.exercises]);
      kernel('run', [data.source, data.name]);
    }
    postMessage({
      done: data.start ? 'start' : data.widget ? 'widget' : 'cell', seconds: (performance.now() - began) / 1e3,
      memory: exports.memory.buffer.byteLength, files: kept(),
    });
  } catch (error) { // the stack or the memory of WebAssembly is used up: nothing can go on
    postMessage({ broken: String(error) });
  }
};
