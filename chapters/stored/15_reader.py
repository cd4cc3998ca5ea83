"""A product that reads printed lines, its two attention blocks run by this library (chapter 15).

    pip install "minitorch_attn[ocr]" && pip install --no-deps rapidocr==3.10.0
    python chapters/stored/15_reader.py [NotoSansSC_400Regular.ttf]

compares block by block with the product's own runtime, takes the attention weights away in several
ways, and writes chapters/stored/15_reader.json and 15_reader.npz. The model,
PP-OCRv6_rec_small.onnx (Apache-2.0, PaddleOCR), comes with rapidocr and is not copied. Only its
file is used: importing rapidocr itself would bring OpenCV. The document's title
needs a typeface with Chinese letters: Noto Sans SC (SIL Open Font License), in the npm package
@expo-google-fonts/noto-sans-sc.
"""

from __future__ import annotations

import importlib.util
import json
import platform
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from minitorch_attn import matmul, no_grad, sigmoid
from minitorch_attn.nn import Dense, LayerNorm, Module, MultiHeadAttention
from minitorch_attn.ops import merge_heads, split_heads
from minitorch_attn.tensor import Tensor

WIDTH, HEADS, HIDDEN = 120, 8, 240


def model_file() -> Path:
    """The recogniser that comes with rapidocr, found without importing it."""
    found = importlib.util.find_spec("rapidocr")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("rapidocr is missing: pip install --no-deps rapidocr==3.10.0")
    return Path(found.submodule_search_locations[0]) / "models" / "PP-OCRv6_rec_small.onnx"


class Graph:
    """An ONNX graph, walked from what comes out to what goes in: names of tensors do not matter."""

    def __init__(self, path: Path) -> None:
        self.model = onnx.load(str(path))
        self.nodes = list(self.model.graph.node)
        self.maker = {name: node for node in self.nodes for name in node.output}
        self.known = {i.name: numpy_helper.to_array(i) for i in self.model.graph.initializer}
        for node in self.nodes:
            if node.op_type == "Constant":
                self.known[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)

    def source(self, name: str) -> str:
        """Back over steps that change nothing."""
        while name in self.maker and self.maker[name].op_type in ("Identity", "Cast"):
            name = self.maker[name].input[0]
        return name

    def array(self, name: str) -> Any:
        """The parameter of this name, or None."""
        return self.known.get(name, self.known.get(self.source(name)))

    def operands(self, node: Any) -> tuple[str, Any]:
        """Of a step with a parameter: the name of its other input, and the parameter."""
        a, b = node.input
        return (a, self.array(b)) if self.array(b) is not None else (b, self.array(a))

    def made_by(self, name: str) -> Any:
        return self.maker[self.source(name)]

    def add_after(self, name: str) -> Any:
        """The step that adds something to a tensor."""
        for node in self.nodes:
            if node.op_type == "Add" and any(self.source(i) == name for i in node.input):
                return node
        raise LookupError(name)

    def dense(self, layer: Dense, node: Any) -> None:
        layer.weight.data = np.ascontiguousarray(self.array(node.input[1]))
        layer.bias.data = self.operands(self.add_after(node.output[0]))[1]

    def norm(self, layer: LayerNorm, name: str) -> str:
        """Fill a layer norm from the steps that end in this tensor; returns what went in."""
        shifted, layer.bias.data = self.parameters(name)
        divided, layer.weight.data = self.parameters(shifted)
        division = self.made_by(divided)
        root = self.made_by(division.input[1])
        layer.eps = float(self.operands(self.made_by(root.input[0]))[1])
        return self.source(self.made_by(division.input[0]).input[0])

    def parameters(self, name: str) -> tuple[str, np.ndarray]:
        other, array = self.operands(self.made_by(name))
        return other, array.ravel()


class Block(Module):
    """The product's block: pre-norm, eight heads, a dense net with swish, x sigmoid(x)."""

    def __init__(self, graph: Graph, matmuls: list[Any]) -> None:
        packed, _, _, project, up, down = matmuls
        self.norm1, self.norm2 = LayerNorm(WIDTH), LayerNorm(WIDTH)
        self.attention = MultiHeadAttention(WIDTH, HEADS)
        self.hidden, self.output = Dense(WIDTH, HIDDEN), Dense(HIDDEN, WIDTH)
        self.starts = graph.norm(self.norm1, packed.input[0])
        graph.norm(self.norm2, up.input[0])
        whole = Dense(WIDTH, 3 * WIDTH)
        graph.dense(whole, packed)  # query, key and value side by side, as our `project` has them
        parts = self.attention.query, self.attention.key, self.attention.value
        for i, part in enumerate(parts):
            columns = slice(i * WIDTH, (i + 1) * WIDTH)
            part.weight.data = np.ascontiguousarray(whole.weight.data[:, columns])
            part.bias.data = np.ascontiguousarray(whole.bias.data[columns])
        for layer, node in (
            (self.attention.output, project),
            (self.hidden, up),
            (self.output, down),
        ):
            graph.dense(layer, node)
        self.ends = graph.add_after(graph.add_after(down.output[0]).output[0]).output[0]

    def __call__(self, x: Any, weights: Any = None) -> Any:
        """(1, N, 120) to as many tokens, and the weights (1, 8, N, N); others may be given."""
        tokens = self.norm1(x)
        y, own = self.attention(tokens, return_weights=True)
        if weights is not None:
            value = split_heads(self.attention.value(tokens), HEADS)
            y = self.attention.output(merge_heads(matmul(Tensor(weights(own.numpy())), value)))
        x = x + y
        h = self.hidden(self.norm2(x))
        return x + self.output(h * sigmoid(h)), own


class Reader:
    """The whole product: its own runtime around the two blocks, and our blocks between."""

    def __init__(self) -> None:
        graph = Graph(model_file())
        matmuls = [node for node in graph.nodes if node.op_type == "MatMul"]
        shapes = [getattr(graph.array(node.input[1]), "shape", None) for node in matmuls]
        starts = [i for i, shape in enumerate(shapes) if shape == (WIDTH, 3 * WIDTH)]
        self.blocks = [Block(graph, matmuls[i : i + 6]) for i in starts]
        self.softmaxes = [n.output[0] for n in graph.nodes if n.op_type == "Softmax"]
        self.answer = graph.model.graph.output[0].name
        self.starts, self.ends = self.blocks[0].starts, self.blocks[-1].ends
        self.numbers = sum(a.size for a in graph.known.values() if a.dtype == np.float32)
        letters = {p.key: p.value for p in graph.model.metadata_props}["character"]
        self.letters = ["", *letters.splitlines(), " "]
        infos = onnx.shape_inference.infer_shapes(graph.model).graph.value_info
        self.types = {info.name: info.type.tensor_type.elem_type for info in infos}
        self.back, extra = self._back(graph)
        self.extra = extra
        watched = [self.starts, *(b.ends for b in self.blocks), *self.softmaxes[:-1], *extra]
        self.front = self._session(graph, watched)

    def _session(self, graph: Graph, watched: list[str]) -> Any:
        known = {o.name for o in graph.model.graph.output}
        for name in dict.fromkeys(watched):
            if name not in known:
                graph.model.graph.output.append(self._value(name))
        return _session(graph.model)

    def _value(self, name: str) -> Any:
        return helper.make_tensor_value_info(name, self.types.get(name, TensorProto.FLOAT), None)

    def _back(self, graph: Graph) -> tuple[Any, list[str]]:
        """What comes after the blocks, as a model of its own, and what else it takes in."""
        after, nodes = {self.ends}, []
        for node in graph.nodes:
            if self.ends not in node.output and any(i in after for i in node.input):
                after |= set(node.output)
                nodes.append(node)
        wanted = {i for node in nodes for i in node.input if i and i not in after}
        extra = sorted(
            i for i in wanted if i in graph.maker and graph.maker[i].op_type != "Constant"
        )
        constants = [n for n in graph.nodes if n.op_type == "Constant" and n.output[0] in wanted]
        made = helper.make_graph(
            constants + nodes,
            "after",
            [self._value(name) for name in (self.ends, *extra)],
            [self._value(self.answer)],
            [i for i in graph.model.graph.initializer if i.name in wanted],
        )
        source = graph.model
        model = helper.make_model(
            made, opset_imports=source.opset_import, ir_version=source.ir_version
        )
        return _session(model), extra

    def look(self, picture: np.ndarray) -> dict[str, np.ndarray]:
        """What the product's own runtime computes for a picture (48, w, 3) of one line."""
        x = np.asarray(picture, np.float32) / 127.5 - 1
        x = np.ascontiguousarray(x[:, :, ::-1].transpose(2, 0, 1)[None])  # blue first
        names = [o.name for o in self.front.get_outputs()]
        return dict(
            zip(names, self.front.run(None, {self.front.get_inputs()[0].name: x}), strict=True)
        )

    def finish(self, seen: dict[str, np.ndarray], weights: Any = None) -> np.ndarray:
        """Our blocks, then the rest: probabilities (tokens, letters)."""
        h = seen[self.starts]
        with no_grad():
            for block in self.blocks:
                h, _ = block(h, weights)
        feed = {self.ends: np.asarray(h.numpy(), np.float32)}
        feed |= {name: seen[name] for name in self.extra}
        return self.back.run(None, feed)[0][0]

    def text(self, p: np.ndarray) -> tuple[str, list[int]]:
        """The letters, and at which token each was read: repeats and blanks dropped."""
        best = p.argmax(axis=1)
        at = [t for t, k in enumerate(best) if k and (t == 0 or k != best[t - 1])]
        return "".join(self.letters[best[t]] for t in at), at


def _session(model: Any) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def line(text: str, file: str | None = None, size: int = 34, margin: int = 8) -> np.ndarray:
    """A line as a picture 48 pixels high, in matplotlib's DejaVu Sans or that of a file."""
    import matplotlib

    ours = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    font = ImageFont.truetype(file or str(ours), size)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("RGB", (int(right - left) + 2 * margin, 48), "white")
    place = (margin - left, 24 - (top + bottom) / 2)
    ImageDraw.Draw(image).text(place, text, fill="black", font=font)
    return np.asarray(image)


def harder(picture: np.ndarray, blur: int, rng: np.random.Generator) -> np.ndarray:
    """Blurred, and with noise."""
    if not blur:
        return picture
    soft = np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(blur)), float)
    return np.clip(soft + rng.normal(0, 12 * blur, soft.shape), 0, 255).astype(np.uint8)


def edits(a: str, b: str) -> int:
    """The fewest letters to put in, take out or exchange (Levenshtein)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def ways(rng: np.random.Generator) -> dict[str, Any]:
    """Weights in place of the product's own, (1, 8, N, N) to the same shape."""

    def near(w: np.ndarray, reach: int) -> np.ndarray:
        at = np.arange(w.shape[-1])
        return np.abs(at[:, None] - at) <= reach

    def window(reach: int) -> Any:
        def cut(w: np.ndarray) -> np.ndarray:
            w = w * near(w, reach)
            return w / w.sum(axis=-1, keepdims=True)

        return cut

    return {
        "as shipped": None,
        "all equal": lambda w: np.full_like(w, 1 / w.shape[-1]),
        "shuffled in each row": lambda w: rng.permuted(w, axis=-1),
        "within 8 tokens": window(8),
        "within 3 tokens": window(3),
        "no attention": np.zeros_like,
        "each token to itself": lambda w: np.broadcast_to(
            np.eye(w.shape[-1], dtype=w.dtype), w.shape
        ).copy(),
    }


TITLES = ("attention is not explanation", "How AI affects our perception of attention")
CHINESE = "AI如何影响我们对注意力的感知"  # the document's title


def licence_lines(count: int = 30, longest: int = 28) -> list[str]:
    """Lines to read: the words of this book's licence."""
    words = (Path(__file__).parents[2] / "LICENSE").read_text(encoding="utf-8").split()
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > longest:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines[:count]


def main() -> None:
    started = time.process_time()
    reader = Reader()
    kept: dict[str, np.ndarray] = {}
    seen_all: dict[str, Any] = {}
    titles: dict[str, str | None] = dict.fromkeys(TITLES)
    if sys.argv[1:]:
        titles[CHINESE] = sys.argv[1]
    for k, (text, font) in enumerate(titles.items()):
        picture = line(text, font)
        seen = reader.look(picture)
        h, apart = seen[reader.starts], []
        with no_grad():
            for i, block in enumerate(reader.blocks):
                h, w = block(h)
                theirs = seen[reader.softmaxes[i]]
                apart.append(float(np.abs(w.numpy() - theirs).max()))
                apart.append(float(np.abs(h.numpy() - seen[block.ends]).max()))
                kept[f"weights {k} {i}"] = theirs[0].mean(axis=0).astype(np.float16)
                kept[f"received {k} {i}"] = theirs[0].mean(axis=1).astype(np.float16)
        read, at = reader.text(seen[reader.answer][0])
        whole = float(np.abs(reader.finish(seen) - seen[reader.answer][0]).max())
        seen_all[text] = {"read": read, "at": at, "apart": apart, "probabilities apart": whole}
        kept[f"picture {k}"] = picture[:, :, 0]
    rng, table = np.random.default_rng(0), {}
    for blur in (0, 2, 3):
        for text in licence_lines():
            seen = reader.look(harder(line(text), blur, rng))
            plain = text.replace(" ", "")
            for name, weights in ways(rng).items():
                said = reader.text(reader.finish(seen, weights))[0].replace(" ", "")
                share = 100 * edits(said, plain) / len(plain)
                table.setdefault(f"blur {blur} | {name}", []).append(round(share, 3))
    about = {
        "command": "python chapters/stored/15_reader.py",
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "processor seconds": round(time.process_time() - started),
        "packages": "rapidocr 3.10.0 (PP-OCRv6_rec_small.onnx), onnx "
        f"{onnx.__version__}, onnxruntime {onnxruntime.__version__}",
        "numbers to learn": reader.numbers,
        "of these in the two blocks": sum(b.num_parameters() for b in reader.blocks),
        "letters": len(reader.letters),
    }
    here = Path(__file__)
    result = {"about": about, "lines": seen_all, "character errors, %": table}
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    here.with_suffix(".json").write_text(text, encoding="utf-8")
    np.savez_compressed(here.with_suffix(".npz"), **kept)
    print(text[:3000], file=sys.stderr)


if __name__ == "__main__":
    main()
